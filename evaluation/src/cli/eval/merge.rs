//! `vovdet eval merge`: one result from those of the shares of a data set.

use super::{coco, show};
use crate::cli::Outcome;
use crate::cli::console::Console;
use crate::data::coco::{CocoData, RawResults};
use crate::metrics::coco::{self as metrics, Report, Scores};
use crate::metrics::provenance::{FileRef, milliseconds};
use crate::metrics::saved;
use anyhow::{Context, Result, bail};
use clap::Args;
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Instant;

/// Put the results of shares together: the figures are those of the whole data set.
#[derive(Debug, Args)]
#[command(after_long_help = "\
Each result is what `vovdet eval coco --shard I/N --json` printed; the detections that it names must still be there.

Examples:
  vovdet eval merge shard1_eval.json shard2_eval.json
  vovdet eval merge shard*_eval.json --save-detections all.json --json > eval.json")]
pub struct Merge {
    /// Results of all shares, in any order.
    #[arg(value_name = "RESULTS", required = true, num_args = 1..)]
    results: Vec<PathBuf>,
    /// Write all detections: COCO results.
    #[arg(long, value_name = "FILE")]
    save_detections: Option<PathBuf>,
    /// One JSON object instead of a table.
    #[arg(long)]
    json: bool,
    /// A line per class too.
    #[arg(long)]
    per_class: bool,
}

impl Merge {
    /// Does what was asked for.
    ///
    /// # Errors
    /// When the results are not the shares of one run.
    pub fn run(&self, console: &Console) -> Result<Outcome> {
        let start = Instant::now();
        let mut reports = self.results.iter().map(|path| saved::read(path)).collect::<Result<Vec<Report>>>()?;
        self.check(&reports)?;
        let data = CocoData::read(&saved::locate(&reports[0].provenance.annotations, &self.results[0])?)?;
        let mut all = RawResults::none();
        for (report, path) in reports.iter().zip(&self.results) {
            let detections = report.provenance.detections.as_ref();
            let detections = detections.with_context(|| format!("{} names no detections", path.display()))?;
            all.append(RawResults::read(&saved::locate(detections, path)?)?);
        }
        let detections = match &self.save_detections {
            Some(path) => {
                all.write(path).with_context(|| format!("--save-detections {}", path.display()))?;
                Some(FileRef::of(path)?)
            }
            None => None,
        };
        let first = reports.swap_remove(0);
        let mut protocol = first.protocol;
        protocol.selection.shard = None;
        let results = data.results(all, protocol.min_score)?;
        let options = coco::options(&data, &protocol)?;
        let evaluations = metrics::evaluate(&data, &results, &protocol.iou, &options)?;
        let scores = Scores::new(&data, &evaluations, metrics::counts(&data.coco, &results.coco, &options));
        let mut provenance = first.provenance;
        provenance.detections = detections;
        let mut times: BTreeMap<String, f64> = provenance.times_ms;
        for (stage, ms) in reports.iter().flat_map(|report| &report.provenance.times_ms) {
            *times.entry(stage.clone()).or_default() += ms;
        }
        times.insert("merge".into(), milliseconds(start));
        provenance.times_ms = times;
        let report = scores.report(protocol, provenance);
        match self.json {
            true => console.json_line(&report)?,
            false => console.data(&show::coco(&report, self.per_class))?,
        }
        Ok(Outcome::All)
    }

    /// Whether the results are all shares of one run.
    fn check(&self, reports: &[Report]) -> Result<()> {
        let first = &reports[0];
        let mut seen = BTreeMap::new();
        for (report, path) in reports.iter().zip(&self.results) {
            let shown = path.display();
            let Some(shard) = report.protocol.selection.shard else { bail!("{shown} is the result of no share") };
            let mut protocol = report.protocol.clone();
            protocol.selection.shard = first.protocol.selection.shard;
            let weights = |report: &Report| report.provenance.model.as_ref().map(|model| model.weights.sha256.clone());
            let same = [
                ("annotations", report.provenance.annotations.sha256 == first.provenance.annotations.sha256),
                ("weights", weights(report) == weights(first)),
                ("options", protocol == first.protocol),
                ("number of shares", Some(shard.count) == first.protocol.selection.shard.map(|first| first.count)),
            ];
            if let Some((what, _)) = same.iter().find(|(_, same)| !same) {
                bail!("{shown} and {} differ in their {what}", self.results[0].display());
            }
            if let Some(other) = seen.insert(shard, path) {
                bail!("{shown} and {} are both share {shard}", other.display());
            }
        }
        let count = first.protocol.selection.shard.map_or(1, |shard| shard.count);
        let there: Vec<usize> = seen.keys().map(|shard| shard.index).collect();
        let missing: Vec<_> =
            (1..=count).filter(|index| !there.contains(index)).map(|i| format!("{i}/{count}")).collect();
        if !missing.is_empty() {
            bail!("share {} is missing", missing.join(", "));
        }
        Ok(())
    }
}
