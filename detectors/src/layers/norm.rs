//! Normalisation layers.

use super::count;
use crate::Error;
use crate::params::{Init, Scope};
use crate::spec::{L2Rule, NormKind, NormSpec};
use tch::{Kind, Tensor};

/// Channels that share a mean in GroupNorm come in this many groups (spec/vovnet.md §3).
const GROUPS: i64 = 32;

/// A normalisation layer with its statistics.
#[derive(Debug)]
pub(super) struct Norm {
    spec: NormSpec,
    weight: Tensor,
    bias: Tensor,
    /// Running mean and variance; none in GroupNorm.
    running: Option<(Tensor, Tensor)>,
}

impl Norm {
    pub(super) fn new(scope: &Scope, spec: NormSpec, channels: i64) -> Self {
        let shape = &[channels];
        let affine = |name, init| match spec.kind {
            NormKind::Frozen => scope.buffer(name, shape, init),
            NormKind::Batch | NormKind::Group | NormKind::Merged => scope.param(name, shape, init),
        };
        let weight = affine("weight", Init::Ones);
        let bias = affine("bias", Init::Zeros);
        let running = (spec.kind != NormKind::Group).then(|| {
            (scope.buffer("running_mean", shape, Init::Zeros), scope.buffer("running_var", shape, Init::Ones))
        });
        Self { spec, weight, bias, running }
    }

    pub(super) fn forward(&self, x: &Tensor) -> Result<Tensor, Error> {
        Ok(match &self.running {
            // libtorch sums a channels_last group naively in float32 on CPUs: 50 times the error at 200 x 304.
            None => {
                x.f_contiguous()?.f_group_norm(GROUPS, Some(&self.weight), Some(&self.bias), self.spec.eps, false)?
            }
            Some((mean, var)) => x.f_batch_norm(
                Some(&self.weight),
                Some(&self.bias),
                Some(mean),
                Some(var),
                false,
                0.1,
                self.spec.eps,
                false,
            )?,
        })
    }

    /// The layer as `x * scale + shift`, in float64; none for GroupNorm, which depends on its input.
    pub(super) fn affine(&self) -> Option<(Tensor, Tensor)> {
        let (mean, var) = self.running.as_ref()?;
        let double = |t: &Tensor| t.to_kind(Kind::Double);
        let scale = double(&self.weight) / (double(var) + self.spec.eps).sqrt();
        let shift = double(&self.bias) - double(mean) * &scale;
        Some((scale, shift))
    }

    pub(super) fn optimize(&mut self, kind: Kind) -> Result<(), Error> {
        for tensor in [&mut self.weight, &mut self.bias] {
            *tensor = tensor.f_to_kind(kind)?;
        }
        Ok(())
    }
}

/// Normalisation and ReLU in front of a convolution: the pre-activation of DenseNet and DSOD.
#[derive(Debug)]
pub struct NormRelu {
    norm: Norm,
}

impl NormRelu {
    /// Builds the layer with the norm's parameters in `scope`.
    pub fn new(scope: &Scope, spec: NormSpec, channels: i64) -> Self {
        Self { norm: Norm::new(scope, spec, channels) }
    }

    /// `[N, C, H, W]` to the same shape.
    ///
    /// # Errors
    /// libtorch's message when the channels do not fit.
    pub fn forward(&self, x: &Tensor) -> Result<Tensor, Error> {
        count::norm(&self.norm.weight, x);
        Ok(self.norm.forward(x)?.f_relu_()?)
    }

    /// Converts to the precision of inference. Running statistics stay float32.
    ///
    /// # Errors
    /// libtorch's message.
    pub fn optimize(&mut self, kind: Kind) -> Result<(), Error> {
        self.norm.optimize(kind)
    }
}

/// L2 normalisation over the channels of every pixel, with a learned scale per channel (ParseNet, arXiv 1506.04579).
#[derive(Debug)]
pub struct L2Norm {
    /// `[C]`.
    weight: Tensor,
    rule: L2Rule,
}

impl L2Norm {
    /// Builds the layer with parameter `weight` in `scope`; training starts from `initial`.
    pub fn new(scope: &Scope, channels: i64, rule: L2Rule, initial: f64) -> Self {
        Self { weight: scope.param("weight", &[channels], Init::Fill(initial)), rule }
    }

    /// `[N, C, H, W]` to the same shape.
    ///
    /// # Errors
    /// libtorch's message when the channels do not fit.
    pub fn forward(&self, x: &Tensor) -> Result<Tensor, Error> {
        let squares = x.f_square()?.f_sum_dim_intlist([1i64].as_slice(), true, Kind::Float)?;
        let norm = match self.rule {
            L2Rule::Inside(eps) => (squares + eps).f_sqrt()?,
            L2Rule::Outside(eps) => squares.f_sqrt()? + eps,
            L2Rule::AtLeast(eps) => squares.f_sqrt()?.f_clamp_min(eps)?,
        };
        let weight = self.weight.f_view([1, -1, 1, 1])?;
        Ok(x.f_div(&norm.f_to_kind(x.kind())?)?.f_mul(&weight)?)
    }

    /// Converts to the precision of inference.
    ///
    /// # Errors
    /// libtorch's message.
    pub fn optimize(&mut self, kind: Kind) -> Result<(), Error> {
        self.weight = self.weight.f_to_kind(kind)?;
        Ok(())
    }
}
