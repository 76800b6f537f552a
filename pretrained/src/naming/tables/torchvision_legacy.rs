//! torchvision before version 2 of its detection modules, and its DenseNet weight files.

use super::{Part, Table, When};

/// torchvision's detectors before version 2 of their modules (the 2019 weight files).
pub(in crate::naming) const TORCHVISION_LEGACY: &[Table] = &[
    Table {
        part: Part::Body,
        when: When::Always,
        rows: &[
            (
                "features.denseblock{b:1..4}.denselayer{i:1..}.norm{k:1..2}.{norm}",
                "features.denseblock{b:1..4}.denselayer{i:1..}.norm.{k:1..2}.{norm}",
            ),
            (
                "features.denseblock{b:1..4}.denselayer{i:1..}.conv{k:1..2}.weight",
                "features.denseblock{b:1..4}.denselayer{i:1..}.conv.{k:1..2}.weight",
            ),
        ],
    },
    Table {
        part: Part::Detector,
        when: When::Always,
        rows: &[
            ("backbone.fpn.inner_blocks.{i:0..3}.0.{param}", "backbone.fpn.inner_blocks.{i:0..3}.{param}"),
            ("backbone.fpn.layer_blocks.{i:0..3}.0.{param}", "backbone.fpn.layer_blocks.{i:0..3}.{param}"),
            ("rpn.head.conv.0.0.{param}", "rpn.head.conv.{param}"),
            ("roi_heads.mask_head.{i:0..3}.0.{param}", "roi_heads.mask_head.mask_fcn{i:1..4}.{param}"),
        ],
    },
];
