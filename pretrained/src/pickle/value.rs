//! The values that a pickle builds.

use std::borrow::Cow;

use super::{Meaning, StorageClass, text};
use crate::error::{ErrorKind, Read};

/// A value: small, copied freely; containers are indices into the [`Heap`]. `'a` is the file.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Value<'a> {
    None,
    Bool(bool),
    Int(i64),
    /// An integer beyond 64 bits, little-endian two's complement.
    Big(&'a [u8]),
    Float(f64),
    Str(&'a str),
    /// Text too long to be a name, not looked at.
    LongText(&'a [u8]),
    /// Bytes, or a Python 2 string.
    Bytes(&'a [u8]),
    /// Text whose characters stand for bytes: `_codecs.encode(text, "latin1")`, not yet checked.
    Latin1(&'a [u8]),
    /// Text or bytes that had escapes: index into `Heap::decoded`.
    Decoded(u32),
    /// A class or function: index into `Heap::globals`.
    Global(u32),
    /// `len` values of `Heap::tuples` from `start`.
    Tuple {
        start: u32,
        len: u32,
    },
    /// A list, dictionary or object.
    Node(u32),
    Storage(u32),
    Tensor(u32),
    /// A numpy array.
    Array(u32),
}

/// A container that can still grow after it was made.
#[derive(Debug)]
pub(crate) enum Node<'a> {
    List(Vec<Value<'a>>),
    Dict(Box<Dict<'a>>),
    Object(Box<Object<'a>>),
}

/// A dictionary of any kind, in insertion order; a repeated key is kept twice.
#[derive(Debug)]
pub(crate) struct Dict<'a> {
    pub items: Vec<(Value<'a>, Value<'a>)>,
    /// What BUILD gave: `_metadata` of a state dict.
    pub state: Value<'a>,
    /// A plain `dict`, which cannot have a state.
    pub plain: bool,
}

/// An instance of a class that has no meaning here: never created, never called, only remembered.
#[derive(Debug)]
pub(crate) struct Object<'a> {
    /// Index into `Heap::globals`.
    pub class: u32,
    pub args: Value<'a>,
    pub state: Value<'a>,
    /// Items of a dictionary subclass.
    pub items: Vec<(Value<'a>, Value<'a>)>,
    /// Elements of a list or set subclass.
    pub elements: Vec<Value<'a>>,
}

/// A class or function that the pickle names.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Global<'a> {
    pub module: &'a str,
    pub name: &'a str,
    pub meaning: Meaning,
}

/// A persistent id of `torch.save`: where the elements of tensors are.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Storage<'a> {
    pub key: &'a str,
    pub class: &'static StorageClass,
    /// Elements of the storage (of the root storage, when this is a view of one).
    pub numel: usize,
    /// Offset and length in elements of a view (PyTorch up to 0.3).
    pub view: Option<(usize, usize)>,
}

/// A call of one of PyTorch's `_rebuild_tensor*`, as it is in the file; checked when it is wanted.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Tensor<'a> {
    pub storage: u32,
    pub offset: Value<'a>,
    pub shape: Value<'a>,
    pub strides: Value<'a>,
    /// The dtype of `_rebuild_tensor_v3`.
    pub dtype: Option<Value<'a>>,
    /// Conjugate or negative bits, quantisation and the like.
    pub metadata: Value<'a>,
}

/// Everything a pickle made.
#[derive(Debug, Default)]
pub(crate) struct Heap<'a> {
    pub nodes: Vec<Node<'a>>,
    pub tuples: Vec<Value<'a>>,
    pub globals: Vec<Global<'a>>,
    pub storages: Vec<Storage<'a>>,
    pub tensors: Vec<Tensor<'a>>,
    pub arrays: Vec<super::Array<'a>>,
    pub decoded: Vec<Vec<u8>>,
    /// Values kept so far, against [`super::MAX_VALUES`].
    kept: usize,
}

impl<'a> Heap<'a> {
    /// Counts `n` values before they are kept.
    pub fn charge(&mut self, n: usize) -> Read<()> {
        self.check(n)?;
        self.kept += n;
        Ok(())
    }

    /// That `n` more values could be kept.
    pub fn check(&self, n: usize) -> Read<()> {
        if self.kept.saturating_add(n) > super::MAX_VALUES {
            return Err(ErrorKind::Limit(format!("its pickle keeps more than {} values", super::MAX_VALUES)));
        }
        Ok(())
    }

    /// Keeps a new container.
    pub fn node(&mut self, node: Node<'a>) -> Read<Value<'a>> {
        let held = match &node {
            Node::List(items) => items.len(),
            Node::Dict(dict) => dict.items.len() * 2,
            Node::Object(object) => object.items.len() * 2 + object.elements.len(),
        };
        self.charge(4 + held)?;
        self.nodes.push(node);
        Ok(Value::Node(self.nodes.len() as u32 - 1))
    }

    /// Keeps a tuple.
    pub fn tuple(&mut self, values: &[Value<'a>]) -> Read<Value<'a>> {
        self.charge(values.len())?;
        let start = self.tuples.len() as u32;
        self.tuples.extend_from_slice(values);
        Ok(Value::Tuple { start, len: values.len() as u32 })
    }

    pub fn dict(&mut self, items: Vec<(Value<'a>, Value<'a>)>, plain: bool) -> Read<Value<'a>> {
        self.node(Node::Dict(Box::new(Dict { items, state: Value::None, plain })))
    }

    pub fn object(&mut self, class: u32, args: Value<'a>) -> Read<Value<'a>> {
        self.node(Node::Object(Box::new(Object {
            class,
            args,
            state: Value::None,
            items: Vec::new(),
            elements: Vec::new(),
        })))
    }

    /// The elements of a tuple.
    pub fn as_tuple(&self, value: Value<'a>) -> Option<&[Value<'a>]> {
        let Value::Tuple { start, len } = value else { return None };
        self.tuples.get(start as usize..start as usize + len as usize)
    }

    /// The elements of a tuple or list.
    pub fn as_sequence(&self, value: Value<'a>) -> Option<&[Value<'a>]> {
        match value {
            Value::Node(id) => match self.nodes.get(id as usize)? {
                Node::List(items) => Some(items),
                _ => None,
            },
            _ => self.as_tuple(value),
        }
    }

    /// The items of a dictionary, or of an object of a dictionary class.
    pub fn as_items(&self, value: Value<'a>) -> Option<&[(Value<'a>, Value<'a>)]> {
        let Value::Node(id) = value else { return None };
        match self.nodes.get(id as usize)? {
            Node::Dict(dict) => Some(&dict.items),
            Node::Object(object) if !object.items.is_empty() => Some(&object.items),
            _ => None,
        }
    }

    pub fn as_object(&self, value: Value<'a>) -> Option<&Object<'a>> {
        let Value::Node(id) = value else { return None };
        match self.nodes.get(id as usize)? {
            Node::Object(object) => Some(object),
            _ => None,
        }
    }

    pub fn as_global(&self, value: Value<'a>) -> Option<&Global<'a>> {
        let Value::Global(id) = value else { return None };
        self.globals.get(id as usize)
    }

    /// `module.name` of a class.
    pub fn class_name(&self, class: u32) -> String {
        match self.globals.get(class as usize) {
            Some(global) => format!("{}.{}", global.module, global.name),
            None => "an unknown class".to_owned(),
        }
    }

    /// A text: Python 3's, or Python 2's bytes read as latin-1.
    pub fn text(&self, value: Value<'a>) -> Option<Cow<'_, str>> {
        match value {
            Value::Str(text) => Some(Cow::Borrowed(text)),
            Value::Bytes(bytes) => Some(text::latin1(bytes)),
            Value::Decoded(id) => {
                let bytes = self.decoded.get(id as usize)?;
                Some(std::str::from_utf8(bytes).map_or_else(|_| text::latin1(bytes), Cow::Borrowed))
            }
            _ => None,
        }
    }

    /// Whether a value is the ASCII text `expected`; costs no more than the comparison.
    pub fn is_text(&self, value: Value<'a>, expected: &str) -> bool {
        match value {
            Value::Str(text) => text == expected,
            Value::Bytes(bytes) => bytes == expected.as_bytes(),
            Value::Decoded(id) => self.decoded.get(id as usize).is_some_and(|bytes| bytes == expected.as_bytes()),
            _ => false,
        }
    }

    /// The value under a text key.
    pub fn get(&self, dict: Value<'a>, key: &str) -> Option<Value<'a>> {
        let items = self.as_items(dict)?;
        items.iter().rev().find(|(k, _)| self.is_text(*k, key)).map(|&(_, v)| v)
    }
}
