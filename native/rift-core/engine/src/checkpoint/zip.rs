//! A zip reader for untrusted files: the central directory and every local header are read once, compared, and refused
//! when they differ in anything, so that no other reader can see other content than this one does. Entries are read into
//! memory only; names are never used as paths.

use std::fs::File;
use std::io::Read;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use super::zip_directory::{directory, Checked, STORED};
use crate::error::{EngineError, Result};

/// Which compression the caller's format uses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Compression {
    /// Stored entries only: what `torch.save` writes.
    Stored,
    /// Stored or deflated entries: what NumPy writes.
    Deflate,
}

/// One file in the archive.
#[derive(Debug, Clone)]
pub struct Entry {
    /// Name, checked to be a plain relative path.
    pub name: String,
    /// Size of the content in bytes.
    pub size: u64,
    pub(super) packed: u64,
    pub(super) crc: u32,
    pub(super) method: u16,
    pub(super) flags: u16,
    pub(super) header: u64,
    pub(super) data: u64,
}

impl Entry {
    /// The most bytes to read of this entry: all of a stored one, which the file's size bounds; `unpacked` of another.
    pub fn stored_limit(&self, unpacked: u64) -> u64 {
        if self.method == STORED {
            self.size
        } else {
            unpacked
        }
    }
}

/// An open archive whose directory has been checked.
#[derive(Debug)]
pub struct Archive {
    path: PathBuf,
    file: File,
    /// Entries in directory order.
    pub entries: Vec<Entry>,
}

impl Archive {
    /// Opens the archive at `path`, which must be at most `max_size` bytes.
    pub fn open(path: &Path, compression: Compression, max_size: u64) -> Result<Self> {
        let file = File::open(path).map_err(|error| EngineError::io(path, error))?;
        let size = file.metadata().map_err(|error| EngineError::io(path, error))?.len();
        if size > max_size {
            return Err(EngineError::file(path, format!("is {size} bytes, more than the {max_size} that are allowed")));
        }
        let entries = directory(&file, size, compression).map_err(|reason| {
            EngineError::file(
                path,
                format!("zip archive: {reason}; the file is damaged or was not made by the usual tools"),
            )
        })?;
        Ok(Self { path: path.to_path_buf(), file, entries })
    }

    /// The entry called `name`.
    pub fn find(&self, name: &str) -> Option<&Entry> {
        self.entries.iter().find(|entry| entry.name == name)
    }

    /// The content of `entry`, checked against its size and CRC-32; refused when larger than `max` bytes.
    pub fn read(&self, entry: &Entry, max: u64) -> Result<Vec<u8>> {
        let fail = |reason: String| EngineError::file(&self.path, format!("entry {}: {reason}", entry.name));
        if entry.size > max {
            return Err(fail(format!("is {} bytes, more than the {max} that are allowed", entry.size)));
        }
        let mut packed = vec![0u8; entry.packed as usize];
        self.file.read_exact_at(&mut packed, entry.data).map_err(|error| EngineError::io(&self.path, error))?;
        let content = if entry.method == STORED { packed } else { inflate(&packed, entry.size).map_err(fail)? };
        let crc = crc32fast::hash(&content);
        if crc != entry.crc {
            return Err(fail(format!(
                "has checksum {crc:08x} where {:08x} was expected; the file is damaged, copy it again",
                entry.crc
            )));
        }
        Ok(content)
    }
}

/// Unpacks exactly `size` bytes; the output never grows past that, so a bomb costs what it declares and no more.
fn inflate(packed: &[u8], size: u64) -> Checked<Vec<u8>> {
    let mut content = Vec::new();
    flate2::read::DeflateDecoder::new(packed)
        .take(size + 1)
        .read_to_end(&mut content)
        .map_err(|error| format!("cannot be unpacked: {error}"))?;
    if content.len() as u64 == size {
        Ok(content)
    } else {
        Err(format!("does not unpack to the {size} bytes declared"))
    }
}
