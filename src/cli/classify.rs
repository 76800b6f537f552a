//! The arguments of `vovdet classify`.

use super::arguments::{ModelOptions, SourceOptions};
use clap::Args;

/// Say what images show, by an ImageNet classifier.
#[derive(Debug, Args)]
#[command(after_long_help = "\
Output: one line of JSON per image, most probable class first:
  {\"image\": PATH, \"classes\": [{\"label\": NAME, \"index\": I, \"probability\": P}, ...]}

Example:
  vovdet classify --model vovnet39 --weights vovnet39_torchvision.pth \\
    photo.jpg --top 5")]
pub struct Classify {
    /// The images.
    #[command(flatten)]
    pub images: SourceOptions,
    /// The classifier.
    #[command(flatten)]
    pub model: ModelOptions,
    /// Classes per image.
    #[arg(long, value_name = "K", default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..))]
    pub top: u32,
}
