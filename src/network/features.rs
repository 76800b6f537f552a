//! `vovdet features`: every intermediate result of a network, by name.

use super::model;
use anyhow::{Context, Result, anyhow, bail};
use std::borrow::Cow;
use std::collections::BTreeMap;
use std::path::Path;
use tch::{Kind, Tensor};
use vovdet::cli::Outcome;
use vovdet::cli::console::Console;
use vovdet::cli::features::Features;
use vovdet_datasets::image;
use vovdet_detectors::Geometry;
use vovdet_detectors::spec::InputSpec;
use vovdet_files::OverwriteGuard;
use vovdet_pretrained::{Checkpoint, Dtype, TensorData, write_safetensors};

/// Does what was asked for.
pub fn run(args: &Features, console: &Console) -> Result<Outcome> {
    let mut guard = OverwriteGuard::new();
    guard.reads(&args.source);
    args.model.weights.iter().for_each(|weights| guard.reads(weights));
    guard.writes(&args.out).context("--out")?;
    let source = Source::open(&args.source)?;
    let model = model::load(&args.model, console, |_| ())?;
    let input = source.tensor(&model.spec().input).with_context(|| args.source.display().to_string())?;
    let (input, image) = input;
    let mut features = model.features(&input, image.as_ref().map(std::slice::from_ref))?;
    if features.iter().all(|(name, _)| name != "input") {
        features.insert(0, ("input".into(), input));
    }
    let plain: Vec<_> = features.iter().map(|(name, tensor)| Plain::of(name, tensor)).collect::<Result<Vec<_>>>()?;
    let tensors: Vec<_> = plain.iter().map(Plain::data).collect();
    write_safetensors(&args.out, &tensors, &BTreeMap::new())?;
    // Written by hand to keep the network's order.
    let entry = |plain: &Plain| format!("{}:{:?}", serde_json::Value::from(plain.name), plain.shape);
    console.data(&format!("{{{}}}", plain.iter().map(entry).collect::<Vec<_>>().join(",")))?;
    Ok(Outcome::All)
}

/// What a source is, before the model is known.
// There is one of it in a program: its size does not matter.
#[allow(clippy::large_enum_variant)]
enum Source {
    Picture(::image::RgbImage),
    Tensors(Checkpoint),
}

impl Source {
    fn open(path: &Path) -> Result<Self> {
        let file = || path.display().to_string();
        let bytes = vovdet_files::read_bounded(path, image::MAX_BYTES)?;
        // A safetensors file begins with the length of its header and a brace; no image does.
        if bytes.get(8) == Some(&b'{') {
            return Ok(Self::Tensors(Checkpoint::from_bytes(&file(), bytes)?));
        }
        Ok(Self::Picture(image::decode(&bytes).map_err(|e| anyhow!("{}: {e}", file()))?))
    }

    /// The batch for the network, on the CPU, and what part of it is image when there is padding.
    fn tensor(&self, spec: &InputSpec) -> Result<(Tensor, Option<Geometry>)> {
        match self {
            Self::Picture(picture) => {
                let prepared = [spec.prepare(picture)?];
                Ok((spec.batch(&prepared, tch::Device::Cpu, Kind::Float)?, Some(prepared[0].geometry)))
            }
            Self::Tensors(file) => Ok((input_of(file)?, None)),
        }
    }
}

/// The tensor `input` as `[N, 3, H, W]`.
fn input_of(file: &Checkpoint) -> Result<Tensor> {
    let Some(info) = file.tensor("input") else { bail!("has no tensor named `input`") };
    let shape: Vec<i64> = info.shape.iter().map(|&n| n as i64).collect();
    let shape = match shape[..] {
        [n, 3, h, w] => [n, 3, h, w],
        [3, h, w] => [1, 3, h, w],
        _ => bail!("the tensor `input` has the shape {shape:?}; it should be [N, 3, H, W] or [3, H, W]"),
    };
    if info.dtype != Dtype::F32 || info.numel() == 0 {
        bail!("the tensor `input` holds {} numbers of {}; it should hold some, of float32", info.numel(), info.dtype);
    }
    let bytes = file.read("input")?;
    let values: Vec<f32> = bytes.as_chunks::<4>().0.iter().map(|&b| f32::from_le_bytes(b)).collect();
    Ok(Tensor::f_from_slice(&values)?.f_view(shape)?)
}

/// A tensor as bytes.
struct Plain<'a> {
    name: &'a str,
    dtype: Dtype,
    shape: Vec<usize>,
    bytes: Vec<u8>,
}

impl<'a> Plain<'a> {
    /// Floating-point numbers become float32, all others int64.
    fn of(name: &'a str, tensor: &Tensor) -> Result<Self> {
        let shape = tensor.size().iter().map(|&n| n as usize).collect();
        let float = matches!(tensor.kind(), Kind::Float | Kind::Double | Kind::Half | Kind::BFloat16);
        let (kind, dtype) = if float { (Kind::Float, Dtype::F32) } else { (Kind::Int64, Dtype::I64) };
        let flat = tensor.f_to_device(tch::Device::Cpu)?.f_to_kind(kind)?.f_contiguous()?.f_view([-1])?;
        let bytes = if float {
            Vec::<f32>::try_from(&flat)?.iter().flat_map(|v| v.to_le_bytes()).collect()
        } else {
            Vec::<i64>::try_from(&flat)?.iter().flat_map(|v| v.to_le_bytes()).collect()
        };
        Ok(Self { name, dtype, shape, bytes })
    }

    fn data(&self) -> TensorData<'_> {
        TensorData { name: self.name, dtype: self.dtype, shape: &self.shape, bytes: Cow::Borrowed(&self.bytes) }
    }
}
