//! The layers that every network is made of. One layer has two lives: trainable, and folded for inference.

use crate::Error;
use crate::params::{Init, Scope};
use crate::spec::{NormKind, NormSpec};
use tch::{Kind, Tensor};

/// Channels that share a mean in GroupNorm come in this many groups (spec/vovnet.md §3).
const GROUPS: i64 = 32;

/// What follows a convolution and its normalisation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Act {
    /// Nothing.
    None,
    /// max(x, 0).
    Relu,
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
    /// Groups.
    pub groups: i64,
    /// Whether there is a bias.
    pub bias: bool,
}

impl ConvSpec {
    /// A convolution with stride 1, one group and no bias; padding keeps the size.
    pub const fn new(input: i64, output: i64, kernel: i64) -> Self {
        Self { input, output, kernel, stride: 1, groups: 1, bias: false }
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

/// A normalisation layer with its statistics.
#[derive(Debug)]
struct Norm {
    spec: NormSpec,
    weight: Tensor,
    bias: Tensor,
    /// Running mean and variance; none in GroupNorm.
    running: Option<(Tensor, Tensor)>,
}

impl Norm {
    fn new(scope: &Scope, spec: NormSpec, channels: i64) -> Self {
        let shape = &[channels];
        let affine = |name, init| match spec.kind {
            NormKind::Frozen => scope.buffer(name, shape, init),
            NormKind::Batch | NormKind::Group => scope.param(name, shape, init),
        };
        let weight = affine("weight", Init::Ones);
        let bias = affine("bias", Init::Zeros);
        let running = (spec.kind != NormKind::Group).then(|| {
            (scope.buffer("running_mean", shape, Init::Zeros), scope.buffer("running_var", shape, Init::Ones))
        });
        Self { spec, weight, bias, running }
    }

    fn forward(&self, x: &Tensor) -> Result<Tensor, Error> {
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
    fn affine(&self) -> Option<(Tensor, Tensor)> {
        let (mean, var) = self.running.as_ref()?;
        let double = |t: &Tensor| t.to_kind(Kind::Double);
        let scale = double(&self.weight) / (double(var) + self.spec.eps).sqrt();
        let shift = double(&self.bias) - double(mean) * &scale;
        Some((scale, shift))
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
        let shape = [spec.output, spec.input / spec.groups, spec.kernel, spec.kernel];
        let weight = conv.param("weight", &shape, Init::Kaiming);
        let bias = spec.bias.then(|| conv.param("bias", &[spec.output], Init::Zeros));
        let norm = norm.map(|(scope, norm)| Norm::new(scope, norm, spec.output));
        Self { spec, weight, bias, norm, act }
    }

    /// `[N, C, H, W]` to `[N, O, H', W']`.
    ///
    /// # Errors
    /// libtorch's message when the channels do not fit.
    pub fn forward(&self, x: &Tensor) -> Result<Tensor, Error> {
        let (stride, padding) = (self.spec.stride, self.spec.kernel / 2);
        let y = x.f_conv2d(&self.weight, self.bias.as_ref(), [stride; 2], [padding; 2], [1, 1], self.spec.groups)?;
        let mut y = match &self.norm {
            Some(norm) => norm.forward(&y)?,
            None => y,
        };
        match self.act {
            Act::Relu => Ok(y.f_relu_()?),
            Act::None => Ok(y),
        }
    }

    /// Folds the normalisation and lays the weight out for inference in `kind`. GroupNorm stays a layer of its own.
    ///
    /// # Errors
    /// libtorch's message.
    pub fn optimize(&mut self, kind: Kind) -> Result<(), Error> {
        let mut weight = self.weight.to_kind(Kind::Double);
        let mut bias = self.bias.as_ref().map(|b| b.to_kind(Kind::Double));
        if let Some((scale, shift)) = self.norm.as_ref().and_then(Norm::affine) {
            weight *= scale.reshape([-1, 1, 1, 1]);
            bias = Some(match bias {
                Some(bias) => bias * scale + shift,
                None => shift,
            });
            self.norm = None;
        }
        self.weight = channels_last(&weight.f_to_kind(kind)?)?;
        self.bias = bias.map(|b| b.f_to_kind(kind)).transpose()?;
        if let Some(norm) = &mut self.norm {
            norm.weight = norm.weight.f_to_kind(kind)?;
            norm.bias = norm.bias.f_to_kind(kind)?;
        }
        Ok(())
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
