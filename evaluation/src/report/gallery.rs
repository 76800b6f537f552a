//! The images in which most went wrong, and what became of every object and detection in them.

use super::analysis::{Analysis, NOTHING, RIGHT};
use super::data::{DetectionMark, Item, Kind, ObjectMark, rounded};
use super::outline;
use hotcoco::primitives::sim::{bbox_iou_flat, mask_iou_flat};
use hotcoco::{Annotation, COCO, EvalImg, Rle};
use std::collections::{BTreeMap, HashMap};

/// Detections that are drawn in one image at most.
const DRAWN: usize = 300;

/// Images in which most went wrong, worst first: missed objects, and wrong detections by their score, at a score of at
/// least `min_score`; among equals, wrong detections below it. Images without any error are left out.
pub fn worst(analysis: &Analysis, count: usize, min_score: f64) -> Vec<u64> {
    let mut losses: BTreeMap<u64, (f64, f64)> = BTreeMap::new();
    for (cell, row) in analysis.cells() {
        let (matched, ignored) = (cell.dt_matched.row(row), cell.dt_ignore.row(row));
        let loss = losses.entry(cell.image_id).or_default();
        let mut missed = cell.num_gt_in_denominator();
        for (d, score) in cell.dt_scores.iter().enumerate().filter(|(d, _)| !ignored[*d]) {
            match (matched[d], *score >= min_score) {
                (true, true) => missed = missed.saturating_sub(1),
                (true, false) => {}
                (false, true) => loss.0 += score,
                (false, false) => loss.1 += score,
            }
        }
        loss.0 += missed as f64;
    }
    let mut order: Vec<_> = losses.into_iter().filter(|(_, loss)| loss.0 > 0.0 || loss.1 > 0.0).collect();
    // Stable: images that are equally bad come by their ids.
    order.sort_by(|(_, a), (_, b)| b.0.total_cmp(&a.0).then(b.1.total_cmp(&a.1)));
    order.into_iter().take(count).map(|(image, _)| image).collect()
}

/// What became of everything in `images`. `picture` are their places in the page's list.
pub fn items(analysis: &Analysis, images: &[(u64, usize)], masks: bool) -> Vec<Item> {
    let mut cells: HashMap<u64, Vec<(&EvalImg, usize)>> = images.iter().map(|(id, _)| (*id, Vec::new())).collect();
    for (cell, row) in analysis.cells() {
        if let Some(list) = cells.get_mut(&cell.image_id) {
            list.push((cell, row));
        }
    }
    images.iter().map(|(id, picture)| item(analysis, &cells[id], *picture, masks)).collect()
}

/// A detection as the evaluator left it.
struct Found<'a> {
    annotation: &'a Annotation,
    class: usize,
    score: f64,
    /// The object that it found.
    object: Option<u64>,
    ignored: bool,
}

fn item(analysis: &Analysis, cells: &[(&EvalImg, usize)], picture: usize, masks: bool) -> Item {
    let (truth, results) = (analysis.eval.coco_gt(), analysis.eval.coco_dt());
    let mut objects = Vec::new();
    let mut found = Vec::new();
    for (cell, row) in cells {
        let Some(&class) = analysis.classes.get(&cell.category_id) else { continue };
        let mut finders = HashMap::new();
        for (d, id) in cell.dt_ids.iter().enumerate() {
            let Some(annotation) = results.get_ann(*id) else { continue };
            let object = cell.dt_matched.row(*row)[d].then(|| cell.dt_matches.row(*row)[d]);
            if let Some(object) = object {
                finders.entry(object).or_insert(cell.dt_scores[d]);
            }
            let (score, ignored) = (cell.dt_scores[d], cell.dt_ignore.row(*row)[d]);
            found.push(Found { annotation, class, score, object, ignored });
        }
        for (g, id) in cell.gt_ids.iter().enumerate() {
            let Some(annotation) = truth.get_ann(*id) else { continue };
            let found = finders.get(id).map(|score| rounded(*score, 4));
            objects.push((annotation, class, found, cell.gt_ignore[g]));
        }
    }
    found.sort_by(|a, b| b.score.total_cmp(&a.score));
    found.truncate(DRAWN);
    let real: Vec<_> = objects.iter().filter(|(_, _, _, ignored)| !ignored).collect();
    let overlaps = overlaps(
        (results, &found.iter().map(|found| found.annotation).collect::<Vec<_>>()),
        (truth, &real.iter().map(|(annotation, ..)| *annotation).collect::<Vec<_>>()),
        masks,
    );
    let mark = |(index, found): (usize, &Found)| {
        let row = &overlaps[index * real.len()..(index + 1) * real.len()];
        let (kind, iou) = kind(found, row, &real.iter().map(|(a, class, ..)| (a.id, *class)).collect::<Vec<_>>());
        DetectionMark {
            class: found.class,
            bbox: pixels(results, found.annotation),
            path: masks.then(|| outline::path(results, found.annotation)).flatten(),
            score: rounded(found.score, 4),
            kind,
            iou: rounded(iou, 3),
        }
    };
    let detections = found.iter().enumerate().map(mark).collect();
    let object = |(annotation, class, found, ignored): &(&Annotation, usize, Option<f64>, bool)| ObjectMark {
        class: *class,
        bbox: pixels(truth, annotation),
        path: masks.then(|| outline::path(truth, annotation)).flatten(),
        found: *found,
        ignored: *ignored,
    };
    Item { picture, objects: objects.iter().map(object).collect(), detections }
}

/// What became of a detection, and the overlap that says so. The order of the questions is TIDE's.
fn kind(found: &Found, overlaps: &[f64], objects: &[(u64, usize)]) -> (Kind, f64) {
    let best = |same: bool| {
        let of_class = overlaps.iter().zip(objects).filter(|(_, (_, class))| (*class == found.class) == same);
        of_class.map(|(overlap, _)| *overlap).fold(0.0, f64::max)
    };
    let (same, other) = (best(true), best(false));
    match found.object {
        _ if found.ignored => (Kind::Ignored, same),
        Some(object) => {
            let at = objects.iter().position(|(id, _)| *id == object);
            (Kind::Correct, at.map_or(same, |at| overlaps[at]))
        }
        None if (NOTHING..=RIGHT).contains(&same) => (Kind::Location, same),
        None if other >= RIGHT => (Kind::WrongClass, other),
        None if same > RIGHT => (Kind::Duplicate, same),
        None if other <= NOTHING => (Kind::Background, same.max(other)),
        None => (Kind::ClassAndLocation, other),
    }
}

/// Every detection with every object, row by row.
fn overlaps(found: (&COCO, &[&Annotation]), objects: (&COCO, &[&Annotation]), masks: bool) -> Vec<f64> {
    let crowds = vec![false; objects.1.len()];
    if masks {
        let rles = |(coco, list): (&COCO, &[&Annotation])| -> Vec<Rle> {
            let empty = || Rle { h: 0, w: 0, counts: Vec::new() };
            list.iter().map(|annotation| coco.ann_to_rle(annotation).unwrap_or_else(empty)).collect()
        };
        return mask_iou_flat(&rles(found), &rles(objects), &crowds);
    }
    let boxes = |list: &[&Annotation]| list.iter().map(|a| a.bbox.unwrap_or_default()).collect::<Vec<_>>();
    bbox_iou_flat(&boxes(found.1), &boxes(objects.1), &crowds)
}

/// The box of an annotation, to a tenth of a pixel; that of its mask where it has none.
fn pixels(coco: &COCO, annotation: &Annotation) -> [f64; 4] {
    let of_mask = || coco.ann_to_rle(annotation).map(|rle| hotcoco::mask::to_bbox(&rle));
    annotation.bbox.or_else(of_mask).unwrap_or_default().map(|side| rounded(side, 1))
}
