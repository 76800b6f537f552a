//! The arguments of `vovdet weights convert`.

use super::check::Fit;
use clap::{Args, ValueEnum};
use std::path::PathBuf;

/// Convert a checkpoint to safetensors or to a PyTorch file.
#[derive(Debug, Args)]
#[command(after_long_help = "\
With --model the fit is checked first, and a safetensors file carries the model's spec: it then needs no --model.

Examples:
  vovdet weights convert mask_rcnn.pth mask_rcnn.safetensors \\
    --model mask_rcnn_vovnet39_fpn
  vovdet weights convert model.pkl model.pth
  vovdet weights convert mask_rcnn.safetensors small.safetensors --half")]
pub struct Convert {
    /// The checkpoint and the model.
    #[command(flatten)]
    pub fit: Fit,
    /// The file to write.
    #[arg(value_name = "OUT")]
    pub out: PathBuf,
    /// Format of the file [default: by its extension: .safetensors, or .pth and .pt].
    #[arg(long)]
    pub to: Option<Container>,
    /// Store floating-point numbers as this type.
    #[arg(long)]
    pub dtype: Option<Float>,
    /// The same as --dtype float16.
    #[arg(long, conflicts_with = "dtype")]
    pub half: bool,
    /// Replace the file if it exists.
    #[arg(long)]
    pub force: bool,
}

/// A format of weights.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Container {
    /// Safetensors.
    Safetensors,
    /// A zip that torch.load(weights_only=True) reads.
    Pth,
}

/// A type of floating-point numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Float {
    /// 32 bits.
    Float32,
    /// 16 bits, IEEE half precision.
    Float16,
    /// 16 bits with the range of float32.
    Bfloat16,
}
