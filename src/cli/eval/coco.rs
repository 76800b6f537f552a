//! `vovdet eval coco`.

use super::model::{Loaded, RunOptions};
use super::run::Run;
use crate::cli::detect::coco_results::Entry;
use crate::cli::options::ModelOptions;
use crate::cli::{Outcome, console::Console};
use anyhow::{Context, Result, bail};
use clap::Args;
use serde_json::{Value, json};
use std::time::Instant;
use vovdet_detectors::Detection;
use vovdet_evaluation::cli::eval::coco::{self as saved, options};
use vovdet_evaluation::data::category::ClassIndex;
use vovdet_evaluation::metrics::coco::{METRICS, Scorer, Scores};
use vovdet_evaluation::metrics::provenance::{FileRef, ModelRun, Provenance};

/// COCO's 12 figures of boxes and masks, to the digit that pycocotools gives.
#[derive(Debug, Args)]
#[command(after_long_help = "\
With a model: --model or --weights, and --images for the folder of the image files. Detections are kept as they are found;
after Ctrl-C or a crash the same command with --resume goes on.
Of saved detections: --detections takes COCO results, a list of {image_id, category_id, score, bbox or segmentation}.

--json prints one object: \"bbox\" and \"segm\" (the 12 figures in pycocotools' order, -1 where nothing can be said),
\"per_class\" (the same 12 of each category by name), \"counts\", \"protocol\" and \"provenance\".

Examples:
  vovdet eval coco --detections results.json --annotations instances_val2017.json
  vovdet eval coco --detections results.json --annotations instances.json --iou segm --max-dets 200 --per-class
  vovdet eval coco --weights mask_rcnn.pth --images val2017 --annotations instances_val2017.json --limit 100
  vovdet eval coco --weights mask_rcnn.pth --images val2017 --annotations instances_val2017.json --shard 1/4 \\
    --save-detections shard1.json --json > shard1_eval.json")]
pub struct Coco {
    #[command(flatten)]
    saved: saved::Coco,
    #[command(flatten)]
    run: RunOptions,
    #[command(flatten)]
    model: ModelOptions,
}

impl Coco {
    pub fn run(&self, console: &Console) -> Result<Outcome> {
        if self.saved.detections().is_some() {
            self.run.refuse_model(&self.model)?;
            if self.model.class_names.is_some() {
                bail!("--class-names are for a run with a model: saved detections have the ids of their categories");
            }
            return self.saved.run(console);
        }
        if !self.model.is_given() {
            return self.saved.run(console);
        }
        let start = Instant::now();
        self.saved.prepare_page()?;
        let data = self.saved.data(console)?;
        let images = match self.saved.images() {
            Some(folder) => folder.to_path_buf(),
            None => data.image_folder().context("say with --images where the image files are")?,
        };
        let model = Loaded::new(console, &self.model, &self.run)?;
        let protocol = self.saved.protocol(&data, model.masks());
        let options = options(&data, &protocol)?;
        let classes = model.class_map(&data.categories(), &data.path, !protocol.classes.is_empty())?;
        let annotations = FileRef::of(&data.path).with_context(|| data.path.display().to_string())?;
        let files = protocol.selection.of(data.coco.dataset.images.iter().collect::<Vec<_>>());
        let files = files.into_iter().map(|image| (image.id.into(), images.join(&image.file_name)));
        let mut scorer = Scorer::new(&data, &protocol.iou, &options, protocol.min_score)?;
        let masks = model.masks();
        // A copy: the model itself must stay on this thread.
        let spec = model.spec().clone();
        let line = |id: &Value, detections: &[Detection]| {
            let entry = |detection: &Detection| {
                let category = classes.category(ClassIndex(detection.label))?;
                Some(Entry::new(id, category.0, detection, &spec, masks))
            };
            json_line(id, &detections.iter().filter_map(entry).collect::<Vec<_>>())
        };
        let run =
            Run::new(&model, &self.run, &annotations, &protocol.selection, &images).keeping(self.saved.wants_page());
        let done = run.over(console, files, line, |line| scorer.add(line))?;
        if done.scored == 0 && !done.left_out.is_empty() {
            bail!("no image could be evaluated");
        }
        let scoring = Instant::now();
        let seen = scorer.seen().to_vec();
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
        self.saved.print(console, &report)?;
        let kept = report.provenance.detections.as_ref().map(|file| file.path.as_path());
        let page = self.saved.write_page_of_run(console, &data, seen, &report, kept);
        Ok(done.outcome().and(page))
    }
}

/// The line that a run keeps of an image.
pub fn json_line<I: serde::Serialize>(id: &Value, results: &[Entry<I>]) -> String {
    json!({"image_id": id, "results": results}).to_string()
}
