//! DenseNet-BC (arXiv 1608.06993), torchvision's parameter names.

use super::{Backbone, FeatureInfo, pyramid};
use crate::Error;
use crate::layers::{Act, ConvNormAct, ConvSpec, NormRelu};
use crate::params::Scope;
use crate::spec::{DensenetSpec, Form, NormSpec};
use tch::{Kind, Tensor};

/// A dense layer's 1x1 convolution has this many times the growth.
const BOTTLENECK: i64 = 4;

/// The backbone. Its features are the transitions' convolutions, before they are pooled, and the normalised end: what
/// RefineDet reads (spec/refinedet.md §6).
#[derive(Debug)]
pub struct Densenet {
    stem: ConvNormAct,
    form: Form,
    blocks: Vec<Vec<DenseLayer>>,
    transitions: Vec<Preactivated>,
    last: NormRelu,
    info: Vec<FeatureInfo>,
}

impl Densenet {
    /// Builds the network.
    pub fn new(scope: &Scope, spec: &DensenetSpec) -> Self {
        let scope = &scope.sub("features");
        let stem = ConvSpec::new(3, spec.stem, 7).stride(2);
        let norm0 = scope.sub("norm0");
        let stem = ConvNormAct::new(&scope.sub("conv0"), Some((&norm0, spec.norm)), stem, Act::Relu);
        let mut channels = spec.stem;
        let mut stages = [0; 4];
        let (mut blocks, mut transitions) = (Vec::new(), Vec::new());
        for (block, &count) in spec.blocks.iter().enumerate() {
            let inside = scope.sub(&format!("denseblock{}", block + 1));
            let layers = (1..=count).map(|i| {
                let layer = &inside.sub(&format!("denselayer{i}"));
                let names = ["norm1", "conv1", "norm2", "conv2"].map(|name| layer.sub(name));
                let layer = DenseLayer::new(&names, channels, BOTTLENECK * spec.growth, spec.growth, spec.norm);
                channels += spec.growth;
                layer
            });
            blocks.push(layers.collect());
            if block < 3 {
                let inside = scope.sub(&format!("transition{}", block + 1));
                transitions.push(Preactivated::new(&inside, ConvSpec::new(channels, channels / 2, 1), spec.norm));
                channels /= 2;
            }
            stages[block] = channels;
        }
        let last = NormRelu::new(&scope.sub("norm5"), spec.norm, channels);
        Self { stem, form: spec.form, blocks, transitions, last, info: pyramid(spec.stem, 4, stages) }
    }
}

impl Backbone for Densenet {
    fn info(&self) -> &[FeatureInfo] {
        &self.info
    }

    fn features(&self, x: &Tensor) -> Result<Vec<Tensor>, Error> {
        let stem = self.stem.forward(x)?;
        let mut x = match self.form {
            Form::Pytorch => stem.f_max_pool2d([3, 3], [2, 2], [1, 1], [1, 1], false)?,
            Form::Caffe => stem.f_max_pool2d([3, 3], [2, 2], [0, 0], [1, 1], true)?,
        };
        let mut features = vec![x.shallow_clone()];
        for (block, layers) in self.blocks.iter().enumerate() {
            x = dense(layers, x)?;
            match self.transitions.get(block) {
                Some(transition) => {
                    x = transition.forward(&x)?;
                    features.push(x.shallow_clone());
                    x = x.f_avg_pool2d([2, 2], [2, 2], [0, 0], self.form == Form::Caffe, true, None)?;
                }
                None => features.push(self.last.forward(&x)?),
            }
        }
        Ok(features)
    }

    fn optimize(&mut self, kind: Kind) -> Result<(), Error> {
        self.stem.optimize(kind)?;
        self.blocks.iter_mut().flatten().try_for_each(|l| l.optimize(kind))?;
        self.transitions.iter_mut().try_for_each(|t| t.optimize(kind))?;
        self.last.optimize(kind)
    }
}

/// Norm, ReLU, convolution without bias.
#[derive(Debug)]
pub(crate) struct Preactivated {
    norm: NormRelu,
    conv: ConvNormAct,
}

impl Preactivated {
    /// Builds the unit with parameters in `{scope}.norm` and `{scope}.conv`.
    pub(crate) fn new(scope: &Scope, conv: ConvSpec, norm: NormSpec) -> Self {
        Self {
            norm: NormRelu::new(&scope.sub("norm"), norm, conv.input),
            conv: ConvNormAct::new(&scope.sub("conv"), None, conv, Act::None),
        }
    }

    pub(crate) fn forward(&self, x: &Tensor) -> Result<Tensor, Error> {
        self.conv.forward(&self.norm.forward(x)?)
    }

    pub(crate) fn optimize(&mut self, kind: Kind) -> Result<(), Error> {
        self.norm.optimize(kind)?;
        self.conv.optimize(kind)
    }
}

/// Norm, ReLU, 1x1, norm, ReLU, 3x3: the second norm belongs to the 1x1, into which it folds.
#[derive(Debug)]
pub(super) struct DenseLayer {
    norm: NormRelu,
    squeeze: ConvNormAct,
    expand: ConvNormAct,
}

impl DenseLayer {
    /// Builds the layer with parameters in the four scopes: norm, 1x1, norm, 3x3.
    pub(super) fn new(scopes: &[Scope; 4], input: i64, bottleneck: i64, growth: i64, norm: NormSpec) -> Self {
        let [norm1, conv1, norm2, conv2] = scopes;
        Self {
            norm: NormRelu::new(norm1, norm, input),
            squeeze: ConvNormAct::new(conv1, Some((norm2, norm)), ConvSpec::new(input, bottleneck, 1), Act::Relu),
            expand: ConvNormAct::new(conv2, None, ConvSpec::new(bottleneck, growth, 3), Act::None),
        }
    }

    fn forward(&self, x: &Tensor) -> Result<Tensor, Error> {
        self.expand.forward(&self.squeeze.forward(&self.norm.forward(x)?)?)
    }

    pub(super) fn optimize(&mut self, kind: Kind) -> Result<(), Error> {
        self.norm.optimize(kind)?;
        self.squeeze.optimize(kind)?;
        self.expand.optimize(kind)
    }
}

/// A dense block: every layer sees the outputs of all before it.
pub(super) fn dense(layers: &[DenseLayer], x: Tensor) -> Result<Tensor, Error> {
    layers.iter().try_fold(x, |x, layer| Ok(Tensor::f_cat(&[&x, &layer.forward(&x)?], 1)?))
}
