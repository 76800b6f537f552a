//! MobileNet V3 large (arXiv 1905.02244), cut in two and with a halved tail as torchvision's SSDLite does; its names.

use super::{Backbone, FeatureInfo};
use crate::Error;
use crate::layers::{Act, ConvNormAct, ConvSpec, PathExt, chain, global_mean, layers, multiply};
use crate::spec::{MobilenetV3Spec, NormSpec};
use tch::{Tensor, nn};

/// Kernel, expansion, output channels, squeeze-and-excitation, hard swish, stride.
const BLOCKS: [(i64, i64, i64, bool, bool, i64); 15] = [
    (3, 16, 16, false, false, 1),
    (3, 64, 24, false, false, 2),
    (3, 72, 24, false, false, 1),
    (5, 72, 40, true, false, 2),
    (5, 120, 40, true, false, 1),
    (5, 120, 40, true, false, 1),
    (3, 240, 80, false, true, 2),
    (3, 200, 80, false, true, 1),
    (3, 184, 80, false, true, 1),
    (3, 184, 80, false, true, 1),
    (3, 480, 112, true, true, 1),
    (3, 672, 112, true, true, 1),
    (5, 672, 80, true, true, 2),
    (5, 480, 80, true, true, 1),
    (5, 480, 80, true, true, 1),
];
/// The block, from 0, behind whose expansion the network is cut.
const CUT: usize = 12;
/// Channels of the last convolution.
const LAST: i64 = 480;

/// The backbone; it offers two maps, at strides 16 and 32.
#[derive(Debug)]
pub struct MobilenetV3 {
    stem: ConvNormAct,
    blocks: Vec<Block>,
    last: ConvNormAct,
    info: Vec<FeatureInfo>,
}

impl MobilenetV3 {
    /// Builds the network.
    pub fn new(path: &nn::Path, spec: &MobilenetV3Spec) -> Self {
        let path = &path.at("features");
        let norm = spec.norm;
        let stem = numbered(&path.at("0.0"), ConvSpec::new(3, 16, 3).stride(2), norm, Act::Hardswish);
        let mut input = 16;
        let blocks = BLOCKS.iter().enumerate().map(|(i, row)| {
            // The cut splits one block's names between the two halves.
            let (expand, rest) = match i {
                CUT => (path.at("0.13"), path.at("1.0")),
                _ if i < CUT => (path.at(&format!("0.{}.block.0", i + 1)), path.at(&format!("0.{}.block", i + 1))),
                _ => (path.at(&format!("1.{}.block.0", i - CUT)), path.at(&format!("1.{}.block", i - CUT))),
            };
            let block = Block::new(&expand, &rest, input, *row, norm);
            input = row.2;
            block
        });
        let blocks = blocks.collect();
        let last = numbered(&path.at("1.3"), ConvSpec::new(input, LAST, 1), norm, Act::Hardswish);
        let info = vec![
            FeatureInfo { name: "stage4", channels: BLOCKS[CUT].1, stride: 16 },
            FeatureInfo { name: "stage5", channels: LAST, stride: 32 },
        ];
        Self { stem, blocks, last, info }
    }
}

impl Backbone for MobilenetV3 {
    fn info(&self) -> &[FeatureInfo] {
        &self.info
    }

    fn features_t(&self, x: &Tensor, train: bool) -> Result<Vec<Tensor>, Error> {
        let mut x = self.stem.try_forward_t(x, train)?;
        let mut features = Vec::with_capacity(2);
        for (i, block) in self.blocks.iter().enumerate() {
            let wide = block.expanded(&x, train)?;
            if i == CUT {
                features.push(wide.shallow_clone());
            }
            x = block.finish(&x, &wide, train)?;
        }
        features.push(self.last.try_forward_t(&x, train)?);
        Ok(features)
    }
}

layers!(MobilenetV3 { stem, blocks, last });

fn numbered(path: &nn::Path, conv: ConvSpec, norm: NormSpec, act: Act) -> ConvNormAct {
    ConvNormAct::new(&path.at("0"), Some((&path.at("1"), norm)), conv, act)
}

/// Expansion, depthwise convolution, squeeze-and-excitation, linear projection.
#[derive(Debug)]
struct Block {
    expand: Option<ConvNormAct>,
    depthwise: ConvNormAct,
    /// The two convolutions of squeeze-and-excitation.
    excite: Option<[ConvNormAct; 2]>,
    project: ConvNormAct,
    shortcut: bool,
}

impl Block {
    fn new(
        expand_path: &nn::Path,
        path: &nn::Path,
        input: i64,
        (kernel, width, output, excite, swish, stride): (i64, i64, i64, bool, bool, i64),
        norm: NormSpec,
    ) -> Self {
        let act = if swish { Act::Hardswish } else { Act::Relu };
        let expand = (width != input).then(|| numbered(expand_path, ConvSpec::new(input, width, 1), norm, act));
        let mut at = usize::from(expand.is_some());
        let mut next = || {
            at += 1;
            path.at(&(at - 1).to_string())
        };
        let depthwise = ConvSpec::new(width, width, kernel).stride(stride).depthwise();
        let depthwise = numbered(&next(), depthwise, norm, act);
        let excite = excite.then(|| {
            let path = next();
            // A quarter, rounded to the nearest multiple of eight that does not lose a tenth.
            let rounded = (width / 4 + 4) / 8 * 8;
            let squeezed = if 10 * rounded < 9 * (width / 4) { rounded + 8 } else { rounded };
            let conv = |name: &str, input, output, act| {
                ConvNormAct::new(&path.at(name), None, ConvSpec::new(input, output, 1).bias(), act)
            };
            [conv("fc1", width, squeezed, Act::Relu), conv("fc2", squeezed, width, Act::Hardsigmoid)]
        });
        let project = numbered(&next(), ConvSpec::new(width, output, 1), norm, Act::None);
        Self { expand, depthwise, excite, project, shortcut: stride == 1 && input == output }
    }

    fn expanded(&self, x: &Tensor, train: bool) -> Result<Tensor, Error> {
        match &self.expand {
            Some(expand) => expand.try_forward_t(x, train),
            None => Ok(x.shallow_clone()),
        }
    }

    fn finish(&self, x: &Tensor, wide: &Tensor, train: bool) -> Result<Tensor, Error> {
        let mut y = self.depthwise.try_forward_t(wide, train)?;
        if let Some(excite) = &self.excite {
            let scale = chain(excite, &global_mean(&y)?, train)?;
            y = multiply(y, &scale)?;
        }
        let mut y = self.project.try_forward_t(&y, train)?;
        if self.shortcut {
            y = y.f_add_(x)?;
        }
        Ok(y)
    }
}

layers!(Block { expand, depthwise, excite, project });
