//! ResNet with bottleneck blocks (arXiv 1512.03385), torchvision's parameter names.

use super::{Backbone, FeatureInfo, pyramid};
use crate::Error;
use crate::layers::{Act, ConvNormAct, ConvSpec, PathExt, chain, layers, module};
use crate::spec::{Form, NormSpec, ResnetSpec};
use tch::{Tensor, nn};

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
    pub fn new(path: &nn::Path, spec: &ResnetSpec) -> Self {
        let stem = ConvSpec::new(3, 64, 7).stride(2);
        let stem = ConvNormAct::new(&path.at("conv1"), Some((&path.at("bn1"), spec.norm)), stem, Act::Relu);
        let mut input = 64;
        let stages = (0..4)
            .map(|s| {
                let width = 64 << s;
                (0..spec.blocks[s])
                    .map(|b| {
                        let stride = if s > 0 && b == 0 { 2 } else { 1 };
                        let path = path.at(&format!("layer{}.{b}", s + 1));
                        let block = Bottleneck::new(&path, input, width, stride, spec);
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

    fn features_t(&self, x: &Tensor, train: bool) -> Result<Vec<Tensor>, Error> {
        let stem = self.stem.try_forward_t(x, train)?;
        let mut x = match self.form {
            Form::Pytorch | Form::Toolbox => stem.f_max_pool2d([3, 3], [2, 2], [1, 1], [1, 1], false)?,
            Form::Caffe => stem.f_max_pool2d([3, 3], [2, 2], [0, 0], [1, 1], true)?,
        };
        let mut features = vec![x.shallow_clone()];
        for stage in &self.stages {
            for block in stage {
                x = block.try_forward_t(&x, train)?;
            }
            features.push(x.shallow_clone());
        }
        Ok(features)
    }
}

layers!(Resnet { stem, stages });

#[derive(Debug)]
struct Bottleneck {
    convs: [ConvNormAct; 3],
    downsample: Option<ConvNormAct>,
}

impl Bottleneck {
    fn new(path: &nn::Path, input: i64, width: i64, stride: i64, spec: &ResnetSpec) -> Self {
        let output = width * EXPANSION;
        let (first, second) = if spec.stride_in_1x1 { (stride, 1) } else { (1, stride) };
        let conv = |i: usize, shape: ConvSpec, act: Act| {
            let (conv, bn) = (path.at(&format!("conv{i}")), path.at(&format!("bn{i}")));
            ConvNormAct::new(&conv, Some((&bn, spec.norm)), shape, act)
        };
        let convs = [
            conv(1, ConvSpec::new(input, width, 1).stride(first), Act::Relu),
            conv(2, ConvSpec::new(width, width, 3).stride(second), Act::Relu),
            conv(3, ConvSpec::new(width, output, 1), Act::None),
        ];
        let downsample = (stride != 1 || input != output)
            .then(|| shortcut(&path.at("downsample"), input, output, stride, spec.norm));
        Self { convs, downsample }
    }

    fn try_forward_t(&self, x: &Tensor, train: bool) -> Result<Tensor, Error> {
        let mut y = chain(&self.convs, x, train)?;
        y = match &self.downsample {
            Some(downsample) => y.f_add_(&downsample.try_forward_t(x, train)?)?,
            None => y.f_add_(x)?,
        };
        Ok(y.f_relu_()?)
    }
}

module!(Bottleneck { convs, downsample });

fn shortcut(path: &nn::Path, input: i64, output: i64, stride: i64, norm: NormSpec) -> ConvNormAct {
    let conv = ConvSpec::new(input, output, 1).stride(stride);
    ConvNormAct::new(&path.at("0"), Some((&path.at("1"), norm)), conv, Act::None)
}
