//! `vovdet eval coco`.

use super::{SelectionOptions, show};
use crate::cli::Outcome;
use crate::cli::console::Console;
use crate::data::category::{Category, CategoryId};
use crate::data::coco::{CocoData, RawResults, Results};
use crate::metrics::coco::{self, Kind, Options, Protocol, Report, Scores};
use crate::metrics::provenance::{FileRef, Provenance, milliseconds};
use anyhow::{Context, Result, anyhow};
use clap::{Args, ValueEnum};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Instant;

/// COCO's 12 figures of boxes and masks, to the digit that pycocotools gives.
#[derive(Debug, Args)]
#[command(after_long_help = "\
Of saved detections: --detections takes COCO results, a list of {image_id, category_id, score, bbox or segmentation}.

--json prints one object: \"bbox\" and \"segm\" (the 12 figures in pycocotools' order, -1 where nothing can be said),
\"per_class\" (the same 12 of each category by name), \"counts\", \"protocol\" and \"provenance\".

Examples:
  vovdet eval coco --detections results.json --annotations instances_val2017.json
  vovdet eval coco --detections results.json --annotations instances.json --iou segm --max-dets 200 --per-class
  vovdet eval coco --detections results.json --annotations instances.json --json | python3 -m json.tool")]
pub struct Coco {
    /// The objects: a COCO annotation file.
    #[arg(long, value_name = "FILE")]
    annotations: PathBuf,
    /// Saved detections: COCO results.
    #[arg(long, value_name = "FILE")]
    detections: Option<PathBuf>,
    #[command(flatten)]
    selection: SelectionOptions,
    #[command(flatten)]
    metrics: Metrics,
    #[command(flatten)]
    output: Output,
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

impl Coco {
    pub fn run(&self, console: &Console) -> Result<Outcome> {
        let start = Instant::now();
        let detections = self.detections.as_deref().context("give saved detections with --detections FILE")?;
        let (data, raw) = rayon::join(|| CocoData::read(&self.annotations), || RawResults::read(detections));
        let data = data.context("--annotations")?;
        let results = data.results(raw.context("--detections")?, self.selection.min_score)?;
        for note in data.notes.iter().chain(&results.notes) {
            console.note(note);
        }
        let read_ms = milliseconds(start);
        let protocol = self.protocol(&data, &results);
        let options = options(&data, &protocol)?;
        let (report, files) = rayon::join(
            || -> Result<_> {
                let evaluations = coco::evaluate(&data, &results, &protocol.iou, &options)?;
                let counts = coco::counts(&data.coco, &results.coco, &options);
                Ok((Scores::new(&data, &evaluations, counts), milliseconds(start)))
            },
            || Ok::<_, anyhow::Error>((self.file(&self.annotations)?, self.file(detections)?)),
        );
        let ((scores, wall_ms), (annotations, detections)) = (report?, files?);
        let provenance = Provenance {
            vovdet: env!("CARGO_PKG_VERSION").into(),
            metrics: coco::METRICS.into(),
            annotations,
            detections: Some(detections),
            model: None,
            times_ms: BTreeMap::from([
                ("read".into(), read_ms),
                ("evaluate".into(), ((wall_ms - read_ms) * 1e3).round() / 1e3),
                ("wall".into(), wall_ms),
            ]),
        };
        self.print(console, &scores.report(protocol, provenance))?;
        Ok(Outcome::All)
    }

    /// A file of the provenance, with its hash for those who keep the result.
    fn file(&self, path: &Path) -> Result<FileRef> {
        match self.output.json {
            true => FileRef::of(path).with_context(|| path.display().to_string()),
            false => Ok(FileRef::unhashed(path)),
        }
    }

    fn protocol(&self, data: &CocoData, results: &Results) -> Protocol {
        let iou = match self.metrics.iou {
            Some(Iou::Bbox) => vec![Kind::Bbox],
            Some(Iou::Segm) => vec![Kind::Segm],
            Some(Iou::Both) => vec![Kind::Bbox, Kind::Segm],
            None if results.masks && coco::has_masks(&data.coco) => vec![Kind::Bbox, Kind::Segm],
            None => vec![Kind::Bbox],
        };
        Protocol {
            iou,
            max_dets: self.metrics.max_dets.0,
            classes: self.selection.classes.clone(),
            mask_areas: self.metrics.mask_areas,
            min_score: self.selection.min_score,
            selection: self.selection.selection(),
        }
    }

    fn print(&self, console: &Console, report: &Report) -> Result<()> {
        if self.output.json {
            console.json_line(report)?;
        } else {
            console.data(&show::coco(report, self.output.per_class))?;
        }
        Ok(())
    }
}

/// What a protocol means for a data set.
///
/// # Errors
/// When it has no category of a name.
pub fn options(data: &CocoData, protocol: &Protocol) -> Result<Options> {
    let selection = &protocol.selection;
    Ok(Options {
        max_dets: protocol.max_dets,
        categories: categories(&protocol.classes, &data.categories())?,
        images: (!selection.is_all()).then(|| selection.of(data.image_ids())),
        mask_areas: protocol.mask_areas,
    })
}

/// The categories that `--classes` names, by name or by id.
fn categories(words: &[String], categories: &[Category]) -> Result<Vec<CategoryId>> {
    let one = |word: &String| {
        let word = word.trim();
        let by_name = categories.iter().find(|category| category.name.eq_ignore_ascii_case(word));
        by_name.or_else(|| categories.iter().find(|category| category.id.to_string() == word)).map(|c| c.id).ok_or_else(
            || {
                let near = vovdet_pretrained::naming::closest(word, categories.iter().map(|c| c.name.as_str()));
                let hint = near.map_or_else(String::new, |near| format!(": did you mean `{near}`?"));
                anyhow!("--classes: the data set has no category `{word}`{hint}")
            },
        )
    };
    words.iter().map(one).collect()
}
