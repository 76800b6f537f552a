//! MobileNet V3 large (arXiv 1905.02244), cut in two and with a halved tail as torchvision's SSDLite does; its names.

use super::{Backbone, FeatureInfo};
use crate::Error;
use crate::layers::{Act, ConvNormAct, ConvSpec};
use crate::params::Scope;
use crate::spec::{MobilenetV3Spec, NormSpec};
use tch::{Kind, Tensor};

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
    pub fn new(scope: &Scope, spec: &MobilenetV3Spec) -> Self {
        let scope = &scope.sub("features");
        let norm = spec.norm;
        let stem = numbered(&scope.sub("0.0"), ConvSpec::new(3, 16, 3).stride(2), norm, Act::Hardswish);
        let mut input = 16;
        let blocks = BLOCKS.iter().enumerate().map(|(i, row)| {
            // The cut splits one block's names between the two halves.
            let (expand, rest) = match i {
                CUT => (scope.sub("0.13"), scope.sub("1.0")),
                _ if i < CUT => (scope.sub(&format!("0.{}.block.0", i + 1)), scope.sub(&format!("0.{}.block", i + 1))),
                _ => (scope.sub(&format!("1.{}.block.0", i - CUT)), scope.sub(&format!("1.{}.block", i - CUT))),
            };
            let block = Block::new(&expand, &rest, input, *row, norm);
            input = row.2;
            block
        });
        let blocks = blocks.collect();
        let last = numbered(&scope.sub("1.3"), ConvSpec::new(input, LAST, 1), norm, Act::Hardswish);
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

    fn features(&self, x: &Tensor) -> Result<Vec<Tensor>, Error> {
        let mut x = self.stem.forward(x)?;
        let mut features = Vec::with_capacity(2);
        for (i, block) in self.blocks.iter().enumerate() {
            let wide = block.expanded(&x)?;
            if i == CUT {
                features.push(wide.shallow_clone());
            }
            x = block.finish(&x, wide)?;
        }
        features.push(self.last.forward(&x)?);
        Ok(features)
    }

    fn optimize(&mut self, kind: Kind) -> Result<(), Error> {
        self.stem.optimize(kind)?;
        self.blocks.iter_mut().try_for_each(|b| b.optimize(kind))?;
        self.last.optimize(kind)
    }
}

fn numbered(scope: &Scope, conv: ConvSpec, norm: NormSpec, act: Act) -> ConvNormAct {
    ConvNormAct::new(&scope.sub("0"), Some((&scope.sub("1"), norm)), conv, act)
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
        expand_scope: &Scope,
        scope: &Scope,
        input: i64,
        (kernel, width, output, excite, swish, stride): (i64, i64, i64, bool, bool, i64),
        norm: NormSpec,
    ) -> Self {
        let act = if swish { Act::Hardswish } else { Act::Relu };
        let expand = (width != input).then(|| numbered(expand_scope, ConvSpec::new(input, width, 1), norm, act));
        let mut at = usize::from(expand.is_some());
        let mut next = || {
            at += 1;
            scope.sub(&(at - 1).to_string())
        };
        let depthwise = ConvSpec::new(width, width, kernel).stride(stride).depthwise();
        let depthwise = numbered(&next(), depthwise, norm, act);
        let excite = excite.then(|| {
            let scope = next();
            // A quarter, rounded to the nearest multiple of eight that does not lose a tenth.
            let rounded = (width / 4 + 4) / 8 * 8;
            let squeezed = if 10 * rounded < 9 * (width / 4) { rounded + 8 } else { rounded };
            let conv = |name: &str, input, output, act| {
                ConvNormAct::new(&scope.sub(name), None, ConvSpec::new(input, output, 1).bias(), act)
            };
            [conv("fc1", width, squeezed, Act::Relu), conv("fc2", squeezed, width, Act::Hardsigmoid)]
        });
        let project = numbered(&next(), ConvSpec::new(width, output, 1), norm, Act::None);
        Self { expand, depthwise, excite, project, shortcut: stride == 1 && input == output }
    }

    fn expanded(&self, x: &Tensor) -> Result<Tensor, Error> {
        match &self.expand {
            Some(expand) => expand.forward(x),
            None => Ok(x.shallow_clone()),
        }
    }

    fn finish(&self, x: &Tensor, wide: Tensor) -> Result<Tensor, Error> {
        let mut y = self.depthwise.forward(&wide)?;
        if let Some([fc1, fc2]) = &self.excite {
            let pooled = y.f_mean_dim([2i64, 3].as_slice(), true, y.kind())?;
            y = y.f_mul_(&fc2.forward(&fc1.forward(&pooled)?)?)?;
        }
        let mut y = self.project.forward(&y)?;
        if self.shortcut {
            y = y.f_add_(x)?;
        }
        Ok(y)
    }

    fn optimize(&mut self, kind: Kind) -> Result<(), Error> {
        self.expand.iter_mut().try_for_each(|c| c.optimize(kind))?;
        self.depthwise.optimize(kind)?;
        self.excite.iter_mut().flatten().try_for_each(|c| c.optimize(kind))?;
        self.project.optimize(kind)
    }
}
