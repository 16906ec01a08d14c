//! NumPy's `.npy` and `.npz`: an own header parser (the header is a Python literal that others evaluate), C order only.

use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::Path;

use tch::{Kind, Tensor};

use crate::checkpoint::atomic::write_atomically;
use crate::checkpoint::bytes::{bytes_of, checked_numel, element_size, tensor_of};
use crate::checkpoint::zip::{Archive, Compression};
use crate::checkpoint::zip_write::ZipWriter;
use crate::checkpoint::StateDict;
use crate::error::{EngineError, Result};

const MAGIC: &[u8] = b"\x93NUMPY";
/// Real headers have 128 bytes.
const MAX_HEADER: usize = 64 << 10;
const MAX_RANK: usize = 8;
const MAX_FILE: u64 = 64 << 30;
/// A compressed entry may unpack to this much; a stored one is bounded by the file.
const MAX_UNPACKED: u64 = 2 << 30;

const DTYPES: [(&str, Kind); 9] = [
    ("|u1", Kind::Uint8),
    ("<f4", Kind::Float),
    ("<f8", Kind::Double),
    ("<i8", Kind::Int64),
    ("<i4", Kind::Int),
    ("|b1", Kind::Bool),
    ("|i1", Kind::Int8),
    ("<i2", Kind::Int16),
    ("<f2", Kind::Half),
];

/// What the header of a `.npy` says.
#[derive(Debug, Clone, PartialEq)]
pub struct NpyHeader {
    /// Kind of the elements.
    pub kind: Kind,
    /// Shape; no negative dimension, at most eight.
    pub shape: Vec<i64>,
    /// Bytes before the data.
    pub data: usize,
}

/// Reads the header at the beginning of `bytes`. The error says what is wrong, without a file's name.
pub fn parse_header(bytes: &[u8]) -> std::result::Result<NpyHeader, String> {
    let cut = || "is cut off in its header".to_string();
    if !bytes.starts_with(MAGIC) {
        return Err("does not begin as a .npy file".into());
    }
    let (start, length) = match bytes.get(6..12).ok_or_else(cut)? {
        [1, _, a, b, ..] => (10, usize::from(u16::from_le_bytes([*a, *b]))),
        [2 | 3, _, a, b, c, d] => (12, u32::from_le_bytes([*a, *b, *c, *d]) as usize),
        [version, ..] => return Err(format!("is of .npy version {version}; versions 1 to 3 are read")),
        [] => return Err(cut()),
    };
    if length > MAX_HEADER {
        return Err(format!("has a header of {length} bytes, more than the {MAX_HEADER} that are allowed"));
    }
    let text = std::str::from_utf8(bytes.get(start..start + length).ok_or_else(cut)?)
        .map_err(|_| "has a header that is no text".to_string())?;
    let (kind, shape) = parse_literal(text)?;
    Ok(NpyHeader { kind, shape, data: start + length })
}

/// `{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), }` with its three keys in any order.
fn parse_literal(text: &str) -> std::result::Result<(Kind, Vec<i64>), String> {
    let unreadable = || format!("has a header that is not NumPy's: {:?}", text.chars().take(80).collect::<String>());
    let value = |key: &str| {
        let quoted = [format!("'{key}':"), format!("\"{key}\":")];
        quoted.iter().find_map(|key| text.split_once(key.as_str())).map(|(_, rest)| rest.trim_start())
    };
    let descr = value("descr").ok_or_else(unreadable)?;
    let quote = descr
        .chars()
        .next()
        .filter(|quote| matches!(quote, '\'' | '"'))
        .ok_or_else(|| "has a structured dtype; save one plain array".to_string())?;
    let descr = descr[1..].split_once(quote).ok_or_else(unreadable)?.0;
    let kind = DTYPES.iter().find(|(name, _)| *name == descr).map(|(_, kind)| *kind).ok_or_else(|| {
        format!("has dtype {descr}; uint8, float32, float64, int32 or int64 in little-endian order is needed")
    })?;
    let order = value("fortran_order").ok_or_else(unreadable)?;
    if order.starts_with("True") {
        return Err("is in Fortran order; save np.ascontiguousarray(array)".into());
    }
    let shape = value("shape").filter(|_| order.starts_with("False")).and_then(|rest| rest.strip_prefix('('));
    let (shape, _) = shape.and_then(|rest| rest.split_once(')')).ok_or_else(unreadable)?;
    let shape: Vec<i64> = shape
        .split(',')
        .map(str::trim)
        .filter(|dim| !dim.is_empty())
        .map(|dim| dim.parse().ok().filter(|dim| *dim >= 0).ok_or_else(unreadable))
        .collect::<std::result::Result<_, _>>()?;
    if shape.len() > MAX_RANK {
        return Err(format!("has {} dimensions, more than {MAX_RANK}", shape.len()));
    }
    Ok((kind, shape))
}

impl NpyHeader {
    fn data_bytes(&self, shape: &[i64]) -> std::result::Result<u64, String> {
        let size = element_size(self.kind).map_err(|error| error.to_string())?;
        checked_numel(shape)
            .and_then(|numel| numel.checked_mul(size))
            .map(|bytes| bytes as u64)
            .ok_or_else(|| format!("has the impossible shape {shape:?}"))
    }
}

/// Reads a whole `.npy` file.
pub fn read_npy(path: &Path) -> Result<Tensor> {
    let (file, header) = open_npy(path)?;
    rows(path, &file, &header, 0, header.shape.first().copied().unwrap_or(1))
}

/// Reads rows `first..first + count` along the first axis, and nothing else, of a `.npy` file.
pub fn read_npy_rows(path: &Path, first: i64, count: i64) -> Result<Tensor> {
    let (file, header) = open_npy(path)?;
    let total = header.shape.first().copied().unwrap_or(0);
    if first < 0 || count < 0 || first.checked_add(count).is_none_or(|end| end > total) {
        return Err(EngineError::file(
            path,
            format!("has {total} rows; rows {first} to {} were asked for", first + count),
        ));
    }
    rows(path, &file, &header, first, count)
}

/// Reads the header of a `.npy` file, and checks the file's size against it.
pub fn read_npy_header(path: &Path) -> Result<NpyHeader> {
    open_npy(path).map(|(_, header)| header)
}

fn open_npy(path: &Path) -> Result<(File, NpyHeader)> {
    let fail = |reason: String| EngineError::file(path, reason);
    let file = File::open(path).map_err(|error| EngineError::io(path, error))?;
    let size = file.metadata().map_err(|error| EngineError::io(path, error))?.len();
    let mut start = vec![0u8; size.min(MAX_HEADER as u64 + 12) as usize];
    file.read_exact_at(&mut start, 0).map_err(|error| EngineError::io(path, error))?;
    let header = parse_header(&start).map_err(fail)?;
    let wanted = header.data_bytes(&header.shape).map_err(fail)?;
    if Some(size) != wanted.checked_add(header.data as u64) {
        let found = size.saturating_sub(header.data as u64);
        return Err(fail(format!(
            "has {found} bytes of data where its shape {:?} needs {wanted}; copy it again",
            header.shape
        )));
    }
    Ok((file, header))
}

fn rows(path: &Path, file: &File, header: &NpyHeader, first: i64, count: i64) -> Result<Tensor> {
    let mut shape = header.shape.clone();
    let fail = |reason: String| EngineError::file(path, reason);
    let mut offset = header.data as u64;
    if let Some(leading) = shape.first_mut() {
        *leading = first;
        let skipped = header.data_bytes(&shape).map_err(fail)?;
        offset += skipped;
        shape[0] = count;
    }
    let mut bytes = vec![0u8; header.data_bytes(&shape).map_err(fail)? as usize];
    file.read_exact_at(&mut bytes, offset).map_err(|error| EngineError::io(path, error))?;
    tensor_of(&bytes, &shape, header.kind)
}

/// Reads the arrays of a `.npz` that `wanted` accepts by name (without `.npy`), in the archive's order.
pub fn read_npz(path: &Path, wanted: impl Fn(&str) -> bool) -> Result<StateDict> {
    let archive = Archive::open(path, Compression::Deflate, MAX_FILE)?;
    let mut arrays = StateDict::new();
    for entry in &archive.entries {
        let Some(name) = entry.name.strip_suffix(".npy").filter(|name| wanted(name)) else { continue };
        let fail = |reason: String| EngineError::file(path, format!("array {name} {reason}"));
        let bytes = archive.read(entry, entry.stored_limit(MAX_UNPACKED))?;
        let header = parse_header(&bytes).map_err(fail)?;
        let data = &bytes[header.data..];
        if header.data_bytes(&header.shape).map_err(fail)? != data.len() as u64 {
            return Err(fail(format!(
                "has {} bytes of data, which do not fit its shape {:?}",
                data.len(),
                header.shape
            )));
        }
        arrays.insert(name, tensor_of(data, &header.shape, header.kind)?);
    }
    Ok(arrays)
}

/// Writes `arrays` atomically as an uncompressed `.npz`, which `numpy.load` opens. Equal content gives equal bytes.
pub fn write_npz(path: &Path, arrays: &StateDict) -> Result<()> {
    write_atomically(path, |sink| {
        let mut archive = ZipWriter::new(sink, 64);
        for (name, tensor) in arrays.iter() {
            archive.entry(&format!("{name}.npy"), &[&header_of(tensor)?, &bytes_of(tensor)?])?;
        }
        archive.finish()
    })
}

fn header_of(tensor: &Tensor) -> Result<Vec<u8>> {
    let kind = tensor.f_kind()?;
    let (descr, _) = DTYPES
        .iter()
        .find(|(_, known)| *known == kind)
        .ok_or_else(|| EngineError::Torch(format!("tensors of kind {kind:?} cannot be written for NumPy")))?;
    let mut dims = tensor.size().iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
    if tensor.size().len() == 1 {
        dims.push(',');
    }
    let mut text = format!("{{'descr': '{descr}', 'fortran_order': False, 'shape': ({dims}), }}");
    while (10 + text.len() + 1) % 64 != 0 {
        text.push(' ');
    }
    text.push('\n');
    let mut header = MAGIC.to_vec();
    header.extend([1, 0]);
    header.extend((text.len() as u16).to_le_bytes());
    header.extend(text.bytes());
    Ok(header)
}
