//! `vovdet eval`: how good detections are; of saved ones, without a network.

pub mod coco;
pub mod compare;
pub mod merge;
mod page;
mod show;
pub mod voc;

use super::Outcome;
use super::console::Console;
use crate::metrics::selection::{Selection, Shard};
use anyhow::Result;
use clap::{Args, Subcommand};

/// The verbs as they are without a model. The whole program has the help.
#[derive(Debug, Args)]
pub struct Eval {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    Coco(coco::Coco),
    Voc(voc::Voc),
    Merge(merge::Merge),
    Compare(compare::Compare),
}

impl Eval {
    /// Does what was asked for.
    ///
    /// # Errors
    /// When nothing could be done.
    pub fn run(&self, console: &Console) -> Result<Outcome> {
        match &self.action {
            Action::Coco(action) => action.run(console),
            Action::Voc(action) => action.run(console, None),
            Action::Merge(action) => action.run(console),
            Action::Compare(action) => action.run(console),
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
    /// Leave out detections below this score; with a model, --score does not keep them either.
    #[arg(long, value_name = "SCORE", allow_negative_numbers = true, value_parser = finite)]
    min_score: Option<f64>,
}

fn finite(text: &str) -> Result<f64, String> {
    text.parse().ok().filter(|number: &f64| number.is_finite()).ok_or_else(|| "a score is a number such as 0.05".into())
}

impl SelectionOptions {
    fn selection(&self) -> Selection {
        Selection { limit: self.limit.map(|n| usize::try_from(n).unwrap_or(usize::MAX)), shard: self.shard }
    }
}
