//! COCO's figures with images that count several times.

use super::figures::{Axes, Place, pairwise_sum};
use super::{Evaluation, FIGURES};
use crate::metrics::replay::{Event, LANES, Lanes, Replay};
use crate::{Error, Result};
use hotcoco::{COCOeval, EvalImg};
use std::collections::HashMap;
use vovdet_datasets::category::CategoryId;

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

/// Room for a pass. Rows are those of the evaluator's arrays: classes, then thresholds, then recalls.
pub struct Scratch {
    precision: Vec<Lanes>,
    recall: Vec<Lanes>,
    /// Recall with fewer detections of each image.
    few: Vec<Lanes>,
    /// Per class: objects in each replicate.
    objects: Vec<Lanes>,
    /// Per replicate: the values that a mean is over.
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
        let mut ids = params.cat_ids.clone();
        ids.sort_unstable();
        ids.dedup();
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
            let image =
                *places.get(&cell.image_id).ok_or(Error::NoMatches("one is of an image that does not take part"))?;
            let size = params.area_ranges.iter().position(|area| area.range == cell.area_rng);
            let size = size.ok_or(Error::NoMatches("one is of a size that is not asked for"))?;
            let class = cells.entry(cell.category_id).or_insert_with(|| vec![Vec::new(); params.area_ranges.len()]);
            class[size].push((image, cell));
        }
        let class = |id: &u64| {
            let mut sizes = cells.remove(id).unwrap_or_else(|| vec![Vec::new(); params.area_ranges.len()]);
            // In the order in which pycocotools takes the images, which decides between equal scores.
            sizes.iter_mut().for_each(|list| list.sort_by_key(|(image, _)| *image));
            let few = |(limit, size): &(usize, usize)| found_among(eval, &sizes[*size], *limit, params.iou_thrs.len());
            Class {
                few: limits.iter().map(few).collect(),
                sizes: sizes.iter().map(|list| Size::new(eval, list, most, params.iou_thrs.len())).collect(),
            }
        };
        Ok(Self {
            images: images.len(),
            ids: ids.iter().map(|id| CategoryId(*id)).collect(),
            classes: ids.iter().map(class).collect(),
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
    fn new(eval: &COCOeval, cells: &[(u32, &EvalImg)], most: usize, thresholds: usize) -> Self {
        let objects = cells.iter().map(|(image, cell)| (*image, cell.num_gt_in_denominator() as f64));
        let mut order: Vec<(f64, u32, &EvalImg, usize)> = Vec::new();
        for (image, cell) in cells {
            let scores = cell.dt_scores.iter().take(most).enumerate();
            order.extend(scores.map(|(index, score)| (*score, *image, *cell, index)));
        }
        // Stable, as numpy's mergesort is.
        order.sort_by(|a, b| b.0.partial_cmp(&a.0).unwrap_or(std::cmp::Ordering::Equal));
        let events = |t| {
            let counted = order
                .iter()
                .filter_map(|(_, image, cell, index)| Some(Event::new(*image, is_right(eval, cell, t, *index)?)));
            counted.collect()
        };
        Self { objects: objects.filter(|(_, n)| *n > 0.0).collect(), events: (0..thresholds).map(events).collect() }
    }

    fn objects(&self, weights: &[Lanes]) -> Lanes {
        let mut sums = [0.0; LANES];
        for (image, n) in &self.objects {
            add(&mut sums, &weights[*image as usize].map(|weight| n * weight));
        }
        sums
    }
}

/// Whether a detection is right; none when it counts for nothing.
///
/// To pycocotools a detection that found the annotation with the id 0 has found nothing, for 0 stands for that: it is wrong,
/// or counts for nothing when its own size is another.
fn is_right(eval: &COCOeval, cell: &EvalImg, t: usize, index: usize) -> Option<bool> {
    let (matched, ignored) = (cell.dt_matched.row(t)[index], cell.dt_ignore.row(t)[index]);
    if ignored {
        return None;
    }
    if matched && cell.dt_matches.row(t)[index] == 0 {
        let area = eval.coco_dt().get_ann(cell.dt_ids[index]).and_then(|found| found.area).unwrap_or(0.0);
        let [least, most] = cell.area_rng;
        return (least..=most).contains(&area).then_some(false);
    }
    Some(matched)
}

/// The images of the right detections among the first `limit` of each image, per threshold.
fn found_among(eval: &COCOeval, cells: &[(u32, &EvalImg)], limit: usize, thresholds: usize) -> Vec<Vec<u32>> {
    let right = |t: usize, cell: &EvalImg| {
        let first = 0..cell.dt_ids.len().min(limit);
        first.filter(|index| is_right(eval, cell, t, *index) == Some(true)).count()
    };
    let images = |t| cells.iter().flat_map(move |(image, cell)| std::iter::repeat_n(*image, right(t, cell)));
    (0..thresholds).map(|t| images(t).collect()).collect()
}

impl Replay for CocoReplay {
    type Scratch = Scratch;

    fn images(&self) -> usize {
        self.images
    }

    fn figures(&self) -> usize {
        (self.classes.len() + 1) * FIGURES.len()
    }

    fn scratch(&self) -> Scratch {
        let rows = self.classes.len() * self.thresholds;
        let none = [0.0; LANES];
        Scratch {
            precision: vec![none; rows * self.recalls.len()],
            recall: vec![none; rows],
            few: vec![none; rows],
            objects: vec![none; self.classes.len()],
            values: vec![0.0; rows * self.recalls.len() * LANES],
        }
    }

    fn replay(&self, weights: &[Lanes], scratch: &mut Scratch, figures: &mut [Lanes]) {
        for size in 0..self.sizes {
            for (k, class) in self.classes.iter().enumerate() {
                let Size { events, .. } = &class.sizes[size];
                let objects = class.sizes[size].objects(weights);
                scratch.objects[k] = objects;
                if objects == [0.0; LANES] {
                    continue;
                }
                let rows = k * self.thresholds..(k + 1) * self.thresholds;
                let curves = scratch.precision.chunks_exact_mut(self.recalls.len()).skip(rows.start);
                for ((events, curve), recall) in events.iter().zip(curves).zip(&mut scratch.recall[rows]) {
                    *recall = walk(events, weights, &objects, &self.recalls, curve);
                    divide(recall, &objects);
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
        let rows = self
            .classes
            .iter()
            .zip(&scratch.objects)
            .flat_map(|(class, objects)| class.few[few].iter().map(move |images| (images, objects)));
        for (recall, (images, objects)) in scratch.few.iter_mut().zip(rows) {
            *recall = [0.0; LANES];
            for image in images {
                add(recall, &weights[*image as usize]);
            }
            divide(recall, objects);
        }
    }

    /// The means of a figure over its thresholds, and over recalls for precision: of all classes and of each.
    fn means(&self, scratch: &mut Scratch, place: &Place, counted: Counted, figure: usize, figures: &mut [Lanes]) {
        let Scratch { precision, recall, few, objects, values } = scratch;
        let (source, width) = match counted {
            Counted::Precision => (&*precision, self.recalls.len()),
            Counted::Recall => (&*recall, 1),
            Counted::Few(_) => (&*few, 1),
        };
        let range = place.thresholds.start * width..place.thresholds.end * width;
        let row = self.thresholds * width;
        let room = values.len() / LANES;
        let mut mean = |rows: &mut dyn Iterator<Item = (&Lanes, &Lanes)>| -> Lanes {
            // A value of a class without objects is written too, and then written over.
            let mut ends = [0; LANES];
            for (row, objects) in rows {
                for lane in 0..LANES {
                    if let Some(value) = values.get_mut(lane * room + ends[lane]) {
                        *value = row[lane];
                    }
                    ends[lane] += usize::from(objects[lane] > 0.0);
                }
            }
            std::array::from_fn(|lane| match ends[lane] {
                0 => f64::NAN,
                n => pairwise_sum(&values[lane * room..][..n]) / n as f64,
            })
        };
        // In numpy's order, categories innermost: the sum of floats depends on it.
        let all = range.clone().flat_map(|at| source.iter().skip(at).step_by(row).zip(objects.iter()));
        figures[figure] = mean(&mut { all });
        for (k, objects) in objects.iter().enumerate() {
            let own = &source[k * row..][range.clone()];
            figures[(k + 1) * FIGURES.len() + figure] = mean(&mut own.iter().map(|row| (row, objects)));
        }
    }
}

fn add(sums: &mut Lanes, values: &Lanes) {
    for (sum, value) in sums.iter_mut().zip(values) {
        *sum += value;
    }
}

fn divide(values: &mut Lanes, by: &Lanes) {
    for (value, by) in values.iter_mut().zip(by) {
        *value /= by;
    }
}

/// Walks a class's detections, best first. `curve[i]` becomes the best precision at recall `i` or beyond; answers how many
/// are right.
///
/// A detection of an image that counts `w` times is taken in one step. That is what `w` steps give: while right ones
/// follow each other precision rises, so the best of them is the last, and wrong ones change no recall. One of an image
/// that was not drawn changes nothing: its step has the recall of the step before, and no better precision.
fn walk(events: &[Event], weights: &[Lanes], objects: &Lanes, recalls: &[f64], curve: &mut [Lanes]) -> Lanes {
    curve.fill([0.0; LANES]);
    let (mut right, mut wrong) = ([0.0; LANES], [0.0; LANES]);
    let mut reached = [0; LANES];
    for event in events {
        let weights = &weights[event.image()];
        if !event.is_right() {
            add(&mut wrong, weights);
            continue;
        }
        add(&mut right, weights);
        let (mut recall, mut precision) = (right, right);
        divide(&mut recall, objects);
        divide(&mut precision, &std::array::from_fn(|lane| wrong[lane] + right[lane] + SPACING));
        for lane in 0..LANES {
            while recalls.get(reached[lane]).is_some_and(|next| recall[lane] >= *next) {
                reached[lane] += 1;
            }
            if let Some(at) = reached[lane].checked_sub(1) {
                let best = &mut curve[at][lane];
                *best = if precision[lane] > *best { precision[lane] } else { *best };
            }
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
