//! VoVNet V1 (arXiv 1904.09730) and V2 (arXiv 1911.06667), in the forms of its references (docs/reference/vovnet.md).

use super::{Backbone, FeatureInfo, pyramid};
use crate::Error;
use crate::layers::{Act, ConvNormAct, ConvSpec, PathExt, add, global_mean, layers, module};
use crate::spec::{Ese as EseSpec, Form, NormSpec, VovnetSpec};
use tch::{Tensor, nn};

/// The backbone: a stem of three convolutions and four stages of one-shot aggregation modules.
#[derive(Debug)]
pub struct Vovnet {
    stem: Vec<Conv3x3>,
    form: Form,
    stages: Vec<Vec<Osa>>,
    info: Vec<FeatureInfo>,
}

impl Vovnet {
    /// Builds the network; parameter names are those of the reference.
    pub fn new(path: &nn::Path, spec: &VovnetSpec) -> Self {
        let [c1, c2, c3] = spec.stem;
        let (last_stride, stem_stride) = if spec.form == Form::Pytorch { (2, 4) } else { (1, 2) };
        let stem = [(3, c1, 2), (c1, c2, 1), (c2, c3, last_stride)];
        let stem = (1..)
            .zip(stem)
            .map(|(i, (input, output, stride))| {
                let kind = if spec.depthwise && i > 1 { Unit::Depthwise } else { Unit::Plain };
                let conv = ConvSpec::new(input, output, 3).stride(stride);
                Conv3x3::new(&path.at("stem"), &format!("stem_{i}"), conv, kind, spec.norm)
            })
            .collect();
        let mut input = c3;
        let stages = (0..4)
            .map(|s| {
                let stage = path.at(&format!("stage{}", s + 2));
                let count = spec.blocks[s];
                let blocks = (1..=count).map(|b| {
                    let (input, output) = (if b == 1 { input } else { spec.stage_out[s] }, spec.stage_out[s]);
                    let identity = match spec.form {
                        Form::Pytorch => b > 1,
                        Form::Caffe => false,
                        Form::Toolbox => input == output,
                    };
                    let ese = spec.ese == EseSpec::Every || spec.ese == EseSpec::Last && b == count;
                    let osa = OsaShape { input, width: spec.stage_conv[s], output, ese, identity };
                    Osa::new(&stage, &format!("OSA{}_{b}", s + 2), osa, spec)
                });
                let blocks = blocks.collect();
                input = spec.stage_out[s];
                blocks
            })
            .collect();
        Self { stem, form: spec.form, stages, info: pyramid(c3, stem_stride, spec.stage_out) }
    }
}

impl Backbone for Vovnet {
    fn info(&self) -> &[FeatureInfo] {
        &self.info
    }

    fn features_t(&self, x: &Tensor, train: bool) -> Result<Vec<Tensor>, Error> {
        let stem = |x: Tensor, conv: &Conv3x3| conv.try_forward_t(&x, train);
        let mut x = self.stem.iter().try_fold(x.shallow_clone(), stem)?;
        let mut features = vec![x.shallow_clone()];
        // Ceil mode without padding is not floor mode with padding 1: same size on even maps, other values.
        let (padding, ceil) = if self.form == Form::Toolbox { (1, false) } else { (0, true) };
        for (s, stage) in self.stages.iter().enumerate() {
            // The PyTorch form's stem has stride 4 already.
            if s > 0 || self.form != Form::Pytorch {
                x = x.f_max_pool2d([3, 3], [2, 2], [padding; 2], [1, 1], ceil)?;
            }
            for osa in stage {
                x = osa.try_forward_t(&x, train)?;
            }
            features.push(x.shallow_clone());
        }
        Ok(features)
    }
}

layers!(Vovnet { stem, stages });

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
    fn new(path: &nn::Path, name: &str, spec: ConvSpec, kind: Unit, norm: NormSpec) -> Self {
        let part = |suffix: &str| path.at(&format!("{name}/{suffix}"));
        match kind {
            Unit::Plain => Self { first: None, conv: unit(path, name, spec, norm) },
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
                let norm_path = part("reduce_norm");
                let reduce = ConvNormAct::new(&part("reduce_conv"), Some((&norm_path, norm)), reduce, Act::Relu);
                Self { first: Some(reduce), conv: unit(path, name, ConvSpec { input: width, ..spec }, norm) }
            }
        }
    }

    fn try_forward_t(&self, x: &Tensor, train: bool) -> Result<Tensor, Error> {
        match &self.first {
            Some(first) => self.conv.try_forward_t(&first.try_forward_t(x, train)?, train),
            None => self.conv.try_forward_t(x, train),
        }
    }
}

module!(Conv3x3 { first, conv });

fn unit(path: &nn::Path, name: &str, spec: ConvSpec, norm: NormSpec) -> ConvNormAct {
    let part = |suffix: &str| path.at(&format!("{name}/{suffix}"));
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
    fn new(stage: &nn::Path, name: &str, shape: OsaShape, spec: &VovnetSpec) -> Self {
        let path = stage.at(name);
        let OsaShape { input, width, output, .. } = shape;
        let reduction = (spec.depthwise && input != width).then(|| {
            let conv = ConvSpec::new(input, width, 1);
            unit(&path.at("conv_reduction"), &format!("{name}_reduction_0"), conv, spec.norm)
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
                Conv3x3::new(&path.at(&format!("layers.{i}")), &format!("{name}_{i}"), conv, kind, spec.norm)
            })
            .collect();
        let gathered = input + spec.layers as i64 * width;
        let concat = ConvSpec::new(gathered, output, 1);
        let concat = unit(&path.at("concat"), &format!("{name}_concat"), concat, spec.norm);
        let ese = shape.ese.then(|| Ese::new(&path.at("ese"), output, spec));
        Self { reduction, layers, concat, ese, identity: shape.identity }
    }

    fn try_forward_t(&self, x: &Tensor, train: bool) -> Result<Tensor, Error> {
        let mut gathered = vec![x.shallow_clone()];
        let mut last = match &self.reduction {
            Some(reduction) => reduction.try_forward_t(x, train)?,
            None => x.shallow_clone(),
        };
        for layer in &self.layers {
            last = layer.try_forward_t(&last, train)?;
            gathered.push(last.shallow_clone());
        }
        let mut y = self.concat.try_forward_t(&Tensor::f_cat(&gathered, 1)?, train)?;
        if let Some(ese) = &self.ese {
            y = ese.try_forward_t(&y, train)?;
        }
        if self.identity { add(y, x) } else { Ok(y) }
    }
}

module!(Osa { reduction, layers, concat, ese });

/// Effective squeeze-and-excitation: one 1x1 convolution on the pooled map, hard sigmoid, product.
#[derive(Debug)]
struct Ese {
    fc: ConvNormAct,
}

impl Ese {
    fn new(path: &nn::Path, channels: i64, spec: &VovnetSpec) -> Self {
        let conv = ConvSpec::new(channels, channels, 1).bias();
        // vovnet-detectron2 writes the gate with ReLU6; timm and vision-toolbox call torch's own.
        let own = spec.ese == EseSpec::Last || spec.form == Form::Toolbox;
        let gate = if own { Act::Hardsigmoid } else { Act::HardsigmoidByRelu6 };
        Self { fc: ConvNormAct::new(&path.at("fc"), None, conv, gate) }
    }

    fn try_forward_t(&self, y: &Tensor, train: bool) -> Result<Tensor, Error> {
        Ok(y.f_mul(&self.fc.try_forward_t(&global_mean(y)?, train)?)?)
    }
}

module!(Ese { fc });
