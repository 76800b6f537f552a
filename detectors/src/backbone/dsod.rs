//! DSOD's backbone (arXiv 1708.01241; spec/dsod.md §1.1).

use super::densenet::{DenseLayer, Preactivated, dense};
use super::{Backbone, FeatureInfo};
use crate::Error;
use crate::layers::{Act, ConvNormAct, ConvSpec};
use crate::params::Scope;
use crate::spec::DsodSpec;
use tch::{Kind, Tensor};

/// Dense layers of the four blocks.
const BLOCKS: [usize; 4] = [6, 8, 8, 8];
/// Channels of each of the two parts of the second feature.
const PART: i64 = 256;

/// A densely connected net that offers two maps, at strides 8 and 16.
#[derive(Debug)]
pub struct Dsod {
    stem: Vec<ConvNormAct>,
    blocks: Vec<Vec<DenseLayer>>,
    transitions: Vec<Preactivated>,
    reduce: Preactivated,
    side: Preactivated,
    side_last: bool,
    info: Vec<FeatureInfo>,
}

impl Dsod {
    /// Builds the network: `stem{1-3}`, `block{1-4}.{layer}.brc{1,2}`, `transition{1-3}`, `reduce`, `side`, each with
    /// `.norm` and `.conv`.
    pub fn new(scope: &Scope, spec: &DsodSpec) -> Self {
        let (c, norm) = (spec.stem, spec.norm);
        let stem = [(3, c, 2), (c, c, 1), (c, 2 * c, 1)];
        let stem = (1..).zip(stem).map(|(i, (input, output, stride))| {
            let conv = ConvSpec::new(input, output, 3).stride(stride);
            ConvNormAct::unit(&scope.sub(&format!("stem{i}")), conv, Some(norm), Act::Relu)
        });
        let stem = stem.collect();
        let mut channels = 2 * c;
        let (mut blocks, mut transitions) = (Vec::new(), Vec::new());
        for (block, &count) in BLOCKS.iter().enumerate() {
            let inside = scope.sub(&format!("block{}", block + 1));
            let layers = (0..count).map(|i| {
                let names = ["brc1.norm", "brc1.conv", "brc2.norm", "brc2.conv"];
                let scopes = names.map(|name| inside.sub(&format!("{i}.{name}")));
                let layer = DenseLayer::new(&scopes, channels, spec.bottleneck, spec.growth, norm);
                channels += spec.growth;
                layer
            });
            blocks.push(layers.collect());
            if block < 3 {
                let inside = scope.sub(&format!("transition{}", block + 1));
                transitions.push(Preactivated::new(&inside, ConvSpec::new(channels, channels, 1), norm));
            }
        }
        let first = 2 * c + (BLOCKS[0] + BLOCKS[1]) as i64 * spec.growth;
        Self {
            stem,
            blocks,
            transitions,
            reduce: Preactivated::new(&scope.sub("reduce"), ConvSpec::new(channels, PART, 1), norm),
            side: Preactivated::new(&scope.sub("side"), ConvSpec::new(first, PART, 1), norm),
            side_last: spec.side_last,
            info: vec![
                FeatureInfo { name: "first", channels: first, stride: 8 },
                FeatureInfo { name: "second", channels: 2 * PART, stride: 16 },
            ],
        }
    }
}

/// The 2x2 pool of DSOD, which rounds up.
pub(crate) fn pool(x: &Tensor) -> Result<Tensor, Error> {
    Ok(x.f_max_pool2d([2, 2], [2, 2], [0, 0], [1, 1], true)?)
}

impl Backbone for Dsod {
    fn info(&self) -> &[FeatureInfo] {
        &self.info
    }

    fn features(&self, x: &Tensor) -> Result<Vec<Tensor>, Error> {
        let x = self.stem.iter().try_fold(x.shallow_clone(), |x, conv| conv.forward(&x))?;
        let x = self.transitions[0].forward(&dense(&self.blocks[0], pool(&x)?)?)?;
        let first = self.transitions[1].forward(&dense(&self.blocks[1], pool(&x)?)?)?;
        let pooled = pool(&first)?;
        let side = self.side.forward(&pooled)?;
        let x = self.transitions[2].forward(&dense(&self.blocks[2], pooled)?)?;
        let reduced = self.reduce.forward(&dense(&self.blocks[3], x)?)?;
        let parts = if self.side_last { [reduced, side] } else { [side, reduced] };
        Ok(vec![first, Tensor::f_cat(&parts, 1)?])
    }

    fn optimize(&mut self, kind: Kind) -> Result<(), Error> {
        self.stem.iter_mut().try_for_each(|c| c.optimize(kind))?;
        self.blocks.iter_mut().flatten().try_for_each(|l| l.optimize(kind))?;
        self.transitions.iter_mut().chain([&mut self.reduce, &mut self.side]).try_for_each(|t| t.optimize(kind))
    }
}
