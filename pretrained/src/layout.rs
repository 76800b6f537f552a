//! Where the elements of a tensor lie in the file, and how they become contiguous little-endian bytes.

use std::{borrow::Cow, ops::Range};

use crate::{
    error::{ErrorKind, Read},
    pickle::latin1_bytes,
    protobuf,
    source::Source,
    tensor::numel,
};

/// The most dimensions a tensor may have (numpy and PyTorch allow 64).
pub(crate) const MAX_DIMS: usize = 64;

/// What holds the bytes.
#[derive(Debug)]
pub(crate) enum Data {
    /// A range of the file.
    File(Range<usize>),
    /// A range of the file which is UTF-8 text; each character below 256 is one byte (Python 3
    /// writes bytes like this at pickle protocol 2).
    Latin1 {
        /// Where the text is.
        text: Range<usize>,
        /// How many characters it should have.
        len: usize,
    },
    /// Bytes that were decoded while the pickle was read (protocol 0).
    Owned(Box<[u8]>),
    /// A repeated field of a protocol buffer, in several pieces.
    Pieces {
        /// Where the message is.
        message: Range<usize>,
        /// The field's number.
        field: u32,
        /// Bytes of all pieces.
        len: usize,
    },
    /// The same number everywhere, in the file nowhere.
    Constant(f64),
}

/// A tensor's storage and the view of it.
#[derive(Debug)]
pub(crate) struct Layout {
    pub data: Data,
    /// Bytes per element.
    pub size: usize,
    pub shape: Vec<usize>,
    /// The product of the shape.
    elements: usize,
    /// First element, and steps between elements, in elements.
    pub offset: usize,
    pub strides: Vec<usize>,
    /// The bytes of each element are in reverse order.
    pub swap: bool,
    /// What each element (a float) is divided by: Caffe keeps statistics as sums.
    divisor: Option<f64>,
}

impl Layout {
    /// A checked view of a storage of `numel` elements. The error is the rest of a sentence that
    /// begins with the tensor's name.
    pub fn new(
        data: Data,
        storage_len: usize,
        size: usize,
        shape: Vec<usize>,
        offset: usize,
        strides: Vec<usize>,
        swap: bool,
    ) -> Result<Self, String> {
        if shape.len() > MAX_DIMS {
            return Err(format!("has {} dimensions; at most {MAX_DIMS} are read", shape.len()));
        }
        if shape.len() != strides.len() {
            return Err(format!("has {} sizes but {} strides", shape.len(), strides.len()));
        }
        let elements = numel(&shape)
            .filter(|n| n.checked_mul(size).is_some_and(|bytes| bytes <= isize::MAX as usize))
            .ok_or_else(|| format!("has an impossible shape {shape:?}"))?;
        if elements > 0 {
            let last = shape.iter().zip(&strides).try_fold(offset, |at, (&n, &stride)| {
                (n - 1).checked_mul(stride).and_then(|step| at.checked_add(step))
            });
            if last.is_none_or(|last| last >= storage_len) {
                return Err(format!(
                    "reaches beyond its storage of {storage_len} elements \
                     (shape {shape:?}, strides {strides:?}, offset {offset})"
                ));
            }
        }
        Ok(Self { data, size, shape, elements, offset, strides, swap, divisor: None })
    }

    /// A vector of the same number, `size` bytes each: 4 for float32, 8 for float64.
    pub fn constant(value: f64, len: usize, size: usize) -> Self {
        let (data, shape) = (Data::Constant(value), vec![len]);
        Self { data, size, shape, elements: len, offset: 0, strides: vec![1], swap: false, divisor: None }
    }

    /// The same elements in another shape of as many, for tensors in C order.
    pub fn reshaped(mut self, shape: Vec<usize>) -> Self {
        debug_assert_eq!(numel(&shape), Some(self.elements));
        self.strides = Self::c_strides(&shape);
        self.shape = shape;
        self
    }

    /// The same with each element, which must be a float, divided by a number.
    pub fn divided(self, by: f64) -> Self {
        Self { divisor: Some(by), ..self }
    }

    /// The steps of a tensor that lies in C order.
    pub fn c_strides(shape: &[usize]) -> Vec<usize> {
        let mut strides = vec![1usize; shape.len()];
        for i in (1..shape.len()).rev() {
            strides[i - 1] = strides[i].saturating_mul(shape[i].max(1));
        }
        strides
    }

    /// The steps of a tensor that lies in Fortran order.
    pub fn fortran_strides(shape: &[usize]) -> Vec<usize> {
        let mut strides = vec![1usize; shape.len()];
        for i in 1..shape.len() {
            strides[i] = strides[i - 1].saturating_mul(shape[i - 1].max(1));
        }
        strides
    }

    /// Bytes of the contiguous tensor. `new` has checked that it fits.
    pub fn byte_len(&self) -> usize {
        self.elements * self.size
    }

    /// The range of the file that holds exactly this tensor's contiguous little-endian bytes.
    pub fn file_range(&self) -> Option<Range<usize>> {
        let Data::File(range) = &self.data else { return None };
        let len = self.byte_len();
        if len == 0 {
            return Some(range.start..range.start);
        }
        if (self.swap && self.size > 1) || self.divisor.is_some() || !self.is_contiguous() {
            return None;
        }
        let start = range.start + self.offset * self.size;
        Some(start..start + len)
    }

    /// Whether elements follow each other in C order (steps of dimensions of size 1 do not matter).
    /// Asked only of tensors with elements.
    fn is_contiguous(&self) -> bool {
        let mut expected = 1;
        self.shape.iter().zip(&self.strides).rev().all(|(&n, &stride)| {
            let fits = n == 1 || stride == expected;
            expected *= n.max(1);
            fits
        })
    }

    /// The contiguous little-endian bytes, borrowed where memory has them as they are.
    pub fn bytes<'a>(&'a self, file: &'a Source) -> Read<Cow<'a, [u8]>> {
        if let Some(range) = self.file_range() {
            return file.read(range);
        }
        if self.elements == 0 {
            return Ok(Cow::Borrowed(&[]));
        }
        let storage = match &self.data {
            Data::File(range) => file.read(range.clone())?,
            Data::Owned(bytes) => Cow::Borrowed(&bytes[..]),
            Data::Latin1 { text, len } => Cow::Owned(latin1(&file.read(text.clone())?, *len)?),
            Data::Pieces { message, field, len } => {
                Cow::Owned(pieces(&file.read(message.clone())?, *field, self.size, *len)?)
            }
            Data::Constant(value) => return Ok(Cow::Owned(float_bytes(*value, self.size).repeat(self.elements))),
        };
        let mut bytes = if self.is_contiguous() {
            let start = self.offset * self.size;
            match storage {
                Cow::Owned(all) if start == 0 && all.len() == self.byte_len() => all,
                storage => storage[start..start + self.byte_len()].to_vec(),
            }
        } else {
            self.gather(&storage)
        };
        if self.swap && self.size > 1 {
            bytes.chunks_exact_mut(self.size).for_each(<[u8]>::reverse);
        }
        if let Some(divisor) = self.divisor {
            divide(&mut bytes, self.size, divisor);
        }
        Ok(Cow::Owned(bytes))
    }

    fn gather(&self, storage: &[u8]) -> Vec<u8> {
        match self.size {
            1 => self.gather_sized::<1>(storage),
            2 => self.gather_sized::<2>(storage),
            4 => self.gather_sized::<4>(storage),
            _ => self.gather_sized::<8>(storage),
        }
    }

    /// Copies element by element: an odometer over the outer dimensions, a plain loop over the last.
    fn gather_sized<const SIZE: usize>(&self, storage: &[u8]) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(self.byte_len());
        let (Some((&inner, outer)), Some(&step)) = (self.shape.split_last(), self.strides.last()) else {
            return storage[self.offset * SIZE..(self.offset + 1) * SIZE].to_vec();
        };
        let (elements, _) = storage.as_chunks::<SIZE>();
        let mut counter = vec![0; outer.len()];
        let mut row = self.offset;
        loop {
            for i in 0..inner {
                bytes.extend_from_slice(&elements[row + i * step]);
            }
            let mut dim = outer.len();
            loop {
                if dim == 0 {
                    return bytes;
                }
                dim -= 1;
                counter[dim] += 1;
                row += self.strides[dim];
                if counter[dim] < outer[dim] {
                    break;
                }
                row -= outer[dim] * self.strides[dim];
                counter[dim] = 0;
            }
        }
    }
}

fn pieces(message: &[u8], field: u32, size: usize, len: usize) -> Read<Vec<u8>> {
    let bytes = protobuf::numbers(message, field, size)?;
    if bytes.len() == len { Ok(bytes) } else { Err(ErrorKind::malformed("it changed while it was read")) }
}

/// A float32 or float64, little-endian.
fn float_bytes(value: f64, size: usize) -> Vec<u8> {
    if size == 4 { (value as f32).to_le_bytes().to_vec() } else { value.to_le_bytes().to_vec() }
}

fn divide(bytes: &mut [u8], size: usize, by: f64) {
    if size == 4 {
        for chunk in bytes.as_chunks_mut().0 {
            *chunk = ((f64::from(f32::from_le_bytes(*chunk)) / by) as f32).to_le_bytes();
        }
    } else {
        for chunk in bytes.as_chunks_mut().0 {
            *chunk = (f64::from_le_bytes(*chunk) / by).to_le_bytes();
        }
    }
}

fn latin1(text: &[u8], len: usize) -> Read<Vec<u8>> {
    latin1_bytes(text)
        .filter(|bytes| bytes.len() == len)
        .ok_or_else(|| ErrorKind::malformed("the text that stands for the data of an array is broken"))
}
