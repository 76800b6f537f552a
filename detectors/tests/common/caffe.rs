//! A Caffe model with the procedural weights of a fixture, written as Caffe writes one.

use super::{Fixture, procedural};
use serde_json::Value;
use vovdet_pretrained::Checkpoint;

/// The fixture's network as the bytes of a `.caffemodel`, opened and folded.
pub fn checkpoint(fixture: &Fixture) -> Checkpoint {
    let mut net = Vec::new();
    for layer in fixture.json["layers"].as_array().unwrap() {
        field(&mut net, 100, &message(fixture, layer));
    }
    Checkpoint::from_bytes(fixture.json["name"].as_str().unwrap(), net).unwrap().folded().unwrap()
}

/// Shape and values.
pub type Blob = (Vec<usize>, Vec<f32>);

/// A file of convolutions with these blobs, layer by layer, as deployed nets are after their norms were merged.
pub fn merged(layers: &[(String, Vec<Blob>)]) -> Checkpoint {
    let mut net = Vec::new();
    for (name, blobs) in layers {
        let mut message = Vec::new();
        field(&mut message, 1, name.as_bytes());
        field(&mut message, 2, b"Convolution");
        blobs.iter().for_each(|(shape, values)| field(&mut message, 7, &blob(shape, values)));
        field(&mut net, 100, &message);
    }
    Checkpoint::from_bytes("merged", net).unwrap().folded().unwrap()
}

/// `[name, type, bottoms, tops, parameters]` as a LayerParameter (field numbers: caffe.proto with SSD's layers).
fn message(fixture: &Fixture, layer: &Value) -> Vec<u8> {
    let (name, kind, parameters) = (layer[0].as_str().unwrap(), layer[1].as_str().unwrap(), &layer[4]);
    let mut message = Vec::new();
    field(&mut message, 1, name.as_bytes());
    field(&mut message, 2, kind.as_bytes());
    for (number, list) in [(3, &layer[2]), (4, &layer[3])] {
        for blob in list.as_array().unwrap() {
            field(&mut message, number, blob.as_str().unwrap().as_bytes());
        }
    }
    for entry in fixture.json["state"].as_array().unwrap() {
        let key = entry[0].as_str().unwrap();
        let Some(number) = key.strip_prefix(name).and_then(|rest| rest.strip_prefix(".blob")) else { continue };
        let shape: Vec<usize> = entry[1].as_array().unwrap().iter().map(|d| d.as_u64().unwrap() as usize).collect();
        let values = values(fixture, key, (name, kind, number), &shape);
        field(&mut message, 7, &blob(&shape, &values));
    }
    if kind == "BatchNorm" {
        let eps = parameters["eps"].as_f64().unwrap() as f32;
        field(&mut message, 139, &[&[3 << 3 | 5], eps.to_le_bytes().as_slice()].concat());
    }
    if kind == "PriorBox" {
        field(&mut message, 203, &prior_box(parameters));
    }
    message
}

fn prior_box(parameters: &Value) -> Vec<u8> {
    let mut message = Vec::new();
    let mut floats = |number: u8, value: &Value| {
        for value in value.as_array().unwrap_or(&vec![value.clone()]).iter().filter_map(Value::as_f64) {
            message.push(number << 3 | 5);
            message.extend((value as f32).to_le_bytes());
        }
    };
    for (number, name) in [(1, "min_size"), (2, "max_size"), (3, "aspect_ratio"), (6, "variance"), (13, "offset")] {
        floats(number, &parameters[name]);
    }
    floats(10, &parameters["step"]);
    for (number, name) in [(4u8, "flip"), (5, "clip")] {
        message.extend([number << 3, u8::from(parameters[name].as_bool().unwrap())]);
    }
    message
}

/// The fixture's rule for a blob, its factor, and the third blob of BatchNorm.
fn values(fixture: &Fixture, key: &str, (layer, kind, number): (&str, &str, &str), shape: &[usize]) -> Vec<f32> {
    let f = fixture.json["batch_norm_f"][layer].as_f64().unwrap_or(1.0);
    let factor = fixture.json["factors"][key].as_f64().unwrap_or(1.0);
    // 0.2(2u - 1), 0.5 + u or the bound of rank two and more, whichever suffix makes `procedural` choose it.
    let like = |suffix: &str, factor: f64| {
        let count = shape.iter().product();
        super::procedural_as(key, suffix, if suffix.is_empty() { shape.to_vec() } else { vec![count] }, factor)
    };
    match (kind, number) {
        ("BatchNorm", "0") => like("running_mean", f),
        ("BatchNorm", "1") => like("running_var", f),
        ("BatchNorm", _) => vec![f as f32],
        ("Scale", "0") => like("running_var", factor),
        ("Scale", _) => like("bias", factor),
        ("Normalize", _) => like("running_var", 10.0 * factor),
        (_, "0") => like("", factor),
        _ => like("bias", factor),
    }
}

fn blob(shape: &[usize], values: &[f32]) -> Vec<u8> {
    let mut dims = Vec::new();
    shape.iter().for_each(|&d| varint(&mut dims, d as u64));
    let mut sizes = Vec::new();
    field(&mut sizes, 1, &dims);
    let mut message = Vec::new();
    field(&mut message, 7, &sizes);
    field(&mut message, 5, &values.iter().flat_map(|v| v.to_le_bytes()).collect::<Vec<u8>>());
    message
}

fn field(message: &mut Vec<u8>, number: u64, content: &[u8]) {
    varint(message, number << 3 | 2);
    varint(message, content.len() as u64);
    message.extend_from_slice(content);
}

fn varint(message: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        message.push(value as u8 | 0x80);
        value >>= 7;
    }
    message.push(value as u8);
}

/// The fixture's input, `[1, 3, h, w]`: 2(2u - 1) of the tensor `input`, times the fixture's number.
pub fn input(fixture: &Fixture) -> tch::Tensor {
    let shape: Vec<i64> =
        fixture.json["input"]["shape"].as_array().unwrap().iter().map(|d| d.as_i64().unwrap()).collect();
    let times = fixture.json["input"]["times"].as_f64().unwrap_or(1.0);
    let count = shape.iter().product::<i64>() as usize;
    // The rule of a bias is 0.2(2u - 1).
    let bare = procedural("input", &[count], 10.0);
    let values: Vec<f32> = bare.iter().map(|v| v * times as f32).collect();
    tch::Tensor::from_slice(&values).view(shape.as_slice())
}
