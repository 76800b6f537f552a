//! How the parameters of a fresh network start: the rules of the references (docs/initialisation.md).

use tch::nn;

/// What the variance of a weight is divided by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fan {
    /// Inputs of one output: `shape[1] · kernel area`.
    In,
    /// Outputs that one input reaches: `shape[0] · kernel area`.
    Out,
}

/// A distribution to draw a parameter from.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum InitRule {
    /// All this number.
    Constant(f64),
    /// Normal with mean 0 and this standard deviation.
    Normal(f64),
    /// Normal with standard deviation √(2 / fan) (arXiv 1502.01852).
    KaimingNormal(Fan),
    /// Uniform within √(6 / (fan_in + fan_out)): torch's `xavier_uniform_`.
    XavierUniform,
    /// Uniform within √(3 / fan_in): what Caffe calls xavier, Caffe2 XavierFill and torch `kaiming_uniform_` with a = 1.
    CaffeXavier,
    /// Uniform within 1 / √fan of the layer's weight.
    InverseRoot(Fan),
}

impl InitRule {
    /// torch's default for weight and bias of a convolution or linear layer: 1 / √fan_in for both.
    pub const DEFAULT: [Self; 2] = [Self::InverseRoot(Fan::In); 2];
    /// All zeros.
    pub const ZERO: Self = Self::Constant(0.0);

    /// The distribution for a parameter of a layer whose weight has this shape, `[out, in, …]`.
    pub(crate) fn distribution(self, weight: &[i64]) -> nn::Init {
        let dimension = |axis: usize| weight.get(axis).copied().unwrap_or(1) as f64;
        let area: f64 = weight.iter().skip(2).map(|&d| d as f64).product();
        let (fan_in, fan_out) = ((dimension(1) * area).max(1.0), (dimension(0) * area).max(1.0));
        let uniform = |bound: f64| nn::Init::Uniform { lo: -bound, up: bound };
        match self {
            Self::Constant(value) => nn::Init::Const(value),
            Self::Normal(stdev) => nn::Init::Randn { mean: 0.0, stdev },
            Self::KaimingNormal(fan) => {
                let fan = if fan == Fan::In { fan_in } else { fan_out };
                nn::Init::Randn { mean: 0.0, stdev: (2.0 / fan).sqrt() }
            }
            Self::XavierUniform => uniform((6.0 / (fan_in + fan_out)).sqrt()),
            Self::CaffeXavier => uniform((3.0 / fan_in).sqrt()),
            Self::InverseRoot(fan) => uniform(1.0 / if fan == Fan::In { fan_in } else { fan_out }.sqrt()),
        }
    }
}
