//! Two results of one data set: how much their figures differ, and how much of that is chance.

mod bootstrap;
mod coco;
pub mod reports;
mod voc;

pub use bootstrap::{Bootstrap, Interval, LANES, Replay, paired};
pub use coco::CocoReplay;
pub use reports::Saved;
pub use voc::VocReplay;

use crate::metrics::named::Named;
use serde::Serialize;

/// A figure says little about fewer images: its interval is too narrow, so it is no proof of a difference.
pub const FEWEST_IMAGES: usize = 10;

/// One figure of two results. What cannot be told is null.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Delta {
    /// Its name.
    pub figure: &'static str,
    /// In A.
    pub a: Option<f64>,
    /// In B.
    pub b: Option<f64>,
    /// B - A.
    pub delta: Option<f64>,
    /// Lower end of the interval of the difference.
    pub low: Option<f64>,
    /// Upper end.
    pub high: Option<f64>,
    /// The part of the replicates in which B is better; of those in which both are equal a half.
    pub better: Option<f64>,
    /// Replicates that the interval is over: those that drew an object which the figure is about.
    pub samples: Option<usize>,
    /// Images that hold objects which the figure is about.
    pub images: Option<usize>,
}

impl Delta {
    /// The difference of two values.
    pub fn new(figure: &'static str, a: Option<f64>, b: Option<f64>) -> Self {
        let delta = a.zip(b).map(|(a, b)| b - a);
        Self { figure, a, b, delta, low: None, high: None, better: None, samples: None, images: None }
    }

    /// Adds what the replicates say.
    #[must_use]
    pub fn with(self, interval: Option<Interval>, images: usize) -> Self {
        let Some(Interval { low, high, better, samples }) = interval.filter(|_| self.delta.is_some()) else {
            return Self { images: Some(images), samples: Some(0), ..self };
        };
        Self {
            low: Some(low),
            high: Some(high),
            better: Some(better),
            samples: Some(samples),
            images: Some(images),
            ..self
        }
    }

    /// Whether the interval leaves out 0, and is over enough images to say so.
    pub fn is_marked(&self) -> bool {
        self.can_be_marked() && self.low.zip(self.high).is_some_and(|(low, high)| low > 0.0 || high < 0.0)
    }

    /// Whether there is an interval over enough images.
    pub fn can_be_marked(&self) -> bool {
        self.low.is_some() && self.images.is_some_and(|images| images >= FEWEST_IMAGES)
    }
}

/// The figures of one kind: boxes, masks, or VOC's.
#[derive(Debug, Clone, PartialEq)]
pub struct Section {
    /// `bbox`, `segm` or `voc`.
    pub kind: &'static str,
    /// Over all classes.
    pub figures: Vec<Delta>,
    /// Of each class.
    pub per_class: Named<Class>,
}

/// The figures of one class.
#[derive(Debug, Clone, PartialEq)]
pub struct Class {
    /// Objects of it.
    pub objects: usize,
    /// Its figures; the first is the one that classes are sorted by.
    pub figures: Vec<Delta>,
}

impl Section {
    /// Adds what the replicates say. `intervals` and `images` are of the figures of all classes, then of each class, as
    /// [`Replay`] has them.
    #[must_use]
    pub fn with(mut self, intervals: &[Option<Interval>], images: &[usize]) -> Self {
        let mut each = intervals.iter().zip(images);
        let mut complete = |figures: &mut Vec<Delta>| {
            for (delta, (interval, images)) in figures.iter_mut().zip(each.by_ref()) {
                *delta = delta.with(*interval, *images);
            }
        };
        complete(&mut self.figures);
        self.per_class.iter_mut().for_each(|(_, class)| complete(&mut class.figures));
        self
    }

    /// All figures in the order of [`Replay`]: of A, and of B; NaN for what cannot be told.
    pub fn values(&self) -> Vec<(f64, f64)> {
        let classes = self.per_class.iter().flat_map(|(_, class)| &class.figures);
        let value = |delta: &Delta| (delta.a.unwrap_or(f64::NAN), delta.b.unwrap_or(f64::NAN));
        self.figures.iter().chain(classes).map(value).collect()
    }
}
