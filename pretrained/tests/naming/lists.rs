//! Key lists: read from fixtures, and spelled out after docs/reference/mask_rcnn.md §1.

use std::collections::BTreeSet;
use std::path::PathBuf;

/// (key, shape) in file order; the shape as written, `64x3x3x3`.
pub fn fixture(name: &str) -> Vec<(String, String)> {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(format!("tests/fixtures/naming/{name}.txt"));
    let text = std::fs::read_to_string(&path).unwrap();
    text.lines()
        .map(|line| line.split_once(' ').unwrap())
        .map(|(key, shape)| (key.to_owned(), shape.to_owned()))
        .collect()
}

pub fn keys(name: &str) -> Vec<String> {
    fixture(name).into_iter().map(|(key, _)| key).collect()
}

pub fn refs(keys: &[String]) -> Vec<&str> {
    keys.iter().map(String::as_str).collect()
}

pub fn set(keys: impl IntoIterator<Item = String>) -> BTreeSet<String> {
    keys.into_iter().collect()
}

pub fn without_counters(keys: Vec<String>) -> Vec<String> {
    keys.into_iter().filter(|key| !key.ends_with("num_batches_tracked")).collect()
}

/// Names with each leaf of a list.
pub fn leaves<'a>(name: &'a str, leaves: &'a [&str]) -> impl Iterator<Item = String> + 'a {
    leaves.iter().map(move |leaf| format!("{name}.{leaf}"))
}

pub const PARAM: [&str; 2] = ["weight", "bias"];
pub const FROZEN: [&str; 4] = ["weight", "bias", "running_mean", "running_var"];

/// Bottleneck ResNet-50 as (unit, its norm, its conv) of each block: `n` counts from 1.
pub fn resnet50_blocks() -> Vec<(usize, usize)> {
    [3, 4, 6, 3].iter().zip(1..).flat_map(|(&blocks, n)| (0..blocks).map(move |b| (n, b))).collect()
}

pub fn detectron2_resnet50(prefix: &str) -> Vec<String> {
    let mut keys = vec![format!("{prefix}stem.conv1.weight")];
    keys.extend(leaves(&format!("{prefix}stem.conv1.norm"), &FROZEN));
    for (n, b) in resnet50_blocks() {
        let block = format!("{prefix}res{}.{b}", n + 1);
        let shortcut = (b == 0).then_some("shortcut");
        for unit in shortcut.into_iter().chain(["conv1", "conv2", "conv3"]) {
            keys.push(format!("{block}.{unit}.weight"));
            keys.extend(leaves(&format!("{block}.{unit}.norm"), &FROZEN));
        }
    }
    keys
}

pub fn maskrcnn_benchmark_resnet50(prefix: &str) -> Vec<String> {
    let mut keys = vec![format!("{prefix}stem.conv1.weight")];
    keys.extend(leaves(&format!("{prefix}stem.bn1"), &FROZEN));
    for (n, b) in resnet50_blocks() {
        let block = format!("{prefix}layer{n}.{b}");
        if b == 0 {
            keys.push(format!("{block}.downsample.0.weight"));
            keys.extend(leaves(&format!("{block}.downsample.1"), &FROZEN));
        }
        for unit in 1..=3 {
            keys.push(format!("{block}.conv{unit}.weight"));
            keys.extend(leaves(&format!("{block}.bn{unit}"), &FROZEN));
        }
    }
    keys
}

/// Everything but the body of maskrcnn-benchmark's Mask R-CNN, plain (two linear layers).
pub fn maskrcnn_benchmark_heads() -> Vec<String> {
    let box_head = "roi_heads.box.feature_extractor";
    let mut names: Vec<String> = vec![format!("{box_head}.fc6"), format!("{box_head}.fc7")];
    for level in 1..=4 {
        names.push(format!("backbone.fpn.fpn_inner{level}"));
        names.push(format!("backbone.fpn.fpn_layer{level}"));
        names.push(format!("roi_heads.mask.feature_extractor.mask_fcn{level}"));
    }
    names.extend(maskrcnn_benchmark_predictors());
    names.iter().flat_map(|name| leaves(name, &PARAM)).collect()
}

pub fn maskrcnn_benchmark_predictors() -> Vec<String> {
    [
        "rpn.head.conv",
        "rpn.head.cls_logits",
        "rpn.head.bbox_pred",
        "roi_heads.box.predictor.cls_score",
        "roi_heads.box.predictor.bbox_pred",
        "roi_heads.mask.predictor.conv5_mask",
        "roi_heads.mask.predictor.mask_fcn_logits",
    ]
    .map(str::to_owned)
    .to_vec()
}

/// The same from scratch with group norm in FPN, box head (four convolutions) and mask head
/// (docs/reference/mask_rcnn.md §13).
pub fn maskrcnn_benchmark_scratch_heads() -> Vec<String> {
    let box_head = "roi_heads.box.feature_extractor";
    let mut keys = Vec::new();
    for i in 0..4 {
        keys.push(format!("{box_head}.xconvs.{}.weight", 3 * i));
        keys.extend(leaves(&format!("{box_head}.xconvs.{}", 3 * i + 1), &PARAM));
        for unit in ["backbone.fpn.fpn_inner", "backbone.fpn.fpn_layer", "roi_heads.mask.feature_extractor.mask_fcn"] {
            keys.push(format!("{unit}{}.0.weight", i + 1));
            keys.extend(leaves(&format!("{unit}{}.1", i + 1), &PARAM));
        }
    }
    keys.extend(leaves(&format!("{box_head}.fc6"), &PARAM));
    keys.extend(maskrcnn_benchmark_predictors().iter().flat_map(|name| leaves(name, &PARAM)));
    keys
}

/// detectron2's heads in the form of torchvision's `_v2`: norms everywhere, two RPN convolutions,
/// four box convolutions and one linear layer.
pub fn detectron2_normed_heads() -> Vec<String> {
    let mut keys = Vec::new();
    for i in 1..=4 {
        for unit in [
            format!("backbone.fpn_lateral{}", i + 1),
            format!("backbone.fpn_output{}", i + 1),
            format!("roi_heads.box_head.conv{i}"),
            format!("roi_heads.mask_head.mask_fcn{i}"),
        ] {
            keys.push(format!("{unit}.weight"));
            keys.extend(leaves(&format!("{unit}.norm"), &FROZEN));
        }
    }
    for name in [
        "proposal_generator.rpn_head.conv.conv0",
        "proposal_generator.rpn_head.conv.conv1",
        "proposal_generator.rpn_head.objectness_logits",
        "proposal_generator.rpn_head.anchor_deltas",
        "roi_heads.box_head.fc1",
        "roi_heads.box_predictor.cls_score",
        "roi_heads.box_predictor.bbox_pred",
        "roi_heads.mask_head.deconv",
        "roi_heads.mask_head.predictor",
    ] {
        keys.extend(leaves(name, &PARAM));
    }
    keys
}
