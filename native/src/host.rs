//! Tensor memory as Rust slices, for operations of our own on the CPU.

use crate::Error;
use crate::ffi::{self, finish};
use std::ffi::c_char;
use std::ops::{Deref, DerefMut};
use std::ptr::NonNull;
use tch::{Device, Tensor};

unsafe extern "C" {
    fn vovdet_own_alone(tensor: *mut ffi::Tensor, out: *mut *mut ffi::Tensor) -> *mut c_char;
}

mod sealed {
    pub trait Sealed {}
}

/// A number that tensors hold and Rust knows.
pub trait Element: sealed::Sealed + tch::kind::Element + Copy + Send + Sync + 'static {}

macro_rules! elements {
    ($($number:ty),*) => {$(
        impl sealed::Sealed for $number {}
        impl Element for $number {}
    )*};
}
elements!(f32, f64, i64);

/// The elements of a tensor in CPU memory that nothing else can reach, as a slice `[T]` in row-major order.
///
/// tch's tensors share their memory freely, so a slice of a borrowed tensor could change under its reader: through a
/// shallow clone, a view, a result that autograd keeps. This type takes the tensor by value and copies it if anything
/// else holds its memory; the tensor comes out again only when the slice is gone.
#[derive(Debug)]
pub struct HostArray<T> {
    /// The only handle to its memory.
    tensor: Tensor,
    shape: Vec<i64>,
    data: NonNull<T>,
    len: usize,
}

// SAFETY: the memory is reachable through this value alone, so it may move to another thread like a `Vec<T>`.
unsafe impl<T: Send> Send for HostArray<T> {}
// SAFETY: a shared HostArray only hands out `&[T]`, its shape and its length; the tensor inside is not touched.
unsafe impl<T: Sync> Sync for HostArray<T> {}

impl<T: Element> HostArray<T> {
    /// Takes a tensor of this element type over. Costs a copy when the tensor is on another device, its elements do not
    /// follow each other in row-major order, or its memory is shared with another tensor or was not allocated by
    /// libtorch; nothing else.
    ///
    /// # Errors
    /// When the tensor has another kind or is not dense; libtorch's message, for want of memory.
    pub fn new(mut tensor: Tensor) -> Result<Self, Error> {
        if !tensor.defined() || tensor.kind() != T::KIND {
            let kind = if tensor.defined() { format!("{:?}", tensor.kind()) } else { "undefined".into() };
            return Err(Error::Mismatch(format!("a tensor of kind {:?} is needed, and this is {kind}", T::KIND)));
        }
        let mut out = std::ptr::null_mut();
        // SAFETY: `tensor` is a live at::Tensor that this function owns; the shim empties it, and tch frees what is left.
        let message = unsafe { vovdet_own_alone(tensor.as_mut_ptr().cast(), &mut out) };
        let tensor = finish(message, out)?;
        let (shape, len) = (tensor.size(), tensor.numel());
        // Tensors without elements have no memory.
        let data = if len == 0 { NonNull::dangling() } else { address(&tensor)? };
        Ok(Self { tensor, shape, data, len })
    }

    /// Zeros of this shape.
    ///
    /// # Errors
    /// libtorch's message, for want of memory or when a side is negative.
    pub fn zeros(shape: &[i64]) -> Result<Self, Error> {
        Self::new(Tensor::f_zeros(shape, (T::KIND, Device::Cpu))?)
    }

    /// Length of every dimension.
    pub fn shape(&self) -> &[i64] {
        &self.shape
    }

    /// The tensor, contiguous on the CPU, without a copy.
    pub fn into_tensor(self) -> Tensor {
        self.tensor
    }
}

fn address<T>(tensor: &Tensor) -> Result<NonNull<T>, Error> {
    NonNull::new(tensor.data_ptr().cast()).ok_or_else(|| Error::Mismatch("the tensor has no memory".into()))
}

impl<T: Element> Deref for HostArray<T> {
    type Target = [T];

    fn deref(&self) -> &[T] {
        // SAFETY: `data` points to `len` initialised elements, contiguous and aligned by libtorch's allocator (or it
        // dangles and `len` is 0); they live as long as `tensor`, which is private, alone with its memory and unchanged
        // while `self` is borrowed.
        unsafe { std::slice::from_raw_parts(self.data.as_ptr(), self.len) }
    }
}

impl<T: Element> DerefMut for HostArray<T> {
    fn deref_mut(&mut self) -> &mut [T] {
        // SAFETY: as above, and `self` is borrowed mutably, so this is the only way to the memory.
        unsafe { std::slice::from_raw_parts_mut(self.data.as_ptr(), self.len) }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use tch::Kind;

    fn counting(shape: &[i64]) -> Tensor {
        Tensor::arange(shape.iter().product::<i64>(), (Kind::Float, Device::Cpu)).view(shape)
    }

    #[test]
    fn what_is_written_is_read() {
        let mut array = HostArray::<i64>::zeros(&[2, 3]).unwrap();
        array.iter_mut().zip(0..).for_each(|(v, i)| *v = i);
        assert_eq!(array.shape(), [2, 3]);
        assert_eq!(Vec::<Vec<i64>>::try_from(array.into_tensor()).unwrap(), [[0, 1, 2], [3, 4, 5]]);
        assert!(HostArray::<f64>::zeros(&[0, 3]).unwrap().is_empty());
    }

    #[test]
    fn a_tensor_of_ones_own_is_not_copied() {
        let tensor = Tensor::zeros([4, 5], (Kind::Float, Device::Cpu));
        let address = tensor.data_ptr() as usize;
        let array = HostArray::<f32>::new(tensor).unwrap();
        assert_eq!(array.as_ptr() as usize, address);
        assert_eq!(array.into_tensor().data_ptr() as usize, address);
        // The last view of a channels-last tensor reads it in its own order.
        let image = Tensor::zeros([2, 4, 5, 3], (Kind::Float, Device::Cpu)).permute([0, 3, 1, 2]);
        let address = image.data_ptr() as usize;
        let rows = image.permute([0, 2, 3, 1]);
        drop(image);
        assert_eq!(HostArray::<f32>::new(rows).unwrap().as_ptr() as usize, address);
    }

    /// Every way that safe code has to memory of a tensor that it gave away.
    #[test]
    fn shared_memory_is_copied() {
        type Share = fn(&Tensor) -> Tensor;
        let written: [(&str, Share); 6] = [
            ("shallow clone", Tensor::shallow_clone),
            ("view", |t| t.view([6])),
            ("detached", Tensor::detach),
            ("part", |t| t.narrow(0, 0, 2)),
            ("not contiguous", |t| t.transpose(0, 1)),
            ("alias", |t| t.alias()),
        ];
        for (what, share) in written {
            let original = counting(&[2, 3]);
            let shared = share(&original);
            let before = Vec::<f32>::try_from(shared.contiguous().view([-1])).unwrap();
            let array = HostArray::<f32>::new(shared).unwrap();
            let _ = original.shallow_clone().fill_(9.0);
            assert_eq!(*array, before[..], "{what}");
        }
        // A result that autograd keeps for backward.
        let x = counting(&[3]).set_requires_grad(true);
        let y = x.exp();
        let mut array = HostArray::<f32>::new(y.shallow_clone()).unwrap();
        array.fill(0.0);
        y.sum(Kind::Float).backward();
        assert_eq!(x.grad(), x.detach().exp());
        // Memory that Rust owns.
        let mut buffer = [1.0f32, 2.0];
        // SAFETY: `buffer` outlives the tensor and holds two contiguous floats.
        let foreign = unsafe { Tensor::from_blob(buffer.as_mut_ptr().cast(), &[2], &[1], Kind::Float, Device::Cpu) };
        let array = HostArray::<f32>::new(foreign).unwrap();
        assert_ne!(array.as_ptr(), buffer.as_ptr());
        assert_eq!(*array, [1.0, 2.0]);
    }

    #[test]
    fn lazy_forms_are_read_as_what_they_mean() {
        let negative = Tensor::internal_neg_view(&counting(&[3]));
        assert_eq!(*HostArray::<f32>::new(negative).unwrap(), [0.0, -1.0, -2.0]);
        let zeros = Tensor::internal_efficientzerotensor([3], (Kind::Float, Device::Cpu));
        assert_eq!(*HostArray::<f32>::new(zeros).unwrap(), [0.0; 3]);
        let row = counting(&[1, 3]).expand([2, 3], false);
        assert_eq!(*HostArray::<f32>::new(row).unwrap(), [0.0, 1.0, 2.0, 0.0, 1.0, 2.0]);
    }

    #[test]
    fn what_is_no_array_is_refused() {
        assert!(HostArray::<f32>::new(counting(&[2]).to_kind(Kind::Double)).is_err(), "kind");
        assert!(HostArray::<f32>::new(Tensor::new()).is_err(), "undefined");
        assert!(HostArray::<f32>::new(counting(&[2, 2]).to_sparse(None, None::<&[i64]>, None)).is_err(), "sparse");
    }
}
