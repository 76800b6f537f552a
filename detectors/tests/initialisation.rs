//! A fresh network starts like its reference: docs/initialisation.md, number by number.
#![allow(clippy::unwrap_used, missing_docs)]

use std::collections::HashMap;
use std::path::PathBuf;
use tch::{Device, Kind, Tensor};
use vovdet_detectors::spec::{Class, Dialect, Task};
use vovdet_detectors::{ModelSpec, Network};

/// Standard errors that a statistic may be off; of ten thousand statistics one in a hundred runs would be.
const ERRORS: f64 = 5.0;

/// Names to shapes and values of a fresh network with as many classes as COCO has.
fn fresh(name: &str, dialect: Option<Dialect>) -> HashMap<String, (Vec<f64>, Tensor)> {
    let mut spec = ModelSpec::named(name, dialect).unwrap();
    if !matches!(spec.task, Task::Classify { .. }) {
        spec.classes = Class::from_names((0..90).map(|i| i.to_string()));
    }
    let network = Network::fresh(&spec, Device::Cpu, Kind::Float, 1).unwrap();
    let parameters = network.parameters().iter();
    let shape = |t: &Tensor| t.size().iter().map(|&d| d as f64).collect();
    parameters.map(|p| (p.name.clone(), (shape(&p.tensor), p.tensor.detach().to_kind(Kind::Double)))).collect()
}

/// Mean, standard deviation, largest magnitude.
fn statistics(values: &Tensor) -> [f64; 3] {
    [values.mean(Kind::Double), values.std(false), values.abs().max()].map(|t| t.double_value(&[]))
}

/// Whether the tails are those of a uniform distribution.
fn is_flat([_, deviation, largest]: [f64; 3]) -> bool {
    largest <= 3f64.sqrt() * deviation * 1.05
}

/// Beside one draw of torchvision or timm (fixtures/initialisation, made by the script there).
#[test]
fn like_torchvision_and_timm() {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/initialisation/references.json");
    let references: HashMap<String, Vec<(String, f64, f64, f64)>> =
        serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
    for (model, rows) in references {
        let dialect = model.contains("rcnn").then_some(Dialect::Torchvision);
        let ours = fresh(&model, dialect);
        for (name, mean, deviation, largest) in rows {
            let (_, values) = ours.get(&name).unwrap_or_else(|| panic!("{model}: {name}"));
            let (n, theirs, ours) = (values.numel() as f64, [mean, deviation, largest], statistics(values));
            let said = format!("{model} {name}: {ours:?}, the reference's is {theirs:?}");
            if deviation == 0.0 {
                assert_eq!(ours, theirs, "{said}");
                continue;
            }
            // Both are draws, and the variance of a normal one's variance is the larger.
            assert!((ours[0] - mean).abs() < ERRORS * deviation * (2.0 / n).sqrt(), "{said}");
            assert!((ours[1] / deviation - 1.0).abs() < ERRORS / n.sqrt() + 1e-4, "{said}");
            if n >= 1000.0 {
                assert_eq!(is_flat(ours), is_flat(theirs), "{said}");
            }
        }
    }
}

/// What a reference's rule says of a tensor, as numbers of its shape `[out, in, …]`.
#[derive(Debug, Clone, Copy)]
enum Rule {
    Constant(f64),
    Normal(f64),
    /// σ = √(2 / fan_in), and √(2 / fan_out).
    KaimingIn,
    KaimingOut,
    /// ±√(3 / fan_in): Caffe's xavier, Caffe2's XavierFill.
    Xavier,
    /// ±√(6 / (fan_in + fan_out)): torch's.
    TorchXavier,
    /// ±1 / √fan_in.
    Default,
    /// The same for the bias of a layer with this fan_in.
    DefaultBias(f64),
}

use Rule::{Constant, Default, DefaultBias, KaimingIn, KaimingOut, Normal, TorchXavier, Xavier};

fn obeys(rule: Rule, shape: &[f64], values: &Tensor) -> Result<(), String> {
    let area: f64 = shape.iter().skip(2).product();
    let (fan_in, fan_out) = (shape.get(1).unwrap_or(&1.0) * area, shape[0] * area);
    let root3 = 3f64.sqrt();
    let (deviation, bound) = match rule {
        Constant(c) => {
            let equal = values.eq(c).all().int64_value(&[]) == 1;
            return if equal { Ok(()) } else { Err(format!("not all {c}")) };
        }
        Normal(deviation) => (deviation, None),
        KaimingIn => ((2.0 / fan_in).sqrt(), None),
        KaimingOut => ((2.0 / fan_out).sqrt(), None),
        Xavier => (1.0 / fan_in.sqrt(), Some((3.0 / fan_in).sqrt())),
        TorchXavier => ((2.0 / (fan_in + fan_out)).sqrt(), Some((6.0 / (fan_in + fan_out)).sqrt())),
        Default => (1.0 / (root3 * fan_in.sqrt()), Some(1.0 / fan_in.sqrt())),
        DefaultBias(fan_in) => (1.0 / (root3 * fan_in.sqrt()), Some(1.0 / fan_in.sqrt())),
    };
    let (n, found) = (values.numel() as f64, statistics(values));
    let said = Err(format!("{found:?} of {n}, deviation {deviation} and bound {bound:?} are wanted"));
    if found[0].abs() > ERRORS * deviation / n.sqrt() {
        return said;
    }
    if (found[1] / deviation - 1.0).abs() > ERRORS / (2.0 * n).sqrt() {
        return said;
    }
    match bound {
        Some(bound) if found[2] > bound * (1.0 + 1e-6) || n >= 100.0 && found[2] < 0.9 * bound => said,
        None if n >= 1000.0 && is_flat(found) => said,
        _ => Ok(()),
    }
}

/// Every parameter by the first rule whose part its name holds; norms are identities before all.
fn obey(name: &str, dialect: Option<Dialect>, rules: &[(&str, Rule)]) {
    for (parameter, (shape, values)) in fresh(name, dialect) {
        let norm = ["running_mean", "running_var"].iter().any(|end| parameter.ends_with(end));
        let rule = if norm {
            Constant(if parameter.ends_with("var") { 1.0 } else { 0.0 })
        } else {
            let found = rules.iter().find(|(part, _)| holds(&parameter, part));
            found.unwrap_or_else(|| panic!("{name}: no rule for {parameter}")).1
        };
        if let Err(reason) = obeys(rule, &shape, &values) {
            panic!("{name} {dialect:?} {parameter} {shape:?} by {rule:?}: {reason}");
        }
    }
}

/// `a*b` fits a name that begins with `a` and ends with `b`.
fn holds(name: &str, pattern: &str) -> bool {
    let (start, end) = pattern.split_once('*').unwrap();
    name.len() >= start.len() + end.len() && name.starts_with(start) && name.ends_with(end)
}

const NORM: [(&str, Rule); 2] = [("*norm.weight", Constant(1.0)), ("*norm.bias", Constant(0.0))];

fn rules(own: &[(&'static str, Rule)]) -> Vec<(&'static str, Rule)> {
    NORM.iter().chain(own).copied().collect()
}

/// VoVNet.pytorch, vovnet-detectron2, the Caffe nets, vision-toolbox.
#[test]
fn vovnet() {
    let classifier = [("classifier*.weight", Default), ("classifier*.bias", Constant(0.0))];
    let with = |own: &[(&'static str, Rule)]| rules(&[&classifier[..], own].concat());
    obey("vovnet27_slim", None, &with(&[("*.weight", KaimingIn)]));
    obey("vovnet27_slim_bottleneck", None, &with(&[("*.weight", KaimingIn)]));
    // The eSE of a stage has as many inputs as the stage has channels.
    let gates = [("stage2*.bias", 112.0), ("stage3*.bias", 256.0), ("stage4*.bias", 384.0), ("stage5*.bias", 512.0)];
    let gates = gates.map(|(name, fan)| (name, DefaultBias(fan)));
    obey("vovnet19_slim_dw_ese", None, &with(&[&gates[..], &[("*.weight", KaimingIn)]].concat()));
    let caffe = [("classifier*.weight", KaimingIn), ("classifier*.bias", Constant(0.0)), ("*.weight", Xavier)];
    obey("vovnet27_slim_caffe", None, &rules(&caffe));
    let toolbox =
        [("classifier*.weight", Default), ("classifier*.bias", DefaultBias(512.0)), ("*.ese.fc.weight", Default)];
    let gates = [("stage2*.bias", DefaultBias(128.0)), gates[1], gates[2], gates[3], ("*.weight", KaimingOut)];
    obey("vovnet19_slim_ese_toolbox", None, &rules(&[&toolbox[..], &gates].concat()));
}

/// PeleeNet's own repository, and MobileNet-SSD's.
#[test]
fn small_backbones() {
    let classifier = [("classifier*.weight", Normal(0.01)), ("classifier*.bias", Constant(0.0))];
    obey("peleenet", None, &rules(&[&classifier[..], &[("*.weight", KaimingOut)]].concat()));
    obey("mobilenet", None, &rules(&[("*.weight", KaimingIn), ("*.bias", Constant(0.0))]));
}

#[test]
fn maskrcnn_benchmark() {
    let heads = [
        ("backbone.fpn*.weight", Xavier),
        ("rpn.*.weight", Normal(0.01)),
        ("roi_heads.box_head.fc*.weight", Xavier),
        ("roi_heads.box_predictor.cls_score*.weight", Normal(0.01)),
        ("roi_heads.box_predictor.bbox_pred*.weight", Normal(0.001)),
        ("roi_heads.mask*.weight", KaimingOut),
        ("*.bias", Constant(0.0)),
    ];
    let dialect = Some(Dialect::MaskrcnnBenchmark);
    let body = [("backbone.body.*norm.weight", Constant(1.0)), ("backbone.body.*.weight", KaimingIn)];
    obey("mask_rcnn_vovnet27_slim_fpn", dialect, &[&body[..], &heads].concat());
    let resnet = [
        ("backbone.body.*bn1.weight", Constant(1.0)),
        ("backbone.body.*bn2.weight", Constant(1.0)),
        ("backbone.body.*bn3.weight", Constant(1.0)),
        ("backbone.body.*downsample.1.weight", Constant(1.0)),
        ("backbone.body.*.weight", Xavier),
    ];
    obey("mask_rcnn_resnet50_fpn", dialect, &[&resnet[..], &heads].concat());
    let group = [
        ("backbone.fpn.*.1.weight", Constant(1.0)),
        ("roi_heads.*.1.weight", Constant(1.0)),
        ("roi_heads.box_head.5*.weight", Xavier),
        ("roi_heads.box_head.*.0.weight", Normal(0.01)),
    ];
    obey("mask_rcnn_vovnet39_fpn_gn", dialect, &[&body[..], &group, &heads].concat());
}

#[test]
fn detectron2() {
    let heads = [
        ("backbone.fpn*.weight", Xavier),
        ("rpn.*.weight", Normal(0.01)),
        ("roi_heads.box_head.fc*.weight", Xavier),
        ("roi_heads.box_predictor.cls_score*.weight", Normal(0.01)),
        ("roi_heads.box_predictor.bbox_pred*.weight", Normal(0.001)),
        ("roi_heads.mask_predictor.mask_fcn_logits*.weight", Normal(0.001)),
        ("roi_heads.mask*.weight", KaimingOut),
        ("*.bias", Constant(0.0)),
    ];
    let dialect = Some(Dialect::Detectron2);
    let body = [
        ("backbone.body.*norm.weight", Constant(1.0)),
        ("backbone.body.*.weight", KaimingIn),
        ("backbone.body.stage2*ese.fc.bias", DefaultBias(112.0)),
        ("backbone.body.stage3*ese.fc.bias", DefaultBias(256.0)),
        ("backbone.body.stage4*ese.fc.bias", DefaultBias(384.0)),
        ("backbone.body.stage5*ese.fc.bias", DefaultBias(512.0)),
    ];
    obey("mask_rcnn_vovnet19_slim_ese_fpn", dialect, &[&body[..], &heads].concat());
    let group = [
        ("backbone.body.*bn1.weight", Constant(1.0)),
        ("backbone.body.*bn2.weight", Constant(1.0)),
        ("backbone.body.*bn3.weight", Constant(1.0)),
        ("backbone.body.*downsample.1.weight", Constant(1.0)),
        ("backbone.body.*.weight", KaimingOut),
        ("backbone.fpn.*.1.weight", Constant(1.0)),
        ("roi_heads.*.1.weight", Constant(1.0)),
        ("roi_heads.box_head.5*.weight", Xavier),
        ("roi_heads.box_head.*.0.weight", KaimingOut),
    ];
    obey("mask_rcnn_resnet50_fpn_gn", dialect, &[&group[..], &heads].concat());
}

/// VGG in RefineDet's Caffe code and in luuuyi's port, whose base network is always loaded; VoVNet's fork.
#[test]
fn refinedet() {
    let l2 = [("norm.0*.weight", Constant(10.0)), ("norm.1*.weight", Constant(8.0))];
    let caffe = [("*.weight", Xavier), ("*.bias", Constant(0.0))];
    obey("refinedet320_vgg16", Some(Dialect::Caffe), &[&l2[..], &caffe].concat());
    let torch = [("arm*", TorchXavier), ("odm*", TorchXavier), ("tcb*", TorchXavier), ("extras*", TorchXavier)];
    let biases = ["arm*.bias", "odm*.bias", "tcb*.bias", "extras*.bias"].map(|name| (name, Constant(0.0)));
    // fan_in of the VGG layers.
    let vgg = [
        ("backbone.conv1_1*.bias", 27.0),
        ("backbone.conv1*.bias", 9.0 * 64.0),
        ("backbone.conv2_1*.bias", 9.0 * 64.0),
        ("backbone.conv2*.bias", 9.0 * 128.0),
        ("backbone.conv3_1*.bias", 9.0 * 128.0),
        ("backbone.conv3*.bias", 9.0 * 256.0),
        ("backbone.conv4_1*.bias", 9.0 * 256.0),
        ("backbone.conv*.bias", 9.0 * 512.0),
        ("backbone.fc6*.bias", 9.0 * 512.0),
        ("backbone.fc7*.bias", 1024.0),
    ];
    let vgg = vgg.map(|(name, fan)| (name, DefaultBias(fan)));
    let body = [("backbone*.weight", Default)];
    obey("refinedet320_vgg16", Some(Dialect::Luuuyi), &[&l2[..], &biases, &torch, &vgg, &body].concat());
    let vovnet = [
        ("backbone.*.weight", Xavier),
        ("arm.loc*.weight", Xavier),
        ("arm.conf*.weight", Xavier),
        ("odm.loc*.weight", Xavier),
        ("odm.conf*.weight", Xavier),
        ("*.weight", Normal(0.01)),
        ("*.bias", Constant(0.0)),
    ];
    obey("refinedet320_vovnet27_slim", None, &rules(&vovnet));
}

/// DSOD in Caffe and in uoip's port; SSD's Caffe nets; MobileNet-SSD; Pelee.
#[test]
fn other_one_stage_detectors() {
    // All its maps are L2-normalised, of SSD's the first.
    let scale = ("norm*.weight", Constant(20.0));
    let heads = [("loc*conv.weight", Normal(0.01)), ("conf*conv.weight", Normal(0.01)), scale];
    let rest = [("*.weight", Xavier), ("*.bias", Constant(0.0))];
    obey("dsod300_ds64_64_16_1", None, &rules(&[&heads[..], &rest].concat()));
    obey("dsod300_vovnet27_slim", None, &rules(&[&heads[..], &rest].concat()));
    let uoip = [scale, ("*.weight", TorchXavier), ("*.bias", Constant(0.0))];
    obey("dsod300_ds64_192_48_1", Some(Dialect::Uoip), &rules(&uoip));
    obey("ssd300_vgg16", Some(Dialect::Caffe), &[&[scale][..], &rest].concat());
    obey("ssd300_mobilenet", None, &rules(&[("*.weight", KaimingIn), ("*.bias", Constant(0.0))]));
    obey("pelee304", None, &rules(&rest));
}
