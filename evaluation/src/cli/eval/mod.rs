//! `vovdet eval`: how good detections are.

mod coco;
mod show;
mod voc;

use super::Outcome;
use super::console::Console;
use crate::metrics::selection::{Selection, Shard};
use anyhow::Result;
use clap::{Args, Subcommand};

/// Score detections on a data set: COCO's average precision of boxes and masks, or VOC's.
#[derive(Debug, Args)]
#[command(after_long_help = "\
Examples:
  vovdet eval coco --detections results.json --annotations instances_val2017.json
  vovdet eval coco --weights mask_rcnn.pth --images val2017 --annotations instances_val2017.json --json > a.json
  vovdet eval voc --detections results/ --root VOC2007 --split test
  vovdet eval compare a.json b.json")]
pub struct Eval {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    Coco(coco::Coco),
    Voc(voc::Voc),
}

impl Eval {
    /// Whether libtorch is needed: it is when a model is to find the detections.
    pub fn needs_network(&self) -> bool {
        match &self.action {
            Action::Coco(_) | Action::Voc(_) => false,
        }
    }

    /// Does what was asked for.
    ///
    /// # Errors
    /// When nothing could be done.
    pub fn run(&self, console: &Console) -> Result<Outcome> {
        match &self.action {
            Action::Coco(action) => action.run(console),
            Action::Voc(action) => action.run(console),
        }
    }
}

#[derive(Debug, Args)]
#[command(next_help_heading = "Selection")]
struct SelectionOptions {
    /// Only the first N images of the data set.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    limit: Option<u64>,
    /// Only one share of the images, 2/4 for the second of four; `vovdet eval merge` puts shares together.
    #[arg(long, value_name = "I/N")]
    shard: Option<Shard>,
    /// Only these categories, by name or id.
    #[arg(long, value_name = "A,B,...", value_delimiter = ',')]
    classes: Vec<String>,
    /// Leave out detections below this score.
    #[arg(long, value_name = "SCORE")]
    min_score: Option<f64>,
}

impl SelectionOptions {
    fn selection(&self) -> Selection {
        Selection { limit: self.limit.map(|n| usize::try_from(n).unwrap_or(usize::MAX)), shard: self.shard }
    }
}
