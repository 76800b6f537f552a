//! The three heads (docs/reference/mask_rcnn.md §7).

use crate::Error;
use crate::layers::{Act, ConvNormAct, ConvSpec, Linear, PathExt, chain, layers};
use crate::spec::{Background, MaskHeadSpec, MaskRcnnSpec, NormSpec, Rules};
use tch::{Tensor, nn};

/// A row of 3x3 convolutions `{i}.0` with norms `{i}.1`: without a norm, with a bias.
fn tower(path: &nn::Path, count: usize, input: i64, width: i64, norm: Option<NormSpec>) -> Vec<ConvNormAct> {
    (0..count)
        .map(|i| {
            let path = path.at(&i.to_string());
            let spec = ConvSpec::new(if i == 0 { input } else { width }, width, 3);
            let spec = ConvSpec { bias: norm.is_none(), ..spec };
            let norm_path = path.at("1");
            ConvNormAct::new(&path.at("0"), norm.map(|n| (&norm_path, n)), spec, Act::Relu)
        })
        .collect()
}

/// Region proposal network: objectness and box deltas for every anchor.
#[derive(Debug)]
pub(super) struct RpnHead {
    convs: Vec<ConvNormAct>,
    objectness: ConvNormAct,
    deltas: ConvNormAct,
}

impl RpnHead {
    pub(super) fn new(path: &nn::Path, spec: &MaskRcnnSpec, channels: i64) -> Self {
        let anchors = spec.anchors.ratios.len() as i64;
        let conv = |name: &str, output: i64| {
            ConvNormAct::new(&path.at(name), None, ConvSpec::new(channels, output, 1).bias(), Act::None)
        };
        Self {
            convs: tower(&path.at("conv"), spec.rpn.convs, channels, channels, None),
            objectness: conv("cls_logits", anchors),
            deltas: conv("bbox_pred", 4 * anchors),
        }
    }

    /// Per level: logits `[N, A, H, W]` and deltas `[N, 4A, H, W]`.
    pub(super) fn try_forward_t(&self, levels: &[Tensor], train: bool) -> Result<(Vec<Tensor>, Vec<Tensor>), Error> {
        let mut outputs = (Vec::new(), Vec::new());
        for level in levels {
            let x = chain(&self.convs, level, train)?;
            outputs.0.push(self.objectness.try_forward_t(&x, train)?);
            outputs.1.push(self.deltas.try_forward_t(&x, train)?);
        }
        Ok(outputs)
    }
}

layers!(RpnHead { convs, objectness, deltas });

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
        path: &nn::Path,
        spec: &MaskRcnnSpec,
        rules: &Rules,
        channels: i64,
        bins: i64,
        classes: i64,
    ) -> Self {
        let head = &spec.box_head;
        let box_head = path.at("box_head");
        let convs = tower(&box_head, head.convs, channels, head.conv_channels, head.norm);
        let pooled = if head.convs > 0 { head.conv_channels } else { channels } * bins * bins;
        let hidden = if head.convs > 0 {
            // One position of the sequence is the flattening, which has no parameters.
            vec![Linear::new(&box_head.at(&(head.convs + 1).to_string()), pooled, head.hidden)]
        } else {
            vec![
                Linear::new(&box_head.at("fc6"), pooled, head.hidden),
                Linear::new(&box_head.at("fc7"), head.hidden, head.hidden),
            ]
        };
        let groups = delta_groups(rules, classes);
        let predictor = path.at("box_predictor");
        Self {
            convs,
            hidden,
            scores: Linear::new(&predictor.at("cls_score"), head.hidden, classes + 1),
            deltas: Linear::new(&predictor.at("bbox_pred"), head.hidden, 4 * groups),
        }
    }

    /// `[R, C, 7, 7]` to logits `[R, classes + 1]` and deltas `[R, 4 · groups]`.
    pub(super) fn try_forward_t(&self, pooled: &Tensor, train: bool) -> Result<(Tensor, Tensor), Error> {
        let mut x = chain(&self.convs, pooled, train)?.f_flatten(1, -1)?;
        for layer in &self.hidden {
            x = layer.try_forward_t(&x, train)?.f_relu_()?;
        }
        Ok((self.scores.try_forward_t(&x, train)?, self.deltas.try_forward_t(&x, train)?))
    }
}

layers!(BoxHead { convs, hidden, scores, deltas });

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
    /// 1x1, a channel per group.
    logits: ConvNormAct,
    /// Channel of the first foreground class.
    first: i64,
}

impl MaskHead {
    pub(super) fn new(path: &nn::Path, spec: &MaskHeadSpec, rules: &Rules, input: i64, classes: i64) -> Self {
        let width = spec.channels;
        let groups = delta_groups(rules, classes);
        let predictor = path.at("mask_predictor");
        let logits = ConvSpec::new(width, groups, 1).bias();
        let upsample = ConvSpec::upsample(width, width).bias();
        Self {
            convs: tower(&path.at("mask_head"), spec.convs, input, width, spec.norm),
            upsample: ConvNormAct::new(&predictor.at("conv5_mask"), None, upsample, Act::Relu),
            logits: ConvNormAct::new(&predictor.at("mask_fcn_logits"), None, logits, Act::None),
            first: groups - classes,
        }
    }

    /// `[D, C, 14, 14]` to the logits `[D, groups, 28, 28]` of all classes, which the loss chooses from.
    pub(super) fn try_forward_t(&self, pooled: &Tensor, train: bool) -> Result<Tensor, Error> {
        let x = chain(&self.convs, pooled, train)?;
        self.logits.try_forward_t(&self.upsample.try_forward_t(&x, train)?, train)
    }

    /// `[D, C, 14, 14]` to the logits `[D, 28, 28]` of each detection's own class.
    ///
    /// Only that class's filter is applied: the other channels would be thrown away.
    pub(super) fn of_labels(&self, pooled: &Tensor, labels: &[usize]) -> Result<Tensor, Error> {
        let count = labels.len() as i64;
        let side = pooled.size().last().copied().unwrap_or(0) * 2;
        if labels.is_empty() {
            return Ok(Tensor::f_zeros([0, side, side], (pooled.kind(), pooled.device()))?);
        }
        let x = self.upsample.try_forward_t(&chain(&self.convs, pooled, false)?, false)?;
        let channels: Vec<i64> = labels.iter().map(|&l| l as i64 + self.first).collect();
        let channels = Tensor::f_from_slice(&channels)?.f_to_device(pooled.device())?;
        let (weight, bias) = self.logits.weight_and_bias();
        let weight = weight.f_index_select(0, &channels)?.f_reshape([count, 1, -1])?;
        let logits = weight.f_bmm(&x.f_flatten(2, -1)?)?;
        let logits = match bias {
            Some(bias) => logits.f_add(&bias.f_index_select(0, &channels)?.f_view([count, 1, 1])?)?,
            None => logits,
        };
        Ok(logits.f_view([count, side, side])?)
    }
}

layers!(MaskHead { convs, upsample, logits });
