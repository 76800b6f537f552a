//! Whose rules a detector follows, and what differs between them as one struct of facts.

use super::{OneStageRules, one_stage};
use serde::{Deserialize, Serialize};
use std::str::FromStr;
use vovdet_pretrained::naming::Naming;

/// Whose rules a detector follows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Dialect {
    /// maskrcnn-benchmark, used by VoVNet-Detectron.
    MaskrcnnBenchmark,
    /// detectron2, used by vovnet-detectron2.
    Detectron2,
    /// torchvision.
    Torchvision,
    /// Caffe: the authors' own SSD, DSOD, RefineDet and Pelee.
    Caffe,
    /// luuuyi's PyTorch RefineDet.
    Luuuyi,
    /// uoip's PyTorch DSOD.
    Uoip,
}

impl Dialect {
    /// All of them.
    pub const ALL: [Self; 6] =
        [Self::MaskrcnnBenchmark, Self::Detectron2, Self::Torchvision, Self::Caffe, Self::Luuuyi, Self::Uoip];

    /// Kebab-case name, as on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Self::MaskrcnnBenchmark => "maskrcnn-benchmark",
            Self::Detectron2 => "detectron2",
            Self::Torchvision => "torchvision",
            Self::Caffe => "caffe",
            Self::Luuuyi => "luuuyi",
            Self::Uoip => "uoip",
        }
    }

    /// The dialect that writes its keys in this naming.
    pub fn of_naming(naming: Naming) -> Option<Self> {
        match naming {
            Naming::MaskrcnnBenchmark => Some(Self::MaskrcnnBenchmark),
            Naming::Detectron2 => Some(Self::Detectron2),
            Naming::Torchvision | Naming::TorchvisionLegacy => Some(Self::Torchvision),
            Naming::Luuuyi => Some(Self::Luuuyi),
            Naming::Uoip => Some(Self::Uoip),
            Naming::Caffe => Some(Self::Caffe),
            Naming::Timm | Naming::VisionToolbox => None,
        }
    }

    /// What differs from the others in a two-stage detector; none for a dialect that has none.
    pub fn rules(self) -> Option<&'static Rules> {
        match self {
            Self::MaskrcnnBenchmark => Some(&MASKRCNN_BENCHMARK),
            Self::Detectron2 => Some(&DETECTRON2),
            Self::Torchvision => Some(&TORCHVISION),
            Self::Caffe | Self::Luuuyi | Self::Uoip => None,
        }
    }

    /// What differs from the others in a one-stage detector; none for a dialect that has none.
    pub fn one_stage_rules(self) -> Option<&'static OneStageRules> {
        match self {
            Self::Caffe => Some(&one_stage::CAFFE),
            Self::Torchvision => Some(&one_stage::TORCHVISION),
            Self::Luuuyi => Some(&one_stage::LUUUYI),
            Self::Uoip => Some(&one_stage::UOIP),
            Self::MaskrcnnBenchmark | Self::Detectron2 => None,
        }
    }
}

impl std::fmt::Display for Dialect {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Dialect {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let found = Self::ALL.into_iter().find(|d| d.name() == text);
        found.ok_or_else(|| format!("`{text}` is not a dialect: choose {}", Self::ALL.map(Self::name).join(", ")))
    }
}

/// The facts in which the dialects differ (docs/reference/mask_rcnn.md); the flow of the detector is the same for all.
#[derive(Debug)]
pub struct Rules {
    /// Added to `x2 - x1` for a width: 1 in maskrcnn-benchmark's inclusive boxes, else 0 (§5).
    pub plus_one: f32,
    /// Which output column is the background (§1).
    pub background: Background,
    /// How cell anchors are rounded and centred (§3).
    pub anchors: AnchorRule,
    /// Cell anchors that the checkpoint holds replace those that follow from sizes and ratios; detectron2's own loader
    /// ignores stored ones (§3).
    pub stored_anchors: bool,
    /// Where the sigmoid of objectness stands (§4).
    pub objectness: ObjectnessScore,
    /// Anchor strides from the padded size divided by the grid (torchvision), else the nominal 4, 8, 16, 32, 64 (§3).
    pub stride_from_grid: bool,
    /// RPN candidates with a side not larger than this are dropped; `None` keeps all (§4).
    pub rpn_min_side: Option<f32>,
    /// Whether `rpn_min_side` itself is kept: torchvision keeps `>=`, detectron2 wants `>` (§4).
    pub rpn_min_side_inclusive: bool,
    /// Proposals kept per level after NMS, before the final cut over all levels (§4).
    pub rpn_keep_per_level: bool,
    /// NMS suppresses at IoU `>=` the threshold (maskrcnn-benchmark's CPU code), else at `>` (§5).
    pub nms_inclusive: bool,
    /// RoIAlign shifts by half a pixel and has no minimum size (§6).
    pub roi_aligned: bool,
    /// Samples per bin and axis; 0 adapts to the RoI's size (§6).
    pub roi_sampling: usize,
    /// Where the ε of the level rule stands, and how large it is (§6).
    pub level_epsilon: LevelEpsilon,
    /// Final boxes with a side below this are dropped (torchvision, §8).
    pub box_min_side: Option<f32>,
    /// All detections that tie with the last one kept are kept too, in class order (maskrcnn-benchmark, §8).
    pub keep_ties: bool,
    /// Final boxes are clipped to the photograph once more and dropped when empty (detectron2, §9).
    pub clip_after_rescale: bool,
    /// How a 28x28 mask is laid over the photograph (§10).
    pub paste: MaskPaste,
    /// Label of the first foreground class in the reference's own outputs.
    pub first_label: i64,
}

/// What proposals are ranked by, and what their reported score is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ObjectnessScore {
    /// The best are chosen by their probabilities, where rounding makes ties (maskrcnn-benchmark).
    ProbabilityFirst,
    /// The best are chosen by their logits and reported by their probabilities (torchvision).
    ProbabilityLast,
    /// Logits throughout (detectron2).
    Logit,
}

/// Which column of the class scores is the background.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Background {
    /// Column 0; box deltas and masks have a group for it too.
    First,
    /// The last column; box deltas and masks have none.
    Last,
}

/// How cell anchors come from sizes and ratios (docs/reference/mask_rcnn.md §3).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AnchorRule {
    /// Rounded at the scale of the stride, centred on (stride - 1) / 2, inclusive corners.
    Legacy,
    /// Exact, centred on 0.
    Exact,
    /// Centred on 0, corners rounded half to even.
    Rounded,
}

/// The ε of the pyramid level rule floor(4 + log2(√area / 224)).
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum LevelEpsilon {
    /// Inside the logarithm.
    Inside(f32),
    /// Added to the logarithm.
    Outside(f32),
}

/// The two ways to paste a mask (docs/reference/mask_rcnn.md §10).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MaskPaste {
    /// Mask padded by one, box grown by 30/28 and truncated to integers, bilinear resize, `> 0.5`.
    Integer,
    /// Every pixel centre is mapped into the box and sampled, `>= 0.5`.
    Sampled,
}

static MASKRCNN_BENCHMARK: Rules = Rules {
    plus_one: 1.0,
    background: Background::First,
    anchors: AnchorRule::Legacy,
    stored_anchors: true,
    objectness: ObjectnessScore::ProbabilityFirst,
    stride_from_grid: false,
    rpn_min_side: None,
    rpn_min_side_inclusive: true,
    rpn_keep_per_level: true,
    nms_inclusive: true,
    roi_aligned: false,
    roi_sampling: 2,
    level_epsilon: LevelEpsilon::Inside(1e-6),
    box_min_side: None,
    keep_ties: true,
    clip_after_rescale: false,
    paste: MaskPaste::Integer,
    first_label: 1,
};

static DETECTRON2: Rules = Rules {
    plus_one: 0.0,
    background: Background::Last,
    anchors: AnchorRule::Exact,
    stored_anchors: false,
    objectness: ObjectnessScore::Logit,
    stride_from_grid: false,
    rpn_min_side: Some(0.0),
    rpn_min_side_inclusive: false,
    rpn_keep_per_level: false,
    nms_inclusive: false,
    roi_aligned: true,
    roi_sampling: 0,
    level_epsilon: LevelEpsilon::Inside(1e-8),
    box_min_side: None,
    keep_ties: false,
    clip_after_rescale: true,
    paste: MaskPaste::Sampled,
    first_label: 0,
};

static TORCHVISION: Rules = Rules {
    plus_one: 0.0,
    background: Background::First,
    anchors: AnchorRule::Rounded,
    stored_anchors: true,
    objectness: ObjectnessScore::ProbabilityLast,
    stride_from_grid: true,
    rpn_min_side: Some(1e-3),
    rpn_min_side_inclusive: true,
    rpn_keep_per_level: false,
    nms_inclusive: false,
    roi_aligned: false,
    roi_sampling: 2,
    level_epsilon: LevelEpsilon::Outside(1e-6),
    box_min_side: Some(1e-2),
    keep_ties: false,
    clip_after_rescale: false,
    paste: MaskPaste::Integer,
    first_label: 1,
};
