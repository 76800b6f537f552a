//! Two results of one data set: how much their figures differ, and how much of that is chance.

mod bootstrap;
pub mod reports;

pub use bootstrap::{Bootstrap, Interval, paired};
pub use reports::{Difference, Saved};

use crate::metrics::named::Named;
use serde::Serialize;

/// A figure says little about fewer images: its interval is too narrow, so it is no proof of a difference.
pub const FEWEST_IMAGES: usize = 10;

/// Fewer draws mark nothing.
pub const FEWEST_DRAWS: usize = 100;

/// One figure of two results. What is undefined is null.
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

    /// Whether there is an interval over enough images and draws.
    pub fn can_be_marked(&self) -> bool {
        self.low.is_some()
            && self.images.is_some_and(|images| images >= FEWEST_IMAGES)
            && self.samples.is_some_and(|samples| samples >= FEWEST_DRAWS)
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
    /// [`crate::metrics::replay::Replay`] has them.
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

    /// All figures in the order of [`crate::metrics::replay::Replay`]: of A, and of B; NaN for what is undefined.
    pub fn values(&self) -> Vec<(f64, f64)> {
        let classes = self.per_class.iter().flat_map(|(_, class)| &class.figures);
        let value = |delta: &Delta| (delta.a.unwrap_or(f64::NAN), delta.b.unwrap_or(f64::NAN));
        self.figures.iter().chain(classes).map(value).collect()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use crate::metrics::coco::{CocoReplay, Evaluation, Kind, Options};
    use crate::metrics::replay::Replay;
    use crate::metrics::selection::Selection;
    use crate::metrics::voc::{Protocol, VocReplay, read_detections};
    use std::path::{Path, PathBuf};
    use vovdet_datasets::coco::{CocoData, RawResults};
    use vovdet_datasets::voc::VocData;

    fn fixtures(name: &str) -> PathBuf {
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/fixtures/eval").join(name)
    }

    fn bits(values: impl IntoIterator<Item = f64>) -> Vec<Option<u64>> {
        values.into_iter().map(|value| (value >= 0.0).then(|| value.to_bits())).collect()
    }

    /// Random data with crowds, ties, more detections than count, and classes without objects or detections.
    #[test]
    fn with_every_image_once_the_figures_are_those_of_the_evaluation_to_the_last_bit() {
        let folder = tempfile::tempdir().unwrap();
        let mut cases = 0;
        for entry in std::fs::read_dir(fixtures("random")).unwrap() {
            let text = std::fs::read(entry.unwrap().path()).unwrap();
            let case: serde_json::Value = serde_json::from_slice(&text).unwrap();
            for name in ["truth", "results"] {
                std::fs::write(folder.path().join(name), case[name].to_string()).unwrap();
            }
            let data = CocoData::read(&folder.path().join("truth")).unwrap();
            let results = || data.results(RawResults::read(&folder.path().join("results")).unwrap(), None).unwrap();
            let mut images = data.image_ids();
            images.sort_unstable();
            for max_dets in [[1, 10, 100], [2, 2, 3]] {
                let options = Options { max_dets, ..Options::default() };
                let evaluation = Evaluation::new(&data, &results(), Kind::Bbox, &options).unwrap();
                let replay = CocoReplay::new(&evaluation, &images).unwrap();
                let each = evaluation.per_category().into_iter().flat_map(|(_, figures)| figures);
                let expected = evaluation.figures.into_iter().chain(each);
                assert_eq!(bits(replay.once()), bits(expected));
            }
            cases += 1;
        }
        assert_eq!(cases, 12);
    }

    #[test]
    fn with_every_image_once_vocs_figures_are_those_of_the_evaluation_to_the_last_bit() {
        let data = VocData::read(&fixtures("padilla/groundtruths"), None).unwrap();
        let found = read_detections(&fixtures("padilla/detections"), &data, None, None).unwrap();
        let protocol = Protocol {
            iou_threshold: 0.3,
            split: None,
            classes: Vec::new(),
            min_score: None,
            class_names: None,
            selection: Selection::default(),
        };
        let scores = found.scores(&data, &protocol).unwrap();
        let images: Vec<usize> = (0..data.images.len()).collect();
        let names: Vec<&str> = scores.names.iter().map(String::as_str).collect();
        let replay = VocReplay::new(&data, &scores, &names, &images);
        // The only class with objects is the mean too.
        let each: Vec<(f64, f64)> =
            scores.classes.iter().map(|class| class.average_precision().unwrap_or((-1.0, -1.0))).collect();
        let mean = *each.iter().find(|(eleven, _)| *eleven >= 0.0).unwrap();
        let expected = std::iter::once(mean).chain(each).flat_map(|(eleven, area)| [eleven, area]);
        assert_eq!(bits(replay.once()), bits(expected));
    }
}
