//! Shares of a COCO data set: their detections are read and scored image by image, and written again meanwhile.

use super::share::{self, Share};
use crate::cli::console::Console;
use crate::cli::eval::coco::options;
use anyhow::{Context, Result};
use std::collections::HashSet;
use std::path::Path;
use std::time::Instant;
use vovdet_datasets::coco::{CocoData, ListWriter, ResultFiles};
use vovdet_evaluation::metrics::coco::{METRICS, Options, Protocol, Report, Scorer, Scores};
use vovdet_evaluation::metrics::provenance::FileRef;

/// The result of all shares; their detections are written to `save`.
pub fn merge(console: &Console, shares: &[Share], save: Option<&Path>, start: Instant) -> Result<Report> {
    let protocol: Protocol = shares[0].protocol()?;
    let data = CocoData::read(&shares[0].annotations()?)?;
    let images = protocol.selection.of(data.image_ids());
    let mut files = ResultFiles::new(&data);
    let mut seen = HashSet::new();
    for (path, images) in share::by_file(shares, &images, Into::into)? {
        // An image that a data set lists twice may be in two shares.
        let images: HashSet<u64> = images.into_iter().filter(|image| seen.insert(*image)).collect();
        files.add(&path, &images)?;
    }
    for note in data.notes.iter().chain(&files.notes) {
        console.note(note);
    }
    let options = options(&data, &protocol)?;
    let options = Options { mask_areas: options.mask_areas && files.masks()?, ..options };
    let mut scorer = Scorer::new(&data, &protocol.iou, &options, protocol.min_score)?;
    let mut each = |result: &mut dyn FnMut(&str) -> Result<()>| -> Result<()> {
        for image in &images {
            if seen.remove(image) {
                scorer.add_image(*image, files.read(*image, &mut *result)?)?;
            }
        }
        Ok(())
    };
    let saved = match save {
        None => {
            each(&mut |_| Ok(()))?;
            None
        }
        Some(path) => {
            let flag = || format!("--save-detections {}", path.display());
            vovdet_files::write_file(path, |file| -> Result<()> {
                let mut list = ListWriter::new(file)?;
                each(&mut |result| Ok(list.add(result)?))?;
                Ok(list.finish()?)
            })
            .with_context(flag)?;
            Some(FileRef::of(path).with_context(flag)?)
        }
    };
    let (evaluations, counts) = scorer.finish()?;
    let scores = Scores::new(&data, &evaluations, counts);
    let provenance = share::provenance(shares, METRICS, saved, start);
    share::tell_left_out(&provenance).into_iter().for_each(|note| console.note(note));
    Ok(scores.report(protocol, provenance))
}
