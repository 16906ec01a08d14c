//! Small text files and folder listings beside the images.

use std::path::Path;

use crate::error::{EngineError, Result};

/// Non-empty lines, trimmed, of a file of one name per line; `None` where there is no such file.
pub fn lines(file: &Path) -> Result<Option<Vec<String>>> {
    match std::fs::read_to_string(file) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) if error.kind() == std::io::ErrorKind::InvalidData => {
            Err(EngineError::file(file, "is not a UTF-8 text of one name per line"))
        }
        Err(error) => Err(EngineError::io(file, error)),
        Ok(text) => {
            let names: Vec<String> =
                text.lines().map(str::trim).filter(|line| !line.is_empty()).map(Into::into).collect();
            if names.is_empty() {
                return Err(EngineError::file(file, "names nothing; one name per line is needed"));
            }
            Ok(Some(names))
        }
    }
}

/// Names of the files in `folder`, sorted, without hidden ones.
pub fn file_names(folder: &Path) -> Result<Vec<String>> {
    names(folder, false)
}

/// Names of the folders in `folder`, sorted, without hidden ones.
pub fn folder_names(folder: &Path) -> Result<Vec<String>> {
    names(folder, true)
}

fn names(folder: &Path, folders: bool) -> Result<Vec<String>> {
    let mut names = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(|error| EngineError::io(folder, error))? {
        let name = entry.map_err(|error| EngineError::io(folder, error))?.file_name();
        let Some(text) = name.to_str() else {
            return Err(EngineError::file(folder.join(&name), "has a name that is not UTF-8; rename it"));
        };
        if !text.starts_with('.') && folder.join(text).is_dir() == folders {
            names.push(text.to_string());
        }
    }
    names.sort_unstable();
    Ok(names)
}
