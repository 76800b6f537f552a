//! VoVNet V1 (arXiv 1904.09730) and V2 (arXiv 1911.06667), in the PyTorch and the Caffe form (spec/vovnet.md).

use super::{Backbone, FeatureInfo, pyramid};
use crate::Error;
use crate::layers::{Act, ConvNormAct, ConvSpec};
use crate::params::Scope;
use crate::spec::{Ese as EseSpec, Form, NormSpec, VovnetSpec};
use tch::{Kind, Tensor};

/// The backbone: a stem of three convolutions and four stages of one-shot aggregation modules.
#[derive(Debug)]
pub struct Vovnet {
    stem: Vec<Conv3x3>,
    /// The Caffe form pools behind its stem, whose third convolution has stride 1.
    pool_after_stem: bool,
    stages: Vec<Vec<Osa>>,
    info: Vec<FeatureInfo>,
}

impl Vovnet {
    /// Builds the network; parameter names are those of the reference.
    pub fn new(scope: &Scope, spec: &VovnetSpec) -> Self {
        let caffe = spec.form == Form::Caffe;
        let [c1, c2, c3] = spec.stem;
        let last_stride = if caffe { 1 } else { 2 };
        let stem = [(3, c1, 2), (c1, c2, 1), (c2, c3, last_stride)];
        let stem = (1..)
            .zip(stem)
            .map(|(i, (input, output, stride))| {
                let kind = if spec.depthwise && i > 1 { Unit::Depthwise } else { Unit::Plain };
                let conv = ConvSpec::new(input, output, 3).stride(stride);
                Conv3x3::new(&scope.sub("stem"), &format!("stem_{i}"), conv, kind, spec.norm)
            })
            .collect();
        let mut input = c3;
        let stages = (0..4)
            .map(|s| {
                let stage = scope.sub(&format!("stage{}", s + 2));
                let count = spec.blocks[s];
                let blocks = (1..=count).map(|b| {
                    let osa = OsaShape {
                        input: if b == 1 { input } else { spec.stage_out[s] },
                        width: spec.stage_conv[s],
                        output: spec.stage_out[s],
                        ese: spec.ese == EseSpec::Every || spec.ese == EseSpec::Last && b == count,
                        identity: !caffe && b > 1,
                    };
                    Osa::new(&stage, &format!("OSA{}_{b}", s + 2), osa, spec)
                });
                let blocks = blocks.collect();
                input = spec.stage_out[s];
                blocks
            })
            .collect();
        let stem_stride = if caffe { 2 } else { 4 };
        Self { stem, pool_after_stem: caffe, stages, info: pyramid(c3, stem_stride, spec.stage_out) }
    }
}

impl Backbone for Vovnet {
    fn info(&self) -> &[FeatureInfo] {
        &self.info
    }

    fn features(&self, x: &Tensor) -> Result<Vec<Tensor>, Error> {
        let mut x = x.shallow_clone();
        for conv in &self.stem {
            x = conv.forward(&x)?;
        }
        let mut features = vec![x.shallow_clone()];
        for (s, stage) in self.stages.iter().enumerate() {
            if s > 0 || self.pool_after_stem {
                // Ceil mode without padding is not floor mode with padding 1: same size on even maps, other values.
                x = x.f_max_pool2d([3, 3], [2, 2], [0, 0], [1, 1], true)?;
            }
            for osa in stage {
                x = osa.forward(&x)?;
            }
            features.push(x.shallow_clone());
        }
        Ok(features)
    }

    fn optimize(&mut self, kind: Kind) -> Result<(), Error> {
        self.stem.iter_mut().try_for_each(|c| c.optimize(kind))?;
        self.stages.iter_mut().flatten().try_for_each(|osa| osa.optimize(kind))
    }
}

/// What the 3x3 convolution of a layer is made of.
#[derive(Debug, Clone, Copy)]
enum Unit {
    /// One convolution.
    Plain,
    /// Depthwise 3x3 and pointwise 1x1 with nothing between the two.
    Depthwise,
    /// A 1x1 convolution to this many channels first.
    Bottleneck(i64),
}

/// A 3x3 convolution unit.
#[derive(Debug)]
struct Conv3x3 {
    first: Option<ConvNormAct>,
    conv: ConvNormAct,
}

impl Conv3x3 {
    /// Keys are `{name}/conv`, `{name}/norm`, or `{name}/dw_conv3x3`, `{name}/pw_conv1x1`, `{name}/pw_norm`, or
    /// `{name}/reduce_conv`, `{name}/reduce_norm` in front of the first two: the slash belongs to the name, it does not
    /// open a level.
    fn new(scope: &Scope, name: &str, spec: ConvSpec, kind: Unit, norm: NormSpec) -> Self {
        let part = |suffix: &str| scope.sub(&format!("{name}/{suffix}"));
        match kind {
            Unit::Plain => Self { first: None, conv: unit(scope, name, spec, norm) },
            Unit::Depthwise => {
                // The stride sits on the depthwise half, which has as many outputs as inputs.
                let dw = ConvSpec::new(spec.input, spec.input, 3).stride(spec.stride).depthwise();
                let pw = ConvSpec::new(spec.input, spec.output, 1);
                let dw = ConvNormAct::new(&part("dw_conv3x3"), None, dw, Act::None);
                let pw = ConvNormAct::new(&part("pw_conv1x1"), Some((&part("pw_norm"), norm)), pw, Act::Relu);
                Self { first: Some(dw), conv: pw }
            }
            Unit::Bottleneck(width) => {
                let reduce = ConvSpec::new(spec.input, width, 1);
                let norm_scope = part("reduce_norm");
                let reduce = ConvNormAct::new(&part("reduce_conv"), Some((&norm_scope, norm)), reduce, Act::Relu);
                Self { first: Some(reduce), conv: unit(scope, name, ConvSpec { input: width, ..spec }, norm) }
            }
        }
    }

    fn forward(&self, x: &Tensor) -> Result<Tensor, Error> {
        match &self.first {
            Some(first) => self.conv.forward(&first.forward(x)?),
            None => self.conv.forward(x),
        }
    }

    fn optimize(&mut self, kind: Kind) -> Result<(), Error> {
        self.first.iter_mut().try_for_each(|c| c.optimize(kind))?;
        self.conv.optimize(kind)
    }
}

fn unit(scope: &Scope, name: &str, spec: ConvSpec, norm: NormSpec) -> ConvNormAct {
    let part = |suffix: &str| scope.sub(&format!("{name}/{suffix}"));
    ConvNormAct::new(&part("conv"), Some((&part("norm"), norm)), spec, Act::Relu)
}

struct OsaShape {
    input: i64,
    width: i64,
    output: i64,
    ese: bool,
    identity: bool,
}

/// One-shot aggregation: a chain of 3x3 convolutions whose outputs are concatenated once, at the end.
#[derive(Debug)]
struct Osa {
    /// Maps the input to the stage width in front of a depthwise chain; the concatenation takes the unreduced input.
    reduction: Option<ConvNormAct>,
    layers: Vec<Conv3x3>,
    concat: ConvNormAct,
    ese: Option<Ese>,
    identity: bool,
}

impl Osa {
    fn new(stage: &Scope, name: &str, shape: OsaShape, spec: &VovnetSpec) -> Self {
        let scope = stage.sub(name);
        let OsaShape { input, width, output, .. } = shape;
        let reduction = (spec.depthwise && input != width).then(|| {
            let conv = ConvSpec::new(input, width, 1);
            unit(&scope.sub("conv_reduction"), &format!("{name}_reduction_0"), conv, spec.norm)
        });
        let first = if reduction.is_some() { width } else { input };
        let kind = match (spec.depthwise, spec.bottleneck) {
            (true, _) => Unit::Depthwise,
            (false, true) => Unit::Bottleneck(width / 2),
            (false, false) => Unit::Plain,
        };
        let layers = (0..spec.layers)
            .map(|i| {
                let conv = ConvSpec::new(if i == 0 { first } else { width }, width, 3);
                Conv3x3::new(&scope.sub(&format!("layers.{i}")), &format!("{name}_{i}"), conv, kind, spec.norm)
            })
            .collect();
        let gathered = input + spec.layers as i64 * width;
        let concat = ConvSpec::new(gathered, output, 1);
        let concat = unit(&scope.sub("concat"), &format!("{name}_concat"), concat, spec.norm);
        let ese = shape.ese.then(|| Ese::new(&scope.sub("ese"), output));
        Self { reduction, layers, concat, ese, identity: shape.identity }
    }

    fn forward(&self, x: &Tensor) -> Result<Tensor, Error> {
        let mut gathered = vec![x.shallow_clone()];
        let mut last = match &self.reduction {
            Some(reduction) => reduction.forward(x)?,
            None => x.shallow_clone(),
        };
        for layer in &self.layers {
            last = layer.forward(&last)?;
            gathered.push(last.shallow_clone());
        }
        let mut y = self.concat.forward(&Tensor::f_cat(&gathered, 1)?)?;
        if let Some(ese) = &self.ese {
            y = ese.forward(&y)?;
        }
        if self.identity {
            y = y.f_add_(x)?;
        }
        Ok(y)
    }

    fn optimize(&mut self, kind: Kind) -> Result<(), Error> {
        self.reduction.iter_mut().try_for_each(|c| c.optimize(kind))?;
        self.layers.iter_mut().try_for_each(|c| c.optimize(kind))?;
        self.concat.optimize(kind)?;
        self.ese.iter_mut().try_for_each(|e| e.fc.optimize(kind))
    }
}

/// Effective squeeze-and-excitation: one 1x1 convolution on the pooled map, hard sigmoid, product.
#[derive(Debug)]
struct Ese {
    fc: ConvNormAct,
}

impl Ese {
    fn new(scope: &Scope, channels: i64) -> Self {
        let conv = ConvSpec::new(channels, channels, 1).bias();
        Self { fc: ConvNormAct::new(&scope.sub("fc"), None, conv, Act::None) }
    }

    fn forward(&self, y: &Tensor) -> Result<Tensor, Error> {
        let pooled = y.f_mean_dim([2i64, 3].as_slice(), true, y.kind())?;
        Ok(y.f_mul(&self.fc.forward(&pooled)?.f_hardsigmoid()?)?)
    }
}
