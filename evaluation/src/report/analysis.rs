//! What the page shows of an evaluator that has matched and accumulated.

use super::data::{Bar, Calibration, Curve, Line, rounded};
use crate::metrics::coco::{self, Evaluation, Figures};
use crate::{Error, Result};
use hotcoco::{AccumulatedEval, COCOeval, EvalImg};
use std::collections::HashMap;

/// Overlap from which a detection counts as correct.
pub const MATCH_IOU: f64 = 0.5;
/// Parts into which scores are put.
const BINS: usize = 10;

/// What the evaluator says of one category in one image, over all sizes, and the row of [`MATCH_IOU`] in it.
pub type Cell<'a> = (&'a EvalImg, usize);

/// An evaluator, and the page's index of each category.
pub struct Analysis<'a> {
    /// The evaluator.
    pub eval: &'a COCOeval,
    /// Category ids to places in the page's list of classes.
    pub classes: &'a HashMap<u64, usize>,
    /// Whether masks were compared.
    pub masks: bool,
}

impl<'a> Analysis<'a> {
    /// Looks at an evaluation that holds its matches.
    pub fn new(evaluation: &'a Evaluation, classes: &'a HashMap<u64, usize>) -> Self {
        Self { eval: evaluation.inner(), classes, masks: evaluation.kind == coco::Kind::Segm }
    }

    fn accumulated(&self) -> Result<&AccumulatedEval> {
        self.eval.accumulated().ok_or(Error::NoMatches("it has not been accumulated"))
    }

    /// Precision over recall: at 0.5, at 0.75 and the mean over all thresholds, of all classes and of each.
    pub fn curves(&self) -> Result<Vec<Curve>> {
        let acc = self.accumulated()?;
        let params = &self.eval.params;
        let mut lines: Vec<(String, Vec<usize>)> = [0.5, 0.75]
            .into_iter()
            .filter_map(|iou| Some((format!("IoU {iou:.2}"), vec![params.iou_thr_idx(iou)?])))
            .collect();
        lines.push(("Mean of 0.50 to 0.95".into(), (0..acc.shape.t).collect()));
        let of = |class: Option<usize>, slots: std::ops::Range<usize>| {
            let line = |(name, thresholds): &(String, Vec<usize>)| {
                let point = |r| self.mean(acc, thresholds, r, slots.clone());
                let points: Option<Vec<f64>> = (0..acc.shape.r).map(point).collect();
                let points = points.unwrap_or_default();
                let ap = average(&points).map(|ap| rounded(ap, 5));
                Line { name: name.clone(), points: points.iter().map(|p| rounded(*p, 4)).collect(), ap }
            };
            Curve { class, lines: lines.iter().map(line).collect() }
        };
        let each =
            acc.cat_ids.iter().enumerate().filter_map(|(k, id)| Some(of(Some(*self.classes.get(id)?), k..k + 1)));
        Ok(std::iter::once(of(None, 0..acc.shape.k)).chain(each).collect())
    }

    /// The mean precision at one recall over those cells that have objects.
    fn mean(
        &self,
        acc: &AccumulatedEval,
        thresholds: &[usize],
        r: usize,
        slots: std::ops::Range<usize>,
    ) -> Option<f64> {
        let (area, limit) = (self.eval.params.all_area_idx(), self.eval.params.max_det_idx());
        let mut sum = (0.0, 0_u32);
        for t in thresholds {
            for k in slots.clone() {
                let value = acc.precision[acc.precision_idx(*t, r, k, area, limit)];
                if value > -1.0 {
                    sum = (sum.0 + value, sum.1 + 1);
                }
            }
        }
        (sum.1 > 0).then(|| sum.0 / f64::from(sum.1))
    }

    /// Average precision at each threshold.
    pub fn by_iou(&self) -> Result<Vec<(f64, Option<f64>)>> {
        let acc = self.accumulated()?;
        let at = |(t, iou): (usize, &f64)| {
            let points: Option<Vec<f64>> = (0..acc.shape.r).map(|r| self.mean(acc, &[t], r, 0..acc.shape.k)).collect();
            (rounded(*iou, 2), points.and_then(|points| average(&points)).map(|ap| rounded(ap, 5)))
        };
        Ok(self.eval.params.iou_thrs.iter().enumerate().map(at).collect())
    }

    /// Whether scores mean what they say; a sentence where that cannot be decided.
    pub fn calibration(&self) -> Result<Calibration, String> {
        if !self.scores_are_probabilities() {
            return Err("The scores are not all between 0 and 1, so they say nothing of how sure they are.".into());
        }
        let found = self.eval.calibration(BINS, MATCH_IOU).map_err(|error| error.to_string())?;
        if found.bins.iter().all(|bin| bin.count == 0) {
            return Err("There are no detections.".into());
        }
        let bins = found.bins.iter().filter(|bin| bin.count > 0);
        let bins = bins.map(|bin| (rounded(bin.avg_confidence, 4), rounded(bin.avg_accuracy, 4), bin.count)).collect();
        Ok(Calibration { ece: rounded(found.ece, 4), bins })
    }

    /// Everything that was matched.
    pub fn cells(&self) -> impl Iterator<Item = Cell<'a>> + use<'a> {
        let eval = self.eval;
        let all = eval.params.all_area_range();
        let row = eval.params.nearest_iou_thr_idx(MATCH_IOU);
        eval.eval_imgs().iter().flatten().filter(move |cell| cell.area_rng == all).map(move |cell| (cell, row))
    }

    /// The same, image by image.
    pub fn by_image(&self) -> HashMap<u64, Vec<Cell<'a>>> {
        let mut images: HashMap<_, Vec<_>> = HashMap::new();
        for cell in self.cells() {
            images.entry(cell.0.image_id).or_default().push(cell);
        }
        images
    }

    /// Whether all scores lie between 0 and 1.
    pub fn scores_are_probabilities(&self) -> bool {
        self.cells().all(|(cell, _)| cell.dt_scores.iter().all(|score| (0.0..=1.0).contains(score)))
    }
}

/// The mean; none of an empty list.
fn average(points: &[f64]) -> Option<f64> {
    (!points.is_empty()).then(|| points.iter().sum::<f64>() / points.len() as f64)
}

/// Average precision and recall by size, from the 12 figures.
pub fn by_size(figures: &Figures) -> Vec<Bar> {
    let known = |value: f64| (value >= 0.0).then_some(rounded(value, 5));
    let bar = |(name, at): (&'static str, usize)| Bar { name, ap: known(figures[at]), ar: known(figures[at + 6]) };
    [("small", 3), ("medium", 4), ("large", 5)].into_iter().map(bar).collect()
}
