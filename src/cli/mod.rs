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
pub mod completions;
pub mod console;
pub mod data;
pub mod detect;
pub mod doctor;
pub mod draw;
pub mod eval;
pub mod features;
mod log;
mod man;
mod names;
pub mod official;
mod outcome;
pub mod overwrite;
mod table;
pub mod weights;

use anyhow::Result;
use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::{ArgAction, Args, Parser, Subcommand};
use console::Console;
use log::Log;
use std::path::PathBuf;
use std::process::ExitCode;

pub use outcome::{Outcome, sentence};

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
    /// Say more: the load report, the device, the time spent; twice, what a developer wants to know. VOVDET_LOG says it
    /// in more detail (vovdet_detectors=debug).
    #[arg(short, long, global = true, action = ArgAction::Count, conflicts_with = "quiet")]
    verbose: u8,
    /// Say nothing but errors.
    #[arg(short, long, global = true)]
    quiet: bool,
    /// Write what the program does, with the time that each step took, to FILE as lines of JSON.
    #[arg(long, global = true, value_name = "FILE")]
    log_json: Option<PathBuf>,
}

impl Global {
    /// Does `work` and says how it ended.
    pub fn run(&self, work: impl FnOnce(&Console) -> Result<Outcome>) -> ExitCode {
        let console = Console::new(self.quiet);
        let outcome = Log::start(self.verbose, self.quiet, self.log_json.as_deref()).and_then(|log| {
            let outcome = work(&console);
            log.finish();
            outcome
        });
        outcome
            .unwrap_or_else(|error| {
                console.error(sentence(&error));
                Outcome::Nothing
            })
            .into()
    }
}

/// What the program can do.
#[derive(Debug, Subcommand)]
// There is one of it in a program: its size does not matter.
#[allow(clippy::large_enum_variant, missing_docs)]
pub enum Verb {
    Detect(detect::Detect),
    Draw(draw::Draw),
    Classify(classify::Classify),
    Features(features::Features),
    Weights(weights::Weights),
    Bench(bench::Bench),
    Eval(eval::Eval),
    Data(data::Data),
    Doctor(doctor::Doctor),
    Completions(completions::Completions),
    Man(man::Man),
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
            Self::Completions(verb) => Some(verb),
            Self::Man(verb) => Some(verb),
            Self::Draw(verb) => Some(verb),
            Self::Detect(_) | Self::Classify(_) | Self::Features(_) | Self::Bench(_) | Self::Doctor(_) => None,
        }
    }
}

impl Cli {
    /// Understands the arguments of the process, or ends it with help, the version, or what is wrong.
    pub fn from_arguments() -> Self {
        Self::try_parse().unwrap_or_else(|mut error| {
            if let Some(sentence) = conflict(&error) {
                Console::new(false).error(sentence);
                std::process::exit(2);
            }
            if let Some(tip) = tip(&error) {
                error.remove(ContextKind::SuggestedArg);
                error.insert(ContextKind::Suggested, ContextValue::StyledStrs(vec![tip.into()]));
            }
            error.exit()
        })
    }
}

/// What is meant by an option that other programs have.
fn tip(error: &clap::Error) -> Option<&'static str> {
    let ContextValue::String(option) = error.get(ContextKind::InvalidArg)? else { return None };
    match option.as_str() {
        "--source" | "--input" | "--img" | "--images" => {
            Some("images are given without an option: 'vovdet detect photos/ image.png'")
        }
        "--imgsz" | "--img-size" => Some("the size of the input is that of the model"),
        "--iou-thres" => Some("a similar argument exists: '--iou-threshold', of 'vovdet eval voc'"),
        "--half" => Some("a similar argument exists: '--precision fp16'"),
        _ => None,
    }
}

/// Options that exclude each other, in a sentence; how to use the verb is not the question then.
fn conflict(error: &clap::Error) -> Option<String> {
    let name = |text: &String| text.split([' ', '=']).next().unwrap_or_default().trim_end_matches('.').to_owned();
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
