//! Writes plain zip archives of stored entries: what `torch.save` and NumPy's `savez` make.

use super::atomic::Sink;
use crate::error::{EngineError, Result};

/// Plain zip, which every reader knows, ends here.
const MAX_SIZE: u64 = u32::MAX as u64;

/// An archive that is being written; deterministic (no time, no system).
pub struct ZipWriter<'s, 'p> {
    sink: &'s mut Sink<'p>,
    alignment: u64,
    directory: Vec<u8>,
    entries: u16,
}

impl<'s, 'p> ZipWriter<'s, 'p> {
    /// An archive whose entries' contents begin at multiples of `alignment` bytes.
    pub fn new(sink: &'s mut Sink<'p>, alignment: u64) -> Self {
        Self { sink, alignment, directory: Vec::new(), entries: 0 }
    }

    /// A stored entry of the concatenated `parts`.
    pub fn entry(&mut self, name: &str, parts: &[&[u8]]) -> Result<()> {
        let at = self.sink.position();
        let size: usize = parts.iter().map(|part| part.len()).sum();
        if at + size as u64 + (1 << 20) + self.directory.len() as u64 > MAX_SIZE || self.entries == u16::MAX {
            let rule = "too much for a zip archive of 4 GiB and 65535 entries; write .safetensors instead";
            return Err(EngineError::invalid("tensors", format!("{size} bytes in {name}"), rule));
        }
        // PyTorch pads with an extra field "FB" so that storages can be mapped.
        let unpadded = at + 30 + name.len() as u64 + 4;
        let padding = (unpadded.next_multiple_of(self.alignment) - unpadded) as usize;
        let mut crc = crc32fast::Hasher::new();
        for part in parts {
            crc.update(part);
        }
        let mut common = Vec::new();
        for number in [0u16, 0, 0, 0, 33] {
            // Version, flags, method "stored", time 0:00, date 1980-01-01.
            common.extend(number.to_le_bytes());
        }
        for number in [crc.finalize(), size as u32, size as u32] {
            common.extend(number.to_le_bytes());
        }
        common.extend((name.len() as u16).to_le_bytes());
        self.sink.put(b"PK\x03\x04")?;
        self.sink.put(&common)?;
        self.sink.put(&(padding as u16 + 4).to_le_bytes())?;
        self.sink.put(name.as_bytes())?;
        self.sink.put(b"FB")?;
        self.sink.put(&(padding as u16).to_le_bytes())?;
        self.sink.put(&vec![b'Z'; padding])?;
        parts.iter().try_for_each(|part| self.sink.put(part))?;
        self.directory.extend(b"PK\x01\x02\0\0");
        self.directory.extend(&common);
        // Extra and comment lengths, disk, attributes: all zero.
        self.directory.extend([0u8; 12]);
        self.directory.extend((at as u32).to_le_bytes());
        self.directory.extend(name.as_bytes());
        self.entries += 1;
        Ok(())
    }

    /// Writes the directory; without it the archive cannot be read.
    pub fn finish(self) -> Result<()> {
        let at = self.sink.position();
        self.sink.put(&self.directory)?;
        self.sink.put(b"PK\x05\x06\0\0\0\0")?;
        self.sink.put(&self.entries.to_le_bytes())?;
        self.sink.put(&self.entries.to_le_bytes())?;
        self.sink.put(&(self.directory.len() as u32).to_le_bytes())?;
        self.sink.put(&(at as u32).to_le_bytes())?;
        self.sink.put(&[0, 0])
    }
}
