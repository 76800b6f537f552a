//! DSOD's backbone (arXiv 1708.01241; docs/reference/dsod.md §1.1).

use super::densenet::{DenseLayer, Preactivated, dense};
use super::{Backbone, FeatureInfo};
use crate::Error;
use crate::layers::{Act, ConvNormAct, ConvSpec, PathExt, chain, layers};
use crate::spec::DsodSpec;
use tch::{Tensor, nn};

/// Dense layers of the four blocks.
const BLOCKS: [usize; 4] = [6, 8, 8, 8];
/// Channels of each of the two parts of the second feature.
const PART: i64 = 256;

/// A densely connected net that offers two maps, at strides 8 and 16.
#[derive(Debug)]
pub struct Dsod {
    stem: Vec<ConvNormAct>,
    /// Each block with the transition behind it; the last has none.
    blocks: Vec<(Vec<DenseLayer>, Option<Preactivated>)>,
    reduce: Preactivated,
    side: Preactivated,
    side_last: bool,
    info: Vec<FeatureInfo>,
}

impl Dsod {
    /// Builds the network: `stem{1-3}`, `block{1-4}.{layer}.brc{1,2}`, `transition{1-3}`, `reduce`, `side`, each with
    /// `.norm` and `.conv`.
    pub fn new(path: &nn::Path, spec: &DsodSpec) -> Self {
        let (c, norm) = (spec.stem, spec.norm);
        let stem = [(3, c, 2), (c, c, 1), (c, 2 * c, 1)];
        let stem = (1..).zip(stem).map(|(i, (input, output, stride))| {
            let conv = ConvSpec::new(input, output, 3).stride(stride);
            ConvNormAct::unit(&path.at(&format!("stem{i}")), conv, Some(norm), Act::Relu)
        });
        let stem = stem.collect();
        let mut channels = 2 * c;
        let mut blocks = Vec::new();
        for (block, &count) in BLOCKS.iter().enumerate() {
            let inside = path.at(&format!("block{}", block + 1));
            let layers = (0..count).map(|i| {
                let names = ["brc1.norm", "brc1.conv", "brc2.norm", "brc2.conv"];
                let paths = names.map(|name| inside.at(&format!("{i}.{name}")));
                let layer = DenseLayer::new(&paths, channels, spec.bottleneck, spec.growth, norm);
                channels += spec.growth;
                layer
            });
            let layers = layers.collect();
            let transition = (block < 3).then(|| {
                let inside = path.at(&format!("transition{}", block + 1));
                Preactivated::new(&inside, ConvSpec::new(channels, channels, 1), norm)
            });
            blocks.push((layers, transition));
        }
        let first = 2 * c + (BLOCKS[0] + BLOCKS[1]) as i64 * spec.growth;
        Self {
            stem,
            blocks,
            reduce: Preactivated::new(&path.at("reduce"), ConvSpec::new(channels, PART, 1), norm),
            side: Preactivated::new(&path.at("side"), ConvSpec::new(first, PART, 1), norm),
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

    fn features_t(&self, x: &Tensor, train: bool) -> Result<Vec<Tensor>, Error> {
        let block = |index: usize, x: Tensor| {
            let (layers, transition) = &self.blocks[index];
            let x = dense(layers, x, train)?;
            transition.as_ref().map_or(Ok(x.shallow_clone()), |t| t.try_forward_t(&x, train))
        };
        let x = block(0, pool(&chain(&self.stem, x, train)?)?)?;
        let first = block(1, pool(&x)?)?;
        let pooled = pool(&first)?;
        let side = self.side.try_forward_t(&pooled, train)?;
        let reduced = self.reduce.try_forward_t(&block(3, block(2, pooled)?)?, train)?;
        let parts = if self.side_last { [reduced, side] } else { [side, reduced] };
        Ok(vec![first, Tensor::f_cat(&parts, 1)?])
    }
}

layers!(Dsod { stem, blocks, reduce, side });
