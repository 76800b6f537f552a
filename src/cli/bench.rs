//! The arguments of `vovdet bench`.

use super::arguments::{Dialect, size};
use clap::Args;

/// Count the parameters and operations of models.
#[derive(Debug, Args)]
#[command(after_long_help = "\
Conventions, those of the VoVNet paper: parameters are the weights and biases of convolutions and linear layers, the \
scales of L2 norms, and two per normalised channel, running statistics excluded; a FLOP is one multiply-add of a \
convolution or linear layer, or one element that a normalisation writes. One image; a two-stage detector is counted \
with 1000 proposals and as many masks as it keeps detections.

With --json, one object a model:
  {\"model\", \"input\": [W, H], \"classes\", \"params\", \"conv_macs\", \"norm_ops\",
   \"flops\", \"parts\": {NAME: {\"params\", \"conv_macs\", \"norm_ops\", \"flops\"}}}

Examples:
  vovdet bench --count-only
  vovdet bench --count-only refinedet320_vovnet39 dsod300_vovnet27_slim --json
  vovdet bench --count-only --model refinedet512_vovnet57 --classes 81")]
pub struct Bench {
    /// Models by name, or specs in JSON files [default: those of the VoVNet paper's tables].
    #[arg(value_name = "NAME|SPEC.json")]
    pub names: Vec<String>,
    /// The same, in the grammar of the other verbs.
    #[arg(short, long, value_name = "NAME|SPEC.json")]
    pub model: Vec<String>,
    /// Count and measure nothing. The measuring half is not there yet, so this must be given.
    #[arg(long)]
    pub count_only: bool,
    /// Outputs of the class predictor as the papers count them, background included: 81 for COCO, 21 for VOC [default:
    /// 81 for RefineDet and two-stage detectors, 91 in torchvision's dialect, 21 for other detectors, 1000 for
    /// classifiers].
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=100_000))]
    pub classes: Option<u32>,
    /// Side of the input, or its width and height, in pixels [default: the model's own].
    #[arg(long, value_name = "S|WxH", value_parser = size)]
    pub size: Option<(u32, u32)>,
    /// Whose rules a detector follows [default: those of its published weights].
    #[arg(long, hide_possible_values = true, value_name = "caffe|torchvision|...")]
    pub dialect: Option<Dialect>,
    /// JSON lines instead of a table.
    #[arg(long)]
    pub json: bool,
}
