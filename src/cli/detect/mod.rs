//! `vovdet detect`: objects in images.

pub mod coco_results;
mod lines;
mod pictures;

use super::Outcome;
use super::console::Console;
use super::images::{Item, Ready, SourceOptions};
use super::options::{self, ModelOptions};
use super::predict::predict;
use anyhow::{Context, Result, bail};
use clap::Args;
use coco_results::CocoResults;
use lines::{Failure, Line, Times};
use pictures::{Job, Pictures};
use std::path::PathBuf;
use vovdet_detectors::Detector;
use vovdet_detectors::spec::{SoftNms, Task};

/// Find objects in images: boxes, labels, scores and masks as JSON lines.
#[derive(Debug, Args)]
#[command(after_long_help = "\
Output: one line of JSON per image, in the order of the sources:
  {\"image\": PATH, \"width\": W, \"height\": H, \"detections\": [{\"bbox\": [x1, y1, x2, y2], \"score\": S,
   \"label\": NAME, \"category_id\": ID, \"mask\": {\"size\": [H, W], \"counts\": RLE}}, ...], \"times_ms\": {...}}
Boxes are in pixels of the image as it is seen upright; masks are COCO's compressed run lengths.
An image that cannot be read gives {\"image\": PATH, \"error\": REASON}; the others go on.

Examples:
  vovdet detect --model nuclei_mask_rcnn_vovnet27_slim image.png --save out
  vovdet detect --weights mask_rcnn.pth 'photos/*.jpg' --score 0.5 --classes person,dog
  vovdet detect --weights mask_rcnn.pth val2017 --annotations instances_val2017.json --coco-results results.json
  find . -name '*.png' | vovdet detect --weights mask_rcnn.pth --list -
  cat image.jpg | vovdet detect --weights mask_rcnn.pth - > result.json")]
pub struct Detect {
    #[command(flatten)]
    images: SourceOptions,
    #[command(flatten)]
    model: ModelOptions,
    #[command(flatten)]
    choice: Choice,
    #[command(flatten)]
    results: Results,
}

#[derive(Debug, Args)]
#[command(next_help_heading = "Detections")]
struct Choice {
    /// Least score of a detection, 0 to 1 [default: the model's own].
    #[arg(long, value_name = "SCORE", value_parser = score)]
    score: Option<f32>,
    /// Most detections per image [default: the model's own].
    #[arg(long, value_name = "N")]
    max_dets: Option<u32>,
    /// Only these classes, by name or category id; the others are dropped at the end.
    #[arg(long, value_name = "A,B,...", value_delimiter = ',')]
    classes: Vec<String>,
    /// Soft-NMS on top, as RefineDet's COCO protocol has it; one-stage detectors only.
    #[arg(long)]
    soft_nms: bool,
    /// Leave the masks out of the JSON lines and COCO results.
    #[arg(long)]
    no_masks: bool,
}

#[derive(Debug, Args)]
#[command(next_help_heading = "Results")]
struct Results {
    /// Write COCO results: a list of image_id, category_id, bbox, score, segmentation.
    #[arg(long, value_name = "FILE")]
    coco_results: Option<PathBuf>,
    /// Take the ids of images (by file name) and categories (by name) from this COCO annotation file; without it an
    /// image's id is the number in its file name, else its place in the run, from 1.
    #[arg(long, value_name = "FILE", requires = "coco_results")]
    annotations: Option<PathBuf>,
    /// Write every image with its detections drawn on it into this folder.
    #[arg(long, value_name = "DIR")]
    save: Option<PathBuf>,
    /// Write every detection, cut out of its image, into this folder.
    #[arg(long, value_name = "DIR")]
    crops: Option<PathBuf>,
}

/// A score on the command line.
pub fn score(text: &str) -> Result<f32, String> {
    text.parse()
        .ok()
        .filter(|score| (0.0..=1.0).contains(score))
        .ok_or_else(|| "a score is a number from 0 to 1".into())
}

impl Detect {
    pub fn run(&self, console: &Console) -> Result<Outcome> {
        // Everything that can be wrong with the arguments is found before the network is loaded.
        let mut coco = self.results.coco_results.as_deref().map(|path| self.coco_results(path)).transpose()?;
        let pictures = Pictures::start(self.results.save.as_deref(), self.results.crops.as_deref())?;
        let model = self.model.load(console, |options| {
            options.score = self.choice.score;
            options.max_dets = self.choice.max_dets.map(|n| n as usize);
            options.soft_nms = self.choice.soft_nms.then_some(SoftNms::COCO);
        })?;
        if self.choice.soft_nms && !matches!(model.spec().task, Task::OneStage(_)) {
            bail!("--soft-nms: {} is no one-stage detector", model.spec().name);
        }
        let Some(detector) = model.as_detector() else {
            bail!("{} is a classifier, not a detector: use `vovdet classify`", model.spec().name);
        };
        let mut run = Run {
            detector,
            labels: options::labels(&self.choice.classes, &detector.spec().classes)?,
            masks: !self.choice.no_masks,
            coco: coco.as_mut(),
            pictures: pictures.as_ref(),
            done: 0,
            failed: 0,
        };
        let input = &detector.spec().input;
        self.images.for_each_batch(console, input, pictures.is_some(), |console, items| run.answer(console, items))?;
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

    fn coco_results(&self, path: &std::path::Path) -> Result<CocoResults> {
        let ids = self.results.annotations.as_deref().map(coco_results::read_ids).transpose()?;
        CocoResults::new(path, ids).with_context(|| format!("--coco-results {}", path.display()))
    }
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
