//! What a tensor is: name, element type, shape.

use std::{borrow::Cow, fmt};

use strum::{EnumString, IntoStaticStr, VariantArray};

/// The type of a tensor's elements.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, VariantArray, IntoStaticStr, EnumString)]
#[non_exhaustive]
#[allow(missing_docs)]
pub enum Dtype {
    #[strum(serialize = "float64")]
    F64,
    #[strum(serialize = "float32")]
    F32,
    #[strum(serialize = "float16")]
    F16,
    #[strum(serialize = "bfloat16")]
    BF16,
    #[strum(serialize = "int64")]
    I64,
    #[strum(serialize = "int32")]
    I32,
    #[strum(serialize = "int16")]
    I16,
    #[strum(serialize = "int8")]
    I8,
    #[strum(serialize = "uint64")]
    U64,
    #[strum(serialize = "uint32")]
    U32,
    #[strum(serialize = "uint16")]
    U16,
    #[strum(serialize = "uint8")]
    U8,
    #[strum(serialize = "bool")]
    Bool,
}

impl Dtype {
    /// All of them.
    pub const ALL: &'static [Self] = Self::VARIANTS;

    /// PyTorch's name: "float32", "int64", "bool".
    pub fn name(self) -> &'static str {
        self.into()
    }

    /// The dtype of PyTorch's name.
    pub fn from_name(name: &str) -> Option<Self> {
        name.parse().ok()
    }

    /// Bytes per element.
    pub fn size(self) -> usize {
        match self {
            Self::F64 | Self::I64 | Self::U64 => 8,
            Self::F32 | Self::I32 | Self::U32 => 4,
            Self::F16 | Self::BF16 | Self::I16 | Self::U16 => 2,
            Self::I8 | Self::U8 | Self::Bool => 1,
        }
    }

    /// Whether the elements are floating-point numbers.
    pub fn is_float(self) -> bool {
        matches!(self, Self::F64 | Self::F32 | Self::F16 | Self::BF16)
    }
}

impl fmt::Display for Dtype {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A tensor of a checkpoint, without its data.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TensorInfo {
    /// Its key in the state dict.
    pub name: String,
    /// The type of its elements.
    pub dtype: Dtype,
    /// Its shape; empty for a scalar.
    pub shape: Vec<usize>,
}

impl TensorInfo {
    /// The number of elements: 1 for a scalar.
    pub fn numel(&self) -> usize {
        numel(&self.shape).unwrap_or(usize::MAX)
    }

    /// The number of bytes of its contiguous data.
    pub fn byte_len(&self) -> usize {
        self.numel().saturating_mul(self.dtype.size())
    }
}

/// The product of a shape, `None` when it does not fit.
pub(crate) fn numel(shape: &[usize]) -> Option<usize> {
    if shape.contains(&0) {
        return Some(0);
    }
    shape.iter().try_fold(1usize, |product, &n| product.checked_mul(n))
}

/// A tensor with its data, for the writers.
#[derive(Clone, Debug)]
pub struct TensorData<'a> {
    /// Its key in the state dict.
    pub name: &'a str,
    /// The type of its elements.
    pub dtype: Dtype,
    /// Its shape; empty for a scalar.
    pub shape: &'a [usize],
    /// Its elements in C order, little-endian.
    pub bytes: Cow<'a, [u8]>,
}

impl TensorData<'_> {
    /// The same without the data.
    pub fn info(&self) -> TensorInfo {
        TensorInfo { name: self.name.to_owned(), dtype: self.dtype, shape: self.shape.to_vec() }
    }
}
