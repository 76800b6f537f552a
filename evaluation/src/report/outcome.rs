//! What became of every object and detection, after TIDE (Bolya et al., 2020; `tidecv/quantify.py` 1.0.1).
//!
//! hotcoco's own counts let crowds take part, so where there are some they are not tidecv's. Unlike both, a detection that
//! lies in a crowd is no error here: COCO does not count it.

use super::analysis::{Analysis, Cell, MATCH_IOU};
use super::data::Kind;
use hotcoco::primitives::sim::{bbox_iou_flat, mask_iou_flat};
use hotcoco::{Annotation, COCO, Rle};
use rayon::prelude::*;
use std::collections::HashMap;

/// Overlap up to which a detection lies on the background, as in TIDE.
pub const BACKGROUND_IOU: f64 = 0.1;

/// Everything in one image.
pub struct Outcome<'a> {
    /// What is there.
    pub objects: Vec<Object<'a>>,
    /// What was found, best first.
    pub detections: Vec<Judged<'a>>,
}

/// An object.
pub struct Object<'a> {
    /// As the data set has it.
    pub annotation: &'a Annotation,
    /// Its class on the page.
    pub class: usize,
    /// The score of the detection that found it.
    pub found: Option<f64>,
    /// Whether it is not counted: a crowd, a difficult object.
    pub ignored: bool,
}

/// A detection.
pub struct Judged<'a> {
    /// As it was found.
    pub annotation: &'a Annotation,
    /// Its class on the page.
    pub class: usize,
    /// Its confidence.
    pub score: f64,
    /// What became of it.
    pub kind: Kind,
    /// Its overlap with the object that decides about it.
    pub iou: f64,
    /// The object, as a place in the list, that it would have found without its error.
    target: Option<usize>,
}

/// A detection as the evaluator left it.
struct Matched<'a> {
    annotation: &'a Annotation,
    class: usize,
    score: f64,
    /// The id of the object that it found.
    object: Option<u64>,
    ignored: bool,
}

/// Objects that count, with their places in the list of all.
type Counted<'a, 'b> = [(usize, &'b Object<'a>)];

impl<'a> Outcome<'a> {
    /// Takes an image apart. `cells` are those of its classes.
    pub fn new(analysis: &Analysis<'a>, cells: &[Cell<'a>]) -> Self {
        let (truth, results) = (analysis.eval.coco_gt(), analysis.eval.coco_dt());
        let mut objects = Vec::new();
        let mut matched = Vec::new();
        for (cell, row) in cells {
            let Some(&class) = analysis.classes.get(&cell.category_id) else { continue };
            let mut finders = HashMap::new();
            for (d, id) in cell.dt_ids.iter().enumerate() {
                let Some(annotation) = results.get_ann(*id) else { continue };
                let object = cell.dt_matched.row(*row)[d].then(|| cell.dt_matches.row(*row)[d]);
                let (score, ignored) = (cell.dt_scores[d], cell.dt_ignore.row(*row)[d]);
                if let Some(object) = object {
                    finders.entry(object).or_insert(score);
                }
                matched.push(Matched { annotation, class, score, object, ignored });
            }
            for (g, id) in cell.gt_ids.iter().enumerate() {
                let Some(annotation) = truth.get_ann(*id) else { continue };
                objects.push(Object { annotation, class, found: finders.get(id).copied(), ignored: cell.gt_ignore[g] });
            }
        }
        matched.sort_by(|a, b| b.score.total_cmp(&a.score));
        let real: Vec<_> = objects.iter().enumerate().filter(|(_, object)| !object.ignored).collect();
        let overlaps = overlaps(
            (results, &matched.iter().map(|one| one.annotation).collect::<Vec<_>>()),
            (truth, &real.iter().map(|(_, object)| object.annotation).collect::<Vec<_>>()),
            analysis.masks,
        );
        let row = |index: usize| &overlaps[index * real.len()..(index + 1) * real.len()];
        let detections = matched.iter().enumerate().map(|(index, one)| one.judged(row(index), &real)).collect();
        Self { objects, detections }
    }

    /// How many errors of each kind there are. An object that a detection would have found without its own error is not
    /// counted as missed, as in TIDE.
    fn count(&self, counts: &mut HashMap<Kind, u64>) {
        let mut covered = vec![false; self.objects.len()];
        for detection in &self.detections {
            *counts.entry(detection.kind).or_default() += 1;
            if let Some(target) = detection.target {
                covered[target] = true;
            }
        }
        let missed = |(object, covered): &(&Object, bool)| object.found.is_none() && !object.ignored && !covered;
        let missed = self.objects.iter().zip(covered).filter(missed).count();
        *counts.entry(Kind::Missed).or_default() += missed as u64;
    }
}

/// How many errors of each kind there are in all images.
pub fn counts(analysis: &Analysis) -> HashMap<Kind, u64> {
    let images: Vec<_> = analysis.by_image().into_values().collect();
    let each = images.par_iter().fold(HashMap::new, |mut counts, cells| {
        Outcome::new(analysis, cells).count(&mut counts);
        counts
    });
    each.reduce(HashMap::new, |mut all, some| {
        some.into_iter().for_each(|(kind, n)| *all.entry(kind).or_default() += n);
        all
    })
}

impl<'a> Matched<'a> {
    /// Says what became of it. The order of the questions is TIDE's.
    fn judged(&self, overlaps: &[f64], objects: &Counted) -> Judged<'a> {
        let best = |same: bool| {
            let of_class = overlaps.iter().zip(objects).filter(|(_, (_, object))| (object.class == self.class) == same);
            of_class.fold(
                (0.0, None),
                |best: (f64, Option<usize>), (overlap, (place, _))| {
                    if *overlap > best.0 { (*overlap, Some(*place)) } else { best }
                },
            )
        };
        let (same, other) = (best(true), best(false));
        let (kind, iou, target) = match self.object {
            _ if self.ignored => (Kind::Ignored, same.0, None),
            Some(id) => {
                let at = objects.iter().position(|(_, object)| object.annotation.id == id);
                (Kind::Correct, at.map_or(same.0, |at| overlaps[at]), None)
            }
            None if (BACKGROUND_IOU..=MATCH_IOU).contains(&same.0) => (Kind::Location, same.0, same.1),
            None if other.0 >= MATCH_IOU => (Kind::WrongClass, other.0, other.1),
            None if same.0 > MATCH_IOU => (Kind::Duplicate, same.0, None),
            None if other.0 <= BACKGROUND_IOU => (Kind::Background, same.0.max(other.0), None),
            None => (Kind::ClassAndLocation, other.0, None),
        };
        Judged { annotation: self.annotation, class: self.class, score: self.score, kind, iou, target }
    }
}

/// The overlap of every detection with every object, row by row.
pub fn overlaps(found: (&COCO, &[&Annotation]), objects: (&COCO, &[&Annotation]), masks: bool) -> Vec<f64> {
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
