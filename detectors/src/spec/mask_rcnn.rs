//! Faster and Mask R-CNN as numbers.

use super::{Dialect, NormSpec};
use serde::{Deserialize, Serialize};

/// A Faster R-CNN with a feature pyramid, and a Mask R-CNN when it has a mask head.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct MaskRcnnSpec {
    /// Whose rules.
    pub dialect: Dialect,
    /// The neck.
    pub fpn: FpnSpec,
    /// Anchors of the five levels.
    pub anchors: AnchorSpec,
    /// The region proposal network.
    pub rpn: RpnSpec,
    /// The box head.
    pub box_head: BoxHeadSpec,
    /// The mask head; none in a Faster R-CNN.
    pub mask_head: Option<MaskHeadSpec>,
    /// From scores to detections.
    pub post: PostSpec,
}

/// Feature pyramid (arXiv 1612.03144).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FpnSpec {
    /// Channels of every level: 256, or 128 for FPNLite.
    pub channels: i64,
    /// Normalisation behind the lateral and output convolutions.
    pub norm: Option<NormSpec>,
}

/// Anchors: one size per level, the same ratios on all.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct AnchorSpec {
    /// Side of the square anchor in input pixels, finest level first.
    pub sizes: Vec<f64>,
    /// Height divided by width.
    pub ratios: Vec<f64>,
    /// Cell anchors read from the checkpoint (maskrcnn-benchmark keeps them as buffers): per level, `[x1, y1, x2, y2]`
    /// around the grid point, in place of what sizes and ratios give.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub cells: Vec<Vec<[f32; 4]>>,
}

/// Region proposal network at test time (docs/reference/mask_rcnn.md §4).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RpnSpec {
    /// 3x3 convolutions before the two outputs.
    pub convs: usize,
    /// Best anchors of a level that go into NMS.
    pub pre_nms: usize,
    /// Proposals of an image (and of a level, where the dialect cuts there too).
    pub post_nms: usize,
    /// IoU threshold of NMS.
    pub nms: f32,
}

/// The head that classifies and refines proposals.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct BoxHeadSpec {
    /// 3x3 convolutions before the linear layers: 0 with two linear layers, 4 with one (4conv1fc).
    pub convs: usize,
    /// Channels of these convolutions.
    pub conv_channels: i64,
    /// Normalisation of these convolutions.
    pub norm: Option<NormSpec>,
    /// Width of the linear layers.
    pub hidden: i64,
}

/// The head that draws a 28x28 mask per detection and class.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct MaskHeadSpec {
    /// 3x3 convolutions.
    pub convs: usize,
    /// Their channels, also those of the transposed convolution.
    pub channels: i64,
    /// Their normalisation.
    pub norm: Option<NormSpec>,
}

/// From scores to detections (docs/reference/mask_rcnn.md §8).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PostSpec {
    /// Detections must score above this.
    pub score: f32,
    /// IoU threshold of the per-class NMS.
    pub nms: f32,
    /// Most detections of an image.
    pub max_dets: usize,
}

impl MaskRcnnSpec {
    /// The COCO configuration that all three dialects share: five levels, sizes 32 to 512, two linear layers of 1024.
    pub fn coco(dialect: Dialect, masks: bool) -> Self {
        Self {
            dialect,
            fpn: FpnSpec { channels: 256, norm: None },
            anchors: AnchorSpec {
                sizes: vec![32.0, 64.0, 128.0, 256.0, 512.0],
                ratios: vec![0.5, 1.0, 2.0],
                cells: Vec::new(),
            },
            rpn: RpnSpec { convs: 1, pre_nms: 1000, post_nms: 1000, nms: 0.7 },
            box_head: BoxHeadSpec { convs: 0, conv_channels: 256, norm: None, hidden: 1024 },
            mask_head: masks.then_some(MaskHeadSpec { convs: 4, channels: 256, norm: None }),
            post: PostSpec { score: 0.05, nms: 0.5, max_dets: 100 },
        }
    }

    /// The `_gn` scratch configuration (docs/reference/mask_rcnn.md §13): group norm in neck and heads, 4conv1fc box
    /// head.
    pub fn with_group_norm(mut self) -> Self {
        let norm = Some(NormSpec::GROUP);
        self.fpn.norm = norm;
        self.box_head = BoxHeadSpec { convs: 4, conv_channels: 256, norm, hidden: 1024 };
        if let Some(mask) = &mut self.mask_head {
            mask.norm = norm;
        }
        self
    }
}
