//! `vovdet eval voc`.

use super::coco::json_line;
use super::model::Loaded;
use super::run::Run;
use crate::detect::coco_results::entry;
use anyhow::{Context, Result, bail};
use serde_json::Value;
use std::time::Instant;
use vovdet::cli::Outcome;
use vovdet::cli::console::Console;
use vovdet::cli::eval::voc::Voc;
use vovdet_datasets::category::ClassIndex;
use vovdet_detectors::Detection;
use vovdet_evaluation::metrics::provenance::{FileRef, ModelRun, Provenance};
use vovdet_evaluation::metrics::voc::{Detections, METRICS, is_folder, write_comp4};

/// Runs the model over the data set and scores what it finds.
pub fn run(args: &Voc, console: &Console) -> Result<Outcome> {
    let start = Instant::now();
    args.prepare_page()?;
    let data = args.data(console)?;
    let model = Loaded::new(console, &args.model, &args.run, args.selection.score)?;
    let protocol = args.protocol(&data);
    let classes = model.class_map(&data.categories(), &data.root, !protocol.classes.is_empty())?;
    let folder = args.images().map_or_else(|| data.root.join("JPEGImages"), Into::into);
    let files = protocol.selection.of(data.images.iter().collect::<Vec<_>>());
    let files = files.into_iter().map(|image| (Value::from(image.id.as_str()), data.image_path_in(&folder, &image.id)));
    // A copy: the model itself must stay on this thread.
    let spec = model.spec().clone();
    let line = |id: &Value, detections: &[Detection]| {
        let entry = |detection: &Detection| {
            let category = classes.category(ClassIndex(detection.label))?;
            Some(entry(id, category.0, detection, &spec, false))
        };
        json_line(id, &detections.iter().filter_map(entry).collect::<Vec<_>>())
    };
    let annotations = FileRef::unhashed(&data.root);
    let mut found = Detections::none(&data);
    let run = Run::new(&model, &args.run, &annotations, &protocol.selection, &folder);
    let done = run.over(console, files, line, |line| Ok(found.add_line(&data, line)?))?;
    if done.scored == 0 && !done.left_out.is_empty() {
        bail!("no image could be evaluated");
    }
    let scoring = Instant::now();
    let detections = match &args.run.save_detections {
        Some(path) if is_folder(path) => {
            write_comp4(path, &data, &found).with_context(|| format!("--save-detections {}", path.display()))?;
            done.forget_journal();
            Some(FileRef::of(path).with_context(|| path.display().to_string())?)
        }
        _ => done.save_list()?,
    };
    found.leave_out_below(protocol.min_score);
    let scores = found.scores(&data, &protocol).context("--classes")?;
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
    args.print(console, &report)?;
    let page = args.write_page(console, &data, &found, &scores, &report);
    Ok(done.outcome().and(page))
}
