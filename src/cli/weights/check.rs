//! The arguments of `vovdet weights check`.

use crate::cli::arguments::{EngineOptions, FitOptions, ModelOptions};
use clap::Args;
use std::path::PathBuf;

/// Load a checkpoint into a model and print the load report; exit code 2 if it does not fit.
#[derive(Debug, Args)]
#[command(after_long_help = "\
Every parameter of the model must be in the file with its shape, and everything in the file must have a place.

Example:
  vovdet weights check mask_rcnn.pth --model mask_rcnn_vovnet39_fpn")]
pub struct Check {
    /// The checkpoint and the model.
    #[command(flatten)]
    pub fit: Fit,
    /// One JSON object instead of text.
    #[arg(long)]
    pub json: bool,
}

/// A checkpoint and the model that it shall fit.
#[derive(Debug, Args)]
pub struct Fit {
    /// The checkpoint, or the name of official weights.
    #[arg(value_name = "FILE|NAME")]
    pub file: PathBuf,
    /// Model by name or a spec in a JSON file [default: what the weights say].
    #[arg(short, long, value_name = "NAME|SPEC.json")]
    pub model: Option<String>,
    /// How they fit.
    #[command(flatten)]
    pub fit: FitOptions,
}

impl Fit {
    /// The same as the options of the other verbs, on the CPU.
    pub fn options(&self) -> ModelOptions {
        ModelOptions {
            model: self.model.clone(),
            weights: Some(self.file.clone()),
            fit: self.fit.clone(),
            engine: EngineOptions::plain_cpu(),
        }
    }
}
