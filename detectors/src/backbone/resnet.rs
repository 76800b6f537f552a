//! ResNet with bottleneck blocks (arXiv 1512.03385), torchvision's parameter names.

use super::{Backbone, FeatureInfo, pyramid};
use crate::Error;
use crate::layers::{Act, ConvNormAct, ConvSpec};
use crate::params::Scope;
use crate::spec::{Form, NormSpec, ResnetSpec};
use tch::{Kind, Tensor};

/// A bottleneck's last convolution has this many times the channels of its 3x3.
const EXPANSION: i64 = 4;

/// The backbone: 7x7 stem, max pool, four stages of bottlenecks.
#[derive(Debug)]
pub struct Resnet {
    stem: ConvNormAct,
    form: Form,
    stages: Vec<Vec<Bottleneck>>,
    info: Vec<FeatureInfo>,
}

impl Resnet {
    /// Builds the network.
    pub fn new(scope: &Scope, spec: &ResnetSpec) -> Self {
        let stem = ConvSpec::new(3, 64, 7).stride(2);
        let stem = ConvNormAct::new(&scope.sub("conv1"), Some((&scope.sub("bn1"), spec.norm)), stem, Act::Relu);
        let mut input = 64;
        let stages = (0..4)
            .map(|s| {
                let width = 64 << s;
                (0..spec.blocks[s])
                    .map(|b| {
                        let stride = if s > 0 && b == 0 { 2 } else { 1 };
                        let scope = scope.sub(&format!("layer{}.{b}", s + 1));
                        let block = Bottleneck::new(&scope, input, width, stride, spec);
                        input = width * EXPANSION;
                        block
                    })
                    .collect()
            })
            .collect();
        Self { stem, form: spec.form, stages, info: pyramid(64, 4, [256, 512, 1024, 2048]) }
    }
}

impl Backbone for Resnet {
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
        for stage in &self.stages {
            for block in stage {
                x = block.forward(&x)?;
            }
            features.push(x.shallow_clone());
        }
        Ok(features)
    }

    fn optimize(&mut self, kind: Kind) -> Result<(), Error> {
        self.stem.optimize(kind)?;
        self.stages.iter_mut().flatten().try_for_each(|b| b.optimize(kind))
    }
}

#[derive(Debug)]
struct Bottleneck {
    convs: [ConvNormAct; 3],
    downsample: Option<ConvNormAct>,
}

impl Bottleneck {
    fn new(scope: &Scope, input: i64, width: i64, stride: i64, spec: &ResnetSpec) -> Self {
        let output = width * EXPANSION;
        let (first, second) = if spec.stride_in_1x1 { (stride, 1) } else { (1, stride) };
        let conv = |i: usize, shape: ConvSpec, act: Act| {
            let (conv, bn) = (scope.sub(&format!("conv{i}")), scope.sub(&format!("bn{i}")));
            ConvNormAct::new(&conv, Some((&bn, spec.norm)), shape, act)
        };
        let convs = [
            conv(1, ConvSpec::new(input, width, 1).stride(first), Act::Relu),
            conv(2, ConvSpec::new(width, width, 3).stride(second), Act::Relu),
            conv(3, ConvSpec::new(width, output, 1), Act::None),
        ];
        let downsample = (stride != 1 || input != output)
            .then(|| shortcut(&scope.sub("downsample"), input, output, stride, spec.norm));
        Self { convs, downsample }
    }

    fn forward(&self, x: &Tensor) -> Result<Tensor, Error> {
        let [first, second, third] = &self.convs;
        let mut y = third.forward(&second.forward(&first.forward(x)?)?)?;
        y = match &self.downsample {
            Some(downsample) => y.f_add_(&downsample.forward(x)?)?,
            None => y.f_add_(x)?,
        };
        Ok(y.f_relu_()?)
    }

    fn optimize(&mut self, kind: Kind) -> Result<(), Error> {
        self.convs.iter_mut().try_for_each(|c| c.optimize(kind))?;
        self.downsample.iter_mut().try_for_each(|c| c.optimize(kind))
    }
}

fn shortcut(scope: &Scope, input: i64, output: i64, stride: i64, norm: NormSpec) -> ConvNormAct {
    let conv = ConvSpec::new(input, output, 1).stride(stride);
    ConvNormAct::new(&scope.sub("0"), Some((&scope.sub("1"), norm)), conv, Act::None)
}
