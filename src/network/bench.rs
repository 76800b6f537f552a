//! `vovdet bench`: what a model costs.

use super::model;
use anyhow::{Context, Result, bail};
use serde::Serialize;
use std::fmt::Write as _;
use vovdet::cli::bench::Bench;
use vovdet::cli::console::Console;
use vovdet::cli::{Outcome, sentence};
use vovdet_detectors::spec::{Class, Dialect, Task};
use vovdet_detectors::{Cost, Count, ModelSpec, count, usual_size};

/// The models of the VoVNet paper's Tables 2, 3 and 4, counted when none is named.
const PAPER: [&str; 12] = [
    "ssd300_mobilenet",
    "pelee304",
    "dsod300_ds64_64_16_1",
    "dsod300_ds64_192_48_1",
    "dsod300_vovnet27_slim",
    "dsod300_vovnet27_slim_bottleneck",
    "refinedet320_resnet50",
    "refinedet320_densenet201",
    "refinedet320_vovnet39",
    "refinedet320_resnet101",
    "refinedet320_densenet161",
    "refinedet320_vovnet57",
];

/// Does what was asked for.
pub fn run(args: &Bench, console: &Console) -> Result<Outcome> {
    if !args.count_only {
        bail!("bench counts, and does not measure yet: add --count-only");
    }
    let named: Vec<&str> = args.names.iter().chain(&args.model).map(String::as_str).collect();
    let names = if named.is_empty() { PAPER.to_vec() } else { named };
    let mut done = 0;
    for name in &names {
        match count_one(args, name) {
            Ok((spec, count)) if args.json => console.data(&json(&spec, &count)?)?,
            Ok((spec, count)) => console.data(&table(&spec, &count)?)?,
            Err(error) => {
                console.error(sentence(&error));
                continue;
            }
        }
        done += 1;
    }
    Ok(Outcome::of(done, names.len() - done))
}

fn count_one(args: &Bench, name: &str) -> Result<(ModelSpec, Count)> {
    let mut spec = if name.ends_with(".json") {
        let text = std::fs::read_to_string(name).with_context(|| name.to_owned())?;
        ModelSpec::from_json(&text, name)?
    } else {
        ModelSpec::named(name, args.dialect.map(model::dialect)).map_err(model::with_hint)?
    };
    let outputs = args.classes.or_else(|| spec.classes.is_empty().then(|| usual_outputs(&spec)));
    if let Some(outputs) = outputs {
        match &mut spec.task {
            Task::Classify { outputs: own } => *own = i64::from(outputs),
            _ => spec.classes = Class::table(outputs as usize - 1),
        }
    }
    let size = args.size.unwrap_or_else(|| usual_size(&spec.input));
    let count = count(&spec, size).with_context(|| format!("{name} at {}x{}", size.0, size.1))?;
    Ok((spec, count))
}

fn usual_outputs(spec: &ModelSpec) -> u32 {
    match (&spec.task, spec.dialect()) {
        (Task::Classify { .. }, _) => 1000,
        (_, Some(Dialect::Torchvision)) => 91,
        (Task::OneStage(head), _) if head.refine.is_none() => 21,
        _ => 81,
    }
}

fn outputs(spec: &ModelSpec) -> usize {
    match spec.task {
        Task::Classify { outputs } => outputs as usize,
        _ => spec.classes.len() + 1,
    }
}

#[derive(Serialize)]
struct Line<'a> {
    model: &'a str,
    input: [u32; 2],
    classes: usize,
    #[serde(flatten)]
    total: Part,
    parts: std::collections::BTreeMap<&'a str, Part>,
}

#[derive(Serialize)]
struct Part {
    params: u64,
    conv_macs: u64,
    norm_ops: u64,
    flops: u64,
}

impl From<&Cost> for Part {
    fn from(cost: &Cost) -> Self {
        Self { params: cost.params, conv_macs: cost.conv_macs, norm_ops: cost.norm_ops, flops: cost.flops() }
    }
}

fn json(spec: &ModelSpec, count: &Count) -> Result<String> {
    let line = Line {
        model: &spec.name,
        input: [count.size.0, count.size.1],
        classes: outputs(spec),
        total: Part::from(&count.total),
        parts: count.parts.iter().map(|(name, cost)| (name.as_str(), Part::from(cost))).collect(),
    };
    Ok(serde_json::to_string(&line)?)
}

fn table(spec: &ModelSpec, count: &Count) -> Result<String> {
    let (w, h) = count.size;
    let mut text = format!("{}  {w}x{h}, {} outputs\n", spec.name, outputs(spec));
    writeln!(text, "  {:<16} {:>12} {:>12} {:>12} {:>12}", "part", "params M", "conv G", "norm G", "flops G")?;
    let total = ("total", &count.total);
    for (name, cost) in count.parts.iter().map(|(name, cost)| (name.as_str(), cost)).chain([total]) {
        let (mega, giga) = (|n: u64| n as f64 / 1e6, |n: u64| n as f64 / 1e9);
        let [conv, norm, flops] = [cost.conv_macs, cost.norm_ops, cost.flops()].map(giga);
        writeln!(text, "  {name:<16} {:>12.3} {conv:>12.4} {norm:>12.4} {flops:>12.4}", mega(cost.params))?;
    }
    text.truncate(text.trim_end().len());
    Ok(text)
}
