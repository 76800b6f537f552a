//! `vovdet eval voc`.

use super::page::PageOptions;
use super::{OF_A_RUN, RunOptions, SelectionOptions, show};
use crate::cli::arguments::{ModelOptions, class_names};
use crate::cli::console::Console;
use crate::cli::{Outcome, Run};
use anyhow::{Context, Result, bail};
use clap::Args;
use std::path::{Path, PathBuf};
use std::time::Instant;
use vovdet_datasets::Error;
use vovdet_datasets::voc::VocData;
use vovdet_evaluation::metrics::provenance::{FileRef, Provenance, milliseconds, times_of_saved};
use vovdet_evaluation::metrics::voc::{Detections, METRICS, Protocol, Report, Scores, read_detections};
use vovdet_evaluation::report;

/// VOC's average precision in both conventions: at eleven recalls (2007) and as the area under the curve (since 2010).
#[derive(Debug, Args)]
#[command(after_long_help = "\
With a model: --model or --weights; the images are those in JPEGImages. Detections are kept as they are found; after \
Ctrl-C or a crash the same command with --resume goes on.

Of saved detections: --detections takes a folder of comp4 files (one per class, its name ending with the class, `image \
score xmin ymin xmax ymax` per line), a folder of text files per image (`class score x y width height`), COCO results, \
or the JSON lines of `vovdet detect`.

--json prints one object: \"map_2007\", \"map_area\", \"per_class\" (by name: \"ap_2007\", \"ap_area\", ...), \"counts\", \
\"protocol\" and \"provenance\".

Examples:
  vovdet eval voc --detections results/ --root VOCdevkit/VOC2007 --split test
  vovdet eval voc --detections results.json --root VOC2012 --split val \\
    --iou-threshold 0.7 --json
  vovdet eval voc --weights refinedet.pth --root VOC2007 --split test \\
    --save-detections results/")]
pub struct Voc {
    /// The objects: a VOC folder (Annotations, ImageSets/Main, JPEGImages), or one of text files per image.
    #[arg(long, value_name = "DIR")]
    root: PathBuf,
    /// The list of images: ImageSets/Main/SPLIT.txt [default: the first of test, val, trainval that is there].
    #[arg(long)]
    split: Option<String>,
    /// Saved detections.
    #[arg(long, value_name = "DIR|FILE", conflicts_with_all = OF_A_RUN)]
    detections: Option<PathBuf>,
    /// A detection is right when it overlaps an object by more than this.
    #[arg(long, value_name = "IOU", default_value_t = 0.5, value_parser = threshold)]
    iou_threshold: f64,
    /// Which images, classes and detections.
    #[command(flatten)]
    pub selection: SelectionOptions,
    /// One JSON object instead of a table.
    #[arg(long, help_heading = "Output")]
    json: bool,
    #[command(flatten)]
    page: PageOptions,
    /// How a model runs.
    #[command(flatten)]
    pub run: RunOptions,
    /// The model.
    #[command(flatten)]
    pub model: ModelOptions,
}

fn threshold(text: &str) -> Result<f64, String> {
    let number = text.parse().ok().filter(|iou| (0.0..1.0).contains(iou));
    number.ok_or_else(|| "an overlap is a number from 0 to below 1".into())
}

impl Run for Voc {
    /// Scores the saved detections; --class-names are the names of the category ids 1, 2, … in COCO results.
    fn run(&self, console: &Console) -> Result<Outcome> {
        let names = self.model.fit.class_names.as_deref().map(class_names).transpose()?;
        let names = names.as_deref();
        let start = Instant::now();
        let Some(path) = self.detections.as_deref() else {
            bail!("give saved detections with --detections, or a model with --model or --weights");
        };
        self.page.prepare()?;
        let data = self.data(console)?;
        let detections = read_detections(path, &data, names, self.selection.score).context("--detections")?;
        for note in &detections.notes {
            console.note(note);
        }
        let read_ms = milliseconds(start);
        let protocol = Protocol { class_names: names.map(<[String]>::to_vec), ..self.protocol(&data) };
        let scores = detections.scores(&data, &protocol).context("--classes")?;
        let wall_ms = milliseconds(start);
        let provenance = Provenance {
            vovdet: env!("CARGO_PKG_VERSION").into(),
            metrics: METRICS.into(),
            annotations: FileRef::unhashed(&self.root),
            detections: Some(FileRef::of(path).with_context(|| path.display().to_string())?),
            model: None,
            left_out: Vec::new(),
            times_ms: times_of_saved(read_ms, wall_ms),
        };
        let report = scores.report(protocol, provenance);
        self.print(console, &report)?;
        Ok(self.write_page(console, &data, &detections, &scores, &report))
    }
}

impl Voc {
    /// The folder of the image files, if it was given.
    pub fn images(&self) -> Option<&Path> {
        self.page.images()
    }

    /// Makes sure, before the work, that a page can be written if one is wanted.
    ///
    /// # Errors
    /// When its folder cannot be written to.
    pub fn prepare_page(&self) -> Result<()> {
        self.page.prepare()
    }

    /// Writes the page about a result, if one is wanted.
    pub fn write_page(
        &self,
        console: &Console,
        data: &VocData,
        detections: &Detections,
        scores: &Scores,
        report: &Report,
    ) -> Outcome {
        page_of(console, &self.page, data, detections, scores, report)
    }

    /// The data set.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn data(&self, console: &Console) -> Result<VocData> {
        let data = VocData::read(&self.root, self.split.as_deref()).map_err(|error| {
            let flag = match &error {
                Error::UnknownSplit { split, .. } => format!("--split {split}"),
                _ => "--root".into(),
            };
            anyhow::Error::new(error).context(flag)
        })?;
        for note in data.notes() {
            console.note(note);
        }
        Ok(data)
    }

    /// What is asked for.
    pub fn protocol(&self, data: &VocData) -> Protocol {
        Protocol {
            iou_threshold: self.iou_threshold,
            split: data.split.clone(),
            classes: self.selection.classes.clone(),
            min_score: self.selection.score.filter(|_| !self.model.is_given()),
            class_names: None,
            selection: self.selection.selection(),
        }
    }

    /// Prints a result as the options say.
    ///
    /// # Errors
    /// When standard output cannot be written to.
    pub fn print(&self, console: &Console, report: &Report) -> Result<()> {
        match self.json {
            true => console.json_line(report)?,
            false => console.data(&show::voc(report))?,
        }
        Ok(())
    }
}

/// Writes the page about a result, if one is wanted.
pub(super) fn page_of(
    console: &Console,
    page: &PageOptions,
    data: &VocData,
    detections: &Detections,
    scores: &Scores,
    report: &Report,
) -> Outcome {
    let beside = Some(data.root.join("JPEGImages")).filter(|folder| folder.is_dir());
    page.write(console, beside, |gallery| Ok(report::voc::page(data, detections, scores, report, gallery)?))
}
