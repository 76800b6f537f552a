//! Parameters and multiply-adds of a model, from its spec alone.

use crate::layers::count::walk;
use crate::params::ParamStore;
use crate::spec::{InputSpec, ResizeRule};
use crate::{Error, Model, ModelSpec};
use std::collections::{BTreeMap, HashMap};
use tch::{Device, Kind, Tensor};

/// What a model, or a part of one, costs for one image.
///
/// The conventions are the VoVNet paper's (spec/refinedet.md §6): parameters are the weights and biases of convolutions
/// and linear layers, scales of L2 norms, and two per normalised channel, running statistics excluded; a FLOP is one
/// multiply-add of a convolution or linear layer, or one element that a normalisation writes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Cost {
    /// Parameters.
    pub params: u64,
    /// Multiply-adds of convolutions and linear layers.
    pub conv_macs: u64,
    /// Elements that normalisations write.
    pub norm_ops: u64,
}

impl Cost {
    /// Multiply-adds and normalised elements.
    pub fn flops(&self) -> u64 {
        self.conv_macs + self.norm_ops
    }

    fn add(&mut self, other: Self) {
        self.params += other.params;
        self.conv_macs += other.conv_macs;
        self.norm_ops += other.norm_ops;
    }
}

/// The cost of a model and of its parts, by the first component of their parameters' names.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Count {
    /// Width and height of the input.
    pub size: (u32, u32),
    /// All of it.
    pub total: Cost,
    /// Part by part.
    pub parts: BTreeMap<String, Cost>,
}

/// Width and height of the network's input for images of usual shape, padding included: 1344 by 800 for two-stage
/// detectors.
pub fn usual_size(input: &InputSpec) -> (u32, u32) {
    let pad = input.pad_to.max(1);
    match input.resize {
        ResizeRule::Warp { size } | ResizeRule::CenterCrop { crop: size, .. } => (size, size),
        ResizeRule::ShortSide { min, max, .. } => (max.next_multiple_of(pad), min.next_multiple_of(pad)),
    }
}

/// Counts the model of `spec` for an input of `size` (width, height) by walking its forward code without arithmetic.
/// A two-stage detector is counted with 1000 proposals and 100 detections.
///
/// # Errors
/// When the spec makes no model, or the input is too small for it.
pub fn count(spec: &ModelSpec, size: (u32, u32)) -> Result<Count, Error> {
    let store = ParamStore::new(Device::Cpu);
    let model = Model::build(&store.root(), spec, Device::Cpu)?;
    let parameters = store.into_parameters();
    let input = Tensor::f_empty([1, 3, i64::from(size.1), i64::from(size.0)], (Kind::Float, Device::Cpu))?;
    let works = walk(|| model.walk(&input))?;
    let mut count = Count { size, ..Count::default() };
    let mut names = HashMap::new();
    for parameter in &parameters {
        let part = part(&parameter.name);
        names.insert(parameter.tensor.data_ptr() as usize, part);
        let statistic = parameter.name.ends_with("running_mean") || parameter.name.ends_with("running_var");
        let params = if statistic { 0 } else { parameter.tensor.numel() as u64 };
        count.parts.entry(part.to_owned()).or_default().params += params;
    }
    for work in works {
        // Every weight is a parameter of the store that the model was built from.
        let part = names.get(&work.weight).copied().unwrap_or_default();
        let cost = Cost { params: 0, conv_macs: work.macs, norm_ops: work.norm };
        count.parts.entry(part.to_owned()).or_default().add(cost);
    }
    for cost in count.parts.values() {
        count.total.add(*cost);
    }
    Ok(count)
}

/// `backbone.body` and `backbone.fpn` in a two-stage detector, else the first component.
fn part(name: &str) -> &str {
    let components = if name.starts_with("backbone.body.") || name.starts_with("backbone.fpn.") { 2 } else { 1 };
    match name.match_indices('.').nth(components - 1) {
        Some((at, _)) => &name[..at],
        None => name,
    }
}
