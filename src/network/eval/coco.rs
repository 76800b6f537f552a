//! `vovdet eval coco`.

use super::model::Loaded;
use super::run::Run;
use crate::detect::coco_results::entry;
use anyhow::{Context, Result, bail};
use serde_json::{Value, json};
use std::time::Instant;
use vovdet::cli::Outcome;
use vovdet::cli::console::Console;
use vovdet::cli::eval::coco::{Coco, options};
use vovdet::results::coco::CocoResult;
use vovdet_datasets::category::ClassIndex;
use vovdet_detectors::Detection;
use vovdet_evaluation::metrics::coco::{METRICS, Scorer, Scores};
use vovdet_evaluation::metrics::provenance::{FileRef, ModelRun, Provenance};

/// Runs the model over the data set and scores what it finds.
pub fn run(args: &Coco, console: &Console) -> Result<Outcome> {
    let start = Instant::now();
    args.prepare_page()?;
    let data = args.data(console)?;
    let images = match args.images() {
        Some(folder) => folder.to_path_buf(),
        None => data.image_folder().context("say with --images where the image files are")?,
    };
    let model = Loaded::new(console, &args.model, &args.run, args.selection.score)?;
    let protocol = args.protocol(&data, model.masks());
    let options = options(&data, &protocol)?;
    let classes = model.class_map(&data.categories(), &data.path, !protocol.classes.is_empty())?;
    let annotations = FileRef::of(&data.path).with_context(|| data.path.display().to_string())?;
    let files = protocol.selection.of(data.coco.dataset.images.iter().collect::<Vec<_>>());
    let files = files.into_iter().map(|image| {
        let file = vovdet_datasets::inside(&images, &image.file_name);
        let leads_out = || {
            format!(
                "the image {} has the file name `{:.200}`, which leads out of {}",
                image.id,
                image.file_name,
                images.display()
            )
        };
        Ok((image.id.into(), file.with_context(leads_out)?))
    });
    let files = files.collect::<Result<Vec<_>>>()?.into_iter();
    let mut scorer = Scorer::new(&data, &protocol.iou, &options, protocol.min_score)?;
    let masks = model.masks();
    // A copy: the model itself must stay on this thread.
    let spec = model.spec().clone();
    let line = |id: &Value, detections: &[Detection]| {
        let entry = |detection: &Detection| {
            let category = classes.category(ClassIndex(detection.label))?;
            Some(entry(id, category.0, detection, &spec, masks))
        };
        json_line(id, &detections.iter().filter_map(entry).collect::<Vec<_>>())
    };
    let run = Run::new(&model, &args.run, &annotations, &protocol.selection, &images).keeping(args.wants_page());
    let done = run.over(console, files, line, |line| Ok(scorer.add(line)?))?;
    if done.scored == 0 && !done.left_out.is_empty() {
        bail!("no image could be evaluated");
    }
    let scoring = Instant::now();
    let (seen, cut) = (scorer.seen().to_vec(), scorer.images_cut());
    let (evaluations, counts) = scorer.finish()?;
    let scores = Scores::new(&data, &evaluations, counts);
    let detections = done.save_list()?;
    let provenance = Provenance {
        vovdet: env!("CARGO_PKG_VERSION").into(),
        metrics: METRICS.into(),
        annotations,
        detections,
        model: Some(ModelRun { images: done.processed, ..model.provenance() }),
        left_out: done.left_out.clone(),
        times_ms: done.times(start, scoring),
    };
    let report = scores.report(protocol, provenance);
    args.print(console, &report, cut)?;
    let kept = report.provenance.detections.as_ref().map(|file| file.path.as_path());
    let page = args.write_page_of_run(console, &data, seen, &report, kept);
    Ok(done.outcome().and(page))
}

/// The line that a run keeps of an image.
pub fn json_line<I: serde::Serialize>(id: &Value, results: &[CocoResult<I>]) -> String {
    json!({"image_id": id, "results": results}).to_string()
}
