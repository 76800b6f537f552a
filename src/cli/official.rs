//! Weights behind a name: a file, a built-in model, or official weights, fetched into the cache when they are not there.

use super::console::Console;
use anyhow::{Context, Result, anyhow, bail};
use std::path::{Path, PathBuf};
use vovdet_evaluation::metrics::provenance::FileRef;
use vovdet_pretrained::cache::{Cache, Event, Fetch, Network};
use vovdet_pretrained::catalogue::{self, Entry};
use vovdet_pretrained::{Checkpoint, models};

/// The official weights that the argument of `--weights` means: none when it is a file or a built-in model.
pub fn meant(weights: &Path) -> Option<&'static Entry> {
    let name = weights.to_str().filter(|_| !weights.exists())?;
    if models::find(name).is_some() { None } else { catalogue::find(name) }
}

/// Opens what the argument of `--weights` means.
///
/// # Errors
/// When it is nothing, cannot be fetched, or cannot be read.
pub fn open(weights: &Path, console: &Console, offline: bool) -> Result<Checkpoint> {
    if let Some(entry) = meant(weights) {
        return open_entry(entry, console, offline);
    }
    let name = weights.to_str().filter(|_| !weights.exists());
    match name.and_then(|name| Some((name, models::find(name)?))) {
        Some((name, bytes)) => Ok(Checkpoint::from_bytes(name, bytes)?),
        None => match name.and_then(catalogue::closest) {
            Some(near) => bail!(
                "{}: there is no such file, and no official weights of this name: did you mean `{near}`?",
                weights.display()
            ),
            None => Ok(Checkpoint::open(weights)?),
        },
    }
}

/// Opens official weights.
///
/// # Errors
/// When they cannot be had or read.
pub fn open_entry(entry: &Entry, console: &Console, offline: bool) -> Result<Checkpoint> {
    let console = console.with_download();
    let path = Cache::from_env()?.weights(entry, &network(offline)?, &mut |event| show(&console, entry, event))?;
    Ok(Checkpoint::open(path)?)
}

/// The file of official weights in the cache, for those who say what a result was made from.
///
/// # Errors
/// When they cannot be had or read.
pub fn file(entry: &Entry, offline: bool) -> Result<FileRef> {
    let path = Cache::from_env()?.weights(entry, &network(offline)?, &mut |_| {})?;
    FileRef::of(&path).with_context(|| path.display().to_string())
}

/// Fetches official weights, or checks those in the cache.
///
/// # Errors
/// When they cannot be had.
pub fn fetch(entry: &Entry, fetch: Fetch, console: &Console, offline: bool) -> Result<PathBuf> {
    let console = console.with_download();
    let cache = Cache::from_env()?;
    Ok(cache.fetch(entry, &network(offline)?, fetch, &mut |event| show(&console, entry, event))?)
}

/// The entry of this name.
///
/// # Errors
/// When there is none; the nearest name is suggested.
pub fn entry(name: &str) -> Result<&'static Entry> {
    if models::find(name).is_some() {
        bail!("{name} is built in: there is nothing to fetch");
    }
    catalogue::find(name).ok_or_else(|| {
        let several = of_model(name);
        if !several.is_empty() {
            return anyhow!("{name} has no official weights that are complete; choose one of {several}");
        }
        let hint = catalogue::closest(name)
            .map_or_else(|| "`vovdet weights list` shows them all".into(), |near| format!("did you mean `{near}`?"));
        anyhow!("there are no official weights named `{name}`: {hint}")
    })
}

/// The names of all official weights of a model.
pub fn of_model(model: &str) -> String {
    let names = catalogue::entries().iter().filter(|entry| entry.model.as_deref() == Some(model));
    names.map(|entry| entry.name.as_str()).collect::<Vec<_>>().join(", ")
}

fn network(offline: bool) -> Result<Network> {
    let network = Network::from_env()?;
    Ok(Network { offline: offline || network.offline, ..network })
}

fn show(console: &Console, entry: &Entry, event: Event) {
    let name = &entry.name;
    match event {
        Event::Bytes { have, total } => console.bytes(have, total),
        Event::Start { url, .. } => console.note(format_args!("{name}: fetching {url}")),
        Event::Waiting => console.note(format_args!("{name}: another process is fetching it; waiting")),
        Event::Again { why } => console.note(format_args!("{name}: the transfer {why}; trying again")),
        _ => {}
    }
}
