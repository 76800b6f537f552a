//! Everything that the network makes, under the names of the parity fixtures.

use super::Outputs;
use super::postprocess::Candidate;
use crate::Error;
use crate::detection::Detection;
use crate::spec::OneStageRules;
use tch::Tensor;

/// Raw outputs and prior boxes under one name in every dialect (`loc`, `conf`, `priors`; RefineDet: `arm_loc`,
/// `arm_conf`, `odm_loc`, `odm_conf`, `priors`), sources, `detections` (rows class, score, x1, y1, x2, y2 in the unit of
/// the prior boxes, by class, then by score), and the same again under the reference's own names where they differ.
pub(super) fn named(
    rules: &OneStageRules,
    outputs: Outputs,
    found: &[Vec<Candidate>],
    finished: &[Vec<Detection>],
) -> Result<Vec<(String, Tensor)>, Error> {
    let mut named: Vec<(String, Tensor)> = Vec::new();
    // Each reference shows its sources on another side of the L2 normalisation.
    named.extend(match (&outputs.refined, rules.sources) {
        (Some(_), _) => numbered("arm_source", outputs.sources),
        (None, (name, true)) => numbered(name, outputs.sources),
        (None, (name, false)) => numbered(name, outputs.maps),
    });
    let (loc, conf) = if outputs.refined.is_some() { ("odm_loc", "odm_conf") } else { ("loc", "conf") };
    if let Some((maps, arm)) = outputs.refined {
        named.extend(numbered("odm_source", maps));
        named.push(("arm_loc".into(), arm.deltas));
        named.push(("arm_conf".into(), arm.logits));
    }
    let priors = rows(outputs.priors.reported.as_flattened(), 4)?;
    let theirs = rules.outputs.filter(|_| loc == "loc");
    let ours = [(loc, outputs.raw.deltas), (conf, outputs.raw.logits), ("priors", priors)];
    for (i, (name, tensor)) in ours.into_iter().enumerate() {
        if let Some(other) = theirs.map(|names| names[i]).filter(|&other| other != name) {
            named.push((other.into(), tensor.shallow_clone()));
        }
        named.push((name.into(), tensor));
    }
    named.extend(detections(found)?);
    named.extend(last(finished)?);
    Ok(named)
}

fn numbered(name: &str, tensors: Vec<Tensor>) -> impl Iterator<Item = (String, Tensor)> {
    tensors.into_iter().enumerate().map(move |(i, tensor)| (format!("{name}.{i}"), tensor))
}

fn rows(values: &[f32], width: i64) -> Result<Tensor, Error> {
    Ok(Tensor::f_from_slice(values)?.f_view([values.len() as i64 / width, width])?)
}

/// Detections as the references' own rows.
fn detections(found: &[Vec<Candidate>]) -> Result<Vec<(String, Tensor)>, Error> {
    let (mut values, mut images) = (Vec::new(), Vec::new());
    for (image, found) in (0i64..).zip(found) {
        let mut found: Vec<&Candidate> = found.iter().collect();
        found.sort_by_key(|f| f.label);
        for f in found {
            values.extend([f.label as f32 + 1.0, f.score]);
            values.extend(f.bbox);
            images.push(image);
        }
    }
    per_image(vec![("detections", rows(&values, 6)?)], "detections.image", found.len(), &images)
}

/// Detections in pixels of the original images, best first; labels count from 1.
fn last(finished: &[Vec<Detection>]) -> Result<Vec<(String, Tensor)>, Error> {
    let all = || finished.iter().flatten();
    let boxes: Vec<[f32; 4]> = all().map(|d| d.bbox).collect();
    let named = vec![
        ("final.boxes", rows(boxes.as_flattened(), 4)?),
        ("final.scores", Tensor::f_from_slice(&all().map(|d| d.score).collect::<Vec<_>>())?),
        ("final.labels", Tensor::f_from_slice(&all().map(|d| d.label as i64 + 1).collect::<Vec<_>>())?),
    ];
    let images: Vec<i64> = (0..).zip(finished).flat_map(|(i, d)| std::iter::repeat_n(i, d.len())).collect();
    per_image(named, "final.image", finished.len(), &images)
}

/// With several images, a tensor that says whose row is whose.
fn per_image(
    named: Vec<(&str, Tensor)>,
    name: &str,
    count: usize,
    images: &[i64],
) -> Result<Vec<(String, Tensor)>, Error> {
    let mut named: Vec<(String, Tensor)> = named.into_iter().map(|(n, t)| (n.to_owned(), t)).collect();
    if count > 1 {
        named.push((name.to_owned(), Tensor::f_from_slice(images)?));
    }
    Ok(named)
}
