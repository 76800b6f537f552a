//! `vovdet eval voc`.

use super::{SelectionOptions, show};
use crate::cli::Outcome;
use crate::cli::console::Console;
use crate::data::voc::VocData;
use crate::metrics::provenance::{FileRef, Provenance, milliseconds};
use crate::metrics::voc::{Protocol, Scores, read_detections};
use anyhow::{Context, Result, anyhow};
use clap::Args;
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Instant;

/// VOC's average precision in both conventions: at eleven recalls (2007) and as the area under the curve (since 2010).
#[derive(Debug, Args)]
#[command(after_long_help = "\
--detections takes a folder of comp4 files (one per class, its name ending with the class, `image score xmin ymin xmax
ymax` per line), a folder of text files per image (`class score x y width height`), or COCO results.

--json prints one object: \"map_2007\", \"map_area\", \"per_class\" (by name: \"ap_2007\", \"ap_area\", ...), \"counts\",
\"protocol\" and \"provenance\".

Examples:
  vovdet eval voc --detections results/ --root VOCdevkit/VOC2007 --split test
  vovdet eval voc --detections results.json --root VOC2012 --split val --iou-threshold 0.7 --json")]
pub struct Voc {
    /// The objects: a VOC folder (Annotations, ImageSets/Main, JPEGImages), or one of text files per image.
    #[arg(long, value_name = "DIR")]
    root: PathBuf,
    /// The list of images: ImageSets/Main/SPLIT.txt [default: the first of test, val, trainval that is there].
    #[arg(long)]
    split: Option<String>,
    /// Saved detections.
    #[arg(long, value_name = "DIR|FILE")]
    detections: Option<PathBuf>,
    /// A detection is right when it overlaps an object by more than this.
    #[arg(long, value_name = "IOU", default_value_t = 0.5, value_parser = threshold)]
    iou_threshold: f64,
    #[command(flatten)]
    selection: SelectionOptions,
    /// One JSON object instead of a table.
    #[arg(long, help_heading = "Output")]
    json: bool,
}

fn threshold(text: &str) -> Result<f64, String> {
    let number = text.parse().ok().filter(|iou| (0.0..1.0).contains(iou));
    number.ok_or_else(|| "an overlap is a number from 0 to below 1".into())
}

impl Voc {
    /// Does what was asked for.
    pub fn run(&self, console: &Console) -> Result<Outcome> {
        let start = Instant::now();
        let path = self.detections.as_deref().context("give saved detections with --detections")?;
        let data = VocData::read(&self.root, self.split.as_deref()).context("--root")?;
        let detections =
            read_detections(path, &data, None, self.selection.min_score).context("--detections")?;
        for note in data.notes().iter().chain(&detections.notes) {
            console.note(note);
        }
        let read_ms = milliseconds(start);
        let protocol = Protocol {
            iou_threshold: self.iou_threshold,
            split: data.split.clone(),
            classes: self.selection.classes.clone(),
            min_score: self.selection.min_score,
            selection: self.selection.selection(),
        };
        let scores = Scores::new(&data, &detections, &protocol).map_err(|reason| anyhow!(reason))?;
        let wall_ms = milliseconds(start);
        let provenance = Provenance {
            vovdet: env!("CARGO_PKG_VERSION").into(),
            metrics: "vovdet".into(),
            annotations: FileRef::unhashed(&self.root),
            detections: Some(if path.is_dir() { FileRef::unhashed(path) } else { FileRef::of(path)? }),
            model: None,
            times_ms: BTreeMap::from([("read".into(), read_ms), ("wall".into(), wall_ms)]),
        };
        let report = scores.report(protocol, provenance);
        match self.json {
            true => console.json_line(&report)?,
            false => console.data(&show::voc(&report))?,
        }
        Ok(Outcome::All)
    }
}
