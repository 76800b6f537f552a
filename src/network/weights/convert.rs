//! `vovdet weights convert`.

use crate::model;
use anyhow::{Result, bail};
use half::{bf16, f16};
use std::borrow::Cow;
use std::collections::BTreeMap;
use std::io;
use std::path::Path;
use vovdet::cli::Outcome;
use vovdet::cli::console::Console;
use vovdet::cli::overwrite::refuse_to_replace;
use vovdet::cli::weights::convert::{Container, Convert, Float};
use vovdet::cli::weights::size;
use vovdet_detectors::SPEC_KEY;
use vovdet_pretrained::{Checkpoint, Dtype, TensorInfo, write_safetensors_with, write_torch_zip_with};

fn dtype(float: Float) -> Dtype {
    match float {
        Float::Float32 => Dtype::F32,
        Float::Float16 => Dtype::F16,
        Float::Bfloat16 => Dtype::BF16,
    }
}

/// Does what was asked for.
pub fn run(args: &Convert, console: &Console) -> Result<Outcome> {
    let out = args.out.display();
    let container = container(args)?;
    if args.out.exists() && !args.force {
        bail!("{out} exists: choose another name, or replace it with --force");
    }
    let options = args.fit.options();
    let inputs =
        [options.weights.as_deref(), options.model.as_deref().map(Path::new), options.fit.class_names.as_deref()];
    refuse_to_replace("the output", &args.out, inputs.into_iter().flatten())?;
    let checkpoint = model::checkpoint(&options, console)?;
    let mut metadata = checkpoint.metadata().clone();
    if args.fit.model.is_some() {
        let (loaded, report) =
            vovdet_detectors::load(model::spec(&options)?, &checkpoint, &model::load_options(&options)?)
                .map_err(model::with_hint)?;
        console.detail(&report);
        metadata.insert(SPEC_KEY.into(), serde_json::to_string(loaded.spec())?);
    }
    let float = if args.half { Some(Dtype::F16) } else { args.dtype.map(dtype) };
    write(&args.out, container, &checkpoint, float, &metadata)?;
    let bytes = std::fs::metadata(&args.out).map_or(0, |m| m.len() as usize);
    console.note(format_args!("{out}: {} tensors, {}", checkpoint.tensors().len(), size(bytes)));
    Ok(Outcome::All)
}

fn container(args: &Convert) -> Result<Container> {
    if let Some(to) = args.to {
        return Ok(to);
    }
    match args.out.extension().and_then(|e| e.to_str()) {
        Some("safetensors") => Ok(Container::Safetensors),
        Some("pth" | "pt") => Ok(Container::Pth),
        _ => bail!(
            "{}: its extension names no format: call it .safetensors or .pth, or say --to safetensors|pth",
            args.out.display()
        ),
    }
}

fn write(
    out: &Path,
    container: Container,
    checkpoint: &Checkpoint,
    float: Option<Dtype>,
    metadata: &BTreeMap<String, String>,
) -> Result<()> {
    let from = checkpoint.tensors();
    let to: Vec<TensorInfo> = from
        .iter()
        .map(|info| TensorInfo { dtype: float.filter(|_| info.dtype.is_float()).unwrap_or(info.dtype), ..info.clone() })
        .collect();
    let bytes = |i: usize| -> io::Result<Cow<'_, [u8]>> {
        let bytes = checkpoint.bytes(&from[i].name).map_err(io::Error::other)?;
        if from[i].dtype == to[i].dtype {
            return Ok(bytes);
        }
        match convert(&bytes, from[i].dtype, to[i].dtype) {
            Some(converted) => Ok(Cow::Owned(converted)),
            None => {
                let what = format!("tensor {:?} has numbers beyond the range of {}", from[i].name, to[i].dtype);
                Err(io::Error::other(what))
            }
        }
    };
    match container {
        Container::Safetensors => write_safetensors_with(out, &to, metadata, bytes)?,
        Container::Pth => write_torch_zip_with(out, &to, bytes)?,
    }
    Ok(())
}

/// Floating-point numbers of one type as another, rounded to nearest; `None` when a finite one becomes infinite.
fn convert(bytes: &[u8], from: Dtype, to: Dtype) -> Option<Vec<u8>> {
    let mut out = Vec::with_capacity(bytes.len() / from.size() * to.size());
    for number in bytes.chunks_exact(from.size()) {
        let value = match (from, number) {
            (Dtype::F64, &[a, b, c, d, e, f, g, h]) => f64::from_le_bytes([a, b, c, d, e, f, g, h]),
            (Dtype::F32, &[a, b, c, d]) => f32::from_le_bytes([a, b, c, d]).into(),
            (Dtype::F16, &[a, b]) => f16::from_le_bytes([a, b]).into(),
            (_, &[a, b]) => bf16::from_le_bytes([a, b]).into(),
            _ => return None,
        };
        let stays_finite = match to {
            Dtype::F32 => push(&mut out, (value as f32).to_le_bytes(), (value as f32).is_finite()),
            Dtype::F16 => push(&mut out, f16::from_f64(value).to_le_bytes(), f16::from_f64(value).is_finite()),
            _ => push(&mut out, bf16::from_f64(value).to_le_bytes(), bf16::from_f64(value).is_finite()),
        };
        if value.is_finite() && !stays_finite {
            return None;
        }
    }
    Some(out)
}

fn push<const N: usize>(out: &mut Vec<u8>, bytes: [u8; N], finite: bool) -> bool {
    out.extend(bytes);
    finite
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn floats_round_and_do_not_overflow() {
        let floats = |list: &[f32]| list.iter().flat_map(|f| f.to_le_bytes()).collect::<Vec<u8>>();
        // 65504 is the largest half; 1/3 is 0x3555 there (IEEE 754).
        let half = convert(&floats(&[1.0, 65504.0, 1.0 / 3.0, f32::INFINITY]), Dtype::F32, Dtype::F16).unwrap();
        assert_eq!(half, [0x00, 0x3c, 0xff, 0x7b, 0x55, 0x35, 0x00, 0x7c]);
        assert!(convert(&floats(&[70000.0]), Dtype::F32, Dtype::F16).is_none());
        assert_eq!(convert(&half[..2], Dtype::F16, Dtype::F32).unwrap(), floats(&[1.0]));
        assert_eq!(convert(&floats(&[70000.0]), Dtype::F32, Dtype::BF16).unwrap(), [0x89, 0x47]);
    }
}
