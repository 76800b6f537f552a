//! `vovdet detect`: objects in images.

pub mod coco_results;
mod lines;
mod pictures;

use super::images::{Item, Ready, for_each_batch};
use super::model;
use super::predict::predict;
use anyhow::{Context, Result, bail};
use coco_results::CocoResults;
use lines::{Failure, Line, Times};
use pictures::{Job, Pictures};
use vovdet::cli::Outcome;
use vovdet::cli::console::Console;
use vovdet::cli::detect::{Detect, Results};
use vovdet::cli::official;
use vovdet_detectors::Detector;
use vovdet_detectors::spec::{SoftNms, Task};

/// Does what was asked for.
pub fn run(args: &Detect, console: &Console) -> Result<Outcome> {
    // Everything that can be wrong with the arguments is found before the network is loaded.
    official::require_detector(args.model.model.as_deref(), args.model.weights.as_deref())?;
    let mut coco = args.results.coco_results.as_deref().map(|path| coco_results(&args.results, path)).transpose()?;
    let pictures = Pictures::start(args.results.save.as_deref(), args.results.crops.as_deref())?;
    let model = model::load(&args.model, console, |options| {
        options.score = args.choice.score;
        options.max_dets = args.choice.max_dets.map(|n| n as usize);
        options.soft_nms = args.choice.soft_nms.then_some(SoftNms::COCO);
    })?;
    if args.choice.soft_nms && !matches!(model.spec().task, Task::OneStage(_)) {
        bail!("--soft-nms: {} is no one-stage detector", model.spec().name);
    }
    let Some(detector) = model.as_detector() else {
        bail!("{} is a classifier, not a detector: use `vovdet classify`", model.spec().name);
    };
    let mut run = Run {
        detector,
        labels: model::labels(&args.choice.classes, &detector.spec().classes)?,
        masks: !args.choice.no_masks,
        coco: coco.as_mut(),
        pictures: pictures.as_ref(),
        done: 0,
        failed: 0,
    };
    let input = &detector.spec().input;
    for_each_batch(&args.images, console, input, pictures.is_some(), |console, items| run.answer(console, items))?;
    let (done, mut failed) = (run.done, run.failed);
    if let Some(pictures) = pictures {
        failed += pictures.finish(console);
    }
    if let Some(coco) = coco {
        failed += coco.finish(console)?;
    }
    if done + failed == 0 {
        bail!("there are no images: the list of paths is empty");
    }
    Ok(Outcome::of(done, failed))
}

fn coco_results(results: &Results, path: &std::path::Path) -> Result<CocoResults> {
    let ids = results.annotations.as_deref().map(coco_results::read_ids).transpose()?;
    CocoResults::new(path, ids).with_context(|| format!("--coco-results {}", path.display()))
}

/// A run over many images.
struct Run<'a> {
    detector: &'a dyn Detector,
    /// Labels to keep; all when empty.
    labels: Vec<usize>,
    masks: bool,
    coco: Option<&'a mut CocoResults>,
    pictures: Option<&'a Pictures>,
    done: usize,
    failed: usize,
}

impl Run<'_> {
    /// Runs a group of images through the network and reports each.
    fn answer(&mut self, console: &Console, items: Vec<Item>) -> Result<()> {
        let mut inputs = Vec::new();
        let mut rest = Vec::new();
        for Item { index, source, ready } in items {
            let state = ready.map(|Ready { input, picture, decode_ms, prepare_ms }| {
                let size = input.geometry.original;
                inputs.push(input);
                (size, picture, decode_ms, prepare_ms)
            });
            rest.push((index, source, state));
        }
        let mut answers = predict(self.detector, &inputs).into_iter();
        for (index, source, state) in rest {
            let answer = state.and_then(|(size, picture, decode, prepare)| {
                // One answer per input, in order; `predict` sees to it.
                let (mut detections, times) =
                    answers.next().unwrap_or_else(|| Err("the network gave no answer".into()))?;
                if !self.labels.is_empty() {
                    detections.retain(|detection| self.labels.contains(&detection.label));
                }
                Ok((size, picture, detections, Times::new(decode, prepare, times)))
            });
            match answer {
                Ok((size, picture, detections, times)) => {
                    self.done += 1;
                    console.json_line(&Line::new(
                        &source,
                        size,
                        &detections,
                        self.detector.spec(),
                        self.masks,
                        times,
                    ))?;
                    if let Some(coco) = &mut self.coco {
                        coco.add(console, index, &source, &detections, self.detector.spec(), self.masks);
                    }
                    if let (Some(pictures), Some(picture)) = (self.pictures, picture) {
                        pictures.add(Job::new(&source, picture, detections, self.detector.spec()));
                    }
                }
                Err(reason) => {
                    self.failed += 1;
                    console.error(format_args!("{}: {reason}", source.name()));
                    console.json_line(&Failure { image: source.name(), error: reason })?;
                }
            }
            console.step();
        }
        Ok(())
    }
}
