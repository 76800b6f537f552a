//! VOC's average precision, after the `voc_eval` of py-faster-rcnn: in both conventions, difficult objects left out.
//!
//! Boxes hold their last pixel, so a width is `xmax - xmin + 1`. Detections of a class are taken in the order of their
//! scores; each looks at the object of its image that it overlaps most. It is right when the overlap is more than the
//! threshold and the object has not been found before, neither right nor wrong when the object is difficult, and wrong
//! else.

mod ap;
mod detections;
mod replay;
mod report;

pub use ap::{area_under_curve, eleven_points};
pub use detections::{Detections, is_folder, read_detections, write_comp4, write_results};
pub use replay::VocReplay;
pub use report::{ClassReport, Counts, Protocol, Report, Scores};

use rayon::prelude::*;
use std::collections::HashSet;
use vovdet_datasets::voc::{Object, VocData};

/// What computes the figures.
pub const METRICS: &str = "vovdet";

/// One detection of a class.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Detection {
    /// Index into [`VocData::images`].
    pub image: usize,
    /// Confidence.
    pub score: f64,
    /// `[xmin, ymin, xmax, ymax]` in VOC's pixels, which are counted from 1.
    pub bbox: [f64; 4],
}

/// What became of a detection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// It found an object: its place among the objects of the class in its image.
    Right(usize),
    /// It found an object that another one had found, or none.
    Wrong,
    /// It found a difficult object.
    Neither,
}

/// One class: detections, best first, with their verdicts.
#[derive(Debug, Clone, PartialEq)]
pub struct Class {
    /// Objects that are to be found.
    pub objects: usize,
    /// Objects that are difficult.
    pub difficult: usize,
    /// Detections, best first; those of one score stay in their order.
    pub detections: Vec<(Detection, Verdict)>,
}

/// Matches detections to objects, class by class. `images` says which images take part.
pub fn evaluate(data: &VocData, detections: &Detections, images: &HashSet<usize>, threshold: f64) -> Vec<Class> {
    let one = |(class, list): (usize, &Vec<Detection>)| {
        let mut list: Vec<_> = list.iter().copied().filter(|detection| images.contains(&detection.image)).collect();
        // Stable: those of one score stay in their order.
        list.sort_by(|a, b| b.score.total_cmp(&a.score));
        matched(data, class, list, images, threshold)
    };
    detections.by_class.par_iter().enumerate().map(one).collect()
}

fn matched(data: &VocData, class: usize, list: Vec<Detection>, images: &HashSet<usize>, threshold: f64) -> Class {
    let objects: Vec<Vec<&Object>> = data
        .images
        .iter()
        .enumerate()
        .map(|(index, image)| match images.contains(&index) {
            true => image.objects.iter().filter(|object| object.class == class).collect(),
            false => Vec::new(),
        })
        .collect();
    let mut found: Vec<Vec<bool>> = objects.iter().map(|list| vec![false; list.len()]).collect();
    let verdict = |detection: Detection| {
        let overlaps = objects[detection.image].iter().map(|object| overlap(object.bbox, detection.bbox));
        // The first of several that overlap equally.
        let best = overlaps.enumerate().fold(None, |best: Option<(usize, f64)>, (index, overlap)| match best {
            Some((_, most)) if overlap <= most => best,
            _ => Some((index, overlap)),
        });
        let verdict = match best.filter(|(_, overlap)| *overlap > threshold) {
            None => Verdict::Wrong,
            Some((index, _)) if objects[detection.image][index].difficult => Verdict::Neither,
            Some((index, _)) if std::mem::replace(&mut found[detection.image][index], true) => Verdict::Wrong,
            Some((index, _)) => Verdict::Right(index),
        };
        (detection, verdict)
    };
    let detections = list.into_iter().map(verdict).collect();
    let difficult = objects.iter().flatten().filter(|object| object.difficult).count();
    Class { objects: objects.iter().map(Vec::len).sum::<usize>() - difficult, difficult, detections }
}

/// Intersection over union of boxes that hold their last pixel.
fn overlap(a: [f64; 4], b: [f64; 4]) -> f64 {
    let side = |low: f64, high: f64| (high - low + 1.0).max(0.0);
    let both = side(a[0].max(b[0]), a[2].min(b[2])) * side(a[1].max(b[1]), a[3].min(b[3]));
    let area = |[x1, y1, x2, y2]: [f64; 4]| (x2 - x1 + 1.0) * (y2 - y1 + 1.0);
    both / (area(b) + area(a) - both)
}

impl Class {
    /// Recall and precision after each detection, those of difficult objects included as they stand.
    pub fn curve(&self) -> Vec<(f64, f64)> {
        let (mut right, mut wrong) = (0_u64, 0_u64);
        let mut point = |(_, verdict): &(Detection, Verdict)| {
            match verdict {
                Verdict::Right(_) => right += 1,
                Verdict::Wrong => wrong += 1,
                Verdict::Neither => {}
            }
            let answers = (right + wrong) as f64;
            (right as f64 / self.objects as f64, right as f64 / answers.max(f64::EPSILON))
        };
        self.detections.iter().map(&mut point).collect()
    }

    /// Average precision at eleven recalls, and as the area under the curve; none without objects.
    pub fn average_precision(&self) -> Option<(f64, f64)> {
        let curve = self.curve();
        (self.objects > 0).then(|| (eleven_points(&curve), area_under_curve(&curve)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn boxes_hold_their_last_pixel() {
        assert_eq!(overlap([1.0, 1.0, 1.0, 1.0], [1.0, 1.0, 2.0, 1.0]), 0.5);
        assert_eq!(overlap([1.0, 1.0, 2.0, 2.0], [4.0, 4.0, 5.0, 5.0]), 0.0);
    }
}
