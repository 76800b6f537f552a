//! Makes a network that starts as its reference does before training, takes one step, and saves it.
//!
//! ```sh
//! cargo run --release --example fresh_network -- ssd300_vovnet27_slim fresh.safetensors
//! ```

use anyhow::{Result, bail};
use std::path::Path;
use tch::nn::OptimizerConfig;
use tch::{Device, Kind, Tensor, nn};
use vovdet_detectors::spec::{Class, Task};
use vovdet_detectors::{ModelSpec, Network, usual_size};

fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [model, out] = &arguments[..] else { bail!("usage: fresh_network MODEL OUT.safetensors") };
    let mut spec = ModelSpec::named(model, None)?;
    if !matches!(spec.task, Task::Classify { .. }) {
        spec.classes = Class::from_names(["cat", "dog"]);
    }
    let mut network = Network::fresh(&spec, Device::Cpu, Kind::Float, 1)?;
    let frozen = network.freeze(&["stem.*", "backbone.stem.*", "backbone.body.stem.*"]);
    println!("{} parameters and buffers, {} frozen", network.parameters().len(), frozen.len());

    // The mean square of all outputs stands for a loss. Regions, which two-stage detectors pool, are xyxy in pixels.
    let mut optimizer = nn::Sgd::default().build(network.variables(), 1e-6)?;
    let (width, height) = usual_size(&spec.input);
    let batch = Tensor::randn([1, 3, height.into(), width.into()], (Kind::Float, Device::Cpu));
    let outputs = network.outputs_t(&batch, &[vec![[10.0, 10.0, 90.0, 90.0]]], true)?;
    let loss: Tensor = outputs.iter().map(|(_, output)| output.square().mean(Kind::Float)).sum();
    optimizer.backward_step(&loss);
    for (name, output) in &outputs {
        println!("{name} {:?}", output.size());
    }
    let missing = network.parameters().iter().filter(|p| p.tensor.requires_grad() && !p.tensor.grad().defined());
    println!("without a gradient: {:?}", missing.map(|p| p.name.as_str()).collect::<Vec<_>>());

    // The file holds the spec too: nothing else is needed to load it.
    network.save(Path::new(out))?;
    Ok(())
}
