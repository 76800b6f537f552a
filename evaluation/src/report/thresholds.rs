//! Precision, recall and F1 by score: from which score on detections are best believed.

use super::analysis::Analysis;
use super::data::{OperatingPoint, ThresholdCurve, Thresholds};
use rayon::prelude::*;

/// Steps of the scores at which detections are counted.
const STEPS: usize = 100;

/// A detection that counts: its score, and whether it found an object.
type Answer = (f64, bool);

/// The objects and detections of a class, or of all.
#[derive(Clone, Default)]
struct Class {
    objects: usize,
    answers: Vec<Answer>,
}

/// Counts the detections of all classes together, and of each of the page's `count` classes, by score.
pub fn thresholds(analysis: &Analysis, count: usize) -> Thresholds {
    let mut all = Class::default();
    let mut each = vec![Class::default(); count];
    for (cell, row) in analysis.cells() {
        let scores = cell.dt_scores.iter().zip(cell.dt_matched.row(row)).zip(cell.dt_ignore.row(row));
        let answers = scores.filter(|(_, ignored)| !**ignored).map(|((score, correct), _)| (*score, *correct));
        let objects = cell.num_gt_in_denominator();
        if let Some(class) = analysis.classes.get(&cell.category_id).and_then(|index| each.get_mut(*index)) {
            class.objects += objects;
            class.answers.extend(answers.clone());
        }
        all.objects += objects;
        all.answers.extend(answers);
    }
    let scores = steps(analysis, &all.answers);
    let each = each.into_par_iter().enumerate().map(|(index, class)| class.curve(Some(index), &scores)).collect();
    let curves = [vec![all.curve(None, &scores)], each].concat();
    Thresholds { scores, curves }
}

/// Hundredths where all scores are probabilities; else a hundred steps from the least score to the greatest.
fn steps(analysis: &Analysis, answers: &[Answer]) -> Vec<f64> {
    if analysis.scores_are_probabilities() {
        return (0..=STEPS).map(|step| step as f64 / STEPS as f64).collect();
    }
    let (least, most) = answers
        .iter()
        .fold((f64::INFINITY, f64::NEG_INFINITY), |(least, most), (score, _)| (least.min(*score), most.max(*score)));
    let (least, most) = if least < most { (least, most) } else { (0.0, 1.0) };
    (0..=STEPS).map(|step| least + (most - least) * step as f64 / STEPS as f64).collect()
}

impl Class {
    fn curve(mut self, class: Option<usize>, scores: &[f64]) -> ThresholdCurve {
        self.answers.sort_by(|a, b| b.0.total_cmp(&a.0));
        let mut correct = 0;
        let correct_of_first = |(_, is_correct): &Answer| {
            correct += usize::from(*is_correct);
            correct
        };
        let sums: Vec<usize> = self.answers.iter().map(correct_of_first).collect();
        let at = |score: f64| {
            let count = self.answers.partition_point(|(each, _)| *each >= score);
            let correct = count.checked_sub(1).map_or(0, |last| sums[last]);
            OperatingPoint { score, correct, wrong: count - correct }
        };
        let points: Vec<_> = scores.iter().map(|score| at(*score)).collect();
        ThresholdCurve {
            class,
            objects: self.objects,
            correct: points.iter().map(|point| point.correct).collect(),
            wrong: points.iter().map(|point| point.wrong).collect(),
            best: at(self.best_score(&sums)),
        }
    }

    /// The score at which F1 is best; the least of all where no detection is correct. `sums` are the numbers of correct
    /// detections among the first ones.
    fn best_score(&self, sums: &[usize]) -> f64 {
        let mut best = (0.0, self.answers.last().map_or(0.0, |(least, _)| *least));
        for (index, (score, _)) in self.answers.iter().enumerate() {
            // Detections of one score are taken together.
            let last = self.answers.get(index + 1).is_none_or(|(next, _)| next < score);
            let f1 = 2.0 * sums[index] as f64 / (index + 1 + self.objects) as f64;
            if last && f1 > best.0 {
                best = (f1, *score);
            }
        }
        // Rounded down to what the page shows, so that detections of the best score itself are still above it.
        (best.1 * 1000.0).floor() / 1000.0
    }
}
