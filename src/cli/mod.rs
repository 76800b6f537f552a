//! The command line, once: the grammar of all verbs, the printer, the exit codes, and the verbs that need no network.
//!
//! Two programs parse this grammar. `vovdet` answers everything that needs no network itself (`--help`, `--version`,
//! mistakes in the arguments, data sets, saved detections, the catalogue of weights) and becomes `vovdet-network` for
//! the rest. Loading libtorch takes a third of a second and 120 MB, so nothing in this library may use it: the verbs
//! with a network are in `src/network/`, which only the second program is made of, and `tests/architecture.rs` looks
//! into the first for a trace of libtorch.
//!
//! Data go to standard output, everything else to standard error. The exit code is 0 when all went well, 1 when some
//! inputs failed and the others are done, 2 when nothing could be done.

pub mod arguments;
pub mod bench;
pub mod classify;
pub mod console;
pub mod data;
pub mod detect;
pub mod doctor;
pub mod eval;
pub mod features;
pub mod official;
mod outcome;
pub mod weights;

use anyhow::Result;
use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::{Args, Parser, Subcommand};
use console::Console;

pub use outcome::{Outcome, finish, sentence};

/// Object detection with VoVNet backbones: images in, boxes and masks out.
#[derive(Debug, Parser)]
#[command(name = "vovdet", version, propagate_version = true, arg_required_else_help = true, max_term_width = 120)]
#[command(after_help = "\
Example: find the nuclei in a microscope image with the built-in model
  vovdet detect --model nuclei_mask_rcnn_vovnet27_slim image.png --save out

Exit codes: 0 all well, 1 some inputs failed (the others are done), 2 nothing could be done.")]
pub struct Cli {
    /// Options of every verb.
    #[command(flatten)]
    pub global: Global,
    /// What to do.
    #[command(subcommand)]
    pub verb: Verb,
}

/// Options of every verb.
#[derive(Debug, Args)]
#[command(next_help_heading = "General options")]
pub struct Global {
    /// Say more: the load report, the device, the time spent.
    #[arg(short, long, global = true, conflicts_with = "quiet")]
    verbose: bool,
    /// Say nothing but errors.
    #[arg(short, long, global = true)]
    quiet: bool,
}

impl Global {
    /// The printer that these options ask for.
    pub fn console(&self) -> Console {
        Console::new(self.verbose, self.quiet)
    }
}

/// What the program can do.
#[derive(Debug, Subcommand)]
// There is one of it in a program: its size does not matter.
#[allow(clippy::large_enum_variant, missing_docs)]
pub enum Verb {
    Detect(detect::Detect),
    Classify(classify::Classify),
    Features(features::Features),
    Weights(weights::Weights),
    Bench(bench::Bench),
    Eval(eval::Eval),
    Data(data::Data),
    Doctor(doctor::Doctor),
}

/// Something that can be done without a network.
pub trait Run {
    /// Does it.
    ///
    /// # Errors
    /// When nothing could be done.
    fn run(&self, console: &Console) -> Result<Outcome>;
}

impl Verb {
    /// The verb as one that needs no network, if it is.
    pub fn without_network(&self) -> Option<&dyn Run> {
        match self {
            Self::Weights(verb) => verb.without_network(),
            Self::Eval(verb) => verb.without_network(),
            Self::Data(verb) => Some(verb),
            Self::Detect(_) | Self::Classify(_) | Self::Features(_) | Self::Bench(_) | Self::Doctor(_) => None,
        }
    }
}

impl Cli {
    /// Understands the arguments of the process, or ends it with help, the version, or what is wrong.
    pub fn from_arguments() -> Self {
        Self::try_parse().unwrap_or_else(|error| match conflict(&error) {
            Some(sentence) => {
                Console::new(false, false).error(sentence);
                std::process::exit(2)
            }
            None => error.exit(),
        })
    }
}

/// Options that exclude each other, in a sentence; how to use the verb is not the question then.
fn conflict(error: &clap::Error) -> Option<String> {
    let name = |text: &String| text.split([' ', '=']).next().unwrap_or_default().to_owned();
    let names = |kind: ContextKind| match error.get(kind) {
        Some(ContextValue::String(text)) => Some(vec![name(text)]),
        Some(ContextValue::Strings(list)) => Some(list.iter().map(name).collect()),
        _ => None,
    };
    if error.kind() != ErrorKind::ArgumentConflict {
        return None;
    }
    let (one, others) = (names(ContextKind::InvalidArg)?.join(" "), names(ContextKind::PriorArg)?.join(" and "));
    (one != others).then(|| format!("{one} cannot be used with {others}: leave out {others} or {one}"))
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
