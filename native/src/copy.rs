//! Bytes of a checkpoint into a tensor.

use crate::Error;
use tch::{Device, Kind, Tensor};

/// Copies little-endian, contiguous `bytes` of kind `kind` into `target` (any kind, any device), converting on the way.
///
/// `bytes` may be unaligned, as data of legacy checkpoints are. When the kinds agree and `target` is a contiguous CPU
/// tensor, this is one `memcpy`.
///
/// # Errors
/// When `bytes` does not hold exactly `target.numel()` elements, or libtorch cannot convert.
pub fn copy_from_bytes(target: &mut Tensor, bytes: &[u8], kind: Kind) -> Result<(), Error> {
    let expected = target.numel() * kind.elt_size_in_bytes();
    if bytes.len() != expected {
        return Err(Error::Mismatch(format!("{} bytes given, {expected} expected", bytes.len())));
    }
    if bytes.is_empty() {
        return Ok(());
    }
    if target.kind() == kind && target.device() == Device::Cpu && target.is_contiguous() {
        // SAFETY: `target` is a contiguous CPU tensor of exactly `bytes.len()` bytes, borrowed mutably, and `bytes` is
        // memory that Rust lent us, so the two do not overlap.
        unsafe { std::ptr::copy_nonoverlapping(bytes.as_ptr(), target.data_ptr().cast::<u8>(), bytes.len()) };
        return Ok(());
    }
    let staged = Tensor::f_from_data_size(bytes, &target.size(), kind)?;
    tch::no_grad(|| target.f_copy_(&staged))?;
    Ok(())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn unaligned_bytes_and_other_kinds_arrive() {
        let values = [1.5f32, -2.0, 0.25];
        let mut bytes = vec![0u8];
        bytes.extend(values.iter().flat_map(|v| v.to_le_bytes()));
        for kind in [Kind::Float, Kind::Double, Kind::Half] {
            let mut target = Tensor::zeros([3], (kind, Device::Cpu));
            copy_from_bytes(&mut target, &bytes[1..], Kind::Float).unwrap();
            assert_eq!(Vec::<f32>::try_from(target.to_kind(Kind::Float)).unwrap(), values);
        }
    }

    #[test]
    fn a_wrong_length_is_refused() {
        let mut target = Tensor::zeros([3], (Kind::Float, Device::Cpu));
        assert!(copy_from_bytes(&mut target, &[0; 8], Kind::Float).is_err());
    }
}
