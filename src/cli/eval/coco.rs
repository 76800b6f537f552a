//! `vovdet eval coco`.

use super::page::PageOptions;
use super::{OF_A_RUN, RunOptions, SelectionOptions, show};
use crate::cli::arguments::ModelOptions;
use crate::cli::console::Console;
use crate::cli::{Outcome, Run};
use anyhow::{Context, Result, bail};
use clap::{Args, ValueEnum};
use std::path::{Path, PathBuf};
use std::time::Instant;
use vovdet_datasets::category;
use vovdet_datasets::coco::{CocoData, RawResults};
use vovdet_evaluation::metrics::coco::{self, Kind, Options, Protocol, Report, Scores};
use vovdet_evaluation::metrics::provenance::{FileRef, Provenance, milliseconds, times_of_saved};
use vovdet_evaluation::report;

/// COCO's 12 figures of boxes and masks, to the digit that pycocotools gives.
#[derive(Debug, Args)]
#[command(after_long_help = "\
With a model: --model or --weights, and --images for the folder of the image files. Detections are kept as they are \
found; after Ctrl-C or a crash the same command with --resume goes on.

Of saved detections: --detections takes COCO results, a list of {image_id, category_id, score, bbox or segmentation}, \
or the JSON lines of `vovdet detect`, whose images and classes are found by name.

--json prints one object: \"bbox\" and \"segm\" (the 12 figures in pycocotools' order, -1 where nothing can be said), \
\"per_class\" (the same 12 of each category by name), \"counts\", \"protocol\" and \"provenance\".

Examples:
  vovdet eval coco --detections results.json \\
    --annotations instances_val2017.json
  vovdet eval coco --detections results.json --annotations instances.json \\
    --iou segm --max-dets 200 --per-class
  vovdet eval coco --weights mask_rcnn.pth --images val2017 \\
    --annotations instances_val2017.json --limit 100
  vovdet eval coco --weights mask_rcnn.pth --images val2017 \\
    --annotations instances_val2017.json --shard 1/4 \\
    --save-detections shard1.json --json > shard1_eval.json")]
pub struct Coco {
    /// The objects: a COCO annotation file.
    #[arg(long, value_name = "FILE")]
    annotations: PathBuf,
    /// Saved detections: COCO results, or JSON lines of `vovdet detect`.
    #[arg(long, value_name = "FILE", conflicts_with_all = OF_A_RUN, conflicts_with_all = ["class_names"])]
    detections: Option<PathBuf>,
    /// Which images, classes and detections.
    #[command(flatten)]
    pub selection: SelectionOptions,
    #[command(flatten)]
    metrics: Metrics,
    #[command(flatten)]
    output: Output,
    #[command(flatten)]
    page: PageOptions,
    /// How a model runs.
    #[command(flatten)]
    pub run: RunOptions,
    /// The model.
    #[command(flatten)]
    pub model: ModelOptions,
}

#[derive(Debug, Args)]
#[command(next_help_heading = "Metrics")]
struct Metrics {
    /// What is compared: boxes, masks or both [default: both where both have masks, else boxes].
    #[arg(long)]
    iou: Option<Iou>,
    /// Most detections per image and category: N, or three numbers for AR1, AR10 and all the others.
    #[arg(long, value_name = "N|A,B,C", default_value = "1,10,100", value_parser = max_dets)]
    max_dets: MaxDets,
    /// Take a detected mask's own size for the figures by size even where results have boxes too, as detectron2 and
    /// mmdetection do; pycocotools takes the box's.
    #[arg(long)]
    mask_areas: bool,
}

#[derive(Debug, Args)]
#[command(next_help_heading = "Output")]
struct Output {
    /// One JSON object instead of a table.
    #[arg(long)]
    json: bool,
    /// A line per class too.
    #[arg(long)]
    per_class: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Iou {
    /// Boxes.
    Bbox,
    /// Masks.
    Segm,
    /// Boxes and masks.
    Both,
}

#[derive(Debug, Clone, Copy)]
struct MaxDets([usize; 3]);

fn max_dets(text: &str) -> Result<MaxDets, String> {
    let refused = || "give one number, or three such as 1,10,100".to_owned();
    let numbers = text.split(',').map(|part| part.trim().parse().ok().filter(|n| *n > 0));
    let numbers: Vec<usize> = numbers.collect::<Option<_>>().ok_or_else(refused)?;
    let mut limits = match numbers[..] {
        [n] => [n.min(1), n.min(10), n],
        [a, b, c] => [a, b, c],
        _ => return Err(refused()),
    };
    limits.sort_unstable();
    Ok(MaxDets(limits))
}

impl Run for Coco {
    /// Scores the saved detections.
    fn run(&self, console: &Console) -> Result<Outcome> {
        let start = Instant::now();
        let Some(detections) = self.detections.as_deref() else {
            bail!("give saved detections with --detections FILE, or a model with --model or --weights");
        };
        self.page.prepare()?;
        let (data, raw) = rayon::join(|| CocoData::read(&self.annotations), || RawResults::read(detections));
        let data = data.context("--annotations")?;
        let results = data.results(raw.context("--detections")?, self.selection.score)?;
        for note in data.notes.iter().chain(&results.notes) {
            console.note(note);
        }
        let read_ms = milliseconds(start);
        let protocol = self.protocol(&data, results.masks);
        let options = options(&data, &protocol)?;
        let (report, files) = rayon::join(
            || -> Result<_> {
                let evaluations = coco::evaluate(&data, &results, &protocol.iou, &options)?;
                let counts = coco::counts(&data.coco, &results.coco, &options);
                let cut = coco::images_cut(&results.coco, &options);
                let scores = Scores::new(&data, &evaluations, counts);
                Ok((scores, evaluations, cut, milliseconds(start)))
            },
            || Ok::<_, anyhow::Error>((self.file(&self.annotations)?, self.file(detections)?)),
        );
        let ((scores, evaluations, cut, wall_ms), (annotations, detections)) = (report?, files?);
        let provenance = Provenance {
            vovdet: env!("CARGO_PKG_VERSION").into(),
            metrics: coco::METRICS.into(),
            annotations,
            detections: Some(detections),
            model: None,
            left_out: Vec::new(),
            times_ms: times_of_saved(read_ms, wall_ms),
        };
        let report = scores.report(protocol, provenance);
        self.print(console, &report, cut)?;
        let beside = data.image_folder();
        Ok(self.page.write(console, beside, |gallery| Ok(report::coco::page(&data, &evaluations, &report, gallery)?)))
    }
}

impl Coco {
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

    /// Whether a page is wanted.
    pub fn wants_page(&self) -> bool {
        self.page.is_wanted()
    }

    /// Writes the page about a run, if one is wanted; see `page_of_kept`.
    pub fn write_page_of_run(
        &self,
        console: &Console,
        data: &CocoData,
        images: Vec<u64>,
        report: &Report,
        detections: Option<&Path>,
    ) -> Outcome {
        page_of_kept(console, &self.page, data, images, report, detections)
    }

    /// A file of the provenance, with its hash for those who keep the result.
    fn file(&self, path: &Path) -> Result<FileRef> {
        match self.output.json {
            true => FileRef::of(path).with_context(|| path.display().to_string()),
            false => Ok(FileRef::unhashed(path)),
        }
    }

    /// The data set.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn data(&self, console: &Console) -> Result<CocoData> {
        let data = CocoData::read(&self.annotations).context("--annotations")?;
        for note in &data.notes {
            console.note(note);
        }
        Ok(data)
    }

    /// What is asked for, of detections with or without masks. The least score is not part of it when a model knows it.
    pub fn protocol(&self, data: &CocoData, masks: bool) -> Protocol {
        let iou = match self.metrics.iou {
            Some(Iou::Bbox) => vec![Kind::Bbox],
            Some(Iou::Segm) => vec![Kind::Segm],
            Some(Iou::Both) => vec![Kind::Bbox, Kind::Segm],
            None if masks && coco::has_masks(&data.coco) => vec![Kind::Bbox, Kind::Segm],
            None => vec![Kind::Bbox],
        };
        Protocol {
            iou,
            max_dets: self.metrics.max_dets.0,
            classes: self.selection.classes.clone(),
            mask_areas: self.metrics.mask_areas,
            min_score: self.selection.score.filter(|_| !self.model.is_given()),
            selection: self.selection.selection(),
        }
    }

    /// Prints a result as the options say; `cut` images had more detections than count.
    ///
    /// # Errors
    /// When standard output cannot be written to.
    pub fn print(&self, console: &Console, report: &Report, cut: usize) -> Result<()> {
        show::cut(cut, report).into_iter().for_each(|hint| console.note(hint));
        if self.output.json {
            console.json_line(report)?;
        } else {
            console.data(&show::coco(report, self.output.per_class))?;
        }
        Ok(())
    }
}

/// Writes the page about a result whose detections were kept in a file. `images` are those that were looked at.
pub(super) fn page_of_kept(
    console: &Console,
    page: &PageOptions,
    data: &CocoData,
    images: Vec<u64>,
    report: &Report,
    detections: Option<&Path>,
) -> Outcome {
    page.write(console, data.image_folder(), |gallery| {
        let raw = RawResults::read(detections.context("the detections were not kept")?)?;
        let results = data.results(raw, report.protocol.min_score)?;
        let options = Options { images: Some(images), ..options(data, &report.protocol)? };
        let evaluations = coco::evaluate(data, &results, &report.protocol.iou, &options)?;
        Ok(report::coco::page(data, &evaluations, report, gallery)?)
    })
}

/// What a protocol means for a data set.
///
/// # Errors
/// When it has no category of a name.
pub fn options(data: &CocoData, protocol: &Protocol) -> Result<Options> {
    let selection = &protocol.selection;
    Ok(Options {
        max_dets: protocol.max_dets,
        categories: category::chosen(&protocol.classes, &data.categories()).context("--classes")?,
        images: (!selection.is_all()).then(|| selection.of(data.image_ids())),
        mask_areas: protocol.mask_areas,
    })
}
