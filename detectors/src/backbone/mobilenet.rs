//! MobileNet V1 (arXiv 1704.04861; docs/reference/pelee_mobilenet_cifar.md §2.1).

use super::{Backbone, FeatureInfo, pyramid};
use crate::Error;
use crate::layers::{Act, ConvNormAct, ConvSpec, PathExt, chain, layers};
use crate::spec::MobilenetSpec;
use tch::{Tensor, nn};

/// Output channels and stride of the thirteen blocks.
const BLOCKS: [(i64, i64); 13] = [
    (64, 1),
    (128, 2),
    (128, 1),
    (256, 2),
    (256, 1),
    (512, 2),
    (512, 1),
    (512, 1),
    (512, 1),
    (512, 1),
    (512, 1),
    (1024, 2),
    (1024, 1),
];
/// Blocks, from 1, behind which strides 4, 8, 16 and 32 end.
const ENDS: [usize; 4] = [3, 5, 11, 13];

/// The backbone.
#[derive(Debug)]
pub struct Mobilenet {
    stem: ConvNormAct,
    /// Depthwise 3x3 and pointwise 1x1.
    blocks: Vec<[ConvNormAct; 2]>,
    info: Vec<FeatureInfo>,
}

impl Mobilenet {
    /// Builds the network: `features.conv0`, `features.conv{1-13}.dw`, `features.conv{1-13}.pw`, each with `.conv` and
    /// `.norm`.
    pub fn new(path: &nn::Path, spec: &MobilenetSpec) -> Self {
        let path = &path.at("features");
        let act = if spec.relu6 { Act::Relu6 } else { Act::Relu };
        let unit = |name: &str, conv| ConvNormAct::unit(&path.at(name), conv, Some(spec.norm), act);
        let stem = unit("conv0", ConvSpec::new(3, 32, 3).stride(2));
        let mut input = 32;
        let blocks = (1..).zip(BLOCKS).map(|(i, (output, stride))| {
            let dw = unit(&format!("conv{i}.dw"), ConvSpec::new(input, input, 3).stride(stride).depthwise());
            let pw = unit(&format!("conv{i}.pw"), ConvSpec::new(input, output, 1));
            input = output;
            [dw, pw]
        });
        Self { stem, blocks: blocks.collect(), info: pyramid(32, 2, [128, 256, 512, 1024]) }
    }
}

impl Backbone for Mobilenet {
    fn info(&self) -> &[FeatureInfo] {
        &self.info
    }

    fn features_t(&self, x: &Tensor, train: bool) -> Result<Vec<Tensor>, Error> {
        let mut x = self.stem.try_forward_t(x, train)?;
        let mut features = vec![x.shallow_clone()];
        for (i, block) in (1..).zip(&self.blocks) {
            x = chain(block, &x, train)?;
            if ENDS.contains(&i) {
                features.push(x.shallow_clone());
            }
        }
        Ok(features)
    }
}

layers!(Mobilenet { stem, blocks });
