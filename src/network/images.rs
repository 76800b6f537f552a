//! Images for the verbs that take many: read and prepared on other threads, in batches, in order.

use super::batches::{self, Answered};
use anyhow::{Context, Result, bail};
use image::RgbImage;
use std::path::Path;
use std::time::Instant;
use vovdet::cli::arguments::SourceOptions;
use vovdet::cli::console::Console;
use vovdet_datasets::pipeline::{self, Turn};
use vovdet_datasets::sources::{Source, Sources};
use vovdet_detectors::spec::InputSpec;
use vovdet_detectors::{Error, Prepared};

/// An image of the run, ready for the network, or why it is not.
pub struct Item {
    /// Its number in the run, from 0.
    pub index: usize,
    /// Where it came from.
    pub source: Source,
    /// What it became.
    pub ready: Result<Ready, String>,
}

/// An image ready for the network.
pub struct Ready {
    /// The network's input.
    pub input: Prepared,
    /// The picture itself, if it was to be kept.
    pub picture: Option<RgbImage>,
    /// Milliseconds to read and decode the file.
    pub decode_ms: f64,
    /// Milliseconds to resize and normalise it.
    pub prepare_ms: f64,
}

/// Reads and prepares all images, sends them through `network` in batches and hands the answers to `answered` in order.
/// Every image counts as one step of the console's progress.
///
/// # Errors
/// When the list of images cannot be read, or what `answered` returns.
pub fn for_each<A>(
    options: &SourceOptions,
    console: &Console,
    spec: &InputSpec,
    keep_pictures: bool,
    network: impl Fn(&[Prepared]) -> Result<Vec<A>, Error>,
    answered: impl FnMut(&Console, Answered<A>) -> Result<()>,
) -> Result<()> {
    let sources = sources(options)?;
    let console = console.with_progress(sources.len, "images");
    let items = sources.items.enumerate();
    run(items, usize::from(options.batch), &console, spec, keep_pictures, network, answered)
}

/// The images that the options name.
///
/// # Errors
/// When a list of paths cannot be read, or standard input is to be two images.
pub fn sources(options: &SourceOptions) -> Result<Sources> {
    if options.sources.iter().filter(|source| *source == Path::new("-")).count() > 1 {
        bail!("standard input holds one image: give - once");
    }
    match &options.list {
        Some(list) => Sources::from_list(list, options.recursive).with_context(|| format!("--list {}", list.display())),
        None => Ok(Sources::from_arguments(&options.sources, options.recursive)),
    }
}

/// What [`for_each`] does, for images from anywhere, each with its number in the run.
///
/// # Errors
/// What `answered` returns.
pub fn run<A>(
    items: impl Iterator<Item = (usize, Source)> + Send,
    batch: usize,
    console: &Console,
    spec: &InputSpec,
    keep_pictures: bool,
    network: impl Fn(&[Prepared]) -> Result<Vec<A>, Error>,
    mut answered: impl FnMut(&Console, Answered<A>) -> Result<()>,
) -> Result<()> {
    // As many as the network has threads: decoding keeps up with it, and `--threads` bounds both.
    let workers = usize::try_from(tch::get_num_threads()).unwrap_or(1).clamp(1, 16);
    let work = |(index, source): (usize, Source), turn: Turn| {
        let ready = prepare(&source, &turn, spec, keep_pictures);
        Item { index, source, ready }
    };
    pipeline::in_order("image reader", items, workers, workers + batch, pipeline::MEMORY, work, |items| {
        let padded = |input: &Prepared| spec.padded_size(input.geometry);
        batches::in_batches(items, batch, padded, network, |answer| {
            answered(console, answer)?;
            console.step();
            Ok(())
        })
    })
}

fn prepare(source: &Source, turn: &Turn, spec: &InputSpec, keep_picture: bool) -> Result<Ready, String> {
    let start = Instant::now();
    let picture = source.read_in_turn(turn).map_err(|e| e.to_string())?;
    let decode_ms = milliseconds(start);
    let start = Instant::now();
    let input = spec.prepare(&picture).map_err(|e| e.to_string())?;
    let prepare_ms = milliseconds(start);
    Ok(Ready { input, picture: keep_picture.then_some(picture), decode_ms, prepare_ms })
}

fn milliseconds(start: Instant) -> f64 {
    start.elapsed().as_secs_f64() * 1e3
}
