//! SSD, DSOD, Pelee and RefineDet as numbers: one structure, since they share all of it.

use super::{Dialect, NormSpec};
use serde::{Deserialize, Serialize};

/// A one-stage detector: source maps, a box and a class prediction for every prior box on them.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct OneStageSpec {
    /// Whose rules.
    pub dialect: Dialect,
    /// Features of the backbone that are sources, finest first.
    pub taps: Vec<String>,
    /// What makes a further source out of the last one.
    pub extras: Vec<ExtraSpec>,
    /// Sources that are L2-normalised over their channels.
    #[serde(default)]
    pub l2: Vec<L2Spec>,
    /// RefineDet's anchor refinement and transfer connections; none in a detector of one step.
    pub refine: Option<RefineSpec>,
    /// The predictors.
    pub head: HeadSpec,
    /// Prior boxes of every predictor.
    pub priors: Vec<PriorMap>,
    /// From scores to detections.
    pub post: OneStagePost,
}

/// Layers behind the backbone that make one more source.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum ExtraSpec {
    /// 1x1 and another convolution (SSD).
    Conv {
        /// Channels of the 1x1.
        squeeze: i64,
        /// Channels of the source.
        output: i64,
        /// Side of the second kernel.
        kernel: i64,
        /// Stride of the second.
        stride: i64,
        /// Padding of the second.
        padding: i64,
        /// Normalisation of both; none: they have a bias.
        norm: Option<NormSpec>,
    },
    /// 1x1, depthwise 3x3 with stride 2, 1x1, each with ReLU6 (SSDLite).
    Depthwise {
        /// Channels of the first two.
        squeeze: i64,
        /// Channels of the source.
        output: i64,
        /// Normalisation of all three.
        norm: NormSpec,
    },
    /// DSOD's dense prediction unit (docs/reference/dsod.md §1.1): a pooled and a convolved half.
    Dense {
        /// Channels of each half.
        width: i64,
        /// Order of the halves: pooled first, as in Caffe.
        pool_first: bool,
        /// Neither padding nor rounding up: the last unit of the PyTorch port (docs/reference/dsod.md §1.9).
        valid: bool,
        /// Normalisation.
        norm: NormSpec,
    },
    /// RefineDet's res6: a residual bottleneck whose 1x1 convolutions have stride 2 (docs/reference/refinedet.md §5).
    Residual {
        /// Its widths.
        block: BlockSpec,
        /// Normalisation.
        norm: NormSpec,
    },
}

/// A residual bottleneck with a projection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct BlockSpec {
    /// Channels inside.
    pub width: i64,
    /// Channels of the result.
    pub output: i64,
}

/// An L2-normalised source.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct L2Spec {
    /// Which source, from 0.
    pub source: usize,
    /// Scale that training starts from.
    pub initial: f64,
}

/// RefineDet's two steps (arXiv 1711.06897).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RefineSpec {
    /// Channels of the transfer connection blocks.
    pub channels: i64,
    /// Their normalisation; none: they have a bias.
    pub norm: Option<NormSpec>,
    /// Priors whose objectness is below this are no detections.
    pub objectness: f32,
}

/// The predictors of boxes and classes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct HeadSpec {
    /// The source of every predictor.
    pub sources: Vec<usize>,
    /// A residual block in front, one per source.
    pub block: Option<BlockSpec>,
    /// Normalisation of the blocks.
    pub block_norm: NormSpec,
    /// Side of the predictors' kernels.
    pub kernel: i64,
    /// Normalisation behind the predictors; none: they have a bias.
    pub norm: Option<NormSpec>,
    /// A depthwise 3x3 with this normalisation and a 1x1, instead of one convolution (SSDLite).
    pub depthwise: Option<NormSpec>,
}

/// The prior boxes of one map; all sizes in input pixels.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PriorMap {
    /// Side of the small square.
    pub min: f64,
    /// With it, a square of side √(min · max).
    pub max: Option<f64>,
    /// Width divided by height of the others, each with its inverse.
    pub ratios: Vec<f64>,
    /// Distance of the centres; 0: the input's side divided by the map's.
    pub step: f64,
    /// Corners are clipped to the input; some Caffe files say so.
    #[serde(default)]
    pub clip: bool,
}

impl PriorMap {
    /// Prior boxes in a cell.
    pub fn per_cell(&self) -> i64 {
        1 + i64::from(self.max.is_some()) + 2 * self.ratios.len() as i64
    }
}

/// From scores to detections.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct OneStagePost {
    /// Detections must score above this.
    pub score: f32,
    /// IoU threshold of the per-class NMS.
    pub nms: f32,
    /// Best candidates of a class that go into NMS.
    pub top_k: usize,
    /// Most detections of an image.
    pub keep: usize,
    /// Linear soft-NMS on top, as RefineDet's COCO protocol has it.
    #[serde(default)]
    pub soft_nms: Option<SoftNms>,
}

/// Linear soft-NMS (arXiv 1704.04503).
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct SoftNms {
    /// Overlaps above this lower a score.
    pub threshold: f32,
    /// Scores that fall below this are dropped.
    pub score: f32,
}

impl SoftNms {
    /// RefineDet's COCO protocol (docs/reference/refinedet.md §2).
    pub const COCO: Self = Self { threshold: 0.3, score: 0.01 };
}

/// The facts in which the dialects of one-stage detectors differ; the flow is the same for all.
#[derive(Debug)]
pub struct OneStageRules {
    /// Where the ε of L2 normalisation stands.
    pub l2: L2Rule,
    /// How prior boxes are computed.
    pub priors: PriorRule,
    /// Boxes are in input pixels, else they are fractions of the input's sides.
    pub pixels: bool,
    /// Width and height deltas are clamped here before the exponential.
    pub max_log_scale: f32,
    /// Boxes are clipped to the input before NMS.
    pub clip_before_nms: bool,
    /// A score at the threshold itself is enough.
    pub score_inclusive: bool,
    /// NMS suppresses at the threshold itself.
    pub nms_inclusive: bool,
    /// An objectness at the threshold itself is not enough.
    pub objectness_inclusive: bool,
    /// The limit of detections per image has no effect (docs/reference/refinedet.md §4.2, 3).
    pub keep_all: bool,
    /// A prior answers with its best class only.
    pub one_per_prior: bool,
    /// Boxes are clipped to the photograph at the end.
    pub clip_after_rescale: bool,
    /// What the reference calls the maps that it predicts from, and whether that is behind their L2 normalisation.
    pub sources: (&'static str, bool),
    /// What the reference of a detector of one step calls box deltas, class logits and prior boxes.
    pub outputs: Option<[&'static str; 3]>,
}

/// Where the ε of L2 normalisation stands.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum L2Rule {
    /// √(Σx² + ε).
    Inside(f64),
    /// √Σx² + ε.
    Outside(f64),
    /// max(√Σx², ε).
    AtLeast(f64),
}

/// How prior boxes are computed, and in which form they are reported.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PriorRule {
    /// Sizes cut to integers, corners as fractions, not clipped (docs/reference/dsod.md §1.2).
    Caffe,
    /// Widths and heights at most the input's, corners in pixels.
    Torchvision,
    /// Centre, width and height as fractions, clamped to 0..1 (docs/reference/refinedet.md §4.2, 1).
    Luuuyi,
    /// Centre, width and height as fractions; the larger square first, then ratios ascending (docs/reference/dsod.md
    /// §1.9).
    Uoip,
}

pub(super) static CAFFE: OneStageRules = OneStageRules {
    l2: L2Rule::Inside(1e-10),
    priors: PriorRule::Caffe,
    pixels: false,
    max_log_scale: f32::INFINITY,
    clip_before_nms: false,
    score_inclusive: false,
    nms_inclusive: false,
    objectness_inclusive: false,
    keep_all: false,
    one_per_prior: false,
    clip_after_rescale: true,
    sources: ("source", false),
    outputs: Some(["mbox_loc", "mbox_conf", "priors"]),
};

pub(super) static TORCHVISION: OneStageRules = OneStageRules {
    l2: L2Rule::AtLeast(1e-12),
    priors: PriorRule::Torchvision,
    pixels: true,
    max_log_scale: crate::ops::boxes::MAX_LOG_SCALE,
    clip_before_nms: true,
    clip_after_rescale: false,
    sources: ("features", true),
    outputs: Some(["bbox_regression", "cls_logits", "anchors"]),
    ..CAFFE
};

pub(super) static LUUUYI: OneStageRules = OneStageRules {
    l2: L2Rule::Outside(1e-10),
    priors: PriorRule::Luuuyi,
    objectness_inclusive: true,
    keep_all: true,
    clip_after_rescale: false,
    outputs: None,
    ..CAFFE
};

pub(super) static UOIP: OneStageRules = OneStageRules {
    // √max(Σx², 1e-10).
    l2: L2Rule::AtLeast(1e-5),
    priors: PriorRule::Uoip,
    clip_before_nms: true,
    score_inclusive: true,
    nms_inclusive: true,
    one_per_prior: true,
    clip_after_rescale: false,
    outputs: Some(["loc", "conf", "anchors"]),
    ..CAFFE
};
