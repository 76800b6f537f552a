//! From two results to their intervals: the data set and the detections that they name are read and matched again.

use crate::cli::console::Console;
use crate::cli::eval::coco::options;
use anyhow::{Result, bail};
use serde_json::Value;
use std::fmt::{self, Display, Formatter};
use std::path::{Path, PathBuf};
use vovdet_datasets::coco::{CocoData, RawResults};
use vovdet_datasets::voc::VocData;
use vovdet_evaluation::metrics::coco::{self, CocoReplay, Evaluation, Kind, Options};
use vovdet_evaluation::metrics::compare::{Bootstrap, Interval, Section, paired};
use vovdet_evaluation::metrics::provenance::Provenance;
use vovdet_evaluation::metrics::replay::{LANES, Replay};
use vovdet_evaluation::metrics::saved;
use vovdet_evaluation::metrics::voc::{self, VocReplay, read_detections};

/// Figures that differ by more are not those of the result: detections or images are others.
const TOLERANCE: f64 = 1e-9;

/// Why there can be no intervals although nothing is wrong with the results.
#[derive(Debug)]
pub struct Without(pub String);

impl Display for Without {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Without {}

/// Adds intervals to the differences of COCO's figures; says too how many images there were.
///
/// # Errors
/// [`Without`] when the results do not lead back to their detections; else when a file has changed or cannot be read.
pub fn coco(
    console: &Console,
    reports: [&coco::Report; 2],
    paths: [&Path; 2],
    sections: Vec<Section>,
    bootstrap: &Bootstrap,
) -> Result<(Vec<Section>, usize)> {
    let detections = detections(reports.map(|report| &report.provenance), paths)?;
    let data = CocoData::read(&annotations(reports.map(|report| &report.provenance), paths)?)?;
    let mut options = options(&data, &reports[0].protocol)?;
    let mut images = options.images.take().unwrap_or_else(|| data.image_ids());
    images.sort_unstable();
    images.dedup();
    let left_out = &reports[0].provenance.left_out;
    images.retain(|id| !left_out.contains(&Value::from(*id)));
    all_seen(paths[0], reports[0].counts.images, images.len())?;
    let options = Options { images: Some(images), ..options };
    let images = options.images.as_deref().unwrap_or_default();
    let kinds = [Kind::Bbox, Kind::Segm].into_iter().filter(|kind| reports.iter().all(|r| r.figures(*kind).is_some()));
    let kinds: Vec<Kind> = kinds.collect();
    let replays = |which: usize| -> Result<Vec<CocoReplay>> {
        let protocol = &reports[which].protocol;
        let results = data.results(RawResults::read(&detections[which])?, protocol.min_score)?;
        let one = |kind: &Kind| Ok(CocoReplay::new(&Evaluation::new(&data, &results, *kind, &options)?, images)?);
        kinds.iter().map(one).collect()
    };
    let (a, b) = (replays(0)?, replays(1)?);
    let with = |(section, (a, b)): (Section, (CocoReplay, CocoReplay))| {
        let intervals = intervals(console, &section, [&a, &b], paths, &detections, bootstrap)?;
        Ok(section.with(&intervals, &a.images_with_objects()))
    };
    let sections = sections.into_iter().zip(a.into_iter().zip(b)).map(with).collect::<Result<_>>()?;
    Ok((sections, images.len()))
}

/// The same for VOC's.
///
/// # Errors
/// The same.
pub fn voc(
    console: &Console,
    reports: [&voc::Report; 2],
    paths: [&Path; 2],
    section: Section,
    bootstrap: &Bootstrap,
) -> Result<(Vec<Section>, usize)> {
    let detections = detections(reports.map(|report| &report.provenance), paths)?;
    let root = annotations(reports.map(|report| &report.provenance), paths)?;
    let protocol = &reports[0].protocol;
    let data = VocData::read(&root, protocol.split.as_deref())?;
    let left_out = &reports[0].provenance.left_out;
    let mut images: Vec<usize> = protocol.selection.of((0..data.images.len()).collect());
    images.retain(|index| !left_out.contains(&Value::from(data.images[*index].id.as_str())));
    all_seen(paths[0], reports[0].counts.images, images.len())?;
    let classes: Vec<&str> = section.per_class.iter().map(|(name, _)| name).collect();
    let replay = |which: usize| -> Result<VocReplay> {
        let voc::Report { protocol, provenance, .. } = reports[which];
        // A run with a model counts the data set's own classes.
        let names = provenance.model.as_ref().map_or(protocol.class_names.as_deref(), |_| Some(&data.classes[..]));
        let found = read_detections(&detections[which], &data, names, protocol.min_score)?;
        Ok(VocReplay::new(&data, &found.scores(&data, protocol)?, &classes, &images))
    };
    let (a, b) = (replay(0)?, replay(1)?);
    let intervals = intervals(console, &section, [&a, &b], paths, &detections, bootstrap)?;
    Ok((vec![section.with(&intervals, &a.images_with_objects())], images.len()))
}

/// The intervals, once it is sure that the matches are those of the results.
fn intervals<R: Replay>(
    console: &Console,
    section: &Section,
    replays: [&R; 2],
    paths: [&Path; 2],
    detections: &[PathBuf; 2],
    bootstrap: &Bootstrap,
) -> Result<Vec<Option<Interval>>> {
    let expected = section.values();
    let [a, b] = replays.map(Replay::once);
    let agree = |found: f64, said: f64| (found.is_nan() && said.is_nan()) || (found - said).abs() < TOLERANCE;
    let all = |found: &[f64], said: &mut dyn Iterator<Item = f64>| {
        found.len() == expected.len() && found.iter().zip(said).all(|(found, said)| agree(*found, said))
    };
    let right = [all(&a, &mut expected.iter().map(|pair| pair.0)), all(&b, &mut expected.iter().map(|pair| pair.1))];
    if let Some(which) = right.iter().position(|right| !right) {
        let (file, result) = (detections[which].display(), paths[which].display());
        bail!(Without(format!("{file} does not give the figures that {result} says; evaluate it again")));
    }
    let console = console.with_progress(Some(bootstrap.samples.div_ceil(LANES)), "passes");
    Ok(paired(replays[0], replays[1], bootstrap, || console.step()))
}

fn annotations(provenances: [&Provenance; 2], paths: [&Path; 2]) -> Result<PathBuf> {
    for (provenance, path) in provenances.iter().zip(paths) {
        if let Some(found) = saved::find(&provenance.annotations, path)? {
            return Ok(found);
        }
    }
    let (path, named) = (paths[0].display(), provenances[0].annotations.path.display());
    bail!(Without(format!("{path} names {named}, which is not there any more; put it beside {path}")))
}

fn detections(provenances: [&Provenance; 2], paths: [&Path; 2]) -> Result<[PathBuf; 2]> {
    let one = |which: usize| -> Result<PathBuf> {
        let shown = paths[which].display();
        let Some(file) = &provenances[which].detections else {
            bail!(Without(format!("{shown} names no detections; evaluate again with --save-detections")));
        };
        match saved::find(file, paths[which])? {
            Some(path) => Ok(path),
            None => bail!(Without(format!(
                "{shown} names the detections {}, which are not there any more; evaluate again with --save-detections",
                file.path.display()
            ))),
        }
    };
    Ok([one(0)?, one(1)?])
}

/// Whether all images are known that a result is of.
fn all_seen(path: &Path, seen: usize, all: usize) -> Result<()> {
    if seen == all {
        return Ok(());
    }
    bail!(Without(format!("{} is of {seen} images, and {all} are to be had now", path.display())))
}
