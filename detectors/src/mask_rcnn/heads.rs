//! The three heads (spec/mask_rcnn.md §7).

use crate::Error;
use crate::layers::{Act, ConvNormAct, ConvSpec, Linear, count};
use crate::params::{Init, Scope};
use crate::spec::{Background, MaskHeadSpec, MaskRcnnSpec, NormSpec, Rules};
use tch::{Kind, Tensor};

/// A row of 3x3 convolutions `{i}.0` with norms `{i}.1`: without a norm, with a bias.
fn tower(scope: &Scope, count: usize, input: i64, width: i64, norm: Option<NormSpec>) -> Vec<ConvNormAct> {
    (0..count)
        .map(|i| {
            let scope = scope.sub(&i.to_string());
            let spec = ConvSpec::new(if i == 0 { input } else { width }, width, 3);
            let spec = ConvSpec { bias: norm.is_none(), ..spec };
            let norm_scope = scope.sub("1");
            ConvNormAct::new(&scope.sub("0"), norm.map(|n| (&norm_scope, n)), spec, Act::Relu)
        })
        .collect()
}

fn through(tower: &[ConvNormAct], x: &Tensor) -> Result<Tensor, Error> {
    tower.iter().try_fold(x.shallow_clone(), |x, conv| conv.forward(&x))
}

/// Region proposal network: objectness and box deltas for every anchor.
#[derive(Debug)]
pub(super) struct RpnHead {
    convs: Vec<ConvNormAct>,
    objectness: ConvNormAct,
    deltas: ConvNormAct,
}

impl RpnHead {
    pub(super) fn new(scope: &Scope, spec: &MaskRcnnSpec, channels: i64) -> Self {
        let anchors = spec.anchors.ratios.len() as i64;
        let conv = |name: &str, output: i64| {
            ConvNormAct::new(&scope.sub(name), None, ConvSpec::new(channels, output, 1).bias(), Act::None)
        };
        Self {
            convs: tower(&scope.sub("conv"), spec.rpn.convs, channels, channels, None),
            objectness: conv("cls_logits", anchors),
            deltas: conv("bbox_pred", 4 * anchors),
        }
    }

    /// Per level: logits `[N, A, H, W]` and deltas `[N, 4A, H, W]`.
    pub(super) fn forward(&self, levels: &[Tensor]) -> Result<(Vec<Tensor>, Vec<Tensor>), Error> {
        let mut outputs = (Vec::new(), Vec::new());
        for level in levels {
            let x = through(&self.convs, level)?;
            outputs.0.push(self.objectness.forward(&x)?);
            outputs.1.push(self.deltas.forward(&x)?);
        }
        Ok(outputs)
    }

    pub(super) fn optimize(&mut self, kind: Kind) -> Result<(), Error> {
        self.convs.iter_mut().chain([&mut self.objectness, &mut self.deltas]).try_for_each(|c| c.optimize(kind))
    }
}

/// Box head: two linear layers, or four convolutions and one (4conv1fc), then class scores and box deltas.
#[derive(Debug)]
pub(super) struct BoxHead {
    convs: Vec<ConvNormAct>,
    hidden: Vec<Linear>,
    scores: Linear,
    deltas: Linear,
}

impl BoxHead {
    /// `classes` are the foreground ones. Parameter names are torchvision's: `box_head.fc6`, `fc7`, or `box_head.0.0`,
    /// …, `box_head.5`.
    pub(super) fn new(
        scope: &Scope,
        spec: &MaskRcnnSpec,
        rules: &Rules,
        channels: i64,
        bins: i64,
        classes: i64,
    ) -> Self {
        let head = &spec.box_head;
        let box_head = scope.sub("box_head");
        let convs = tower(&box_head, head.convs, channels, head.conv_channels, head.norm);
        let pooled = if head.convs > 0 { head.conv_channels } else { channels } * bins * bins;
        let hidden = if head.convs > 0 {
            // One position of the sequence is the flattening, which has no parameters.
            vec![Linear::new(&box_head.sub(&(head.convs + 1).to_string()), pooled, head.hidden)]
        } else {
            vec![
                Linear::new(&box_head.sub("fc6"), pooled, head.hidden),
                Linear::new(&box_head.sub("fc7"), head.hidden, head.hidden),
            ]
        };
        let groups = delta_groups(rules, classes);
        let predictor = scope.sub("box_predictor");
        Self {
            convs,
            hidden,
            scores: Linear::new(&predictor.sub("cls_score"), head.hidden, classes + 1),
            deltas: Linear::new(&predictor.sub("bbox_pred"), head.hidden, 4 * groups),
        }
    }

    /// `[R, C, 7, 7]` to logits `[R, classes + 1]` and deltas `[R, 4 · groups]`.
    pub(super) fn forward(&self, pooled: &Tensor) -> Result<(Tensor, Tensor), Error> {
        let mut x = through(&self.convs, pooled)?.f_flatten(1, -1)?;
        for layer in &self.hidden {
            x = layer.forward(&x)?.f_relu_()?;
        }
        Ok((self.scores.forward(&x)?, self.deltas.forward(&x)?))
    }

    pub(super) fn optimize(&mut self, kind: Kind) -> Result<(), Error> {
        self.convs.iter_mut().try_for_each(|c| c.optimize(kind))?;
        self.hidden.iter_mut().chain([&mut self.scores, &mut self.deltas]).try_for_each(|l| l.optimize(kind))
    }
}

/// How many groups of deltas, and channels of masks, belong to `classes` foreground classes.
fn delta_groups(rules: &Rules, classes: i64) -> i64 {
    match rules.background {
        Background::First => classes + 1,
        Background::Last => classes,
    }
}

/// Mask head: convolutions, a transposed convolution that doubles the size, one 1x1 convolution per class.
#[derive(Debug)]
pub(super) struct MaskHead {
    convs: Vec<ConvNormAct>,
    upsample: ConvNormAct,
    /// `[groups, channels, 1, 1]` and `[groups]`.
    logits: (Tensor, Tensor),
    /// Channel of the first foreground class.
    first: i64,
}

impl MaskHead {
    pub(super) fn new(scope: &Scope, spec: &MaskHeadSpec, rules: &Rules, input: i64, classes: i64) -> Self {
        let width = spec.channels;
        let groups = delta_groups(rules, classes);
        let predictor = scope.sub("mask_predictor");
        let logits = predictor.sub("mask_fcn_logits");
        let upsample = ConvSpec::upsample(width, width).bias();
        Self {
            convs: tower(&scope.sub("mask_head"), spec.convs, input, width, spec.norm),
            upsample: ConvNormAct::new(&predictor.sub("conv5_mask"), None, upsample, Act::Relu),
            logits: (
                logits.param("weight", &[groups, width, 1, 1], Init::Kaiming),
                logits.param("bias", &[groups], Init::Zeros),
            ),
            first: groups - classes,
        }
    }

    /// `[D, C, 14, 14]` to the logits `[D, 28, 28]` of each detection's own class.
    ///
    /// Only that class's filter is applied: the other channels would be thrown away.
    pub(super) fn forward(&self, pooled: &Tensor, labels: &[usize]) -> Result<Tensor, Error> {
        let count = labels.len() as i64;
        let side = pooled.size().last().copied().unwrap_or(0) * 2;
        if labels.is_empty() {
            return Ok(Tensor::f_zeros([0, side, side], (Kind::Float, pooled.device()))?);
        }
        let x = through(&self.convs, pooled)?;
        let x = self.upsample.forward(&x)?;
        let (weight, bias) = &self.logits;
        // The references compute every class's mask, and so a count has them all.
        count::side_work(weight, count * side * side);
        let channels: Vec<i64> = labels.iter().map(|&l| l as i64 + self.first).collect();
        let channels = Tensor::f_from_slice(&channels)?.f_to_device(pooled.device())?;
        let weight = weight.f_index_select(0, &channels)?.f_view([count, 1, -1])?;
        let bias = bias.f_index_select(0, &channels)?.f_view([count, 1, 1])?;
        let logits = weight.f_bmm(&x.f_flatten(2, -1)?)? + bias;
        Ok(logits.f_view([count, side, side])?)
    }

    pub(super) fn optimize(&mut self, kind: Kind) -> Result<(), Error> {
        self.convs.iter_mut().try_for_each(|c| c.optimize(kind))?;
        self.upsample.optimize(kind)?;
        for tensor in [&mut self.logits.0, &mut self.logits.1] {
            *tensor = tensor.f_to_kind(kind)?;
        }
        Ok(())
    }
}
