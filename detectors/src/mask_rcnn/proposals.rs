//! From objectness and deltas to proposals (docs/reference/mask_rcnn.md §4).

use crate::Error;
use crate::ops::anchors::{AnchorGrid, cell_anchors};
use crate::ops::boxes::{Bbox, BoxCoder, MAX_LOG_SCALE, clip, is_finite};
use crate::ops::nms::{NmsRule, nms_grouped};
use crate::spec::{MaskRcnnSpec, ObjectnessScore, Rules};
use tch::{Device, Kind, Tensor};

/// Proposals of one image, best first.
#[derive(Debug, Default)]
pub(super) struct Proposals {
    /// In input pixels.
    pub(super) boxes: Vec<Bbox>,
    /// As the dialect reports them: logits (detectron2) or probabilities.
    pub(super) scores: Vec<f32>,
}

/// The best anchors of one level, all images: scores `[N, K]`, anchor indices `[N, K]`, deltas `[N, K, 4]`, on the CPU.
struct Candidates {
    scores: Vec<Vec<f32>>,
    indices: Vec<Vec<i64>>,
    deltas: Vec<Vec<f32>>,
}

/// Proposals per image. `padded` is width and height of the batch, `sizes` those of each image in it.
pub(super) fn propose(
    spec: &MaskRcnnSpec,
    rules: &Rules,
    objectness: &[Tensor],
    deltas: &[Tensor],
    padded: (i64, i64),
    sizes: &[(u32, u32)],
) -> Result<Vec<Proposals>, Error> {
    let mut levels = Vec::new();
    for (level, (logits, deltas)) in objectness.iter().zip(deltas).enumerate() {
        let grid = grid(spec, rules, level, logits, padded)?;
        levels.push((grid, candidates(spec, rules, logits, deltas)?));
    }
    (0..sizes.len()).map(|image| propose_one(spec, rules, &levels, image, sizes[image])).collect()
}

fn grid(
    spec: &MaskRcnnSpec,
    rules: &Rules,
    level: usize,
    map: &Tensor,
    padded: (i64, i64),
) -> Result<AnchorGrid, Error> {
    let (_, _, height, width) = map.size4()?;
    let nominal = (4u32 << level) as f32;
    let stride = if rules.stride_from_grid {
        ((padded.0 / width.max(1)) as f32, (padded.1 / height.max(1)) as f32)
    } else {
        (nominal, nominal)
    };
    let cells = match spec.anchors.cells.get(level) {
        Some(cells) => cells.clone(),
        None => {
            let size = spec.anchors.sizes.get(level).copied().ok_or_else(|| {
                Error::Spec(format!("the spec has no anchor size for level {level}: anchors.sizes needs five"))
            })?;
            cell_anchors(rules.anchors, &spec.anchors, size, f64::from(nominal))
        }
    };
    Ok(AnchorGrid::new(cells, width as usize, stride))
}

fn candidates(spec: &MaskRcnnSpec, rules: &Rules, logits: &Tensor, deltas: &Tensor) -> Result<Candidates, Error> {
    let (n, a, h, w) = logits.size4()?;
    // Anchors in the order row, column, ratio.
    let scores = logits.f_permute([0, 2, 3, 1])?.f_reshape([n, -1])?.f_to_kind(Kind::Float)?;
    let scores = if rules.objectness == ObjectnessScore::ProbabilityFirst { scores.f_sigmoid()? } else { scores };
    let (scores, indices) = scores.f_topk((spec.rpn.pre_nms as i64).min(h * w * a), 1, true, true)?;
    let deltas = deltas.f_view([n, a, 4, h, w])?.f_permute([0, 3, 4, 1, 2])?.f_reshape([n, -1, 4])?;
    let rows = indices.f_unsqueeze(-1)?.f_expand([-1, -1, 4], false)?;
    let deltas = deltas.f_gather(1, &rows, false)?.f_to_kind(Kind::Float)?;
    let scores = if rules.objectness == ObjectnessScore::ProbabilityLast { scores.f_sigmoid()? } else { scores };
    let host = |t: Tensor| t.f_to_device(Device::Cpu);
    let (scores, indices, deltas) = (host(scores)?, host(indices)?, host(deltas.f_flatten(1, -1)?)?);
    Ok(Candidates {
        scores: Vec::<Vec<f32>>::try_from(&scores)?,
        indices: Vec::<Vec<i64>>::try_from(&indices)?,
        deltas: Vec::<Vec<f32>>::try_from(&deltas)?,
    })
}

fn propose_one(
    spec: &MaskRcnnSpec,
    rules: &Rules,
    levels: &[(AnchorGrid, Candidates)],
    image: usize,
    size: (u32, u32),
) -> Result<Proposals, Error> {
    let coder = BoxCoder { weights: [1.0; 4], plus_one: rules.plus_one, max_log_scale: MAX_LOG_SCALE };
    let (width, height) = (size.0 as f32, size.1 as f32);
    let (mut boxes, mut scores, mut groups) = (Vec::new(), Vec::new(), Vec::new());
    for (level, (grid, candidates)) in levels.iter().enumerate() {
        let rows = candidates.deltas[image].as_chunks::<4>().0;
        for ((&deltas, &index), &score) in rows.iter().zip(&candidates.indices[image]).zip(&candidates.scores[image]) {
            // topk returns indices of the tensor it searched, so they are not negative.
            let decoded = coder.decode(deltas, &grid.get(index as usize));
            if !is_finite(&decoded) || !score.is_finite() {
                continue;
            }
            let clipped = clip(&decoded, width, height, rules.plus_one);
            if !large_enough(&clipped, rules) {
                continue;
            }
            boxes.push(clipped);
            scores.push(score);
            groups.push(level);
        }
    }
    let nms = NmsRule { threshold: spec.rpn.nms, inclusive: rules.nms_inclusive, plus_one: rules.plus_one };
    let mut keep = nms_grouped(&boxes, &scores, &groups, nms);
    if rules.rpn_keep_per_level {
        let mut kept = vec![0usize; levels.len()];
        keep.retain(|&i| {
            kept[groups[i]] += 1;
            kept[groups[i]] <= spec.rpn.post_nms
        });
    }
    keep.truncate(spec.rpn.post_nms);
    Ok(Proposals { boxes: keep.iter().map(|&i| boxes[i]).collect(), scores: keep.iter().map(|&i| scores[i]).collect() })
}

fn large_enough(b: &Bbox, rules: &Rules) -> bool {
    let Some(min) = rules.rpn_min_side else { return true };
    let (w, h) = (b[2] - b[0], b[3] - b[1]);
    if rules.rpn_min_side_inclusive { w >= min && h >= min } else { w > min && h > min }
}
