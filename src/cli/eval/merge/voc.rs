//! Shares of a VOC data set.

use super::share::{self, Share};
use crate::cli::Outcome;
use crate::cli::console::Console;
use crate::cli::eval::page::PageOptions;
use crate::cli::eval::voc::page_of;
use anyhow::{Context, Result};
use std::collections::HashSet;
use std::path::Path;
use std::time::Instant;
use vovdet_datasets::voc::VocData;
use vovdet_evaluation::metrics::provenance::FileRef;
use vovdet_evaluation::metrics::voc::{
    Detections, METRICS, Protocol, Report, Scores, is_folder, read_detections, write_comp4, write_results,
};

/// The shares as one.
pub struct Merged {
    pub report: Report,
    data: VocData,
    detections: Detections,
    scores: Scores,
}

impl Merged {
    /// Writes the page, if one is wanted.
    pub fn page(self, console: &Console, page: &PageOptions) -> Outcome {
        let Self { report, data, detections, scores } = self;
        page_of(console, page, &data, &detections, &scores, &report)
    }
}

/// The result of all shares; their detections are written to `save`.
pub fn merge(console: &Console, shares: &[Share], save: Option<&Path>, start: Instant) -> Result<Merged> {
    let mut protocol: Protocol = shares[0].protocol()?;
    let data = VocData::read(&shares[0].annotations()?, protocol.split.as_deref())?;
    for note in data.notes() {
        console.note(note);
    }
    let with_model = shares[0].provenance.model.is_some();
    // A run with a model counts the data set's own classes.
    let names = if with_model { Some(&data.classes[..]) } else { protocol.class_names.as_deref() };
    let images = protocol.selection.of((0..data.images.len()).collect());
    let files = share::by_file(shares, &images, |image| data.images[image].id.as_str().into())?;
    let mut all = Detections::none(&data);
    let mut noted = HashSet::new();
    for (path, images) in &files {
        let found = read_detections(path, &data, names, None)?;
        for note in found.notes {
            if noted.insert(note.clone()) {
                console.note(note);
            }
        }
        for (list, found) in all.by_class.iter_mut().zip(found.by_class) {
            list.extend(found.into_iter().filter(|detection| images.contains(&detection.image)));
        }
    }
    if files.len() > 1 {
        // The order of a whole run: it decides between detections of one score.
        all.by_class.iter_mut().for_each(|list| list.sort_by_key(|detection| detection.image));
    }
    all.seen = Some(files.into_iter().flat_map(|(_, images)| images).collect());
    let saved = match save {
        None => None,
        Some(path) => {
            let flag = || format!("--save-detections {}", path.display());
            if is_folder(path) {
                write_comp4(path, &data, &all).with_context(flag)?;
            } else {
                write_results(path, &data, &all).with_context(flag)?;
                // What the list's category ids are called, for those who read it again.
                let own = protocol.class_names.is_some() || !data.has_voc_classes();
                protocol.class_names = (own && !with_model).then(|| data.classes.clone());
            }
            Some(FileRef::of(path).with_context(flag)?)
        }
    };
    all.leave_out_below(protocol.min_score);
    let scores = all.scores(&data, &protocol)?;
    let provenance = share::provenance(shares, METRICS, saved, start);
    share::tell_left_out(&provenance).into_iter().for_each(|note| console.note(note));
    let report = scores.report(protocol, provenance);
    Ok(Merged { report, data, detections: all, scores })
}
