//! The command line: one file per verb.
//!
//! Data go to standard output, everything else to standard error. The exit code is 0 when all went well, 1 when some
//! inputs failed and the others are done, 2 when nothing could be done.

mod classify;
mod console;
mod detect;
mod doctor;
mod eval;
mod features;
mod images;
mod options;
mod weights;

use clap::{Parser, Subcommand};
use console::Console;
use std::process::ExitCode;

/// Object detection with VoVNet backbones: images in, boxes and masks out.
#[derive(Debug, Parser)]
#[command(version, propagate_version = true, arg_required_else_help = true, max_term_width = 100)]
#[command(after_help = "Example: find the nuclei in a microscope image with the built-in model\n  \
    vovdet detect --model nuclei_mask_rcnn_vovnet27_slim image.png --save out\n\n\
    Exit codes: 0 all well, 1 some inputs failed (the others are done), 2 nothing could be done.")]
struct Cli {
    /// Say more: the load report, the device, the time spent.
    #[arg(short, long, global = true, conflicts_with = "quiet")]
    verbose: bool,
    /// Say nothing but errors.
    #[arg(short, long, global = true)]
    quiet: bool,
    /// Threads of the network [default: all cores].
    #[arg(long, global = true, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1024))]
    threads: Option<u16>,
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    Detect(detect::Detect),
    Classify(classify::Classify),
    Features(features::Features),
    Weights(weights::Weights),
    Eval(eval::Eval),
    Doctor(doctor::Doctor),
}

/// How much of what was asked for was done; each has its exit code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Outcome {
    All,
    Part,
    Nothing,
}

impl Outcome {
    fn of(done: usize, failed: usize) -> Self {
        match (done, failed) {
            (0, _) => Self::Nothing,
            (_, 0) => Self::All,
            _ => Self::Part,
        }
    }
}

impl From<Outcome> for ExitCode {
    fn from(outcome: Outcome) -> Self {
        Self::from(match outcome {
            Outcome::All => 0,
            Outcome::Part => 1,
            Outcome::Nothing => 2,
        })
    }
}

/// Runs the program with the arguments of the process.
pub fn main() -> ExitCode {
    vovdet_native::tune_allocator();
    crate::output::clean_up_on_interrupt();
    images::hush_decoders();
    let cli = Cli::parse();
    let console = Console::new(cli.verbose, cli.quiet);
    options::set_threads(cli.threads);
    let outcome = match &cli.verb {
        Verb::Detect(verb) => verb.run(&console),
        Verb::Classify(verb) => verb.run(&console),
        Verb::Features(verb) => verb.run(&console),
        Verb::Weights(verb) => verb.run(&console),
        Verb::Eval(verb) => verb.run(&console),
        Verb::Doctor(verb) => verb.run(&console),
    };
    outcome
        .unwrap_or_else(|error| {
            console.error(sentence(&error));
            Outcome::Nothing
        })
        .into()
}

/// An error and its causes as one sentence; causes that the text before them quotes already are left out.
fn sentence(error: &anyhow::Error) -> String {
    let mut text = String::new();
    for cause in error.chain().map(ToString::to_string).filter(|cause| !cause.is_empty()) {
        if !text.contains(&cause) {
            text += if text.is_empty() { "" } else { ": " };
            text += &cause;
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_quoted_cause_is_not_repeated() {
        let quoted = anyhow::anyhow!("is a web page").context("a.pth: is a web page");
        assert_eq!(sentence(&quoted), "a.pth: is a web page");
        assert_eq!(sentence(&anyhow::anyhow!("disk full").context("--save out")), "--save out: disk full");
    }

    #[test]
    fn the_grammar_holds_together() {
        use clap::CommandFactory;
        Cli::command().debug_assert();
    }
}
