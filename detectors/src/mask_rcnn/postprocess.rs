//! From the box head's outputs to detections in the original image (docs/reference/mask_rcnn.md §8 to §10).

use super::proposals::Proposals;
use crate::detection::Detection;
use crate::ops::boxes::{Bbox, BoxCoder, MAX_LOG_SCALE, clip, is_finite};
use crate::ops::mask::paste;
use crate::ops::nms::{NmsRule, nms_grouped};
use crate::spec::{Background, MaskRcnnSpec, Rules};
use crate::{Error, Geometry};
use rayon::prelude::*;
use tch::{Kind, Tensor};
use vovdet_native::HostArray;

/// What box deltas were multiplied by in training (docs/reference/mask_rcnn.md §5).
const ROI_WEIGHTS: [f32; 4] = [10.0, 10.0, 5.0, 5.0];

/// Detections of one image in input pixels, best first.
#[derive(Debug, Default)]
pub(super) struct ImageDetections {
    pub(super) boxes: Vec<Bbox>,
    pub(super) scores: Vec<f32>,
    /// Foreground class, from 0.
    pub(super) labels: Vec<usize>,
}

/// Detections per image from logits `[R, classes + 1]` and deltas of all proposals in image order.
pub(super) fn detect(
    spec: &MaskRcnnSpec,
    rules: &Rules,
    proposals: &[Proposals],
    logits: &Tensor,
    deltas: &Tensor,
    sizes: &[(u32, u32)],
) -> Result<Vec<ImageDetections>, Error> {
    let probabilities = HostArray::new(logits.f_softmax(-1, Kind::Float)?)?;
    let deltas = HostArray::new(deltas.f_to_kind(Kind::Float)?)?;
    let row = |array: &HostArray<f32>| array.shape().last().copied().unwrap_or(1).max(1) as usize;
    let (columns, width) = (row(&probabilities), row(&deltas));
    let mut start = 0;
    let mut found = Vec::with_capacity(proposals.len());
    for (proposals, &size) in proposals.iter().zip(sizes) {
        let end = start + proposals.boxes.len();
        let (probabilities, deltas) =
            (&probabilities[start * columns..end * columns], &deltas[start * width..end * width]);
        let rows = probabilities.chunks_exact(columns).zip(deltas.chunks_exact(width)).zip(&proposals.boxes);
        found.push(detect_one(spec, rules, rows, size));
        start = end;
    }
    Ok(found)
}

fn detect_one<'a>(
    spec: &MaskRcnnSpec,
    rules: &Rules,
    rows: impl Iterator<Item = ((&'a [f32], &'a [f32]), &'a Bbox)>,
    size: (u32, u32),
) -> ImageDetections {
    let coder = BoxCoder { weights: ROI_WEIGHTS, plus_one: rules.plus_one, max_log_scale: MAX_LOG_SCALE };
    let (width, height) = (size.0 as f32, size.1 as f32);
    let (mut boxes, mut scores, mut labels) = (Vec::new(), Vec::new(), Vec::new());
    for ((probabilities, deltas), proposal) in rows {
        let classes = probabilities.len() - 1;
        let first = match rules.background {
            Background::First => 1,
            Background::Last => 0,
        };
        for label in 0..classes {
            let column = label + first;
            let score = probabilities[column];
            // Boxes are decoded for the few classes that pass, not for all.
            if score <= spec.post.score || score.is_nan() {
                continue;
            }
            let group = &deltas[column * 4..][..4];
            let decoded = coder.decode(std::array::from_fn(|i| group[i]), proposal);
            if !is_finite(&decoded) {
                continue;
            }
            let clipped = clip(&decoded, width, height, rules.plus_one);
            let (w, h) = (clipped[2] - clipped[0], clipped[3] - clipped[1]);
            if rules.box_min_side.is_some_and(|min| w < min || h < min) {
                continue;
            }
            boxes.push(clipped);
            scores.push(score);
            labels.push(label);
        }
    }
    let nms = NmsRule { threshold: spec.post.nms, inclusive: rules.nms_inclusive, plus_one: rules.plus_one };
    let mut keep = nms_grouped(&boxes, &scores, &labels, nms);
    let limit = spec.post.max_dets;
    if let Some(&last) = keep.get(limit.saturating_sub(1)).filter(|_| rules.keep_ties && keep.len() > limit) {
        let threshold = scores[last];
        keep.retain(|&i| scores[i] >= threshold);
    } else {
        keep.truncate(limit);
    }
    ImageDetections {
        boxes: keep.iter().map(|&i| boxes[i]).collect(),
        scores: keep.iter().map(|&i| scores[i]).collect(),
        labels: keep.iter().map(|&i| labels[i]).collect(),
    }
}

/// Mask logits `[D, side, side]` as probabilities on the CPU.
pub(super) fn probabilities(logits: &Tensor) -> Result<HostArray<f32>, Error> {
    Ok(HostArray::new(logits.f_to_kind(Kind::Float)?.f_sigmoid()?)?)
}

/// Boxes scaled to the original images, masks pasted into them; `masks` holds those of all images in order.
pub(super) fn finish(
    rules: &Rules,
    found: &[ImageDetections],
    masks: Option<&HostArray<f32>>,
    images: &[Geometry],
) -> Result<Vec<Vec<Detection>>, Error> {
    let side = masks.map_or(0, |m| m.shape().last().copied().unwrap_or(0) as usize);
    let mut start = 0;
    let mut finished = Vec::with_capacity(found.len());
    for (found, geometry) in found.iter().zip(images) {
        let base = start;
        start += found.boxes.len();
        let detections = (0..found.boxes.len())
            .into_par_iter()
            .filter_map(|i| {
                let bbox = to_original(&found.boxes[i], geometry, rules)?;
                let mask = masks.map(|masks| {
                    let probabilities = &masks[(base + i) * side * side..][..side * side];
                    paste(probabilities, side, &bbox, geometry.original.0, geometry.original.1, rules.paste)
                });
                Some(Detection { bbox, score: found.scores[i], label: found.labels[i], mask })
            })
            .collect();
        finished.push(detections);
    }
    Ok(finished)
}

/// The box in the original image; none if the dialect drops it there.
fn to_original(b: &Bbox, geometry: &Geometry, rules: &Rules) -> Option<Bbox> {
    let scaled = geometry.to_original(b);
    if !rules.clip_after_rescale {
        return Some(scaled);
    }
    let clipped = clip(&scaled, geometry.original.0 as f32, geometry.original.1 as f32, 0.0);
    (clipped[2] > clipped[0] && clipped[3] > clipped[1]).then_some(clipped)
}
