//! Names of SSD and its relatives, after docs/reference/pelee_mobilenet_cifar.md §1 and §2 and the paper's own layers.

use vovdet_pretrained::Checkpoint;

use crate::{
    common::shared,
    names::{NORM, Wanted, canonical, vgg},
};

/// A unit of convolution, norm and scale, as (canonical, foreign) tensors.
fn unit(pairs: &mut Vec<(String, String)>, canonical: &str, foreign: &str) {
    pairs.push((format!("{canonical}.conv.weight"), format!("{foreign}.weight")));
    pairs.extend(NORM.map(|leaf| (format!("{canonical}.norm.{leaf}"), format!("{foreign}/bn.{leaf}"))));
}

/// A convolution with bias.
fn biased(pairs: &mut Vec<(String, String)>, canonical: &str, foreign: &str) {
    pairs.extend(["weight", "bias"].map(|leaf| (format!("{canonical}.{leaf}"), format!("{foreign}.{leaf}"))));
}

fn check(pairs: &[(String, String)]) {
    let keys: Vec<&str> = pairs.iter().map(|(_, foreign)| foreign.as_str()).collect();
    let wanted: Vec<&str> = pairs.iter().map(|(canonical, _)| canonical.as_str()).collect();
    for (name, wanted) in canonical(&keys).iter().zip(wanted) {
        assert_eq!(name, wanted);
    }
}

fn heads(pairs: &mut Vec<(String, String)>, sources: &[&str]) {
    for (i, source) in sources.iter().enumerate() {
        biased(pairs, &format!("loc.{i}"), &format!("{source}_mbox_loc"));
        biased(pairs, &format!("conf.{i}"), &format!("{source}_mbox_conf"));
    }
}

fn peleenet(pairs: &mut Vec<(String, String)>, prefix: &str) {
    for stem in ["stem1", "stem2a", "stem2b", "stem3"] {
        unit(pairs, &format!("{prefix}features.stemblock.{stem}"), stem);
    }
    for (s, layers) in (1..).zip([3, 4, 8, 6]) {
        for l in 1..=layers {
            for branch in ["branch1a", "branch1b", "branch2a", "branch2b", "branch2c"] {
                let canonical = format!("{prefix}features.denseblock{s}.denselayer{l}.{branch}");
                unit(pairs, &canonical, &format!("stage{s}_{l}/{branch}"));
            }
        }
        unit(pairs, &format!("{prefix}features.transition{s}"), &format!("stage{s}_tb"));
    }
}

/// 567 tensors, as the reference's state dict has without counters.
#[test]
fn peleenet_is_the_reference() {
    let mut pairs = Vec::new();
    peleenet(&mut pairs, "");
    biased(&mut pairs, "classifier", "classifier");
    assert_eq!(pairs.len(), 567);
    check(&pairs);
}

#[test]
fn pelee() {
    let mut pairs = Vec::new();
    peleenet(&mut pairs, "backbone.");
    for (ours, theirs) in [
        ("0.squeeze", "stage4_tb/relu/ext1/fe1_1"),
        ("0.expand", "ext1/fe1_2"),
        ("1.squeeze", "ext1/fe2_1"),
        ("1.expand", "ext1/fe2_2"),
        ("2.squeeze", "ext1/fe3_1"),
        ("2.expand", "ext1/fe3_2"),
    ] {
        biased(&mut pairs, &format!("extras.{ours}.conv"), theirs);
    }
    for i in 0..5 {
        unit(&mut pairs, &format!("inter.{i}.branch1"), &format!("stage4_tb/ext/pm{}", i + 2));
        for branch in ["b2a", "b2b", "b2c"] {
            unit(
                &mut pairs,
                &format!("inter.{i}.{}", branch.replace("b2", "branch2")),
                &format!("stage4_tb/ext/pm{}/{branch}", i + 2),
            );
        }
    }
    heads(&mut pairs, &["ext/pm1", "ext/pm2", "ext/pm3", "ext/pm4", "ext/pm5", "ext/pm6"]);
    check(&pairs);
    // The merged file has a bias instead of each norm.
    let is_norm = |pair: &(String, String)| pair.0.contains(".norm.");
    let mut merged = Vec::new();
    for pair in pairs.iter().filter(|pair| !is_norm(pair)) {
        merged.push(pair.clone());
        let bias = (pair.0.replace(".weight", ".bias"), pair.1.replace(".weight", ".bias"));
        if pair.0.ends_with(".weight") && !pairs.contains(&bias) {
            merged.push(bias);
        }
    }
    check(&merged);
}

#[test]
fn mobilenet_ssd() {
    let mobilenet = |prefix: &str| {
        let mut pairs = Vec::new();
        unit(&mut pairs, &format!("{prefix}features.conv0"), "conv0");
        for k in 1..=13 {
            unit(&mut pairs, &format!("{prefix}features.conv{k}.dw"), &format!("conv{k}/dw"));
            unit(&mut pairs, &format!("{prefix}features.conv{k}.pw"), &format!("conv{k}"));
        }
        pairs
    };
    check(&mobilenet(""));
    let mut pairs = mobilenet("backbone.");
    for k in 14..=17 {
        unit(&mut pairs, &format!("extras.{}.squeeze", k - 14), &format!("conv{k}_1"));
        unit(&mut pairs, &format!("extras.{}.expand", k - 14), &format!("conv{k}_2"));
    }
    heads(&mut pairs, &["conv11", "conv13", "conv14_2", "conv15_2", "conv16_2", "conv17_2"]);
    check(&pairs);
}

#[test]
fn ssd_on_vgg() {
    let vgg16 = |prefix: &str| {
        let mut wanted = Wanted::default();
        vgg(&mut wanted, prefix);
        let foreign = |key: &String| key[prefix.len()..].replace(".conv.", ".");
        wanted.0.keys().map(|key| (key.clone(), foreign(key))).collect::<Vec<_>>()
    };
    check(&vgg16(""));
    for last in [9, 10] {
        let mut pairs = vgg16("backbone.");
        pairs.push(("norm.0.weight".to_owned(), "conv4_3_norm.weight".to_owned()));
        let mut sources = vec!["conv4_3_norm".to_owned(), "fc7".to_owned()];
        for k in 6..=last {
            biased(&mut pairs, &format!("extras.{}.squeeze.conv", k - 6), &format!("conv{k}_1"));
            biased(&mut pairs, &format!("extras.{}.expand.conv", k - 6), &format!("conv{k}_2"));
            sources.push(format!("conv{k}_2"));
        }
        heads(&mut pairs, &sources.iter().map(String::as_str).collect::<Vec<_>>());
        check(&pairs);
    }
}

/// The published SSD of checkpoints/real: eight convolutions, five sources.
#[test]
fn face_masks() {
    let Some(path) = shared("checkpoints/real/facemask-ssd/face_mask_detection.caffemodel") else { return };
    let folded = Checkpoint::open(path).unwrap().folded().unwrap();
    let keys: Vec<&str> = folded.tensors().iter().map(|t| t.name.as_str()).collect();
    let names = canonical(&keys);
    let find = |name: &str| {
        let at = names.iter().position(|found| found == name).unwrap_or_else(|| panic!("{name}"));
        &folded.tensors()[at].shape[..]
    };
    assert_eq!(find("backbone.conv2d_7.conv.weight"), [64, 64, 3, 3]);
    for i in 0..5 {
        assert_eq!(find(&format!("loc.{i}.weight")), [16, 64, 3, 3]);
        assert_eq!(find(&format!("conf.{i}.bias")), [8]);
    }
}
