//! Greedy non-maximum suppression.

use super::boxes::{Bbox, area, is_finite};
use crate::spec::SoftNms;
use rayon::prelude::*;

/// How two boxes are compared.
#[derive(Debug, Clone, Copy)]
pub struct NmsRule {
    /// IoU threshold.
    pub threshold: f32,
    /// Suppress at the threshold itself too (maskrcnn-benchmark's CPU code).
    pub inclusive: bool,
    /// 1 where boxes hold their last pixel, else 0.
    pub plus_one: f32,
}

/// Indices of the boxes to keep, best score first; at most `limit`. Boxes that are not finite are dropped.
///
/// `boxes` must be in descending order of score. Runs in O(kept · n), on structure-of-arrays so that the inner loop
/// vectorises.
pub fn nms_sorted(boxes: &[Bbox], rule: NmsRule, limit: usize) -> Vec<usize> {
    let column = |i: usize| boxes.iter().map(|b| b[i]).collect::<Vec<_>>();
    let (x1, y1, x2, y2) = (column(0), column(1), column(2), column(3));
    let areas: Vec<f32> = boxes.iter().map(|b| area(b, rule.plus_one)).collect();
    let mut dead: Vec<bool> = boxes.iter().map(|b| !is_finite(b)).collect();
    let mut keep = Vec::new();
    for i in 0..boxes.len() {
        if dead[i] {
            continue;
        }
        keep.push(i);
        if keep.len() == limit {
            break;
        }
        let (b, own) = (boxes[i], areas[i]);
        let rest = i + 1..boxes.len();
        let columns = x1[rest.clone()].iter().zip(&y1[rest.clone()]).zip(&x2[rest.clone()]).zip(&y2[rest.clone()]);
        for ((dead, (((x1, y1), x2), y2)), area) in dead[rest.clone()].iter_mut().zip(columns).zip(&areas[rest]) {
            let w = (b[2].min(*x2) - b[0].max(*x1) + rule.plus_one).max(0.0);
            let h = (b[3].min(*y2) - b[1].max(*y1) + rule.plus_one).max(0.0);
            let intersection = w * h;
            let iou = intersection / (own + area - intersection);
            *dead |= iou > rule.threshold || rule.inclusive && iou == rule.threshold;
        }
    }
    keep
}

/// NMS within each group (a pyramid level, a class), groups in parallel. Returns indices into `boxes`, best score
/// first over all groups; boxes of different groups never suppress each other.
pub fn nms_grouped(boxes: &[Bbox], scores: &[f32], groups: &[usize], rule: NmsRule) -> Vec<usize> {
    let mut order: Vec<usize> = (0..boxes.len()).collect();
    order.sort_by(|&a, &b| scores[b].total_cmp(&scores[a]));
    let count = groups.iter().max().map_or(0, |g| g + 1);
    let mut members = vec![Vec::new(); count];
    for &i in &order {
        members[groups[i]].push(i);
    }
    let mut keep: Vec<usize> = members
        .par_iter()
        .flat_map_iter(|members| {
            let sorted: Vec<Bbox> = members.iter().map(|&i| boxes[i]).collect();
            nms_sorted(&sorted, rule, usize::MAX).into_iter().map(|k| members[k])
        })
        .collect();
    keep.sort_by(|&a, &b| scores[b].total_cmp(&scores[a]).then(a.cmp(&b)));
    keep
}

/// Linear soft-NMS (arXiv 1704.04503) on boxes that hold their last pixel: the best box lowers the scores of those that
/// overlap it, again and again. Returns indices and new scores, best first; a score below the rule's is dropped.
pub fn soft_nms(boxes: &[Bbox], scores: &[f32], rule: SoftNms) -> Vec<(usize, f32)> {
    let mut rest: Vec<(usize, f32)> = scores.iter().copied().enumerate().collect();
    let mut kept = Vec::with_capacity(rest.len());
    while let Some(at) = (0..rest.len()).reduce(|best, i| if rest[i].1 > rest[best].1 { i } else { best }) {
        let best = rest.remove(at);
        kept.push(best);
        let b = &boxes[best.0];
        rest.retain_mut(|(i, score)| {
            let other = &boxes[*i];
            let w = b[2].min(other[2]) - b[0].max(other[0]) + 1.0;
            let h = b[3].min(other[3]) - b[1].max(other[1]) + 1.0;
            if w <= 0.0 || h <= 0.0 {
                return true;
            }
            let overlap = w * h / (area(b, 1.0) + area(other, 1.0) - w * h);
            if overlap > rule.threshold {
                *score *= 1.0 - overlap;
            }
            *score >= rule.score
        });
    }
    kept
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The definition, one pair at a time.
    fn slow(boxes: &[Bbox], rule: NmsRule) -> Vec<usize> {
        let iou = |a: &Bbox, b: &Bbox| {
            let w = (a[2].min(b[2]) - a[0].max(b[0]) + rule.plus_one).max(0.0);
            let h = (a[3].min(b[3]) - a[1].max(b[1]) + rule.plus_one).max(0.0);
            w * h / (area(a, rule.plus_one) + area(b, rule.plus_one) - w * h)
        };
        let mut keep: Vec<usize> = Vec::new();
        for i in 0..boxes.len() {
            let beaten = |&k: &usize| {
                let iou = iou(&boxes[k], &boxes[i]);
                if rule.inclusive { iou >= rule.threshold } else { iou > rule.threshold }
            };
            if is_finite(&boxes[i]) && !keep.iter().any(beaten) {
                keep.push(i);
            }
        }
        keep
    }

    /// Boxes on a small grid, so that exact ties and equal boxes occur.
    fn boxes(seed: u64, n: usize) -> Vec<Bbox> {
        let mut state = seed;
        let mut next = |range: u64| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            ((state >> 33) % range) as f32
        };
        (0..n)
            .map(|_| {
                let (x, y) = (next(30), next(30));
                [x, y, x + 1.0 + next(15), y + 1.0 + next(15)]
            })
            .collect()
    }

    #[test]
    fn agrees_with_the_definition() {
        for seed in 0..50 {
            let boxes = boxes(seed, 120);
            for (threshold, inclusive, plus_one) in [(0.5, false, 0.0), (0.5, true, 1.0), (0.7, false, 0.0)] {
                let rule = NmsRule { threshold, inclusive, plus_one };
                assert_eq!(nms_sorted(&boxes, rule, usize::MAX), slow(&boxes, rule), "seed {seed}");
            }
        }
    }

    #[test]
    fn the_threshold_itself_depends_on_the_rule() {
        // Intersection 50, union 100.
        let boxes = [[0.0, 0.0, 10.0, 10.0], [0.0, 0.0, 10.0, 5.0]];
        let rule = |inclusive| NmsRule { threshold: 0.5, inclusive, plus_one: 0.0 };
        assert_eq!(nms_sorted(&boxes, rule(false), 9), [0, 1]);
        assert_eq!(nms_sorted(&boxes, rule(true), 9), [0]);
    }

    /// A hand calculation: intersection 50 of union 150 is a third, so the second score becomes 0.6 · 2/3.
    #[test]
    fn soft_nms_by_hand() {
        let boxes = [[0.0, 0.0, 9.0, 9.0], [0.0, 5.0, 9.0, 14.0], [50.0, 0.0, 59.0, 9.0], [0.0, 0.0, 9.0, 9.0]];
        let rule = SoftNms { threshold: 0.3, score: 0.01 };
        let kept = soft_nms(&boxes, &[0.9, 0.6, 0.5, 0.8], rule);
        // The equal box falls to nothing; 0.5 passes 0.4.
        assert_eq!(kept.iter().map(|k| k.0).collect::<Vec<_>>(), [0, 2, 1]);
        assert!((kept[2].1 - 0.4).abs() < 1e-6, "{kept:?}");
    }

    #[test]
    fn groups_do_not_meet_and_nan_is_dropped() {
        let boxes = [[0.0, 0.0, 9.0, 9.0], [0.0, 0.0, 9.0, 9.0], [f32::NAN, 0.0, 1.0, 1.0], [0.0, 0.0, 9.0, 9.0]];
        let rule = NmsRule { threshold: 0.5, inclusive: false, plus_one: 0.0 };
        assert_eq!(nms_grouped(&boxes, &[0.1, 0.9, 0.5, 0.4], &[0, 0, 1, 1], rule), [1, 3]);
    }
}
