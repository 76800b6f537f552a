//! Detections in COCO's form.

use vovdet::results::coco::CocoResult;
use vovdet_datasets::lines::xywh;
use vovdet_detectors::{Detection, ModelSpec};

/// A detection in COCO's form; `spec` is that of the detector.
pub fn entry<I>(image_id: I, category_id: u64, detection: &Detection, spec: &ModelSpec, masks: bool) -> CocoResult<I> {
    CocoResult {
        image_id,
        category_id,
        bbox: xywh(detection.bbox, plus_one(spec)),
        score: detection.score,
        segmentation: detection.mask.as_ref().filter(|_| masks).map(Into::into),
    }
}

/// 1 when the boxes of a detector hold their last pixel, so that they are a pixel wider than the difference of their edges.
pub fn plus_one(spec: &ModelSpec) -> f32 {
    spec.dialect().map_or(0.0, |dialect| dialect.rules().map_or(0.0, |rules| rules.plus_one))
}
