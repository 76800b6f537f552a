//! Parameters by name: what modules are built from, and what loading and training walk over.

use crate::Error;
use std::cell::RefCell;
use tch::{Device, Kind, Tensor};

/// How a parameter starts when no checkpoint fills it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Init {
    /// All zeros.
    Zeros,
    /// All ones.
    Ones,
    /// All this number.
    Fill(f64),
    /// Normal with gain √2 over the fan-in (arXiv 1502.01852), as the VoVNet references start.
    Kaiming,
}

/// One named tensor of a model.
#[derive(Debug)]
pub struct Parameter {
    /// Dotted path, equal to the canonical state_dict key.
    pub name: String,
    /// The storage, shared with the module that uses it.
    pub tensor: Tensor,
    /// Whether training may change it; running statistics and frozen norms are not.
    pub trainable: bool,
    /// How it starts.
    pub init: Init,
}

/// All parameters of one model, in the order in which its modules were built.
///
/// Storage is left uninitialised: a checkpoint fills it, or [`Parameter::initialise`] does.
#[derive(Debug)]
pub struct ParamStore {
    device: Device,
    parameters: RefCell<Vec<Parameter>>,
}

impl ParamStore {
    /// An empty store whose tensors will live on `device`.
    pub fn new(device: Device) -> Self {
        Self { device, parameters: RefCell::default() }
    }

    /// The scope without a prefix.
    pub fn root(&self) -> Scope<'_> {
        Scope { store: self, prefix: String::new() }
    }

    /// All parameters, in building order.
    pub fn into_parameters(self) -> Vec<Parameter> {
        self.parameters.into_inner()
    }
}

impl Parameter {
    /// Fills the parameter as it would start before training.
    ///
    /// # Errors
    /// libtorch's message.
    pub fn initialise(&mut self) -> Result<(), Error> {
        let _filled = tch::no_grad(|| {
            let fan_in: i64 = self.tensor.size().iter().skip(1).product();
            match self.init {
                Init::Zeros => self.tensor.f_zero_(),
                Init::Ones => self.tensor.f_fill_(1.0),
                Init::Fill(value) => self.tensor.f_fill_(value),
                Init::Kaiming => self.tensor.f_normal_(0.0, (2.0 / fan_in.max(1) as f64).sqrt()),
            }
        })?;
        Ok(())
    }
}

/// A place in the tree of names.
#[derive(Debug, Clone)]
pub struct Scope<'a> {
    store: &'a ParamStore,
    prefix: String,
}

impl Scope<'_> {
    /// The scope one level (or several, `layers.0`) below.
    pub fn sub(&self, name: &str) -> Self {
        Self { store: self.store, prefix: self.path(name) }
    }

    /// A trainable tensor of this shape.
    pub fn param(&self, name: &str, shape: &[i64], init: Init) -> Tensor {
        self.add(name, shape, init, true)
    }

    /// A tensor that training does not touch.
    pub fn buffer(&self, name: &str, shape: &[i64], init: Init) -> Tensor {
        self.add(name, shape, init, false)
    }

    fn path(&self, name: &str) -> String {
        if self.prefix.is_empty() { name.to_owned() } else { format!("{}.{name}", self.prefix) }
    }

    fn add(&self, name: &str, shape: &[i64], init: Init, trainable: bool) -> Tensor {
        let tensor = Tensor::empty(shape, (Kind::Float, self.store.device));
        self.store.parameters.borrow_mut().push(Parameter {
            name: self.path(name),
            tensor: tensor.shallow_clone(),
            trainable,
            init,
        });
        tensor
    }
}
