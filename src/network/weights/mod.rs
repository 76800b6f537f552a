//! `vovdet weights`: what needs the networks to know which one a file fits.

mod check;
mod convert;
mod fetch;
mod inspect;

use anyhow::Result;
use vovdet::cli::console::Console;
use vovdet::cli::weights::{Action, Weights};
use vovdet::cli::{Outcome, Run};

/// Does what was asked for.
pub fn run(args: &Weights, console: &Console) -> Result<Outcome> {
    match &args.action {
        Action::Inspect(action) => inspect::run(action, console),
        Action::Check(action) => check::run(action, console),
        Action::Convert(action) => convert::run(action, console),
        Action::List(action) => action.run(console),
        Action::Fetch(action) => fetch::run(action, console),
        Action::Remove(action) => action.run(console),
    }
}
