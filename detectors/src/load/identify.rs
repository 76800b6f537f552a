//! Which known models a checkpoint fits, by names and shapes alone.

use super::fill::same_but_for_ones;
use super::keys::Keys;
use super::{LoadOptions, adapt, landmarks};
use crate::spec::{CAFFE, Dialect, TOOLBOX, Task, model_names};
use crate::{ModelSpec, Network};
use tch::{Device, Kind};
use vovdet_pretrained::Checkpoint;
use vovdet_pretrained::naming::{DETECTOR_BODY, ONE_STAGE_BODY, is_ignorable};

/// Names of the known models whose parameters are exactly those of `checkpoint`; the likeliest first.
///
/// Backbones come in groups (`vovnet39`, `vovnet39_caffe`, `vovnet39_toolbox`): their parameters have the same shapes,
/// and only the file's origin tells them apart.
pub fn identify(checkpoint: &Checkpoint) -> Vec<String> {
    let keys = Keys::new(checkpoint);
    fits(checkpoint, &keys, &LoadOptions::default()).map(|spec| spec.name).collect()
}

/// The first of [`identify`], with the numbers that the file fixes.
pub(super) fn first_fit(checkpoint: &Checkpoint, keys: &Keys, options: &LoadOptions) -> Option<ModelSpec> {
    fits(checkpoint, keys, options).next()
}

fn fits(checkpoint: &Checkpoint, keys: &Keys, options: &LoadOptions) -> impl Iterator<Item = ModelSpec> {
    let family = FAMILIES.iter().find(|family| keys.any_below(family.key));
    let body = family.map_or("", |family| family.body);
    let dialect = options.dialect.or(keys.dialect());
    let keys = keys.based_at(body);
    let names = candidates(&keys, dialect).into_iter().filter(move |name| match family {
        Some(family) => family.holds(name),
        None => !FAMILIES.iter().any(|family| family.holds(name)),
    });
    names.filter_map(move |name| {
        let named = ModelSpec::named(&name, dialect).ok()?;
        if !landmarks::may_be(&named.backbone, body, checkpoint, &keys) {
            return None;
        }
        // FPNLite and the GN form are read from the shapes anyway: a name fits when reading them changed nothing.
        let mut spec = named.clone();
        adapt::adapt(&mut spec, checkpoint, &keys).ok()?;
        (same_form(&named, &spec) && same_shapes(&spec, checkpoint, &keys)).then_some(spec)
    })
}

/// Model names of the topology that the file's naming belongs to.
fn candidates(keys: &Keys, dialect: Option<Dialect>) -> Vec<String> {
    let mut names = model_names();
    if keys.is_toolbox() {
        names.retain(|name| name.contains(TOOLBOX));
        return names;
    }
    names.retain(|name| !name.contains(TOOLBOX));
    if dialect == Some(Dialect::Caffe) {
        // The plain name stands for the PyTorch form, which the file is not.
        let twins: Vec<String> = names.iter().filter_map(|n| n.strip_suffix(CAFFE).map(String::from)).collect();
        names.retain(|name| !twins.contains(name));
    }
    names
}

/// A kind of detector; what is none of them is a backbone or a classifier.
struct Family {
    /// What the names of parameters start with by which a file of this kind is known; the first row that fits counts.
    key: &'static str,
    /// Prefix of the backbone's names in our networks of this kind.
    body: &'static str,
    /// What its models' names start with.
    names: &'static [&'static str],
}

const FAMILIES: &[Family] = &[
    Family { key: "roi_heads.mask_predictor.", body: DETECTOR_BODY, names: &["mask_rcnn_"] },
    Family { key: "rpn.", body: DETECTOR_BODY, names: &["faster_rcnn_"] },
    Family { key: "arm.", body: ONE_STAGE_BODY, names: &["refinedet"] },
    Family { key: "loc.", body: ONE_STAGE_BODY, names: &["ssd", "dsod", "pelee3"] },
];

impl Family {
    fn holds(&self, name: &str) -> bool {
        self.names.iter().any(|start| name.starts_with(start))
    }
}

/// Whether reading the checkpoint left the parts that a name stands for as they were.
fn same_form(named: &ModelSpec, read: &ModelSpec) -> bool {
    match (&named.task, &read.task) {
        (Task::MaskRcnn(a), Task::MaskRcnn(b)) => {
            a.fpn == b.fpn && a.rpn.convs == b.rpn.convs && a.box_head.convs == b.box_head.convs
        }
        _ => true,
    }
}

fn same_shapes(spec: &ModelSpec, checkpoint: &Checkpoint, keys: &Keys) -> bool {
    let wanted = checkpoint.tensors().iter().enumerate().filter(|(index, info)| {
        is_ignorable(&info.name).is_none() && keys.canonical(*index).is_none_or(|name| is_ignorable(name).is_none())
    });
    let Ok(network) = Network::build(spec, Device::Cpu, Kind::Float) else { return false };
    network.parameters().len() == wanted.count()
        && network.parameters().iter().all(|p| {
            keys.index(&p.name).is_some_and(|index| {
                let shape: Vec<i64> = checkpoint.tensors()[index].shape.iter().map(|&d| d as i64).collect();
                same_but_for_ones(&shape, &p.tensor.size())
            })
        })
}
