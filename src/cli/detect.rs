//! The arguments of `vovdet detect`.

use super::arguments::{ModelOptions, SourceOptions, score};
use clap::Args;
use std::path::PathBuf;

/// Find objects in images: boxes, labels, scores and masks as JSON lines.
#[derive(Debug, Args)]
#[command(after_long_help = "\
Output: one line of JSON per image, in the order of the sources:
  {\"image\": PATH, \"width\": W, \"height\": H,
   \"detections\": [{\"bbox\": [x1, y1, x2, y2], \"score\": S, \"label\": NAME,
     \"category_id\": ID, \"mask\": {\"size\": [H, W], \"counts\": RLE}}, ...],
   \"times_ms\": {...}}
Boxes are in pixels of the image as it is seen upright; masks are COCO's compressed run lengths. \
An image that cannot be read gives {\"image\": PATH, \"error\": REASON}; the others go on.

Examples:
  vovdet detect --model nuclei_mask_rcnn_vovnet27_slim image.png --save out
  vovdet detect --weights mask_rcnn.pth 'photos/*.jpg' --score 0.5 \\
    --classes person,dog
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
    /// Which detections.
    #[command(flatten)]
    pub choice: Choice,
    /// What is written.
    #[command(flatten)]
    pub results: Results,
}

/// Which detections.
#[derive(Debug, Args)]
#[command(next_help_heading = "Detections")]
pub struct Choice {
    /// Least score of a detection, 0 to 1 [default: the model's own].
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
    /// Leave the masks out of the JSON lines and COCO results.
    #[arg(long)]
    pub no_masks: bool,
}

/// What is written beside the JSON lines.
#[derive(Debug, Args)]
#[command(next_help_heading = "Results")]
pub struct Results {
    /// Write COCO results: a list of image_id, category_id, bbox, score, segmentation.
    #[arg(long, value_name = "FILE")]
    pub coco_results: Option<PathBuf>,
    /// Take the ids of images (by file name) and categories (by name) from this COCO annotation file; without it an
    /// image's id is the number in its file name, else its place in the run, from 1.
    #[arg(long, value_name = "FILE", requires = "coco_results")]
    pub annotations: Option<PathBuf>,
    /// Write every image with its detections drawn on it into this folder.
    #[arg(long, value_name = "DIR")]
    pub save: Option<PathBuf>,
    /// Write every detection, cut out of its image, into this folder.
    #[arg(long, value_name = "DIR")]
    pub crops: Option<PathBuf>,
}
