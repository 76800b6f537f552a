//! Every model name can be trained: its parameters have names of their own, each gets a gradient, and the train flag
//! reaches each norm.
//!
//! All of them take minutes. To try some, say what their names contain: `VOVDET_MODELS=vgg16,pelee`.
#![allow(clippy::unwrap_used, missing_docs)]

use std::collections::{BTreeMap, HashSet};
use tch::{Device, Kind, Tensor};
use vovdet_detectors::ops::boxes::Bbox;
use vovdet_detectors::spec::{Class, Task, model_names};
use vovdet_detectors::{Error, ModelSpec, Network};

/// Sides of the input, of which the smallest is taken that leaves a pixel in every map.
const SIDES: [i64; 7] = [64, 96, 128, 192, 288, 320, 512];
/// One for each level of the pyramid: 4 + log2(side / 224); the larger ones reach beyond the image.
const REGIONS: [Bbox; 4] = [
    [3.0, 5.0, 50.0, 60.0],
    [-30.0, -20.0, 100.0, 90.0],
    [-100.0, -90.0, 200.0, 180.0],
    [-250.0, -240.0, 310.0, 330.0],
];

/// The models to try: those whose names contain one of the texts in `VOVDET_MODELS`, or all.
fn chosen() -> Vec<String> {
    let Ok(texts) = std::env::var("VOVDET_MODELS") else { return model_names() };
    let names: Vec<String> =
        model_names().into_iter().filter(|name| texts.split(',').any(|text| name.contains(text))).collect();
    assert!(!names.is_empty(), "no model's name contains one of {texts:?}");
    names
}

/// Specs with all names that stand for them. A detector has one class: more of them change no layer's arithmetic.
fn networks() -> Vec<(ModelSpec, Vec<String>)> {
    let mut networks: BTreeMap<String, (ModelSpec, Vec<String>)> = BTreeMap::new();
    for name in chosen() {
        let mut spec = ModelSpec::named(&name, None).unwrap();
        if !matches!(spec.task, Task::Classify { .. }) {
            spec.classes = Class::from_names(["thing"]);
        }
        let parts = serde_json::to_string(&(&spec.backbone, &spec.task, &spec.classes)).unwrap();
        networks.entry(parts).or_insert((spec, Vec::new())).1.push(name);
    }
    networks.into_values().collect()
}

/// Weights as wide as Kaiming's, cut from one draw: drawing them anew for every network would take most of the time.
fn fill(network: &Network, noise: &Tensor) {
    for parameter in network.parameters().iter().filter(|p| p.trainable) {
        let mut tensor = parameter.tensor.shallow_clone();
        let shape = tensor.size();
        let count = tensor.numel() as i64;
        let fan_in: i64 = shape.iter().skip(1).product();
        tch::no_grad(|| {
            tensor.copy_(&noise.narrow(0, 0, count).view(shape.as_slice()));
            if shape.len() > 1 {
                let _scaled = tensor.g_mul_scalar_((6.0 / fan_in as f64).sqrt());
            } else {
                let middle = if parameter.name.ends_with("weight") { 1.0 } else { 0.0 };
                let _scaled = tensor.g_mul_scalar_(0.2).g_add_scalar_(middle);
            }
        });
    }
}

/// What the network answers with gradients, for the smallest input that fits; also that input's side.
fn outputs(network: &Network, input: &Tensor) -> (Vec<(String, Tensor)>, i64) {
    let run = |side: i64| -> Result<_, Error> {
        let regions = vec![REGIONS.to_vec(); input.size()[0] as usize];
        Ok((network.outputs_t(&input.narrow(2, 0, side).narrow(3, 0, side), &regions, false)?, side))
    };
    let fits = |&side: &i64| tch::no_grad(|| run(side)).is_ok();
    let side = SIDES.into_iter().find(fits).unwrap_or(SIDES[SIDES.len() - 1]);
    run(side).unwrap_or_else(|error| panic!("{}: {error}", network.spec().name))
}

#[test]
fn every_model_trains() {
    tch::manual_seed(1);
    let options = (Kind::Float, Device::Cpu);
    let noise = Tensor::rand([16 << 20], options) * 2.0 - 1.0;
    let input = Tensor::rand([2, 3, 512, 512], options) * 4.0 - 2.0;
    let networks = networks();
    for (spec, names) in &networks {
        // Refuses two layers of one name.
        let network = Network::build(spec, Device::Cpu, Kind::Float).unwrap();
        let parameters = network.parameters();
        let stored: HashSet<String> = network.variables().variables().into_keys().collect();
        let listed: HashSet<String> = parameters.iter().map(|p| p.name.clone()).collect();
        assert_eq!(stored, listed, "{names:?}");
        fill(&network, &noise);

        // By the running statistics: batch statistics would take the shifts before them away again.
        let (outputs, side) = outputs(&network, &input.narrow(0, 0, 1));
        let loss: Tensor = outputs
            .iter()
            .map(|(_, output)| {
                (output * &noise.narrow(0, 0, output.numel() as i64).view(output.size().as_slice())).mean(Kind::Float)
            })
            .sum();
        loss.backward();
        for parameter in parameters.iter().filter(|p| p.trainable) {
            let gradient = parameter.tensor.grad();
            assert!(gradient.defined(), "{names:?}: {} has no gradient", parameter.name);
            let largest = gradient.abs().max().double_value(&[]);
            assert!(largest > 0.0 && largest.is_finite(), "{names:?}: the gradient of {} is {largest}", parameter.name);
        }

        // Running statistics move in training and not in evaluation, and a frozen norm's never.
        let variances: Vec<_> = parameters.iter().filter(|p| p.name.ends_with("running_var")).collect();
        let live = |name: &str| {
            let scale = name.replace("running_var", "weight");
            parameters.iter().any(|p| p.name == scale && p.trainable)
        };
        let batch = input.narrow(2, 0, side).narrow(3, 0, side);
        tch::no_grad(|| network.outputs_t(&batch, &vec![REGIONS.to_vec(); 2], true)).unwrap();
        for variance in variances {
            let moved = variance.tensor.ne(1.0).any().int64_value(&[]) == 1;
            assert_eq!(moved, live(&variance.name), "{names:?}: {}", variance.name);
        }
    }
    println!("{} names of {} networks", networks.iter().map(|n| n.1.len()).sum::<usize>(), networks.len());
}
