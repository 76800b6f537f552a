//! Forward and backward in float64 with given weights, and the gradient of every parameter in a file: what `make parity`
//! compares with PyTorch.
//!
//! ```text
//! gradients MODEL WEIGHTS CASE OUT [--train] [--dialect DIALECT]
//! ```
//!
//! Of a two-stage detector the whole network is built, with three classes; of any other model its backbone. WEIGHTS holds
//! the parameters under our names. CASE holds `input` `[N, 3, H, W]`, for every output the tensor `weight.{name}` that
//! it is multiplied with, and `regions.{i}` `[R, 4]` of every image. OUT gets `loss` (the sum of the outputs' weighted
//! means), `gradient.{name}` and, as they are afterwards, `statistic.{name}`.

use std::collections::HashMap;
use std::error::Error;
use tch::{Device, Kind, Tensor, nn};
use vovdet_detectors::backbone::{self, Backbone};
use vovdet_detectors::spec::{Class, Dialect, Task};
use vovdet_detectors::{Layers, ModelSpec, Network, Parameter};

type Result<T> = std::result::Result<T, Box<dyn Error>>;

/// What is differentiated.
enum Subject {
    Network(Box<Network>),
    Backbone(Box<dyn Backbone>),
}

impl Subject {
    fn build(spec: ModelSpec) -> Result<Self> {
        if let Task::MaskRcnn(_) = spec.task {
            let spec = ModelSpec { classes: Class::from_names(["a", "b", "c"]), ..spec };
            return Ok(Self::Network(Box::new(Network::build(&spec, Device::Cpu, Kind::Double)?)));
        }
        let mut variables = nn::VarStore::new(Device::Cpu);
        let backbone = backbone::build(&variables.root(), &spec.backbone);
        variables.set_kind(Kind::Double);
        Ok(Self::Backbone(backbone))
    }

    fn parameters(&mut self) -> Result<Vec<Parameter>> {
        let mut parameters = Vec::new();
        let layers: &mut dyn Layers = match self {
            Self::Network(network) => network.as_mut(),
            Self::Backbone(backbone) => backbone,
        };
        layers.visit(&mut |layer| {
            parameters.extend(layer.parameters());
            Ok(())
        })?;
        Ok(parameters)
    }

    fn outputs(&self, input: &Tensor, regions: &[Vec<[f32; 4]>], train: bool) -> Result<Vec<(String, Tensor)>> {
        Ok(match self {
            Self::Network(network) => network.outputs_t(input, regions, train)?,
            Self::Backbone(backbone) => {
                let names = backbone.info().iter().map(|info| info.name.to_owned());
                names.zip(backbone.features_t(input, train)?).collect()
            }
        })
    }
}

fn main() -> Result<()> {
    let mut arguments: Vec<String> = std::env::args().skip(1).collect();
    let train = arguments.iter().position(|a| a == "--train").map(|at| arguments.remove(at)).is_some();
    let dialect = arguments.iter().position(|a| a == "--dialect").map(|at| arguments.split_off(at));
    let dialect = dialect.and_then(|rest| rest.get(1).map(|name| name.parse::<Dialect>())).transpose()?;
    let [model, weights, case, out] = arguments.as_slice() else {
        return Err("usage: gradients MODEL WEIGHTS CASE OUT [--train] [--dialect DIALECT]".into());
    };
    let read = |path: &str| -> Result<HashMap<String, Tensor>> {
        Ok(Tensor::read_safetensors(path).map_err(|e| format!("{path}: {e}"))?.into_iter().collect())
    };
    let (weights, case) = (read(weights)?, read(case)?);
    let mut subject = Subject::build(ModelSpec::named(model, dialect)?)?;
    let mut parameters = subject.parameters()?;
    for parameter in &mut parameters {
        let value = weights.get(&parameter.name).ok_or_else(|| format!("WEIGHTS has no {}", parameter.name))?;
        tch::no_grad(|| parameter.tensor.f_copy_(value))?;
    }
    let regions: Vec<Vec<[f32; 4]>> = (0..)
        .map_while(|i| case.get(&format!("regions.{i}")))
        .map(|boxes| Ok(Vec::<f32>::try_from(boxes.flatten(0, -1))?.as_chunks::<4>().0.to_vec()))
        .collect::<Result<_>>()?;
    let input = case.get("input").ok_or("CASE has no input")?;
    let mut loss = Tensor::zeros([], (Kind::Double, Device::Cpu));
    for (name, output) in subject.outputs(input, &regions, train)? {
        let weight = case.get(&format!("weight.{name}")).ok_or_else(|| format!("CASE has no weight.{name}"))?;
        loss += (output * weight).mean(Kind::Double);
    }
    loss.f_backward()?;
    let mut tensors = vec![("loss".to_owned(), loss.detach())];
    for Parameter { name, tensor, trainable, .. } in parameters {
        match trainable {
            true if tensor.grad().defined() => tensors.push((format!("gradient.{name}"), tensor.grad().contiguous())),
            true => {}
            false => tensors.push((format!("statistic.{name}"), tensor)),
        }
    }
    Ok(Tensor::write_safetensors(&tensors, out)?)
}
