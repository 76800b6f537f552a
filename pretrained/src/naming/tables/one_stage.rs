//! One-stage detectors: torchvision's SSD, luuuyi's RefineDet, uoip's DSOD.
//!
//! Canonical names are ours: a body behind `backbone.`, further sources `extras.{i}`, L2 scales `norm.{source}`,
//! predictors `loc.{i}` and `conf.{i}`; in RefineDet `arm.…`, `odm.…` and the transfer connections `tcb.…`.
//! Sources: docs/reference/refinedet.md §4.2, docs/reference/dsod.md §1.9, torchvision 0.26.

use super::{Part, Table, When};

/// Stands in torchvision's VGG detector and not in its SSDLite.
const VGG: (&str, &str) = ("norm.0.weight", "backbone.scale_weight");

/// torchvision's ssd300_vgg16 and ssdlite320_mobilenet_v3_large.
pub(in crate::naming) const TORCHVISION_SSD: &[Table] = &[
    Table {
        part: Part::Detector,
        when: When::Always,
        rows: &[
            ("norm.0.weight", "backbone.scale_weight"),
            ("backbone.conv1_1.conv.{param}", "backbone.features.0.{param}"),
            ("backbone.conv1_2.conv.{param}", "backbone.features.2.{param}"),
            ("backbone.conv2_1.conv.{param}", "backbone.features.5.{param}"),
            ("backbone.conv2_2.conv.{param}", "backbone.features.7.{param}"),
            ("backbone.conv3_{i:1..3}.conv.{param}", "backbone.features.{i:10..14/2}.{param}"),
            ("backbone.conv4_{i:1..3}.conv.{param}", "backbone.features.{i:17..21/2}.{param}"),
            ("backbone.conv5_{i:1..3}.conv.{param}", "backbone.extra.0.{i:1..5/2}.{param}"),
            ("backbone.fc6.conv.{param}", "backbone.extra.0.7.1.{param}"),
            ("backbone.fc7.conv.{param}", "backbone.extra.0.7.3.{param}"),
            ("loc.{i:0..5}.{param}", "head.regression_head.module_list.{i:0..5}.{param}"),
            ("loc.{i:0..5}.dw.conv.weight", "head.regression_head.module_list.{i:0..5}.0.0.weight"),
            ("loc.{i:0..5}.dw.norm.{norm}", "head.regression_head.module_list.{i:0..5}.0.1.{norm}"),
            ("loc.{i:0..5}.pw.{param}", "head.regression_head.module_list.{i:0..5}.1.{param}"),
            ("conf.{i:0..5}.{param}", "head.classification_head.module_list.{i:0..5}.{param}"),
            ("conf.{i:0..5}.dw.conv.weight", "head.classification_head.module_list.{i:0..5}.0.0.weight"),
            ("conf.{i:0..5}.dw.norm.{norm}", "head.classification_head.module_list.{i:0..5}.0.1.{norm}"),
            ("conf.{i:0..5}.pw.{param}", "head.classification_head.module_list.{i:0..5}.1.{param}"),
        ],
    },
    Table {
        part: Part::Detector,
        when: When::With(&VGG),
        rows: &[
            ("extras.{i:0..3}.squeeze.conv.{param}", "backbone.extra.{i:1..4}.0.{param}"),
            ("extras.{i:0..3}.expand.conv.{param}", "backbone.extra.{i:1..4}.2.{param}"),
        ],
    },
    Table {
        part: Part::Detector,
        when: When::Without(&VGG),
        rows: &[
            ("extras.{i:0..3}.squeeze.conv.weight", "backbone.extra.{i:0..3}.0.0.weight"),
            ("extras.{i:0..3}.squeeze.norm.{norm}", "backbone.extra.{i:0..3}.0.1.{norm}"),
            ("extras.{i:0..3}.dw.conv.weight", "backbone.extra.{i:0..3}.1.0.weight"),
            ("extras.{i:0..3}.dw.norm.{norm}", "backbone.extra.{i:0..3}.1.1.{norm}"),
            ("extras.{i:0..3}.expand.conv.weight", "backbone.extra.{i:0..3}.2.0.weight"),
            ("extras.{i:0..3}.expand.norm.{norm}", "backbone.extra.{i:0..3}.2.1.{norm}"),
        ],
    },
];

/// luuuyi's PyTorch RefineDet (VGG-16).
pub(in crate::naming) const LUUUYI: &[Table] = &[Table {
    part: Part::Detector,
    when: When::Always,
    rows: &[
        ("backbone.conv1_1.conv.{param}", "vgg.0.{param}"),
        ("backbone.conv1_2.conv.{param}", "vgg.2.{param}"),
        ("backbone.conv2_1.conv.{param}", "vgg.5.{param}"),
        ("backbone.conv2_2.conv.{param}", "vgg.7.{param}"),
        ("backbone.conv3_{i:1..3}.conv.{param}", "vgg.{i:10..14/2}.{param}"),
        ("backbone.conv4_{i:1..3}.conv.{param}", "vgg.{i:17..21/2}.{param}"),
        ("backbone.conv5_{i:1..3}.conv.{param}", "vgg.{i:24..28/2}.{param}"),
        ("backbone.fc6.conv.{param}", "vgg.31.{param}"),
        ("backbone.fc7.conv.{param}", "vgg.33.{param}"),
        ("norm.0.weight", "conv4_3_L2Norm.weight"),
        ("norm.1.weight", "conv5_3_L2Norm.weight"),
        ("extras.0.squeeze.conv.{param}", "extras.0.{param}"),
        ("extras.0.expand.conv.{param}", "extras.1.{param}"),
        ("arm.loc.{i:0..3}.{param}", "arm_loc.{i:0..3}.{param}"),
        ("arm.conf.{i:0..3}.{param}", "arm_conf.{i:0..3}.{param}"),
        ("odm.loc.{i:0..3}.{param}", "odm_loc.{i:0..3}.{param}"),
        ("odm.conf.{i:0..3}.{param}", "odm_conf.{i:0..3}.{param}"),
        ("tcb.tl{i:3..6}_1.conv.{param}", "tcb0.{i:0..9/3}.{param}"),
        ("tcb.tl{i:3..6}_2.conv.{param}", "tcb0.{i:2..11/3}.{param}"),
        ("tcb.up{i:4..6}.conv.{param}", "tcb1.{i:0..2}.{param}"),
        ("tcb.p{i:3..6}.conv.{param}", "tcb2.{i:1..10/3}.{param}"),
    ],
}];

/// uoip's PyTorch DSOD.
pub(in crate::naming) const UOIP: &[Table] = &[Table {
    part: Part::Detector,
    when: When::Always,
    rows: &[
        ("backbone.stem{i:1..3}.conv.weight", "Stem.{i:0..2}.0.weight"),
        ("backbone.stem{i:1..3}.norm.{norm}", "Stem.{i:0..2}.1.{norm}"),
        (
            "backbone.block{b:1..2}.{i:0..}.brc{k:1..2}.norm.{norm}",
            "Block12.{b:0..2/2}.layers.{i:0..}.conv{k:1..2}.0.{norm}",
        ),
        (
            "backbone.block{b:1..2}.{i:0..}.brc{k:1..2}.conv.weight",
            "Block12.{b:0..2/2}.layers.{i:0..}.conv{k:1..2}.2.weight",
        ),
        (
            "backbone.block{b:3..4}.{i:0..}.brc{k:1..2}.norm.{norm}",
            "Block34.{b:0..2/2}.layers.{i:0..}.conv{k:1..2}.0.{norm}",
        ),
        (
            "backbone.block{b:3..4}.{i:0..}.brc{k:1..2}.conv.weight",
            "Block34.{b:0..2/2}.layers.{i:0..}.conv{k:1..2}.2.weight",
        ),
        ("backbone.transition{i:1..2}.norm.{norm}", "Block12.{i:1..3/2}.conv.0.{norm}"),
        ("backbone.transition{i:1..2}.conv.weight", "Block12.{i:1..3/2}.conv.2.weight"),
        ("backbone.transition3.norm.{norm}", "Block34.1.conv.0.{norm}"),
        ("backbone.transition3.conv.weight", "Block34.1.conv.2.weight"),
        ("backbone.reduce.norm.{norm}", "Block34.3.conv.0.{norm}"),
        ("backbone.reduce.conv.weight", "Block34.3.conv.2.weight"),
        ("backbone.side.norm.{norm}", "conv2.0.{norm}"),
        ("backbone.side.conv.weight", "conv2.2.weight"),
        ("extras.{i:0..3}.conv1.norm.{norm}", "Extra.{i:0..3}.conv1_1.0.{norm}"),
        ("extras.{i:0..3}.conv1.conv.weight", "Extra.{i:0..3}.conv1_1.2.weight"),
        ("extras.{i:0..3}.conv2.norm.{norm}", "Extra.{i:0..3}.conv1_2.0.{norm}"),
        ("extras.{i:0..3}.conv2.conv.weight", "Extra.{i:0..3}.conv1_2.2.weight"),
        ("extras.{i:0..3}.pool.norm.{norm}", "Extra.{i:0..3}.conv2.0.{norm}"),
        ("extras.{i:0..3}.pool.conv.weight", "Extra.{i:0..3}.conv2.2.weight"),
        ("norm.{i:0..5}.weight", "L2Norm.{i:0..5}.scale"),
        ("loc.{i:0..5}.{param}", "Loc.{i:0..5}.{param}"),
        ("conf.{i:0..5}.{param}", "Conf.{i:0..5}.{param}"),
    ],
}];
