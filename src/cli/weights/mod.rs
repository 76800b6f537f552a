//! `vovdet weights`: official weights by name, and what checkpoint files hold.

pub mod check;
pub mod convert;
pub mod fetch;
pub mod inspect;
pub mod list;
pub mod remove;

use super::Run;
use clap::{Args, Subcommand};

/// Official weights by name; look into checkpoint files, check them against a model, convert them.
#[derive(Debug, Args)]
#[command(after_long_help = "\
PyTorch files (old and new), detectron2 pickles, safetensors and Caffe models are recognised by their content; nothing in
a file is ever run.

Examples:
  vovdet weights list vovnet
  vovdet weights fetch mask_rcnn_vovnet39_fpn
  vovdet weights inspect mask_rcnn.pth
  vovdet weights check mask_rcnn.pth --model mask_rcnn_vovnet39_fpn
  vovdet weights convert mask_rcnn.pth mask_rcnn.safetensors --half")]
pub struct Weights {
    /// What to do with them.
    #[command(subcommand)]
    pub action: Action,
}

/// What can be done with weights.
#[derive(Debug, Subcommand)]
#[allow(missing_docs)]
pub enum Action {
    List(list::List),
    Fetch(fetch::Fetch),
    Remove(remove::Remove),
    Inspect(inspect::Inspect),
    Check(check::Check),
    Convert(convert::Convert),
}

impl Weights {
    /// What was asked for as something that needs no network, if it is.
    pub fn without_network(&self) -> Option<&dyn Run> {
        match &self.action {
            Action::List(action) => Some(action),
            Action::Remove(action) => Some(action),
            // A file that is handed over is compared with its model.
            Action::Fetch(action) if action.from.is_none() => Some(action),
            Action::Fetch(_) | Action::Inspect(_) | Action::Check(_) | Action::Convert(_) => None,
        }
    }
}

/// A number of bytes for people.
pub fn size(bytes: usize) -> String {
    match bytes {
        0..1_000 => format!("{bytes} bytes"),
        1_000..1_000_000 => format!("{:.1} kB", bytes as f64 / 1e3),
        1_000_000..1_000_000_000 => format!("{:.1} MB", bytes as f64 / 1e6),
        _ => format!("{:.2} GB", bytes as f64 / 1e9),
    }
}
