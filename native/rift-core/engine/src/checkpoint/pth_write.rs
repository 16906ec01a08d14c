//! Writes a state dict as `torch.save` does: a file that `torch.load(path, weights_only=True)` opens as an OrderedDict.

use std::path::Path;

use tch::Tensor;

use super::atomic::{write_atomically, Sink};
use super::bytes::bytes_of;
use super::pth_tensors::STORAGES;
use super::state_dict::StateDict;
use crate::error::{EngineError, Result};

const PREFIX: &str = "archive";
const ALIGNMENT: u64 = 64;
/// Plain zip, which every reader knows, ends here.
const MAX_SIZE: u64 = u32::MAX as u64;
const MAX_ENTRIES: usize = 0xffff;

/// Writes `tensors` to `path` atomically, in their order, each contiguous in a storage of its own, so that sizes are
/// honest and nothing is shared. Equal content gives equal bytes. Networks above 4 GiB are refused.
pub fn write_pth(path: &Path, tensors: &StateDict) -> Result<()> {
    let pickle = state_dict_pickle(tensors)?;
    if tensors.len() + 5 > MAX_ENTRIES {
        return Err(EngineError::invalid("tensors", tensors.len(), "too many for a .pth file; export .safetensors"));
    }
    write_atomically(path, |sink| {
        let mut writer = Writer { sink, directory: Vec::new(), entries: 0 };
        writer.entry("data.pkl", &pickle)?;
        writer.entry(".format_version", b"1")?;
        writer.entry(".storage_alignment", ALIGNMENT.to_string().as_bytes())?;
        writer.entry("byteorder", b"little")?;
        for (index, (_, tensor)) in tensors.iter().enumerate() {
            writer.entry(&format!("data/{index}"), &bytes_of(tensor)?)?;
        }
        writer.entry("version", b"3\n")?;
        writer.finish()
    })
}

struct Writer<'s, 'p> {
    sink: &'s mut Sink<'p>,
    directory: Vec<u8>,
    entries: u16,
}

impl Writer<'_, '_> {
    /// A stored entry whose content begins at a multiple of [`ALIGNMENT`].
    fn entry(&mut self, name: &str, content: &[u8]) -> Result<()> {
        let name = format!("{PREFIX}/{name}");
        let at = self.sink.position();
        if at + content.len() as u64 + 4096 + self.directory.len() as u64 > MAX_SIZE {
            return Err(EngineError::invalid(
                "tensors",
                "more than 4 GiB",
                "too much for a .pth file; export .safetensors",
            ));
        }
        // PyTorch pads with an extra field "FB" so that storages can be mapped.
        let unpadded = at + 30 + name.len() as u64 + 4;
        let padding = (unpadded.next_multiple_of(ALIGNMENT) - unpadded) as usize;
        let mut common = Vec::new();
        for number in [0u16, 0, 0, 0, 33] {
            // Version, flags, method "stored", time 0:00, date 1980-01-01.
            common.extend(number.to_le_bytes());
        }
        for number in [crc32fast::hash(content), content.len() as u32, content.len() as u32] {
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
        self.sink.put(content)?;
        self.directory.extend(b"PK\x01\x02\0\0");
        self.directory.extend(&common);
        // Extra and comment lengths, disk, attributes: all zero.
        self.directory.extend([0u8; 12]);
        self.directory.extend((at as u32).to_le_bytes());
        self.directory.extend(name.as_bytes());
        self.entries += 1;
        Ok(())
    }

    fn finish(self) -> Result<()> {
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

/// Protocol 2 pickle of an OrderedDict of tensors whose storages are the entries `data/0`, `data/1`, …
fn state_dict_pickle(tensors: &StateDict) -> Result<Vec<u8>> {
    let mut pickle = b"\x80\x02ccollections\nOrderedDict\n)R(".to_vec();
    for (index, (name, tensor)) in tensors.iter().enumerate() {
        text(&mut pickle, name);
        tensor_pickle(&mut pickle, index, tensor)?;
    }
    pickle.extend(b"u.");
    Ok(pickle)
}

/// `_rebuild_tensor_v2(storage, 0, size, stride, False, OrderedDict())` of a contiguous tensor.
fn tensor_pickle(pickle: &mut Vec<u8>, index: usize, tensor: &Tensor) -> Result<()> {
    let kind = tensor.f_kind()?;
    let (storage, _) = STORAGES
        .iter()
        .find(|(_, known)| *known == kind)
        .ok_or_else(|| EngineError::Torch(format!("tensors of kind {kind:?} cannot be stored")))?;
    pickle.extend(b"ctorch._utils\n_rebuild_tensor_v2\n((");
    text(pickle, "storage");
    pickle.extend(format!("ctorch\n{storage}\n").bytes());
    text(pickle, &index.to_string());
    text(pickle, "cpu");
    integer(pickle, tensor.numel() as i64);
    pickle.extend(b"tQK\0(");
    let size = tensor.size();
    for dim in &size {
        integer(pickle, *dim);
    }
    pickle.extend(b"t(");
    for axis in 1..=size.len() {
        integer(pickle, size[axis..].iter().map(|dim| (*dim).max(1)).product());
    }
    pickle.extend(b"t\x89ccollections\nOrderedDict\n)RtR");
    Ok(())
}

fn text(pickle: &mut Vec<u8>, text: &str) {
    pickle.push(b'X');
    pickle.extend((text.len() as u32).to_le_bytes());
    pickle.extend(text.bytes());
}

fn integer(pickle: &mut Vec<u8>, number: i64) {
    if let Ok(short) = i32::try_from(number) {
        pickle.push(b'J');
        pickle.extend(short.to_le_bytes());
    } else {
        pickle.extend([0x8a, 8]);
        pickle.extend(number.to_le_bytes());
    }
}
