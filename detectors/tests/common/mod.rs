//! Procedural weights and the fixtures of the reference implementations.
#![allow(clippy::unwrap_used, missing_docs, dead_code)]

pub mod caffe;

use serde_json::Value;
use std::borrow::Cow;
use std::collections::BTreeMap;
use std::path::PathBuf;
use tch::Tensor;
use vovdet_detectors::spec::NormKind;
use vovdet_detectors::{LoadOptions, ModelSpec, Network, load};
use vovdet_pretrained::{Checkpoint, Dtype, TensorData, write_safetensors};

pub fn fixtures() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../tests/fixtures")
}

/// The rule of tests/fixtures/procedural.json: FNV-1a of the name, splitmix64's finaliser of each index.
pub fn procedural(name: &str, shape: &[usize], factor: f64) -> Vec<f32> {
    procedural_as(name, name, shape.to_vec(), factor)
}

/// The numbers of `name`, in the range that the rule gives a tensor called `kind`.
pub fn procedural_as(name: &str, kind: &str, shape: Vec<usize>, factor: f64) -> Vec<f32> {
    let hash = name.bytes().fold(0xcbf2_9ce4_8422_2325u64, |h, b| (h ^ u64::from(b)).wrapping_mul(0x100_0000_01b3));
    let fan_in: usize = shape.iter().skip(1).product();
    (1..=shape.iter().product::<usize>() as u64)
        .map(|i| {
            let mut z = hash.wrapping_add(i.wrapping_mul(0x9e37_79b9_7f4a_7c15));
            z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
            z ^= z >> 31;
            let u = (z >> 40) as f64 / f64::from(1 << 24);
            let signed = 2.0 * u - 1.0;
            let value = if kind.ends_with("running_var") {
                0.5 + u
            } else if kind.ends_with("running_mean") {
                0.2 * signed
            } else if shape.len() >= 2 {
                signed * (6.0 / fan_in as f64).sqrt()
            } else if kind.ends_with("weight") {
                0.5 + u
            } else {
                0.2 * signed
            };
            (value * factor) as f32
        })
        .collect()
}

pub struct Fixture {
    pub json: Value,
    pub tensors: Checkpoint,
}

impl Fixture {
    pub fn open(name: &str) -> Self {
        let path = fixtures().join(name);
        let text = std::fs::read_to_string(path.with_extension("json")).unwrap();
        let tensors = Checkpoint::open(path.with_extension("safetensors")).unwrap();
        Self { json: serde_json::from_str(&text).unwrap(), tensors }
    }

    /// The checkpoint that the fixture's reference ran on, through a real file.
    pub fn checkpoint(&self) -> Checkpoint {
        let mut tensors = Vec::new();
        for entry in self.json["state_dict"].as_array().unwrap() {
            let name = entry[0].as_str().unwrap();
            let shape: Vec<usize> = entry[1].as_array().unwrap().iter().map(|d| d.as_u64().unwrap() as usize).collect();
            let bytes = if entry[2] == "int64" {
                vec![0; 8 * shape.iter().product::<usize>()]
            } else {
                let factor = self.json["factors"][name].as_f64().unwrap_or(1.0);
                procedural(name, &shape, factor).iter().flat_map(|v| v.to_le_bytes()).collect()
            };
            let dtype = if entry[2] == "int64" { Dtype::I64 } else { Dtype::F32 };
            tensors.push((name, dtype, shape, bytes));
        }
        let data: Vec<TensorData> = tensors
            .iter()
            .map(|(name, dtype, shape, bytes)| TensorData { name, dtype: *dtype, shape, bytes: Cow::Borrowed(bytes) })
            .collect();
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("weights.safetensors");
        write_safetensors(&path, &data, &BTreeMap::new()).unwrap();
        Checkpoint::open(path).unwrap()
    }

    pub fn floats(&self, name: &str) -> Vec<f32> {
        self.tensors.read(name).unwrap().as_chunks::<4>().0.iter().map(|&b| f32::from_le_bytes(b)).collect()
    }

    /// The network's input, stored or by the rule 2(2u - 1).
    pub fn input(&self) -> Tensor {
        let shape = self.json["input"]["shape"].as_array().unwrap();
        let shape: Vec<usize> = shape.iter().map(|d| d.as_u64().unwrap() as usize).collect();
        let stored = self.tensors.tensors().iter().any(|t| t.name == "input");
        // Ten times a bias, whose rule is 0.2(2u - 1).
        let count = shape.iter().product();
        let values = if stored { self.floats("input") } else { procedural("input", &[count], 10.0) };
        Tensor::from_slice(&values).view(shape.iter().map(|&d| d as i64).collect::<Vec<_>>().as_slice())
    }

    pub fn integers(&self, name: &str) -> Vec<i64> {
        self.tensors.read(name).unwrap().as_chunks::<8>().0.iter().map(|&b| i64::from_le_bytes(b)).collect()
    }

    /// Largest difference between `ours` and the stored elements of `point`, relative to the largest stored value.
    pub fn difference(&self, point: &str, ours: &Tensor) -> f32 {
        let about = &self.json["tensors"][point];
        let shape: Vec<i64> = about["shape"].as_array().unwrap().iter().map(|d| d.as_i64().unwrap()).collect();
        assert_eq!(ours.size(), shape, "{point}");
        let every = about["every"].as_u64().unwrap_or(1) as usize;
        let ours = Vec::<f32>::try_from(ours.flatten(0, -1)).unwrap();
        let stored = self.floats(about["stored_as"].as_str().unwrap());
        let largest = stored.iter().fold(0f32, |m, v| m.max(v.abs()));
        let pairs = ours.iter().step_by(every).zip(&stored);
        pairs.fold(0f32, |m, (a, b)| m.max((a - b).abs())) / largest
    }
}

pub fn model(name: &str, checkpoint: &Checkpoint, norm: Option<NormKind>, plain: bool) -> Network {
    let options = LoadOptions { norm, plain, ..LoadOptions::default() };
    load(Some(ModelSpec::named(name, None).unwrap()), checkpoint, &options).unwrap().0
}
