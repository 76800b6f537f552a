//! `vovdet weights list`.

use super::size;
use crate::cli::console::Console;
use crate::cli::{Outcome, Run};
use anyhow::Result;
use clap::Args;
use serde::Serialize;
use std::path::PathBuf;
use vovdet_pretrained::cache::Cache;
use vovdet_pretrained::catalogue::{self, Entry, Role};

/// Show the official weights that can be used by name.
#[derive(Debug, Args)]
#[command(after_long_help = "\
A name is MODEL@SOURCE or MODEL@SOURCE.VARIANT. The one marked * is what the model alone stands for: `--model MODEL` uses
it, fetched when it is not in the cache. A `file` is one that can be fetched although its network is not built here.
Figures are the publishers', in percent. With --json one object per line says all that is known, the links among it.

Examples:
  vovdet weights list
  vovdet weights list mask_rcnn vovnet
  vovdet weights list torchvision --json
  vovdet weights list --cached")]
pub struct List {
    /// Only those in whose name or training data all of these occur.
    #[arg(value_name = "WORDS")]
    words: Vec<String>,
    /// Only those in the cache.
    #[arg(long)]
    cached: bool,
    /// One JSON object per line instead of a table.
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Serialize)]
struct Line {
    #[serde(flatten)]
    entry: &'static Entry,
    /// The file in the cache.
    cached: Option<PathBuf>,
}

impl Run for List {
    fn run(&self, console: &Console) -> Result<Outcome> {
        let cache = Cache::from_env()?;
        let mut lines = Vec::new();
        for entry in catalogue::entries().iter().filter(|entry| self.wants(entry)) {
            let cached = cache.find(entry)?;
            if cached.is_some() || !self.cached {
                lines.push(Line { entry, cached });
            }
        }
        if self.json {
            for line in &lines {
                console.json_line(line)?;
            }
        } else if lines.is_empty() {
            console.note("none of the official weights is like that; `vovdet weights list` shows them all");
        } else {
            console.data(&table(&lines))?;
        }
        console.detail(format_args!("cache: {}", cache.folder().display()));
        Ok(Outcome::All)
    }
}

impl List {
    fn wants(&self, entry: &Entry) -> bool {
        let text = format!("{} {}", entry.name, entry.trained_on).to_lowercase();
        self.words.iter().all(|word| text.contains(&word.to_lowercase()))
    }
}

fn table(lines: &[Line]) -> String {
    let header = ["name", "what", "accuracy", "size", "cached"].map(String::from);
    let row = |line: &Line| {
        let entry = line.entry;
        [
            format!("{}{}", entry.name, if entry.default { " *" } else { "" }),
            what(entry).into(),
            entry.accuracy.as_ref().map_or_else(String::new, ToString::to_string),
            entry.bytes.map_or_else(String::new, |bytes| size(usize::try_from(bytes).unwrap_or(usize::MAX))),
            if line.cached.is_some() { "yes" } else { "" }.into(),
        ]
    };
    let rows: Vec<[String; 5]> = std::iter::once(header).chain(lines.iter().map(row)).collect();
    let width = |column: usize| rows.iter().map(|row| row[column].len()).max().unwrap_or(0);
    let (name, kind, accuracy, bytes) = (width(0), width(1), width(2), width(3));
    let text = rows.iter().map(|[a, b, c, d, e]| {
        format!("{a:<name$}  {b:<kind$}  {c:<accuracy$}  {d:>bytes$}  {e}").trim_end().to_owned()
    });
    text.collect::<Vec<_>>().join("\n")
}

fn what(entry: &Entry) -> &'static str {
    match (&entry.model, entry.role) {
        (None, _) => "file",
        (_, Role::Detector) => "detector",
        (_, Role::Classifier) => "classifier",
        (_, Role::Backbone) => "backbone",
    }
}
