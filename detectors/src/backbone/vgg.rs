//! VGG-16 (arXiv 1409.1556) as SSD and RefineDet reduce it (docs/reference/refinedet.md §4).

use super::{Backbone, FeatureInfo};
use crate::Error;
use crate::layers::{Act, ConvNormAct, ConvSpec, PathExt, chain, layers};
use crate::spec::{Form, VggReduction, VggSpec};
use tch::{Tensor, nn};

/// Width and number of convolutions of the five blocks.
const BLOCKS: [(i64, usize); 5] = [(64, 2), (128, 2), (256, 3), (512, 3), (512, 3)];

/// The backbone; its features are the last map of every block, and fc7.
#[derive(Debug)]
pub struct Vgg {
    blocks: Vec<Vec<ConvNormAct>>,
    /// fc6 and fc7.
    fully: [ConvNormAct; 2],
    spec: VggSpec,
    info: Vec<FeatureInfo>,
}

impl Vgg {
    /// Builds the network with Caffe's layer names: `conv1_1.conv.weight`, …, `fc7.conv.bias`.
    pub fn new(path: &nn::Path, spec: &VggSpec) -> Self {
        let unit = |name: &str, conv: ConvSpec| ConvNormAct::unit(&path.at(name), conv, None, Act::Relu);
        let mut input = 3;
        let blocks = (1..)
            .zip(BLOCKS)
            .map(|(block, (width, count))| {
                (1..=count)
                    .map(|i| {
                        let conv = ConvSpec::new(input, width, 3);
                        input = width;
                        unit(&format!("conv{block}_{i}"), conv)
                    })
                    .collect()
            })
            .collect();
        let (dilation, stride) = match spec.reduced {
            VggReduction::Ssd => (6, 16),
            VggReduction::RefineDet => (3, 32),
        };
        let fully =
            [unit("fc6", ConvSpec::new(512, 1024, 3).dilation(dilation)), unit("fc7", ConvSpec::new(1024, 1024, 1))];
        let names = ["conv1_2", "conv2_2", "conv3_3", "conv4_3", "conv5_3", "fc7"];
        let channels = [64, 128, 256, 512, 512, 1024];
        let info = names.into_iter().zip(channels).zip([1, 2, 4, 8, 16, stride]);
        let info = info.map(|((name, channels), stride)| FeatureInfo { name, channels, stride }).collect();
        Self { blocks, fully, spec: spec.clone(), info }
    }

    fn pool(&self, x: &Tensor, block: usize) -> Result<Tensor, Error> {
        let up = self.spec.form == Form::Caffe || block == 2;
        Ok(match (block, self.spec.reduced) {
            (4, VggReduction::Ssd) => x.f_max_pool2d([3, 3], [1, 1], [1, 1], [1, 1], false)?,
            _ => x.f_max_pool2d([2, 2], [2, 2], [0, 0], [1, 1], up)?,
        })
    }
}

impl Backbone for Vgg {
    fn info(&self) -> &[FeatureInfo] {
        &self.info
    }

    fn features_t(&self, x: &Tensor, train: bool) -> Result<Vec<Tensor>, Error> {
        let mut x = x.shallow_clone();
        let mut features = Vec::with_capacity(6);
        for (block, convs) in self.blocks.iter().enumerate() {
            x = chain(convs, &x, train)?;
            features.push(x.shallow_clone());
            x = self.pool(&x, block)?;
        }
        features.push(chain(&self.fully, &x, train)?);
        Ok(features)
    }
}

layers!(Vgg { blocks, fully });
