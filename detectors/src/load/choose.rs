//! Which spec a load follows, in all its numbers.

use super::keys::Keys;
use super::{LoadOptions, SPEC_KEY, adapt, identify};
use crate::spec::{BackboneSpec, Class, Dialect, Ese, NormKind, NormSpec, ResizeRule, Task};
use crate::{Error, ModelSpec};
use vovdet_pretrained::{Checkpoint, catalogue};

/// The spec that was asked for or that the file names; with the numbers that the file fixes; with the caller's options,
/// which have the last word.
pub(super) fn spec(
    asked: Option<ModelSpec>,
    checkpoint: &Checkpoint,
    keys: &Keys,
    options: &LoadOptions,
) -> Result<ModelSpec, Error> {
    let spec = match asked {
        Some(spec) => adapted(in_dialect_of_keys(spec, keys, options), checkpoint, keys)?,
        None => of_file(checkpoint, keys, options)?,
    };
    tracing::debug!(model = spec.name, dialect = spec.dialect().map(Dialect::name), "the spec of this load");
    with_options(spec, checkpoint, options)
}

fn adapted(mut spec: ModelSpec, checkpoint: &Checkpoint, keys: &Keys) -> Result<ModelSpec, Error> {
    let keys = keys.rebased(&spec);
    adapt::adapt(&mut spec, checkpoint, &keys)?;
    Ok(spec)
}

/// The spec that the file itself names: in its metadata, by its own name, or by its parameters.
fn of_file(checkpoint: &Checkpoint, keys: &Keys, options: &LoadOptions) -> Result<ModelSpec, Error> {
    if let Some(text) = checkpoint.metadata().get(SPEC_KEY) {
        return adapted(ModelSpec::from_json(text, checkpoint.source())?, checkpoint, keys);
    }
    let stem = std::path::Path::new(checkpoint.source()).file_stem().and_then(|s| s.to_str()).unwrap_or_default();
    if let Ok(spec) = ModelSpec::named(stem, options.dialect) {
        return adapted(in_dialect_of_keys(spec, keys, options), checkpoint, keys);
    }
    let unidentified = || Error::Unidentified { file: checkpoint.source().to_owned() };
    identify::first_fit(checkpoint, keys, options).ok_or_else(unidentified)
}

/// A spec that came from a bare name follows the dialect that the keys are written in.
fn in_dialect_of_keys(spec: ModelSpec, keys: &Keys, options: &LoadOptions) -> ModelSpec {
    let (Some(written), None) = (keys.dialect(), options.dialect) else { return spec };
    let untouched = ModelSpec::named(&spec.name, None).is_ok_and(|named| named == spec);
    if spec.dialect() == Some(written) || !untouched {
        return spec;
    }
    ModelSpec::named(&spec.name, Some(written)).unwrap_or(spec)
}

fn with_options(mut spec: ModelSpec, checkpoint: &Checkpoint, options: &LoadOptions) -> Result<ModelSpec, Error> {
    if let Some(kind) = options.norm {
        let eps = norm_eps(&spec, kind, options.dialect);
        match spec.backbone.norm_mut() {
            Some(norm) => *norm = NormSpec::new(kind, eps),
            None => return Err(Error::Spec(format!("`{}` has no normalisation that could be chosen", spec.name))),
        }
    }
    if let Some(names) = &options.class_names {
        name_classes(&mut spec, names, checkpoint)?;
    }
    if let Some(side) = options.size {
        spec.resize_to(side)?;
    }
    let (score, limit, nms) = match &mut spec.task {
        Task::Classify { .. } => {
            // torchvision's newer weights are for images that are resized to less, which no parameter tells.
            let published = catalogue::of_file(checkpoint.source()).and_then(|entry| entry.short_side);
            if let (Some(side), ResizeRule::CenterCrop { short, .. }) = (published, &mut spec.input.resize) {
                *short = side;
            }
            return Ok(spec);
        }
        Task::MaskRcnn(head) => (&mut head.post.score, &mut head.post.max_dets, &mut head.post.nms),
        Task::OneStage(head) => {
            head.post.soft_nms = options.soft_nms.or(head.post.soft_nms);
            (&mut head.post.score, &mut head.post.keep, &mut head.post.nms)
        }
    };
    *score = options.score.unwrap_or(*score);
    *limit = options.max_dets.unwrap_or(*limit);
    *nms = options.nms.unwrap_or(*nms);
    Ok(spec)
}

fn name_classes(spec: &mut ModelSpec, names: &[String], checkpoint: &Checkpoint) -> Result<(), Error> {
    let wanted = match spec.task {
        Task::Classify { outputs } => outputs as usize,
        _ => spec.classes.len(),
    };
    if names.len() != wanted {
        return Err(Error::Spec(format!(
            "{} class names are given, and the model of {} has {wanted} classes",
            names.len(),
            checkpoint.source()
        )));
    }
    let ids: Vec<u32> = spec.classes.iter().map(|c| c.id).collect();
    spec.classes = Class::from_names(names.iter().cloned());
    // COCO's ids stay what they are; only the names change.
    spec.classes.iter_mut().zip(ids).for_each(|(class, id)| class.id = id);
    Ok(())
}

/// The eps that goes with a normalisation named without one: a frozen V1 is maskrcnn-benchmark's, which has none, and a
/// frozen V2 is detectron2's (docs/reference/vovnet.md §3).
fn norm_eps(spec: &ModelSpec, kind: NormKind, dialect: Option<Dialect>) -> f64 {
    if kind != NormKind::Frozen {
        return 1e-5;
    }
    match (dialect.or(spec.dialect()), &spec.backbone) {
        (Some(Dialect::MaskrcnnBenchmark), _) => 0.0,
        (Some(Dialect::Detectron2), _) => 1e-5,
        (Some(Dialect::Torchvision), BackboneSpec::Resnet(_)) => 0.0,
        (None, BackboneSpec::Vovnet(v)) if v.ese == Ese::None => 0.0,
        (None, BackboneSpec::Resnet(_)) => 0.0,
        _ => 1e-5,
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;
    use vovdet_pretrained::{Dtype, TensorData, write_safetensors};

    /// torchvision 0.26: `ImageClassification(crop_size=224, resize_size=232)` of the V2 weights, 256 of the V1.
    #[test]
    fn published_classifiers_get_the_resize_that_their_publisher_tells() {
        let folder = tempfile::tempdir().unwrap();
        for (file, side) in [("resnet50-11ad3fa6.pth", 232), ("resnet50-0676ba61.pth", 256), ("resnet50.pth", 256)] {
            let path = folder.path().join(file);
            let tensor = TensorData { name: "fc.bias", dtype: Dtype::F32, shape: &[1], bytes: vec![0; 4].into() };
            write_safetensors(&path, &[tensor], &Default::default()).unwrap();
            let checkpoint = Checkpoint::open(&path).unwrap();
            let asked = ModelSpec::named("resnet50", None).unwrap();
            let spec = spec(Some(asked), &checkpoint, &Keys::new(&checkpoint), &LoadOptions::default()).unwrap();
            assert_eq!(spec.input.resize, ResizeRule::CenterCrop { short: side, crop: 224 }, "{file}");
        }
    }
}
