//! timm's VoVNets.

use super::{Part, Table, When};

/// A depthwise VoVNet calls the norm of its 3x3 units otherwise than a plain one; timm does not.
const DEPTHWISE: (&str, &str) = ("stem.stem_2/dw_conv3x3.weight", "stem.1.conv_dw.weight");

/// timm's `vovnet` models.
pub(in crate::naming) const TIMM: &[Table] = &[
    Table {
        part: Part::Body,
        when: When::Always,
        rows: &[
            ("stem.stem_{i:1..3}/conv.weight", "stem.{i:0..2}.conv.weight"),
            ("stem.stem_1/norm.{norm}", "stem.0.bn.{norm}"),
            ("stem.stem_{i:2..3}/dw_conv3x3.weight", "stem.{i:1..2}.conv_dw.weight"),
            ("stem.stem_{i:2..3}/pw_conv1x1.weight", "stem.{i:1..2}.conv_pw.weight"),
            (
                "stage{n:2..5}.OSA{n}_{b:1..}.layers.{i:0..}.OSA{n}_{b}_{i}/conv.weight",
                "stages.{n:0..3}.blocks.{b:0..}.conv_mid.{i:0..}.conv.weight",
            ),
            (
                "stage{n:2..5}.OSA{n}_{b:1..}.layers.{i:0..}.OSA{n}_{b}_{i}/dw_conv3x3.weight",
                "stages.{n:0..3}.blocks.{b:0..}.conv_mid.{i:0..}.conv_dw.weight",
            ),
            (
                "stage{n:2..5}.OSA{n}_{b:1..}.layers.{i:0..}.OSA{n}_{b}_{i}/pw_conv1x1.weight",
                "stages.{n:0..3}.blocks.{b:0..}.conv_mid.{i:0..}.conv_pw.weight",
            ),
            (
                "stage{n:2..5}.OSA{n}_{b:1..}.conv_reduction.OSA{n}_{b}_reduction_0/conv.weight",
                "stages.{n:0..3}.blocks.{b:0..}.conv_reduction.conv.weight",
            ),
            (
                "stage{n:2..5}.OSA{n}_{b:1..}.conv_reduction.OSA{n}_{b}_reduction_0/norm.{norm}",
                "stages.{n:0..3}.blocks.{b:0..}.conv_reduction.bn.{norm}",
            ),
            (
                "stage{n:2..5}.OSA{n}_{b:1..}.concat.OSA{n}_{b}_concat/conv.weight",
                "stages.{n:0..3}.blocks.{b:0..}.conv_concat.conv.weight",
            ),
            (
                "stage{n:2..5}.OSA{n}_{b:1..}.concat.OSA{n}_{b}_concat/norm.{norm}",
                "stages.{n:0..3}.blocks.{b:0..}.conv_concat.bn.{norm}",
            ),
            ("stage{n:2..5}.OSA{n}_{b:1..}.ese.fc.{param}", "stages.{n:0..3}.blocks.{b:0..}.attn.fc.{param}"),
            ("classifier.{param}", "head.fc.{param}"),
        ],
    },
    Table {
        part: Part::Body,
        when: When::Without(&DEPTHWISE),
        rows: &[
            ("stem.stem_{i:2..3}/norm.{norm}", "stem.{i:1..2}.bn.{norm}"),
            (
                "stage{n:2..5}.OSA{n}_{b:1..}.layers.{i:0..}.OSA{n}_{b}_{i}/norm.{norm}",
                "stages.{n:0..3}.blocks.{b:0..}.conv_mid.{i:0..}.bn.{norm}",
            ),
        ],
    },
    Table {
        part: Part::Body,
        when: When::With(&DEPTHWISE),
        rows: &[
            ("stem.stem_{i:2..3}/pw_norm.{norm}", "stem.{i:1..2}.bn.{norm}"),
            (
                "stage{n:2..5}.OSA{n}_{b:1..}.layers.{i:0..}.OSA{n}_{b}_{i}/pw_norm.{norm}",
                "stages.{n:0..3}.blocks.{b:0..}.conv_mid.{i:0..}.bn.{norm}",
            ),
        ],
    },
];
