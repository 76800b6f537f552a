//! `vovdet data`: data sets.

mod inspect;

use super::console::Console;
use super::{Outcome, Run};
use anyhow::Result;
use clap::{Args, Subcommand};

/// Look into data sets.
#[derive(Debug, Args)]
#[command(after_long_help = "\
Examples:
  vovdet data inspect VOC2007
  vovdet data inspect annotations/instances_val2017.json --images val2017")]
pub struct Data {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    Inspect(inspect::Inspect),
}

impl Run for Data {
    fn run(&self, console: &Console) -> Result<Outcome> {
        match &self.action {
            Action::Inspect(action) => action.run(console),
        }
    }
}
