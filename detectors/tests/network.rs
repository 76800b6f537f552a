//! A network's variables: listed, frozen, saved, copied, trained, in float32 and float64.
#![allow(clippy::unwrap_used)]

mod common;

use common::{Fixture, fixtures};
use tch::nn::{self, OptimizerConfig};
use tch::{Device, Kind, Tensor};
use vovdet_detectors::spec::Class;
use vovdet_detectors::{Error, LoadOptions, ModelSpec, Network, Precision, load};
use vovdet_pretrained::Checkpoint;

fn fresh(name: &str, kind: Kind) -> Network {
    let mut spec = ModelSpec::named(name, None).unwrap();
    spec.classes = Class::table(3);
    Network::fresh(&spec, Device::Cpu, kind, 7).unwrap()
}

fn values(tensor: &Tensor) -> Vec<f64> {
    Vec::try_from(tensor.detach().to_kind(Kind::Double).flatten(0, -1)).unwrap()
}

/// Names and order are those of the reference's own state_dict (VoVNet.pytorch; the commit is in the fixture).
#[test]
fn parameters_are_listed_in_the_references_order() {
    let fixture = Fixture::open("backbone_v1_vovnet39");
    let theirs: Vec<&str> =
        fixture.json["state_dict"].as_array().unwrap().iter().map(|e| e[0].as_str().unwrap()).collect();
    let theirs: Vec<&str> = theirs.into_iter().filter(|name| !name.ends_with("num_batches_tracked")).collect();
    let spec = ModelSpec::named("vovnet39", None).unwrap();
    let network = Network::build(&spec, Device::Cpu, Kind::Float).unwrap();
    let ours: Vec<&str> = network.parameters().iter().map(|p| p.name.as_str()).collect();
    assert!(ours == theirs, "{:?}", ours.iter().zip(&theirs).find(|(a, b)| a != b));
}

/// tch's own optimizer lowers a loss, statistics follow the batches, and what is frozen stays.
#[test]
fn a_network_learns_and_frozen_parameters_stay() {
    let mut network = fresh("vovnet27_slim", Kind::Float);
    let frozen = network.freeze(&["stem.*"]);
    assert!(frozen.contains(&"stem.stem_1/conv.weight".to_owned()) && frozen.iter().all(|n| n.starts_with("stem.")));
    let snapshot: Vec<(String, Vec<f64>)> =
        network.parameters().iter().map(|p| (p.name.clone(), values(&p.tensor))).collect();
    let mut optimizer = nn::Sgd::default().build(network.variables(), 0.02).unwrap();
    let x = Tensor::randn([4, 3, 64, 64], (Kind::Float, Device::Cpu));
    let labels = Tensor::from_slice(&[1i64, 2, 3, 4]);
    let mut losses = Vec::new();
    for _ in 0..8 {
        let outputs = network.outputs_t(&x, &[], true).unwrap();
        let loss = outputs.last().unwrap().1.cross_entropy_for_logits(&labels);
        losses.push(loss.double_value(&[]));
        optimizer.backward_step(&loss);
    }
    assert!(losses.last().unwrap() < &(0.5 * losses[0]), "{losses:?}");
    for (parameter, (name, before)) in network.parameters().iter().zip(&snapshot) {
        let learns = parameter.trainable && !name.starts_with("stem.") || name.contains(".running_");
        assert_eq!(values(&parameter.tensor) != *before, learns, "{name}");
    }
}

#[test]
fn a_copy_and_a_saved_file_hold_the_same_network() {
    let network = fresh("ssd300_vovnet27_slim", Kind::Float);
    let copy = network.copy().unwrap();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("weights.safetensors");
    network.save(&path).unwrap();
    let options = LoadOptions { plain: true, ..LoadOptions::default() };
    let (loaded, report) = load(None, &Checkpoint::open(&path).unwrap(), &options).unwrap();
    assert_eq!((report.applied, loaded.spec()), (network.parameters().len(), network.spec()));
    let x = Tensor::randn([1, 3, 300, 300], (Kind::Float, Device::Cpu));
    let outputs = |network: &Network| tch::no_grad(|| network.outputs_t(&x, &[], false).unwrap());
    for other in [&copy, &loaded] {
        for ((name, a), (_, b)) in outputs(&network).iter().zip(outputs(other)) {
            assert!(a.equal(&b), "{name}");
        }
    }
    // A copy is no second handle to the same variables.
    let mut first = copy.parameters()[0].tensor.shallow_clone();
    let _zeroed = tch::no_grad(|| first.zero_());
    assert!(!network.parameters()[0].tensor.equal(&first));
}

/// The fixture's maps are float32; float64 must be as near to them as float noise allows (its JSON: 1e-6).
#[test]
fn float64_agrees_with_the_reference() {
    let fixture = Fixture::open("backbone_v2_V-39-eSE");
    let checkpoint = fixture.checkpoint();
    let spec = ModelSpec::named("vovnet39_ese", None).unwrap();
    for plain in [true, false] {
        let norm = Some(vovdet_detectors::spec::NormKind::Frozen);
        let options = LoadOptions { precision: Precision::Fp64, plain, norm, ..LoadOptions::default() };
        let (network, _) = load(Some(spec.clone()), &checkpoint, &options).unwrap();
        for (point, map) in network.features(&fixture.input(), None).unwrap() {
            assert!(fixture.difference(&point, &map) < 3e-6, "{point}");
        }
    }
}

/// A planned network has no variables left, and says so.
#[test]
fn a_planned_network_cannot_be_saved() {
    let mut network = fresh("vovnet27_slim", Kind::Float);
    tch::no_grad(|| network.plan(Kind::Float)).unwrap();
    assert!(network.parameters().is_empty());
    let error = network.save(&fixtures().join("never.safetensors")).unwrap_err();
    assert!(matches!(&error, Error::Spec(text) if text.contains("planned for inference")), "{error}");
    assert!(!fixtures().join("never.safetensors").exists());
}

/// Nothing of a network is bound to the thread that built it.
#[test]
fn networks_move_between_threads() {
    let network = fresh("pelee304", Kind::Float);
    let x = Tensor::randn([1, 3, 304, 304], (Kind::Float, Device::Cpu));
    let count = std::thread::spawn(move || tch::no_grad(|| network.outputs_t(&x, &[], false).unwrap().len()));
    assert_eq!(count.join().unwrap(), 2);
}

/// A file of another architecture is named as what it is; names of one architecture are never suggested for another's.
#[test]
fn a_misfit_says_what_the_file_fits() {
    let fixture = Fixture::open("backbone_v1_vovnet27_slim");
    let asked = ModelSpec::named("resnet50", None).unwrap();
    let error = load(Some(asked), &fixture.checkpoint(), &LoadOptions::default()).unwrap_err();
    let Error::Misfit(report) = &error else { panic!("{error}") };
    assert_eq!(report.fits, ["vovnet27_slim", "vovnet27_slim_caffe"]);
    assert!(error.to_string().ends_with("fits vovnet27_slim, not resnet50"), "{error}");
    assert!(report.missing.iter().all(|missing| missing.near.is_none()));
}
