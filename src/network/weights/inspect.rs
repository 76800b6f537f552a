//! `vovdet weights inspect`.

use crate::model;
use anyhow::Result;
use serde::Serialize;
use std::collections::BTreeMap;
use std::fmt::Write;
use vovdet::cli::console::Console;
use vovdet::cli::weights::inspect::Inspect;
use vovdet::cli::weights::size;
use vovdet::cli::{Outcome, official};
use vovdet_detectors::ModelSpec;
use vovdet_detectors::spec::model_names;
use vovdet_pretrained::Checkpoint;
use vovdet_pretrained::naming::Naming;

/// Characters shown of a metadata entry.
const SHOWN: usize = 70;

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
        console.data(summary.text().trim_end())?;
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
        Self {
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
            fits: vovdet_detectors::identify(folded),
        }
    }

    fn text(&self) -> String {
        let mut text = String::new();
        let mut line = |key: &str, value: String| {
            // Writing to a string cannot fail.
            let _ = writeln!(text, "{key:<14} {value}");
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
        line("naming", self.naming.map_or("its own".into(), |naming| naming.to_string()));
        let count = self.tensors.len();
        line("tensors", format!("{count}, {} numbers, {}", self.numbers, size(self.tensor_bytes)));
        line("fits", if self.fits.is_empty() { "no known model".into() } else { self.fits.join(", ") });
        for (name, why) in &self.ignored {
            line("left out", format!("{name}: {why}"));
        }
        let width = self.tensors.iter().map(|t| t.name.len()).max().unwrap_or(0).min(80);
        for Tensor { name, dtype, shape, bytes } in &self.tensors {
            let shape = format!("{shape:?}");
            let _ = write!(text, "\n{name:<width$}  {dtype:<8}  {shape:<20}  {:>10}", size(*bytes));
        }
        text
    }
}
