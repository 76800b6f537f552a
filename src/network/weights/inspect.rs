//! `vovdet weights inspect`.

use crate::model;
use anyhow::Result;
use serde::Serialize;
use std::collections::{BTreeMap, HashMap};
use std::fmt::Write;
use vovdet::cli::console::Console;
use vovdet::cli::weights::inspect::Inspect;
use vovdet::cli::weights::size;
use vovdet::cli::{Outcome, official};
use vovdet_detectors::spec::{Task, model_names};
use vovdet_detectors::{ModelSpec, SPEC_KEY};
use vovdet_pretrained::naming::Naming;
use vovdet_pretrained::{Checkpoint, models, printable};

/// Characters shown of a metadata entry.
const SHOWN: usize = 70;

/// Most lines that tensors are folded into.
const FOLDED: usize = 16;

#[derive(Debug, Serialize)]
struct Summary<'a> {
    file: &'a str,
    bytes: usize,
    format: String,
    /// Keys that lead to the state dict.
    path: &'a [String],
    prefix: &'a str,
    other_entries: BTreeMap<&'a str, &'a str>,
    notes: &'a [String],
    metadata: &'a BTreeMap<String, String>,
    naming: Option<Naming>,
    tensors: Vec<Tensor<'a>>,
    ignored: BTreeMap<&'a str, &'a str>,
    numbers: usize,
    tensor_bytes: usize,
    fits: Vec<String>,
    /// A command that uses the file.
    #[serde(rename = "use")]
    usage: Option<String>,
}

#[derive(Debug, Serialize)]
struct Tensor<'a> {
    name: &'a str,
    dtype: &'static str,
    shape: &'a [usize],
    bytes: usize,
}

/// Does what was asked for.
pub fn run(args: &Inspect, console: &Console) -> Result<Outcome> {
    if let Some(name) = &args.spec {
        console.data(&serde_json::to_string_pretty(
            &ModelSpec::named(name, args.dialect.map(model::dialect)).map_err(model::with_hint)?,
        )?)?;
        return Ok(Outcome::All);
    }
    // clap asks for a file unless the names are wanted.
    let Some(file) = &args.file else {
        console.data(&model_names().join("\n"))?;
        return Ok(Outcome::All);
    };
    let checkpoint = official::open(file, console, args.offline)?;
    // A Caffe file is listed as it is, blob by blob; which network it is, its layers' tensors tell.
    let folded = match checkpoint.caffe() {
        Some(_) => official::open(file, console, true)?.folded().ok(),
        None => None,
    };
    let summary = Summary::of(&checkpoint, folded.as_ref().unwrap_or(&checkpoint));
    if args.json {
        console.json_line(&summary)?;
    } else {
        console.data(summary.text(args.all).trim())?;
    }
    Ok(Outcome::All)
}

impl<'a> Summary<'a> {
    /// What `checkpoint` holds, and what `folded`, the same as the loader sees it, fits.
    fn of(checkpoint: &'a Checkpoint, folded: &Checkpoint) -> Self {
        let wrapper = checkpoint.wrapper();
        let infos = checkpoint.tensors();
        let tensor = |info: &'a vovdet_pretrained::TensorInfo| Tensor {
            name: &info.name,
            dtype: info.dtype.name(),
            shape: &info.shape,
            bytes: info.byte_len(),
        };
        let fits = vovdet_detectors::identify(folded);
        Self {
            usage: usage(checkpoint, &fits),
            file: checkpoint.source(),
            bytes: checkpoint.file_len(),
            format: checkpoint.format().to_string(),
            path: &wrapper.path,
            prefix: &wrapper.prefix,
            other_entries: wrapper.others.iter().map(|(key, line)| (key.as_str(), line.as_str())).collect(),
            notes: &wrapper.notes,
            metadata: checkpoint.metadata(),
            naming: Naming::detect(folded.tensors().iter().map(|info| info.name.as_str())),
            tensors: infos.iter().map(tensor).collect(),
            ignored: checkpoint.ignored().iter().map(|i| (i.name.as_str(), i.why.as_str())).collect(),
            // Shared storages may make these sums larger than the file; damaged ones must not overflow.
            numbers: infos.iter().fold(0, |sum, info| sum.saturating_add(info.numel())),
            tensor_bytes: infos.iter().fold(0, |sum, info| sum.saturating_add(info.byte_len())),
            fits,
        }
    }

    /// The tensors, then what there is to say about the file: what is read last stays on the screen.
    fn text(&self, all: bool) -> String {
        let mut text = if all { self.every_tensor() } else { self.folded_tensors() };
        text.push('\n');
        let mut line = |key: &str, value: String| {
            // Writing to a string cannot fail.
            let _ = writeln!(text, "{key:<14} {}", printable(&value));
        };
        line("file", format!("{} ({})", self.file, size(self.bytes)));
        line("format", self.format.clone());
        if !self.path.is_empty() {
            line("state dict", format!("under {}", self.path.join(" > ")));
        }
        if !self.prefix.is_empty() {
            line("prefix", format!("`{}` taken off every name", self.prefix));
        }
        for (index, (key, what)) in self.other_entries.iter().enumerate() {
            line(if index == 0 { "other entries" } else { "" }, format!("{key}: {what}"));
        }
        for note in self.notes {
            line("note", note.clone());
        }
        for (key, value) in self.metadata {
            let short: String = value.chars().take(SHOWN).collect();
            line(
                "metadata",
                format!("{key}: {short}{}", if short.len() < value.len() { " … (--json shows all)" } else { "" }),
            );
        }
        for (name, why) in &self.ignored {
            line("left out", format!("{name}: {why}"));
        }
        line("naming", self.naming.map_or("its own".into(), |naming| naming.to_string()));
        let count = self.tensors.len();
        line("tensors", format!("{count}, {} numbers, {}", self.numbers, size(self.tensor_bytes)));
        line("fits", if self.fits.is_empty() { "no known model".into() } else { self.fits.join(", ") });
        if let Some(usage) = &self.usage {
            line("use", usage.clone());
        }
        text
    }

    fn every_tensor(&self) -> String {
        let mut text = String::new();
        let width = self.tensors.iter().map(|t| t.name.len()).max().unwrap_or(0).min(80);
        for Tensor { name, dtype, shape, bytes } in &self.tensors {
            let (name, shape) = (printable(name), format!("{shape:?}"));
            let _ = writeln!(text, "{name:<width$}  {dtype:<8}  {shape:<20}  {:>10}", size(*bytes));
        }
        text
    }

    /// A line for each part of the network: as many components of the names as give at most [`FOLDED`] parts.
    fn folded_tensors(&self) -> String {
        let deepest = self.tensors.iter().map(|t| t.name.split('.').count()).max().unwrap_or(1);
        let parts = |depth| {
            let mut parts: Vec<(&str, Vec<&Tensor>)> = Vec::new();
            let mut places: HashMap<&str, usize> = HashMap::new();
            for tensor in &self.tensors {
                let end = tensor.name.match_indices('.').nth(depth - 1).map_or(tensor.name.len(), |(at, _)| at);
                let part = &tensor.name[..end];
                let place = *places.entry(part).or_insert_with(|| {
                    parts.push((part, Vec::new()));
                    parts.len() - 1
                });
                parts[place].1.push(tensor);
            }
            parts
        };
        let mut folded = parts(1);
        for depth in 2..=deepest {
            let deeper = parts(depth);
            if deeper.len() > FOLDED {
                break;
            }
            folded = deeper;
        }
        let more = folded.len().saturating_sub(FOLDED);
        folded.truncate(FOLDED);
        let width = folded.iter().map(|(part, _)| part.len()).max().unwrap_or(0).min(50);
        let mut text = String::new();
        for (part, tensors) in folded {
            let part = printable(part);
            if let [Tensor { name, dtype, shape, bytes }] = tensors[..]
                && *name == part
            {
                let _ = writeln!(text, "{part:<width$}  {dtype} {shape:?}, {}", size(*bytes));
                continue;
            }
            let bytes = tensors.iter().fold(0usize, |sum, t| sum.saturating_add(t.bytes));
            let _ = writeln!(text, "{part:<width$}  {} tensors, {}", tensors.len(), size(bytes));
        }
        if more > 0 {
            let _ = writeln!(text, "… and {more} more parts");
        }
        let _ = writeln!(text, "(--all shows every tensor)");
        text
    }
}

/// A command that uses the checkpoint, if a model is known for it.
fn usage(checkpoint: &Checkpoint, fits: &[String]) -> Option<String> {
    let source = checkpoint.source();
    let stated = checkpoint.metadata().get(SPEC_KEY).and_then(|text| ModelSpec::from_json(text, source).ok());
    let named = || fits.iter().find_map(|name| Some((ModelSpec::named(name, None).ok()?, name)));
    let (task, model) = match stated {
        Some(spec) => (spec.task, None),
        None => {
            let (spec, name) = named()?;
            // Where several fit, the first is chosen anyway; to name it says which.
            (spec.task, (fits.len() > 1).then_some(name))
        }
    };
    let verb = if matches!(task, Task::Classify { .. }) { "classify" } else { "detect" };
    let plain = |c: char| c.is_ascii_alphanumeric() || "._-/@+".contains(c);
    let file =
        if source.chars().all(plain) { source.to_owned() } else { format!("'{}'", source.replace('\'', r"'\''")) };
    let place = match (models::find(source), model) {
        (Some(_), _) => format!("--model {file}"),
        (None, Some(model)) => format!("--model {model} --weights {file}"),
        (None, None) => format!("--weights {file}"),
    };
    Some(format!("vovdet {verb} IMAGES {place}"))
}
