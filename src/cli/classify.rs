//! The arguments of `vovdet classify`.

use super::arguments::{ModelOptions, SourceOptions};
use clap::{Args, ValueEnum};
use std::io::IsTerminal;

/// Say what images show, by an ImageNet classifier.
#[derive(Debug, Args)]
#[command(after_long_help = "\
On a terminal, a line an image: the classes and their probabilities. Into a pipe
or a file, and with --json, a line of JSON, most probable class first:
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
    /// Form of the lines [default: text on a terminal, else jsonl].
    #[arg(long, value_name = "FORM")]
    pub format: Option<Lines>,
    /// JSON lines on a terminal too: --format jsonl.
    #[arg(long, conflicts_with = "format")]
    pub json: bool,
}

/// The form of the lines.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Lines {
    /// A line an image for people, and a summary at the end.
    Text,
    /// JSON lines: an object an image.
    Jsonl,
}

impl Classify {
    /// The form of what standard output has.
    pub fn shown(&self) -> Lines {
        match self.format {
            Some(form) => form,
            None if !self.json && std::io::stdout().is_terminal() => Lines::Text,
            None => Lines::Jsonl,
        }
    }
}
