//! `vovdet eval voc`.

use super::coco::json_line;
use super::model::{Loaded, RunOptions};
use super::run::Run;
use crate::cli::detect::coco_results::Entry;
use crate::cli::options::{self, ModelOptions};
use crate::cli::{Outcome, console::Console};
use anyhow::{Context, Result, bail};
use clap::Args;
use serde_json::Value;
use std::time::Instant;
use vovdet_detectors::Detection;
use vovdet_evaluation::cli::eval::voc as saved;
use vovdet_evaluation::data::category::ClassIndex;
use vovdet_evaluation::metrics::provenance::{FileRef, ModelRun, Provenance};
use vovdet_evaluation::metrics::voc::{Detections, METRICS, is_folder, write_comp4};

/// VOC's average precision in both conventions: at eleven recalls (2007) and as the area under the curve (since 2010).
#[derive(Debug, Args)]
#[command(after_long_help = "\
With a model: --model or --weights; the images are those in JPEGImages. Detections are kept as they are found; after Ctrl-C
or a crash the same command with --resume goes on.
Of saved detections: --detections takes a folder of comp4 files (one per class, its name ending with the class, `image
score xmin ymin xmax ymax` per line), a folder of text files per image (`class score x y width height`), or COCO results.

--json prints one object: \"map_2007\", \"map_area\", \"per_class\" (by name: \"ap_2007\", \"ap_area\", ...), \"counts\",
\"protocol\" and \"provenance\".

Examples:
  vovdet eval voc --detections results/ --root VOCdevkit/VOC2007 --split test
  vovdet eval voc --detections results.json --root VOC2012 --split val --iou-threshold 0.7 --json
  vovdet eval voc --weights refinedet.pth --root VOC2007 --split test --save-detections results/")]
pub struct Voc {
    #[command(flatten)]
    saved: saved::Voc,
    #[command(flatten)]
    run: RunOptions,
    #[command(flatten)]
    model: ModelOptions,
}

impl Voc {
    pub fn run(&self, console: &Console) -> Result<Outcome> {
        if self.saved.detections().is_some() || !self.model.is_given() {
            if self.saved.detections().is_some() {
                self.run.refuse_model(&self.model)?;
            }
            let names = self.model.class_names.as_deref().map(options::class_names).transpose()?;
            return self.saved.run(console, names.as_deref());
        }
        let start = Instant::now();
        self.saved.prepare_page()?;
        let data = self.saved.data(console)?;
        let model = Loaded::new(console, &self.model, &self.run)?;
        let protocol = self.saved.protocol(&data);
        let classes = model.class_map(&data.categories(), &data.root, !protocol.classes.is_empty())?;
        let folder = self.saved.images().map_or_else(|| data.root.join("JPEGImages"), Into::into);
        let files = protocol.selection.of(data.images.iter().collect::<Vec<_>>());
        let files =
            files.into_iter().map(|image| (Value::from(image.id.as_str()), data.image_path_in(&folder, &image.id)));
        // A copy: the model itself must stay on this thread.
        let spec = model.spec().clone();
        let line = |id: &Value, detections: &[Detection]| {
            let entry = |detection: &Detection| {
                let category = classes.category(ClassIndex(detection.label))?;
                Some(Entry::new(id, category.0, detection, &spec, false))
            };
            json_line(id, &detections.iter().filter_map(entry).collect::<Vec<_>>())
        };
        let annotations = FileRef::unhashed(&data.root);
        let mut found = Detections::none(&data);
        let run = Run::new(&model, &self.run, &annotations, &protocol.selection, &folder);
        let done = run.over(console, files, line, |line| found.add_line(&data, line))?;
        if done.scored == 0 && !done.left_out.is_empty() {
            bail!("no image could be evaluated");
        }
        let scoring = Instant::now();
        let detections = match &self.run.save_detections {
            Some(path) if is_folder(path) => {
                write_comp4(path, &data, &found).with_context(|| format!("--save-detections {}", path.display()))?;
                done.forget_journal();
                Some(FileRef::of(path).with_context(|| path.display().to_string())?)
            }
            _ => done.save_list()?,
        };
        found.leave_out_below(protocol.min_score);
        let scores = found.scores(&data, &protocol)?;
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
        let page = self.saved.write_page(console, &data, &found, &scores, &report);
        Ok(done.outcome().and(page))
    }
}
