//! oneDNN convolutions with the weight reordered once and the activation fused.

use crate::Error;
use crate::ffi::{self, finish};
use std::ffi::{CStr, c_char};
use tch::Tensor;

unsafe extern "C" {
    fn vovdet_pack_conv_weight(
        weight: *const ffi::Tensor,
        geometry: *const i64,
        input_size: *const i64,
        out: *mut *mut ffi::Tensor,
    ) -> *mut c_char;
    fn vovdet_conv_pointwise(
        input: *const ffi::Tensor,
        weight: *const ffi::Tensor,
        bias: *const ffi::Tensor,
        geometry: *const i64,
        activation: *const c_char,
        out: *mut *mut ffi::Tensor,
    ) -> *mut c_char;
}

/// Stride, zero padding (both `[height, width]`, in pixels) and groups of a convolution; dilation is 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ConvGeometry {
    /// Stride.
    pub stride: [i64; 2],
    /// Zero padding on every side.
    pub padding: [i64; 2],
    /// Groups; equal to the channels for a depthwise convolution.
    pub groups: i64,
}

impl ConvGeometry {
    fn flat(&self) -> [i64; 5] {
        [self.padding[0], self.padding[1], self.stride[0], self.stride[1], self.groups]
    }
}

/// What follows the convolution inside the same primitive.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Activation {
    /// Nothing.
    None,
    /// max(x, 0).
    Relu,
}

impl Activation {
    fn name(self) -> &'static CStr {
        match self {
            Self::None => c"none",
            Self::Relu => c"relu",
        }
    }
}

/// A convolution for CPU inference: weight in oneDNN's own layout, bias and activation fused.
pub struct PackedConv {
    weight: Tensor,
    bias: Option<Tensor>,
    geometry: ConvGeometry,
    activation: Activation,
}

impl PackedConv {
    /// Packs `weight` `[O, I/groups, kH, kW]` (float32 or bfloat16, CPU) for inputs of about `input_size` `[N, C, H, W]`.
    ///
    /// The layout is chosen for that size; other sizes stay right and may be a little slower.
    ///
    /// # Errors
    /// libtorch's message when the weight does not fit the geometry.
    pub fn new(
        weight: &Tensor,
        bias: Option<Tensor>,
        geometry: ConvGeometry,
        activation: Activation,
        input_size: [i64; 4],
    ) -> Result<Self, Error> {
        let mut out = std::ptr::null_mut();
        // SAFETY: the pointers are to a live at::Tensor (tch's C_tensor is one), five and four integers, as the shim reads.
        let message = unsafe {
            vovdet_pack_conv_weight(weight.as_ptr().cast(), geometry.flat().as_ptr(), input_size.as_ptr(), &mut out)
        };
        Ok(Self { weight: finish(message, out)?, bias, geometry, activation })
    }

    /// Runs on `input` `[N, C, H, W]`, channels_last for speed; returns `[N, O, H', W']`, channels_last.
    ///
    /// # Errors
    /// libtorch's message when `input` has another number of channels or another kind than the weight.
    pub fn forward(&self, input: &Tensor) -> Result<Tensor, Error> {
        let mut out = std::ptr::null_mut();
        let bias = self.bias.as_ref().map_or(std::ptr::null(), |b| b.as_ptr().cast());
        // SAFETY: as above; a null bias is what the shim takes for none, and the activation is a C string literal.
        let message = unsafe {
            vovdet_conv_pointwise(
                input.as_ptr().cast(),
                self.weight.as_ptr().cast(),
                bias,
                self.geometry.flat().as_ptr(),
                self.activation.name().as_ptr(),
                &mut out,
            )
        };
        finish(message, out)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use tch::{Device, Kind};

    #[test]
    fn packed_equals_plain() {
        tch::manual_seed(1);
        let options = (Kind::Float, Device::Cpu);
        for (groups, kernel, stride) in [(1, 3, 2), (1, 1, 1), (8, 3, 1)] {
            let x = Tensor::randn([2, 8, 13, 17], options);
            let w = Tensor::randn([16, 8 / groups, kernel, kernel], options);
            let b = Tensor::randn([16], options);
            let geometry = ConvGeometry { stride: [stride; 2], padding: [kernel / 2; 2], groups };
            let plain = x.conv2d(&w, Some(&b), [stride; 2], [kernel / 2; 2], [1, 1], groups).relu();
            let packed =
                PackedConv::new(&w, Some(b.shallow_clone()), geometry, Activation::Relu, [2, 8, 13, 17]).unwrap();
            let difference = (packed.forward(&x).unwrap() - &plain).abs().max().double_value(&[]);
            assert!(difference < 1e-4 * plain.max().double_value(&[]), "{difference}");
        }
    }

    #[test]
    fn a_wrong_channel_count_is_an_error() {
        let options = (Kind::Float, Device::Cpu);
        let w = Tensor::randn([16, 8, 3, 3], options);
        let geometry = ConvGeometry { stride: [1; 2], padding: [1; 2], groups: 1 };
        let packed = PackedConv::new(&w, None, geometry, Activation::None, [1, 8, 9, 9]).unwrap();
        assert!(packed.forward(&Tensor::randn([1, 4, 9, 9], options)).is_err());
    }
}
