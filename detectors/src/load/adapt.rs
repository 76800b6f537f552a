//! Reads from a checkpoint the numbers that it fixes: class counts, widths, depths, stored anchors.

use super::adapt_one_stage as one_stage;
use super::keys::Keys;
use crate::Error;
use crate::classifier::last_layer;
use crate::spec::{Class, MaskRcnnSpec, ModelSpec, NormKind, NormSpec, Task};
use vovdet_pretrained::{Checkpoint, Dtype};

/// Changes `spec` to the sizes that the checkpoint has; `keys` are based for it. Shapes that make no sense are left to
/// the load report.
pub(super) fn adapt(spec: &mut ModelSpec, checkpoint: &Checkpoint, keys: &Keys) -> Result<(), Error> {
    let shape = |name: &str| keys.index(name).map(|i| checkpoint.tensors()[i].shape.as_slice());
    let dimension = |name: &str, axis: usize| shape(name).and_then(|s| s.get(axis)).map(|&d| d as i64);
    let classes = match &mut spec.task {
        Task::Classify { outputs } => {
            *outputs = dimension(&format!("{}.weight", last_layer(&spec.backbone)), 0).unwrap_or(0);
            *outputs
        }
        Task::MaskRcnn(head) => {
            adapt_head(head, keys, &dimension);
            head.anchors.cells = stored_anchors(head, checkpoint, keys)?;
            dimension("roi_heads.box_predictor.cls_score.weight", 0).map_or(0, |n| n - 1)
        }
        Task::OneStage(head) => one_stage::adapt(head, checkpoint, &dimension)?,
    };
    let classes = classes.max(0);
    if spec.classes.len() as i64 != classes {
        spec.classes = match (&spec.task, classes) {
            (Task::Classify { .. }, 1000) => Class::from_names(vovdet_pretrained::classes::imagenet().iter().copied()),
            (_, n) => Class::table(n as usize),
        };
    }
    one_stage::adapt_norms(spec, checkpoint, keys)?;
    adapt_norm(spec, keys);
    Ok(())
}

fn adapt_head(head: &mut MaskRcnnSpec, keys: &Keys, dimension: &dyn Fn(&str, usize) -> Option<i64>) {
    if let Some(channels) = dimension("backbone.fpn.layer_blocks.0.0.weight", 0) {
        head.fpn.channels = channels;
    }
    head.fpn.norm = norm_at(keys, "backbone.fpn.inner_blocks.0.1", head.fpn.norm);
    let count = |name: &dyn Fn(usize) -> String| (0..64).take_while(|&i| keys.index(&name(i)).is_some()).count();
    let rpn_convs = count(&|i| format!("rpn.head.conv.{i}.0.weight"));
    if rpn_convs > 0 {
        head.rpn.convs = rpn_convs;
    }
    let convs = count(&|i| format!("roi_heads.box_head.{i}.0.weight"));
    if convs > 0 {
        head.box_head.convs = convs;
        head.box_head.norm = norm_at(keys, "roi_heads.box_head.0.1", head.box_head.norm);
        if let Some(channels) = dimension("roi_heads.box_head.0.0.weight", 0) {
            head.box_head.conv_channels = channels;
        }
    } else if keys.index("roi_heads.box_head.fc6.weight").is_some() {
        head.box_head.convs = 0;
    }
    if let Some(hidden) = dimension("roi_heads.box_predictor.cls_score.weight", 1) {
        head.box_head.hidden = hidden;
    }
    if let Some(mask) = &mut head.mask_head {
        let convs = count(&|i| format!("roi_heads.mask_head.{i}.0.weight"));
        if convs > 0 {
            mask.convs = convs;
            mask.norm = norm_at(keys, "roi_heads.mask_head.0.1", mask.norm);
        }
        if let Some(channels) = dimension("roi_heads.mask_head.0.0.weight", 0) {
            mask.channels = channels;
        }
    }
}

/// The norm that the keys at `scope` belong to: none without a weight, batch with statistics, else group.
fn norm_at(keys: &Keys, scope: &str, spec: Option<NormSpec>) -> Option<NormSpec> {
    keys.index(&format!("{scope}.weight"))?;
    let running = keys.index(&format!("{scope}.running_mean")).is_some();
    let kind_fits = spec.filter(|n| (n.kind != NormKind::Group) == running);
    Some(kind_fits.unwrap_or(if running { NormSpec::BATCH } else { NormSpec::GROUP }))
}

/// A body whose norms have no running statistics is group-normalised, and one that counts its batches is not frozen.
fn adapt_norm(spec: &mut ModelSpec, keys: &Keys) {
    let body = |name: &&str| !name.starts_with("roi_heads.") && !name.contains(".fpn.");
    let has = |suffix: &str| keys.names().filter(body).any(|name| name.ends_with(suffix));
    let normed = has("/norm.weight") || has("/pw_norm.weight") || has("bn1.weight");
    let Some(norm) = spec.backbone.norm_mut() else { return };
    match norm.kind {
        NormKind::Batch | NormKind::Frozen if normed && !has(".running_var") => *norm = NormSpec::GROUP,
        NormKind::Frozen if has(".num_batches_tracked") => *norm = NormSpec::BATCH,
        NormKind::Group if has(".running_var") => *norm = NormSpec::BATCH,
        _ => {}
    }
}

/// Cell anchors that maskrcnn-benchmark keeps as buffers (docs/reference/mask_rcnn.md §3).
fn stored_anchors(head: &MaskRcnnSpec, checkpoint: &Checkpoint, keys: &Keys) -> Result<Vec<Vec<[f32; 4]>>, Error> {
    if head.dialect.rules().is_some_and(|rules| !rules.stored_anchors) {
        return Ok(head.anchors.cells.clone());
    }
    let mut cells = Vec::new();
    for level in 0..head.anchors.sizes.len() {
        let Some(index) = keys.index(&format!("rpn.anchor_generator.cell_anchors.{level}")) else {
            return Ok(head.anchors.cells.clone());
        };
        let info = &checkpoint.tensors()[index];
        if info.dtype != Dtype::F32 || info.shape != [head.anchors.ratios.len(), 4] {
            return Err(Error::Content {
                file: checkpoint.source().to_owned(),
                reason: format!(
                    "{} is {:?} {}, and [{}, 4] float32 is needed",
                    info.name,
                    info.shape,
                    info.dtype.name(),
                    head.anchors.ratios.len()
                ),
            });
        }
        let bytes = checkpoint.bytes(&info.name)?;
        let values: Vec<f32> = bytes.as_chunks::<4>().0.iter().map(|&b| f32::from_le_bytes(b)).collect();
        cells.push(values.as_chunks::<4>().0.to_vec());
    }
    Ok(cells)
}
