//! VOC's figures with images that count several times.

use super::{Detection, Scores, Verdict, area_under_curve};
use crate::metrics::replay::{Event, LANES, Lanes, Replay};
use std::collections::HashMap;
use vovdet_datasets::voc::VocData;

/// Recalls of the convention of 2007.
const ELEVEN: usize = 11;

/// The verdicts, ready to be counted again. The two means come first, then two figures per class: at eleven recalls, and
/// as the area under the curve.
pub struct VocReplay {
    images: usize,
    classes: Vec<Class>,
}

struct Class {
    /// Images that hold objects to be found, and how many.
    objects: Vec<(u32, f64)>,
    /// Detections, best first; those of difficult objects are left out.
    events: Vec<Event>,
}

/// Room for a pass: recall and precision at each right detection.
pub struct Scratch(Vec<(f64, f64)>);

impl VocReplay {
    /// Takes the verdicts on the classes `names` out of an evaluation. `images` are its images in order, as indices into
    /// the data set.
    pub fn new(data: &VocData, scores: &Scores, names: &[&str], images: &[usize]) -> Self {
        let places: HashMap<usize, u32> = images.iter().copied().zip(0..).collect();
        let event = |(detection, verdict): &(Detection, Verdict)| {
            let is_right = match verdict {
                Verdict::Right(_) => true,
                Verdict::Wrong => false,
                Verdict::Neither => return None,
            };
            Some(Event::new(*places.get(&detection.image)?, is_right))
        };
        let class = |name: &&str| {
            let class = scores.names.iter().zip(&scores.classes).find(|(known, _)| known == name)?.1;
            let index = data.classes.iter().position(|known| known == name);
            let to_find = |image: &usize| {
                let objects = data.images[*image].objects.iter();
                objects.filter(|object| Some(object.class) == index && !object.difficult).count() as f64
            };
            Some(Class {
                objects: (0..).zip(images.iter().map(to_find)).filter(|(_, n)| *n > 0.0).collect(),
                events: class.detections.iter().filter_map(event).collect(),
            })
        };
        Self { images: images.len(), classes: names.iter().filter_map(class).collect() }
    }

    /// Per figure: how many images hold objects that it is about.
    pub fn images_with_objects(&self) -> Vec<usize> {
        let mut seen = vec![false; self.images];
        for (image, _) in self.classes.iter().flat_map(|class| &class.objects) {
            seen[*image as usize] = true;
        }
        let all = seen.into_iter().filter(|seen| *seen).count();
        std::iter::once(all).chain(self.classes.iter().map(|class| class.objects.len())).flat_map(|n| [n, n]).collect()
    }
}

impl Replay for VocReplay {
    type Scratch = Scratch;

    fn images(&self) -> usize {
        self.images
    }

    fn figures(&self) -> usize {
        2 * (self.classes.len() + 1)
    }

    fn scratch(&self) -> Scratch {
        Scratch(Vec::with_capacity(self.classes.iter().map(|class| class.events.len()).max().unwrap_or(0)))
    }

    fn replay(&self, weights: &[Lanes], Scratch(curve): &mut Scratch, figures: &mut [Lanes]) {
        for lane in 0..LANES {
            let (mut sums, mut there) = ([0.0; 2], 0.0);
            for (k, class) in self.classes.iter().enumerate() {
                let objects: f64 = class.objects.iter().map(|(image, n)| n * weights[*image as usize][lane]).sum();
                let found = match objects > 0.0 {
                    true => class.average_precision(weights, lane, objects, curve),
                    false => [f64::NAN; 2],
                };
                if objects > 0.0 {
                    sums = [sums[0] + found[0], sums[1] + found[1]];
                    there += 1.0;
                }
                for (figure, value) in found.into_iter().enumerate() {
                    figures[2 * (k + 1) + figure][lane] = value;
                }
            }
            // Not a number where no class has an object.
            for (figure, sum) in sums.into_iter().enumerate() {
                figures[figure][lane] = sum / there;
            }
        }
    }
}

impl Class {
    /// Both conventions. Only right detections matter: the wrong ones behind them lower precision at the same recall.
    fn average_precision(&self, weights: &[Lanes], lane: usize, objects: f64, curve: &mut Vec<(f64, f64)>) -> [f64; 2] {
        curve.clear();
        let (mut right, mut wrong) = (0.0, 0.0);
        let mut reached = 0;
        // The best precision since so many of the eleven recalls were reached.
        let mut best = [0.0_f64; ELEVEN + 1];
        for event in &self.events {
            let weight = weights[event.image()][lane];
            if weight == 0.0 {
                continue;
            }
            if !event.is_right() {
                wrong += weight;
                continue;
            }
            right += weight;
            let (recall, precision) = (right / objects, right / (right + wrong));
            while reached < ELEVEN && recall >= reached as f64 * 0.1 {
                reached += 1;
            }
            best[reached] = best[reached].max(precision);
            curve.push((recall, precision));
        }
        for at in (0..ELEVEN).rev() {
            best[at] = best[at].max(best[at + 1]);
        }
        let eleven = best[1..].iter().map(|best| best / ELEVEN as f64).sum();
        [eleven, area_under_curve(curve)]
    }
}
