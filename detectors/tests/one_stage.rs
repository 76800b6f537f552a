//! One-stage detectors against their references (tests/fixtures/{refinedet,dsod,ssd}*, whose JSON names the repository).
#![allow(clippy::unwrap_used)]

mod common;

use common::{Fixture, caffe, fixtures, procedural};
use std::collections::BTreeMap;
use tch::Tensor;
use vovdet_detectors::spec::{Class, ExtraSpec, NormKind, Task};
use vovdet_detectors::{Geometry, LoadOptions, ModelSpec, Network, load};
use vovdet_pretrained::naming::Naming;

/// The model without a dialect: the keys must tell it.
fn model(name: &str, fixture: &Fixture, plain: bool) -> Network {
    let options = LoadOptions { plain, ..LoadOptions::default() };
    load(Some(ModelSpec::named(name, None).unwrap()), &fixture.checkpoint(), &options).unwrap().0
}

fn features(model: &Network, input: &Tensor, geometry: Option<Geometry>) -> BTreeMap<String, Tensor> {
    let geometry = geometry.map(|g| [g]);
    model.features(input, geometry.as_ref().map(|g| g.as_slice())).unwrap().into_iter().collect()
}

/// Every point within `limit` of the largest value.
fn maps_agree(fixture: &Fixture, ours: &BTreeMap<String, Tensor>, points: &[&str], limit: f32) {
    for point in points {
        let difference = fixture.difference(point, &ours[*point]);
        assert!(difference < limit, "{point}: {difference}");
    }
}

/// Rows (class, score, box) one to one, whatever their order: boxes within `near`, scores within 1e-4.
fn rows_agree(ours: &[[f32; 6]], theirs: &[[f32; 6]], near: f32) {
    assert_eq!(ours.len(), theirs.len(), "number of detections");
    let mut free: Vec<&[f32; 6]> = ours.iter().collect();
    for row in theirs {
        let same = |o: &&[f32; 6]| {
            o[0] == row[0]
                && (o[1] - row[1]).abs() < 1e-4
                && o[2..].iter().zip(&row[2..]).all(|(a, b)| (a - b).abs() < near)
        };
        let at = free.iter().position(same).unwrap_or_else(|| panic!("{row:?} is not found"));
        free.swap_remove(at);
    }
}

fn six(values: &[f32]) -> Vec<[f32; 6]> {
    values.as_chunks::<6>().0.to_vec()
}

fn detections(ours: &BTreeMap<String, Tensor>) -> Vec<[f32; 6]> {
    six(&Vec::<f32>::try_from(ours["detections"].flatten(0, -1)).unwrap())
}

#[test]
fn luuuyi_refinedet() {
    let fixture = Fixture::open("refinedet320_voc");
    for plain in [true, false] {
        let model = model("refinedet320_vgg16", &fixture, plain);
        let ours = features(&model, &caffe::input(&fixture), None);
        maps_agree(&fixture, &ours, &["arm_loc", "arm_conf", "odm_loc", "odm_conf"], 1e-5);
        maps_agree(&fixture, &ours, &["arm_source.0", "arm_source.3", "odm_source.0", "odm_source.3"], 1e-5);
        maps_agree(&fixture, &ours, &["priors"], f32::MIN_POSITIVE);
        rows_agree(&detections(&ours), &six(&fixture.floats("detections")), 1e-4);
    }
}

#[test]
fn uoip_dsod() {
    let fixture = Fixture::open("dsod300_voc");
    let model = model("dsod300_ds64_192_48_1", &fixture, false);
    let ours = features(&model, &caffe::input(&fixture), None);
    maps_agree(&fixture, &ours, &["loc", "conf", "source.0", "source.1", "source.2", "source.5"], 1e-5);
    maps_agree(&fixture, &ours, &["anchors"], f32::MIN_POSITIVE);
    let (boxes, scores) = (fixture.floats("det_boxes"), fixture.floats("det_scores"));
    let labels = fixture.integers("det_labels");
    let theirs: Vec<[f32; 6]> = (0..scores.len())
        .map(|i| [labels[i] as f32, scores[i], boxes[4 * i], boxes[4 * i + 1], boxes[4 * i + 2], boxes[4 * i + 3]])
        .collect();
    rows_agree(&detections(&ours), &theirs, 1e-4);
}

/// From the photograph to detections in its pixels.
fn torchvision(fixture: &str, name: &str) {
    let fixture = Fixture::open(fixture);
    let model = model(name, &fixture, false);
    let image = image::open(fixtures().join("chelsea.png")).unwrap().to_rgb8();
    let prepared = [model.spec().input.prepare(&image).unwrap()];
    let batch = model.spec().input.batch(&prepared, tch::Device::Cpu, tch::Kind::Float).unwrap();
    let ours = features(&model, &batch, Some(prepared[0].geometry));
    let difference = fixture.difference("input", &batch);
    assert!(difference < 2e-5, "input: {difference}");
    let points = ["features.0", "features.1", "features.2", "features.5", "cls_logits", "bbox_regression"];
    maps_agree(&fixture, &ours, &points, 1e-5);
    maps_agree(&fixture, &ours, &["anchors"], f32::MIN_POSITIVE);
    let found = model.as_detector().unwrap().predict(&prepared).unwrap().images.remove(0);
    let row =
        |d: &vovdet_detectors::Detection| [d.label as f32 + 1.0, d.score, d.bbox[0], d.bbox[1], d.bbox[2], d.bbox[3]];
    let ours: Vec<[f32; 6]> = found.iter().map(row).collect();
    let (boxes, scores) = (fixture.floats("final.boxes"), fixture.floats("final.scores"));
    let labels = fixture.integers("final.labels");
    let theirs: Vec<[f32; 6]> = (0..scores.len())
        .map(|i| [labels[i] as f32, scores[i], boxes[4 * i], boxes[4 * i + 1], boxes[4 * i + 2], boxes[4 * i + 3]])
        .collect();
    rows_agree(&ours, &theirs, 0.02);
}

#[test]
fn torchvision_ssd300() {
    torchvision("ssd300_vgg16_torchvision", "ssd300_vgg16");
}

#[test]
fn torchvision_ssdlite() {
    torchvision("ssdlite320_mobilenet_v3_large_torchvision", "ssdlite320_mobilenet_v3_large");
}

/// The model of a fixture's Caffe file; prior boxes and eps come from the file.
fn caffe_model(name: &str, fixture: &Fixture, plain: bool) -> Network {
    let options = LoadOptions { plain, ..LoadOptions::default() };
    load(Some(ModelSpec::named(name, None).unwrap()), &caffe::checkpoint(fixture), &options).unwrap().0
}

fn caffe_refinedet(fixture: &str, name: &str, sources: [&str; 4]) {
    let fixture = Fixture::open(fixture);
    for plain in [true, false] {
        let mut ours = features(&caffe_model(name, &fixture, plain), &caffe::input(&fixture), None);
        for (i, source) in sources.into_iter().enumerate() {
            let (arm, odm) = (ours[&format!("arm_source.{i}")].shallow_clone(), format!("odm_source.{i}"));
            ours.insert(source.into(), arm);
            let odm = ours[&odm].shallow_clone();
            ours.insert(format!("P{}", i + 3), odm);
        }
        maps_agree(&fixture, &ours, &sources, 1e-5);
        maps_agree(&fixture, &ours, &["P3", "P4", "P5", "P6", "arm_loc", "arm_conf", "odm_loc", "odm_conf"], 1e-5);
        maps_agree(&fixture, &ours, &["priors"], f32::MIN_POSITIVE);
        rows_agree(&detections(&ours), &six(&fixture.floats("detections")), 1e-3);
    }
}

#[test]
fn caffe_refinedet_vovnet39() {
    let sources = ["Transition3/conv", "Transition4B/conv", "Transition5B/conv", "res6"];
    caffe_refinedet("caffe_vovnet39_refinedet320_voc", "refinedet320_vovnet39", sources);
}

#[test]
fn caffe_refinedet_vgg16() {
    let sources = ["conv4_3_norm", "conv5_3_norm", "fc7", "conv6_2"];
    caffe_refinedet("caffe_vgg16_refinedet320_voc", "refinedet320_vgg16", sources);
}

#[test]
fn caffe_dsod() {
    let fixture = Fixture::open("caffe_dsod300_64_64_16_1_voc");
    let mut ours = features(&caffe_model("dsod300_ds64_64_16_1", &fixture, false), &caffe::input(&fixture), None);
    for (i, source) in ["First", "Second", "Third", "Fourth", "Fifth", "Sixth"].into_iter().enumerate() {
        let map = ours[&format!("source.{i}")].shallow_clone();
        ours.insert(source.into(), map);
    }
    let points = ["First", "Second", "Third", "Fourth", "Fifth", "Sixth", "mbox_loc", "mbox_conf"];
    maps_agree(&fixture, &ours, &points, 1e-5);
    maps_agree(&fixture, &ours, &["priors"], f32::MIN_POSITIVE);
    rows_agree(&detections(&ours), &six(&fixture.floats("detections")), 1e-3);
}

/// The paper's own VoVNet-39: stem of stride 1, pool, no identity; at a size where ceil and floor pools differ.
#[test]
fn caffe_vovnet39_classifier() {
    let fixture = Fixture::open("caffe_vovnet39_body_97x131");
    let mut ours = features(&caffe_model("vovnet39_caffe", &fixture, false), &caffe::input(&fixture), None);
    for (point, name) in [
        ("Transition2/conv", "stage2"),
        ("Transition3/conv", "stage3"),
        ("Transition4B/conv", "stage4"),
        ("Transition5B/conv", "stage5"),
        ("fc1000", "logits"),
    ] {
        let map = ours[name].shallow_clone();
        ours.insert(point.into(), map);
        maps_agree(&fixture, &ours, &[point], 1e-5);
    }
}

/// MobileNet-SSD as it is deployed: no norms, biases instead. The count of prior boxes is the published one
/// (docs/reference/pelee_mobilenet_cifar.md §2.1).
#[test]
fn a_merged_caffe_file_needs_no_norms() {
    let name = "ssd300_mobilenet";
    let mut spec = ModelSpec::named(name, None).unwrap();
    spec.classes = Class::table(20);
    spec.backbone.norm_mut().unwrap().kind = NormKind::Merged;
    let Task::OneStage(head) = &mut spec.task else { panic!() };
    for extra in &mut head.extras {
        let ExtraSpec::Conv { norm: Some(norm), .. } = extra else { panic!() };
        norm.kind = NormKind::Merged;
    }
    let built = Network::build(&spec, tch::Device::Cpu, tch::Kind::Float).unwrap();
    let parameters = built.parameters();
    let names: Vec<&str> = parameters.iter().map(|p| p.name.as_str()).collect();
    let mut layers: Vec<(String, Vec<_>)> = Vec::new();
    for (parameter, key) in parameters.iter().zip(Naming::Caffe.from_canonical(&names)) {
        let shape: Vec<usize> = parameter.tensor.size().iter().map(|&d| d as usize).collect();
        let values = procedural(&key, &shape, 1.0);
        let layer = key.rsplit_once('.').unwrap().0.to_owned();
        match layers.last_mut().filter(|last| last.0 == layer) {
            Some(last) => last.1.push((shape, values)),
            None => layers.push((layer, vec![(shape, values)])),
        }
    }
    let checkpoint = caffe::merged(&layers);
    let (model, report) =
        load(Some(ModelSpec::named(name, None).unwrap()), &checkpoint, &LoadOptions::default()).unwrap();
    assert_eq!((report.applied, model.spec().classes.len()), (parameters.len(), 20));
    let ours = features(&model, &tch::Tensor::zeros([1, 3, 300, 300], (tch::Kind::Float, tch::Device::Cpu)), None);
    assert_eq!((ours["loc"].size(), ours["conf"].size()), (vec![1, 1917, 4], vec![1, 1917, 21]));
}

/// OpenCV's own resize of the photograph, to the last bit, smaller and larger (tests/fixtures/opencv/make.py).
#[test]
fn opencv_resize_is_exact() {
    let open = |name: &str| image::open(fixtures().join(name)).unwrap().to_rgb8();
    for (model, side) in [("dsod300_vovnet27_slim", 300), ("ssd512_vgg16", 512)] {
        let spec = ModelSpec::named(model, None).unwrap();
        let ours = spec.input.prepare(&open("chelsea.png")).unwrap();
        let theirs = spec.input.prepare(&open(&format!("opencv/chelsea_{side}x{side}.png"))).unwrap();
        assert_eq!(ours.geometry.resized, (side, side));
        assert_eq!((ours.tensor() - theirs.tensor()).abs().max().double_value(&[]), 0.0, "{side}");
    }
}
