//! From raw outputs to detections (docs/reference/refinedet.md §2, docs/reference/dsod.md §1.6).

use super::head::Raw;
use crate::Error;
use crate::ops::boxes::{Bbox, BoxCoder, clip};
use crate::ops::nms::{NmsRule, nms_sorted, soft_nms};
use crate::ops::priors::Priors;
use crate::spec::{OneStageRules, OneStageSpec};
use rayon::prelude::*;
use tch::Kind;
use vovdet_native::HostArray;

/// 1 / variance of centres and of sizes: 0.1 and 0.2 in every reference.
const WEIGHTS: [f32; 4] = [10.0, 10.0, 5.0, 5.0];

/// One detection in the unit of the prior boxes.
#[derive(Debug, Clone, Copy)]
pub(super) struct Candidate {
    pub(super) bbox: Bbox,
    pub(super) score: f32,
    /// Foreground class, from 0.
    pub(super) label: usize,
    /// Which prior box.
    prior: usize,
}

/// Raw outputs on the host: class scores are probabilities.
struct Host {
    /// `[N, P, 4]`.
    deltas: HostArray<f32>,
    /// `[N, P, classes + 1]`.
    scores: HostArray<f32>,
}

impl Host {
    fn new(raw: &Raw) -> Result<Self, Error> {
        let deltas = HostArray::new(raw.deltas.f_to_kind(Kind::Float)?)?;
        Ok(Self { deltas, scores: HostArray::new(raw.logits.f_softmax(-1, Kind::Float)?)? })
    }

    /// Deltas and scores of one image.
    fn image(&self, image: usize, priors: usize) -> (&[[f32; 4]], &[f32]) {
        let columns = self.scores.shape().last().copied().unwrap_or(1) as usize;
        let deltas = &self.deltas.as_chunks::<4>().0[image * priors..][..priors];
        (deltas, &self.scores[image * priors * columns..][..priors * columns])
    }
}

/// Detections per image, best first. `arm` is RefineDet's first step; `size` the input's width and height.
pub(super) fn detect(
    spec: &OneStageSpec,
    rules: &OneStageRules,
    priors: &Priors,
    arm: Option<&Raw>,
    odm: &Raw,
    size: (f32, f32),
) -> Result<Vec<Vec<Candidate>>, Error> {
    let count = priors.corners.len();
    let images = odm.deltas.size().first().copied().unwrap_or(0) as usize;
    if odm.deltas.size().get(1).copied() != Some(count as i64) {
        return Err(Error::Spec(format!(
            "the spec has {count} prior boxes, the network predicts {:?}",
            odm.deltas.size()
        )));
    }
    let (arm, odm) = (arm.map(Host::new).transpose()?, Host::new(odm)?);
    let coder = BoxCoder { weights: WEIGHTS, plus_one: 0.0, max_log_scale: rules.max_log_scale };
    let of_image = |image: usize| {
        let (deltas, scores) = odm.image(image, count);
        let first = arm.as_ref().map(|arm| arm.image(image, count));
        let objects = first.map(|(_, scores)| scores);
        let boxes: Vec<Bbox> = (0..count)
            .into_par_iter()
            .map(|i| {
                // The second step refines what the first one made of the prior box.
                let anchor = first.map_or(priors.corners[i], |(deltas, _)| coder.decode(deltas[i], &priors.corners[i]));
                let decoded = coder.decode(deltas[i], &anchor);
                if rules.clip_before_nms { clip(&decoded, size.0, size.1, 0.0) } else { decoded }
            })
            .collect();
        let alive = |i: usize| match (objects, &spec.refine) {
            (Some(objects), Some(refine)) => {
                let object = objects[2 * i + 1];
                if rules.objectness_inclusive { object > refine.objectness } else { object >= refine.objectness }
            }
            _ => true,
        };
        let alive: Vec<bool> = (0..count).map(alive).collect();
        detect_one(spec, rules, &boxes, scores, &alive)
    };
    Ok((0..images).map(of_image).collect())
}

fn detect_one(
    spec: &OneStageSpec,
    rules: &OneStageRules,
    boxes: &[Bbox],
    scores: &[f32],
    alive: &[bool],
) -> Vec<Candidate> {
    let post = &spec.post;
    let columns = scores.len() / boxes.len().max(1);
    let nms = NmsRule { threshold: post.nms, inclusive: rules.nms_inclusive, plus_one: 0.0 };
    let good = |score: f32| if rules.score_inclusive { score >= post.score } else { score > post.score };
    let of_class = |label: usize| {
        let score = |i: usize| scores[i * columns + label + 1];
        let mut order: Vec<usize> = (0..boxes.len()).filter(|&i| alive[i] && good(score(i))).collect();
        // Stable: equal scores stay in the order of the prior boxes.
        order.sort_by(|&a, &b| score(b).total_cmp(&score(a)));
        order.truncate(post.top_k);
        let sorted: Vec<Bbox> = order.iter().map(|&i| boxes[i]).collect();
        nms_sorted(&sorted, nms, usize::MAX).into_iter().map(move |k| {
            let prior = order[k];
            Candidate { bbox: boxes[prior], score: scores[prior * columns + label + 1], label, prior }
        })
    };
    let mut found: Vec<Candidate> = (0..columns.saturating_sub(1)).into_par_iter().flat_map_iter(of_class).collect();
    found.sort_by(|a, b| b.score.total_cmp(&a.score));
    if rules.one_per_prior {
        let mut seen = vec![false; boxes.len()];
        found.retain(|f| !std::mem::replace(&mut seen[f.prior], true));
    }
    if !rules.keep_all {
        found.truncate(post.keep);
    }
    found
}

/// Linear soft-NMS on what is left, class by class, on boxes in pixels that hold their last one.
pub(super) fn soften(found: &mut Vec<Candidate>, spec: &OneStageSpec) {
    let Some(rule) = spec.post.soft_nms else { return };
    let classes = found.iter().map(|f| f.label + 1).max().unwrap_or(0);
    let mut softened = Vec::with_capacity(found.len());
    for label in 0..classes {
        let members: Vec<&Candidate> = found.iter().filter(|f| f.label == label).collect();
        let (boxes, scores): (Vec<Bbox>, Vec<f32>) = members.iter().map(|f| (f.bbox, f.score)).unzip();
        let kept = soft_nms(&boxes, &scores, rule);
        softened.extend(kept.into_iter().map(|(i, score)| Candidate { score, ..*members[i] }));
    }
    softened.sort_by(|a, b| b.score.total_cmp(&a.score));
    *found = softened;
}
