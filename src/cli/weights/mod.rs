//! `vovdet weights`: official weights by name, and what checkpoint files hold.

mod check;
mod convert;
mod fetch;
mod inspect;
mod list;

use super::Outcome;
use super::console::Console;
use anyhow::Result;
use clap::{Args, Subcommand};

/// Official weights by name; look into checkpoint files, check them against a model, convert them.
#[derive(Debug, Args)]
#[command(after_long_help = "\
PyTorch files (old and new), detectron2 pickles and safetensors are told apart by their content; nothing in a file is
ever run.

Examples:
  vovdet weights list vovnet
  vovdet weights fetch mask_rcnn_vovnet39_fpn
  vovdet weights inspect mask_rcnn.pth
  vovdet weights check mask_rcnn.pth --model mask_rcnn_vovnet39_fpn
  vovdet weights convert mask_rcnn.pth mask_rcnn.safetensors --model mask_rcnn_vovnet39_fpn --half")]
pub struct Weights {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    List(list::List),
    Fetch(fetch::Fetch),
    Inspect(inspect::Inspect),
    Check(check::Check),
    Convert(convert::Convert),
}

impl Weights {
    pub fn run(&self, console: &Console) -> Result<Outcome> {
        match &self.action {
            Action::List(action) => action.run(console),
            Action::Fetch(action) => action.run(console),
            Action::Inspect(action) => action.run(console),
            Action::Check(action) => action.run(console),
            Action::Convert(action) => action.run(console),
        }
    }
}

/// A number of bytes for people.
fn size(bytes: usize) -> String {
    match bytes {
        0..1_000 => format!("{bytes} bytes"),
        1_000..1_000_000 => format!("{:.1} kB", bytes as f64 / 1e3),
        1_000_000..1_000_000_000 => format!("{:.1} MB", bytes as f64 / 1e6),
        _ => format!("{:.2} GB", bytes as f64 / 1e9),
    }
}
