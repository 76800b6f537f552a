//! From a checkpoint to a model, strictly: whatever is not applied is an error unless the caller allows it by name.

mod adapt;
mod adapt_one_stage;
mod identify;
mod keys;
mod report;

pub use identify::identify;
pub use report::{LoadReport, Mismatch, Missing};

use crate::params::{ParamStore, Parameter};
use crate::spec::{Class, Dialect, NormKind, NormSpec, ResizeRule, SoftNms, Task};
use crate::{Error, Model, ModelSpec, Precision};
use keys::Keys;
use tch::{Device, Kind};
use vovdet_pretrained::{Checkpoint, Dtype, catalogue};

/// Key of the spec in the metadata of our own weight files.
pub const SPEC_KEY: &str = "vovdet.spec";

/// How to load.
#[derive(Debug, Clone)]
pub struct LoadOptions {
    /// Whose rules; read from the checkpoint's keys when not given.
    pub dialect: Option<Dialect>,
    /// Normalisation of the backbone instead of the spec's.
    pub norm: Option<NormKind>,
    /// Where the model shall live.
    pub device: Device,
    /// Arithmetic.
    pub precision: Precision,
    /// Keep every layer in its trainable life: no folding, no layout change.
    pub plain: bool,
    /// Parameters that may be missing; `*` stands for anything.
    pub allow: Vec<String>,
    /// Names for the foreground classes, in output order.
    pub class_names: Option<Vec<String>>,
    /// Score threshold instead of the spec's.
    pub score: Option<f32>,
    /// Most detections per image instead of the spec's.
    pub max_dets: Option<usize>,
    /// Soft-NMS on top, in a one-stage detector.
    pub soft_nms: Option<SoftNms>,
}

impl Default for LoadOptions {
    fn default() -> Self {
        Self {
            dialect: None,
            norm: None,
            device: Device::Cpu,
            precision: Precision::Auto,
            plain: false,
            allow: Vec::new(),
            class_names: None,
            score: None,
            max_dets: None,
            soft_nms: None,
        }
    }
}

/// Builds the model of `spec` and fills it from `checkpoint`.
///
/// Without a spec, the one in the file's metadata is taken, else the one that a known file name stands for, else the
/// first known model that the parameters fit.
///
/// # Errors
/// When no model fits, or anything of the model is missing or of another shape; the message names the tensors.
pub fn load(
    spec: Option<ModelSpec>,
    checkpoint: &Checkpoint,
    options: &LoadOptions,
) -> Result<(Model, LoadReport), Error> {
    let keys = Keys::new(checkpoint);
    let spec = resolve(spec, checkpoint, &keys, options)?;
    let kind = options.precision.kind(options.device)?;
    let store = ParamStore::new(options.device);
    let mut model = Model::build(&store.root(), &spec, options.device)?;
    let report = fill(store.into_parameters(), checkpoint, &keys, &spec, options)?;
    report.require_complete(checkpoint.source())?;
    if !options.plain || kind != Kind::Float {
        tch::no_grad(|| model.optimize(kind))?;
    }
    Ok((model, report))
}

/// What a load would report, without keeping the model and without an error for what does not fit.
///
/// # Errors
/// When no model is known for the file, or a tensor cannot be read.
pub fn check(
    spec: Option<ModelSpec>,
    checkpoint: &Checkpoint,
    options: &LoadOptions,
) -> Result<(ModelSpec, LoadReport), Error> {
    let keys = Keys::new(checkpoint);
    let spec = resolve(spec, checkpoint, &keys, options)?;
    let store = ParamStore::new(Device::Cpu);
    Model::build(&store.root(), &spec, Device::Cpu)?;
    let report = fill(store.into_parameters(), checkpoint, &keys, &spec, options)?;
    Ok((spec, report))
}

/// A spec that came from a bare name follows the dialect that the keys speak.
fn with_dialect_of(spec: ModelSpec, keys: &Keys, options: &LoadOptions) -> ModelSpec {
    let (Some(spoken), None) = (keys.dialect(), options.dialect) else { return spec };
    let untouched = ModelSpec::named(&spec.name, None).is_ok_and(|named| named == spec);
    if spec.dialect() == Some(spoken) || !untouched {
        return spec;
    }
    ModelSpec::named(&spec.name, Some(spoken)).unwrap_or(spec)
}

/// The spec that the file itself tells.
fn told_by(checkpoint: &Checkpoint, keys: &Keys, options: &LoadOptions) -> Result<ModelSpec, Error> {
    if let Some(text) = checkpoint.metadata().get(SPEC_KEY) {
        return ModelSpec::from_json(text, checkpoint.source());
    }
    let stem = std::path::Path::new(checkpoint.source()).file_stem().and_then(|s| s.to_str()).unwrap_or_default();
    if let Ok(spec) = ModelSpec::named(stem, options.dialect) {
        return Ok(with_dialect_of(spec, keys, options));
    }
    identify::first_fit(checkpoint, keys, options).ok_or_else(|| {
        Error::Load(format!(
            "{} fits no model that is known: name one with --model (`vovdet weights inspect` shows what the file holds)",
            checkpoint.source()
        ))
    })
}

/// The spec that was asked for or that the file tells, in all its numbers.
fn resolve(
    spec: Option<ModelSpec>,
    checkpoint: &Checkpoint,
    keys: &Keys,
    options: &LoadOptions,
) -> Result<ModelSpec, Error> {
    let spec = match spec {
        Some(spec) => with_dialect_of(spec, keys, options),
        None => told_by(checkpoint, keys, options)?,
    };
    finish_spec(spec, checkpoint, keys, options)
}

/// Reads from the checkpoint what it fixes, then lets the caller's options have the last word.
fn finish_spec(
    mut spec: ModelSpec,
    checkpoint: &Checkpoint,
    keys: &Keys,
    options: &LoadOptions,
) -> Result<ModelSpec, Error> {
    adapt::adapt(&mut spec, checkpoint, keys)?;
    if let Some(kind) = options.norm {
        let eps = norm_eps(&spec, kind, options.dialect);
        match spec.backbone.norm_mut() {
            Some(norm) => *norm = NormSpec { kind, eps },
            None => return Err(Error::Spec(format!("`{}` has no normalisation that --norm could choose", spec.name))),
        }
    }
    if let Some(names) = &options.class_names {
        let wanted = match spec.task {
            Task::Classify { outputs } => outputs as usize,
            Task::MaskRcnn(_) | Task::OneStage(_) => spec.classes.len(),
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
    }
    let (score, limit) = match &mut spec.task {
        Task::Classify { .. } => {
            // torchvision's newer weights are for images that are resized to less, which no parameter tells.
            let published = catalogue::of_file(checkpoint.source()).and_then(|entry| entry.short_side);
            if let (Some(side), ResizeRule::CenterCrop { short, .. }) = (published, &mut spec.input.resize) {
                *short = side;
            }
            return Ok(spec);
        }
        Task::MaskRcnn(head) => (&mut head.post.score, &mut head.post.max_dets),
        Task::OneStage(head) => {
            head.post.soft_nms = options.soft_nms.or(head.post.soft_nms);
            (&mut head.post.score, &mut head.post.keep)
        }
    };
    *score = options.score.unwrap_or(*score);
    *limit = options.max_dets.unwrap_or(*limit);
    Ok(spec)
}

/// The eps that goes with a normalisation named without one: a frozen V1 is maskrcnn-benchmark's, which has none, and a
/// frozen V2 is detectron2's (spec/vovnet.md §3).
fn norm_eps(spec: &ModelSpec, kind: NormKind, dialect: Option<Dialect>) -> f64 {
    use crate::spec::{BackboneSpec, Ese};
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

fn fill(
    parameters: Vec<Parameter>,
    checkpoint: &Checkpoint,
    keys: &Keys,
    spec: &ModelSpec,
    options: &LoadOptions,
) -> Result<LoadReport, Error> {
    let keys = keys.rebased(spec);
    let mut report = LoadReport::new(spec, keys.naming());
    let mut used = vec![false; checkpoint.tensors().len()];
    for mut parameter in parameters {
        let Some(index) = keys.index(&parameter.name) else {
            let allowed = options.allow.iter().any(|pattern| matches(pattern, &parameter.name));
            if allowed {
                parameter.initialise()?;
            }
            report.add_missing(&parameter.name, allowed, &keys);
            continue;
        };
        used[index] = true;
        let info = &checkpoint.tensors()[index];
        let shape: Vec<i64> = info.shape.iter().map(|&d| d as i64).collect();
        if !same_but_for_ones(&shape, &parameter.tensor.size()) {
            report.add_mismatch(&info.name, &parameter.tensor.size(), &shape);
            continue;
        }
        let kind = tensor_kind(info.dtype).ok_or_else(|| {
            Error::Load(format!(
                "{}: {} is {}, which no network computes with",
                checkpoint.source(),
                info.name,
                info.dtype.name()
            ))
        })?;
        let bytes = checkpoint.bytes(&info.name)?;
        vovdet_native::copy_from_bytes(&mut parameter.tensor, &bytes, kind)?;
        drop(bytes);
        checkpoint.release(&info.name);
        report.applied += 1;
    }
    report.add_rest(checkpoint, &keys, &used);
    Ok(report)
}

/// Whether two shapes hold the same elements in the same order: some files keep a channel's scale as `[1, C, 1, 1]`, and
/// Caffe a matrix as `[1, 1, O, I]`.
fn same_but_for_ones(a: &[i64], b: &[i64]) -> bool {
    let several = |shape: &[i64]| shape.iter().copied().filter(|&d| d != 1).collect::<Vec<_>>();
    a == b || several(a) == several(b)
}

/// The libtorch kind of a checkpoint's element type.
pub(crate) fn tensor_kind(dtype: Dtype) -> Option<Kind> {
    Some(match dtype {
        Dtype::F32 => Kind::Float,
        Dtype::F64 => Kind::Double,
        Dtype::F16 => Kind::Half,
        Dtype::BF16 => Kind::BFloat16,
        Dtype::I64 => Kind::Int64,
        Dtype::I32 => Kind::Int,
        Dtype::I16 => Kind::Int16,
        Dtype::I8 => Kind::Int8,
        Dtype::U8 => Kind::Uint8,
        Dtype::Bool => Kind::Bool,
        _ => return None,
    })
}

/// Whether `name` fits a pattern in which `*` stands for any text.
fn matches(pattern: &str, name: &str) -> bool {
    let mut parts = pattern.split('*');
    let Some(mut rest) = parts.next().and_then(|first| name.strip_prefix(first)) else { return false };
    let parts: Vec<&str> = parts.collect();
    let Some((last, middle)) = parts.split_last() else { return rest.is_empty() };
    for part in middle {
        let Some(at) = rest.find(part) else { return false };
        rest = &rest[at + part.len()..];
    }
    rest.len() >= last.len() && rest.ends_with(last)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;
    use vovdet_pretrained::{TensorData, write_safetensors};

    /// torchvision 0.26: `ImageClassification(crop_size=224, resize_size=232)` of the V2 weights, 256 of the V1.
    #[test]
    fn published_classifiers_get_the_resize_that_their_publisher_tells() {
        let folder = tempfile::tempdir().unwrap();
        for (file, side) in [("resnet50-11ad3fa6.pth", 232), ("resnet50-0676ba61.pth", 256), ("resnet50.pth", 256)] {
            let path = folder.path().join(file);
            let tensor = TensorData { name: "fc.bias", dtype: Dtype::F32, shape: &[1], bytes: vec![0; 4].into() };
            write_safetensors(&path, &[tensor], &Default::default()).unwrap();
            let checkpoint = Checkpoint::open(&path).unwrap();
            let spec = ModelSpec::named("resnet50", None).unwrap();
            let spec = finish_spec(spec, &checkpoint, &Keys::new(&checkpoint), &LoadOptions::default()).unwrap();
            assert_eq!(spec.input.resize, ResizeRule::CenterCrop { short: side, crop: 224 }, "{file}");
        }
    }

    #[test]
    fn patterns() {
        for (pattern, name, fits) in [
            ("a.b", "a.b", true),
            ("a.b", "a.bc", false),
            ("*", "anything", true),
            ("roi_heads.*", "roi_heads.box.fc6", true),
            ("*.bias", "fc.bias", true),
            ("a*c*e", "abcde", true),
            ("a*c*e", "abde", false),
            ("ab*ba", "aba", false),
        ] {
            assert_eq!(matches(pattern, name), fits, "{pattern} {name}");
        }
    }
}
