//! The layers that every network is made of. One layer has two lives: trainable, and folded for inference.

pub(crate) mod count;
mod norm;

pub use norm::{L2Norm, NormRelu};

use crate::Error;
use crate::params::{Init, Scope};
use crate::spec::{NormKind, NormSpec};
use norm::Norm;
use tch::{Kind, Tensor};

/// What follows a convolution and its normalisation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Act {
    /// Nothing.
    None,
    /// max(x, 0).
    Relu,
    /// min(max(x, 0), 6).
    Relu6,
    /// x · min(max(x + 3, 0), 6) / 6.
    Hardswish,
    /// min(max(x + 3, 0), 6) / 6.
    Hardsigmoid,
}

impl Act {
    fn apply(self, mut x: Tensor) -> Result<Tensor, Error> {
        Ok(match self {
            Self::None => x,
            Self::Relu => x.f_relu_()?,
            Self::Relu6 => x.f_clamp_(0.0, 6.0)?,
            Self::Hardswish => x.f_hardswish_()?,
            Self::Hardsigmoid => x.f_hardsigmoid_()?,
        })
    }
}

/// Shape and place of a convolution.
#[derive(Debug, Clone, Copy)]
pub struct ConvSpec {
    /// Input channels.
    pub input: i64,
    /// Output channels.
    pub output: i64,
    /// Side of the square kernel.
    pub kernel: i64,
    /// Stride.
    pub stride: i64,
    /// Zeros around the input.
    pub padding: i64,
    /// Distance between the taps of the kernel.
    pub dilation: i64,
    /// Groups.
    pub groups: i64,
    /// Whether there is a bias.
    pub bias: bool,
    /// A transposed convolution, whose weight is `[input, output, kernel, kernel]`.
    pub transposed: bool,
}

impl ConvSpec {
    /// A convolution with stride 1, one group and no bias; padding keeps the size.
    pub const fn new(input: i64, output: i64, kernel: i64) -> Self {
        let padding = kernel / 2;
        Self { input, output, kernel, stride: 1, padding, dilation: 1, groups: 1, bias: false, transposed: false }
    }

    /// A transposed 2x2 convolution that doubles the sides, without bias.
    pub const fn upsample(input: i64, output: i64) -> Self {
        Self { stride: 2, padding: 0, transposed: true, ..Self::new(input, output, 2) }
    }

    /// With this much padding.
    pub const fn padding(self, padding: i64) -> Self {
        Self { padding, ..self }
    }

    /// With this dilation, and the padding that keeps the size.
    pub const fn dilation(self, dilation: i64) -> Self {
        Self { dilation, padding: dilation * (self.kernel / 2), ..self }
    }

    /// With this stride.
    pub const fn stride(self, stride: i64) -> Self {
        Self { stride, ..self }
    }

    /// One group per channel.
    pub const fn depthwise(self) -> Self {
        Self { groups: self.output, ..self }
    }

    /// With a bias.
    pub const fn bias(self) -> Self {
        Self { bias: true, ..self }
    }
}

/// Convolution, normalisation, activation.
///
/// [`ConvNormAct::optimize`] takes it from its trainable life into its inference life: normalisation folded into the
/// weight, weight in channels_last order and in the precision of the engine.
#[derive(Debug)]
pub struct ConvNormAct {
    spec: ConvSpec,
    weight: Tensor,
    bias: Option<Tensor>,
    norm: Option<Norm>,
    act: Act,
}

impl ConvNormAct {
    /// Builds the layer: the convolution's parameters in `conv`, the normalisation's in the given scope.
    pub fn new(conv: &Scope, norm: Option<(&Scope, NormSpec)>, spec: ConvSpec, act: Act) -> Self {
        let merged = norm.is_some_and(|(_, norm)| norm.kind == NormKind::Merged);
        let (norm, spec) = if merged { (None, spec.bias()) } else { (norm, spec) };
        let (rows, columns) = if spec.transposed { (spec.input, spec.output) } else { (spec.output, spec.input) };
        let shape = [rows, columns / spec.groups, spec.kernel, spec.kernel];
        let weight = conv.param("weight", &shape, Init::Kaiming);
        let bias = spec.bias.then(|| conv.param("bias", &[spec.output], Init::Zeros));
        let norm = norm.map(|(scope, norm)| Norm::new(scope, norm, spec.output));
        Self { spec, weight, bias, norm, act }
    }

    /// A convolution `{scope}.conv` without a bias, its norm `{scope}.norm`, and `act`; without a norm, it has a bias.
    pub fn unit(scope: &Scope, spec: ConvSpec, norm: Option<NormSpec>, act: Act) -> Self {
        let spec = ConvSpec { bias: norm.is_none(), ..spec };
        let norm_scope = scope.sub("norm");
        Self::new(&scope.sub("conv"), norm.map(|n| (&norm_scope, n)), spec, act)
    }

    /// `[N, C, H, W]` to `[N, O, H', W']`.
    ///
    /// # Errors
    /// libtorch's message when the channels do not fit.
    pub fn forward(&self, x: &Tensor) -> Result<Tensor, Error> {
        if count::counting() {
            return self.count(x);
        }
        let ConvSpec { stride, padding, dilation, groups, .. } = self.spec;
        let (bias, stride, padding, dilation) = (self.bias.as_ref(), [stride; 2], [padding; 2], [dilation; 2]);
        let y = if self.spec.transposed {
            x.f_conv_transpose2d(&self.weight, bias, stride, padding, [0, 0], groups, dilation)?
        } else {
            x.f_conv2d(&self.weight, bias, stride, padding, dilation, groups)?
        };
        let y = match &self.norm {
            Some(norm) => norm.forward(&y)?,
            None => y,
        };
        self.act.apply(y)
    }

    /// Records the layer and answers with an empty map of the right shape.
    fn count(&self, x: &Tensor) -> Result<Tensor, Error> {
        let spec = &self.spec;
        let (n, channels, h, w) = x.size4()?;
        if channels != spec.input {
            return Err(Error::Input(format!("a layer of {} channels is given {channels}", spec.input)));
        }
        let side = |s: i64| {
            if spec.transposed {
                (s - 1) * spec.stride - 2 * spec.padding + spec.kernel
            } else {
                (s + 2 * spec.padding - spec.dilation * (spec.kernel - 1) - 1) / spec.stride + 1
            }
        };
        let y = Tensor::f_empty([n, spec.output, side(h), side(w)], (x.kind(), x.device()))?;
        // Every tap of every kernel meets every pixel of the smaller of the two maps once.
        let pixels = n * if spec.transposed { h * w } else { side(h) * side(w) };
        let macs = (self.weight.numel() as i64 * pixels) as u64;
        count::record(&self.weight, macs, self.norm.as_ref().map_or(0, |_| y.numel() as u64));
        Ok(y)
    }

    /// Folds the normalisation and lays the weight out for inference in `kind`. GroupNorm stays a layer of its own.
    ///
    /// # Errors
    /// libtorch's message.
    pub fn optimize(&mut self, kind: Kind) -> Result<(), Error> {
        let mut weight = self.weight.to_kind(Kind::Double);
        let mut bias = self.bias.as_ref().map(|b| b.to_kind(Kind::Double));
        if let Some((scale, shift)) = self.norm.as_ref().and_then(Norm::affine) {
            weight *= scale.reshape(if self.spec.transposed { [1, -1, 1, 1] } else { [-1, 1, 1, 1] });
            bias = Some(match bias {
                Some(bias) => bias * scale + shift,
                None => shift,
            });
            self.norm = None;
        }
        self.weight = channels_last(&weight.f_to_kind(kind)?)?;
        self.bias = bias.map(|b| b.f_to_kind(kind)).transpose()?;
        self.norm.iter_mut().try_for_each(|n| n.optimize(kind))
    }
}

/// A fully connected layer.
#[derive(Debug)]
pub struct Linear {
    /// `[out, in]`.
    pub weight: Tensor,
    /// `[out]`.
    pub bias: Tensor,
}

impl Linear {
    /// Builds the layer with parameters `weight` and `bias` in `scope`.
    pub fn new(scope: &Scope, input: i64, output: i64) -> Self {
        Self {
            weight: scope.param("weight", &[output, input], Init::Kaiming),
            bias: scope.param("bias", &[output], Init::Zeros),
        }
    }

    /// `[N, in]` to `[N, out]`.
    ///
    /// # Errors
    /// libtorch's message when the width does not fit.
    pub fn forward(&self, x: &Tensor) -> Result<Tensor, Error> {
        if count::counting() {
            let rows = x.size().first().copied().unwrap_or(1);
            count::record(&self.weight, self.weight.numel() as u64 * rows as u64, 0);
            return Ok(Tensor::f_empty([rows, self.bias.numel() as i64], (x.kind(), x.device()))?);
        }
        Ok(x.f_linear(&self.weight, Some(&self.bias))?)
    }

    /// Converts to the precision of inference.
    ///
    /// # Errors
    /// libtorch's message.
    pub fn optimize(&mut self, kind: Kind) -> Result<(), Error> {
        self.weight = self.weight.f_to_kind(kind)?;
        self.bias = self.bias.f_to_kind(kind)?;
        Ok(())
    }
}

/// The same tensor `[N, C, H, W]` with channels last in memory: what oneDNN and cuDNN like best.
///
/// # Errors
/// libtorch's message when the tensor has not four dimensions.
pub fn channels_last(x: &Tensor) -> Result<Tensor, Error> {
    Ok(x.f_permute([0, 2, 3, 1])?.f_contiguous()?.f_permute([0, 3, 1, 2])?)
}
