//! The images in which most went wrong.

use super::analysis::Analysis;
use super::confusion;
use super::data::{DetectionMark, Item, ObjectMark, rounded};
use super::outcome::{Judged, Object, Outcome};
use super::outline;
use hotcoco::{Annotation, COCO};
use std::collections::{BTreeMap, HashSet};

/// Detections that are drawn in one image at most.
const DRAWN: usize = 300;

/// Images in which most went wrong, worst first: missed objects, and wrong detections by their score, at a score of at
/// least `min_score`; among equals, wrong detections below it. Where scores are no probabilities, each wrong detection
/// weighs as one object. Images without any error are left out.
pub fn worst(analysis: &Analysis, count: usize, min_score: f64) -> Vec<u64> {
    let weighed = analysis.scores_are_probabilities();
    let mut losses: BTreeMap<u64, (f64, f64)> = BTreeMap::new();
    let mut wrong = HashSet::new();
    for (cell, row) in analysis.cells() {
        let (matched, ignored) = (cell.dt_matched.row(row), cell.dt_ignore.row(row));
        let loss = losses.entry(cell.image_id).or_default();
        let mut missed = cell.num_gt_in_denominator();
        for (d, score) in cell.dt_scores.iter().enumerate().filter(|(d, _)| !ignored[*d]) {
            let weight = if weighed { *score } else { 1.0 };
            if !matched[d] {
                wrong.insert(cell.image_id);
            }
            match (matched[d], *score >= min_score) {
                (true, true) => missed = missed.saturating_sub(1),
                (true, false) => {}
                (false, true) => loss.0 += weight,
                (false, false) => loss.1 += weight,
            }
        }
        loss.0 += missed as f64;
    }
    let mut order: Vec<_> = losses.into_iter().filter(|(image, loss)| loss.0 > 0.0 || wrong.contains(image)).collect();
    // Stable: images that are equally bad come by their ids.
    order.sort_by(|(_, a), (_, b)| b.0.total_cmp(&a.0).then(b.1.total_cmp(&a.1)));
    order.into_iter().take(count).map(|(image, _)| image).collect()
}

/// What became of everything in `images`, which come with their places in the page's list of pictures. Confusions are those
/// at scores of at least `min_score`.
pub fn items(analysis: &Analysis, images: &[(u64, usize)], min_score: f64) -> Vec<Item> {
    let cells = analysis.by_image();
    let one = |(id, picture): &(u64, usize)| item(analysis, &Outcome::new(analysis, &cells[id]), *picture, min_score);
    images.iter().map(one).collect()
}

fn item(analysis: &Analysis, outcome: &Outcome, picture: usize, min_score: f64) -> Item {
    let (truth, results) = (analysis.eval.coco_gt(), analysis.eval.coco_dt());
    let path = |coco: &COCO, annotation: &Annotation| analysis.masks.then(|| outline::path(coco, annotation)).flatten();
    let object = |object: &Object| ObjectMark {
        class: object.class,
        bbox: pixels(truth, object.annotation),
        path: path(truth, object.annotation),
        found: object.found.map(|score| rounded(score, 4)),
        ignored: object.ignored,
    };
    let detection = |found: &Judged| DetectionMark {
        class: found.class,
        bbox: pixels(results, found.annotation),
        path: path(results, found.annotation),
        score: rounded(found.score, 4),
        kind: found.kind,
        iou: rounded(found.iou, 3),
    };
    Item {
        picture,
        objects: outcome.objects.iter().map(object).collect(),
        detections: outcome.detections.iter().take(DRAWN).map(detection).collect(),
        undrawn: outcome.detections.len().saturating_sub(DRAWN),
        pairs: confusion::pairs(analysis, outcome, min_score)
            .into_iter()
            .filter(|(_, detection)| detection.is_none_or(|place| place < DRAWN))
            .collect(),
    }
}

/// The box of an annotation, to a tenth of a pixel; that of its mask where it has none. Negative sides become 0.
fn pixels(coco: &COCO, annotation: &Annotation) -> [f64; 4] {
    let of_mask = || coco.ann_to_rle(annotation).map(|rle| hotcoco::mask::to_bbox(&rle));
    let [x, y, w, h] = annotation.bbox.or_else(of_mask).unwrap_or_default();
    [x, y, w.max(0.0), h.max(0.0)].map(|side| rounded(side, 1))
}
