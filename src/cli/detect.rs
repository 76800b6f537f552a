//! The arguments of `vovdet detect`.

use super::arguments::{Adjustments, ModelOptions, SourceOptions, score};
use crate::render::Style;
use crate::results::{Form, Target};
use anyhow::{Result, bail};
use clap::{ArgGroup, Args, ValueEnum};
use std::io::IsTerminal;
use std::path::PathBuf;

/// Find objects in images: boxes, labels, scores and masks.
#[derive(Debug, Args)]
#[command(after_long_help = "\
On a terminal, a line an image says what is in it, and the last line sums up.
Into a pipe or a file, and with --json, it is one line of JSON per image, in the
order of the sources:
  {\"image\": PATH, \"width\": W, \"height\": H,
   \"detections\": [{\"bbox\": [x1, y1, x2, y2], \"score\": S, \"label\": NAME,
     \"category_id\": ID, \"mask\": {\"size\": [H, W], \"counts\": RLE}}, ...],
   \"times_ms\": {...}}
Boxes are in pixels of the image as it is seen upright; masks are COCO's
compressed run lengths. With --save, \"saved\" names the picture. An image that
cannot be read gives {\"image\": PATH, \"error\": REASON}; the others go on.
docs/detect.md shows every form.

Examples:
  vovdet detect --model nuclei_mask_rcnn_vovnet27_slim image.png --save out
  vovdet detect --weights mask_rcnn.pth 'photos/*.jpg' --score 0.5 \\
    --classes person,dog
  vovdet detect --weights mask_rcnn.pth photos --out results.jsonl --resume
  vovdet detect --weights mask_rcnn.pth photos --format yolo --out labels
  vovdet detect --weights mask_rcnn.pth photos --size 640 --nms 0.6
  vovdet detect --weights mask_rcnn.pth val2017 \\
    --annotations instances_val2017.json --coco-results results.json
  find . -name '*.png' | vovdet detect --weights mask_rcnn.pth --list -
  cat image.jpg | vovdet detect --weights mask_rcnn.pth - > result.json")]
pub struct Detect {
    /// The images.
    #[command(flatten)]
    pub images: SourceOptions,
    /// The detector.
    #[command(flatten)]
    pub model: ModelOptions,
    /// Its numbers.
    #[command(flatten)]
    pub adjustments: Adjustments,
    /// Which detections.
    #[command(flatten)]
    pub choice: Choice,
    /// What is written.
    #[command(flatten)]
    pub results: Results,
    /// How pictures look.
    #[command(flatten)]
    pub pictures: PictureOptions,
}

/// Which detections.
#[derive(Debug, Args)]
#[command(next_help_heading = "Detections")]
pub struct Choice {
    /// Least score of a detection, 0 to 1 [default: 0.5 for pictures, crops and the lines on a terminal; the model's
    /// own for JSON lines and files].
    #[arg(long, aliases = ["min-score", "conf"], value_name = "SCORE", value_parser = score)]
    pub score: Option<f32>,
    /// Most detections per image [default: the model's own].
    #[arg(long, value_name = "N")]
    pub max_dets: Option<u32>,
    /// Only these classes, by name or category id; the others are dropped at the end.
    #[arg(long, value_name = "A,B,...", value_delimiter = ',')]
    pub classes: Vec<String>,
    /// Soft-NMS on top, as RefineDet's COCO protocol has it; one-stage detectors only.
    #[arg(long)]
    pub soft_nms: bool,
    /// Leave the masks out of JSON lines and COCO results.
    #[arg(long)]
    pub no_masks: bool,
}

/// What is written.
#[derive(Debug, Args)]
#[command(next_help_heading = "Results", group = ArgGroup::new("files").args(["out", "coco_results"]).multiple(true))]
pub struct Results {
    /// Form of the results; coco, voc and yolo need --out [default: text on a terminal, else jsonl].
    #[arg(long, value_name = "FORM")]
    pub format: Option<Form>,
    /// JSON lines on a terminal too: --format jsonl.
    #[arg(long, conflicts_with = "format")]
    pub json: bool,
    /// Write the results here: to a file whose name ends as its form does (.jsonl, .json for COCO, .csv), else into
    /// this folder; standard output then has the lines for people.
    #[arg(long, value_name = "PATH")]
    pub out: Option<PathBuf>,
    /// Write COCO results too: a list of image_id, category_id, bbox, score, segmentation.
    #[arg(long, value_name = "FILE")]
    pub coco_results: Option<PathBuf>,
    /// Take the ids of images (by file name) and categories (by name) from this COCO annotation file; without it an
    /// image's id is the number in its file name, else its place in the run, from 1.
    #[arg(long, value_name = "FILE", requires = "files")]
    pub annotations: Option<PathBuf>,
    /// Go on with a run of the same command that ended early: images that are done are left out.
    #[arg(long, requires = "files")]
    pub resume: bool,
    /// Write every image with its detections drawn on it into this folder, below it as below the folder that was
    /// searched.
    #[arg(long, value_name = "DIR")]
    pub save: Option<PathBuf>,
    /// Write every detection, cut out of its image, into this folder.
    #[arg(long, value_name = "DIR")]
    pub crops: Option<PathBuf>,
}

/// How pictures look.
#[derive(Debug, Args)]
#[command(next_help_heading = "Pictures")]
pub struct PictureOptions {
    /// Draw no labels.
    #[arg(long)]
    pub no_labels: bool,
    /// Thickness of the boxes in pixels [default: what suits the picture's size].
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=100))]
    pub line_width: Option<u32>,
    /// Do not draw or cut out these classes, by name or category id.
    #[arg(long, value_name = "A,B,...", value_delimiter = ',')]
    pub hide: Vec<String>,
}

impl PictureOptions {
    /// The style of the pictures.
    pub fn style(&self, one_class: bool) -> Style {
        Style { no_labels: self.no_labels, line: self.line_width, one_class }
    }
}

impl Results {
    /// The form of what standard output has.
    pub fn shown(&self) -> Form {
        match self.format {
            Some(form) if self.out.is_none() => form,
            _ if self.json => Form::Jsonl,
            // A file has the results; people want to know how it goes.
            _ if self.out.is_some() => Form::Text,
            _ if std::io::stdout().is_terminal() => Form::Text,
            _ => Form::Jsonl,
        }
    }

    /// The files and folders that the results go to.
    ///
    /// # Errors
    /// When one cannot be written to, or its form is not said.
    pub fn targets(&self) -> Result<Vec<Target>> {
        let mut targets = Vec::new();
        if let Some(out) = &self.out {
            targets.push(Target::new(out, self.format)?);
        } else if let Some(form @ (Form::Coco | Form::Voc | Form::Yolo)) = self.format {
            let name = form.to_possible_value().map(|value| value.get_name().to_owned()).unwrap_or_default();
            bail!("--format {name} needs --out: say where the results shall go");
        }
        if let Some(path) = &self.coco_results {
            targets.push(Target { flag: "--coco-results", form: Form::Coco, path: path.clone() });
        }
        targets.iter().try_for_each(Target::prepare)?;
        Ok(targets)
    }
}
