//! Shares of a COCO data set: their detections are read and scored image by image, and written again meanwhile.

use super::share::{self, Share};
use crate::cli::Outcome;
use crate::cli::console::Console;
use crate::cli::eval::coco::{options, page_of_kept};
use crate::cli::eval::page::PageOptions;
use anyhow::{Context, Result};
use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::time::Instant;
use tempfile::TempPath;
use vovdet_datasets::coco::{CocoData, ListWriter, ResultFiles};
use vovdet_evaluation::metrics::coco::{METRICS, Options, Protocol, Report, Scorer, Scores};
use vovdet_evaluation::metrics::provenance::FileRef;

/// The shares as one.
pub struct Merged {
    pub report: Report,
    /// Images with more detections than count.
    pub cut: usize,
    data: CocoData,
    images: Vec<u64>,
    /// The file of all detections; one that nobody asked for goes with the result.
    kept: Option<PathBuf>,
    _temporary: Option<TempPath>,
}

impl Merged {
    /// Writes the page, if one is wanted.
    pub fn page(self, console: &Console, page: &PageOptions) -> Outcome {
        page_of_kept(console, page, &self.data, self.images, &self.report, self.kept.as_deref())
    }
}

/// The result of all shares; their detections are written to `save`, or kept where a page is made of them.
pub fn merge(
    console: &Console,
    shares: &[Share],
    save: Option<&Path>,
    for_page: bool,
    start: Instant,
) -> Result<Merged> {
    let temporary = match save {
        None if for_page => Some(tempfile::NamedTempFile::new().context("--report")?.into_temp_path()),
        _ => None,
    };
    let kept = save.or(temporary.as_deref());
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
    let saved = match kept {
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
            save.map(FileRef::of).transpose().with_context(flag)?
        }
    };
    let (seen, cut) = (scorer.seen().to_vec(), scorer.images_cut());
    let (evaluations, counts) = scorer.finish()?;
    let scores = Scores::new(&data, &evaluations, counts);
    let provenance = share::provenance(shares, METRICS, saved, start);
    share::tell_left_out(&provenance).into_iter().for_each(|note| console.note(note));
    let kept = kept.map(Path::to_path_buf);
    Ok(Merged { report: scores.report(protocol, provenance), cut, data, images: seen, kept, _temporary: temporary })
}
