//! DenseNet-BC (arXiv 1608.06993), torchvision's parameter names.

use super::{Backbone, FeatureInfo, pyramid};
use crate::Error;
use crate::layers::{Act, ConvNormAct, ConvSpec, NormRelu, PathExt, layers, module};
use crate::spec::{DensenetSpec, Form, NormSpec};
use tch::{Tensor, nn};

/// A dense layer's 1x1 convolution has this many times the growth.
const BOTTLENECK: i64 = 4;

/// The backbone. Its features are the transitions' convolutions, before they are pooled, and the normalised end: what
/// RefineDet reads (docs/reference/refinedet.md §6).
#[derive(Debug)]
pub struct Densenet {
    stem: ConvNormAct,
    form: Form,
    /// Each block with the transition behind it; the last has none.
    blocks: Vec<(Vec<DenseLayer>, Option<Preactivated>)>,
    last: NormRelu,
    info: Vec<FeatureInfo>,
}

impl Densenet {
    /// Builds the network.
    pub fn new(path: &nn::Path, spec: &DensenetSpec) -> Self {
        let path = &path.at("features");
        let stem = ConvSpec::new(3, spec.stem, 7).stride(2);
        let norm0 = path.at("norm0");
        let stem = ConvNormAct::new(&path.at("conv0"), Some((&norm0, spec.norm)), stem, Act::Relu);
        let mut channels = spec.stem;
        let mut stages = [0; 4];
        let mut blocks = Vec::new();
        for (block, &count) in spec.blocks.iter().enumerate() {
            let inside = path.at(&format!("denseblock{}", block + 1));
            let layers = (1..=count).map(|i| {
                let layer = &inside.at(&format!("denselayer{i}"));
                let names = ["norm1", "conv1", "norm2", "conv2"].map(|name| layer.at(name));
                let layer = DenseLayer::new(&names, channels, BOTTLENECK * spec.growth, spec.growth, spec.norm);
                channels += spec.growth;
                layer
            });
            let layers = layers.collect();
            let transition = (block < 3).then(|| {
                let inside = path.at(&format!("transition{}", block + 1));
                let conv = ConvSpec::new(channels, channels / 2, 1);
                channels /= 2;
                Preactivated::new(&inside, conv, spec.norm)
            });
            blocks.push((layers, transition));
            stages[block] = channels;
        }
        let last = NormRelu::new(&path.at("norm5"), spec.norm, channels);
        Self { stem, form: spec.form, blocks, last, info: pyramid(spec.stem, 4, stages) }
    }
}

impl Backbone for Densenet {
    fn info(&self) -> &[FeatureInfo] {
        &self.info
    }

    fn features_t(&self, x: &Tensor, train: bool) -> Result<Vec<Tensor>, Error> {
        let stem = self.stem.try_forward_t(x, train)?;
        let mut x = match self.form {
            Form::Pytorch | Form::Toolbox => stem.f_max_pool2d([3, 3], [2, 2], [1, 1], [1, 1], false)?,
            Form::Caffe => stem.f_max_pool2d([3, 3], [2, 2], [0, 0], [1, 1], true)?,
        };
        let mut features = vec![x.shallow_clone()];
        for (layers, transition) in &self.blocks {
            x = dense(layers, x, train)?;
            match transition {
                Some(transition) => {
                    x = transition.try_forward_t(&x, train)?;
                    features.push(x.shallow_clone());
                    x = x.f_avg_pool2d([2, 2], [2, 2], [0, 0], self.form == Form::Caffe, true, None)?;
                }
                None => features.push(self.last.try_forward_t(&x, train)?),
            }
        }
        Ok(features)
    }
}

layers!(Densenet { stem, blocks, last });

/// Norm, ReLU, convolution without bias.
#[derive(Debug)]
pub(crate) struct Preactivated {
    norm: NormRelu,
    conv: ConvNormAct,
}

impl Preactivated {
    /// Builds the unit with parameters in `{path}.norm` and `{path}.conv`.
    pub(crate) fn new(path: &nn::Path, conv: ConvSpec, norm: NormSpec) -> Self {
        Self {
            norm: NormRelu::new(&path.at("norm"), norm, conv.input),
            conv: ConvNormAct::new(&path.at("conv"), None, conv, Act::None),
        }
    }

    pub(crate) fn try_forward_t(&self, x: &Tensor, train: bool) -> Result<Tensor, Error> {
        self.conv.try_forward_t(&self.norm.try_forward_t(x, train)?, train)
    }
}

module!(Preactivated { norm, conv });

/// Norm, ReLU, 1x1, norm, ReLU, 3x3: the second norm belongs to the 1x1, into which it folds.
#[derive(Debug)]
pub(super) struct DenseLayer {
    norm: NormRelu,
    squeeze: ConvNormAct,
    expand: ConvNormAct,
}

impl DenseLayer {
    /// Builds the layer with parameters in the four paths: norm, 1x1, norm, 3x3.
    pub(super) fn new(paths: &[nn::Path; 4], input: i64, bottleneck: i64, growth: i64, norm: NormSpec) -> Self {
        let [norm1, conv1, norm2, conv2] = paths;
        Self {
            norm: NormRelu::new(norm1, norm, input),
            squeeze: ConvNormAct::new(conv1, Some((norm2, norm)), ConvSpec::new(input, bottleneck, 1), Act::Relu),
            expand: ConvNormAct::new(conv2, None, ConvSpec::new(bottleneck, growth, 3), Act::None),
        }
    }

    fn try_forward_t(&self, x: &Tensor, train: bool) -> Result<Tensor, Error> {
        self.expand.try_forward_t(&self.squeeze.try_forward_t(&self.norm.try_forward_t(x, train)?, train)?, train)
    }
}

module!(DenseLayer { norm, squeeze, expand });

/// A dense block: every layer sees the outputs of all before it.
pub(super) fn dense(layers: &[DenseLayer], x: Tensor, train: bool) -> Result<Tensor, Error> {
    layers.iter().try_fold(x, |x, layer| Ok(Tensor::f_cat(&[&x, &layer.try_forward_t(&x, train)?], 1)?))
}
