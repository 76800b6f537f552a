//! Specs of unknown origin: whatever is in them, reading and building end in a model or an error, never in a panic
//! or an allocation beyond the limits.

#![allow(clippy::unwrap_used)]

use serde_json::{Value, json};
use std::panic::catch_unwind;
use tch::{Device, Kind};
use vovdet_detectors::spec::model_names;
use vovdet_detectors::{ModelSpec, Network};

const MUTATIONS: usize = 10_000;
/// What is built: others pass the limits too, and would take the test's time and memory.
const BUILT_BELOW: f64 = 3e7;

/// splitmix64: the same mutations every time.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn below(&mut self, count: usize) -> usize {
        (self.next() % count as u64) as usize
    }

    fn of<T: Clone>(&mut self, choices: &[T]) -> T {
        choices[self.below(choices.len())].clone()
    }
}

/// Pointers (RFC 6901) of everything in `value`.
fn pointers(value: &Value, at: &str, found: &mut Vec<String>) {
    found.push(at.to_owned());
    match value {
        Value::Object(fields) => fields.iter().for_each(|(name, v)| pointers(v, &format!("{at}/{name}"), found)),
        Value::Array(values) => values.iter().enumerate().for_each(|(i, v)| pointers(v, &format!("{at}/{i}"), found)),
        _ => {}
    }
}

fn strings(value: &Value, found: &mut Vec<String>) {
    match value {
        Value::String(text) => found.push(text.clone()),
        Value::Object(fields) => fields.values().for_each(|v| strings(v, found)),
        Value::Array(values) => values.iter().for_each(|v| strings(v, found)),
        _ => {}
    }
}

/// The same model an eighth as wide, so that many can be built.
fn narrowed(value: &mut Value, field: &str) {
    const WIDTHS: [&str; 11] = [
        "stem",
        "stage_conv",
        "stage_out",
        "bottleneck",
        "growth",
        "channels",
        "conv_channels",
        "hidden",
        "squeeze",
        "output",
        "width",
    ];
    match value {
        Value::Object(fields) => fields.iter_mut().for_each(|(name, v)| narrowed(v, name)),
        Value::Array(values) => values.iter_mut().for_each(|v| narrowed(v, field)),
        Value::Number(number) if WIDTHS.contains(&field) => {
            *value = (number.as_u64().unwrap_or(8) / 8).max(2).into();
        }
        _ => {}
    }
}

fn mutate(value: &mut Value, words: &[String], random: &mut Random) {
    match value {
        Value::Number(number) => {
            let old = number.as_f64().unwrap_or(0.0);
            let near = [old + 1.0, old - 1.0, old * 2.0, old / 2.0, -old].map(|v| json!(v as i64));
            let extremes = [
                json!(0),
                json!(1),
                json!(2),
                json!(-1),
                json!(255),
                json!(65_536),
                json!(65_537),
                json!(i32::MAX),
                json!(1u64 << 40),
                json!(i64::MAX),
                json!(i64::MIN),
                json!(u64::MAX),
                json!(0.5),
                json!(1e-300),
                json!(1e39),
                json!(1e300),
                json!(-1e300),
                json!(null),
                json!("7"),
            ];
            *value = if random.below(3) == 0 { random.of(&near) } else { random.of(&extremes) };
        }
        Value::Array(values) => match random.below(3) {
            0 => values.truncate(random.below(values.len().max(1))),
            1 => values.extend(
                values.first().cloned().into_iter().cycle().take(random.of(&[1, 3, 50, 5000])).collect::<Vec<_>>(),
            ),
            _ => values.clear(),
        },
        Value::String(_) => {
            *value = match random.below(4) {
                0 => "".into(),
                1 => "\u{1b}[31m/../\0".into(),
                2 => "x".repeat(5000).into(),
                _ => random.of(words).into(),
            }
        }
        Value::Bool(flag) => *flag = !*flag,
        Value::Null => *value = random.of(&[json!(1), json!(-1.5), json!("x"), json!({}), json!([])]),
        Value::Object(fields) => match random.below(3) {
            0 => *value = Value::Null,
            _ => {
                let names: Vec<String> = fields.keys().cloned().collect();
                if !names.is_empty() {
                    fields.remove(&random.of(&names));
                }
            }
        },
    }
}

#[test]
fn hostile_specs_end_in_a_model_or_an_error() {
    let whole: Vec<Value> =
        model_names().iter().map(|name| serde_json::to_value(ModelSpec::named(name, None).unwrap()).unwrap()).collect();
    let mut words = Vec::new();
    whole.iter().for_each(|value| strings(value, &mut words));
    words.sort();
    words.dedup();
    let mut random = Random(4);
    let (mut refused, mut built, mut failed) = (0, 0, 0);
    for i in 0..MUTATIONS {
        let mut value = whole[i % whole.len()].clone();
        narrowed(&mut value, "");
        for _ in 0..=random.below(3) {
            let mut places = Vec::new();
            pointers(&value, "", &mut places);
            let place = random.of(&places);
            mutate(value.pointer_mut(&place).unwrap(), &words, &mut random);
        }
        let text = value.to_string();
        let outcome = catch_unwind(|| {
            let spec = ModelSpec::from_json(&text, "w.safetensors").ok()?;
            let bound = spec.weights_bound();
            if bound > BUILT_BELOW {
                return Some(None);
            }
            let elements = Network::build(&spec, Device::Cpu, Kind::Float)
                .ok()
                .map(|network| network.parameters().iter().map(|p| p.tensor.numel() as f64).sum::<f64>());
            Some(elements.map(|elements| (elements, bound)))
        });
        match outcome {
            Err(_) => panic!("mutation {i} panics: {text}"),
            Ok(None) => refused += 1,
            Ok(Some(None)) => failed += 1,
            Ok(Some(Some((elements, bound)))) => {
                built += 1;
                // The bound leaves out biases, norms and depthwise convolutions, which weigh where layers have few inputs.
                assert!(elements < 1.5 * bound + 5e5, "mutation {i} has {elements} weights, at most {bound}: {text}");
            }
        }
    }
    // The test is one of building, too.
    assert!(refused > MUTATIONS / 4 && built > MUTATIONS / 20, "{refused} refused, {built} built, {failed} others");
}
