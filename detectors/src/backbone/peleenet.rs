//! PeleeNet (arXiv 1804.06882; spec/pelee_mobilenet_cifar.md §1.1), parameter names of its PyTorch reference.

use super::{Backbone, FeatureInfo, pyramid};
use crate::Error;
use crate::layers::{Act, ConvNormAct, ConvSpec};
use crate::params::Scope;
use crate::spec::{Form, NormSpec, PeleenetSpec};
use tch::{Kind, Tensor};

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
    pub fn new(scope: &Scope, spec: &PeleenetSpec) -> Self {
        let scope = &scope.sub("features");
        let unit = |name: &str, conv| ConvNormAct::unit(&scope.sub(name), conv, Some(spec.norm), Act::Relu);
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
                let inside = scope.sub(&format!("denseblock{}.denselayer{i}", stage + 1));
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

    fn features(&self, x: &Tensor) -> Result<Vec<Tensor>, Error> {
        let [stem1, stem2a, stem2b, stem3] = &self.stem;
        let up = self.form == Form::Caffe;
        let x = stem1.forward(x)?;
        let pooled = x.f_max_pool2d([2, 2], [2, 2], [0, 0], [1, 1], up)?;
        let convolved = stem2b.forward(&stem2a.forward(&x)?)?;
        let mut x = stem3.forward(&Tensor::f_cat(&[pooled, convolved], 1)?)?;
        let mut features = vec![x.shallow_clone()];
        for (stage, (layers, transition)) in self.stages.iter().enumerate() {
            if stage > 0 {
                x = x.f_avg_pool2d([2, 2], [2, 2], [0, 0], up, true, None)?;
            }
            for layer in layers {
                x = layer.forward(&x)?;
            }
            x = transition.forward(&x)?;
            features.push(x.shallow_clone());
        }
        Ok(features)
    }

    fn optimize(&mut self, kind: Kind) -> Result<(), Error> {
        self.stem.iter_mut().try_for_each(|c| c.optimize(kind))?;
        for (layers, transition) in &mut self.stages {
            layers.iter_mut().flat_map(|l| &mut l.convs).try_for_each(|c| c.optimize(kind))?;
            transition.optimize(kind)?;
        }
        Ok(())
    }
}

/// A dense layer with two ways: a 3x3 behind a 1x1, and two of them behind another.
#[derive(Debug)]
struct TwoWay {
    /// branch1a, branch1b, branch2a, branch2b, branch2c.
    convs: [ConvNormAct; 5],
}

impl TwoWay {
    fn new(scope: &Scope, input: i64, width: i64, norm: NormSpec) -> Self {
        let unit = |name: &str, conv| ConvNormAct::unit(&scope.sub(name), conv, Some(norm), Act::Relu);
        let convs = [
            unit("branch1a", ConvSpec::new(input, width, 1)),
            unit("branch1b", ConvSpec::new(width, WAY, 3)),
            unit("branch2a", ConvSpec::new(input, width, 1)),
            unit("branch2b", ConvSpec::new(width, WAY, 3)),
            unit("branch2c", ConvSpec::new(WAY, WAY, 3)),
        ];
        Self { convs }
    }

    fn forward(&self, x: &Tensor) -> Result<Tensor, Error> {
        let [a1, b1, a2, b2, c2] = &self.convs;
        let first = b1.forward(&a1.forward(x)?)?;
        let second = c2.forward(&b2.forward(&a2.forward(x)?)?)?;
        Ok(Tensor::f_cat(&[x, &first, &second], 1)?)
    }
}
