//! Weights behind a name: a file, a built-in model, or official weights, fetched into the cache when they are not there.

use super::console::Console;
use anyhow::{Context, Result, anyhow, bail};
use std::path::{Path, PathBuf};
use vovdet_evaluation::metrics::provenance::FileRef;
use vovdet_pretrained::cache::{self, Cache, Event, Fault, Fetch, Network};
use vovdet_pretrained::catalogue::{self, Entry, Role};
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
    let network = network(offline)?;
    let path =
        Cache::from_env()?.weights(entry, &network, &mut |event| show(&console, entry, event)).map_err(explain)?;
    Ok(Checkpoint::open(path)?)
}

/// The file of official weights in the cache, for those who say what a result was made from.
///
/// # Errors
/// When they cannot be had or read.
pub fn file(entry: &Entry, offline: bool) -> Result<FileRef> {
    let path = Cache::from_env()?.weights(entry, &network(offline)?, &mut |_| {}).map_err(explain)?;
    FileRef::of(&path).with_context(|| path.display().to_string())
}

/// Whether a checkpoint fits the model of an entry; why not, as a clause.
pub type Fits<'a> = dyn Fn(&Entry, &Checkpoint) -> Result<(), String> + 'a;

/// Fetches official weights, or checks those in the cache. A file that is handed over must fit.
///
/// # Errors
/// When they cannot be had, or do not fit.
pub fn fetch(entry: &Entry, fetch: Fetch, fits: &Fits, console: &Console, offline: bool) -> Result<PathBuf> {
    let console = console.with_download();
    let (cache, network) = (Cache::from_env()?, network(offline)?);
    let fits = |checkpoint: &Checkpoint| fits(entry, checkpoint);
    cache.fetch_fitting(entry, &network, fetch, &fits, &mut |event| show(&console, entry, event)).map_err(explain)
}

/// Refuses official weights that cannot detect, before anything is fetched: `model` and `weights` as the command line
/// has them.
///
/// # Errors
/// When what they mean is a classifier or a backbone alone.
pub fn require_detector(model: Option<&str>, weights: Option<&Path>) -> Result<()> {
    // A model that is named decides what weights are loaded into.
    let (name, entry) = match (model, weights) {
        (Some(model), _) if models::find(model).is_none() => (model, catalogue::find(model)),
        (None, Some(weights)) => (weights.to_str().unwrap_or_default(), meant(weights)),
        _ => return Ok(()),
    };
    let Some(entry) = entry.filter(|entry| entry.role != Role::Detector && entry.model.is_some()) else {
        return Ok(());
    };
    let backbone = entry.model.as_deref().unwrap_or_default();
    let mut detectors = catalogue::entries()
        .iter()
        .filter(|entry| entry.role == Role::Detector && entry.default)
        .filter_map(|entry| entry.model.as_deref())
        .filter(|detector| detector.contains(&format!("_{backbone}_")) || detector.ends_with(&format!("_{backbone}")));
    let hint = detectors
        .next()
        .map_or_else(String::new, |detector| format!("; a detector with this backbone is `{detector}`"));
    let verb = if entry.role == Role::Classifier { "classify" } else { "features" };
    bail!("{name} is no detector but a {}: use it with `vovdet {verb}`{hint}", entry.role.name())
}

/// The cache's error, and what to type.
fn explain(error: cache::Error) -> anyhow::Error {
    let name = error.weights();
    let hint = match error.fault() {
        Fault::Offline(_) => {
            format!(
                "--offline or VOVDET_OFFLINE turned it off; `vovdet weights fetch {name} --from FILE` hands one over"
            )
        }
        Fault::WebPage { .. } | Fault::Archive(_) => format!("`vovdet weights fetch {name} --from FILE`"),
        Fault::Replaced { .. } => format!("`vovdet weights fetch {name} --repin`"),
        _ => return error.into(),
    };
    anyhow!("{error}: {hint}")
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
