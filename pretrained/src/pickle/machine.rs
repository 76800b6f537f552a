//! The stack machine: one pass over the instructions, nothing called, nothing recursive.

use std::collections::HashMap;

use super::{
    Heap, Node, Value,
    globals::{self, printable},
    input::{Input, long, utf8},
    limits::{MAX_NAME, MAX_STACK, MAX_TEXT, VALUE},
    opcodes::*,
    text,
    value::Global,
};
use crate::error::{ErrorKind, Read};

/// What persistent ids mean in the pickle at hand.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Persistent {
    /// There are none.
    None,
    /// `('storage', class, key, location, numel)` and, in legacy streams, a view.
    Torch,
}

/// A pickle that was read.
#[derive(Debug)]
pub(crate) struct Pickle<'a> {
    pub heap: Heap<'a>,
    pub value: Value<'a>,
    /// Offset of the byte after STOP.
    pub end: usize,
}

/// Reads one pickle that starts at `start` of `bytes` and stops exactly after its STOP.
pub(crate) fn run(bytes: &[u8], start: usize, persistent: Persistent) -> Read<Pickle<'_>> {
    let mut machine = Machine {
        input: Input { bytes, at: start },
        stack: Vec::new(),
        marks: Vec::new(),
        memo: HashMap::new(),
        globals: HashMap::new(),
        storages: HashMap::new(),
        heap: Heap::default(),
        persistent,
    };
    let value = machine.run()?;
    Ok(Pickle { heap: machine.heap, value, end: machine.input.at })
}

pub(super) struct Machine<'a> {
    input: Input<'a>,
    stack: Vec<Value<'a>>,
    /// Heights of the stack where a MARK stands.
    marks: Vec<usize>,
    memo: HashMap<u32, Value<'a>>,
    /// Each class once.
    globals: HashMap<(&'a str, &'a str), u32>,
    /// Each storage once, by key and view.
    #[allow(clippy::type_complexity)]
    pub(super) storages: HashMap<(&'a str, Option<(usize, usize)>), u32>,
    pub(super) heap: Heap<'a>,
    pub(super) persistent: Persistent,
}

impl<'a> Machine<'a> {
    fn run(&mut self) -> Read<Value<'a>> {
        loop {
            let at = self.input.at;
            let Ok(opcode) = self.input.u8() else {
                return Err(ErrorKind::truncated("its pickle ends before the STOP instruction"));
            };
            match opcode {
                STOP => return self.pop(),
                PROTO => {
                    let protocol = self.input.u8()?;
                    if protocol > 5 {
                        return Err(ErrorKind::malformed(format!("pickle protocol {protocol}")));
                    }
                }
                FRAME => {
                    self.input.take(8)?;
                }
                MARK => {
                    if self.marks.len() >= MAX_STACK {
                        return Err(too_deep());
                    }
                    self.marks.push(self.stack.len());
                }
                POP => {
                    if self.marks.last() == Some(&self.stack.len()) {
                        self.marks.pop();
                    } else {
                        self.pop()?;
                    }
                }
                POP_MARK => {
                    let mark = self.mark()?;
                    self.stack.truncate(mark);
                }
                DUP => {
                    let top = self.top()?;
                    self.push(top)?;
                }
                NONE => self.push(Value::None)?,
                NEWTRUE => self.push(Value::Bool(true))?,
                NEWFALSE => self.push(Value::Bool(false))?,
                INT | BININT | BININT1 | BININT2 | LONG | LONG1 | LONG4 | FLOAT | BINFLOAT => {
                    let number = self.number(opcode)?;
                    self.push(number)?;
                }
                STRING | BINSTRING | SHORT_BINSTRING | UNICODE | BINUNICODE | SHORT_BINUNICODE | BINUNICODE8
                | BINBYTES | SHORT_BINBYTES | BINBYTES8 | BYTEARRAY8 => {
                    let text = self.string(opcode)?;
                    self.push(text)?;
                }
                PUT | BINPUT | LONG_BINPUT | MEMOIZE | GET | BINGET | LONG_BINGET => {
                    self.memo(opcode)?;
                }
                EMPTY_LIST | EMPTY_SET => {
                    let list = self.heap.node(Node::List(Vec::new()))?;
                    self.push(list)?;
                }
                EMPTY_DICT => {
                    let dict = self.heap.dict(Vec::new(), true)?;
                    self.push(dict)?;
                }
                EMPTY_TUPLE | TUPLE1 | TUPLE2 | TUPLE3 => {
                    let len = if opcode == EMPTY_TUPLE { 0 } else { usize::from(opcode - TUPLE1) + 1 };
                    self.need(len)?;
                    self.tuple(self.stack.len() - len)?;
                }
                TUPLE => {
                    let mark = self.mark()?;
                    self.tuple(mark)?;
                }
                LIST | FROZENSET => {
                    let mark = self.mark()?;
                    let items = self.stack.split_off(mark);
                    let list = self.heap.node(Node::List(items))?;
                    self.push(list)?;
                }
                DICT => {
                    let mark = self.mark()?;
                    let dict = self.heap.dict(Vec::new(), true)?;
                    self.set_items(dict, mark)?;
                    self.push(dict)?;
                }
                APPEND => {
                    self.need(2)?;
                    self.append(self.stack.len() - 1)?;
                }
                APPENDS | ADDITEMS => {
                    let mark = self.mark()?;
                    self.append(mark)?;
                }
                SETITEM => {
                    self.need(3)?;
                    let from = self.stack.len() - 2;
                    self.set_items(self.stack[from - 1], from)?;
                }
                SETITEMS => {
                    let mark = self.mark()?;
                    let target = *mark.checked_sub(1).and_then(|below| self.stack.get(below)).ok_or_else(underflow)?;
                    self.set_items(target, mark)?;
                }
                GLOBAL => {
                    let (module, name) = (self.input.line()?, self.input.line()?);
                    let global = self.global(utf8(module)?, utf8(name)?)?;
                    self.push(global)?;
                }
                STACK_GLOBAL => {
                    let (name, module) = (self.pop()?, self.pop()?);
                    let (Value::Str(module), Value::Str(name)) = (module, name) else {
                        return Err(ErrorKind::malformed("a class name in its pickle is not text"));
                    };
                    let global = self.global(module, name)?;
                    self.push(global)?;
                }
                BINPERSID => {
                    let id = self.pop()?;
                    let storage = self.persistent(id)?;
                    self.push(storage)?;
                }
                REDUCE => {
                    let (args, callee) = (self.pop()?, self.pop()?);
                    let made = self.call(callee, args)?;
                    self.push(made)?;
                }
                NEWOBJ => {
                    let (args, class) = (self.pop()?, self.pop()?);
                    let made = self.instance(class, args)?;
                    self.push(made)?;
                }
                NEWOBJ_EX => {
                    let (_keywords, args, class) = (self.pop()?, self.pop()?, self.pop()?);
                    let made = self.instance(class, args)?;
                    self.push(made)?;
                }
                BUILD => {
                    let state = self.pop()?;
                    let target = self.pop()?;
                    let built = self.build(target, state)?;
                    self.push(built)?;
                }
                other => return Err(ErrorKind::Opcode { name: refused_name(other), at }),
            }
        }
    }

    fn push(&mut self, value: Value<'a>) -> Read<()> {
        if self.stack.len() >= MAX_STACK {
            return Err(too_deep());
        }
        self.stack.push(value);
        Ok(())
    }

    /// The top value; a MARK shields what lies below it.
    fn top(&self) -> Read<Value<'a>> {
        self.need(1)?;
        self.stack.last().copied().ok_or_else(underflow)
    }

    fn pop(&mut self) -> Read<Value<'a>> {
        self.need(1)?;
        self.stack.pop().ok_or_else(underflow)
    }

    /// That `n` values lie above the last MARK.
    fn need(&self, n: usize) -> Read<()> {
        let floor = self.marks.last().copied().unwrap_or(0);
        if self.stack.len() - floor < n { Err(underflow()) } else { Ok(()) }
    }

    fn mark(&mut self) -> Read<usize> {
        self.marks.pop().ok_or_else(|| ErrorKind::malformed("its pickle lacks a MARK"))
    }

    fn tuple(&mut self, from: usize) -> Read<()> {
        let tuple = self.heap.tuple(&self.stack[from..])?;
        self.stack.truncate(from);
        self.push(tuple)
    }

    fn append(&mut self, from: usize) -> Read<()> {
        let list = *from.checked_sub(1).and_then(|i| self.stack.get(i)).ok_or_else(underflow)?;
        self.heap.charge(self.stack.len() - from)?;
        let values = self.stack.drain(from..);
        let target = match list {
            Value::Node(id) => self.heap.nodes.get_mut(id as usize),
            _ => None,
        };
        match target {
            Some(Node::List(items)) => items.extend(values),
            Some(Node::Object(object)) => object.elements.extend(values),
            _ => return Err(ErrorKind::malformed("its pickle appends to something that is no list")),
        }
        Ok(())
    }

    fn set_items(&mut self, target: Value<'a>, from: usize) -> Read<()> {
        let pairs = &self.stack[from..];
        if !pairs.len().is_multiple_of(2) {
            return Err(ErrorKind::malformed("its pickle sets a key without a value"));
        }
        self.heap.charge(pairs.len())?;
        let (pairs, _) = pairs.as_chunks::<2>();
        let pairs = pairs.iter().map(|&[key, value]| (key, value));
        let target = match target {
            Value::Node(id) => self.heap.nodes.get_mut(id as usize),
            _ => None,
        };
        match target {
            Some(Node::Dict(dict)) => dict.items.extend(pairs),
            Some(Node::Object(object)) => object.items.extend(pairs),
            _ => {
                let what = "its pickle sets items of something that is no dictionary";
                return Err(ErrorKind::malformed(what));
            }
        }
        self.stack.truncate(from);
        Ok(())
    }

    fn number(&mut self, opcode: u8) -> Read<Value<'a>> {
        Ok(match opcode {
            BININT => Value::Int(i64::from(i32::from_le_bytes(self.input.array()?))),
            BININT1 => Value::Int(i64::from(self.input.u8()?)),
            BININT2 => Value::Int(i64::from(u16::from_le_bytes(self.input.array()?))),
            BINFLOAT => Value::Float(f64::from_be_bytes(self.input.array()?)),
            LONG1 => {
                let len = usize::from(self.input.u8()?);
                long(self.input.take(len)?)
            }
            LONG4 => {
                let len = self.input.u32()?;
                long(self.input.take(len)?)
            }
            _ => {
                let line = utf8(self.input.line()?)?.trim();
                let digits = line.strip_suffix('L').unwrap_or(line);
                let value = match (opcode, line) {
                    (INT, "00") => Some(Value::Bool(false)),
                    (INT, "01") => Some(Value::Bool(true)),
                    (FLOAT, _) => line.parse().ok().map(Value::Float),
                    _ => digits.parse().ok().map(Value::Int),
                };
                value.ok_or_else(|| ErrorKind::malformed("a number in its pickle is not a number"))?
            }
        })
    }

    fn string(&mut self, opcode: u8) -> Read<Value<'a>> {
        let bad = || ErrorKind::malformed("a string in its pickle has broken escapes");
        let len = match opcode {
            STRING => {
                let quoted = text::unquote(self.input.line()?).ok_or_else(bad)?;
                if !quoted.contains(&b'\\') {
                    return Ok(Value::Bytes(quoted));
                }
                self.heap.check(quoted.len() / VALUE)?;
                return self.decoded(text::unescape(quoted).ok_or_else(bad)?);
            }
            UNICODE => {
                let line = self.input.line()?;
                if line.is_ascii() && !line.contains(&b'\\') {
                    return Ok(Value::Str(utf8(line)?));
                }
                self.heap.check(line.len() / VALUE)?;
                return self.decoded(text::raw_unicode(line).ok_or_else(bad)?);
            }
            SHORT_BINSTRING | SHORT_BINBYTES | SHORT_BINUNICODE => usize::from(self.input.u8()?),
            BINSTRING | BINBYTES | BINUNICODE => self.input.u32()?,
            _ => self.input.u64()?,
        };
        let bytes = self.input.take(len)?;
        Ok(match opcode {
            // The data of numpy arrays can be such text: they are left alone until they are wanted.
            BINUNICODE | BINUNICODE8 if bytes.len() > MAX_TEXT => Value::LongText(bytes),
            SHORT_BINUNICODE | BINUNICODE | BINUNICODE8 => Value::Str(utf8(bytes)?),
            _ => Value::Bytes(bytes),
        })
    }

    pub(super) fn decoded(&mut self, bytes: Vec<u8>) -> Read<Value<'a>> {
        self.heap.charge(2 + bytes.len() / VALUE)?;
        self.heap.decoded.push(bytes);
        Ok(Value::Decoded(self.heap.decoded.len() as u32 - 1))
    }

    fn memo(&mut self, opcode: u8) -> Read<()> {
        let key = match opcode {
            MEMOIZE => self.memo.len() as u32,
            BINPUT | BINGET => u32::from(self.input.u8()?),
            LONG_BINPUT | LONG_BINGET => u32::from_le_bytes(self.input.array()?),
            _ => utf8(self.input.line()?)?
                .parse()
                .map_err(|_| ErrorKind::malformed("a memo index in its pickle is not a number"))?,
        };
        if matches!(opcode, GET | BINGET | LONG_BINGET) {
            let value = self.memo.get(&key).copied();
            let value = value.ok_or_else(|| ErrorKind::malformed("its pickle recalls nothing"))?;
            return self.push(value);
        }
        let top = self.top()?;
        self.heap.charge(2)?;
        self.memo.insert(key, top);
        Ok(())
    }

    fn global(&mut self, module: &'a str, name: &'a str) -> Read<Value<'a>> {
        if module.len() > MAX_NAME || name.len() > MAX_NAME {
            let what = format!("a class in its pickle is called {}…", printable(module, name));
            return Err(ErrorKind::malformed(what));
        }
        if let Some(&id) = self.globals.get(&(module, name)) {
            return Ok(Value::Global(id));
        }
        self.heap.charge(4)?;
        let meaning = globals::meaning(module, name)?;
        let id = self.heap.globals.len() as u32;
        self.heap.globals.push(Global { module, name, meaning });
        self.globals.insert((module, name), id);
        Ok(Value::Global(id))
    }
}

pub(super) fn underflow() -> ErrorKind {
    ErrorKind::malformed("its pickle takes more from the stack than it put there")
}

fn too_deep() -> ErrorKind {
    ErrorKind::Limit(format!("its pickle keeps more than {MAX_STACK} values on the stack"))
}
