//! `vovdet data`: data sets.

mod convert;
mod inspect;

use super::console::Console;
use super::{Outcome, Run};
use anyhow::Result;
use clap::{Args, Subcommand};

/// Look into data sets, and convert them.
#[derive(Debug, Args)]
#[command(after_long_help = "\
Examples:
  vovdet data inspect VOC2007
  vovdet data inspect annotations/instances_val2017.json --images val2017
  vovdet data convert VOC2007 voc_as_coco --to coco")]
pub struct Data {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    Convert(convert::Convert),
    Inspect(inspect::Inspect),
}

impl Run for Data {
    fn run(&self, console: &Console) -> Result<Outcome> {
        match &self.action {
            Action::Convert(action) => action.run(console),
            Action::Inspect(action) => action.run(console),
        }
    }
}
