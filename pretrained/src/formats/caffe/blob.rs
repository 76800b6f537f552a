//! A `BlobProto`: shape and numbers of one parameter, left where they are in the file.

use std::ops::Range;

use crate::{
    error::Read,
    layout::{Data, Layout},
    protobuf::{Fields, Value},
    tensor::Dtype,
};

/// Axes of a blob, and values along them and in all (Caffe: `kMaxBlobAxes`, `INT_MAX`).
const MAX_AXES: usize = 32;
const MAX_ELEMENTS: i64 = i32::MAX as i64;

/// `BlobProto.data` and `BlobProto.double_data`.
const DATA: u32 = 5;
const DOUBLE_DATA: u32 = 8;

/// What the fields of a blob say together.
#[derive(Default)]
struct Blob {
    /// num, channels, height, width: how shapes were written before there was `shape`.
    legacy: [Option<i64>; 4],
    dims: Vec<i64>,
    too_many_dims: bool,
    floats: Numbers,
    doubles: Numbers,
}

/// The pieces of a repeated number, which concatenate.
#[derive(Default)]
struct Numbers {
    bytes: usize,
    /// The only piece, if it is packed.
    packed: Option<Range<usize>>,
    pieces: usize,
}

impl Numbers {
    fn add(&mut self, value: &Value, size: usize) -> Result<(), String> {
        let (piece, bytes) = match value {
            Value::Len(range) => (Some(range.clone()), range.len()),
            Value::Fixed32(_) if size == 4 => (None, 4),
            Value::Fixed64(_) if size == 8 => (None, 8),
            // Another wire type makes it another field.
            _ => return Ok(()),
        };
        if bytes % size != 0 {
            return Err(format!("has {bytes} bytes of packed numbers of {size} bytes each"));
        }
        if bytes > 0 {
            self.bytes += bytes;
            self.pieces += 1;
            self.packed = piece.filter(|_| self.pieces == 1);
        }
        Ok(())
    }

    fn data(self, message: Range<usize>, field: u32) -> Data {
        match self.packed {
            Some(range) => Data::File(range),
            None => Data::Pieces { message, field, len: self.bytes },
        }
    }
}

/// Reads the blob of a layer. The inner error is the rest of a sentence that begins with the
/// tensor's name.
pub(super) fn read(file: &[u8], message: Range<usize>) -> Read<Result<(Dtype, Layout), String>> {
    let mut blob = Blob::default();
    let mut fields = Fields::of(file, message.clone());
    while let Some(field) = fields.next()? {
        let added = match (field.number, &field.value) {
            (axis @ 1..=4, &Value::Varint(n)) => {
                // int32: the wire format sign-extends it.
                blob.legacy[axis as usize - 1] = Some(i64::from(n as i32));
                Ok(())
            }
            (DATA, value) => blob.floats.add(value, 4),
            (DOUBLE_DATA, value) => blob.doubles.add(value, 8),
            (7, Value::Len(shape)) => {
                blob.add_shape(file, shape.clone())?;
                Ok(())
            }
            _ => Ok(()),
        };
        if let Err(why) = added {
            return Ok(Err(why));
        }
    }
    Ok(blob.finish(message))
}

impl Blob {
    fn add_shape(&mut self, file: &[u8], shape: Range<usize>) -> Read<()> {
        let mut fields = Fields::of(file, shape);
        while let Some(field) = fields.next()? {
            match (field.number, field.value) {
                (1, Value::Varint(dim)) => self.add_dim(dim),
                (1, Value::Len(packed)) => {
                    let mut dims = Fields::of(file, packed);
                    while let Some(dim) = dims.next_varint()? {
                        self.add_dim(dim);
                    }
                }
                _ => {}
            }
        }
        Ok(())
    }

    fn add_dim(&mut self, dim: u64) {
        if self.dims.len() < MAX_AXES {
            self.dims.push(dim as i64);
        } else {
            self.too_many_dims = true;
        }
    }

    fn finish(self, message: Range<usize>) -> Result<(Dtype, Layout), String> {
        // Blob::FromProto: any of the old fields beats `shape`, those that are missing count as 0.
        let dims = if self.legacy.iter().any(Option::is_some) {
            self.legacy.map(Option::unwrap_or_default).to_vec()
        } else if self.too_many_dims {
            return Err(format!("has more than {MAX_AXES} axes"));
        } else if self.dims.is_empty() {
            // A shape without axes, or none, holds one value.
            vec![1]
        } else {
            self.dims
        };
        let fits = dims.iter().all(|dim| (0..=MAX_ELEMENTS).contains(dim));
        let count = if dims.contains(&0) {
            Some(0)
        } else {
            dims.iter().try_fold(1i64, |product, &dim| product.checked_mul(dim)).filter(|&n| n <= MAX_ELEMENTS)
        };
        let Some(count) = count.filter(|_| fits) else {
            return Err(format!("has an impossible shape {dims:?}"));
        };
        let (dtype, numbers, field) = if self.doubles.bytes > 0 {
            (Dtype::F64, self.doubles, DOUBLE_DATA)
        } else {
            (Dtype::F32, self.floats, DATA)
        };
        let values = numbers.bytes / dtype.size();
        if values as i64 != count {
            return Err(format!("has {values} values, its shape {dims:?} needs {count}"));
        }
        let shape: Vec<usize> = dims.into_iter().map(|dim| dim as usize).collect();
        let strides = Layout::c_strides(&shape);
        let data = numbers.data(message, field);
        Ok((dtype, Layout::new(data, values, dtype.size(), shape, 0, strides, false)?))
    }
}
