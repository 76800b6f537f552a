//! `vovdet eval` of what a model finds.

mod coco;
mod model;
mod run;
mod voc;

use anyhow::Result;
use vovdet::cli::console::Console;
use vovdet::cli::eval::{Action, Eval};
use vovdet::cli::{Outcome, Run};

/// Does what was asked for.
pub fn run(args: &Eval, console: &Console) -> Result<Outcome> {
    match &args.action {
        Action::Coco(action) => coco::run(action, console),
        Action::Voc(action) => voc::run(action, console),
        Action::Merge(action) => action.run(console),
        Action::Compare(action) => action.run(console),
    }
}
