//! Convolution, normalisation, activation: the layer that networks are mostly made of.

use super::init::InitRule;
use super::norm::Norm;
use super::{Act, Layer, Layers, Parameter, PathExt, Tally, Visitor, channels_last, module, replace};
use crate::Error;
use crate::spec::{NormKind, NormSpec};
use tch::{Kind, Tensor, nn};

/// Shape and place of a convolution.
#[derive(Debug, Clone, Copy)]
pub struct ConvSpec {
    /// Input channels.
    pub input: i64,
    /// Output channels.
    pub output: i64,
    /// Side of the square kernel.
    pub kernel: i64,
    /// Stride.
    pub stride: i64,
    /// Zeros around the input.
    pub padding: i64,
    /// Distance between the taps of the kernel.
    pub dilation: i64,
    /// Groups.
    pub groups: i64,
    /// Whether there is a bias.
    pub bias: bool,
    /// A transposed convolution, whose weight is `[input, output, kernel, kernel]`.
    pub transposed: bool,
}

impl ConvSpec {
    /// A convolution with stride 1, one group and no bias; padding keeps the size.
    pub const fn new(input: i64, output: i64, kernel: i64) -> Self {
        Self {
            input,
            output,
            kernel,
            stride: 1,
            padding: kernel / 2,
            dilation: 1,
            groups: 1,
            bias: false,
            transposed: false,
        }
    }

    /// A transposed 2x2 convolution that doubles the sides, without bias.
    pub const fn upsample(input: i64, output: i64) -> Self {
        Self { stride: 2, padding: 0, transposed: true, ..Self::new(input, output, 2) }
    }

    /// With this much padding.
    pub const fn padding(self, padding: i64) -> Self {
        Self { padding, ..self }
    }

    /// With this dilation, and the padding that keeps the size.
    pub const fn dilation(self, dilation: i64) -> Self {
        Self { dilation, padding: dilation * (self.kernel / 2), ..self }
    }

    /// With this stride.
    pub const fn stride(self, stride: i64) -> Self {
        Self { stride, ..self }
    }

    /// One group per channel.
    pub const fn depthwise(self) -> Self {
        Self { groups: self.output, ..self }
    }

    /// With a bias.
    pub const fn bias(self) -> Self {
        Self { bias: true, ..self }
    }

    /// Side of the output for an input of side `side`.
    fn output_side(&self, side: i64) -> i64 {
        if self.transposed {
            (side - 1) * self.stride - 2 * self.padding + self.kernel
        } else {
            (side + 2 * self.padding - self.dilation * (self.kernel - 1) - 1) / self.stride + 1
        }
    }
}

/// Convolution, normalisation, activation.
///
/// [`Layer::plan`] turns it from its trainable form into its inference form: normalisation folded into the weight,
/// weight in channels_last order and in the precision of the engine.
#[derive(Debug)]
pub struct ConvNormAct {
    name: String,
    spec: ConvSpec,
    conv: Conv,
    norm: Option<Norm>,
    act: Act,
    init: [InitRule; 2],
    tally: Option<Tally>,
}

#[derive(Debug)]
enum Conv {
    Plain(nn::Conv2D),
    Transposed(nn::ConvTranspose2D),
}

impl Conv {
    fn new(path: &nn::Path, spec: &ConvSpec) -> Self {
        let ConvSpec { input, output, kernel, stride, padding, dilation, groups, .. } = *spec;
        let (rows, columns) = if spec.transposed { (input, output) } else { (output, input) };
        let weight = path.uninitialised("weight", &[rows, columns / groups, kernel, kernel]);
        let bias = spec.bias.then(|| path.uninitialised("bias", &[output]));
        // tch's constructors alone can make its layers, and draw the weights: one of a single tap is cheap to replace.
        let scratch = nn::VarStore::new(path.device());
        if spec.transposed {
            let config =
                nn::ConvTransposeConfig { stride, padding, groups, dilation, bias: false, ..Default::default() };
            let mut conv = nn::conv_transpose2d(scratch.root(), groups, groups, 1, config);
            (conv.ws, conv.bs) = (weight, bias);
            return Self::Transposed(conv);
        }
        let config = nn::ConvConfig { stride, padding, groups, dilation, bias: false, ..Default::default() };
        let mut conv = nn::conv2d(scratch.root(), groups, groups, 1, config);
        (conv.ws, conv.bs) = (weight, bias);
        Self::Plain(conv)
    }

    fn parts(&self) -> (&Tensor, Option<&Tensor>) {
        match self {
            Self::Plain(conv) => (&conv.ws, conv.bs.as_ref()),
            Self::Transposed(conv) => (&conv.ws, conv.bs.as_ref()),
        }
    }

    fn parts_mut(&mut self) -> (&mut Tensor, &mut Option<Tensor>) {
        match self {
            Self::Plain(conv) => (&mut conv.ws, &mut conv.bs),
            Self::Transposed(conv) => (&mut conv.ws, &mut conv.bs),
        }
    }
}

impl ConvNormAct {
    /// Builds the layer: the convolution's parameters at `conv`, the normalisation's at the given path.
    pub fn new(conv: &nn::Path, norm: Option<(&nn::Path, NormSpec)>, spec: ConvSpec, act: Act) -> Self {
        let merged = norm.as_ref().is_some_and(|(_, norm)| norm.kind == NormKind::Merged);
        let (norm, spec) = if merged { (None, spec.bias()) } else { (norm, spec) };
        let norm = norm.map(|(path, norm)| Norm::new(path, norm, spec.output));
        Self { name: conv.name(), spec, conv: Conv::new(conv, &spec), norm, act, init: InitRule::DEFAULT, tally: None }
    }

    /// A convolution `{path}.conv` without a bias, its norm `{path}.norm`, and `act`; without a norm, it has a bias.
    pub fn unit(path: &nn::Path, spec: ConvSpec, norm: Option<NormSpec>, act: Act) -> Self {
        let spec = ConvSpec { bias: norm.is_none(), ..spec };
        let norm_path = path.at("norm");
        Self::new(&path.at("conv"), norm.map(|n| (&norm_path, n)), spec, act)
    }

    /// `[N, C, H, W]` to `[N, O, H', W']`.
    ///
    /// # Errors
    /// libtorch's message when the channels do not fit.
    pub fn try_forward_t(&self, x: &Tensor, train: bool) -> Result<Tensor, Error> {
        if let Some(tally) = &self.tally {
            return self.count(x, tally);
        }
        let ConvSpec { stride, padding, dilation, groups, .. } = self.spec;
        let (stride, padding, dilation) = ([stride; 2], [padding; 2], [dilation; 2]);
        let (weight, bias) = self.conv.parts();
        let y = if self.spec.transposed {
            x.f_conv_transpose2d(weight, bias, stride, padding, [0, 0], groups, dilation)?
        } else {
            x.f_conv2d(weight, bias, stride, padding, dilation, groups)?
        };
        let y = match &self.norm {
            Some(norm) => norm.try_forward_t(&y, train)?,
            None => y,
        };
        self.act.apply(y)
    }

    /// Weight `[O, I / groups, k, k]` and bias `[O]`, for code that applies a part of them.
    pub(crate) fn weight_and_bias(&self) -> (&Tensor, Option<&Tensor>) {
        self.conv.parts()
    }

    /// Records the layer and answers with an empty map of the right shape.
    fn count(&self, x: &Tensor, tally: &Tally) -> Result<Tensor, Error> {
        let spec = &self.spec;
        let (n, channels, h, w) = x.size4()?;
        if channels != spec.input {
            return Err(Error::Input(format!("{} takes {} channels and is given {channels}", self.name, spec.input)));
        }
        let (rows, columns) = (spec.output_side(h), spec.output_side(w));
        if rows <= 0 || columns <= 0 {
            return Err(Error::Input(format!("{} is given a map of {w}x{h}, which is too small", self.name)));
        }
        let y = Tensor::f_empty([n, spec.output, rows, columns], (x.kind(), x.device()))?;
        // Every tap of every kernel meets every pixel of the smaller of the two maps once.
        let pixels = n * if spec.transposed { h * w } else { rows * columns };
        let macs = (self.conv.parts().0.numel() as i64 * pixels) as u64;
        tally.add(&self.name, macs, self.norm.as_ref().map_or(0, |_| y.numel() as u64));
        Ok(y)
    }
}

module!(ConvNormAct);

impl Layers for ConvNormAct {
    fn visit(&mut self, visitor: &mut Visitor<'_>) -> Result<(), Error> {
        visitor(self)
    }
}

impl Layer for ConvNormAct {
    fn name(&self) -> &str {
        &self.name
    }

    fn parameters(&self) -> Vec<Parameter> {
        let (weight, bias) = self.conv.parts();
        // torch's fans of a transposed weight are those of its stored shape too.
        let shape = weight.size();
        let own = [("weight", Some(weight)), ("bias", bias)].into_iter().zip(self.init);
        let mut parameters: Vec<Parameter> = own
            .filter_map(|((name, tensor), rule)| {
                Some(Parameter {
                    name: format!("{}.{name}", self.name),
                    tensor: tensor?.shallow_clone(),
                    trainable: true,
                    init: rule.distribution(&shape),
                })
            })
            .collect();
        parameters.extend(self.norm.iter().flat_map(Norm::parameters));
        parameters
    }

    fn start_with(&mut self, rules: [InitRule; 2]) {
        self.init = rules;
    }

    /// Folds the normalisation and lays the weight out for inference. GroupNorm stays a layer of its own.
    fn plan(&mut self, kind: Kind) -> Result<(), Error> {
        let affine = self.norm.as_ref().and_then(Norm::affine);
        let (weight, bias) = self.conv.parts_mut();
        let mut data = weight.f_detach()?.f_to_kind(Kind::Double)?;
        let mut shift = bias.as_ref().map(|b| b.f_detach()?.f_to_kind(Kind::Double)).transpose()?;
        if let Some((scale, norm_shift)) = affine {
            // Not in place: a float64 network's data are the variable's own.
            data = data.f_mul(&scale.f_reshape(if self.spec.transposed { [1, -1, 1, 1] } else { [-1, 1, 1, 1] })?)?;
            shift = Some(match shift {
                Some(bias) => bias.f_mul(&scale)?.f_add(&norm_shift)?,
                None => norm_shift,
            });
            self.norm = None;
        }
        replace(weight, &channels_last(&data.f_to_kind(kind)?)?);
        *bias = shift.map(|b| b.f_to_kind(kind)).transpose()?;
        self.norm.iter_mut().try_for_each(|norm| norm.plan(kind))
    }

    fn count_into(&mut self, tally: Option<Tally>) {
        self.tally = tally;
    }
}
