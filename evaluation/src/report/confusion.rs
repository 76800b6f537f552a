//! Which class was taken for which: every detection of an image is matched with objects of any class.

use super::analysis::{Analysis, MATCH_IOU};
use super::data::Confusion;
use super::outcome::{Outcome, overlaps};
use hotcoco::primitives::greedy::{GtMasks, greedy_match_masked};

/// Classes that a confusion matrix shows.
const SHOWN: usize = 20;

/// The matrix of all images at scores of at least `min_score`, of the classes that are confused most.
pub fn matrix(analysis: &Analysis, min_score: f64) -> Confusion {
    let matrix = analysis.eval.confusion_matrix(MATCH_IOU, None, Some(min_score));
    // The last row and column are those of the background.
    let all = matrix.num_cats;
    let row_total = |row: usize| -> u64 { (0..=all).map(|column| matrix.get(row, column)).sum() };
    let errors = |class: usize| -> (u64, u64) {
        let others = (0..all).filter(|other| *other != class);
        let between = others.map(|other| matrix.get(class, other) + matrix.get(other, class)).sum();
        (between, row_total(class))
    };
    let mut order: Vec<usize> =
        (0..all).filter(|class| analysis.classes.contains_key(&matrix.cat_ids[*class])).collect();
    order.sort_by_cached_key(|class| std::cmp::Reverse(errors(*class)));
    order.truncate(SHOWN);
    order.sort_unstable();
    let classes: Vec<usize> = order.iter().map(|class| analysis.classes[&matrix.cat_ids[*class]]).collect();
    let left_out = all - classes.len();
    order.push(all);
    let row = |row: &usize| order.iter().map(|column| matrix.get(*row, *column)).collect();
    Confusion {
        rows: order.iter().map(row).collect(),
        row_totals: order.iter().map(|row| row_total(*row)).collect(),
        not_detected: (0..all).map(|class| matrix.get(class, all)).sum(),
        classes,
        left_out,
        min_score,
    }
}

/// What the matrix counts in one image: an object and the detection on it, an object alone, or a detection alone, as
/// places in the lists of the outcome. The rule is hotcoco's for its `confusion_matrix`.
pub fn pairs(analysis: &Analysis, outcome: &Outcome, min_score: f64) -> Vec<(Option<usize>, Option<usize>)> {
    let objects: Vec<_> = outcome.objects.iter().enumerate().filter(|(_, object)| !object.annotation.iscrowd).collect();
    let detections = outcome.detections.iter().take_while(|detection| detection.score >= min_score);
    let detections: Vec<_> = detections.take(analysis.eval.params.max_det()).collect();
    let ious = overlaps(
        (analysis.eval.coco_dt(), &detections.iter().map(|detection| detection.annotation).collect::<Vec<_>>()),
        (analysis.eval.coco_gt(), &objects.iter().map(|(_, object)| object.annotation).collect::<Vec<_>>()),
        analysis.masks,
    );
    let (rows, columns) = (detections.len(), objects.len());
    let matched = greedy_match_masked(&ious, rows, columns, columns, GtMasks::default(), &[MATCH_IOU]);
    let found = matched.dt_gt.row(0).iter().enumerate();
    let found = found.map(|(detection, object)| (object.map(|at| objects[at].0), Some(detection)));
    let alone = matched.gt_matched.row(0).iter().zip(&objects).filter(|(matched, _)| !**matched);
    found.chain(alone.map(|(_, (object, _))| (Some(*object), None))).collect()
}
