//! numpy's arrays and scalars inside pickles.

use super::{Heap, Meaning, Object, Value};
use crate::tensor::Dtype;

/// A numpy array, as its BUILD described it; checked when it is wanted.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Array<'a> {
    pub shape: Value<'a>,
    pub dtype: Value<'a>,
    /// Column-major.
    pub fortran: bool,
    pub data: Value<'a>,
}

impl<'a> Array<'a> {
    /// What `_reconstruct` makes, before BUILD fills it.
    pub const EMPTY: Self = Self { shape: Value::None, dtype: Value::None, fortran: false, data: Value::None };

    /// The element type, and whether the bytes of each element are in reverse order. The error is the
    /// rest of a sentence that begins with the tensor's name.
    pub fn element(&self, heap: &Heap<'a>) -> Result<(Dtype, bool), String> {
        let object = heap.as_object(self.dtype).ok_or("has no numpy dtype")?;
        element(heap, object)
    }
}

fn element<'a>(heap: &Heap<'a>, dtype: &Object<'a>) -> Result<(Dtype, bool), String> {
    let is_dtype = heap.globals.get(dtype.class as usize).map(|g| g.meaning);
    if is_dtype != Some(Meaning::NumpyDtype) {
        return Err("has no numpy dtype".to_owned());
    }
    let code = heap
        .as_tuple(dtype.args)
        .and_then(|args| args.first())
        .and_then(|&code| heap.text(code))
        .ok_or("has a numpy dtype without a code")?;
    let order = heap.as_tuple(dtype.state).and_then(|s| s.get(1)).and_then(|&o| heap.text(o));
    let bare = code.trim_start_matches(['<', '>', '=', '|']);
    let big = order.as_deref() == Some(">") || (order.is_none() && code.starts_with('>'));
    let dtype = match bare {
        "f8" => Dtype::F64,
        "f4" => Dtype::F32,
        "f2" => Dtype::F16,
        "i8" => Dtype::I64,
        "i4" => Dtype::I32,
        "i2" => Dtype::I16,
        "i1" => Dtype::I8,
        "u8" => Dtype::U64,
        "u4" => Dtype::U32,
        "u2" => Dtype::U16,
        "u1" => Dtype::U8,
        "b1" => Dtype::Bool,
        other => {
            let other: String = other.chars().take(20).collect();
            return Err(format!("is a numpy array of type {other:?}, which is not a number type"));
        }
    };
    Ok((dtype, big))
}

/// The number in a numpy scalar, for one line of a report.
pub(crate) fn scalar_summary<'a>(heap: &Heap<'a>, scalar: &Object<'a>) -> Option<String> {
    let &[dtype, data] = heap.as_tuple(scalar.args)? else { return None };
    let (dtype, big) = element(heap, heap.as_object(dtype)?).ok()?;
    let mut bytes = match data {
        Value::Bytes(bytes) => bytes.to_vec(),
        Value::Decoded(id) => heap.decoded.get(id as usize)?.clone(),
        Value::Latin1(text) if text.len() <= 16 => super::latin1_bytes(text)?,
        _ => return None,
    };
    if bytes.len() != dtype.size() {
        return None;
    }
    if big {
        bytes.reverse();
    }
    let mut wide = [0; 8];
    wide[..bytes.len()].copy_from_slice(&bytes);
    let unsigned = u64::from_le_bytes(wide);
    let shift = 64 - 8 * dtype.size() as u32;
    let signed = (unsigned << shift) as i64 >> shift;
    Some(match dtype {
        Dtype::F64 => format!("{:?}", f64::from_bits(unsigned)),
        Dtype::F32 => format!("{:?}", f32::from_bits(unsigned as u32)),
        Dtype::F16 => format!("{:?}", half::f16::from_bits(unsigned as u16)),
        Dtype::BF16 => format!("{:?}", half::bf16::from_bits(unsigned as u16)),
        Dtype::I64 | Dtype::I32 | Dtype::I16 | Dtype::I8 => signed.to_string(),
        Dtype::U64 | Dtype::U32 | Dtype::U16 | Dtype::U8 => unsigned.to_string(),
        Dtype::Bool => (unsigned != 0).to_string(),
    })
}
