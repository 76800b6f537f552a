//! The program `vovdet-network`: the verbs of `vovdet` that need a network; `vovdet` starts it.

mod batches;
mod bench;
mod classify;
mod detect;
mod doctor;
mod eval;
mod features;
mod images;
mod model;
mod predict;
mod weights;

use anyhow::Result;
use std::process::ExitCode;
use vovdet::cli::console::Console;
use vovdet::cli::{Cli, Outcome, Run, Verb};

fn main() -> ExitCode {
    vovdet_native::tune_allocator();
    let _clean_up = vovdet_files::clean_up();
    vovdet_datasets::image::silence_decoder_panics();
    let cli = Cli::from_arguments();
    cli.global.run(|console| run(&cli.verb, console))
}

fn run(verb: &Verb, console: &Console) -> Result<Outcome> {
    match verb {
        Verb::Detect(verb) => detect::run(verb, console),
        Verb::Classify(verb) => classify::run(verb, console),
        Verb::Features(verb) => features::run(verb, console),
        Verb::Weights(verb) => weights::run(verb, console),
        Verb::Bench(verb) => bench::run(verb, console),
        Verb::Eval(verb) => eval::run(verb, console),
        Verb::Doctor(verb) => doctor::run(verb, console),
        // The first program has done these itself, unless this one was started by hand.
        Verb::Data(verb) => verb.run(console),
        Verb::Completions(verb) => verb.run(console),
        Verb::Man(verb) => verb.run(console),
        Verb::Draw(verb) => verb.run(console),
    }
}
