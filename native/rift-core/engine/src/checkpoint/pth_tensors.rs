//! From the description of a tensor in a checkpoint's pickle to the tensor, with every number checked against the storage
//! that it refers to.

use std::collections::HashMap;

use tch::{Kind, Tensor};

use super::bytes::{checked_numel, element_size, tensor_of};
use super::pickle::{Global, Node, Parsed, Pickle, Value};
use crate::error::Result;

const MAX_RANK: usize = 8;

/// The allow-list of a PyTorch state dict; nothing else may be named in its pickle.
pub fn allowed(module: &str, name: &str) -> Option<Global> {
    match (module, name) {
        ("collections", "OrderedDict") => Some(Global::OrderedDict),
        ("torch._utils", "_rebuild_tensor_v2") => Some(Global::RebuildTensor),
        ("torch._utils", "_rebuild_parameter") => Some(Global::RebuildParameter),
        ("torch" | "torch.cuda", storage) => {
            STORAGES.iter().find(|(known, _)| *known == storage).map(|(_, kind)| Global::Storage(*kind))
        }
        _ => None,
    }
}

/// Storage classes that `torch.save` names, and their element kinds.
pub const STORAGES: [(&str, Kind); 10] = [
    ("FloatStorage", Kind::Float),
    ("DoubleStorage", Kind::Double),
    ("HalfStorage", Kind::Half),
    ("BFloat16Storage", Kind::BFloat16),
    ("LongStorage", Kind::Int64),
    ("IntStorage", Kind::Int),
    ("ShortStorage", Kind::Int16),
    ("CharStorage", Kind::Int8),
    ("ByteStorage", Kind::Uint8),
    ("BoolStorage", Kind::Bool),
];

/// A storage as the pickle names it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StorageRef<'a> {
    /// Key of its bytes in the file.
    pub key: &'a str,
    /// Kind of its elements.
    pub kind: Kind,
    /// Number of its elements.
    pub numel: usize,
}

impl StorageRef<'_> {
    /// Size in bytes.
    pub fn bytes(&self) -> Parsed<u64> {
        let size = element_size(self.kind).map_err(|error| error.to_string())?;
        self.numel
            .checked_mul(size)
            .map(|bytes| bytes as u64)
            .ok_or_else(|| format!("storage {} is impossibly large", self.key))
    }

    /// The storage in a persistent id `("storage", class, key, location, count)`.
    pub fn parse<'a>(pickle: &Pickle<'a>, value: Value) -> Parsed<StorageRef<'a>> {
        let Some(Node::Persistent(id)) = pickle.node(value) else { return Err("its storage is no storage".into()) };
        let items = pickle.items(*id).ok_or("its storage is no storage")?;
        let [tag, Value::Global(Global::Storage(kind)), key, location, Value::Int(numel), view @ ..] = items else {
            return Err("its storage is not described as torch.save does it".into());
        };
        if !matches!(view, [] | [Value::None]) {
            return Err("its storage is a view of another, which only PyTorch before 0.4 wrote; load and save it again with a current PyTorch".into());
        }
        match (pickle.text(*tag), pickle.text(*key), pickle.text(*location), usize::try_from(*numel)) {
            (Some("storage"), Some(key), Some(_), Ok(numel)) => Ok(StorageRef { key, kind: *kind, numel }),
            _ => Err("its storage is not described as torch.save does it".into()),
        }
    }
}

/// A tensor as the pickle describes it; inside its storage for certain.
#[derive(Debug)]
pub struct TensorRef<'a> {
    storage: StorageRef<'a>,
    offset: i64,
    size: Vec<i64>,
    stride: Vec<i64>,
    numel: usize,
}

/// Whether `value` is a tensor or parameter.
pub fn is_tensor(pickle: &Pickle, value: Value) -> bool {
    matches!(pickle.node(value), Some(Node::Call { global: Global::RebuildTensor | Global::RebuildParameter, .. }))
}

impl<'a> TensorRef<'a> {
    /// The tensor that `value` describes, with shape, stride and offset inside its storage.
    pub fn parse(pickle: &Pickle<'a>, value: Value) -> Parsed<Self> {
        let (global, items) = call(pickle, value)?;
        if global != Global::RebuildParameter {
            return Self::from_arguments(pickle, global, items);
        }
        let [data, Value::Bool(_), _hooks] = items else {
            return Err(format!("_rebuild_parameter has {} arguments of the wrong kind", items.len()));
        };
        let (global, items) = call(pickle, *data)?;
        Self::from_arguments(pickle, global, items)
    }

    fn from_arguments(pickle: &Pickle<'a>, global: Global, items: &[Value]) -> Parsed<Self> {
        let [storage, Value::Int(offset), size, stride, Value::Bool(_), _hooks, rest @ ..] = items else {
            return Err(format!("_rebuild_tensor_v2 has {} arguments of the wrong kind", items.len()));
        };
        if global != Global::RebuildTensor || rest.len() > 1 {
            return Err("it is not built as torch.save does it".into());
        }
        let storage = StorageRef::parse(pickle, *storage)?;
        let (size, stride) = (integers(pickle, *size)?, integers(pickle, *stride)?);
        let numel = check_extent(&storage, *offset, &size, &stride)?;
        Ok(Self { storage, offset: *offset, size, stride, numel })
    }

    /// Size in bytes once it has memory of its own.
    pub fn bytes(&self) -> Parsed<u64> {
        StorageRef { numel: self.numel, ..self.storage }.bytes()
    }
}

fn call<'p>(pickle: &'p Pickle, value: Value) -> Parsed<(Global, &'p [Value])> {
    match pickle.node(value) {
        Some(Node::Call { global, arguments, .. }) => {
            Ok((*global, pickle.items(*arguments).ok_or("it has no arguments")?))
        }
        _ => Err("it is no tensor".into()),
    }
}

fn integers(pickle: &Pickle, value: Value) -> Parsed<Vec<i64>> {
    let items = pickle.items(value).ok_or("its shape is no tuple")?;
    if items.len() > MAX_RANK {
        return Err(format!("it has {} dimensions, more than {MAX_RANK}", items.len()));
    }
    items
        .iter()
        .map(|item| match item {
            Value::Int(number) if *number >= 0 => Ok(*number),
            other => Err(format!("{other:?} in its shape is no size")),
        })
        .collect()
}

/// Number of elements, when all of them lie inside the storage.
fn check_extent(storage: &StorageRef, offset: i64, size: &[i64], stride: &[i64]) -> Parsed<usize> {
    let outside = || {
        format!(
            "shape {size:?}, stride {stride:?} and offset {offset} go beyond its storage of {} elements",
            storage.numel
        )
    };
    if size.len() != stride.len() || offset < 0 {
        return Err(outside());
    }
    let numel = checked_numel(size).ok_or_else(outside)?;
    let mut last = offset;
    if numel > 0 {
        for (dim, step) in size.iter().zip(stride) {
            last = (dim - 1).checked_mul(*step).and_then(|span| last.checked_add(span)).ok_or_else(outside)?;
        }
    }
    let limit = if numel > 0 { storage.numel as i64 - 1 } else { storage.numel as i64 };
    if last > limit {
        Err(outside())
    } else {
        Ok(numel)
    }
}

/// Makes tensors of storages, each of which is read once.
#[derive(Default)]
pub struct Storages<'a> {
    read: HashMap<&'a str, (StorageRef<'a>, Tensor)>,
    uses: HashMap<&'a str, usize>,
}

impl<'a> Storages<'a> {
    /// Notes that `tensor` will be asked for, so that a storage of one tensor need not be copied.
    pub fn announce(&mut self, tensor: &TensorRef<'a>) {
        *self.uses.entry(tensor.storage.key).or_default() += 1;
    }

    /// The tensor in contiguous memory of its own. `load` gives the bytes of a storage. The inner error is the file's.
    pub fn tensor(
        &mut self, tensor: &TensorRef<'a>, load: impl FnOnce(&StorageRef<'a>) -> Result<Parsed<Vec<u8>>>,
    ) -> Result<Parsed<Tensor>> {
        let storage = tensor.storage;
        if !self.read.contains_key(storage.key) {
            let bytes = match load(&storage)? {
                Ok(bytes) => bytes,
                Err(reason) => return Ok(Err(reason)),
            };
            let flat = tensor_of(&bytes, &[storage.numel as i64], storage.kind)?;
            self.read.insert(storage.key, (storage, flat));
        }
        let Some((known, flat)) = self.read.get(storage.key) else { return Ok(Err("its storage is gone".into())) };
        if *known != storage {
            return Ok(Err(format!("storage {} is described in two ways", storage.key)));
        }
        let view = flat.f_as_strided(&tensor.size, &tensor.stride, tensor.offset)?;
        let whole = view.is_contiguous() && tensor.numel == storage.numel && self.uses.get(storage.key) == Some(&1);
        if !whole {
            return Ok(Ok(view.f_contiguous()?.f_detach_copy()?));
        }
        self.read.remove(storage.key);
        Ok(Ok(view))
    }
}
