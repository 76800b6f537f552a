//! `vovdet eval compare`: how much two results differ, and how much of it is chance.

mod again;
mod output;
mod table;

use crate::cli::console::Console;
use crate::cli::{Outcome, Run};
use again::Without;
use anyhow::{Result, bail};
use clap::Args;
use output::Comparison;
use std::path::PathBuf;
use vovdet_evaluation::metrics::coco::Kind;
use vovdet_evaluation::metrics::compare::{Bootstrap, FEWEST_DRAWS, Saved, reports};

/// Compare two results of one data set: the difference of every figure, B - A, and how far chance could move it.
#[derive(Debug, Args)]
#[command(after_long_help = "\
A and B are what `vovdet eval coco` or `vovdet eval voc` printed with --json, of the same annotations, images, classes and \
options; results that are not are refused. The detections that they name must still be there, at their place or beside the \
result; keep them with --save-detections. Without them the differences are shown without intervals.

The interval is a paired bootstrap over images. As many images as there are are drawn again with replacement, the same ones \
for A and B, and every figure of both is computed on them; --samples times. The middle 95 % of the differences (--confidence) \
are the interval: with other images of the same kind the difference would likely lie there. Pairing takes out what is common \
to both, so a small difference can be sure although each figure alone is not. The interval knows of images only: training \
again with another seed is chance that it does not see.

A * marks a difference whose interval leaves out 0. Of 80 classes 4 are marked by chance alone at 95 %, so a few marks among \
many classes prove nothing; of figures by size in small data sets about one in ten is. A figure whose objects lie \
in fewer than 10 images gets no mark, its interval being too narrow, and neither does one of fewer than 100 draws. \
`B better` is the part of the draws in which B is better; a draw in which both are equal counts half. A draw without an object \
of a class leaves the class out, of the mean too.

The table shows the classes that are marked, or the ten that changed most where none is, the largest loss first; --per-class \
shows all. Classes are sorted by their first figure: AP, or VOC's ap_2007.

--json prints one object: \"a\", \"b\", \"protocol\", \"bootstrap\" (null without intervals; \"no_intervals\" then says why), \
and \"bbox\" and \"segm\" or \"voc\": a list of {figure, a, b, delta, low, high, better, samples, images}, null for what cannot \
be told; samples are the draws that the interval is over, images those that hold objects which the figure is about. \
\"per_class\" has the same lists of each class by name.

Examples:
  vovdet eval compare before.json after.json
  vovdet eval compare before.json after.json --samples 5000 --confidence 0.99
  vovdet eval compare before.json after.json --samples 0 --json > diff.json")]
pub struct Compare {
    /// The first result.
    #[arg(value_name = "A.json")]
    a: PathBuf,
    /// The result that is compared with it.
    #[arg(value_name = "B.json")]
    b: PathBuf,
    /// How often images are drawn; 0 for no intervals.
    #[arg(long, value_name = "N", default_value_t = 1000, value_parser = clap::value_parser!(u32).range(..=100_000))]
    samples: u32,
    /// Where the draws start; the same seed gives the same intervals.
    #[arg(long, value_name = "S", default_value_t = 0)]
    seed: u64,
    /// The part of the draws that an interval holds.
    #[arg(long, value_name = "PART", default_value_t = 0.95, value_parser = confidence)]
    confidence: f64,
    /// One JSON object instead of a table.
    #[arg(long)]
    json: bool,
    /// A line for every class.
    #[arg(long)]
    per_class: bool,
}

fn confidence(text: &str) -> Result<f64, String> {
    let number = text.parse().ok().filter(|part: &f64| *part > 0.0 && *part < 1.0);
    number.ok_or_else(|| "a confidence is a number between 0 and 1, such as 0.95".into())
}

impl Run for Compare {
    fn run(&self, console: &Console) -> Result<Outcome> {
        let enough = (2.0 / (1.0 - self.confidence)).ceil().max(FEWEST_DRAWS as f64);
        if self.samples > 0 && f64::from(self.samples) < enough {
            console.note(format_args!(
                "--samples {} are few for --confidence {}: take at least {enough}, or 0 for no intervals",
                self.samples, self.confidence
            ));
        }
        let paths = [self.a.as_path(), self.b.as_path()];
        let wanted = Bootstrap { samples: self.samples as usize, seed: self.seed, confidence: self.confidence };
        let (sections, protocol, found) = match (Saved::read(&self.a)?, Saved::read(&self.b)?) {
            (Saved::Coco(a), Saved::Coco(b)) => {
                let sections = reports::coco(&a, &b, paths)?;
                for kind in [Kind::Bbox, Kind::Segm] {
                    if a.figures(kind).is_some() != b.figures(kind).is_some() {
                        console
                            .note(format_args!("{kind}: only one of the results has these figures; they are left out"));
                    }
                }
                let again = || again::coco(console, [&a, &b], paths, sections.clone(), &wanted);
                let found = (self.samples > 0).then(again);
                (sections, serde_json::to_value(&a.protocol)?, found)
            }
            (Saved::Voc(a), Saved::Voc(b)) => {
                let section = reports::voc(&a, &b, paths)?;
                let again = || again::voc(console, [&a, &b], paths, section.clone(), &wanted);
                let found = (self.samples > 0).then(again);
                (vec![section], serde_json::to_value(&a.protocol)?, found)
            }
            (Saved::Coco(_), Saved::Voc(_)) => bail!(self.mixed("COCO", "VOC")),
            (Saved::Voc(_), Saved::Coco(_)) => bail!(self.mixed("VOC", "COCO")),
        };
        let mut comparison = Comparison::new(paths, protocol, sections);
        match found {
            None => comparison.no_intervals = Some("--samples 0".into()),
            Some(Ok((sections, images))) => comparison.complete(sections, wanted, images),
            Some(Err(error)) => {
                let Without(reason) = error.downcast()?;
                console.note(format_args!("no intervals: {reason}"));
                comparison.no_intervals = Some(reason);
            }
        }
        match self.json {
            true => console.json_line(&comparison)?,
            false => console.data(&comparison.table(self.per_class))?,
        }
        Ok(Outcome::All)
    }
}

impl Compare {
    fn mixed(&self, a: &str, b: &str) -> String {
        let (first, second) = (self.a.display(), self.b.display());
        format!("{first} has figures of {a} and {second} of {b}; evaluate both in the same way")
    }
}
