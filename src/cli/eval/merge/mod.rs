//! `vovdet eval merge`: one result from those of the shares of a data set.

mod coco;
mod share;
mod voc;

use super::page::PageOptions;
use super::show;
use crate::cli::console::Console;
use crate::cli::overwrite::refuse_to_replace;
use crate::cli::{Outcome, Run};
use anyhow::Result;
use clap::Args;
use share::{Metric, Share};
use std::path::PathBuf;
use std::time::Instant;
use vovdet_evaluation::metrics::saved;

/// Put the results of shares together: the figures are those of the whole data set.
#[derive(Debug, Args)]
#[command(after_long_help = "\
Each result is what `vovdet eval coco --shard I/N --json` or `vovdet eval voc --shard I/N --json` printed; the detections
that it names must still be there, or lie beside it.

Examples:
  vovdet eval merge shard1_eval.json shard2_eval.json
  vovdet eval merge shard*.json --save-detections all.json --json > eval.json
  vovdet eval merge voc*_eval.json --save-detections results/ --report page/")]
pub struct Merge {
    /// Results of all shares, in any order.
    #[arg(value_name = "RESULTS", required = true, num_args = 1..)]
    results: Vec<PathBuf>,
    /// Write all detections: COCO results, or, for VOC and unless it ends with .json, a folder of comp4 files.
    #[arg(long, value_name = "DIR|FILE")]
    save_detections: Option<PathBuf>,
    /// One JSON object instead of a table.
    #[arg(long)]
    json: bool,
    /// A line per class too.
    #[arg(long)]
    per_class: bool,
    #[command(flatten)]
    page: PageOptions,
}

impl Run for Merge {
    fn run(&self, console: &Console) -> Result<Outcome> {
        let start = Instant::now();
        let shares = self.results.iter().map(|path| Share::read(path)).collect::<Result<Vec<_>>>()?;
        share::check(&shares)?;
        self.page.prepare()?;
        if let Some(path) = &self.save_detections {
            let named = shares.iter().flat_map(|share| {
                let files = share.provenance.detections.iter().chain([&share.provenance.annotations]);
                files.flat_map(|file| saved::places(file, share.path))
            });
            let named: Vec<PathBuf> = named.collect();
            let inputs = self.results.iter().chain(&named).map(PathBuf::as_path);
            refuse_to_replace("--save-detections", path, inputs)?;
        }
        let save = self.save_detections.as_deref();
        // The shares are all of one kind.
        match shares[0].metric {
            Metric::Coco => {
                let merged = coco::merge(console, &shares, save, self.page.is_wanted(), start)?;
                show::cut(merged.cut, &merged.report).into_iter().for_each(|hint| console.note(hint));
                match self.json {
                    true => console.json_line(&merged.report)?,
                    false => console.data(&show::coco(&merged.report, self.per_class))?,
                }
                Ok(merged.page(console, &self.page))
            }
            Metric::Voc => {
                let merged = voc::merge(console, &shares, save, start)?;
                match self.json {
                    true => console.json_line(&merged.report)?,
                    false => console.data(&show::voc(&merged.report))?,
                }
                Ok(merged.page(console, &self.page))
            }
        }
    }
}
