//! The part of the command line that needs no network, and what all verbs share: the printer and the exit codes.
//!
//! Data go to standard output, everything else to standard error. The exit code is 0 when all went well, 1 when some
//! inputs failed and the others are done, 2 when nothing could be done.

pub mod console;
pub mod data;
pub mod eval;

use clap::{Args, Parser, Subcommand};
use console::Console;
use std::ffi::OsString;
use std::process::ExitCode;

/// Options of every verb.
#[derive(Debug, Args)]
pub struct Global {
    /// Say more: the load report, the device, the time spent.
    #[arg(short, long, global = true, conflicts_with = "quiet")]
    verbose: bool,
    /// Say nothing but errors.
    #[arg(short, long, global = true)]
    quiet: bool,
    /// Threads of the network [default: all cores].
    #[arg(long, global = true, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1024))]
    pub threads: Option<u16>,
}

impl Global {
    /// The printer that these options ask for.
    pub fn console(&self) -> Console {
        Console::new(self.verbose, self.quiet)
    }
}

/// How much of what was asked for was done; each has its exit code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// Everything.
    All,
    /// Some inputs failed, the others are done.
    Part,
    /// Nothing.
    Nothing,
}

impl Outcome {
    /// The outcome of a run over many inputs.
    pub fn of(done: usize, failed: usize) -> Self {
        match (done, failed) {
            (0, _) => Self::Nothing,
            (_, 0) => Self::All,
            _ => Self::Part,
        }
    }
}

impl Outcome {
    /// The outcome of two things of which the first gave a result.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        if other == Self::All { self } else { Self::Part }
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

/// The end of a verb: what went wrong is said, and becomes the exit code.
pub fn finish(console: &Console, outcome: anyhow::Result<Outcome>) -> ExitCode {
    outcome
        .unwrap_or_else(|error| {
            console.error(sentence(&error));
            Outcome::Nothing
        })
        .into()
}

#[derive(Debug, Parser)]
#[command(disable_help_flag = true, disable_version_flag = true)]
struct WithoutNetwork {
    #[command(flatten)]
    global: Global,
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    Eval(eval::Eval),
    Data(data::Data),
}

/// Runs the verb that `arguments` name (the program's name first) if it can be done without a network. `None` when
/// it cannot, or the arguments are not understood here: the whole program then says what it makes of them.
pub fn run_without_network(arguments: impl IntoIterator<Item = OsString>) -> Option<ExitCode> {
    let cli = WithoutNetwork::try_parse_from(arguments).ok()?;
    let _clean_up = vovdet_files::clean_up();
    let console = cli.global.console();
    let outcome = match &cli.verb {
        Verb::Eval(verb) => verb.run(&console),
        Verb::Data(verb) => verb.run(&console),
    };
    Some(finish(&console, outcome))
}

/// An error and its causes as one sentence; causes that the text before them quotes already are left out.
pub fn sentence(error: &anyhow::Error) -> String {
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
        WithoutNetwork::command().debug_assert();
    }
}
