//! A checkpoint's values into a network's variables.

use super::keys::Keys;
use super::{LoadOptions, LoadReport, matches};
use crate::network::initialise;
use crate::{Error, Network};
use tch::Kind;
use vovdet_pretrained::{Checkpoint, Dtype};

/// Fills every variable that the checkpoint has, and reports what became of the others.
pub(super) fn fill(
    network: &mut Network,
    checkpoint: &Checkpoint,
    keys: &Keys,
    options: &LoadOptions,
) -> Result<LoadReport, Error> {
    let whole = keys;
    let keys = &whole.rebased(network.spec());
    let mut report = LoadReport::new(checkpoint.source(), network.spec(), keys.naming());
    let mut used = vec![false; checkpoint.tensors().len()];
    let mut buffer = Vec::new();
    for parameter in network.parameters_mut() {
        let Some(index) = keys.index(&parameter.name) else {
            let allowed = options.allow.iter().any(|pattern| matches(pattern, &parameter.name));
            if allowed {
                initialise(parameter)?;
            }
            report.add_missing(&parameter.name, allowed);
            continue;
        };
        used[index] = true;
        let info = &checkpoint.tensors()[index];
        let shape: Vec<i64> = info.shape.iter().map(|&d| d as i64).collect();
        if !same_but_for_ones(&shape, &parameter.tensor.size()) {
            report.add_mismatch(&info.name, &parameter.tensor.size(), &shape);
            continue;
        }
        let kind = tensor_kind(info.dtype).ok_or_else(|| Error::Content {
            file: checkpoint.source().to_owned(),
            reason: format!("{} is {}, which no network computes with", info.name, info.dtype.name()),
        })?;
        tch::no_grad(|| {
            let flat = parameter.tensor.f_view([-1])?;
            let mut filled = 0;
            checkpoint.read_parts(&info.name, &mut buffer, |part| {
                let count = (part.len() / kind.elt_size_in_bytes()) as i64;
                vovdet_native::copy_from_bytes(&mut flat.f_narrow(0, filled, count)?, part, kind)?;
                filled += count;
                Ok::<_, Error>(())
            })
        })?;
        report.applied += 1;
    }
    report.add_rest(checkpoint, whole, keys, &used);
    Ok(report)
}

/// Whether two shapes hold the same elements in the same order: some files keep a channel's scale as `[1, C, 1, 1]`, and
/// Caffe a matrix as `[1, 1, O, I]`.
pub(super) fn same_but_for_ones(a: &[i64], b: &[i64]) -> bool {
    let several = |shape: &[i64]| shape.iter().copied().filter(|&d| d != 1).collect::<Vec<_>>();
    a == b || several(a) == several(b)
}

/// The libtorch kind of a checkpoint's element type.
fn tensor_kind(dtype: Dtype) -> Option<Kind> {
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
