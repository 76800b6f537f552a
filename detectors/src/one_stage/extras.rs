//! Layers behind the backbone: each makes a coarser source of the last one.

use super::block::Block;
use crate::Error;
use crate::backbone::densenet::Preactivated;
use crate::backbone::dsod::pool;
use crate::layers::{Act, ConvNormAct, ConvSpec, Layers, PathExt, Visitor, chain, module};
use crate::spec::{ExtraSpec, NormSpec};
use tch::{Tensor, nn};

#[derive(Debug)]
pub(super) enum Extra {
    Convs(Vec<ConvNormAct>),
    Dense(Box<Dense>),
    Residual(Box<Block>),
}

impl Extra {
    /// Builds the layers; also returns the channels of the source that they make.
    pub(super) fn new(path: &nn::Path, spec: &ExtraSpec, input: i64) -> (Self, i64) {
        match *spec {
            ExtraSpec::Conv { squeeze, output, kernel, stride, padding, norm } => {
                let unit = |name: &str, conv| ConvNormAct::unit(&path.at(name), conv, norm, Act::Relu);
                let expand = ConvSpec::new(squeeze, output, kernel).stride(stride).padding(padding);
                let convs = vec![unit("squeeze", ConvSpec::new(input, squeeze, 1)), unit("expand", expand)];
                (Self::Convs(convs), output)
            }
            ExtraSpec::Depthwise { squeeze, output, norm } => {
                let unit = |name: &str, conv| ConvNormAct::unit(&path.at(name), conv, Some(norm), Act::Relu6);
                let convs = vec![
                    unit("squeeze", ConvSpec::new(input, squeeze, 1)),
                    unit("dw", ConvSpec::new(squeeze, squeeze, 3).stride(2).depthwise()),
                    unit("expand", ConvSpec::new(squeeze, output, 1)),
                ];
                (Self::Convs(convs), output)
            }
            ExtraSpec::Dense { width, pool_first, valid, norm } => {
                (Self::Dense(Box::new(Dense::new(path, input, width, (pool_first, valid), norm))), 2 * width)
            }
            ExtraSpec::Residual { block, norm } => {
                (Self::Residual(Box::new(Block::new(path, input, block, 2, norm))), block.output)
            }
        }
    }

    pub(super) fn try_forward_t(&self, x: &Tensor, train: bool) -> Result<Tensor, Error> {
        match self {
            Self::Convs(convs) => chain(convs, x, train),
            Self::Dense(dense) => dense.try_forward_t(x, train),
            Self::Residual(block) => block.try_forward_t(x, train),
        }
    }
}

impl Layers for Extra {
    fn visit(&mut self, visitor: &mut Visitor<'_>) -> Result<(), Error> {
        match self {
            Self::Convs(convs) => convs.visit(visitor),
            Self::Dense(dense) => dense.visit(visitor),
            Self::Residual(block) => block.visit(visitor),
        }
    }
}

module!(Extra);

/// DSOD's dense prediction unit: half of its channels are pooled, half convolved.
#[derive(Debug)]
pub(super) struct Dense {
    pooled: Preactivated,
    squeeze: Preactivated,
    expand: Preactivated,
    pool_first: bool,
    valid: bool,
}

impl Dense {
    /// Parameters: `pool`, `conv1` and `conv2`, each with `.norm` and `.conv`.
    fn new(path: &nn::Path, input: i64, width: i64, (pool_first, valid): (bool, bool), norm: NormSpec) -> Self {
        let unit = |name: &str, conv| Preactivated::new(&path.at(name), conv, norm);
        let expand = ConvSpec::new(width, width, 3).stride(2);
        Self {
            pooled: unit("pool", ConvSpec::new(input, width, 1)),
            squeeze: unit("conv1", ConvSpec::new(input, width, 1)),
            expand: unit("conv2", if valid { expand.padding(0) } else { expand }),
            pool_first,
            valid,
        }
    }

    fn try_forward_t(&self, x: &Tensor, train: bool) -> Result<Tensor, Error> {
        let half = if self.valid { x.f_max_pool2d([2, 2], [2, 2], [0, 0], [1, 1], false)? } else { pool(x)? };
        let pooled = self.pooled.try_forward_t(&half, train)?;
        let convolved = self.expand.try_forward_t(&self.squeeze.try_forward_t(x, train)?, train)?;
        let halves = if self.pool_first { [pooled, convolved] } else { [convolved, pooled] };
        Ok(Tensor::f_cat(&halves, 1)?)
    }
}

module!(Dense { pooled, squeeze, expand });
