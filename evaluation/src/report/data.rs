//! What the page shows, as it is embedded in it.

use serde::Serialize;
use std::collections::BTreeMap;

/// A report: one page.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Page {
    /// The protocol: `COCO`, `VOC`.
    pub protocol: &'static str,
    /// What was evaluated, in a few words.
    pub title: String,
    /// Amounts, such as images and objects.
    pub counts: Vec<(&'static str, usize)>,
    /// What was asked for and what it was made from, for the page's end.
    pub facts: Vec<(&'static str, String)>,
    /// Milliseconds per stage.
    pub times_ms: BTreeMap<String, f64>,
    /// Images that went through a network in this run; none where detections were saved.
    pub processed: Option<usize>,
    /// Names of the classes; all others are indices into it.
    pub classes: Vec<String>,
    /// What is to be known before anything else, a sentence or two each.
    pub notes: Vec<String>,
    /// What was compared: boxes, masks.
    pub views: Vec<View>,
    /// The images of the galleries.
    pub pictures: Vec<Picture>,
}

/// Everything about one kind of comparison.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct View {
    /// `Boxes`, `Masks`.
    pub name: &'static str,
    /// The figures at the top, the first one first.
    pub headline: Vec<Headline>,
    /// The table of classes.
    pub table: Table,
    /// Precision over recall.
    pub curves: Vec<Curve>,
    /// Average precision and recall by the size of objects.
    pub by_size: Vec<Bar>,
    /// Average precision by the overlap that is asked for.
    pub by_iou: Vec<(f64, Option<f64>)>,
    /// What the errors cost.
    pub errors: Vec<ErrorShare>,
    /// Which class was taken for which.
    pub confusion: Confusion,
    /// Whether scores mean what they say; a sentence where nothing can be said.
    pub calibration: Result<Calibration, String>,
    /// The score at which precision and recall balance best (F1), over all classes.
    pub operating_point: f64,
    /// Precision, recall and F1 by score.
    pub thresholds: Thresholds,
    /// The worst images, worst first.
    pub gallery: Vec<Item>,
}

/// A figure at the top.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Headline {
    /// Its name: `AP`.
    pub name: String,
    /// What it says, in a few words.
    pub about: String,
    /// 0 to 1; none where nothing can be said.
    pub value: Option<f64>,
}

/// A table with a row per class.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Table {
    /// The columns behind the name.
    pub columns: Vec<Column>,
    /// A row per class: class, values.
    pub rows: Vec<(usize, Vec<Option<f64>>)>,
}

/// A column of numbers.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Column {
    /// Its heading.
    pub name: &'static str,
    /// Whether its values lie between 0 and 1; else they are whole numbers.
    pub part: bool,
}

/// Curves of one class, or of all.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Curve {
    /// The class; none for the mean over all.
    pub class: Option<usize>,
    /// One per overlap.
    pub lines: Vec<Line>,
}

/// A curve.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Line {
    /// The overlap that it is at.
    pub name: String,
    /// Precision at recalls 0, 0.01, …, 1; empty where there are no objects.
    pub points: Vec<f64>,
    /// The average precision that belongs to it.
    pub ap: Option<f64>,
}

/// Two figures for one size.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Bar {
    /// The size in words.
    pub name: &'static str,
    /// Average precision.
    pub ap: Option<f64>,
    /// Average recall.
    pub ar: Option<f64>,
}

/// What one kind of error costs, after TIDE (Bolya et al., 2020).
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ErrorShare {
    /// The kind.
    pub kind: Kind,
    /// How much the average precision at 0.5 would rise without errors of this kind, by hotcoco.
    pub delta_ap: f64,
    /// How many there are.
    pub count: u64,
}

/// What became of a detection or an object.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// It found an object.
    Correct,
    /// It lies well on an object of another class.
    WrongClass,
    /// It lies badly on an object of its class.
    Location,
    /// Both of these.
    ClassAndLocation,
    /// Its object had been found.
    Duplicate,
    /// It lies on the background.
    Background,
    /// An object that was not found.
    Missed,
    /// It is not counted: a crowd, a difficult object.
    Ignored,
}

/// Correct and wrong detections by score.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Thresholds {
    /// The scores from which detections are counted, rising.
    pub scores: Vec<f64>,
    /// All classes together, and each.
    pub curves: Vec<ThresholdCurve>,
}

impl Thresholds {
    /// The score at which F1 over all classes is best.
    pub fn operating_point(&self) -> f64 {
        self.curves.first().map_or(0.0, |all| all.best.score)
    }
}

/// Correct and wrong detections of a class by score. Precision is `correct / (correct + wrong)`, recall is
/// `correct / objects`, F1 is `2 correct / (correct + wrong + objects)`.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ThresholdCurve {
    /// The class; none for all together.
    pub class: Option<usize>,
    /// Objects that could be found.
    pub objects: usize,
    /// Detections of at least each of [`Thresholds::scores`] that found an object, at IoU 0.5.
    pub correct: Vec<usize>,
    /// Those that found none.
    pub wrong: Vec<usize>,
    /// Where F1 is best.
    pub best: OperatingPoint,
}

/// A score, and what became of the detections from it on.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct OperatingPoint {
    /// The least score of a detection that counts.
    pub score: f64,
    /// Detections that found an object.
    pub correct: usize,
    /// Detections that found none.
    pub wrong: usize,
}

/// Which class was taken for which, at the operating point.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Confusion {
    /// The classes shown, those that are confused most. The last row is that of detections where no object is, the last
    /// column that of objects that were not detected.
    pub classes: Vec<usize>,
    /// How many classes are left out.
    pub left_out: usize,
    /// Rows are classes of objects, columns classes of detections.
    pub rows: Vec<Vec<u64>>,
    /// The sums of whole rows, with the classes that are left out.
    pub row_totals: Vec<u64>,
    /// Objects of all classes that were not detected.
    pub not_detected: u64,
    /// Detections below this score do not count.
    pub min_score: f64,
}

/// Whether scores mean what they say.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Calibration {
    /// Expected calibration error.
    pub ece: f64,
    /// `[mean score, fraction that is correct, detections]` of each tenth that has any.
    pub bins: Vec<(f64, f64, usize)>,
}

/// An image of the gallery.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Picture {
    /// Its file name.
    pub name: String,
    /// Its size in pixels, in which boxes are given.
    pub size: (u32, u32),
    /// A data URI, unless the file is not there.
    pub uri: Option<String>,
}

/// What was found in an image of the gallery.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Item {
    /// Index into [`Page::pictures`].
    pub picture: usize,
    /// What is there.
    pub objects: Vec<ObjectMark>,
    /// What was found, best first.
    pub detections: Vec<DetectionMark>,
    /// Further detections that are too many to draw.
    pub undrawn: usize,
    /// What the confusion matrix counts in this image: an object and the detection on it, by their places in the lists;
    /// none for an object that was not detected, or a detection where no object is.
    pub pairs: Vec<(Option<usize>, Option<usize>)>,
}

/// An object, drawn dashed.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ObjectMark {
    /// Its class.
    pub class: usize,
    /// `[x, y, width, height]`.
    pub bbox: [f64; 4],
    /// The outline of its mask: an SVG path.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
    /// The score of the detection that found it.
    pub found: Option<f64>,
    /// Whether it is not counted: a crowd, a difficult object.
    pub ignored: bool,
}

/// A detection, drawn solid.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct DetectionMark {
    /// Its class.
    pub class: usize,
    /// `[x, y, width, height]`.
    pub bbox: [f64; 4],
    /// The outline of its mask: an SVG path.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
    /// Its confidence.
    pub score: f64,
    /// What became of it.
    pub kind: Kind,
    /// Its overlap with the object that decides about it.
    pub iou: f64,
}

/// Rounds for the page: it shows fewer digits than this keeps.
pub fn rounded(value: f64, digits: i32) -> f64 {
    let scale = 10_f64.powi(digits);
    (value * scale).round() / scale
}
