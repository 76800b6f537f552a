//! `vovdet weights check`.

use crate::model;
use anyhow::{Result, bail};
use vovdet::cli::Outcome;
use vovdet::cli::console::Console;
use vovdet::cli::weights::check::Check;

/// Does what was asked for.
pub fn run(args: &Check, console: &Console) -> Result<Outcome> {
    let options = args.fit.options();
    let (checkpoint, spec) = (model::checkpoint(&options, console)?, model::spec(&options)?);
    let (_, report) =
        vovdet_detectors::check(spec, &checkpoint, &model::load_options(&options)?).map_err(model::with_hint)?;
    if args.json {
        console.json_line(&report)?;
    } else {
        console.data(format!("{report:#}").trim_end())?;
    }
    if !report.is_complete() {
        bail!("{report}");
    }
    Ok(Outcome::All)
}
