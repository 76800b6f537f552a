//! PeleeNet (arXiv 1804.06882; docs/reference/pelee_mobilenet_cifar.md §1.1), parameter names of its PyTorch reference.

use super::{Backbone, FeatureInfo, pyramid};
use crate::Error;
use crate::layers::{Act, ConvNormAct, ConvSpec, PathExt, layers, module};
use crate::spec::{Form, NormSpec, PeleenetSpec};
use tch::{Tensor, nn};

/// Channels of the stem.
const STEM: i64 = 32;
/// Channels that each of the two ways of a layer adds.
const WAY: i64 = 16;
/// Layers of a stage, and the width of their 1x1 convolutions.
const STAGES: [(usize, i64); 4] = [(3, 16), (4, 32), (8, 64), (6, 64)];

/// The backbone; its features are the transitions, before they are pooled.
#[derive(Debug)]
pub struct Peleenet {
    /// stem1, stem2a, stem2b, stem3.
    stem: [ConvNormAct; 4],
    stages: Vec<(Vec<TwoWay>, ConvNormAct)>,
    form: Form,
    info: Vec<FeatureInfo>,
}

impl Peleenet {
    /// Builds the network.
    pub fn new(path: &nn::Path, spec: &PeleenetSpec) -> Self {
        let path = &path.at("features");
        let unit = |name: &str, conv| ConvNormAct::unit(&path.at(name), conv, Some(spec.norm), Act::Relu);
        let stem = [
            unit("stemblock.stem1", ConvSpec::new(3, STEM, 3).stride(2)),
            unit("stemblock.stem2a", ConvSpec::new(STEM, STEM / 2, 1)),
            unit("stemblock.stem2b", ConvSpec::new(STEM / 2, STEM, 3).stride(2)),
            unit("stemblock.stem3", ConvSpec::new(2 * STEM, STEM, 1)),
        ];
        let mut channels = STEM;
        let mut outputs = [0; 4];
        let stages = STAGES.iter().enumerate().map(|(stage, &(count, width))| {
            let layers = (1..=count).map(|i| {
                let inside = path.at(&format!("denseblock{}.denselayer{i}", stage + 1));
                let layer = TwoWay::new(&inside, channels, width, spec.norm);
                channels += 2 * WAY;
                layer
            });
            let layers = layers.collect();
            outputs[stage] = channels;
            (layers, unit(&format!("transition{}", stage + 1), ConvSpec::new(channels, channels, 1)))
        });
        let stages = stages.collect();
        Self { stem, stages, form: spec.form, info: pyramid(STEM, 4, outputs) }
    }
}

impl Backbone for Peleenet {
    fn info(&self) -> &[FeatureInfo] {
        &self.info
    }

    fn features_t(&self, x: &Tensor, train: bool) -> Result<Vec<Tensor>, Error> {
        let [stem1, stem2a, stem2b, stem3] = &self.stem;
        let up = self.form == Form::Caffe;
        let x = stem1.try_forward_t(x, train)?;
        let pooled = x.f_max_pool2d([2, 2], [2, 2], [0, 0], [1, 1], up)?;
        let convolved = stem2b.try_forward_t(&stem2a.try_forward_t(&x, train)?, train)?;
        let mut x = stem3.try_forward_t(&Tensor::f_cat(&[pooled, convolved], 1)?, train)?;
        let mut features = vec![x.shallow_clone()];
        for (stage, (layers, transition)) in self.stages.iter().enumerate() {
            if stage > 0 {
                x = x.f_avg_pool2d([2, 2], [2, 2], [0, 0], up, true, None)?;
            }
            for layer in layers {
                x = layer.try_forward_t(&x, train)?;
            }
            x = transition.try_forward_t(&x, train)?;
            features.push(x.shallow_clone());
        }
        Ok(features)
    }
}

layers!(Peleenet { stem, stages });

/// A dense layer with two ways: a 3x3 behind a 1x1, and two of them behind another.
#[derive(Debug)]
struct TwoWay {
    /// branch1a, branch1b, branch2a, branch2b, branch2c.
    convs: [ConvNormAct; 5],
}

impl TwoWay {
    fn new(path: &nn::Path, input: i64, width: i64, norm: NormSpec) -> Self {
        let unit = |name: &str, conv| ConvNormAct::unit(&path.at(name), conv, Some(norm), Act::Relu);
        let convs = [
            unit("branch1a", ConvSpec::new(input, width, 1)),
            unit("branch1b", ConvSpec::new(width, WAY, 3)),
            unit("branch2a", ConvSpec::new(input, width, 1)),
            unit("branch2b", ConvSpec::new(width, WAY, 3)),
            unit("branch2c", ConvSpec::new(WAY, WAY, 3)),
        ];
        Self { convs }
    }

    fn try_forward_t(&self, x: &Tensor, train: bool) -> Result<Tensor, Error> {
        let [a1, b1, a2, b2, c2] = &self.convs;
        let first = b1.try_forward_t(&a1.try_forward_t(x, train)?, train)?;
        let second = c2.try_forward_t(&b2.try_forward_t(&a2.try_forward_t(x, train)?, train)?, train)?;
        Ok(Tensor::f_cat(&[x, &first, &second], 1)?)
    }
}

module!(TwoWay { convs });
