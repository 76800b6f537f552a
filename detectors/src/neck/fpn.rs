//! Feature pyramid network (arXiv 1612.03144; docs/reference/mask_rcnn.md §2).

use crate::Error;
use crate::layers::{Act, ConvNormAct, ConvSpec, PathExt, layers};
use crate::spec::FpnSpec;
use tch::{Tensor, nn};

/// Lateral 1x1 and output 3x3 convolutions for four stages, and a subsampled fifth level.
#[derive(Debug)]
pub struct Fpn {
    lateral: Vec<ConvNormAct>,
    output: Vec<ConvNormAct>,
}

impl Fpn {
    /// Builds the pyramid over stages of `channels`, finest first.
    pub fn new(path: &nn::Path, spec: &FpnSpec, channels: &[i64]) -> Self {
        let blocks = |name: &str, kernel: i64, inputs: &[i64]| {
            inputs.iter().enumerate().map(|(i, &input)| conv(&path.at(name), i, input, kernel, spec)).collect()
        };
        Self {
            lateral: blocks("inner_blocks", 1, channels),
            output: blocks("layer_blocks", 3, &vec![spec.channels; channels.len()]),
        }
    }

    /// Levels P2 to P6 `[N, channels, H, W]` from the stages, finest first.
    ///
    /// # Errors
    /// libtorch's message when a stage has other channels.
    pub fn try_forward_t(&self, stages: &[Tensor], train: bool) -> Result<Vec<Tensor>, Error> {
        let mut levels = Vec::with_capacity(stages.len() + 1);
        let mut above: Option<Tensor> = None;
        for ((stage, lateral), output) in stages.iter().zip(&self.lateral).zip(&self.output).rev() {
            let mut merged = lateral.try_forward_t(stage, train)?;
            if let Some(above) = &above {
                let size = merged.size();
                merged = merged.f_add_(&above.f_upsample_nearest2d([size[2], size[3]], None, None)?)?;
            }
            levels.push(output.try_forward_t(&merged, train)?);
            above = Some(merged);
        }
        levels.reverse();
        if let Some(coarsest) = levels.last() {
            // A max pool with kernel 1 picks every other pixel.
            let extra = coarsest.f_max_pool2d([1, 1], [2, 2], [0, 0], [1, 1], false)?;
            levels.push(extra);
        }
        Ok(levels)
    }
}

/// A convolution `{i}.0` with a bias, or without one and a norm `{i}.1`.
fn conv(path: &nn::Path, i: usize, input: i64, kernel: i64, spec: &FpnSpec) -> ConvNormAct {
    let path = path.at(&i.to_string());
    let shape = ConvSpec { bias: spec.norm.is_none(), ..ConvSpec::new(input, spec.channels, kernel) };
    let norm = path.at("1");
    ConvNormAct::new(&path.at("0"), spec.norm.map(|n| (&norm, n)), shape, Act::None)
}

layers!(Fpn { lateral, output });
