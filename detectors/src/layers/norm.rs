//! Normalisation layers.

use super::init::InitRule;
use super::{Layer, Layers, Parameter, PathExt, Tally, Visitor, module, replace};
use crate::Error;
use crate::spec::{L2Rule, NormKind, NormSpec};
use tch::{Kind, Tensor, nn};

/// Channels that share a mean in GroupNorm come in this many groups (docs/reference/vovnet.md §3).
const GROUPS: i64 = 32;

/// A normalisation layer with its statistics.
#[derive(Debug)]
pub(super) struct Norm {
    name: String,
    spec: NormSpec,
    layer: NormLayer,
}

#[derive(Debug)]
enum NormLayer {
    Batch(nn::BatchNorm),
    Group(nn::GroupNorm),
}

impl Norm {
    pub(super) fn new(path: &nn::Path, spec: NormSpec, channels: i64) -> Self {
        let layer = match spec.kind {
            NormKind::Group => {
                let config = nn::GroupNormConfig { eps: spec.eps, ..Default::default() };
                NormLayer::Group(nn::group_norm(path, GROUPS, channels, config))
            }
            NormKind::Batch | NormKind::Frozen | NormKind::Merged => {
                let frozen = spec.kind == NormKind::Frozen;
                let config = nn::BatchNormConfig {
                    eps: spec.eps,
                    momentum: spec.momentum,
                    affine: !frozen,
                    // tch starts the scale uniformly in 0..1; every reference starts it at 1.
                    ws_init: nn::Init::Const(1.0),
                    ..Default::default()
                };
                let mut norm = nn::batch_norm2d(path, channels, config);
                if frozen {
                    norm.ws = Some(path.ones_no_train("weight", &[channels]));
                    norm.bs = Some(path.zeros_no_train("bias", &[channels]));
                }
                NormLayer::Batch(norm)
            }
        };
        Self { name: path.name(), spec, layer }
    }

    /// The same shape; with `train`, a batch norm normalises by the batch and updates its running statistics.
    pub(super) fn try_forward_t(&self, x: &Tensor, train: bool) -> Result<Tensor, Error> {
        Ok(match &self.layer {
            // libtorch sums a channels_last group naively in float32 on CPUs: 50 times the error at 200 x 304.
            NormLayer::Group(g) => {
                x.f_contiguous()?.f_group_norm(GROUPS, g.ws.as_ref(), g.bs.as_ref(), self.spec.eps, false)?
            }
            NormLayer::Batch(b) => x.f_batch_norm(
                b.ws.as_ref(),
                b.bs.as_ref(),
                Some(&b.running_mean),
                Some(&b.running_var),
                train && self.spec.kind == NormKind::Batch,
                self.spec.momentum,
                self.spec.eps,
                true,
            )?,
        })
    }

    /// The layer as `x * scale + shift`, in float64; none for GroupNorm, which depends on its input.
    pub(super) fn affine(&self) -> Option<(Tensor, Tensor)> {
        let NormLayer::Batch(b) = &self.layer else { return None };
        let double = |t: &Tensor| t.detach().to_kind(Kind::Double);
        let (weight, bias) = (b.ws.as_ref().map(double)?, b.bs.as_ref().map(double)?);
        let scale = weight / (double(&b.running_var) + self.spec.eps).sqrt();
        let shift = bias - double(&b.running_mean) * &scale;
        Some((scale, shift))
    }

    /// Weight, bias, running mean, running variance.
    pub(super) fn parameters(&self) -> Vec<Parameter> {
        let (affine, statistics) = match &self.layer {
            NormLayer::Group(g) => ([g.ws.as_ref(), g.bs.as_ref()], [None, None]),
            NormLayer::Batch(b) => ([b.ws.as_ref(), b.bs.as_ref()], [Some(&b.running_mean), Some(&b.running_var)]),
        };
        let names = ["weight", "bias", "running_mean", "running_var"];
        let starts = [1.0, 0.0, 0.0, 1.0];
        let tensors = affine.into_iter().chain(statistics).zip(names).zip(starts).enumerate();
        tensors
            .filter_map(|(i, ((tensor, name), start))| {
                Some(Parameter {
                    name: format!("{}.{name}", self.name),
                    tensor: tensor?.shallow_clone(),
                    trainable: i < 2 && self.spec.kind != NormKind::Frozen,
                    init: nn::Init::Const(start),
                })
            })
            .collect()
    }

    /// Converts scale and shift; running statistics keep their precision.
    pub(super) fn plan(&mut self, kind: Kind) -> Result<(), Error> {
        let (weight, bias) = match &mut self.layer {
            NormLayer::Group(g) => (&mut g.ws, &mut g.bs),
            NormLayer::Batch(b) => (&mut b.ws, &mut b.bs),
        };
        for tensor in weight.iter_mut().chain(bias) {
            let data = tensor.f_detach()?.f_to_kind(kind)?;
            replace(tensor, &data);
        }
        Ok(())
    }
}

/// Normalisation and ReLU in front of a convolution: the pre-activation of DenseNet and DSOD.
#[derive(Debug)]
pub struct NormRelu {
    norm: Norm,
    tally: Option<Tally>,
}

impl NormRelu {
    /// Builds the layer with the norm's parameters at `path`.
    pub fn new(path: &nn::Path, spec: NormSpec, channels: i64) -> Self {
        Self { norm: Norm::new(path, spec, channels), tally: None }
    }

    /// `[N, C, H, W]` to the same shape.
    ///
    /// # Errors
    /// libtorch's message when the channels do not fit.
    pub fn try_forward_t(&self, x: &Tensor, train: bool) -> Result<Tensor, Error> {
        if let Some(tally) = &self.tally {
            tally.add(&self.norm.name, 0, x.numel() as u64);
        }
        Ok(self.norm.try_forward_t(x, train)?.f_relu_()?)
    }
}

module!(NormRelu);

impl Layers for NormRelu {
    fn visit(&mut self, visitor: &mut Visitor<'_>) -> Result<(), Error> {
        visitor(self)
    }
}

impl Layer for NormRelu {
    fn name(&self) -> &str {
        &self.norm.name
    }

    fn parameters(&self) -> Vec<Parameter> {
        self.norm.parameters()
    }

    fn plan(&mut self, kind: Kind) -> Result<(), Error> {
        self.norm.plan(kind)
    }

    fn count_into(&mut self, tally: Option<Tally>) {
        self.tally = tally;
    }
}

/// L2 normalisation over the channels of every pixel, with a learned scale per channel (ParseNet, arXiv 1506.04579).
#[derive(Debug)]
pub struct L2Norm {
    name: String,
    /// `[C]`.
    weight: Tensor,
    rule: L2Rule,
    initial: f64,
}

impl L2Norm {
    /// Builds the layer with parameter `weight` at `path`; training starts from `initial`.
    pub fn new(path: &nn::Path, channels: i64, rule: L2Rule, initial: f64) -> Self {
        let weight = path.uninitialised("weight", &[channels]);
        Self { name: path.name(), weight, rule, initial }
    }

    /// `[N, C, H, W]` to the same shape.
    ///
    /// # Errors
    /// libtorch's message when the channels do not fit.
    pub fn try_forward_t(&self, x: &Tensor, _train: bool) -> Result<Tensor, Error> {
        // The sum of many squares needs more digits than a 16-bit float has.
        let kind = if x.kind() == Kind::Double { Kind::Double } else { Kind::Float };
        let squares = x.f_square()?.f_sum_dim_intlist([1i64].as_slice(), true, kind)?;
        let norm = match self.rule {
            L2Rule::Inside(eps) => (squares + eps).f_sqrt()?,
            L2Rule::Outside(eps) => squares.f_sqrt()? + eps,
            L2Rule::AtLeast(eps) => squares.f_sqrt()?.f_clamp_min(eps)?,
        };
        let weight = self.weight.f_view([1, -1, 1, 1])?;
        Ok(x.f_div(&norm.f_to_kind(x.kind())?)?.f_mul(&weight)?)
    }
}

module!(L2Norm);

impl Layers for L2Norm {
    fn visit(&mut self, visitor: &mut Visitor<'_>) -> Result<(), Error> {
        visitor(self)
    }
}

impl Layer for L2Norm {
    fn name(&self) -> &str {
        &self.name
    }

    fn parameters(&self) -> Vec<Parameter> {
        vec![Parameter {
            name: format!("{}.weight", self.name),
            tensor: self.weight.shallow_clone(),
            trainable: true,
            init: InitRule::Constant(self.initial).distribution(&[]),
        }]
    }

    fn plan(&mut self, kind: Kind) -> Result<(), Error> {
        let data = self.weight.f_detach()?.f_to_kind(kind)?;
        replace(&mut self.weight, &data);
        Ok(())
    }

    /// Its few operations are not counted (docs/reference/refinedet.md §6).
    fn count_into(&mut self, _tally: Option<Tally>) {}
}
