//! The arguments of `vovdet doctor`.

use clap::Args;

/// Show what the program runs on: libtorch, CUDA, CPU, threads, built-in models.
#[derive(Debug, Args)]
#[command(after_long_help = "\
Examples:
  vovdet doctor
  vovdet doctor --json")]
pub struct Doctor {
    /// One JSON object instead of text.
    #[arg(long)]
    pub json: bool,
    /// Threads of the network [default: all cores].
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1024))]
    pub threads: Option<u16>,
}
