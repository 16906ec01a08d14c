//! Pickled data without its execution: what a pickle describes, for the readers to look things up in. Containers live in
//! an arena and are referred to by number, so shared, deep or cyclic structure costs no more than its opcodes.

use super::pickle_machine;

/// What went wrong, without the file's name.
pub type Parsed<T> = std::result::Result<T, String>;

/// A class or function that may be named in a pickle.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Global {
    /// `collections.OrderedDict`.
    OrderedDict,
    /// `torch._utils._rebuild_tensor_v2`.
    RebuildTensor,
    /// `torch._utils._rebuild_parameter`.
    RebuildParameter,
    /// `torch.FloatStorage` and its like.
    Storage(tch::Kind),
    /// NumPy's `_reconstruct`.
    ArrayReconstruct,
    /// `numpy.ndarray`.
    Array,
    /// `numpy.dtype`.
    Dtype,
}

/// A value; text and bytes are ranges of the pickle, containers are numbers of nodes.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Value {
    /// `None`.
    None,
    /// `True` or `False`.
    Bool(bool),
    /// An integer of at most 64 bits.
    Int(i64),
    /// A longer integer, little-endian two's complement.
    BigInt(Span),
    /// A float.
    Float(f64),
    /// A text, checked to be UTF-8.
    Text(Span),
    /// Bytes, or a text of Python 2.
    Bytes(Span),
    /// An allowed class or function.
    Global(Global),
    /// A container or call.
    Node(usize),
}

/// Start and end in the pickle.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Span {
    pub(super) start: usize,
    pub(super) end: usize,
}

/// What a [`Value::Node`] refers to.
#[derive(Debug)]
pub enum Node {
    /// A tuple.
    Tuple(Vec<Value>),
    /// A list.
    List(Vec<Value>),
    /// A dictionary, in order of insertion; a key may occur more than once.
    Dict(Vec<(Value, Value)>),
    /// The result of calling an allowed global, which is not called; `state` is what `BUILD` gave it.
    Call {
        /// The global.
        global: Global,
        /// Its arguments: a tuple.
        arguments: Value,
        /// Argument of `__setstate__`.
        state: Option<Value>,
    },
    /// A reference to something outside the pickle.
    Persistent(Value),
}

/// Sizes that the caller's format stays below.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Length of the pickle in bytes.
    pub bytes: usize,
    /// Length of one text or byte string.
    pub text: usize,
}

/// A pickle that has been interpreted.
pub struct Pickle<'a> {
    pub(super) bytes: &'a [u8],
    pub(super) nodes: Vec<Node>,
    /// The value that was pickled.
    pub root: Value,
    /// Bytes that the pickle took, up to and with its STOP.
    pub length: usize,
}

impl<'a> Pickle<'a> {
    /// Interprets the pickle at the beginning of `bytes`. `allowed` maps module and name to a global.
    pub fn parse(bytes: &'a [u8], limits: Limits, allowed: pickle_machine::Allowed) -> Parsed<Self> {
        pickle_machine::run(bytes, limits, allowed)
    }

    /// The node of a container.
    pub fn node(&self, value: Value) -> Option<&Node> {
        match value {
            Value::Node(index) => self.nodes.get(index),
            _ => None,
        }
    }

    /// Every reference to something outside the pickle, in order.
    pub fn persistent(&self) -> impl Iterator<Item = Value> + '_ {
        (0..self.nodes.len()).filter(|index| matches!(self.nodes[*index], Node::Persistent(_))).map(Value::Node)
    }

    /// The items of a tuple or list.
    pub fn items(&self, value: Value) -> Option<&[Value]> {
        match self.node(value) {
            Some(Node::Tuple(items) | Node::List(items)) => Some(items),
            _ => None,
        }
    }

    /// The pairs of a dictionary.
    pub fn pairs(&self, value: Value) -> Option<&[(Value, Value)]> {
        match self.node(value) {
            Some(Node::Dict(pairs)) => Some(pairs),
            _ => None,
        }
    }

    /// The value of `key` in a dictionary; the last one where there are several, as Python would have it.
    pub fn lookup(&self, dict: Value, key: &str) -> Option<Value> {
        self.pairs(dict)?.iter().rev().find(|(name, _)| self.text(*name) == Some(key)).map(|(_, value)| *value)
    }

    /// A text, or bytes that are UTF-8.
    pub fn text(&self, value: Value) -> Option<&'a str> {
        match value {
            Value::Text(span) | Value::Bytes(span) => std::str::from_utf8(span.of(self.bytes)).ok(),
            _ => None,
        }
    }

    /// Bytes of a text, byte string or long integer.
    pub fn raw(&self, value: Value) -> Option<&'a [u8]> {
        match value {
            Value::Text(span) | Value::Bytes(span) | Value::BigInt(span) => Some(span.of(self.bytes)),
            _ => None,
        }
    }
}

impl Span {
    pub(super) fn of(self, bytes: &[u8]) -> &[u8] {
        bytes.get(self.start..self.end).unwrap_or_default()
    }
}
