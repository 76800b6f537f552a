//! `vovdet weights check`.

use crate::cli::Outcome;
use crate::cli::console::Console;
use crate::cli::options::{EngineOptions, ModelOptions, Norm};
use anyhow::{Result, bail};
use clap::Args;
use std::path::PathBuf;
use vovdet_detectors::spec::Dialect;

/// Load a checkpoint into a model and print the load report; exit code 2 if it does not fit.
#[derive(Debug, Args)]
#[command(after_long_help = "\
Every parameter of the model must be in the file with its shape, and everything in the file must have a place.

Example:
  vovdet weights check mask_rcnn.pth --model mask_rcnn_vovnet39_fpn")]
pub struct Check {
    #[command(flatten)]
    fit: Fit,
    /// One JSON object instead of text.
    #[arg(long)]
    json: bool,
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
    /// Whose rules a detector follows [default: told by the names in the weights].
    #[arg(long, value_name = "maskrcnn-benchmark|detectron2|torchvision|caffe|luuuyi|uoip")]
    dialect: Option<Dialect>,
    /// Normalisation of the backbone [default: told by the model and the weights].
    #[arg(long)]
    norm: Option<Norm>,
    /// Names of the classes: one per line, or a JSON array of strings.
    #[arg(long, value_name = "FILE")]
    class_names: Option<PathBuf>,
    /// Load although parameters that match this pattern (`*` fits anything) are missing in the weights.
    #[arg(long, value_name = "PATTERN")]
    allow_missing: Vec<String>,
    /// Do not use the network for official weights.
    #[arg(long)]
    offline: bool,
}

impl Fit {
    /// The same as the options of the other verbs, on the CPU.
    pub fn options(&self) -> ModelOptions {
        ModelOptions {
            model: self.model.clone(),
            weights: Some(self.file.clone()),
            dialect: self.dialect,
            norm: self.norm,
            class_names: self.class_names.clone(),
            allow_missing: self.allow_missing.clone(),
            offline: self.offline,
            engine: EngineOptions::plain_cpu(),
        }
    }
}

impl Check {
    pub fn run(&self, console: &Console) -> Result<Outcome> {
        let options = self.fit.options();
        let (checkpoint, spec) = (options.checkpoint(console)?, options.spec()?);
        let (_, report) = vovdet_detectors::check(spec, &checkpoint, &options.load_options()?)?;
        if self.json {
            console.json_line(&report)?;
        } else {
            console.data(report.to_string().trim_end())?;
        }
        if !report.is_complete() {
            bail!("{} does not fit {}", checkpoint.source(), report.model);
        }
        Ok(Outcome::All)
    }
}
