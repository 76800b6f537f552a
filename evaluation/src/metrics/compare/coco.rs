//! COCO's figures with images that count several times.

use super::bootstrap::{LANES, Lanes, Replay};
use crate::data::category::CategoryId;
use crate::metrics::coco::{Axes, Evaluation, FIGURES, Place, pairwise_sum};
use anyhow::{Context, Result};
use hotcoco::EvalImg;
use std::collections::HashMap;

/// Added to the number of answers, as in pycocotools.
const SPACING: f64 = f64::EPSILON;

/// One kind's matches, ready to be counted again. Figure `f` of all classes is at `f`, that of class `k` at
/// `12 (k + 1) + f`.
pub struct CocoReplay {
    images: usize,
    ids: Vec<CategoryId>,
    classes: Vec<Class>,
    figures: Vec<(Place, Counted)>,
    sizes: usize,
    thresholds: usize,
    recalls: Vec<f64>,
}

/// What a figure is computed from.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Counted {
    /// The curve.
    Precision,
    /// Its end.
    Recall,
    /// Fewer detections of each image: a place in [`Class::few`].
    Few(usize),
}

struct Class {
    sizes: Vec<Size>,
    /// Per limit and threshold: the images of the right detections.
    few: Vec<Vec<Vec<u32>>>,
}

/// Objects of one class and size, and the detections that count among them.
struct Size {
    /// Images that hold objects, and how many.
    objects: Vec<(u32, f64)>,
    /// Per threshold: detections, best first.
    events: Vec<Vec<Event>>,
}

/// A detection: its image, and whether it is right.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Event(u32);

impl Event {
    pub(super) fn new(image: u32, right: bool) -> Self {
        Self(image << 1 | u32::from(right))
    }

    pub(super) fn image(self) -> usize {
        (self.0 >> 1) as usize
    }

    pub(super) fn is_right(self) -> bool {
        self.0 & 1 == 1
    }
}

/// Room for a pass.
pub struct Scratch {
    /// Per class and replicate: thresholds × recalls.
    precision: Vec<f64>,
    /// Per class and replicate: thresholds.
    recall: Vec<f64>,
    /// The same with fewer detections of each image.
    few: Vec<f64>,
    /// Per class: objects in each replicate.
    objects: Vec<Lanes>,
    /// The best precision since so many recalls were reached.
    curve: Vec<Lanes>,
    /// The values that a mean is over.
    values: Vec<f64>,
}

impl CocoReplay {
    /// Takes the matches out of an evaluation. `images` are the ids of its images, ascending.
    ///
    /// # Errors
    /// When the evaluator kept no matches.
    pub fn new(evaluation: &Evaluation, images: &[u64]) -> Result<Self> {
        let eval = evaluation.inner();
        let params = &eval.params;
        let places: HashMap<u64, u32> = images.iter().copied().zip(0..).collect();
        let most = params.max_det();
        let mut limits = Vec::new();
        let figures = Axes::of(params).into_places().into_iter().zip(&FIGURES).map(|(place, figure)| {
            let limit = params.max_dets.get(place.limit).copied().unwrap_or(most);
            let counted = match (figure.precision, limit < most) {
                (true, _) => Counted::Precision,
                (false, false) => Counted::Recall,
                (false, true) => {
                    limits.push((limit, place.size));
                    Counted::Few(limits.len() - 1)
                }
            };
            (place, counted)
        });
        let figures = figures.collect();
        let mut cells: HashMap<u64, Vec<Vec<(u32, &EvalImg)>>> = HashMap::new();
        for cell in eval.eval_imgs().iter().flatten() {
            let image = *places.get(&cell.image_id).context("a match is of an image that does not take part")?;
            let size = params.area_ranges.iter().position(|area| area.range == cell.area_rng);
            let size = size.context("a match is of a size that is not asked for")?;
            let class = cells.entry(cell.category_id).or_insert_with(|| vec![Vec::new(); params.area_ranges.len()]);
            class[size].push((image, cell));
        }
        let class = |id: &u64| {
            let mut sizes = cells.remove(id).unwrap_or_else(|| vec![Vec::new(); params.area_ranges.len()]);
            // In the order in which pycocotools takes the images, which decides between equal scores.
            sizes.iter_mut().for_each(|list| list.sort_by_key(|(image, _)| *image));
            let few = |(limit, size): &(usize, usize)| found_among(&sizes[*size], *limit, params.iou_thrs.len());
            Class {
                few: limits.iter().map(few).collect(),
                sizes: sizes.iter().map(|list| Size::new(list, most, params.iou_thrs.len())).collect(),
            }
        };
        Ok(Self {
            images: images.len(),
            ids: params.cat_ids.iter().map(|id| CategoryId(*id)).collect(),
            classes: params.cat_ids.iter().map(class).collect(),
            figures,
            sizes: params.area_ranges.len(),
            thresholds: params.iou_thrs.len(),
            recalls: params.rec_thrs.clone(),
        })
    }

    /// The classes, in the order of their figures.
    pub fn ids(&self) -> &[CategoryId] {
        &self.ids
    }

    /// Per figure: how many images hold objects that it is about.
    pub fn images_with_objects(&self) -> Vec<usize> {
        let figure = |place: &Place, classes: &[Class]| {
            let mut seen = vec![false; self.images];
            let objects = classes.iter().flat_map(|class| &class.sizes[place.size].objects);
            objects.for_each(|(image, _)| seen[*image as usize] = true);
            seen.into_iter().filter(|seen| *seen).count()
        };
        let groups = std::iter::once(&self.classes[..]).chain(self.classes.chunks(1));
        groups.flat_map(|classes| self.figures.iter().map(move |(place, _)| figure(place, classes))).collect()
    }
}

impl Size {
    fn new(cells: &[(u32, &EvalImg)], most: usize, thresholds: usize) -> Self {
        let objects = cells.iter().map(|(image, cell)| (*image, cell.num_gt_in_denominator() as f64));
        let mut order: Vec<(f64, u32, &EvalImg, usize)> = Vec::new();
        for (image, cell) in cells {
            let scores = cell.dt_scores.iter().take(most).enumerate();
            order.extend(scores.map(|(index, score)| (*score, *image, *cell, index)));
        }
        // Stable, as numpy's mergesort is.
        order.sort_by(|a, b| b.0.partial_cmp(&a.0).unwrap_or(std::cmp::Ordering::Equal));
        let events = |t| {
            let counted = order.iter().filter(|(_, _, cell, index)| !cell.dt_ignore.row(t)[*index]);
            counted.map(|(_, image, cell, index)| Event::new(*image, cell.dt_matched.row(t)[*index])).collect()
        };
        Self { objects: objects.filter(|(_, n)| *n > 0.0).collect(), events: (0..thresholds).map(events).collect() }
    }

    fn objects(&self, weights: &[Lanes]) -> Lanes {
        let mut sums = [0.0; LANES];
        for (image, n) in &self.objects {
            for (sum, weight) in sums.iter_mut().zip(&weights[*image as usize]) {
                *sum += n * weight;
            }
        }
        sums
    }
}

/// The images of the right detections among the first `limit` of each image, per threshold.
fn found_among(cells: &[(u32, &EvalImg)], limit: usize, thresholds: usize) -> Vec<Vec<u32>> {
    let right = |t: usize, cell: &EvalImg| {
        let flags = cell.dt_matched.row(t).iter().zip(cell.dt_ignore.row(t)).take(limit);
        flags.filter(|(matched, ignored)| **matched && !**ignored).count()
    };
    let images = |t| cells.iter().flat_map(move |(image, cell)| std::iter::repeat_n(*image, right(t, cell)));
    (0..thresholds).map(|t| images(t).collect()).collect()
}

impl Replay for CocoReplay {
    type Scratch = Scratch;

    fn images(&self) -> usize {
        self.images
    }

    fn len(&self) -> usize {
        (self.classes.len() + 1) * FIGURES.len()
    }

    fn scratch(&self) -> Scratch {
        let rows = self.classes.len() * LANES;
        Scratch {
            precision: vec![0.0; rows * self.thresholds * self.recalls.len()],
            recall: vec![0.0; rows * self.thresholds],
            few: vec![0.0; rows * self.thresholds],
            objects: vec![[0.0; LANES]; self.classes.len()],
            curve: vec![[0.0; LANES]; self.recalls.len() + 1],
            values: Vec::with_capacity(self.classes.len() * self.thresholds * self.recalls.len()),
        }
    }

    fn replay(&self, weights: &[Lanes], scratch: &mut Scratch, figures: &mut [Lanes]) {
        let recalls = self.recalls.len();
        for size in 0..self.sizes {
            for (k, class) in self.classes.iter().enumerate() {
                let Size { events, .. } = &class.sizes[size];
                let objects = class.sizes[size].objects(weights);
                scratch.objects[k] = objects;
                for (t, events) in events.iter().enumerate() {
                    let right = walk(events, weights, &objects, &self.recalls, &mut scratch.curve);
                    for lane in 0..LANES {
                        let row = (k * LANES + lane) * self.thresholds + t;
                        scratch.recall[row] = right[lane] / objects[lane];
                        let precision = &mut scratch.precision[row * recalls..][..recalls];
                        for (value, curve) in precision.iter_mut().zip(&scratch.curve[1..]) {
                            *value = curve[lane];
                        }
                    }
                }
            }
            let here = |(_, (place, _)): &(usize, &(Place, Counted))| place.size == size;
            for (figure, (place, counted)) in self.figures.iter().enumerate().filter(here) {
                if let Counted::Few(few) = counted {
                    self.count_few(*few, weights, scratch);
                }
                self.means(scratch, place, *counted, figure, figures);
            }
        }
    }
}

impl CocoReplay {
    /// Recalls with fewer detections of each image.
    fn count_few(&self, few: usize, weights: &[Lanes], scratch: &mut Scratch) {
        for (k, class) in self.classes.iter().enumerate() {
            for (t, images) in class.few[few].iter().enumerate() {
                let mut right = [0.0; LANES];
                for image in images {
                    for (right, weight) in right.iter_mut().zip(&weights[*image as usize]) {
                        *right += weight;
                    }
                }
                for lane in 0..LANES {
                    scratch.few[(k * LANES + lane) * self.thresholds + t] = right[lane] / scratch.objects[k][lane];
                }
            }
        }
    }

    /// The means of a figure over its thresholds, and over recalls for precision: of all classes and of each.
    fn means(&self, scratch: &mut Scratch, place: &Place, counted: Counted, figure: usize, figures: &mut [Lanes]) {
        let Scratch { precision, recall, few, objects, values, .. } = scratch;
        let (source, width) = match counted {
            Counted::Precision => (&*precision, self.recalls.len()),
            Counted::Recall => (&*recall, 1),
            Counted::Few(_) => (&*few, 1),
        };
        let range = place.thresholds.start * width..place.thresholds.end * width;
        let row = self.thresholds * width;
        let mean = |values: &[f64]| match values.len() {
            0 => f64::NAN,
            n => pairwise_sum(values) / n as f64,
        };
        for lane in 0..LANES {
            let there = |k: &usize| objects[*k][lane] > 0.0;
            values.clear();
            // In numpy's order, categories innermost: the sum of floats depends on it.
            for at in range.clone() {
                let classes = (0..self.classes.len()).filter(there);
                values.extend(classes.map(|k| source[(k * LANES + lane) * row + at]));
            }
            figures[figure][lane] = mean(values);
            for k in 0..self.classes.len() {
                let own = &source[(k * LANES + lane) * row..][range.clone()];
                figures[(k + 1) * FIGURES.len() + figure][lane] = if there(&k) { mean(own) } else { f64::NAN };
            }
        }
    }
}

/// Walks a class's detections, best first. `curve[i + 1]` becomes the best precision at recall `i` or beyond; answers how
/// many are right.
///
/// A detection of an image that counts `w` times is taken in one step. That is what `w` steps give: while right ones
/// follow each other precision rises, so the best of them is the last, and wrong ones change no recall.
fn walk(events: &[Event], weights: &[Lanes], objects: &Lanes, recalls: &[f64], curve: &mut [Lanes]) -> Lanes {
    curve.fill([0.0; LANES]);
    let (mut right, mut wrong) = ([0.0; LANES], [0.0; LANES]);
    let mut reached = [0; LANES];
    for event in events {
        let weights = &weights[event.image()];
        if !event.is_right() {
            for (wrong, weight) in wrong.iter_mut().zip(weights) {
                *wrong += weight;
            }
            continue;
        }
        for lane in 0..LANES {
            if weights[lane] == 0.0 {
                continue;
            }
            right[lane] += weights[lane];
            let recall = right[lane] / objects[lane];
            while recalls.get(reached[lane]).is_some_and(|next| recall >= *next) {
                reached[lane] += 1;
            }
            let best = &mut curve[reached[lane]][lane];
            *best = best.max(right[lane] / (wrong[lane] + right[lane] + SPACING));
        }
    }
    for at in (1..curve.len()).rev() {
        let (before, after) = curve.split_at_mut(at);
        for (before, after) in before[at - 1].iter_mut().zip(&after[0]) {
            *before = before.max(*after);
        }
    }
    right
}
