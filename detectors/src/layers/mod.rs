//! The layers that every network is made of, on tch's `nn`.
//!
//! A layer has two forms: trainable, on autograd, and planned for inference, with its norm folded and its weight in the
//! layout and precision of the engine. [`Layers::visit`] reaches every layer of a network, in the order in which it was
//! built: listing, freezing, folding and counting are visitors, and no network writes any of them itself.

mod conv;
pub(crate) mod init;
mod linear;
mod norm;
mod path;
mod tally;

pub use conv::{ConvNormAct, ConvSpec};
pub use init::{Fan, InitRule};
pub use linear::Linear;
pub use norm::{L2Norm, NormRelu};
pub use path::PathExt;
pub use tally::{Tally, Work};

use crate::Error;
use tch::{Kind, Tensor, nn};

/// What follows a convolution and its normalisation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Act {
    /// Nothing.
    None,
    /// max(x, 0).
    Relu,
    /// min(max(x, 0), 6).
    Relu6,
    /// x · min(max(x + 3, 0), 6) / 6.
    Hardswish,
    /// min(max(x + 3, 0), 6) / 6.
    Hardsigmoid,
    /// The same by way of ReLU6: libtorch's own hard sigmoid has 1/6 as a float32 in its backward, 3e-8 off in float64.
    HardsigmoidByRelu6,
}

impl Act {
    /// In place: what stands before an activation (a convolution, a norm, a sum) does not need its output for the
    /// backward pass.
    fn apply(self, mut x: Tensor) -> Result<Tensor, Error> {
        Ok(match self {
            Self::None => x,
            Self::Relu => x.f_relu_()?,
            Self::Relu6 => x.f_clamp_(0.0, 6.0)?,
            Self::Hardswish => x.f_hardswish_()?,
            Self::Hardsigmoid => x.f_hardsigmoid_()?,
            Self::HardsigmoidByRelu6 => x.f_add_scalar_(3.0)?.f_relu6_()?.f_div_scalar_(6.0)?,
        })
    }
}

/// One named tensor of a model.
#[derive(Debug)]
pub struct Parameter {
    /// Dotted path, equal to the canonical state_dict key.
    pub name: String,
    /// The variable, shared with the layer and the [`nn::VarStore`].
    pub tensor: Tensor,
    /// Whether training may change it by its gradient; running statistics and frozen norms are buffers.
    pub trainable: bool,
    /// How it starts in a fresh network.
    pub init: nn::Init,
}

/// A layer with parameters of its own.
pub trait Layer {
    /// Dotted name of its place in the network.
    fn name(&self) -> &str;

    /// Its parameters and buffers in the order in which they were built.
    fn parameters(&self) -> Vec<Parameter>;

    /// Says how a fresh weight and bias start; without it, by torch's defaults. A norm starts as the identity whatever is
    /// said.
    fn start_with(&mut self, _weight_and_bias: [InitRule; 2]) {}

    /// Turns the layer from its trainable form into its inference form in `kind`: norm folded, weight laid out.
    ///
    /// # Errors
    /// libtorch's message.
    fn plan(&mut self, kind: Kind) -> Result<(), Error>;

    /// While there is a tally, the layer records its work there and answers with an empty map of the right shape
    /// instead of computing one.
    fn count_into(&mut self, tally: Option<Tally>);
}

/// What is done to every layer.
pub type Visitor<'a> = dyn FnMut(&mut dyn Layer) -> Result<(), Error> + 'a;

/// Something made of layers.
pub trait Layers {
    /// Shows every layer to `visitor`, in building order.
    ///
    /// # Errors
    /// The first error of `visitor`, which ends the visit.
    fn visit(&mut self, visitor: &mut Visitor<'_>) -> Result<(), Error>;
}

impl<T: Layers> Layers for Vec<T> {
    fn visit(&mut self, visitor: &mut Visitor<'_>) -> Result<(), Error> {
        self.iter_mut().try_for_each(|part| part.visit(visitor))
    }
}

impl<T: Layers, const N: usize> Layers for [T; N] {
    fn visit(&mut self, visitor: &mut Visitor<'_>) -> Result<(), Error> {
        self.iter_mut().try_for_each(|part| part.visit(visitor))
    }
}

impl<T: Layers> Layers for Option<T> {
    fn visit(&mut self, visitor: &mut Visitor<'_>) -> Result<(), Error> {
        self.iter_mut().try_for_each(|part| part.visit(visitor))
    }
}

impl<T: Layers + ?Sized> Layers for Box<T> {
    fn visit(&mut self, visitor: &mut Visitor<'_>) -> Result<(), Error> {
        (**self).visit(visitor)
    }
}

impl<A: Layers, B: Layers> Layers for (A, B) {
    fn visit(&mut self, visitor: &mut Visitor<'_>) -> Result<(), Error> {
        self.0.visit(visitor)?;
        self.1.visit(visitor)
    }
}

/// Implements [`Layers`] for a struct by the fields that hold layers, in building order.
macro_rules! layers {
    ($type:ty { $($field:ident),+ }) => {
        impl $crate::layers::Layers for $type {
            fn visit(&mut self, visitor: &mut $crate::layers::Visitor<'_>) -> Result<(), $crate::Error> {
                $($crate::layers::Layers::visit(&mut self.$field, visitor)?;)+
                Ok(())
            }
        }
    };
}

/// Implements [`Layers`] and tch's [`nn::ModuleT`] for a module of one input and one output that has
/// `try_forward_t(&self, x, train)`.
macro_rules! module {
    ($type:ty { $($field:ident),+ }) => {
        $crate::layers::layers!($type { $($field),+ });
        $crate::layers::module!($type);
    };
    ($type:ty) => {
        impl tch::nn::ModuleT for $type {
            /// # Panics
            /// As tch's own modules do, when libtorch fails; `try_forward_t` returns the error.
            fn forward_t(&self, x: &tch::Tensor, train: bool) -> tch::Tensor {
                self.try_forward_t(x, train).unwrap_or_else(|error| panic!("{error}"))
            }
        }
    };
}

pub(crate) use {layers, module};

/// Applies modules one after the other.
pub(crate) fn chain(modules: &[ConvNormAct], x: &Tensor, train: bool) -> Result<Tensor, Error> {
    modules.iter().try_fold(x.shallow_clone(), |x, module| module.try_forward_t(&x, train))
}

/// `y + x`, in place unless the backward pass may need `y` as it is (an activation's output).
pub(crate) fn add(mut y: Tensor, x: &Tensor) -> Result<Tensor, Error> {
    Ok(if y.requires_grad() { y.f_add(x)? } else { y.f_add_(x)? })
}

/// `y · x`, in place unless the backward pass needs `y` as it is.
pub(crate) fn multiply(mut y: Tensor, x: &Tensor) -> Result<Tensor, Error> {
    Ok(if y.requires_grad() || x.requires_grad() { y.f_mul(x)? } else { y.f_mul_(x)? })
}

/// Mean of every channel: `[N, C, H, W]` to `[N, C, 1, 1]`.
pub(crate) fn global_mean(x: &Tensor) -> Result<Tensor, Error> {
    Ok(x.f_mean_dim([2i64, 3].as_slice(), true, x.kind())?)
}

/// The same tensor `[N, C, H, W]` with channels last in memory: what oneDNN and cuDNN like best.
///
/// # Errors
/// libtorch's message when the tensor has not four dimensions.
pub fn channels_last(x: &Tensor) -> Result<Tensor, Error> {
    Ok(x.f_permute([0, 2, 3, 1])?.f_contiguous()?.f_permute([0, 3, 1, 2])?)
}

/// Replaces the data of a variable, for every handle to it; from then on it takes no gradient.
fn replace(variable: &mut Tensor, data: &Tensor) {
    let _variable = variable.set_requires_grad(false);
    variable.set_data(data);
}
