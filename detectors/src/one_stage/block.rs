//! A residual bottleneck with a projection: RefineDet's inter blocks and res6, Pelee's ResBlocks.

use crate::Error;
use crate::layers::{Act, ConvNormAct, ConvSpec, PathExt, chain, module};
use crate::spec::{BlockSpec, NormSpec};
use tch::{Tensor, nn};

/// `ReLU(branch1(x) + branch2(x))`; a stride sits on the 1x1 convolutions that read `x` (docs/reference/refinedet.md
/// §5).
#[derive(Debug)]
pub(super) struct Block {
    branch1: ConvNormAct,
    /// branch2a, branch2b, branch2c.
    branch2: [ConvNormAct; 3],
}

impl Block {
    pub(super) fn new(path: &nn::Path, input: i64, spec: BlockSpec, stride: i64, norm: NormSpec) -> Self {
        let BlockSpec { width, output } = spec;
        let unit = |name: &str, conv, act| ConvNormAct::unit(&path.at(name), conv, Some(norm), act);
        Self {
            branch1: unit("branch1", ConvSpec::new(input, output, 1).stride(stride), Act::None),
            branch2: [
                unit("branch2a", ConvSpec::new(input, width, 1).stride(stride), Act::Relu),
                unit("branch2b", ConvSpec::new(width, width, 3), Act::Relu),
                unit("branch2c", ConvSpec::new(width, output, 1), Act::None),
            ],
        }
    }

    pub(super) fn try_forward_t(&self, x: &Tensor, train: bool) -> Result<Tensor, Error> {
        let mut y = chain(&self.branch2, x, train)?;
        Ok(y.f_add_(&self.branch1.try_forward_t(x, train)?)?.f_relu_()?)
    }
}

module!(Block { branch1, branch2 });
