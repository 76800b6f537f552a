//! From Caffe's blobs to the tensors that PyTorch has: BatchNorm and Scale become one norm.

use std::collections::HashMap;

use super::net::{CaffeLayer, CaffeNet, CaffeParams};
use crate::{
    error::{ErrorKind, Read},
    index::Index,
    layout::Layout,
    source::Source,
    tensor::Dtype,
};

type Tensor = (Dtype, Layout);

/// The blobs of all layers, each taken once.
struct Blobs<'n> {
    net: &'n CaffeNet,
    blobs: Vec<Option<Tensor>>,
    /// Where those of each layer begin.
    starts: Vec<usize>,
}

/// Folds the index of a file; `index` must be the one that came with `net`.
pub(crate) fn fold(index: Index, net: &CaffeNet, file: &Source) -> Read<Index> {
    let dtypes = index.tensors.iter().map(|info| info.dtype);
    let blobs = dtypes.zip(index.layouts).map(Some).collect();
    let starts = net.layers.iter().scan(0, |at, layer| {
        let start = *at;
        *at += layer.blobs;
        Some(start)
    });
    let mut blobs = Blobs { net, blobs, starts: starts.collect() };
    let partners = partners(net);
    let mut folded = Vec::new();
    let mut joined = 0;
    for (i, layer) in net.layers.iter().enumerate() {
        if layer.blobs == 0 {
            continue;
        }
        match layer.kind.as_str() {
            "BatchNorm" => {
                joined += usize::from(partners[i].is_some());
                blobs.batch_norm(i, partners[i], file, &mut folded)?;
            }
            "Convolution" | "Deconvolution" | "InnerProduct" => {
                let mut weight = blobs.take(i, 0, "weight")?;
                if let CaffeParams::InnerProduct { transpose } = layer.params {
                    weight = matrix(weight, transpose);
                }
                folded.push((format!("{}.weight", layer.name), weight));
                blobs.bias(i, 1, &mut folded)?;
            }
            // One that a BatchNorm before it took is empty now.
            "Scale" if blobs.is_there(i) => {
                let weight = blobs.vector(i, 0, "weight")?;
                folded.push((format!("{}.weight", layer.name), weight));
                blobs.bias(i, 1, &mut folded)?;
            }
            "Scale" => {}
            "Bias" => blobs.bias(i, 0, &mut folded)?,
            "Normalize" | "PReLU" => {
                let weight = blobs.vector(i, 0, "weight")?;
                folded.push((format!("{}.weight", layer.name), weight));
                blobs.done(i, 1)?;
            }
            _ => {
                for j in 0..layer.blobs {
                    folded.push((format!("{}.blob{j}", layer.name), blobs.take(i, j, "blob")?));
                }
            }
        }
    }
    let mut metadata = index.metadata;
    let norms = net.layers.iter().filter(|layer| layer.kind == "BatchNorm").count();
    if norms > 0 {
        metadata.insert("caffe.folded".to_owned(), format!("{norms} norms, {joined} of them with their Scale"));
    }
    let mut index = Index { metadata, wrapper: index.wrapper, ..Index::default() };
    let entries = folded.into_iter().map(|(name, (dtype, layout))| (name, dtype, layout)).collect();
    index.fill(entries, file.len())?;
    Ok(index)
}

/// For each BatchNorm layer the Scale that is the next to touch its output; in a file without
/// outputs, the Scale right after it.
fn partners(net: &CaffeNet) -> Vec<Option<usize>> {
    let mut partners = vec![None; net.layers.len()];
    // What first touches each blob after the layer at hand: a Scale that reads it, or another layer
    // that writes it.
    let mut next: HashMap<&str, Option<usize>> = HashMap::new();
    let mut follower: Option<usize> = None;
    for (i, layer) in net.layers.iter().enumerate().rev() {
        let scale = (layer.kind == "Scale" && layer.blobs > 0 && layer.bottoms.len() < 2).then_some(i);
        if layer.kind == "BatchNorm" {
            partners[i] = match layer.tops.first() {
                Some(top) => next.get(top.as_str()).copied().flatten(),
                None => follower,
            };
        }
        next.extend(layer.tops.iter().map(|top| (top.as_str(), None)));
        if let (Some(i), Some(bottom)) = (scale, layer.bottoms.first()) {
            next.insert(bottom, Some(i));
        }
        follower = scale.filter(|_| layer.bottoms.is_empty());
    }
    partners
}

impl Blobs<'_> {
    fn layer(&self, i: usize) -> &CaffeLayer {
        &self.net.layers[i]
    }

    fn refuse(&self, i: usize, why: String) -> ErrorKind {
        let layer = self.layer(i);
        ErrorKind::malformed(format!("layer {:?} ({}) of this Caffe model {why}", layer.name, layer.kind))
    }

    fn is_there(&self, i: usize) -> bool {
        self.blobs[self.starts[i]].is_some()
    }

    fn take(&mut self, i: usize, j: usize, what: &str) -> Read<Tensor> {
        let found = if j < self.layer(i).blobs { self.blobs[self.starts[i] + j].take() } else { None };
        found.ok_or_else(|| self.refuse(i, format!("has no {what}")))
    }

    /// A blob of one axis, however many of length 1 the file gives it.
    fn vector(&mut self, i: usize, j: usize, what: &str) -> Read<Tensor> {
        let (dtype, layout) = self.take(i, j, what)?;
        if layout.shape.iter().filter(|&&n| n != 1).count() > 1 {
            return Err(self.refuse(i, format!("has a {what} of shape {:?}, which is no vector", layout.shape)));
        }
        let len = layout.shape.iter().product();
        Ok((dtype, layout.reshaped(vec![len])))
    }

    /// The last blob of a layer, a bias, if it has one.
    fn bias(&mut self, i: usize, j: usize, folded: &mut Vec<(String, Tensor)>) -> Read<()> {
        if self.layer(i).blobs > j {
            let bias = self.vector(i, j, "bias")?;
            folded.push((format!("{}.bias", self.layer(i).name), bias));
        }
        self.done(i, j + 1)
    }

    /// Checks that a layer has no more blobs than its type.
    fn done(&self, i: usize, most: usize) -> Read<()> {
        match self.layer(i).blobs {
            n if n > most => Err(self.refuse(i, format!("has {n} blobs, at most {most} are read"))),
            _ => Ok(()),
        }
    }

    fn batch_norm(
        &mut self,
        i: usize,
        scale: Option<usize>,
        file: &Source,
        folded: &mut Vec<(String, Tensor)>,
    ) -> Read<()> {
        if self.layer(i).blobs != 3 {
            let why = format!("has {} blobs instead of 3 (mean, variance, factor)", self.layer(i).blobs);
            return Err(self.refuse(i, why));
        }
        let mean = self.vector(i, 0, "mean")?;
        let var = self.vector(i, 1, "variance")?;
        let factor = self.vector(i, 2, "factor")?;
        let channels = mean.1.shape[0];
        let dtype = mean.0;
        if var.1.shape[0] != channels || var.0 != dtype || factor.1.shape[0] != 1 {
            let why = format!("has {channels} means, {} variances, {} factors", var.1.shape[0], factor.1.shape[0]);
            return Err(self.refuse(i, why));
        }
        let factor = number(&factor, file)?;
        let (weight, bias) = match scale {
            Some(scale) => {
                let weight = self.vector(scale, 0, "weight")?;
                let bias = if self.layer(scale).blobs > 1 { Some(self.vector(scale, 1, "bias")?) } else { None };
                self.done(scale, 2)?;
                let lens = [Some(&weight), bias.as_ref()].map(|vector| vector.map_or(channels, |v| v.1.shape[0]));
                if lens != [channels; 2] {
                    let why = format!("scales {} channels, the BatchNorm before it has {channels}", lens[0]);
                    return Err(self.refuse(scale, why));
                }
                (Some(weight), bias)
            }
            None => (None, None),
        };
        let constant = |value| (dtype, Layout::constant(value, channels, dtype.size()));
        let statistics = |(dtype, layout): Tensor| match factor {
            0.0 => constant(0.0),
            1.0 => (dtype, layout),
            _ => (dtype, layout.divided(factor)),
        };
        let tensors = [
            ("weight", weight.unwrap_or_else(|| constant(1.0))),
            ("bias", bias.unwrap_or_else(|| constant(0.0))),
            ("running_mean", statistics(mean)),
            ("running_var", statistics(var)),
        ];
        let name = &self.layer(i).name;
        folded.extend(tensors.map(|(leaf, tensor)| (format!("{name}.{leaf}"), tensor)));
        Ok(())
    }
}

/// The only number of a blob.
fn number((dtype, layout): &Tensor, file: &Source) -> Read<f64> {
    let bytes = layout.bytes(file)?;
    let number = match dtype {
        Dtype::F64 => bytes.first_chunk().map(|bytes| f64::from_le_bytes(*bytes)),
        _ => bytes.first_chunk().map(|bytes| f64::from(f32::from_le_bytes(*bytes))),
    };
    number.ok_or_else(|| ErrorKind::malformed("a factor of it is no number"))
}

/// The weight of an InnerProduct as (out, in), without the axes of length 1 that old files begin it
/// with.
fn matrix((dtype, mut layout): Tensor, transpose: bool) -> Tensor {
    let extra = layout.shape.len().saturating_sub(2);
    if extra > 0 && layout.shape[..extra].iter().all(|&n| n == 1) {
        let shape = layout.shape[extra..].to_vec();
        layout = layout.reshaped(shape);
    }
    if transpose {
        layout.shape.reverse();
        layout.strides.reverse();
    }
    (dtype, layout)
}
