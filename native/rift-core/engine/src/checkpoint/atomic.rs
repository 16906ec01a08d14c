//! Files that are there whole or not at all: temporary file in the same folder, fsync, rename, fsync of the folder.

use std::fs::{File, Permissions};
use std::io::{BufWriter, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use crate::error::{EngineError, Result};

/// Where the content of a file that is being written goes; errors name the final path.
pub struct Sink<'a> {
    writer: BufWriter<&'a File>,
    path: &'a Path,
    position: u64,
}

impl Sink<'_> {
    /// Appends `bytes`.
    pub fn put(&mut self, bytes: &[u8]) -> Result<()> {
        self.writer.write_all(bytes).map_err(|error| EngineError::io(self.path, error))?;
        self.position += bytes.len() as u64;
        Ok(())
    }

    /// Bytes written so far.
    pub fn position(&self) -> u64 {
        self.position
    }
}

/// Writes `path` with what `fill` puts into the sink. When anything fails, `path` is as it was and no other file is left.
pub fn write_atomically(path: &Path, fill: impl FnOnce(&mut Sink) -> Result<()>) -> Result<()> {
    let folder = match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    // The usual mode of a new file (the umask applies), not the 0600 of a temporary one: other services read it.
    let temporary = tempfile::Builder::new()
        .prefix(".partial-")
        .permissions(Permissions::from_mode(0o666))
        .tempfile_in(folder)
        .map_err(|error| EngineError::io(folder, error))?;
    let mut sink = Sink { writer: BufWriter::with_capacity(1 << 16, temporary.as_file()), path, position: 0 };
    fill(&mut sink)?;
    sink.writer.flush().map_err(|error| EngineError::io(path, error))?;
    drop(sink);
    temporary.as_file().sync_all().map_err(|error| EngineError::io(path, error))?;
    temporary.persist(path).map_err(|failed| EngineError::io(path, failed.error))?;
    File::open(folder).and_then(|handle| handle.sync_all()).map_err(|error| EngineError::io(folder, error))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failed_write_leaves_the_old_file_and_nothing_else() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("network.safetensors");
        std::fs::write(&path, b"old").unwrap();
        let failed = write_atomically(&path, |sink| {
            sink.put(b"new")?;
            Err(EngineError::io(&path, std::io::ErrorKind::StorageFull.into()))
        })
        .unwrap_err();
        assert_eq!(failed.code(), "ResourceExhausted");
        assert_eq!(std::fs::read(&path).unwrap(), b"old");
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn a_missing_folder_is_named() {
        let failed = write_atomically(Path::new("/nonexistent-folder/file"), |_| Ok(())).unwrap_err();
        assert_eq!(failed.code(), "NotFound");
        assert!(failed.to_string().contains("/nonexistent-folder"), "{failed}");
    }
}
