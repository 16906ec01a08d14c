//! Writes a state dict as `torch.save` does: a file that `torch.load(path, weights_only=True)` opens as an OrderedDict.

use std::path::Path;

use tch::Tensor;

use super::atomic::write_atomically;
use super::bytes::bytes_of;
use super::pth_tensors::STORAGES;
use super::state_dict::StateDict;
use super::zip_write::ZipWriter;
use crate::error::{EngineError, Result};

/// PyTorch aligns storages to this many bytes so that they can be mapped.
const ALIGNMENT: u64 = 64;

/// Writes `tensors` to `path` atomically, in their order, each contiguous in a storage of its own, so that sizes are
/// honest and nothing is shared. Equal content gives equal bytes. Networks above 4 GiB are refused.
pub fn write_pth(path: &Path, tensors: &StateDict) -> Result<()> {
    let pickle = state_dict_pickle(tensors)?;
    write_atomically(path, |sink| {
        let mut archive = ZipWriter::new(sink, ALIGNMENT);
        archive.entry("archive/data.pkl", &[&pickle])?;
        archive.entry("archive/.format_version", &[b"1"])?;
        archive.entry("archive/.storage_alignment", &[ALIGNMENT.to_string().as_bytes()])?;
        archive.entry("archive/byteorder", &[b"little"])?;
        for (index, (_, tensor)) in tensors.iter().enumerate() {
            archive.entry(&format!("archive/data/{index}"), &[&bytes_of(tensor)?])?;
        }
        archive.entry("archive/version", &[b"3\n"])?;
        archive.finish()
    })
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
