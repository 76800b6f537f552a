//! Fully connected layers.

use super::init::InitRule;
use super::{Layer, Layers, Parameter, PathExt, Tally, Visitor, module, replace};
use crate::Error;
use tch::{Kind, Tensor, nn};

/// A fully connected layer with a bias.
#[derive(Debug)]
pub struct Linear {
    name: String,
    linear: nn::Linear,
    init: [InitRule; 2],
    tally: Option<Tally>,
}

impl Linear {
    /// Builds the layer with parameters `weight` `[out, in]` and `bias` `[out]` at `path`.
    pub fn new(path: &nn::Path, input: i64, output: i64) -> Self {
        let ws = path.uninitialised("weight", &[output, input]);
        let bs = Some(path.uninitialised("bias", &[output]));
        Self { name: path.name(), linear: nn::Linear { ws, bs }, init: InitRule::DEFAULT, tally: None }
    }

    /// `[N, in]` to `[N, out]`.
    ///
    /// # Errors
    /// libtorch's message when the width does not fit.
    pub fn try_forward_t(&self, x: &Tensor, _train: bool) -> Result<Tensor, Error> {
        if let Some(tally) = &self.tally {
            let rows = x.size().first().copied().unwrap_or(1);
            tally.add(&self.name, self.linear.ws.numel() as u64 * rows as u64, 0);
            let outputs = self.linear.ws.size().first().copied().unwrap_or(0);
            return Ok(Tensor::f_empty([rows, outputs], (x.kind(), x.device()))?);
        }
        Ok(x.f_linear(&self.linear.ws, self.linear.bs.as_ref())?)
    }
}

module!(Linear);

impl Layers for Linear {
    fn visit(&mut self, visitor: &mut Visitor<'_>) -> Result<(), Error> {
        visitor(self)
    }
}

impl Layer for Linear {
    fn name(&self) -> &str {
        &self.name
    }

    fn parameters(&self) -> Vec<Parameter> {
        let shape = self.linear.ws.size();
        let tensors = [("weight", Some(&self.linear.ws)), ("bias", self.linear.bs.as_ref())];
        tensors
            .into_iter()
            .zip(self.init)
            .filter_map(|((name, tensor), rule)| {
                Some(Parameter {
                    name: format!("{}.{name}", self.name),
                    tensor: tensor?.shallow_clone(),
                    trainable: true,
                    init: rule.distribution(&shape),
                })
            })
            .collect()
    }

    fn start_with(&mut self, rules: [InitRule; 2]) {
        self.init = rules;
    }

    fn plan(&mut self, kind: Kind) -> Result<(), Error> {
        for tensor in std::iter::once(&mut self.linear.ws).chain(&mut self.linear.bs) {
            let data = tensor.f_detach()?.f_to_kind(kind)?;
            replace(tensor, &data);
        }
        Ok(())
    }

    fn count_into(&mut self, tally: Option<Tally>) {
        self.tally = tally;
    }
}
