//! A few names and widths that tell backbones apart, so that a file is compared with few candidates instead of all.
//!
//! Building a network writes its memory; looking up a dozen names does not. A candidate that passes is still compared
//! name by name and shape by shape.

use super::keys::Keys;
use crate::spec::{BackboneSpec, Ese, VovnetSpec};
use vovdet_pretrained::Checkpoint;

/// Names of a backbone that must be there (`true`) or must not (`false`), with everything below them, and weights with
/// their outputs.
#[derive(Debug, Default)]
struct Landmarks {
    names: Vec<(String, bool)>,
    outputs: Vec<(String, i64)>,
}

/// Whether the body of a checkpoint can be `spec`; `keys` are based at the body, whose names start with `prefix`.
pub(super) fn may_be(spec: &BackboneSpec, prefix: &str, checkpoint: &Checkpoint, keys: &Keys) -> bool {
    let Landmarks { names, outputs } = of(spec);
    names.iter().all(|(name, present)| keys.any_below(&format!("{prefix}{name}")) == *present)
        && outputs.iter().all(|(name, outputs)| {
            let index = keys.index(&format!("{prefix}{name}"));
            index.is_some_and(|i| checkpoint.tensors()[i].shape.first() == Some(&(*outputs as usize)))
        })
}

fn of(spec: &BackboneSpec) -> Landmarks {
    let present = |names: &[&str]| names.iter().map(|name| ((*name).to_owned(), true)).collect();
    match spec {
        BackboneSpec::Vovnet(v) => vovnet(v),
        BackboneSpec::Resnet(r) => {
            let ends = (1..).zip(r.blocks).flat_map(|(layer, count)| {
                [(format!("layer{layer}.{}.", count - 1), true), (format!("layer{layer}.{count}."), false)]
            });
            Landmarks { names: ends.collect(), outputs: Vec::new() }
        }
        BackboneSpec::Densenet(d) => {
            let ends = (1..).zip(d.blocks).flat_map(|(block, count)| {
                [count, count + 1].map(|i| (format!("features.denseblock{block}.denselayer{i}."), i == count))
            });
            Landmarks { names: ends.collect(), outputs: vec![("features.conv0.weight".into(), d.stem)] }
        }
        BackboneSpec::Dsod(d) => Landmarks {
            names: present(&["transition3.", "side."]),
            outputs: vec![("stem1.conv.weight".into(), d.stem), ("block1.0.brc2.conv.weight".into(), d.growth)],
        },
        BackboneSpec::Peleenet(_) => Landmarks { names: present(&["features.stemblock."]), ..Landmarks::default() },
        BackboneSpec::Mobilenet(_) => Landmarks { names: present(&["features.conv13.dw."]), ..Landmarks::default() },
        BackboneSpec::MobilenetV2(_) => Landmarks { names: present(&["features.18.0."]), ..Landmarks::default() },
        BackboneSpec::MobilenetV3(_) => Landmarks { names: present(&["features.1.3."]), ..Landmarks::default() },
        BackboneSpec::Vgg(_) => Landmarks { names: present(&["conv5_3.", "fc7."]), ..Landmarks::default() },
    }
}

fn vovnet(spec: &VovnetSpec) -> Landmarks {
    let mut names = vec![
        ("stem.stem_2/dw_conv3x3.".into(), spec.depthwise),
        (format!("stage2.OSA2_1.layers.{}.", spec.layers - 1), true),
        (format!("stage2.OSA2_1.layers.{}.", spec.layers), false),
        ("stage2.OSA2_1.layers.0.OSA2_1_0/reduce_conv.".into(), spec.bottleneck),
    ];
    for (stage, count) in (2..).zip(spec.blocks) {
        names.push((format!("stage{stage}.OSA{stage}_{count}."), true));
        names.push((format!("stage{stage}.OSA{stage}_{}.", count + 1), false));
        names.push((format!("stage{stage}.OSA{stage}_{count}.ese."), spec.ese != Ese::None));
        let first = spec.ese == Ese::Every || spec.ese == Ese::Last && count == 1;
        names.push((format!("stage{stage}.OSA{stage}_1.ese."), first));
    }
    let outputs = vec![("stage2.OSA2_1.concat.OSA2_1_concat/conv.weight".into(), spec.stage_out[0])];
    Landmarks { names, outputs }
}
