//! From what a pickle says about a tensor to a checked [`Layout`] in the file.

use std::ops::Range;

use crate::{
    error::{ErrorKind, Read},
    layout::{Data, Layout, MAX_DIMS},
    pickle::{Array, Heap, Meaning, Storage, Tensor, Value},
    source::Part,
    tensor::{Dtype, numel},
};

/// Resolves the tensors of one pickle.
pub(crate) struct Resolver<'h, 'a, L> {
    heap: &'h Heap<'a>,
    pickle: Part<'a>,
    /// Where a whole root storage is in the file, after checking its length.
    locate: L,
    /// Elements of typed storages are in reverse byte order.
    big_endian: bool,
    /// Decoded bytes that may still be copied.
    copies_left: usize,
}

impl<'h, 'a, L: FnMut(&Storage<'a>) -> Read<Range<usize>>> Resolver<'h, 'a, L> {
    pub fn new(heap: &'h Heap<'a>, pickle: Part<'a>, locate: L, big_endian: bool) -> Self {
        let decoded: usize = heap.decoded.iter().map(Vec::len).sum();
        Self { heap, pickle, locate, big_endian, copies_left: decoded.saturating_mul(2) }
    }

    /// The element type and layout of a tensor or numpy array.
    pub fn resolve(&mut self, name: &str, value: Value<'a>) -> Read<(Dtype, Layout)> {
        let tensor = |why: String| ErrorKind::tensor(name, why);
        match value {
            Value::Tensor(id) => {
                let found = self.heap.tensors.get(id as usize);
                let found = found.ok_or_else(|| tensor("is not there".to_owned()))?;
                self.torch(name, found)
            }
            Value::Array(id) => {
                let found = self.heap.arrays.get(id as usize);
                let found = found.ok_or_else(|| tensor("is not there".to_owned()))?;
                self.numpy(name, found)
            }
            _ => Err(tensor("is not a tensor".to_owned())),
        }
    }

    fn torch(&mut self, name: &str, tensor: &Tensor<'a>) -> Read<(Dtype, Layout)> {
        let heap = self.heap;
        let refuse = |why: String| ErrorKind::tensor(name, why);
        let storage = heap.storages.get(tensor.storage as usize);
        let storage = storage.ok_or_else(|| refuse("has no storage".to_owned()))?;
        let dtype = match tensor.dtype {
            None if storage.class.is_untyped() => {
                return Err(refuse("has a storage without an element type".to_owned()));
            }
            None => storage
                .class
                .dtype
                .ok_or_else(|| refuse(format!("has a {}, a type of element that is not read", storage.class.name)))?,
            Some(dtype) => match heap.as_global(dtype).map(|global| (global.meaning, global.name)) {
                Some((Meaning::TorchDtype(Some(dtype)), _)) => dtype,
                Some((_, name)) => {
                    let name: String = name.chars().take(40).flat_map(char::escape_debug).collect();
                    return Err(refuse(format!("has elements of type {name}, which is not read")));
                }
                None => return Err(refuse("has an odd element type".to_owned())),
            },
        };
        if has_flags(heap, tensor.metadata) {
            return Err(refuse("has conjugate or negative bits, which are not read".to_owned()));
        }
        let shape = sizes(heap, tensor.shape).map_err(|why| refuse(format!("has a shape {why}")))?;
        let strides = sizes(heap, tensor.strides).map_err(|why| refuse(format!("has strides {why}")))?;
        let Value::Int(offset) = tensor.offset else {
            return Err(refuse("has an odd offset".to_owned()));
        };
        let offset = usize::try_from(offset).map_err(|_| refuse(format!("starts at the negative offset {offset}")))?;
        let range = (self.locate)(storage)?;
        let range = view(storage, range).map_err(refuse)?;
        let len = range.len() / dtype.size();
        let swap = self.big_endian && !storage.class.is_untyped();
        let layout = Layout::new(Data::File(range), len, dtype.size(), shape, offset, strides, swap);
        Ok((dtype, layout.map_err(refuse)?))
    }

    fn numpy(&mut self, name: &str, array: &Array<'a>) -> Read<(Dtype, Layout)> {
        let heap = self.heap;
        let refuse = |why: String| ErrorKind::tensor(name, why);
        let (dtype, swap) = array.element(heap).map_err(refuse)?;
        let shape = sizes(heap, array.shape).map_err(|why| refuse(format!("has a shape {why}")))?;
        let (data, bytes) = match array.data {
            Value::Bytes(bytes) => {
                let range = self.pickle.range_of(bytes);
                (Data::File(range.ok_or_else(|| refuse("has no data".to_owned()))?), bytes.len())
            }
            Value::Latin1(text) => {
                // Its characters are counted when they are read: each takes one or two bytes.
                let len = numel(&shape).and_then(|n| n.checked_mul(dtype.size()));
                let len = len.filter(|&n| n <= text.len() && text.len() - n <= n);
                let range = len.zip(self.pickle.range_of(text));
                let (len, text) = range.ok_or_else(|| {
                    refuse(format!("has {} bytes of text as data, too many or few for {shape:?}", text.len()))
                })?;
                (Data::Latin1 { text, len }, len)
            }
            Value::Decoded(id) => {
                let bytes = heap.decoded.get(id as usize).map(Vec::as_slice).unwrap_or(&[]);
                self.copies_left = self
                    .copies_left
                    .checked_sub(bytes.len())
                    .ok_or_else(|| ErrorKind::Limit("it uses the same text as data again and again".to_owned()))?;
                (Data::Owned(bytes.into()), bytes.len())
            }
            _ => return Err(refuse("is a numpy array without data".to_owned())),
        };
        let expected = numel(&shape).and_then(|n| n.checked_mul(dtype.size()));
        if expected != Some(bytes) {
            return Err(refuse(format!("has {bytes} bytes of data, too many or few for {shape:?}")));
        }
        let strides = if array.fortran { Layout::fortran_strides(&shape) } else { Layout::c_strides(&shape) };
        let len = bytes / dtype.size();
        let layout = Layout::new(data, len, dtype.size(), shape, 0, strides, swap);
        Ok((dtype, layout.map_err(refuse)?))
    }
}

/// The part of a root storage that a view of it covers.
fn view(storage: &Storage<'_>, root: Range<usize>) -> Result<Range<usize>, String> {
    let Some((offset, len)) = storage.view else { return Ok(root) };
    let size = storage.class.size;
    let bytes = offset.checked_mul(size).zip(len.checked_mul(size)).and_then(|(offset, len)| {
        let start = root.start.checked_add(offset)?;
        let end = start.checked_add(len)?;
        (end <= root.end).then_some(start..end)
    });
    bytes.ok_or_else(|| format!("has a storage of {len} elements from {offset} beyond its root"))
}

/// The numbers of a shape or of strides; the error continues "has a shape" or "has strides".
fn sizes<'a>(heap: &Heap<'a>, value: Value<'a>) -> Result<Vec<usize>, String> {
    let values = heap.as_sequence(value).ok_or("that is no tuple")?;
    if values.len() > MAX_DIMS {
        return Err(format!("of {} dimensions (at most {MAX_DIMS} are read)", values.len()));
    }
    values
        .iter()
        .map(|value| match value {
            &Value::Int(n) => usize::try_from(n).map_err(|_| format!("with the negative number {n}")),
            _ => Err("with something that is no number".to_owned()),
        })
        .collect()
}

/// Whether the metadata of a tensor say anything (conjugate or negative bits).
fn has_flags<'a>(heap: &Heap<'a>, metadata: Value<'a>) -> bool {
    match heap.as_items(metadata) {
        Some(items) => items.iter().any(|(_, value)| !matches!(value, Value::Bool(false))),
        None => !matches!(metadata, Value::None),
    }
}
