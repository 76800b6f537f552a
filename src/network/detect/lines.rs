//! The JSON lines of `vovdet detect`.

use hotcoco::mask::rle_to_string;
use serde::Serialize;
use vovdet_datasets::sources::Source;
use vovdet_detectors::{Detection, ModelSpec, StageTimes};

/// An image and what was found in it.
#[derive(Debug, Serialize)]
pub struct Line<'a> {
    image: String,
    width: u32,
    height: u32,
    detections: Vec<Object<'a>>,
    times_ms: Times,
}

/// An image that gave nothing.
#[derive(Debug, Serialize)]
pub struct Failure {
    pub image: String,
    pub error: String,
}

#[derive(Debug, Serialize)]
struct Object<'a> {
    bbox: [f32; 4],
    score: f32,
    label: &'a str,
    category_id: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    mask: Option<Mask>,
}

/// A mask in COCO's compressed run lengths.
#[derive(Debug, Serialize)]
pub struct Mask {
    size: [u32; 2],
    counts: String,
}

impl Mask {
    pub fn of(detection: &Detection) -> Option<Self> {
        detection.mask.as_ref().map(|rle| Self { size: [rle.h, rle.w], counts: rle_to_string(rle) })
    }
}

/// Milliseconds per stage; those of a batch are shared out evenly.
#[derive(Debug, Serialize)]
pub struct Times {
    decode: f64,
    prepare: f64,
    batch: f64,
    network: f64,
    postprocess: f64,
    total: f64,
}

impl Times {
    pub fn new(decode: f64, prepare: f64, stages: StageTimes) -> Self {
        let StageTimes { batch, network, postprocess } = stages;
        let total = decode + prepare + batch + network + postprocess;
        let [decode, prepare, batch, network, postprocess, total] =
            [decode, prepare, batch, network, postprocess, total].map(|ms| (ms * 1e3).round() / 1e3);
        Self { decode, prepare, batch, network, postprocess, total }
    }
}

impl<'a> Line<'a> {
    pub fn new(
        source: &Source,
        (width, height): (u32, u32),
        detections: &[Detection],
        spec: &'a ModelSpec,
        masks: bool,
        times_ms: Times,
    ) -> Self {
        let object = |detection: &Detection| {
            let (label, category_id) = class_of(spec, detection);
            let mask = if masks { Mask::of(detection) } else { None };
            Object { bbox: detection.bbox, score: detection.score, label, category_id, mask }
        };
        Self { image: source.name(), width, height, detections: detections.iter().map(object).collect(), times_ms }
    }
}

/// Name and category id of a detection's class.
pub fn class_of<'a>(spec: &'a ModelSpec, detection: &Detection) -> (&'a str, u32) {
    // A loaded model's table has a class for every label; a wrong number would show as class 0, not as a crash.
    spec.classes.get(detection.label).map_or(("unknown", 0), |class| (class.name.as_str(), class.id))
}
