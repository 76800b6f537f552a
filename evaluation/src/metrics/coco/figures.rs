//! The 12 figures of COCO, from the accumulated precision and recall.

use hotcoco::{AccumulatedEval, COCOeval, Params};
use std::ops::Range;

/// The 12 figures in pycocotools' order, -1 where nothing can be said.
pub type Figures = [f64; 12];

/// Sizes of objects, in hotcoco's names.
const SIZES: [&str; 4] = ["all", "small", "medium", "large"];

/// What one figure averages.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Figure {
    /// Short name: `AP`, `AP50`, …
    pub name: &'static str,
    /// Precision averaged over recalls, or the recall itself.
    pub precision: bool,
    /// One overlap that counts as found; none for the average over 0.50, 0.55, …, 0.95.
    pub iou: Option<f64>,
    /// Sizes of objects.
    pub size: &'static str,
    /// Which of the three limits of detections per image.
    pub limit: usize,
}

const fn figure(name: &'static str, precision: bool, iou: Option<f64>, size: usize, limit: usize) -> Figure {
    Figure { name, precision, iou, size: SIZES[size], limit }
}

/// The 12 figures in pycocotools' order.
pub const FIGURES: [Figure; 12] = [
    figure("AP", true, None, 0, 2),
    figure("AP50", true, Some(0.5), 0, 2),
    figure("AP75", true, Some(0.75), 0, 2),
    figure("APs", true, None, 1, 2),
    figure("APm", true, None, 2, 2),
    figure("APl", true, None, 3, 2),
    figure("AR1", false, None, 0, 0),
    figure("AR10", false, None, 0, 1),
    figure("AR100", false, None, 0, 2),
    figure("ARs", false, None, 1, 2),
    figure("ARm", false, None, 2, 2),
    figure("ARl", false, None, 3, 2),
];

/// Where each figure lies on the axes of the accumulated arrays.
pub struct Axes {
    places: [Place; 12],
}

/// Where one figure lies.
pub struct Place {
    /// Overlaps that it averages over.
    pub thresholds: Range<usize>,
    /// Sizes of objects.
    pub size: usize,
    /// Limit of detections per image.
    pub limit: usize,
}

impl Axes {
    pub fn of(params: &Params) -> Self {
        let mut limits = params.max_dets.clone();
        limits.sort_unstable();
        let place = |figure: Figure| {
            let limit = limits.get(figure.limit).and_then(|n| params.max_dets.iter().position(|m| m == n)).unwrap_or(0);
            let thresholds = match figure.iou {
                None => 0..params.iou_thrs.len(),
                Some(iou) => params.iou_thr_idx(iou).map_or(0..0, |t| t..t + 1),
            };
            Place { thresholds, size: params.area_range_idx(figure.size).unwrap_or(0), limit }
        };
        Self { places: FIGURES.map(place) }
    }

    /// The place of each figure, in the order of [`FIGURES`].
    pub fn into_places(self) -> [Place; 12] {
        self.places
    }
}

/// The figures over all categories of an evaluator that has accumulated.
pub fn all(eval: &COCOeval) -> Figures {
    eval.accumulated().map_or([-1.0; 12], |acc| of(acc, &Axes::of(&eval.params), 0..acc.shape.k))
}

/// The figures over the categories in `classes`, places on the K axis.
pub fn of(acc: &AccumulatedEval, axes: &Axes, classes: Range<usize>) -> Figures {
    let mut values = Vec::new();
    std::array::from_fn(|i| {
        let place = &axes.places[i];
        values.clear();
        // In numpy's order, categories innermost: the sum of floats depends on it.
        for t in place.thresholds.clone() {
            if FIGURES[i].precision {
                for r in 0..acc.shape.r {
                    let at = |k| acc.precision[acc.precision_idx(t, r, k, place.size, place.limit)];
                    values.extend(classes.clone().map(at).filter(|v| *v > -1.0));
                }
            } else {
                let at = |k| acc.recall[acc.recall_idx(t, k, place.size, place.limit)];
                values.extend(classes.clone().map(at).filter(|v| *v > -1.0));
            }
        }
        if values.is_empty() { -1.0 } else { pairwise_sum(&values) / values.len() as f64 }
    })
}

/// The sum in the order that numpy adds: pairwise, with eight running sums in blocks of up to 128.
pub fn pairwise_sum(values: &[f64]) -> f64 {
    match values.len() {
        0..8 => values.iter().fold(0.0, |sum, value| sum + value),
        8..=128 => {
            let (lanes, rest) = values.as_chunks::<8>();
            let mut sums = lanes[0];
            for lane in &lanes[1..] {
                for (sum, value) in sums.iter_mut().zip(lane) {
                    *sum += value;
                }
            }
            let [a, b, c, d, e, f, g, h] = sums;
            rest.iter().fold(((a + b) + (c + d)) + ((e + f) + (g + h)), |sum, value| sum + value)
        }
        n => {
            let half = n / 2 - n / 2 % 8;
            pairwise_sum(&values[..half]) + pairwise_sum(&values[half..])
        }
    }
}
