//! MobileNet V2 (arXiv 1801.04381), torchvision's parameter names.

use super::{Backbone, FeatureInfo, pyramid};
use crate::Error;
use crate::layers::{Act, ConvNormAct, ConvSpec, PathExt, chain, layers, module};
use crate::spec::{MobilenetV2Spec, NormSpec};
use tch::{Tensor, nn};

/// Table 2 of the paper: expansion, output channels, repetitions, first stride.
const STAGES: [(i64, i64, usize, i64); 7] =
    [(1, 16, 1, 1), (6, 24, 2, 2), (6, 32, 3, 2), (6, 64, 4, 2), (6, 96, 3, 1), (6, 160, 3, 2), (6, 320, 1, 1)];
/// Blocks, from 1, behind which strides 4, 8 and 16 end; stride 32 ends with the last convolution.
const ENDS: [usize; 3] = [3, 6, 13];
/// Channels of the last convolution.
const LAST: i64 = 1280;

/// The backbone.
#[derive(Debug)]
pub struct MobilenetV2 {
    stem: ConvNormAct,
    blocks: Vec<InvertedResidual>,
    last: ConvNormAct,
    info: Vec<FeatureInfo>,
}

impl MobilenetV2 {
    /// Builds the network.
    pub fn new(path: &nn::Path, spec: &MobilenetV2Spec) -> Self {
        let path = &path.at("features");
        let stem = numbered(&path.at("0"), ConvSpec::new(3, 32, 3).stride(2), spec.norm);
        let mut input = 32;
        let mut blocks = Vec::new();
        for (expansion, output, count, first) in STAGES {
            for i in 0..count {
                let inside = path.at(&format!("{}.conv", blocks.len() + 1));
                let stride = if i == 0 { first } else { 1 };
                blocks.push(InvertedResidual::new(&inside, input, expansion, output, stride, spec.norm));
                input = output;
            }
        }
        let last = numbered(&path.at(&(blocks.len() + 1).to_string()), ConvSpec::new(input, LAST, 1), spec.norm);
        Self { stem, blocks, last, info: pyramid(32, 2, [24, 32, 96, LAST]) }
    }
}

impl Backbone for MobilenetV2 {
    fn info(&self) -> &[FeatureInfo] {
        &self.info
    }

    fn features_t(&self, x: &Tensor, train: bool) -> Result<Vec<Tensor>, Error> {
        let mut x = self.stem.try_forward_t(x, train)?;
        let mut features = vec![x.shallow_clone()];
        for (i, block) in (1..).zip(&self.blocks) {
            x = block.try_forward_t(&x, train)?;
            if ENDS.contains(&i) {
                features.push(x.shallow_clone());
            }
        }
        features.push(self.last.try_forward_t(&x, train)?);
        Ok(features)
    }
}

layers!(MobilenetV2 { stem, blocks, last });

/// A convolution `0`, its norm `1`, ReLU6.
fn numbered(path: &nn::Path, conv: ConvSpec, norm: NormSpec) -> ConvNormAct {
    ConvNormAct::new(&path.at("0"), Some((&path.at("1"), norm)), conv, Act::Relu6)
}

/// Expansion (none at factor 1), depthwise 3x3, linear projection; a shortcut where the shape stays.
#[derive(Debug)]
struct InvertedResidual {
    convs: Vec<ConvNormAct>,
    shortcut: bool,
}

impl InvertedResidual {
    fn new(path: &nn::Path, input: i64, expansion: i64, output: i64, stride: i64, norm: NormSpec) -> Self {
        let width = input * expansion;
        let expand = (expansion != 1).then(|| ConvSpec::new(input, width, 1));
        let depthwise = ConvSpec::new(width, width, 3).stride(stride).depthwise();
        let mut convs: Vec<ConvNormAct> = (0..)
            .zip(expand.into_iter().chain([depthwise]))
            .map(|(i, conv)| numbered(&path.at(&format!("{i}")), conv, norm))
            .collect();
        let (conv, bn) = (path.at(&convs.len().to_string()), path.at(&(convs.len() + 1).to_string()));
        convs.push(ConvNormAct::new(&conv, Some((&bn, norm)), ConvSpec::new(width, output, 1), Act::None));
        Self { convs, shortcut: stride == 1 && input == output }
    }

    fn try_forward_t(&self, x: &Tensor, train: bool) -> Result<Tensor, Error> {
        let mut y = chain(&self.convs, x, train)?;
        if self.shortcut {
            y = y.f_add_(x)?;
        }
        Ok(y)
    }
}

module!(InvertedResidual { convs });
