//! `vovdet eval`, with a network where one is asked for. What works on saved detections is in `vovdet-evaluation`.

mod coco;
mod model;
mod run;
mod voc;

use super::{Outcome, console::Console};
use anyhow::Result;
use clap::{Args, Subcommand};

/// Score detections on a data set: COCO's average precision of boxes and masks, or VOC's.
#[derive(Debug, Args)]
#[command(after_long_help = "\
Examples:
  vovdet eval coco --detections results.json --annotations instances_val2017.json
  vovdet eval coco --weights mask_rcnn.pth --images val2017 --annotations instances_val2017.json --json > a.json
  vovdet eval compare a.json b.json
  vovdet eval voc --detections results/ --root VOC2007 --split test --report page/")]
pub struct Eval {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    Coco(coco::Coco),
    Voc(voc::Voc),
    Merge(vovdet_evaluation::cli::eval::merge::Merge),
    Compare(vovdet_evaluation::cli::eval::compare::Compare),
}

impl Eval {
    pub fn run(&self, console: &Console) -> Result<Outcome> {
        match &self.action {
            Action::Coco(action) => action.run(console),
            Action::Voc(action) => action.run(console),
            Action::Merge(action) => action.run(console),
            Action::Compare(action) => action.run(console),
        }
    }
}
