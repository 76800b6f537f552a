//! gau-nernst's vision-toolbox: VoVNets, alone and behind its trainer's `nn.Sequential`.
//!
//! Source: github.com/gau-nernst/vision-toolbox, vision_toolbox/backbones/vovnet.py at 9586d5b (norms are called `norm`),
//! vision_toolbox/components.py at 1d689d7 (norms are called `bn`) and classifier.py at 3f725be;
//! docs/reference/vovnet.md §7.6.

use super::{Part, Table, When};

/// The backbone is the first module of the trainer's `nn.Sequential`, which is called `model` there. Canonically nothing
/// has these names, so the rows that depend on them only hold on the way to canonical names.
const SEQUENTIAL: (&str, &str) = ("0.stem.0.conv.weight", "0.stem.0.conv.weight");
const MODEL: (&str, &str) = ("model.0.stem.0.conv.weight", "model.0.stem.0.conv.weight");

/// vision-toolbox's VoVNets. The rows with `bn` stand behind those with `norm`: files of both generations are read, the
/// newer names are written.
pub(in crate::naming) const VISION_TOOLBOX: &[Table] = &[
    Table {
        part: Part::Body,
        when: When::Always,
        rows: &[
            ("stem.stem_{i:1..3}/conv.{param}", "stem.{i:0..2}.conv.{param}"),
            ("stem.stem_{i:1..3}/norm.{norm}", "stem.{i:0..2}.norm.{norm}"),
            ("stem.stem_{i:1..3}/norm.{norm}", "stem.{i:0..2}.bn.{norm}"),
            (
                "stage{n:2..5}.OSA{n}_{b:1..}.layers.{i:0..}.OSA{n}_{b}_{i}/conv.{param}",
                "stages.{n:0..3}.module_{b:0..}.convs.{i:0..}.conv.{param}",
            ),
            (
                "stage{n:2..5}.OSA{n}_{b:1..}.layers.{i:0..}.OSA{n}_{b}_{i}/norm.{norm}",
                "stages.{n:0..3}.module_{b:0..}.convs.{i:0..}.norm.{norm}",
            ),
            (
                "stage{n:2..5}.OSA{n}_{b:1..}.layers.{i:0..}.OSA{n}_{b}_{i}/norm.{norm}",
                "stages.{n:0..3}.module_{b:0..}.convs.{i:0..}.bn.{norm}",
            ),
            (
                "stage{n:2..5}.OSA{n}_{b:1..}.concat.OSA{n}_{b}_concat/conv.{param}",
                "stages.{n:0..3}.module_{b:0..}.out_conv.conv.{param}",
            ),
            (
                "stage{n:2..5}.OSA{n}_{b:1..}.concat.OSA{n}_{b}_concat/norm.{norm}",
                "stages.{n:0..3}.module_{b:0..}.out_conv.norm.{norm}",
            ),
            (
                "stage{n:2..5}.OSA{n}_{b:1..}.concat.OSA{n}_{b}_concat/norm.{norm}",
                "stages.{n:0..3}.module_{b:0..}.out_conv.bn.{norm}",
            ),
            ("stage{n:2..5}.OSA{n}_{b:1..}.ese.fc.{param}", "stages.{n:0..3}.module_{b:0..}.ese.linear.{param}"),
        ],
    },
    // The linear layer follows the backbone directly, behind a pooling module, or behind a pooling and a flattening one.
    Table {
        part: Part::Detector,
        when: When::With(&SEQUENTIAL),
        rows: &[
            ("classifier.{param}", "1.{param}"),
            ("classifier.{param}", "2.{param}"),
            ("classifier.{param}", "3.{param}"),
        ],
    },
    Table {
        part: Part::Detector,
        when: When::With(&MODEL),
        rows: &[
            ("classifier.{param}", "model.1.{param}"),
            ("classifier.{param}", "model.2.{param}"),
            ("classifier.{param}", "model.3.{param}"),
        ],
    },
];
