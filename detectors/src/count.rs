//! Parameters and multiply-adds of a model, from its spec alone.

use crate::layers::{Layers, Tally};
use crate::spec::{InputSpec, ResizeRule};
use crate::{Error, ModelSpec, Network};
use std::collections::BTreeMap;
use tch::{Device, Kind, Tensor};

/// What a model, or a part of one, costs for one image.
///
/// The conventions are the VoVNet paper's (docs/reference/refinedet.md §6): parameters are the weights and biases of
/// convolutions and linear layers, scales of L2 norms, and two per normalised channel, running statistics excluded; a
/// FLOP is one multiply-add of a convolution or linear layer, or one element that a normalisation writes.
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
    let mut network = Network::build(spec, Device::Cpu, Kind::Float)?;
    let mut count = Count { size, ..Count::default() };
    for parameter in network.parameters() {
        let statistic = parameter.name.ends_with("running_mean") || parameter.name.ends_with("running_var");
        let params = if statistic { 0 } else { parameter.tensor.numel() as u64 };
        count.parts.entry(part(&parameter.name).to_owned()).or_default().params += params;
    }
    let tally = Tally::default();
    network.visit(&mut |layer| {
        layer.count_into(Some(tally.clone()));
        Ok(())
    })?;
    let input = Tensor::f_empty([1, 3, i64::from(size.1), i64::from(size.0)], (Kind::Float, Device::Cpu))?;
    tch::no_grad(|| network.walk(&input))?;
    for work in tally.take() {
        let cost = Cost { params: 0, conv_macs: work.macs, norm_ops: work.norm };
        count.parts.entry(part(&work.layer).to_owned()).or_default().add(cost);
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
