//! `vovdet eval voc`.

use super::page::PageOptions;
use super::{SelectionOptions, show};
use crate::cli::Outcome;
use crate::cli::console::Console;
use crate::data::voc::VocData;
use crate::metrics::provenance::{FileRef, Provenance, milliseconds, times_of_saved};
use crate::metrics::voc::{Detections, METRICS, Protocol, Report, Scores, read_detections};
use crate::report;
use anyhow::{Context, Result, bail};
use clap::Args;
use std::path::{Path, PathBuf};
use std::time::Instant;

/// Scores saved detections in VOC's way; the whole program adds the options of a model.
#[derive(Debug, Args)]
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
    #[command(flatten)]
    page: PageOptions,
}

fn threshold(text: &str) -> Result<f64, String> {
    let number = text.parse().ok().filter(|iou| (0.0..1.0).contains(iou));
    number.ok_or_else(|| "an overlap is a number from 0 to below 1".into())
}

impl Voc {
    /// The saved detections.
    pub fn detections(&self) -> Option<&Path> {
        self.detections.as_deref()
    }

    /// Scores the saved detections; `class_names` are the names of the category ids 1, 2, … in COCO results.
    ///
    /// # Errors
    /// When there are none, or they do not fit the data set.
    pub fn run(&self, console: &Console, class_names: Option<&[String]>) -> Result<Outcome> {
        let start = Instant::now();
        let Some(path) = self.detections() else {
            bail!("give saved detections with --detections, or a model with --model or --weights");
        };
        self.page.prepare()?;
        let data = self.data(console)?;
        let detections = read_detections(path, &data, class_names, self.selection.min_score).context("--detections")?;
        for note in &detections.notes {
            console.note(note);
        }
        let read_ms = milliseconds(start);
        let protocol = Protocol { class_names: class_names.map(<[String]>::to_vec), ..self.protocol(&data) };
        let scores = detections.scores(&data, &protocol)?;
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
        let beside = data.root.join("JPEGImages");
        let beside = beside.is_dir().then_some(beside);
        self.page.write(console, beside, |gallery| report::voc::page(data, detections, scores, report, gallery))
    }

    /// The data set.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn data(&self, console: &Console) -> Result<VocData> {
        let data = VocData::read(&self.root, self.split.as_deref()).context("--root")?;
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
            min_score: self.selection.min_score,
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
