//! Images for the verbs that take many: read and prepared on other threads, in batches, in order.

use anyhow::{Context, Result, bail};
use image::RgbImage;
use std::path::Path;
use std::time::Instant;
use vovdet::cli::arguments::SourceOptions;
use vovdet::cli::console::Console;
use vovdet_datasets::pipeline::{self, Turn};
use vovdet_datasets::sources::{Source, Sources};
use vovdet_detectors::Prepared;
use vovdet_detectors::spec::InputSpec;

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

/// Reads and prepares all images and hands them to `answer` in order, in groups with at most `--batch` readable
/// ones; unreadable ones stand in their places. Every item counts as one step of the console's progress.
///
/// # Errors
/// When the list of images cannot be read, or what `answer` returns.
pub fn for_each_batch(
    options: &SourceOptions,
    console: &Console,
    spec: &InputSpec,
    keep_pictures: bool,
    answer: impl FnMut(&Console, Vec<Item>) -> Result<()>,
) -> Result<()> {
    let sources = sources(options)?;
    let console = console.with_progress(sources.len, "images");
    in_batches(sources, usize::from(options.batch), &console, spec, keep_pictures, answer)
}

fn sources(options: &SourceOptions) -> Result<Sources> {
    if options.sources.iter().filter(|source| *source == Path::new("-")).count() > 1 {
        bail!("standard input holds one image: give - once");
    }
    match &options.list {
        Some(list) => Sources::from_list(list, options.recursive).with_context(|| format!("--list {}", list.display())),
        None => Ok(Sources::from_arguments(&options.sources, options.recursive)),
    }
}

/// What [`for_each_batch`] does, for images from anywhere.
///
/// # Errors
/// What `answer` returns.
pub fn in_batches(
    sources: Sources,
    batch: usize,
    console: &Console,
    spec: &InputSpec,
    keep_pictures: bool,
    mut answer: impl FnMut(&Console, Vec<Item>) -> Result<()>,
) -> Result<()> {
    // As many as the network has threads: decoding keeps up with it, and `--threads` bounds both.
    let workers = usize::try_from(tch::get_num_threads()).unwrap_or(1).clamp(1, 16);
    let work = |(index, source): (usize, Source), turn: Turn| {
        let ready = prepare(&source, &turn, spec, keep_pictures);
        Item { index, source, ready }
    };
    let items = sources.items.enumerate();
    pipeline::in_order("image reader", items, workers, workers + batch, pipeline::MEMORY, work, |items| {
        let mut group = Vec::new();
        let mut good = 0;
        for item in items {
            good += usize::from(item.ready.is_ok());
            group.push(item);
            if good == batch || good == 0 {
                answer(console, std::mem::take(&mut group))?;
                good = 0;
            }
        }
        if group.is_empty() { Ok(()) } else { answer(console, group) }
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
