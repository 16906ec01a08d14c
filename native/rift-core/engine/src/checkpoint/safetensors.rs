//! The safetensors format, our only form of tensors at rest. An own reader and writer of about the size of a wrapper:
//! the header keeps the order of the tensors, equal content gives equal bytes, and duplicate names are refused, none of
//! which the usual library promises.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::Path;

use serde::de::{Deserialize, Deserializer, Error as _, MapAccess, Visitor};
use serde_json::{json, Map, Value};
use tch::Kind;

use super::atomic::write_atomically;
use super::bytes::{bytes_of, checked_numel, element_size, tensor_of};
use super::state_dict::StateDict;
use crate::error::{EngineError, Result};

/// Free text beside the tensors.
pub type Metadata = BTreeMap<String, String>;

const METADATA_KEY: &str = "__metadata__";
/// A ResNet-152 has a header of 100 KB; the format itself would allow 100 MB.
const MAX_HEADER: u64 = 16 << 20;
const MAX_RANK: usize = 8;

/// Reads a whole file: tensors in header order on the CPU, and the metadata. Header, offsets, shapes and dtypes are
/// checked before anything is allocated; offsets must cover the data without holes or overlaps.
pub fn read_safetensors(path: &Path) -> Result<(StateDict, Metadata)> {
    let mut file = File::open(path).map_err(|error| EngineError::io(path, error))?;
    let (header, data_start) = read_header(path, &mut file)?;
    let mut tensors = StateDict::new();
    for (name, entry) in &header.tensors {
        let (begin, end) = entry.data_offsets;
        let mut bytes = vec![0u8; (end - begin) as usize];
        file.seek(SeekFrom::Start(data_start + begin))
            .and_then(|_| file.read_exact(&mut bytes))
            .map_err(|error| EngineError::io(path, error))?;
        tensors.insert(name.as_str(), tensor_of(&bytes, &entry.shape, kind_of(path, name, &entry.dtype)?)?);
    }
    Ok((tensors, header.metadata))
}

/// Name, dtype and shape of a tensor in a file.
pub type TensorInfo = (String, Kind, Vec<i64>);

/// Reads and checks the header alone: every tensor's name, dtype and shape, and the metadata.
pub fn read_safetensors_header(path: &Path) -> Result<(Vec<TensorInfo>, Metadata)> {
    let mut file = File::open(path).map_err(|error| EngineError::io(path, error))?;
    let (header, _) = read_header(path, &mut file)?;
    let tensors = header
        .tensors
        .into_iter()
        .map(|(name, entry)| {
            let kind = kind_of(path, &name, &entry.dtype)?;
            Ok((name, kind, entry.shape))
        })
        .collect::<Result<_>>()?;
    Ok((tensors, header.metadata))
}

/// Writes `tensors` and `metadata` atomically. Equal content gives equal bytes. The data is laid out by falling element
/// size, so that every tensor is aligned for readers that map the file.
pub fn write_safetensors(path: &Path, tensors: &StateDict, metadata: &Metadata) -> Result<()> {
    let mut layout = Vec::with_capacity(tensors.len());
    for (index, (name, tensor)) in tensors.iter().enumerate() {
        let kind = tensor.f_kind()?;
        if name == METADATA_KEY {
            return Err(EngineError::invalid("tensor name", name, "is reserved by the safetensors format"));
        }
        layout.push((index, name, tensor, dtype_of(kind)?, element_size(kind)?));
    }
    layout.sort_by_key(|entry| std::cmp::Reverse(entry.4));
    let mut offset = 0;
    let mut entries: Vec<(usize, &str, Value)> = Vec::with_capacity(layout.len());
    for (index, name, tensor, dtype, size) in &layout {
        let end = offset + tensor.numel() * size;
        let entry = json!({ "dtype": dtype, "shape": tensor.size(), "data_offsets": [offset, end] });
        entries.push((*index, name, entry));
        offset = end;
    }
    entries.sort_by_key(|entry| entry.0);
    let mut header = Map::new();
    if !metadata.is_empty() {
        header.insert(METADATA_KEY.into(), json!(metadata));
    }
    header.extend(entries.into_iter().map(|(_, name, entry)| (name.to_string(), entry)));
    let mut header = Value::Object(header).to_string().into_bytes();
    header.resize(header.len().next_multiple_of(8), b' ');
    if header.len() as u64 > MAX_HEADER {
        return Err(EngineError::invalid("metadata", format!("{} bytes", header.len()), too_large()));
    }
    write_atomically(path, |sink| {
        sink.put(&(header.len() as u64).to_le_bytes())?;
        sink.put(&header)?;
        layout.iter().try_for_each(|(_, _, tensor, _, _)| sink.put(&bytes_of(tensor)?))
    })
}

struct Header {
    metadata: Metadata,
    tensors: Vec<(String, Entry)>,
}

#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    dtype: String,
    shape: Vec<i64>,
    data_offsets: (u64, u64),
}

/// Header and the file offset where the data begins.
fn read_header(path: &Path, file: &mut File) -> Result<(Header, u64)> {
    let damaged =
        |reason: String| EngineError::file(path, format!("{reason}; it is damaged or not a safetensors file"));
    let size = file.metadata().map_err(|error| EngineError::io(path, error))?.len();
    let mut length = [0u8; 8];
    if size < 8 {
        return Err(damaged(format!("is {size} bytes, too short for a header")));
    }
    file.read_exact(&mut length).map_err(|error| EngineError::io(path, error))?;
    let length = u64::from_le_bytes(length);
    if length > size - 8 {
        return Err(damaged(format!("declares a header of {length} bytes but is {size} bytes long")));
    }
    if length > MAX_HEADER {
        return Err(damaged(format!("declares a header of {length} bytes, {}", too_large())));
    }
    let mut text = vec![0u8; length as usize];
    file.read_exact(&mut text).map_err(|error| EngineError::io(path, error))?;
    if text.first() != Some(&b'{') {
        return Err(damaged("the header does not begin with {".into()));
    }
    let header: Header = serde_json::from_slice(&text).map_err(|error| damaged(format!("header: {error}")))?;
    check_layout(path, &header, size - 8 - length).map_err(damaged)?;
    Ok((header, 8 + length))
}

/// Every tensor has the bytes of its shape and dtype, and together they cover the data exactly.
fn check_layout(path: &Path, header: &Header, data_size: u64) -> std::result::Result<(), String> {
    let mut spans = Vec::with_capacity(header.tensors.len());
    for (name, entry) in &header.tensors {
        let (begin, end) = entry.data_offsets;
        let size = kind_of(path, name, &entry.dtype).and_then(element_size).map_err(|error| error.to_string())?;
        if entry.shape.len() > MAX_RANK {
            return Err(format!("tensor {name} has {} dimensions, more than {MAX_RANK}", entry.shape.len()));
        }
        let wanted = checked_numel(&entry.shape).and_then(|numel| numel.checked_mul(size)).map(|bytes| bytes as u64);
        if end < begin || Some(end - begin) != wanted {
            return Err(format!(
                "tensor {name} of shape {:?} and dtype {} has offsets {begin}..{end}",
                entry.shape, entry.dtype
            ));
        }
        spans.push((begin, end, name));
    }
    spans.sort_unstable();
    let mut covered = 0;
    for (begin, end, name) in spans {
        if begin != covered {
            return Err(format!("tensor {name} begins at {begin} where {covered} was expected (a hole or an overlap)"));
        }
        covered = end;
    }
    if covered == data_size {
        Ok(())
    } else {
        Err(format!("the tensors cover {covered} of {data_size} bytes of data"))
    }
}

fn too_large() -> String {
    format!("more than the {MAX_HEADER} that are allowed")
}

const DTYPES: [(&str, Kind); 10] = [
    ("BOOL", Kind::Bool),
    ("U8", Kind::Uint8),
    ("I8", Kind::Int8),
    ("I16", Kind::Int16),
    ("F16", Kind::Half),
    ("BF16", Kind::BFloat16),
    ("I32", Kind::Int),
    ("F32", Kind::Float),
    ("I64", Kind::Int64),
    ("F64", Kind::Double),
];

fn kind_of(path: &Path, name: &str, dtype: &str) -> Result<Kind> {
    DTYPES.iter().find(|(text, _)| *text == dtype).map(|(_, kind)| *kind).ok_or_else(|| {
        EngineError::file(path, format!("tensor {name} has dtype {dtype}, which is not supported; save it as F32"))
    })
}

fn dtype_of(kind: Kind) -> Result<&'static str> {
    DTYPES
        .iter()
        .find(|(_, known)| *known == kind)
        .map(|(text, _)| *text)
        .ok_or_else(|| EngineError::Torch(format!("tensors of kind {kind:?} cannot be stored")))
}

impl<'de> Deserialize<'de> for Header {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> std::result::Result<Self, D::Error> {
        deserializer.deserialize_map(HeaderVisitor)
    }
}

struct HeaderVisitor;

impl<'de> Visitor<'de> for HeaderVisitor {
    type Value = Header;

    fn expecting(&self, f: &mut std::fmt::Formatter) -> std::fmt::Result {
        f.write_str("an object of tensors")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> std::result::Result<Header, A::Error> {
        let mut seen = std::collections::HashSet::new();
        let mut header = Header { metadata: Metadata::new(), tensors: Vec::new() };
        while let Some(name) = map.next_key::<String>()? {
            if !seen.insert(name.clone()) {
                return Err(A::Error::custom(format!("the name {name} occurs twice")));
            }
            if name == METADATA_KEY {
                header.metadata = map.next_value()?;
            } else {
                header.tensors.push((name, map.next_value()?));
            }
        }
        Ok(header)
    }
}
