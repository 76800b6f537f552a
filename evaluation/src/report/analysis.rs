//! What the page shows of an evaluator that has matched and accumulated.

use super::data::{Bar, Calibration, Confusion, Curve, ErrorShare, Kind, rounded};
use crate::metrics::coco::Figures;
use anyhow::{Context, Result};
use hotcoco::{AccumulatedEval, COCOeval, EvalImg};
use std::collections::HashMap;

/// Overlap at which detections are called right or wrong.
pub const RIGHT: f64 = 0.5;
/// Overlap below which a detection lies on nothing, as in TIDE.
pub const NOTHING: f64 = 0.1;
/// Classes that a confusion matrix shows.
const CONFUSED: usize = 12;
/// Parts into which scores are put.
const BINS: usize = 10;

/// An evaluator, and the page's index of each category.
pub struct Analysis<'a> {
    /// The evaluator.
    pub eval: &'a COCOeval,
    /// Category ids to places in the page's list of classes.
    pub classes: &'a HashMap<u64, usize>,
}

impl Analysis<'_> {
    fn accumulated(&self) -> Result<&AccumulatedEval> {
        self.eval.accumulated().context("the evaluation has not been accumulated")
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
                (name.clone(), points.unwrap_or_default())
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
        (sum.1 > 0).then(|| rounded(sum.0 / f64::from(sum.1), 4))
    }

    /// Average precision at each threshold.
    pub fn by_iou(&self) -> Result<Vec<(f64, Option<f64>)>> {
        let acc = self.accumulated()?;
        let at = |(t, iou): (usize, &f64)| {
            let points: Option<Vec<f64>> = (0..acc.shape.r).map(|r| self.mean(acc, &[t], r, 0..acc.shape.k)).collect();
            (rounded(*iou, 2), points.map(|points| rounded(points.iter().sum::<f64>() / points.len() as f64, 4)))
        };
        Ok(self.eval.params.iou_thrs.iter().enumerate().map(at).collect())
    }

    /// What the errors cost, after TIDE.
    pub fn errors(&self) -> Result<Vec<ErrorShare>> {
        let tide = self.eval.tide_errors(RIGHT, NOTHING)?;
        let share = |(name, kind): (&str, Kind)| ErrorShare {
            kind,
            delta_ap: rounded(tide.delta_ap.get(name).copied().unwrap_or(0.0), 5),
            count: tide.counts.get(name).copied().unwrap_or(0),
        };
        let kinds = [
            ("Cls", Kind::WrongClass),
            ("Loc", Kind::Location),
            ("Both", Kind::ClassAndLocation),
            ("Dupe", Kind::Duplicate),
            ("Bkg", Kind::Background),
            ("Miss", Kind::Missed),
        ];
        Ok(kinds.into_iter().map(share).collect())
    }

    /// Which class was taken for which.
    pub fn confusion(&self, min_score: f64) -> Confusion {
        let matrix = self.eval.confusion_matrix(RIGHT, None, Some(min_score));
        let all = matrix.num_cats;
        let errors = |class: usize| -> (u64, u64) {
            let others = (0..all).filter(|other| *other != class);
            let between = others.map(|other| matrix.get(class, other) + matrix.get(other, class)).sum();
            (between, (0..=all).map(|column| matrix.get(class, column)).sum())
        };
        let mut order: Vec<usize> =
            (0..all).filter(|class| self.classes.contains_key(&matrix.cat_ids[*class])).collect();
        order.sort_by_cached_key(|class| std::cmp::Reverse(errors(*class)));
        order.truncate(CONFUSED);
        order.sort_unstable();
        let classes: Vec<usize> = order.iter().map(|class| self.classes[&matrix.cat_ids[*class]]).collect();
        let left_out = all - classes.len();
        order.push(all);
        let row = |row: &usize| order.iter().map(|column| matrix.get(*row, *column)).collect();
        Confusion { rows: order.iter().map(row).collect(), classes, left_out, min_score }
    }

    /// Whether scores mean what they say; a sentence where they are no parts of one.
    pub fn calibration(&self) -> Result<Calibration, String> {
        let found = self.eval.calibration(BINS, RIGHT);
        let found =
            found.map_err(|_| "The scores are not all between 0 and 1, so they say nothing of how sure they are.")?;
        let bins = found.bins.iter().filter(|bin| bin.count > 0);
        let bins = bins.map(|bin| (rounded(bin.avg_confidence, 4), rounded(bin.avg_accuracy, 4), bin.count)).collect();
        Ok(Calibration { ece: rounded(found.ece, 4), bins })
    }

    /// The cells of images and categories over all sizes, and the row of [`RIGHT`] in them.
    pub fn cells(&self) -> impl Iterator<Item = (&EvalImg, usize)> {
        let all = self.eval.params.all_area_range();
        let row = self.eval.params.nearest_iou_thr_idx(RIGHT);
        self.eval.eval_imgs().iter().flatten().filter(move |cell| cell.area_rng == all).map(move |cell| (cell, row))
    }

    /// The score at which all detections together have the best F1.
    pub fn operating_point(&self) -> f64 {
        let mut objects = 0;
        let mut answers = Vec::new();
        for (cell, row) in self.cells() {
            objects += cell.num_gt_in_denominator();
            let each = cell.dt_scores.iter().zip(cell.dt_matched.row(row)).zip(cell.dt_ignore.row(row));
            answers.extend(each.filter(|(_, ignored)| !**ignored).map(|((score, right), _)| (*score, *right)));
        }
        answers.sort_by(|a: &(f64, bool), b| b.0.total_cmp(&a.0));
        let mut right = 0_usize;
        let mut best = (0.0, 0.0);
        for (index, (score, is_right)) in answers.iter().enumerate() {
            right += usize::from(*is_right);
            // Detections of one score are taken together.
            let last = answers.get(index + 1).is_none_or(|(next, _)| next < score);
            let f1 = 2.0 * right as f64 / (index + 1 + objects) as f64;
            if last && f1 > best.0 {
                best = (f1, *score);
            }
        }
        // Rounded down, so that the best score itself is still above it.
        (best.1 * 1000.0).floor() / 1000.0
    }
}

/// Average precision and recall by size, from the 12 figures.
pub fn by_size(figures: &Figures) -> Vec<Bar> {
    let known = |value: f64| (value >= 0.0).then_some(rounded(value, 5));
    let bar = |(name, at): (&'static str, usize)| Bar { name, ap: known(figures[at]), ar: known(figures[at + 6]) };
    [("small", 3), ("medium", 4), ("large", 5)].into_iter().map(bar).collect()
}
