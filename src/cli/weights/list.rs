//! `vovdet weights list`.

use super::size;
use crate::cli::console::Console;
use crate::cli::table::Columns;
use crate::cli::{Outcome, Run};
use anyhow::Result;
use clap::{Args, ValueEnum};
use serde::Serialize;
use std::cmp::Reverse;
use std::path::PathBuf;
use vovdet_pretrained::cache::Cache;
use vovdet_pretrained::catalogue::{self, Entry, Role};
use vovdet_pretrained::models;

/// Columns of a terminal that a row has room in.
const COLUMNS: usize = 80;

/// Show the weights that can be used by name: those built in, and official ones.
#[derive(Debug, Args)]
#[command(after_long_help = "\
A name is MODEL@SOURCE or MODEL@SOURCE.VARIANT. The one marked * is what the model alone stands for: `--model MODEL` uses
it, fetched when it is not in the cache; + marks those in the cache. A `file` can be fetched although its network is not
built here. Figures are the publishers', in percent: box and mask AP of COCO, mAP of VOC, top-1 and top-5 of ImageNet.
With --json one object per line says all that is known, the links among it.

Examples:
  vovdet weights list
  vovdet weights list mask_rcnn vovnet
  vovdet weights list --kind detector --sort ap
  vovdet weights list torchvision --json
  vovdet weights list --cached")]
pub struct List {
    /// Only those in whose name or training data all of these occur.
    #[arg(value_name = "WORDS")]
    words: Vec<String>,
    /// Only those of this kind.
    #[arg(long)]
    kind: Option<Kind>,
    /// Only those whose main figure (box AP, mAP or top-1) is at least this.
    #[arg(long, value_name = "PERCENT")]
    min_ap: Option<f64>,
    /// Order of the rows [default: by publisher].
    #[arg(long)]
    sort: Option<Order>,
    /// Only those in the cache.
    #[arg(long)]
    cached: bool,
    /// Also the training data, the sizes and the files in the cache, in as many columns as it takes.
    #[arg(long, conflicts_with = "json")]
    wide: bool,
    /// One JSON object per line instead of a table.
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Kind {
    /// A detector with all its heads.
    Detector,
    /// A classifier with its last layer.
    Classifier,
    /// Weights to begin a training with.
    Backbone,
    /// A file whose network is not built here.
    File,
}

impl Kind {
    fn of(entry: &Entry) -> Self {
        match (&entry.model, entry.role) {
            (None, _) => Self::File,
            (_, Role::Detector) => Self::Detector,
            (_, Role::Classifier) => Self::Classifier,
            (_, Role::Backbone) => Self::Backbone,
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::Detector => "detector",
            Self::Classifier => "classifier",
            Self::Backbone => "backbone",
            Self::File => "file",
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Order {
    /// By name.
    Name,
    /// The best first: box AP, else mAP, else top-1, each with its like.
    Ap,
}

/// Weights that can be used by name.
#[derive(Debug, Serialize)]
#[serde(untagged)]
enum Line {
    Official {
        #[serde(flatten)]
        entry: &'static Entry,
        /// The file in the cache.
        cached: Option<PathBuf>,
    },
    BuiltIn {
        name: &'static str,
        role: Role,
        bytes: usize,
        built_in: bool,
    },
}

impl Line {
    fn name(&self) -> &str {
        match self {
            Self::Official { entry, .. } => &entry.name,
            Self::BuiltIn { name, .. } => name,
        }
    }

    fn kind(&self) -> Kind {
        match self {
            Self::Official { entry, .. } => Kind::of(entry),
            Self::BuiltIn { .. } => Kind::Detector,
        }
    }

    /// The figure that weights are compared by, and which figure it is.
    fn main_figure(&self) -> Option<(u8, f64)> {
        let Self::Official { entry, .. } = self else { return None };
        let accuracy = entry.accuracy.as_ref()?;
        let figures = [accuracy.box_ap, accuracy.map, accuracy.top1];
        (0..).zip(figures).find_map(|(rank, figure)| Some((rank, figure?)))
    }
}

impl Run for List {
    fn run(&self, console: &Console) -> Result<Outcome> {
        let cache = Cache::from_env()?;
        let mut lines: Vec<Line> = models::names()
            .filter_map(|name| {
                let bytes = models::find(name)?.len();
                Some(Line::BuiltIn { name, role: Role::Detector, bytes, built_in: true })
            })
            .collect();
        if self.cached {
            lines.clear();
        }
        for entry in catalogue::entries() {
            let cached = cache.find(entry)?;
            if cached.is_some() || !self.cached {
                lines.push(Line::Official { entry, cached });
            }
        }
        let any = !lines.is_empty();
        lines.retain(|line| self.wants(line));
        match self.sort {
            Some(Order::Name) => lines.sort_by(|a, b| a.name().cmp(b.name())),
            Some(Order::Ap) => lines.sort_by_key(|line| {
                // Figures are percentages: their order is that of their thousandths.
                line.main_figure()
                    .map_or((u8::MAX, Reverse(0)), |(rank, figure)| (rank, Reverse((figure * 1e3) as i64)))
            }),
            None => {}
        }
        if self.json {
            for line in &lines {
                console.json_line(line)?;
            }
        } else if !any {
            let folder = cache.folder().display();
            console.note(format_args!(
                "no official weights are in the cache ({folder}) yet; `vovdet weights fetch NAME` brings some"
            ));
        } else if lines.is_empty() {
            let place = if self.cached { " in the cache" } else { "" };
            console.note(format_args!(
                "no weights{place} are like that; `vovdet weights list{}` shows them all",
                if self.cached { " --cached" } else { "" }
            ));
        } else if self.wide {
            console.data(&wide_table(&lines))?;
        } else {
            console.data(&table(&lines))?;
        }
        console.detail(format_args!("cache: {}", cache.folder().display()));
        Ok(Outcome::All)
    }
}

impl List {
    fn wants(&self, line: &Line) -> bool {
        let trained_on = match line {
            Line::Official { entry, .. } => entry.trained_on.as_str(),
            Line::BuiltIn { .. } => "",
        };
        let text = format!("{} {trained_on}", line.name()).to_lowercase();
        self.words.iter().all(|word| text.contains(&word.to_lowercase()))
            && self.kind.is_none_or(|kind| line.kind() == kind)
            && self.min_ap.is_none_or(|least| line.main_figure().is_some_and(|(_, figure)| figure >= least))
    }
}

/// The name with its marks.
fn marked(line: &Line) -> String {
    let Line::Official { entry, cached } = line else { return line.name().to_owned() };
    let marks = format!("{}{}", if entry.default { "*" } else { "" }, if cached.is_some() { "+" } else { "" });
    if marks.is_empty() { entry.name.clone() } else { format!("{} {marks}", entry.name) }
}

/// Name, kind and figures, in rows that a terminal of [`COLUMNS`] shows whole. By hand: a long name moves the rest of its
/// own row and no other one.
fn table(lines: &[Line]) -> String {
    let rows: Vec<[String; 3]> = std::iter::once(["name (* default, + cached)", "kind", "published"].map(String::from))
        .chain(lines.iter().map(|line| {
            let figures = match line {
                Line::Official { entry, .. } => entry.accuracy.as_ref().map(|accuracy| accuracy.figures()),
                Line::BuiltIn { .. } => Some("built in".to_owned()),
            };
            [marked(line), line.kind().name().to_owned(), figures.unwrap_or_default()]
        }))
        .collect();
    let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or(0);
    let (kind, figures) = (width(1), width(2));
    // A name that is too long for its column moves the rest of its row.
    let name = width(0).min(COLUMNS.saturating_sub(kind + figures + 2));
    let text = rows.iter().map(|[a, b, c]| {
        let row = format!("{a:<name$} {b:<kind$} {c}");
        let row = row.trim_end();
        if row.chars().count() <= COLUMNS { row.to_owned() } else { format!("{a} {b} {c}").trim_end().to_owned() }
    });
    text.collect::<Vec<_>>().join("\n")
}

/// All columns.
fn wide_table(lines: &[Line]) -> String {
    let header = ["name (* default, + cached)", "kind", "published", "size", "trained on", "file"].map(String::from);
    let row = |line: &Line| match line {
        Line::Official { entry, cached } => [
            marked(line),
            line.kind().name().into(),
            entry.accuracy.as_ref().map_or_else(String::new, ToString::to_string),
            entry.bytes.map_or_else(String::new, |bytes| size(usize::try_from(bytes).unwrap_or(usize::MAX))),
            entry.trained_on.clone(),
            cached.as_ref().map_or_else(String::new, |path| path.display().to_string()),
        ],
        Line::BuiltIn { bytes, .. } => {
            [marked(line), line.kind().name().into(), "built in".into(), size(*bytes), String::new(), String::new()]
        }
    };
    let mut table = Columns::new(0..6);
    table.row(header);
    lines.iter().for_each(|line| table.row(row(line)));
    table.text()
}
