//! The arguments of `vovdet weights inspect`.

use crate::cli::arguments::Dialect;
use clap::Args;
use std::path::PathBuf;

/// Show what a checkpoint file holds and which known models it fits.
#[derive(Debug, Args)]
#[command(after_long_help = "\
Examples:
  vovdet weights inspect mask_rcnn.pth
  vovdet weights inspect mask_rcnn.pth --all
  vovdet weights inspect mask_rcnn.pth --json | python3 -m json.tool
  vovdet weights inspect --models
  vovdet weights inspect --spec dsod300_vovnet27_slim > my_dsod.json
The last one prints what the name stands for: change its steps, sizes or thresholds and give the file to --model.")]
pub struct Inspect {
    /// The checkpoint, or the name of a built-in model or of official weights.
    #[arg(value_name = "FILE|NAME", required_unless_present_any = ["models", "spec"])]
    pub file: Option<PathBuf>,
    /// Every tensor on a line of its own, instead of a line for each part of the network.
    #[arg(long, conflicts_with_all = ["json", "models", "spec"])]
    pub all: bool,
    /// One JSON object instead of text.
    #[arg(long)]
    pub json: bool,
    /// List the models that can be asked for by name.
    #[arg(long, conflicts_with_all = ["file", "json"])]
    pub models: bool,
    /// Print the spec of a model as JSON: every number that its name stands for, to be changed and given to --model.
    #[arg(long, value_name = "NAME", conflicts_with_all = ["file", "json", "models"])]
    pub spec: Option<String>,
    /// Whose rules the printed spec follows [default: those of the published weights].
    #[arg(long, requires = "spec", hide_possible_values = true, value_name = "caffe|torchvision|...")]
    pub dialect: Option<Dialect>,
    /// Do not use the network for official weights.
    #[arg(long)]
    pub offline: bool,
}
