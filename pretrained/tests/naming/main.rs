//! Names of parameters, both ways, against the key lists of the projects themselves.
//!
//! `../fixtures/naming/*.txt` are written by `make.py` beside them from timm, torchvision and the
//! reference repositories. Nobody publishes lists for maskrcnn-benchmark's and detectron2's ResNets
//! and normalised heads: those are spelled out in `lists` after docs/reference/mask_rcnn.md §1, apart from
//! the tables under test.
#![allow(clippy::unwrap_used)]

mod lists;

use std::collections::{BTreeMap, BTreeSet};

use lists::*;
use vovdet_pretrained::naming::{DETECTOR_BODY, Naming, body_prefix, closest, is_ignorable, rebase_body};

/// Every key must have a canonical name, no two the same, and the way back must end where it began.
fn canonical(naming: Naming, keys: &[String]) -> Vec<String> {
    assert_eq!(Naming::detect(keys.iter().map(String::as_str)), Some(naming));
    let names: Vec<String> = naming
        .to_canonical(&refs(keys))
        .into_iter()
        .zip(keys)
        .map(|(name, key)| name.unwrap_or_else(|| panic!("{naming}: no canonical name for {key}")))
        .collect();
    assert_eq!(set(names.clone()).len(), keys.len(), "{naming}: two keys became one");
    assert_eq!(naming.from_canonical(&refs(&names)), keys, "{naming}: the way back");
    for &other in Naming::ALL {
        // Each naming keeps what the canonical tables hold, and only that.
        let kept: Vec<String> = other.to_canonical(&refs(&names)).into_iter().flatten().collect();
        assert_eq!(kept, names, "{naming}: a result that is no canonical name to {other}");
    }
    names
}

const TORCHVISION_LISTS: [&str; 11] = [
    "torchvision_resnet50",
    "torchvision_fasterrcnn_resnet50_fpn",
    "torchvision_fasterrcnn_resnet50_fpn_v2",
    "torchvision_maskrcnn_resnet50_fpn",
    "torchvision_maskrcnn_resnet50_fpn_v2",
    "reference_maskrcnn_resnet50_fpn_torchvision",
    "reference_backbone_mb_V-39",
    "reference_backbone_v1_vovnet27_slim",
    "reference_backbone_v1_vovnet39",
    "reference_backbone_v2_V-19-slim-dw-eSE",
    "reference_backbone_v2_V-39-eSE",
];

#[test]
fn canonical_names_are_the_references() {
    for list in TORCHVISION_LISTS {
        let keys = keys(list);
        assert_eq!(canonical(Naming::Torchvision, &keys), keys, "{list}");
        for &naming in Naming::ALL {
            let kept = naming.to_canonical(&refs(&keys));
            assert!(kept.iter().zip(&keys).all(|(kept, key)| kept.as_ref() == Some(key)), "{naming} renames {list}");
        }
    }
}

/// A backbone of ours, bare or in a detector, must survive any naming and be recognised in it.
#[test]
fn every_model_goes_out_and_comes_back() {
    for list in TORCHVISION_LISTS {
        let bare = keys(list);
        let in_detector: Vec<String> = bare.iter().map(|key| format!("{DETECTOR_BODY}{key}")).collect();
        let forms = if bare[0].starts_with("backbone.") { vec![bare] } else { vec![bare, in_detector] };
        for keys in forms {
            for &naming in Naming::ALL {
                let foreign = naming.from_canonical(&refs(&keys));
                let back: Vec<String> = naming.to_canonical(&refs(&foreign)).into_iter().flatten().collect();
                assert_eq!(back, keys, "{list} through {naming}");
                assert_eq!(set(foreign.clone()).len(), keys.len(), "{list} in {naming}");
                let expected = if foreign == keys { Naming::Torchvision } else { naming };
                assert_eq!(Naming::detect(foreign.iter().map(String::as_str)), Some(expected), "{list} in {naming}");
            }
        }
    }
}

#[test]
fn detectron2_vovnet_mask_rcnn() {
    let file = fixture("reference_maskrcnn_d2_V_39_FPN_3x");
    let names = canonical(Naming::Detectron2, &keys("reference_maskrcnn_d2_V_39_FPN_3x"));
    let ours: BTreeMap<String, String> = names.into_iter().zip(file.into_iter().map(|entry| entry.1)).collect();

    let mut expected = BTreeMap::new();
    for (key, shape) in fixture("reference_backbone_v2_V-39-eSE") {
        expected.insert(format!("backbone.body.{key}"), shape);
    }
    let torchvision = fixture("reference_maskrcnn_resnet50_fpn_torchvision");
    for (key, shape) in torchvision.into_iter().filter(|entry| !entry.0.starts_with("backbone.body.")) {
        // Other classes and other stage widths: there the shape is the file's own.
        let theirs = key.contains("predictor") || key.contains("inner_blocks");
        let shape = if theirs { ours.get(&key).cloned().unwrap_or_default() } else { shape };
        expected.insert(key, shape);
    }
    assert_eq!(ours, expected);
}

#[test]
fn detectron2_resnets_and_normed_heads() {
    let mut file = detectron2_resnet50("backbone.bottom_up.");
    file.extend(detectron2_normed_heads());
    let expected = without_counters(keys("torchvision_maskrcnn_resnet50_fpn_v2"));
    assert_eq!(set(canonical(Naming::Detectron2, &file)), set(expected));

    let body: BTreeSet<String> =
        keys("torchvision_resnet50").into_iter().filter(|key| !key.starts_with("fc.")).collect();
    for prefix in ["", "backbone."] {
        let names = canonical(Naming::Detectron2, &detectron2_resnet50(prefix));
        let expected = without_counters(body.iter().map(|key| format!("{prefix}{key}")).collect());
        assert_eq!(set(names), set(expected), "prefix {prefix:?}");
    }
}

#[test]
fn maskrcnn_benchmark_plain() {
    let mut file = maskrcnn_benchmark_resnet50("backbone.body.");
    file.extend(maskrcnn_benchmark_heads());
    let anchors: Vec<String> = (0..5).map(|i| format!("rpn.anchor_generator.cell_anchors.{i}")).collect();
    file.extend(anchors.clone());
    let mut expected = set(without_counters(keys("torchvision_maskrcnn_resnet50_fpn")));
    expected.extend(anchors);
    assert_eq!(set(canonical(Naming::MaskrcnnBenchmark, &file)), expected);
}

#[test]
fn maskrcnn_benchmark_from_scratch_with_group_norm() {
    let group_norm = |keys: Vec<String>| keys.into_iter().filter(|key| !key.contains("running_"));
    let body: Vec<String> =
        group_norm(keys("reference_backbone_mb_V-39")).map(|key| format!("backbone.body.{key}")).collect();
    let mut file = body.clone();
    file.extend(maskrcnn_benchmark_scratch_heads());

    let heads = without_counters(keys("torchvision_maskrcnn_resnet50_fpn_v2"));
    let expected = group_norm(heads)
        .filter(|key| !key.starts_with("backbone.body.") && !key.starts_with("rpn.head.conv.1."))
        .chain(body);
    assert_eq!(set(canonical(Naming::MaskrcnnBenchmark, &file)), set(expected));
}

/// Without a norm `xconvs` is convolution, ReLU, convolution, …; index 4 is then a convolution,
/// with a norm it is the second norm.
#[test]
fn maskrcnn_benchmark_box_convolutions_without_norm() {
    let file: Vec<String> = (0..4)
        .map(|i| format!("roi_heads.box.feature_extractor.xconvs.{}", 2 * i))
        .chain(["roi_heads.box.feature_extractor.fc6".to_owned()])
        .flat_map(|name| leaves(&name, &PARAM).collect::<Vec<_>>())
        .collect();
    let expected: Vec<String> = ["0.0", "1.0", "2.0", "3.0", "5"]
        .iter()
        .flat_map(|name| PARAM.map(|leaf| format!("roi_heads.box_head.{name}.{leaf}")))
        .collect();
    assert_eq!(canonical(Naming::MaskrcnnBenchmark, &file), expected);
}

#[test]
fn torchvision_files_of_2019() {
    let expected = keys("reference_maskrcnn_resnet50_fpn_torchvision");
    // docs/reference/mask_rcnn.md §1, the note below the table.
    let file: Vec<String> = expected
        .iter()
        .map(|key| {
            let mut key = key.replace("rpn.head.conv.0.0.", "rpn.head.conv.");
            for i in 0..4 {
                key = key
                    .replace(&format!("inner_blocks.{i}.0."), &format!("inner_blocks.{i}."))
                    .replace(&format!("layer_blocks.{i}.0."), &format!("layer_blocks.{i}."))
                    .replace(&format!("mask_head.{i}.0."), &format!("mask_head.mask_fcn{}.", i + 1));
            }
            key
        })
        .collect();
    assert_eq!(canonical(Naming::TorchvisionLegacy, &file), expected);
}

/// timm's V-39-eSE is the reference's, tensor for tensor, but for eSE, which only the last module
/// of a stage has.
#[test]
fn timm_39b_is_the_reference() {
    let file = fixture("timm_ese_vovnet39b");
    let names = canonical(Naming::Timm, &keys("timm_ese_vovnet39b"));
    let ours: BTreeMap<String, String> = names
        .into_iter()
        .zip(file.into_iter().map(|entry| entry.1))
        .filter(|(key, _)| !key.ends_with("num_batches_tracked"))
        .collect();
    let mut expected: BTreeMap<String, String> = fixture("reference_backbone_v2_V-39-eSE").into_iter().collect();
    expected.retain(|key, _| !key.starts_with("stage4.OSA4_1.ese") && !key.starts_with("stage5.OSA5_1.ese"));
    expected.insert("classifier.weight".into(), "1000x1024".into());
    expected.insert("classifier.bias".into(), "1000".into());
    assert_eq!(ours, expected);
}

/// The wide depthwise variant has the slim one's names and a reduction in stage 2 besides
/// (docs/reference/vovnet.md §2.3).
#[test]
fn timm_19b_depthwise_is_the_reference() {
    let names = canonical(Naming::Timm, &keys("timm_ese_vovnet19b_dw"));
    let reduction = "stage2.OSA2_1.conv_reduction.OSA2_1_reduction_0";
    let mut expected = set(keys("reference_backbone_v2_V-19-slim-dw-eSE"));
    expected.insert(format!("{reduction}/conv.weight"));
    expected.extend(leaves(&format!("{reduction}/norm"), &FROZEN));
    expected.extend(leaves("classifier", &PARAM));
    assert_eq!(set(without_counters(names)), expected);
}

/// vision-toolbox's 27-slim is the reference's, tensor for tensor (docs/reference/vovnet.md §1.1, the same widths and
/// layers).
#[test]
fn vision_toolbox_27_slim_is_the_reference() {
    let file = fixture("reference_backbone_vt_vovnet27_slim");
    let names = canonical(Naming::VisionToolbox, &keys("reference_backbone_vt_vovnet27_slim"));
    let ours: BTreeMap<String, String> = names.into_iter().zip(file.into_iter().map(|entry| entry.1)).collect();
    let expected: BTreeMap<String, String> = fixture("reference_backbone_v1_vovnet27_slim").into_iter().collect();
    let body = |mut keys: BTreeMap<String, String>| {
        keys.retain(|key, _| !key.starts_with("classifier.") && !key.ends_with("num_batches_tracked"));
        keys
    };
    assert_eq!(body(ours), body(expected));
}

/// The eSE of the depthwise reference, which has as many modules and layers, and plain convolutions instead.
#[test]
fn vision_toolbox_19_slim_has_the_references_ese() {
    let names = set(canonical(Naming::VisionToolbox, &keys("reference_backbone_vt_vovnet19_slim_ese")));
    let reference = keys("reference_backbone_v2_V-19-slim-dw-eSE");
    let ese: Vec<&String> = reference.iter().filter(|key| key.contains(".ese.")).collect();
    assert_eq!(ese.len(), 8);
    assert!(ese.into_iter().all(|key| names.contains(key)));
}

/// The files of the trainer (`nn.Sequential` of backbone, pooling, flattening and a linear layer), and the older names
/// of the norms.
#[test]
fn vision_toolbox_classifiers_and_older_names() {
    let bare = keys("reference_backbone_vt_vovnet19_slim_ese");
    let expected = canonical(Naming::VisionToolbox, &bare);
    let older: Vec<String> = bare.iter().map(|key| key.replace(".norm.", ".bn.")).collect();
    assert_eq!(Naming::detect(older.iter().map(String::as_str)), Some(Naming::VisionToolbox));
    let names: Vec<String> = Naming::VisionToolbox.to_canonical(&refs(&older)).into_iter().flatten().collect();
    assert_eq!(names, expected);

    let mut expected = expected;
    expected.extend(leaves("classifier", &PARAM));
    for sequential in ["", "model."] {
        for linear in 1..=3 {
            let mut file: Vec<String> = bare.iter().map(|key| format!("{sequential}0.{key}")).collect();
            file.extend(leaves(&format!("{sequential}{linear}"), &PARAM));
            assert_eq!(Naming::detect(file.iter().map(String::as_str)), Some(Naming::VisionToolbox));
            let names: Vec<String> = Naming::VisionToolbox.to_canonical(&refs(&file)).into_iter().flatten().collect();
            assert_eq!(names, expected, "{sequential:?} {linear}");
        }
    }
    let written = Naming::VisionToolbox.from_canonical(&refs(&expected));
    assert_eq!(written[..bare.len()], bare);
    assert_eq!(written[bare.len()..], ["classifier.weight", "classifier.bias"]);
}

/// V-57: 1, 1, 4, 3 modules of 5 layers (docs/reference/vovnet.md §1.2); widths must land in their stages.
#[test]
fn timm_57b_has_the_papers_modules() {
    let file = fixture("timm_ese_vovnet57b");
    let names = canonical(Naming::Timm, &keys("timm_ese_vovnet57b"));
    let shapes: BTreeMap<String, String> = names.into_iter().zip(file.into_iter().map(|entry| entry.1)).collect();
    let mut convs = 0;
    for (n, modules, width, out) in [(2, 1, 128, 256), (3, 1, 160, 512), (4, 4, 192, 768), (5, 3, 224, 1024)] {
        for b in 1..=modules {
            for i in 0..5 {
                let shape = &shapes[&format!("stage{n}.OSA{n}_{b}.layers.{i}.OSA{n}_{b}_{i}/conv.weight")];
                assert!(shape.starts_with(&format!("{width}x")) && shape.ends_with("x3x3"), "{n} {b} {i}: {shape}");
                convs += 1;
            }
            let shape = &shapes[&format!("stage{n}.OSA{n}_{b}.concat.OSA{n}_{b}_concat/conv.weight")];
            assert!(shape.starts_with(&format!("{out}x")), "{n} {b}: {shape}");
            convs += 1;
        }
    }
    assert_eq!(shapes.keys().filter(|key| key.ends_with("/conv.weight")).count(), convs + 3);
    assert_eq!(convs + 3, 57);
}

#[test]
fn unknown_names_have_no_canonical_one() {
    for (naming, key) in [
        (Naming::Detectron2, "sem_seg_head.p2.0.weight"),
        (Naming::Detectron2, "res2.0.conv4.weight"),
        (Naming::MaskrcnnBenchmark, "roi_heads.box.feature_extractor.fc6.0.weight"),
        (Naming::MaskrcnnBenchmark, "backbone.fpn.fpn_inner5.weight"),
        (Naming::TorchvisionLegacy, "roi_heads.mask_head.mask_fcn0.weight"),
        (Naming::Timm, "stages.4.blocks.0.conv_mid.0.conv.weight"),
        (Naming::Timm, "stem.1.bn"),
        (Naming::Timm, ""),
    ] {
        assert_eq!(naming.to_canonical(&[key]), [None], "{naming} {key:?}");
    }
}

/// Ours for the one-stage detectors of other projects: each key has one, no two the same, and the way back ends where
/// it began. That the tensors behind them are the right ones is the business of the networks' parity tests.
#[test]
fn one_stage_detectors_are_translated_both_ways() {
    for (list, naming, sample) in [
        ("reference_ssd300_vgg16_torchvision", Naming::Torchvision, "backbone.conv4_3.conv.bias"),
        ("reference_ssdlite320_mobilenet_v3_large_torchvision", Naming::Torchvision, "extras.3.dw.norm.running_var"),
        ("reference_refinedet320_voc", Naming::Luuuyi, "tcb.up4.conv.weight"),
        ("reference_dsod300_voc", Naming::Uoip, "backbone.block4.7.brc2.conv.weight"),
    ] {
        let keys = keys(list);
        assert_eq!(Naming::detect(keys.iter().map(String::as_str)), Some(naming), "{list}");
        let names: Vec<String> = naming.to_canonical(&refs(&keys)).into_iter().map(Option::unwrap).collect();
        assert_eq!(set(names.clone()).len(), keys.len(), "{list}: two keys became one");
        assert_eq!(naming.from_canonical(&refs(&names)), keys, "{list}: the way back");
        assert!(names.iter().any(|name| name == sample), "{list}: no {sample}");
    }
}

/// torchvision's DenseNet files of 2017 have dots where the modules of today have none.
#[test]
fn old_densenet_files_are_renamed() {
    let old = "features.denseblock4.denselayer16.norm.2.running_var";
    let new = "features.denseblock4.denselayer16.norm2.running_var";
    assert_eq!(Naming::TorchvisionLegacy.to_canonical(&[old]), [Some(new.to_owned())]);
    let keys = [old, "features.denseblock4.denselayer16.conv.1.weight", "features.conv0.weight", "classifier.weight"];
    assert_eq!(Naming::detect(keys.into_iter()), Some(Naming::TorchvisionLegacy));
    assert!(Naming::TorchvisionLegacy.to_canonical(&keys).iter().all(Option::is_some));
}

/// A backbone family without tables here keeps its names inside a detector.
#[test]
fn other_bodies_keep_their_names() {
    let foreign = "backbone.bottom_up.features.1.conv.0.weight";
    let ours = "backbone.body.features.1.conv.0.weight";
    assert_eq!(Naming::Detectron2.to_canonical(&[foreign]), [Some(ours.to_owned())]);
    assert_eq!(Naming::Detectron2.from_canonical(&[ours]), [foreign]);
}

#[test]
fn other_networks_have_no_naming() {
    assert_eq!(Naming::detect([].into_iter()), None);
    let one_shared_name = ["head.fc.weight", "stages.0.blocks.0.norm.weight", "stages.0.blocks.1.norm.weight"];
    assert_eq!(Naming::detect(one_shared_name.into_iter()), None);
    let kept = Naming::Torchvision.to_canonical(&one_shared_name);
    assert!(kept.iter().zip(one_shared_name).all(|(kept, key)| kept.as_deref() == Some(key)));
}

#[test]
fn a_backbone_moves_into_a_detector_and_out_again() {
    let classifier = keys("reference_backbone_v1_vovnet39");
    let inside = rebase_body(&refs(&classifier), DETECTOR_BODY);
    let body: Vec<String> = classifier.iter().filter(|key| !key.starts_with("classifier.")).cloned().collect();
    assert_eq!(inside.iter().filter(|key| key.is_none()).count(), 2);
    let inside: Vec<String> = inside.into_iter().flatten().collect();
    assert_eq!(body_prefix(&refs(&inside)), DETECTOR_BODY);
    let outside: Vec<String> = rebase_body(&refs(&inside), "").into_iter().flatten().collect();
    assert_eq!(outside, body);

    for prefix in ["backbone.", "backbone.bottom_up."] {
        let wrapped: Vec<String> = body.iter().map(|key| format!("{prefix}{key}")).collect();
        assert_eq!(set(rebase_body(&refs(&wrapped), "").into_iter().flatten()), set(body.clone()));
        assert_eq!(set(rebase_body(&refs(&wrapped), DETECTOR_BODY).into_iter().flatten()), set(inside.clone()));
    }
}

#[test]
fn a_detectors_backbone_is_a_bare_one() {
    let detector = canonical(Naming::Detectron2, &keys("reference_maskrcnn_d2_V_39_FPN_3x"));
    let bare = rebase_body(&refs(&detector), "").into_iter().flatten();
    assert_eq!(set(bare), set(keys("reference_backbone_v2_V-39-eSE")));
    let same = rebase_body(&refs(&detector), DETECTOR_BODY);
    assert_eq!(same.into_iter().flatten().collect::<Vec<_>>(), detector);
}

#[test]
fn buffers_that_nobody_needs() {
    for key in [
        "bn1.num_batches_tracked",
        "rpn.anchor_generator.cell_anchors.3",
        "proposal_generator.anchor_generator.cell_anchors.0",
        "pixel_mean",
        "module.pixel_std",
        "stem.total_ops",
    ] {
        assert!(is_ignorable(key).is_some(), "{key}");
    }
    for key in ["bn1.running_mean", "classifier.weight", "fc.bias", "pixel_mean.weight", ""] {
        assert_eq!(is_ignorable(key), None, "{key}");
    }
}

#[test]
fn a_near_name_is_suggested() {
    let names = keys("reference_maskrcnn_d2_V_39_FPN_3x");
    let suggest = |key: &str| closest(key, names.iter().map(String::as_str)).map(str::to_owned);
    assert_eq!(suggest("roi_heads.box_head.fc3.bias").as_deref(), Some("roi_heads.box_head.fc1.bias"));
    assert_eq!(
        suggest("proposal_generator.rpn_head.objectnes_logit.bias").as_deref(),
        Some("proposal_generator.rpn_head.objectness_logits.bias")
    );
    let bare = "stage3.OSA3_1.layers.0.OSA3_1_0/conv.weight";
    assert_eq!(suggest(bare), Some(format!("backbone.bottom_up.{bare}")));
    let wrapped = "model.roi_heads.mask_head.deconv.weight";
    assert_eq!(suggest(wrapped).as_deref(), Some("roi_heads.mask_head.deconv.weight"));
    // Several names end so: none is better than the others.
    assert_eq!(suggest("fc.weight"), None);
    assert_eq!(suggest("optimizer"), None);
    assert_eq!(closest("x", [].into_iter()), None);
}

#[test]
fn namings_have_one_spelling() {
    for &naming in Naming::ALL {
        assert_eq!(naming.to_string().parse(), Ok(naming));
        assert_eq!(serde_json::to_string(&naming).unwrap(), format!("\"{naming}\""));
    }
    let error = "keras".parse::<Naming>().unwrap_err().to_string();
    assert_eq!(
        error,
        "there is no naming \"keras\": use one of torchvision, torchvision-legacy, maskrcnn-benchmark, detectron2, timm, vision-toolbox, luuuyi, uoip, caffe"
    );
}
