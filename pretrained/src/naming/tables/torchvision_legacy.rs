//! torchvision before version 2 of its detection modules.

use super::{Part, Table, When};

/// torchvision's detectors before version 2 of their modules (the 2019 weight files).
pub(in crate::naming) const TORCHVISION_LEGACY: &[Table] = &[Table {
    part: Part::Detector,
    when: When::Always,
    rows: &[
        ("backbone.fpn.inner_blocks.{i:0..3}.0.{param}", "backbone.fpn.inner_blocks.{i:0..3}.{param}"),
        ("backbone.fpn.layer_blocks.{i:0..3}.0.{param}", "backbone.fpn.layer_blocks.{i:0..3}.{param}"),
        ("rpn.head.conv.0.0.{param}", "rpn.head.conv.{param}"),
        ("roi_heads.mask_head.{i:0..3}.0.{param}", "roi_heads.mask_head.mask_fcn{i:1..4}.{param}"),
    ],
}];
