//! What a one-stage detector's file fixes beside its parameters' shapes: a Caffe file says which prior boxes it was trained
//! with and the eps of every norm, and may have its norms merged into biases.

use super::keys::Keys;
use crate::Error;
use crate::spec::{ExtraSpec, ModelSpec, NormKind, NormSpec, OneStageSpec, PriorMap, Task};
use vovdet_pretrained::{CaffePriorBox, Checkpoint};

/// Takes the prior boxes over; returns the number of foreground classes, below 0 if the shapes make no sense.
pub(super) fn adapt(
    head: &mut OneStageSpec,
    checkpoint: &Checkpoint,
    dimension: &dyn Fn(&str, usize) -> Option<i64>,
) -> Result<i64, Error> {
    let boxes: Vec<&CaffePriorBox> = checkpoint.caffe().into_iter().flat_map(|net| net.priors()).map(|p| p.1).collect();
    // A file without its prior boxes, or of another detector, which the load report will tell.
    if boxes.len() == head.priors.len() {
        for (map, theirs) in head.priors.iter_mut().zip(boxes) {
            let read =
                prior_map(theirs).map_err(|reason| Error::Content { file: checkpoint.source().to_owned(), reason })?;
            *map = read;
        }
    }
    let prefix = if head.refine.is_some() { "odm." } else { "" };
    let outputs =
        ["weight", "conv.weight", "pw.weight"].iter().find_map(|name| dimension(&format!("{prefix}conf.0.{name}"), 0));
    let each = head.priors.first().map_or(1, PriorMap::per_cell);
    Ok(outputs.map_or(0, |n| n / each - 1))
}

fn prior_map(theirs: &CaffePriorBox) -> Result<PriorMap, String> {
    let ([min], [] | [_]) = (theirs.min_sizes.as_slice(), theirs.max_sizes.as_slice()) else {
        return Err(format!(
            "its prior boxes have {} small and {} large squares in a cell, and one of each is known",
            theirs.min_sizes.len(),
            theirs.max_sizes.len()
        ));
    };
    let usual = [0.1, 0.1, 0.2, 0.2];
    let variances =
        theirs.variances.len() == 4 && theirs.variances.iter().zip(usual).all(|(v, u)| (v - u).abs() < 1e-6);
    if !theirs.flip || theirs.offset != 0.5 || !variances {
        return Err(
            "its prior boxes have another offset, other variances or no flipped ratios: 0.5 and 0.1, 0.1, 0.2, 0.2 \
                    with flip are known"
                .into(),
        );
    }
    let step = match theirs.step {
        None => 0.0,
        Some([y, x]) if y == x => f64::from(x),
        Some([y, x]) => return Err(format!("its prior boxes are {x} by {y} pixels apart, and one distance is known")),
    };
    Ok(PriorMap {
        min: f64::from(*min),
        max: theirs.max_sizes.first().map(|&max| f64::from(max)),
        ratios: theirs.aspect_ratios.iter().map(|&ratio| f64::from(ratio)).filter(|&ratio| ratio != 1.0).collect(),
        step,
        clip: theirs.clip,
    })
}

/// Sets the eps of each part's norms to the file's, and marks parts whose norms are merged.
pub(super) fn adapt_norms(spec: &mut ModelSpec, checkpoint: &Checkpoint, keys: &Keys) -> Result<(), Error> {
    let Some(net) = checkpoint.caffe() else { return Ok(()) };
    let eps: Vec<(&str, f64)> = net
        .norms()
        .filter_map(|(layer, eps)| {
            let index = checkpoint.tensors().iter().position(|t| t.name == format!("{layer}.running_var"))?;
            Some((keys.canonical(index)?, f64::from(eps)))
        })
        .collect();
    for (prefixes, norm) in parts(spec) {
        let inside = |name: &str| prefixes.iter().any(|prefix| name.starts_with(prefix));
        let mut found = eps.iter().filter(|(name, _)| inside(name)).map(|&(_, eps)| eps);
        match found.next() {
            Some(first) if found.all(|eps| eps == first) => {
                // The file holds a float32.
                norm.eps = format!("{}", first as f32).parse().unwrap_or(first);
            }
            Some(_) => {
                let part = prefixes.join(", ");
                return Err(Error::Content {
                    file: checkpoint.source().to_owned(),
                    reason: format!("the norms of {part} have several eps, and one is known"),
                });
            }
            None if keys.names().any(|name| inside(name) && name.ends_with(".conv.bias")) => {
                norm.kind = NormKind::Merged
            }
            None => {}
        }
    }
    Ok(())
}

/// The norms of a spec with the prefixes of their parameters' names.
fn parts(spec: &mut ModelSpec) -> Vec<(Vec<String>, &mut NormSpec)> {
    let strings = |prefixes: &[&str]| prefixes.iter().map(|&p| p.to_owned()).collect::<Vec<_>>();
    let body = spec.task.body();
    let mut parts: Vec<_> = spec.backbone.norm_mut().map(|norm| (strings(&[body]), norm)).into_iter().collect();
    let Task::OneStage(head) = &mut spec.task else { return parts };
    for (i, extra) in head.extras.iter_mut().enumerate() {
        let norm = match extra {
            ExtraSpec::Conv { norm, .. } => norm.as_mut(),
            ExtraSpec::Depthwise { norm, .. } | ExtraSpec::Dense { norm, .. } | ExtraSpec::Residual { norm, .. } => {
                Some(norm)
            }
        };
        parts.extend(norm.map(|norm| (vec![format!("extras.{i}.")], norm)));
    }
    if let Some(refine) = &mut head.refine {
        parts.extend(refine.norm.as_mut().map(|norm| (strings(&["tcb."]), norm)));
    }
    if head.head.block.is_some() {
        parts.push((strings(&["inter.", "arm.inter.", "odm.inter."]), &mut head.head.block_norm));
    }
    parts.extend(head.head.norm.as_mut().map(|norm| (strings(&["loc.", "conf."]), norm)));
    parts
}
