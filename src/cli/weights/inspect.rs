//! `vovdet weights inspect`.

use super::size;
use crate::cli::console::Console;
use crate::cli::{Outcome, official};
use anyhow::Result;
use clap::Args;
use serde::Serialize;
use std::collections::BTreeMap;
use std::fmt::Write;
use std::path::PathBuf;
use vovdet_detectors::ModelSpec;
use vovdet_detectors::spec::{Dialect, model_names};
use vovdet_pretrained::Checkpoint;
use vovdet_pretrained::naming::Naming;

/// Characters shown of a metadata entry.
const SHOWN: usize = 70;

/// Show what a checkpoint file holds and which known models it fits.
#[derive(Debug, Args)]
#[command(after_long_help = "\
Examples:
  vovdet weights inspect mask_rcnn.pth
  vovdet weights inspect mask_rcnn.pth --json | python3 -m json.tool
  vovdet weights inspect --models
  vovdet weights inspect --spec dsod300_vovnet27_slim > my_dsod.json
The last one prints what the name stands for: change its steps, sizes or thresholds and give the file to --model.")]
pub struct Inspect {
    /// The checkpoint, or the name of a built-in model or of official weights.
    #[arg(value_name = "FILE|NAME", required_unless_present_any = ["models", "spec"])]
    file: Option<PathBuf>,
    /// One JSON object instead of text.
    #[arg(long)]
    json: bool,
    /// List the models that can be asked for by name.
    #[arg(long, conflicts_with_all = ["file", "json"])]
    models: bool,
    /// Print the spec of a model as JSON: every number that its name stands for, to be changed and given to --model.
    #[arg(long, value_name = "NAME", conflicts_with_all = ["file", "json", "models"])]
    spec: Option<String>,
    /// Whose rules the printed spec follows [default: those of the published weights].
    #[arg(long, requires = "spec", value_name = "caffe|torchvision|...")]
    dialect: Option<Dialect>,
    /// Do not use the network for official weights.
    #[arg(long)]
    offline: bool,
}

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

impl Inspect {
    pub fn run(&self, console: &Console) -> Result<Outcome> {
        if let Some(name) = &self.spec {
            console.data(&serde_json::to_string_pretty(&ModelSpec::named(name, self.dialect)?)?)?;
            return Ok(Outcome::All);
        }
        // clap asks for a file unless the names are wanted.
        let Some(file) = &self.file else {
            console.data(&model_names().join("\n"))?;
            return Ok(Outcome::All);
        };
        let checkpoint = official::open(file, console, self.offline)?;
        // A Caffe file is listed as it is, blob by blob; which network it is, its layers' tensors tell.
        let folded = match checkpoint.caffe() {
            Some(_) => official::open(file, console, true)?.folded().ok(),
            None => None,
        };
        let summary = Summary::of(&checkpoint, folded.as_ref().unwrap_or(&checkpoint));
        if self.json {
            console.json_line(&summary)?;
        } else {
            console.data(summary.text().trim_end())?;
        }
        Ok(Outcome::All)
    }
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
