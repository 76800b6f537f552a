//! maskrcnn-benchmark and its forks.

use super::{Part, Table, When};

const FPN_NORM: (&str, &str) = ("backbone.fpn.inner_blocks.0.1.weight", "backbone.fpn.fpn_inner1.1.weight");
const MASK_NORM: (&str, &str) =
    ("roi_heads.mask_head.0.1.weight", "roi_heads.mask.feature_extractor.mask_fcn1.1.weight");
const BOX_CONVS: (&str, &str) = ("roi_heads.box_head.0.0.weight", "roi_heads.box.feature_extractor.xconvs.0.weight");
/// Without a norm the second of the `xconvs` is a ReLU, which has no weights.
const BOX_NORM: (&str, &str) = ("roi_heads.box_head.0.1.weight", "roi_heads.box.feature_extractor.xconvs.1.weight");

/// maskrcnn-benchmark and its forks (VoVNet-Detectron).
pub(in crate::naming) const MASKRCNN_BENCHMARK: &[Table] = &[
    Table {
        part: Part::Body,
        when: When::Always,
        rows: &[("conv1.weight", "stem.conv1.weight"), ("bn1.{norm}", "stem.bn1.{norm}")],
    },
    Table {
        part: Part::Detector,
        when: When::Always,
        rows: &[
            ("rpn.head.conv.0.0.{param}", "rpn.head.conv.{param}"),
            ("roi_heads.box_predictor.cls_score.{param}", "roi_heads.box.predictor.cls_score.{param}"),
            ("roi_heads.box_predictor.bbox_pred.{param}", "roi_heads.box.predictor.bbox_pred.{param}"),
            ("roi_heads.mask_predictor.conv5_mask.{param}", "roi_heads.mask.predictor.conv5_mask.{param}"),
            ("roi_heads.mask_predictor.mask_fcn_logits.{param}", "roi_heads.mask.predictor.mask_fcn_logits.{param}"),
        ],
    },
    Table {
        part: Part::Detector,
        when: When::Without(&FPN_NORM),
        rows: &[
            ("backbone.fpn.inner_blocks.{i:0..3}.0.{param}", "backbone.fpn.fpn_inner{i:1..4}.{param}"),
            ("backbone.fpn.layer_blocks.{i:0..3}.0.{param}", "backbone.fpn.fpn_layer{i:1..4}.{param}"),
        ],
    },
    Table {
        part: Part::Detector,
        when: When::With(&FPN_NORM),
        rows: &[
            ("backbone.fpn.inner_blocks.{i:0..3}.0.{param}", "backbone.fpn.fpn_inner{i:1..4}.0.{param}"),
            ("backbone.fpn.inner_blocks.{i:0..3}.1.{norm}", "backbone.fpn.fpn_inner{i:1..4}.1.{norm}"),
            ("backbone.fpn.layer_blocks.{i:0..3}.0.{param}", "backbone.fpn.fpn_layer{i:1..4}.0.{param}"),
            ("backbone.fpn.layer_blocks.{i:0..3}.1.{norm}", "backbone.fpn.fpn_layer{i:1..4}.1.{norm}"),
        ],
    },
    Table {
        part: Part::Detector,
        when: When::Without(&BOX_CONVS),
        rows: &[("roi_heads.box_head.fc{i:6..7}.{param}", "roi_heads.box.feature_extractor.fc{i:6..7}.{param}")],
    },
    Table {
        part: Part::Detector,
        when: When::With(&BOX_CONVS),
        rows: &[("roi_heads.box_head.5.{param}", "roi_heads.box.feature_extractor.fc6.{param}")],
    },
    Table {
        part: Part::Detector,
        when: When::Without(&BOX_NORM),
        rows: &[("roi_heads.box_head.{i:0..3}.0.{param}", "roi_heads.box.feature_extractor.xconvs.{i:0..6/2}.{param}")],
    },
    Table {
        part: Part::Detector,
        when: When::With(&BOX_NORM),
        rows: &[
            ("roi_heads.box_head.{i:0..3}.0.{param}", "roi_heads.box.feature_extractor.xconvs.{i:0..9/3}.{param}"),
            ("roi_heads.box_head.{i:0..3}.1.{norm}", "roi_heads.box.feature_extractor.xconvs.{i:1..10/3}.{norm}"),
        ],
    },
    Table {
        part: Part::Detector,
        when: When::Without(&MASK_NORM),
        rows: &[(
            "roi_heads.mask_head.{i:0..3}.0.{param}",
            "roi_heads.mask.feature_extractor.mask_fcn{i:1..4}.{param}",
        )],
    },
    Table {
        part: Part::Detector,
        when: When::With(&MASK_NORM),
        rows: &[
            ("roi_heads.mask_head.{i:0..3}.0.{param}", "roi_heads.mask.feature_extractor.mask_fcn{i:1..4}.0.{param}"),
            ("roi_heads.mask_head.{i:0..3}.1.{norm}", "roi_heads.mask.feature_extractor.mask_fcn{i:1..4}.1.{norm}"),
        ],
    },
];
