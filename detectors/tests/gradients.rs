//! Gradients beside PyTorch's: `fixtures/gradients`, made by the script there, in float64 and on procedural weights.
#![allow(clippy::unwrap_used, missing_docs)]

mod common;

use common::procedural;
use serde::de::DeserializeOwned;
use serde_json::Value;
use std::collections::HashMap;
use std::path::PathBuf;
use tch::{Device, Kind, Tensor, nn};
use vovdet_detectors::backbone::{self, Backbone};
use vovdet_detectors::ops::boxes::Bbox;
use vovdet_detectors::spec::{Class, Task};
use vovdet_detectors::{Layers, ModelSpec, Network, Parameter};

/// Two orders of summation in float64 are 1e-12 apart; a wrong rule is at least 1e-6 off.
const LIMIT: f64 = 1e-8;
/// Of the largest gradient: below it, a gradient is rounding (see the script).
const ROUNDING: f64 = 1e-12;

/// Name, norm, and some elements of a gradient.
type Gradient = (String, f64, Vec<(i64, f64)>);

/// Two-stage detectors are whole networks here, everything else is a backbone.
enum Subject {
    Network(Box<Network>),
    Backbone(Box<dyn Backbone>),
}

impl Subject {
    fn build(fixture: &Value) -> Self {
        let dialect = fixture["dialect"].as_str().map(|d| d.parse().unwrap());
        let mut spec = ModelSpec::named(fixture["model"].as_str().unwrap(), dialect).unwrap();
        if let Task::MaskRcnn(_) = spec.task {
            spec.classes = Class::from_names((0..fixture["classes"].as_u64().unwrap()).map(|i| i.to_string()));
            return Self::Network(Box::new(Network::build(&spec, Device::Cpu, Kind::Double).unwrap()));
        }
        let mut variables = nn::VarStore::new(Device::Cpu);
        let backbone = backbone::build(&variables.root(), &spec.backbone);
        variables.set_kind(Kind::Double);
        Self::Backbone(backbone)
    }

    fn parameters(&mut self) -> Vec<Parameter> {
        let mut parameters = Vec::new();
        let layers: &mut dyn Layers = match self {
            Self::Network(network) => network.as_mut(),
            Self::Backbone(backbone) => backbone,
        };
        layers
            .visit(&mut |layer| {
                parameters.extend(layer.parameters());
                Ok(())
            })
            .unwrap();
        parameters
    }

    fn outputs(&self, fixture: &Value, train: bool) -> Vec<(String, Tensor)> {
        let input = tensor("input", &list::<i64>(&fixture["input"]), 2.0);
        match self {
            Self::Network(network) => {
                network.outputs_t(&input, &list::<Vec<Bbox>>(&fixture["regions"]), train).unwrap()
            }
            Self::Backbone(backbone) => {
                let names = backbone.info().iter().map(|info| info.name.to_owned());
                names.zip(backbone.features_t(&input, train).unwrap()).collect()
            }
        }
    }
}

/// 2u - 1 of the name times a factor: exact in float32, so that the reference's float64 has the same.
fn tensor(name: &str, shape: &[i64], factor: f64) -> Tensor {
    // The rule of a bias is 0.2 (2u - 1).
    let values = procedural(name, &[shape.iter().product::<i64>() as usize], 5.0 * factor);
    Tensor::from_slice(&values).view(shape).to_kind(Kind::Double)
}

fn fill(parameters: &mut [Parameter]) {
    for Parameter { name, tensor, .. } in parameters {
        let shape: Vec<usize> = tensor.size().iter().map(|&d| d as usize).collect();
        let values = Tensor::from_slice(&procedural(name, &shape, 1.0)).view(tensor.size().as_slice());
        tch::no_grad(|| tensor.copy_(&values));
    }
}

fn near(ours: f64, theirs: f64, scale: f64) -> bool {
    (ours - theirs).abs() <= LIMIT * scale.abs()
}

fn list<T: DeserializeOwned>(value: &Value) -> Vec<T> {
    serde_json::from_value(value.clone()).unwrap()
}

fn agree(name: &str) {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(format!("tests/fixtures/gradients/{name}.json"));
    let fixture: Value = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
    let shapes: Vec<(String, Vec<i64>)> = list(&fixture["outputs"]);
    for mode in ["eval", "train"] {
        let mut subject = Subject::build(&fixture);
        let mut parameters = subject.parameters();
        fill(&mut parameters);
        let outputs = subject.outputs(&fixture, mode == "train");
        let ours: Vec<_> = outputs.iter().map(|(name, output)| (name.clone(), output.size())).collect();
        assert_eq!(ours, shapes, "{mode}");
        let mut loss = Tensor::zeros([], (Kind::Double, Device::Cpu));
        for (name, output) in outputs {
            loss += (&output * tensor(&name, &output.size(), 1.0)).mean(Kind::Double);
        }
        loss.backward();
        let (ours, theirs) = (loss.double_value(&[]), fixture[mode]["loss"].as_f64().unwrap());
        assert!(near(ours, theirs, theirs), "{mode}: loss {ours}, the reference's is {theirs}");
        let gradients: Vec<Gradient> = list(&fixture[mode]["gradients"]);
        // The same parameters, in the reference's order.
        let ours: Vec<&String> = parameters.iter().filter(|p| p.trainable).map(|p| &p.name).collect();
        assert_eq!(ours, gradients.iter().map(|(name, ..)| name).collect::<Vec<_>>(), "{mode}");
        let tensors: HashMap<&str, &Tensor> = parameters.iter().map(|p| (p.name.as_str(), &p.tensor)).collect();
        let largest = gradients.iter().map(|&(_, norm, _)| norm).fold(0.0, f64::max);
        for (name, norm, samples) in gradients {
            let gradient = tensors[name.as_str()].grad();
            let ours = gradient.norm().double_value(&[]);
            if norm == 0.0 {
                assert!(ours < ROUNDING * largest, "{mode} {name}: {ours} is not zero but for rounding");
                continue;
            }
            assert!(near(ours, norm, norm), "{mode} {name}: norm {ours}, the reference's is {norm}");
            let flat = gradient.flatten(0, -1);
            for &(at, value) in &samples {
                let ours = flat.double_value(&[at]);
                // The first sample is the largest.
                assert!(near(ours, value, samples[0].1), "{mode} {name}[{at}]: {ours}, the reference's is {value}");
            }
        }
        if mode == "train" {
            for (name, norm) in list::<(String, f64)>(&fixture[mode]["statistics"]) {
                let ours = tensors[name.as_str()].norm().double_value(&[]);
                assert!(near(ours, norm, norm), "{name}: norm {ours} after a step, the reference's is {norm}");
            }
        }
    }
}

#[test]
fn vovnet27_slim() {
    agree("vovnet27_slim");
}

#[test]
fn vovnet39() {
    agree("vovnet39");
}

#[test]
fn vovnet19_slim_ese() {
    agree("vovnet19_slim_ese");
}

#[test]
fn resnet50() {
    agree("resnet50");
}

#[test]
fn densenet121() {
    agree("densenet121");
}

#[test]
fn peleenet() {
    agree("peleenet");
}

#[test]
fn mobilenet() {
    agree("mobilenet");
}

#[test]
fn mobilenet_v2() {
    agree("mobilenet_v2");
}

#[test]
fn mobilenet_v3_large() {
    agree("mobilenet_v3_large");
}

/// FPN, RPN, RoIAlign, box head and mask head.
#[test]
fn mask_rcnn_heads() {
    agree("mask_rcnn_vovnet27_slim_fpn");
}
