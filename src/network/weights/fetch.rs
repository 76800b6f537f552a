//! `vovdet weights fetch --from FILE`: whether the file is what it is handed over for.

use anyhow::Result;
use vovdet::cli::console::Console;
use vovdet::cli::weights::fetch::Fetch;
use vovdet::cli::{Outcome, sentence};
use vovdet_detectors::{LoadOptions, LoadReport, ModelSpec};
use vovdet_pretrained::Checkpoint;
use vovdet_pretrained::catalogue::{Entry, Role};

/// Does what was asked for.
pub fn run(args: &Fetch, console: &Console) -> Result<Outcome> {
    args.run_fitting(console, &fits)
}

/// Whether names and shapes of a checkpoint are those of the entry's model; why not, as a clause.
fn fits(entry: &Entry, checkpoint: &Checkpoint) -> Result<(), String> {
    let Some(model) = &entry.model else { return Ok(()) };
    let report =
        compare(entry, model, checkpoint).map_err(|error| format!("it does not fit {model}: {}", sentence(&error)))?;
    if report.is_complete() {
        return Ok(());
    }
    let (missing, shapes, unexpected) = (report.missing.len(), report.mismatched.len(), report.unexpected.len());
    let differences = format!(
        "{missing} parameters are missing, {shapes} have another shape, {unexpected} belong to another network"
    );
    match report.fits.first() {
        Some(other) => Err(format!("it fits {other}, not {model} ({differences})")),
        None => Err(format!("it does not fit {model} ({differences})")),
    }
}

/// The load report of a checkpoint in the entry's model.
fn compare(entry: &Entry, model: &str, checkpoint: &Checkpoint) -> Result<LoadReport> {
    let dialect = entry.dialect.as_deref().map(|name| name.parse().map_err(anyhow::Error::msg)).transpose()?;
    let spec = ModelSpec::named(model, dialect)?;
    // Opened anew, because folding takes the whole checkpoint.
    let checkpoint = Checkpoint::open(checkpoint.source())?.folded()?;
    // A backbone may come without the last layer of its classifier.
    let last_layers = ["classifier.*", "fc.*", "head.*"];
    let allow = if entry.role == Role::Backbone { last_layers.map(String::from).to_vec() } else { Vec::new() };
    let options = LoadOptions { dialect, allow, ..LoadOptions::default() };
    Ok(vovdet_detectors::check(Some(spec), &checkpoint, &options)?.1)
}
