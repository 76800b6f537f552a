//! detectron2 and its extensions.

use super::{Part, Table, When};

const BOX_CONVS: (&str, &str) = ("roi_heads.box_head.0.0.weight", "roi_heads.box_head.conv1.weight");
const RPN_CONVS: (&str, &str) = ("rpn.head.conv.1.0.weight", "proposal_generator.rpn_head.conv.conv1.weight");

/// detectron2 and its extensions (vovnet-detectron2).
pub(in crate::naming) const DETECTRON2: &[Table] = &[
    Table {
        part: Part::Body,
        when: When::Always,
        rows: &[
            ("conv1.weight", "stem.conv1.weight"),
            ("bn1.{norm}", "stem.conv1.norm.{norm}"),
            ("layer{n:1..4}.{b:0..}.conv{i:1..3}.weight", "res{n:2..5}.{b:0..}.conv{i:1..3}.weight"),
            ("layer{n:1..4}.{b:0..}.bn{i:1..3}.{norm}", "res{n:2..5}.{b:0..}.conv{i:1..3}.norm.{norm}"),
            ("layer{n:1..4}.{b:0..}.downsample.0.weight", "res{n:2..5}.{b:0..}.shortcut.weight"),
            ("layer{n:1..4}.{b:0..}.downsample.1.{norm}", "res{n:2..5}.{b:0..}.shortcut.norm.{norm}"),
            ("fc.{param}", "stem.fc.{param}"),
        ],
    },
    Table {
        part: Part::Detector,
        when: When::Always,
        rows: &[
            ("backbone.fpn.inner_blocks.{i:0..3}.0.{param}", "backbone.fpn_lateral{i:2..5}.{param}"),
            ("backbone.fpn.inner_blocks.{i:0..3}.1.{norm}", "backbone.fpn_lateral{i:2..5}.norm.{norm}"),
            ("backbone.fpn.layer_blocks.{i:0..3}.0.{param}", "backbone.fpn_output{i:2..5}.{param}"),
            ("backbone.fpn.layer_blocks.{i:0..3}.1.{norm}", "backbone.fpn_output{i:2..5}.norm.{norm}"),
            ("rpn.head.cls_logits.{param}", "proposal_generator.rpn_head.objectness_logits.{param}"),
            ("rpn.head.bbox_pred.{param}", "proposal_generator.rpn_head.anchor_deltas.{param}"),
            ("rpn.anchor_generator.cell_anchors.{i:0..}", "proposal_generator.anchor_generator.cell_anchors.{i:0..}"),
            ("roi_heads.box_head.{i:0..3}.0.{param}", "roi_heads.box_head.conv{i:1..4}.{param}"),
            ("roi_heads.box_head.{i:0..3}.1.{norm}", "roi_heads.box_head.conv{i:1..4}.norm.{norm}"),
            ("roi_heads.mask_head.{i:0..3}.0.{param}", "roi_heads.mask_head.mask_fcn{i:1..4}.{param}"),
            ("roi_heads.mask_head.{i:0..3}.1.{norm}", "roi_heads.mask_head.mask_fcn{i:1..4}.norm.{norm}"),
            ("roi_heads.mask_predictor.conv5_mask.{param}", "roi_heads.mask_head.deconv.{param}"),
            ("roi_heads.mask_predictor.mask_fcn_logits.{param}", "roi_heads.mask_head.predictor.{param}"),
        ],
    },
    Table {
        part: Part::Detector,
        when: When::Without(&RPN_CONVS),
        rows: &[("rpn.head.conv.0.0.{param}", "proposal_generator.rpn_head.conv.{param}")],
    },
    Table {
        part: Part::Detector,
        when: When::With(&RPN_CONVS),
        rows: &[("rpn.head.conv.{i:0..}.0.{param}", "proposal_generator.rpn_head.conv.conv{i:0..}.{param}")],
    },
    Table {
        part: Part::Detector,
        when: When::Without(&BOX_CONVS),
        rows: &[("roi_heads.box_head.fc{i:6..7}.{param}", "roi_heads.box_head.fc{i:1..2}.{param}")],
    },
    Table {
        part: Part::Detector,
        when: When::With(&BOX_CONVS),
        rows: &[("roi_heads.box_head.5.{param}", "roi_heads.box_head.fc1.{param}")],
    },
    Table { part: Part::Detector, when: When::Always, rows: &[("backbone.body.{rest}", "backbone.bottom_up.{rest}")] },
];
