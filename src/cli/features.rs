//! The arguments of `vovdet features`.

use super::arguments::ModelOptions;
use clap::Args;
use std::path::PathBuf;

/// Write the feature maps and raw outputs of a network to a safetensors file.
#[derive(Debug, Args)]
#[command(after_long_help = "\
The source is an image, which is resized and normalised as for detection, or a safetensors file whose tensor `input` \
(float32, [N, 3, H, W] or [3, H, W]) goes into the network as it is. FILE then holds `input` and the tensors that the \
network makes: stem, stage2 to stage5, logits, fpn.p2 to fpn.p6, rpn.objectness.0, rpn.deltas.0, proposals, ...

Output: a JSON object from each tensor's name to its shape.

Examples:
  vovdet features --model nuclei_mask_rcnn_vovnet27_slim image.png \\
    --out features.safetensors
  vovdet features --model vovnet39 --weights vovnet39.pth \\
    input.safetensors --out features.safetensors")]
pub struct Features {
    /// An image, or a safetensors file with the tensor `input`.
    #[arg(value_name = "SOURCE")]
    pub source: PathBuf,
    /// The file to write.
    #[arg(short, long, value_name = "FILE.safetensors")]
    pub out: PathBuf,
    /// The network.
    #[command(flatten)]
    pub model: ModelOptions,
}
