//! Faster and Mask R-CNN end to end against torchvision, detectron2 and an independent reading of maskrcnn-benchmark
//! (tests/fixtures/maskrcnn_*, fasterrcnn_*).
#![allow(clippy::unwrap_used)]

mod common;

use common::{Fixture, fixtures, model};
use vovdet_detectors::Detection;

fn iou(a: &hotcoco_mask::Rle, b: &hotcoco_mask::Rle) -> f64 {
    let pair = [a.clone(), b.clone()];
    let area = |intersect| hotcoco_mask::area(&hotcoco_mask::merge(&pair, intersect).unwrap()) as f64;
    area(true) / area(false)
}

mod hotcoco_mask {
    pub use hotcoco::Rle;
    pub use hotcoco::mask::{area, merge, rle_from_string};
}

/// Maps within 1e-4 of the largest value; detections one to one: boxes 0.1 px, scores 1e-3, masks IoU 0.99.
fn agrees(fixture: &str, name: &str, fpn: [&str; 5], first_label: i64) {
    let fixture = Fixture::open(fixture);
    let model = model(name, &fixture.checkpoint(), None, false);
    let image = image::open(fixtures().join("chelsea.png")).unwrap().to_rgb8();
    let input = [model.spec().input.prepare(&image).unwrap()];
    let batch = model.spec().input.batch(&input, tch::Device::Cpu, tch::Kind::Float).unwrap();
    assert!(fixture.difference("input", &batch) < 1e-4);
    let features = model.features(&batch, Some(&[input[0].geometry])).unwrap();
    let find = |name: &str| &features.iter().find(|f| f.0 == name).unwrap().1;
    // Tighter where 1e-4 would not show that a frozen norm has no epsilon.
    let limit = fixture.json["stages_within"].as_f64().unwrap_or(1e-4) as f32;
    for stage in ["stage2", "stage3", "stage4", "stage5"].iter().filter(|s| fixture.json["tensors"][s].is_object()) {
        assert!(fixture.difference(stage, find(stage)) < limit, "{stage}");
    }
    for (level, point) in fpn.into_iter().enumerate() {
        assert!(fixture.difference(point, find(&format!("fpn.p{}", level + 2))) < 1e-4, "{point}");
        for head in ["objectness", "deltas"] {
            let point = format!("rpn.{head}.{level}");
            assert!(fixture.difference(&point, find(&point)) < 1e-4, "{point}");
        }
    }
    let found = model.as_detector().unwrap().predict(&input).unwrap().images.remove(0);
    let (boxes, scores) = (fixture.floats("final.boxes"), fixture.floats("final.scores"));
    let labels = fixture.integers("final.labels");
    assert_eq!(found.len(), scores.len());
    let mut free: Vec<&Detection> = found.iter().collect();
    for (i, bbox) in boxes.as_chunks::<4>().0.iter().enumerate() {
        let same = |d: &&Detection| {
            let near = d.bbox.iter().zip(bbox).all(|(a, b)| (a - b).abs() < 0.1);
            near && (d.score - scores[i]).abs() < 1e-3 && d.label as i64 + first_label == labels[i]
        };
        let at = free.iter().position(same).unwrap_or_else(|| panic!("detection {i} {bbox:?} is not found"));
        let found = free.swap_remove(at);
        let rle = &fixture.json["masks_rle"][i];
        assert_eq!(found.mask.is_some(), rle.is_object());
        let Some(ours) = &found.mask else { continue };
        let theirs = hotcoco_mask::rle_from_string(rle["counts"].as_str().unwrap(), ours.h, ours.w).unwrap();
        // The fixture's README: a one-pixel flip changes a tiny mask.
        if hotcoco_mask::area(&theirs) >= 50 {
            assert!(iou(ours, &theirs) >= 0.99, "mask {i}: {}", iou(ours, &theirs));
        }
    }
}

#[test]
fn torchvision_resnet50() {
    let fpn = ["fpn.0", "fpn.1", "fpn.2", "fpn.3", "fpn.pool"];
    agrees("maskrcnn_resnet50_fpn_torchvision", "mask_rcnn_resnet50_fpn", fpn, 1);
}

#[test]
fn detectron2_vovnet39() {
    agrees("maskrcnn_d2_V_39_FPN_3x", "mask_rcnn_vovnet39_ese_fpn", P2_TO_P6, 0);
}

const P2_TO_P6: [&str; 5] = ["fpn.p2", "fpn.p3", "fpn.p4", "fpn.p5", "fpn.p6"];

/// The fixtures from here on are of the independent Python reading in tests/parity/reference.
#[test]
fn maskrcnn_benchmark_vovnet39() {
    agrees("maskrcnn_mb_V_39_FPN", "mask_rcnn_vovnet39_fpn", P2_TO_P6, 1);
}

#[test]
fn maskrcnn_benchmark_vovnet39_group_norm() {
    agrees("maskrcnn_mb_V_39_FPN_gn", "mask_rcnn_vovnet39_fpn_gn", P2_TO_P6, 1);
}

#[test]
fn detectron2_fpnlite_without_masks() {
    agrees("fasterrcnn_d2_V_19_dw_FPNLite", "faster_rcnn_vovnet19_dw_ese_fpnlite", P2_TO_P6, 0);
}

/// PIL's own resize of the photograph, to the last bit (tests/fixtures/chelsea_resized_800x1203.png).
#[test]
fn pil_resize_is_exact() {
    let spec = vovdet_detectors::ModelSpec::named("mask_rcnn_vovnet39_ese_fpn", None).unwrap();
    let open = |name: &str| image::open(fixtures().join(name)).unwrap().to_rgb8();
    let ours = spec.input.prepare(&open("chelsea.png")).unwrap();
    assert_eq!(ours.geometry.resized, (1203, 800));
    let theirs = spec.input.prepare(&open("chelsea_resized_800x1203.png")).unwrap();
    assert_eq!(theirs.geometry.resized, (1203, 800), "an image of the right size is left as it is");
    assert_eq!((ours.tensor() - theirs.tensor()).abs().max().double_value(&[]), 0.0);
}
