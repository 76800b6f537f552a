//! Backbones.

/// VoVNet of the paper (VoVNet-RefineDet). Letters of layers run on through the modules of a stage.
pub(super) const VOVNET: &[(&str, &str)] = &[
    ("stem.stem_{i:1..3}/conv.{param}", "stem{i:1..3}/conv.{param}"),
    ("stem.stem_{i:1..3}/norm.{norm}", "stem{i:1..3}/bn.{norm}"),
    ("stage{n:2..5}.OSA{n}_1.layers.{i:0..4}.OSA{n}_1_{i}/conv.{param}", "DiverseBlock{n:2..5}{i:a..e}/conv.{param}"),
    ("stage{n:2..5}.OSA{n}_1.layers.{i:0..4}.OSA{n}_1_{i}/norm.{norm}", "DiverseBlock{n:2..5}{i:a..e}/bn.{norm}"),
    ("stage{n:2..5}.OSA{n}_2.layers.{i:0..4}.OSA{n}_2_{i}/conv.{param}", "DiverseBlock{n:2..5}{i:f..j}/conv.{param}"),
    ("stage{n:2..5}.OSA{n}_2.layers.{i:0..4}.OSA{n}_2_{i}/norm.{norm}", "DiverseBlock{n:2..5}{i:f..j}/bn.{norm}"),
    ("stage{n:2..3}.OSA{n}_1.concat.OSA{n}_1_concat/conv.{param}", "Transition{n:2..3}/conv.{param}"),
    ("stage{n:2..3}.OSA{n}_1.concat.OSA{n}_1_concat/norm.{norm}", "Transition{n:2..3}/bn.{norm}"),
    ("stage{n:4..5}.OSA{n}_{b:1..2}.concat.OSA{n}_{b}_concat/conv.{param}", "Transition{n:4..5}{b:A..B}/conv.{param}"),
    ("stage{n:4..5}.OSA{n}_{b:1..2}.concat.OSA{n}_{b}_concat/norm.{norm}", "Transition{n:4..5}{b:A..B}/bn.{norm}"),
];

/// VGG-16 with the first two linear layers as convolutions.
pub(super) const VGG: &[(&str, &str)] = &[
    ("conv{b:1..5}_{i:1..3}.conv.{param}", "conv{b:1..5}_{i:1..3}.{param}"),
    ("fc{i:6..7}.conv.{param}", "fc{i:6..7}.{param}"),
];

/// MobileNet V1: a depthwise and a pointwise convolution in each of 13 units.
pub(super) const MOBILENET: &[(&str, &str)] = &[
    ("features.conv0.conv.{param}", "conv0.{param}"),
    ("features.conv0.norm.{norm}", "conv0/bn.{norm}"),
    ("features.conv{k:1..13}.dw.conv.{param}", "conv{k:1..13}/dw.{param}"),
    ("features.conv{k:1..13}.dw.norm.{norm}", "conv{k:1..13}/dw/bn.{norm}"),
    ("features.conv{k:1..13}.pw.conv.{param}", "conv{k:1..13}.{param}"),
    ("features.conv{k:1..13}.pw.norm.{norm}", "conv{k:1..13}/bn.{norm}"),
];

/// PeleeNet; the classifier has the same name on both sides.
pub(super) const PELEENET: &[(&str, &str)] = &[
    ("features.stemblock.stem1.conv.{param}", "stem1.{param}"),
    ("features.stemblock.stem1.norm.{norm}", "stem1/bn.{norm}"),
    ("features.stemblock.stem2{x:a..b}.conv.{param}", "stem2{x:a..b}.{param}"),
    ("features.stemblock.stem2{x:a..b}.norm.{norm}", "stem2{x:a..b}/bn.{norm}"),
    ("features.stemblock.stem3.conv.{param}", "stem3.{param}"),
    ("features.stemblock.stem3.norm.{norm}", "stem3/bn.{norm}"),
    (
        "features.denseblock{s:1..4}.denselayer{l:1..}.branch1{x:a..b}.conv.{param}",
        "stage{s:1..4}_{l:1..}/branch1{x:a..b}.{param}",
    ),
    (
        "features.denseblock{s:1..4}.denselayer{l:1..}.branch1{x:a..b}.norm.{norm}",
        "stage{s:1..4}_{l:1..}/branch1{x:a..b}/bn.{norm}",
    ),
    (
        "features.denseblock{s:1..4}.denselayer{l:1..}.branch2{x:a..c}.conv.{param}",
        "stage{s:1..4}_{l:1..}/branch2{x:a..c}.{param}",
    ),
    (
        "features.denseblock{s:1..4}.denselayer{l:1..}.branch2{x:a..c}.norm.{norm}",
        "stage{s:1..4}_{l:1..}/branch2{x:a..c}/bn.{norm}",
    ),
    ("features.transition{s:1..4}.conv.{param}", "stage{s:1..4}_tb.{param}"),
    ("features.transition{s:1..4}.norm.{norm}", "stage{s:1..4}_tb/bn.{norm}"),
];
