//! `vovdet eval`: how good detections are; the arguments, and what works on saved detections.

pub mod coco;
pub mod compare;
pub mod merge;
mod page;
mod show;
pub mod voc;
mod words;

use super::Run;
use super::arguments::{Adjustments, any_score};
use clap::{Args, Subcommand};
use std::path::PathBuf;
use vovdet_evaluation::metrics::selection::{Selection, Shard};

pub use words::words;

/// Score detections on a data set: COCO's average precision of boxes and masks, or VOC's.
#[derive(Debug, Args)]
#[command(after_long_help = "\
Examples:
  vovdet eval coco --detections results.json \\
    --annotations instances_val2017.json
  vovdet eval coco --weights mask_rcnn.pth --images val2017 \\
    --annotations instances_val2017.json --json > a.json
  vovdet eval compare a.json b.json
  vovdet eval voc --detections results/ --root VOC2007 --split test \\
    --report page/")]
pub struct Eval {
    /// What to do.
    #[command(subcommand)]
    pub action: Action,
}

/// What can be evaluated.
#[derive(Debug, Subcommand)]
// There is one of it in a program: its size does not matter.
#[allow(clippy::large_enum_variant, missing_docs)]
pub enum Action {
    Coco(coco::Coco),
    Voc(voc::Voc),
    Merge(merge::Merge),
    Compare(compare::Compare),
}

impl Eval {
    /// What was asked for as something that needs no network, if it is.
    pub fn without_network(&self) -> Option<&dyn Run> {
        match &self.action {
            Action::Coco(action) if action.model.is_given() => None,
            Action::Coco(action) => Some(action),
            Action::Voc(action) if action.model.is_given() => None,
            Action::Voc(action) => Some(action),
            Action::Merge(action) => Some(action),
            Action::Compare(action) => Some(action),
        }
    }
}

/// Options that only a run with a model has; saved detections are scored as they are.
pub(crate) const OF_A_RUN: [&str; 11] = [
    "model",
    "weights",
    "batch",
    "save_detections",
    "resume",
    "size",
    "nms",
    "device",
    "precision",
    "plain",
    "threads",
];

/// Which images, classes and detections.
#[derive(Debug, Args)]
#[command(next_help_heading = "Selection")]
pub struct SelectionOptions {
    /// Only the first N images of the data set.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    limit: Option<u64>,
    /// Only one share of the images, 2/4 for the second of four; `vovdet eval merge` puts shares together.
    #[arg(long, value_name = "I/N")]
    shard: Option<Shard>,
    /// Only these categories, by name or id.
    #[arg(long, value_name = "A,B,...", value_delimiter = ',')]
    classes: Vec<String>,
    /// Least score of a detection [default: the model's own; all that are saved].
    #[arg(long, aliases = ["min-score", "conf"], value_name = "SCORE", allow_negative_numbers = true,
        value_parser = any_score)]
    pub score: Option<f64>,
}

impl SelectionOptions {
    fn selection(&self) -> Selection {
        Selection { limit: self.limit.map(|n| usize::try_from(n).unwrap_or(usize::MAX)), shard: self.shard }
    }
}

/// How a model runs over a data set.
#[derive(Debug, Args)]
#[command(next_help_heading = "Run")]
pub struct RunOptions {
    /// Images that go through the network together.
    #[arg(short, long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..=1024))]
    pub batch: u16,
    /// Write the detections: COCO results, or, for VOC and unless it ends with .json, a folder of comp4 files.
    #[arg(long, value_name = "FILE")]
    pub save_detections: Option<PathBuf>,
    /// Go on with a run that ended early: with the detections that it kept, or those in FILE.
    #[arg(long, value_name = "FILE", num_args = 0..=1)]
    pub resume: Option<Option<PathBuf>>,
    /// The model's numbers.
    #[command(flatten)]
    pub adjustments: Adjustments,
}
