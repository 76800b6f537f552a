//! Tensor memory as Rust slices, for our own operations on the CPU.

use crate::Error;
use tch::{Device, Kind, Tensor};

fn check(tensor: &Tensor) -> Result<usize, Error> {
    if tensor.kind() == Kind::Float && tensor.device() == Device::Cpu && tensor.is_contiguous() {
        Ok(tensor.numel())
    } else {
        Err(Error::Mismatch(format!(
            "a contiguous float32 CPU tensor is needed, and this is {:?} on {:?} with strides {:?}",
            tensor.kind(),
            tensor.device(),
            tensor.stride()
        )))
    }
}

/// The elements of a contiguous float32 CPU tensor. While the slice lives, nothing may write to the tensor through
/// another handle; our operations only read tensors that the network has finished.
///
/// # Errors
/// When the tensor is of another kind, on another device or not contiguous.
pub fn f32_slice(tensor: &Tensor) -> Result<&[f32], Error> {
    let len = check(tensor)?;
    if len == 0 {
        return Ok(&[]);
    }
    // SAFETY: contiguous float32 memory of `len` elements, kept alive by `tensor`, which is borrowed for the slice.
    Ok(unsafe { std::slice::from_raw_parts(tensor.data_ptr().cast(), len) })
}

/// A new CPU tensor of `shape`, float32, whose elements `fill` writes; they start as zeros.
///
/// # Errors
/// libtorch's message, for want of memory.
pub fn f32_tensor(shape: &[i64], fill: impl FnOnce(&mut [f32])) -> Result<Tensor, Error> {
    let tensor = Tensor::f_zeros(shape, (Kind::Float, Device::Cpu))?;
    let len = check(&tensor)?;
    if len > 0 {
        // SAFETY: as above, and the tensor was made here, so no other handle to its memory exists.
        fill(unsafe { std::slice::from_raw_parts_mut(tensor.data_ptr().cast(), len) });
    }
    Ok(tensor)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn what_is_written_is_read() {
        let t = f32_tensor(&[2, 3], |s| s.iter_mut().zip(0u8..).for_each(|(v, i)| *v = f32::from(i))).unwrap();
        assert_eq!(f32_slice(&t).unwrap(), [0., 1., 2., 3., 4., 5.]);
        assert!(f32_slice(&t.transpose(0, 1)).is_err(), "strides");
        assert!(f32_slice(&t.to_kind(Kind::Double)).is_err(), "kind");
        assert!(f32_slice(&f32_tensor(&[0, 3], |_| ()).unwrap()).unwrap().is_empty());
    }
}
