//! The command line: one file per verb. Those that need no network are in `vovdet-evaluation`, with the printer and the
//! exit codes.

mod bench;
mod classify;
mod detect;
mod doctor;
mod eval;
mod features;
mod images;
mod official;
mod options;
mod predict;
mod weights;

use clap::{Parser, Subcommand};
use std::process::ExitCode;
use vovdet_evaluation::cli::{Global, Outcome, console, data, finish, sentence};

/// Object detection with VoVNet backbones: images in, boxes and masks out.
#[derive(Debug, Parser)]
#[command(version, propagate_version = true, arg_required_else_help = true, max_term_width = 120)]
#[command(after_help = "Example: find the nuclei in a microscope image with the built-in model\n  \
    vovdet detect --model nuclei_mask_rcnn_vovnet27_slim image.png --save out\n\n\
    Exit codes: 0 all well, 1 some inputs failed (the others are done), 2 nothing could be done.")]
struct Cli {
    #[command(flatten)]
    global: Global,
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    Detect(detect::Detect),
    Classify(classify::Classify),
    Features(features::Features),
    Weights(weights::Weights),
    Bench(bench::Bench),
    Eval(eval::Eval),
    Data(data::Data),
    Doctor(doctor::Doctor),
}

/// Runs the program with the arguments of the process.
pub fn main() -> ExitCode {
    vovdet_native::tune_allocator();
    let _clean_up = vovdet_files::clean_up();
    images::hush_decoders();
    let cli = Cli::parse();
    let console = cli.global.console();
    options::set_threads(cli.global.threads);
    let outcome = match &cli.verb {
        Verb::Detect(verb) => verb.run(&console),
        Verb::Classify(verb) => verb.run(&console),
        Verb::Features(verb) => verb.run(&console),
        Verb::Weights(verb) => verb.run(&console),
        Verb::Bench(verb) => verb.run(&console),
        Verb::Eval(verb) => verb.run(&console),
        Verb::Data(verb) => verb.run(&console),
        Verb::Doctor(verb) => verb.run(&console),
    };
    finish(&console, outcome)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_grammar_holds_together() {
        use clap::CommandFactory;
        Cli::command().debug_assert();
    }
}
