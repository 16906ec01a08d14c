//! The pickle interpreter: iterative, over the opcodes that data of protocols 2 to 4 needs. Names of classes and functions
//! are looked up in the caller's allow-list and never imported; no operation copies a container.

use std::collections::HashMap;
use std::ops::Range;

use super::pickle::{Global, Limits, Node, Parsed, Pickle, Span, Value};

const MAX_OPERATIONS: usize = 1_000_000;
const MAX_MARKS: usize = 64;

/// Maps module and name to the global that they may stand for.
pub type Allowed = fn(&str, &str) -> Option<Global>;

/// Interprets the pickle at the beginning of `bytes`.
pub fn run(bytes: &[u8], limits: Limits, allowed: Allowed) -> Parsed<Pickle<'_>> {
    Machine { bytes, at: 0, limits, allowed, stack: vec![], marks: vec![], memo: HashMap::new(), nodes: vec![] }.run()
}

struct Machine<'a> {
    bytes: &'a [u8],
    at: usize,
    limits: Limits,
    allowed: Allowed,
    stack: Vec<Value>,
    marks: Vec<usize>,
    memo: HashMap<u64, Value>,
    nodes: Vec<Node>,
}

impl<'a> Machine<'a> {
    fn run(mut self) -> Parsed<Pickle<'a>> {
        for _ in 0..MAX_OPERATIONS {
            let at = self.at;
            let code = self.take(1)?[0];
            if code == b'.' {
                let root = self.pop()?;
                return Ok(Pickle { bytes: self.bytes, nodes: self.nodes, root, length: self.at });
            }
            self.step(code).map_err(|reason| format!("pickle, byte {at}: {reason}"))?;
        }
        Err(format!("the pickle has more than {MAX_OPERATIONS} operations"))
    }

    fn step(&mut self, code: u8) -> Parsed<()> {
        match code {
            0x80 => match self.take(1)?[0] {
                2..=4 => Ok(()),
                other => Err(format!("protocol {other}; protocols 2 to 4 are read")),
            },
            0x95 => self.take(8).map(|_| ()),
            b'N' => self.push(Value::None),
            0x88 => self.push(Value::Bool(true)),
            0x89 => self.push(Value::Bool(false)),
            b'K' | b'M' => {
                let value = self.unsigned(if code == b'K' { 1 } else { 2 })?;
                self.push(Value::Int(value as i64))
            }
            b'J' => {
                let value = self.unsigned(4)? as u32;
                self.push(Value::Int(i64::from(value as i32)))
            }
            0x8a => self.long(),
            b'G' => {
                let bytes = self.take(8)?.try_into().map_err(|_| "a float is cut off")?;
                self.push(Value::Float(f64::from_be_bytes(bytes)))
            }
            b'X' => self.string(4, Value::Text),
            0x8c => self.string(1, Value::Text),
            0x8d => self.string(8, Value::Text),
            b'T' | b'B' => self.string(4, Value::Bytes),
            b'U' | b'C' => self.string(1, Value::Bytes),
            0x8e => self.string(8, Value::Bytes),
            b'(' => self.mark(),
            b')' => self.add(Node::Tuple(vec![])),
            b']' => self.add(Node::List(vec![])),
            b'}' => self.add(Node::Dict(vec![])),
            0x85..=0x87 => {
                let first = self.stack.len().checked_sub(usize::from(code - 0x84)).ok_or("the stack is empty")?;
                self.tuple_from(first)
            }
            b't' => {
                let first = self.unmark()?;
                self.tuple_from(first)
            }
            b'a' => {
                let item = self.pop()?;
                self.append(vec![item])
            }
            b'e' => {
                let first = self.unmark()?;
                let items = self.stack.split_off(first);
                self.append(items)
            }
            b's' => {
                let (value, key) = (self.pop()?, self.pop()?);
                self.set(&[key, value])
            }
            b'u' => {
                let first = self.unmark()?;
                let items = self.stack.split_off(first);
                self.set(&items)
            }
            b'c' => {
                let (module, name) = (self.line()?, self.line()?);
                self.global(module, name)
            }
            0x93 => {
                let (name, module) = (self.pop()?, self.pop()?);
                let text = |value| match value {
                    Value::Text(span) => std::str::from_utf8(span.of(self.bytes)).map_err(|_| "a name is no text"),
                    _ => Err("a name is no text"),
                };
                self.global(text(module)?, text(name)?)
            }
            b'R' => self.reduce(),
            b'b' => self.build(),
            b'Q' => {
                let id = self.pop()?;
                self.add(Node::Persistent(id))
            }
            b'q' => self.put(1),
            b'r' => self.put(4),
            0x94 => {
                let top = *self.stack.last().ok_or("the stack is empty")?;
                self.memo.insert(self.memo.len() as u64, top);
                Ok(())
            }
            b'h' => self.get(1),
            b'j' => self.get(4),
            other => Err(format!("operation {other:#04x} is not one that data needs")),
        }
    }

    fn take(&mut self, count: usize) -> Parsed<&'a [u8]> {
        let end = self.at.checked_add(count).filter(|end| *end <= self.bytes.len());
        let Range { start, end } = self.at..end.ok_or("the pickle is cut off")?;
        if end > self.limits.bytes {
            return Err(format!("the pickle is longer than the {} bytes that are allowed", self.limits.bytes));
        }
        self.at = end;
        Ok(&self.bytes[start..end])
    }

    fn unsigned(&mut self, width: usize) -> Parsed<u64> {
        Ok(self.take(width)?.iter().rev().fold(0, |value, &byte| value << 8 | u64::from(byte)))
    }

    fn span(&mut self, length: u64) -> Parsed<Span> {
        if length > self.limits.text as u64 {
            return Err(format!("a text of {length} bytes, more than the {} that are allowed", self.limits.text));
        }
        let start = self.at;
        self.take(length as usize)?;
        Ok(Span { start, end: self.at })
    }

    fn string(&mut self, width: usize, make: fn(Span) -> Value) -> Parsed<()> {
        let length = self.unsigned(width)?;
        let span = self.span(length)?;
        let value = make(span);
        if matches!(value, Value::Text(_)) && std::str::from_utf8(span.of(self.bytes)).is_err() {
            return Err("a text is not UTF-8".into());
        }
        self.push(value)
    }

    fn long(&mut self) -> Parsed<()> {
        let length = self.unsigned(1)?;
        let span = self.span(length)?;
        let bytes = span.of(self.bytes);
        if bytes.len() > 8 {
            return self.push(Value::BigInt(span));
        }
        let sign = if bytes.last().is_some_and(|byte| byte & 0x80 != 0) { 0xff } else { 0 };
        let mut wide = [sign; 8];
        wide[..bytes.len()].copy_from_slice(bytes);
        self.push(Value::Int(i64::from_le_bytes(wide)))
    }

    fn line(&mut self) -> Parsed<&'a str> {
        let rest = &self.bytes[self.at..];
        let length = rest.iter().take(256).position(|&byte| byte == b'\n').ok_or("a name has no end")?;
        let line = &self.take(length + 1)?[..length];
        std::str::from_utf8(line).map_err(|_| "a name is not UTF-8".into())
    }

    // Fallible in form only, so that every operation is one expression.
    #[allow(clippy::unnecessary_wraps)]
    fn push(&mut self, value: Value) -> Parsed<()> {
        self.stack.push(value);
        Ok(())
    }

    /// The top of the stack; a mark is never crossed.
    fn pop(&mut self) -> Parsed<Value> {
        if self.marks.last().is_some_and(|mark| self.stack.len() <= *mark) {
            return Err("a mark is in the way".into());
        }
        self.stack.pop().ok_or_else(|| "the stack is empty".into())
    }

    fn add(&mut self, node: Node) -> Parsed<()> {
        self.nodes.push(node);
        self.push(Value::Node(self.nodes.len() - 1))
    }

    fn mark(&mut self) -> Parsed<()> {
        if self.marks.len() >= MAX_MARKS {
            return Err(format!("nested deeper than {MAX_MARKS}"));
        }
        self.marks.push(self.stack.len());
        Ok(())
    }

    fn unmark(&mut self) -> Parsed<usize> {
        self.marks.pop().filter(|mark| *mark <= self.stack.len()).ok_or_else(|| "there is no mark".into())
    }

    fn tuple_from(&mut self, first: usize) -> Parsed<()> {
        if self.marks.last().is_some_and(|mark| first < *mark) {
            return Err("a mark is in the way".into());
        }
        let items = self.stack.split_off(first);
        self.add(Node::Tuple(items))
    }

    fn top_node(&mut self) -> Parsed<&mut Node> {
        match self.stack.last() {
            Some(Value::Node(index)) => self.nodes.get_mut(*index).ok_or_else(|| "there is no container".into()),
            _ => Err("there is no container".into()),
        }
    }

    fn append(&mut self, items: Vec<Value>) -> Parsed<()> {
        match self.top_node()? {
            Node::List(list) => list.extend(items),
            _ => return Err("items are appended to what is no list".into()),
        }
        Ok(())
    }

    fn set(&mut self, items: &[Value]) -> Parsed<()> {
        match self.top_node()? {
            Node::Dict(pairs) if items.len().is_multiple_of(2) => {
                pairs.extend(items.chunks_exact(2).map(|pair| (pair[0], pair[1])));
                Ok(())
            }
            _ => Err("items are set on what is no dictionary".into()),
        }
    }

    fn global(&mut self, module: &str, name: &str) -> Parsed<()> {
        match (self.allowed)(module, name) {
            Some(global) => self.push(Value::Global(global)),
            None => Err(format!(
                "names {module}.{name}, which is not plain data and is never run here; load the file with PyTorch in a place where you trust it and save model.state_dict() alone"
            )),
        }
    }

    fn reduce(&mut self) -> Parsed<()> {
        let (arguments, callable) = (self.pop()?, self.pop()?);
        let (Value::Global(global), Value::Node(index)) = (callable, arguments) else {
            return Err("a call of what is no function".into());
        };
        let Some(Node::Tuple(items)) = self.nodes.get(index) else {
            return Err("a call without a tuple of arguments".into());
        };
        if global != Global::OrderedDict {
            return self.add(Node::Call { global, arguments, state: None });
        }
        if !items.is_empty() {
            return Err("OrderedDict takes no arguments here".into());
        }
        self.add(Node::Dict(vec![]))
    }

    /// Attributes of a dictionary (`_metadata` of a state dict) are of no use here; a call keeps its state.
    fn build(&mut self) -> Parsed<()> {
        let given = self.pop()?;
        match self.top_node()? {
            Node::Dict(_) => Ok(()),
            Node::Call { state, .. } => {
                *state = Some(given);
                Ok(())
            }
            _ => Err("a state is set on what has none".into()),
        }
    }

    fn put(&mut self, width: usize) -> Parsed<()> {
        let index = self.unsigned(width)?;
        let top = *self.stack.last().ok_or("the stack is empty")?;
        self.memo.insert(index, top);
        Ok(())
    }

    fn get(&mut self, width: usize) -> Parsed<()> {
        let index = self.unsigned(width)?;
        let value = *self.memo.get(&index).ok_or_else(|| format!("memo {index} was never stored"))?;
        self.push(value)
    }
}
