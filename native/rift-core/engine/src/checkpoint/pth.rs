//! Reads what `torch.save` wrote (`.pth`, `.pt`), in the zip format and in the one before PyTorch 1.6, without executing
//! anything in it.

use std::collections::{BTreeMap, HashMap};
use std::io::Read;
use std::path::Path;

use tch::Kind;

use super::pickle::{Limits, Parsed, Pickle, Value};
use super::pth_layout::{self, Normalize};
use super::pth_tensors::{allowed, StorageRef, Storages, TensorRef};
use super::state_dict::StateDict;
use super::zip::{Archive, Compression};
use crate::error::{EngineError, Result};

/// No checkpoint of an image classifier is larger.
const MAX_FILE: u64 = 16 << 30;
const LIMITS: Limits = Limits { bytes: 16 << 20, text: 64 << 10 };
/// Memory that the tensors may take, as a multiple of the file's size: tensors may share storage, within reason.
const QUOTA_FACTOR: u64 = 4;
/// How a file of the old format begins: the pickled magic number 0x1950a86a20f9469cfc6c.
const LEGACY_MAGIC: &[u8] = b"\x80\x02\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19.";

/// A checkpoint as it was in the file.
#[derive(Debug)]
pub struct PthFile {
    /// The state dict under the network's own names, on the CPU; half, bfloat16 and double became float32.
    pub tensors: StateDict,
    /// `net`, `state_dict`, `model`, `model_state_dict` or `raw`: where the state dict was.
    pub layout: String,
    /// Numbers and texts that were beside it (`epoch`, `acc`).
    pub notes: BTreeMap<String, String>,
    /// What a person should know: prefixes taken off, kinds converted, parts left out.
    pub notices: Vec<String>,
    /// Mean and standard deviation of a normalisation layer that was part of the file, three values each.
    pub normalize: Option<Normalize>,
}

/// Reads the checkpoint at `path`. Refused: anything but data in the pickle, tensors that do not fit their storages,
/// damaged or unusual archives, NaN and infinity.
pub fn read_pth(path: &Path) -> Result<PthFile> {
    let mut start = Vec::new();
    let file = std::fs::File::open(path).map_err(|error| EngineError::io(path, error))?;
    let size = file.metadata().map_err(|error| EngineError::io(path, error))?.len();
    file.take(LEGACY_MAGIC.len() as u64).read_to_end(&mut start).map_err(|error| EngineError::io(path, error))?;
    if start.starts_with(b"PK") {
        return read_zip(path, size);
    }
    if start == LEGACY_MAGIC {
        return read_legacy(path, size);
    }
    let reason = if size == 0 {
        "is empty; copy it again"
    } else {
        "is not a file of torch.save; load it with PyTorch and save model.state_dict() with \
         torch.save(..., _use_new_zipfile_serialization=True)"
    };
    Err(EngineError::file(path, reason))
}

fn read_zip(path: &Path, size: u64) -> Result<PthFile> {
    let fail = |reason: String| EngineError::file(path, reason);
    let archive = Archive::open(path, Compression::Stored, MAX_FILE)?;
    let prefix = archive.entries.first().and_then(|entry| entry.name.split_once('/')).map_or("", |(prefix, _)| prefix);
    if prefix.is_empty() || archive.entries.iter().any(|entry| !entry.name.starts_with(&format!("{prefix}/"))) {
        return Err(fail("is an archive but not one of torch.save: its entries are not in one folder".into()));
    }
    if archive.find(&format!("{prefix}/constants.pkl")).is_some() {
        return Err(fail(
            "is a TorchScript archive and no state dict; save model.state_dict(), or import it as TorchScript".into(),
        ));
    }
    if let Some(entry) = archive.find(&format!("{prefix}/byteorder")) {
        let order = archive.read(entry, 64)?;
        if order != b"little" {
            let order = String::from_utf8_lossy(&order).into_owned();
            return Err(fail(format!("has byte order {order:?}; save it again on a little-endian machine")));
        }
    }
    let entry = archive
        .find(&format!("{prefix}/data.pkl"))
        .ok_or_else(|| fail(format!("is an archive but not one of torch.save: it has no {prefix}/data.pkl")))?;
    let bytes = archive.read(entry, LIMITS.bytes as u64)?;
    let pickle = Pickle::parse(&bytes, LIMITS, allowed).map_err(fail)?;
    if pickle.length != bytes.len() {
        return Err(fail("has bytes after the end of its pickle".into()));
    }
    assemble(path, size, &pickle, |storage| {
        let name = format!("{prefix}/data/{}", storage.key);
        let Some(entry) = archive.find(&name) else { return Ok(Err(format!("its storage {name} is missing"))) };
        match storage.bytes() {
            Ok(wanted) if wanted == entry.size => archive.read(entry, wanted).map(Ok),
            Ok(wanted) => Ok(Err(format!("its storage {name} has {} bytes where {wanted} are declared", entry.size))),
            Err(reason) => Ok(Err(reason)),
        }
    })
}

/// The format of before PyTorch 1.6: magic number, protocol, machine, object and storage keys as five pickles, then the
/// storages, each after its number of elements.
fn read_legacy(path: &Path, size: u64) -> Result<PthFile> {
    let fail = |reason: String| EngineError::file(path, reason);
    if size > MAX_FILE {
        return Err(fail(format!("is {size} bytes, more than the {MAX_FILE} that are allowed")));
    }
    let bytes = std::fs::read(path).map_err(|error| EngineError::io(path, error))?;
    let mut at = LEGACY_MAGIC.len();
    let mut next = || -> Result<Pickle> {
        let pickle = Pickle::parse(&bytes[at..], LIMITS, allowed).map_err(fail)?;
        at += pickle.length;
        Ok(pickle)
    };
    let (protocol, machine, object, keys) = (next()?, next()?, next()?, next()?);
    if protocol.root != Value::Int(1001) || machine.lookup(machine.root, "little_endian") != Some(Value::Bool(true)) {
        return Err(fail(
            "is of an unknown version or byte order; load and save it again with a current PyTorch".into(),
        ));
    }
    let storages = legacy_storages(&bytes, at, &object, &keys).map_err(fail)?;
    assemble(path, size, &object, |storage| {
        let range = storages.get(storage.key).cloned();
        Ok(range.map(|range| bytes[range].to_vec()).ok_or_else(|| format!("its storage {} is missing", storage.key)))
    })
}

/// Byte ranges of the storages, which must fill the rest of the file exactly.
fn legacy_storages<'a>(
    bytes: &[u8], mut at: usize, object: &Pickle<'a>, keys: &Pickle<'a>,
) -> Parsed<HashMap<&'a str, std::ops::Range<usize>>> {
    let mut described = HashMap::new();
    for storage in object.persistent().map(|value| StorageRef::parse(object, value)) {
        let storage = storage?;
        if described.insert(storage.key, storage).is_some_and(|before| before != storage) {
            return Err(format!("storage {} is described in two ways", storage.key));
        }
    }
    let mut ranges = HashMap::new();
    for key in keys.items(keys.root).ok_or("has no list of storages")? {
        let key = keys.text(*key).ok_or("has a storage key that is no text")?;
        let storage = described.get(key).ok_or_else(|| format!("has a storage {key} that nothing uses"))?;
        let cut = || format!("is cut off in storage {key}; copy it again");
        let count =
            bytes.get(at..at + 8).and_then(|count| count.try_into().ok()).map(u64::from_le_bytes).ok_or_else(cut)?;
        if count != storage.numel as u64 {
            return Err(format!("storage {key} has {count} elements where {} are declared", storage.numel));
        }
        let end =
            usize::try_from(storage.bytes()?).ok().and_then(|length| (at + 8).checked_add(length)).ok_or_else(cut)?;
        if end > bytes.len() {
            return Err(cut());
        }
        if ranges.insert(key, at + 8..end).is_some() {
            return Err(format!("storage {key} occurs twice"));
        }
        at = end;
    }
    if at == bytes.len() {
        Ok(ranges)
    } else {
        Err(format!("has {} bytes after its last storage", bytes.len() - at))
    }
}

/// Builds the tensors of the state dict in `pickle`, of which `load` gives the storages.
fn assemble<'a>(
    path: &Path, size: u64, pickle: &Pickle<'a>,
    load: impl Fn(&StorageRef<'a>) -> Result<std::result::Result<Vec<u8>, String>>,
) -> Result<PthFile> {
    let fail = |reason: String| EngineError::file(path, reason);
    let mut layout = pth_layout::find(pickle).map_err(fail)?;
    let (mut storages, mut described, mut total) = (Storages::default(), Vec::new(), 0u64);
    for (name, value) in &layout.tensors {
        let in_tensor = |reason: String| fail(format!("tensor {name}: {reason}"));
        let tensor = TensorRef::parse(pickle, *value).map_err(in_tensor)?;
        total = total.saturating_add(tensor.bytes().map_err(in_tensor)?);
        if total > size.saturating_mul(QUOTA_FACTOR) {
            return Err(in_tensor(format!(
                "the tensors would take more than {QUOTA_FACTOR} times the file's {size} bytes"
            )));
        }
        storages.announce(&tensor);
        described.push((name, tensor));
    }
    let (mut tensors, mut converted) = (StateDict::new(), BTreeMap::<&str, usize>::new());
    for (name, tensor) in &described {
        let mut tensor = storages.tensor(tensor, &load)?.map_err(|reason| fail(format!("tensor {name}: {reason}")))?;
        let from = match tensor.f_kind()? {
            Kind::Half => "float16",
            Kind::BFloat16 => "bfloat16",
            Kind::Double => "float64",
            _ => "",
        };
        if !from.is_empty() {
            tensor = tensor.f_to_kind(Kind::Float)?;
            *converted.entry(from).or_default() += 1;
        }
        tensors.insert(name.as_str(), tensor);
    }
    tensors.check_finite(path)?;
    layout
        .notices
        .extend(converted.iter().map(|(from, count)| format!("{count} tensors were converted from {from} to float32")));
    let (tensors, normalize) = pth_layout::unwrap(tensors, &mut layout.notices)?;
    Ok(PthFile { tensors, layout: layout.name, notes: layout.notes, notices: layout.notices, normalize })
}
