//! A network with its parameters: any model that a spec can name, on tch's `nn`.

use crate::initialisation;
use crate::layers::{Layers, Parameter, Visitor};
use crate::load::SPEC_KEY;
use crate::mask_rcnn::MaskRcnn;
use crate::one_stage::OneStage;
use crate::ops::boxes::Bbox;
use crate::spec::Task;
use crate::{Classifier, Detector, Error, Geometry, ModelSpec};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, HashSet};
use std::path::Path;
use std::sync::{Mutex, PoisonError};
use tch::{Device, Kind, Tensor, nn};
use vovdet_pretrained::{Dtype, TensorData, write_safetensors};

/// Arithmetic of the network.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Precision {
    /// The best that loses nothing: float32 today.
    #[default]
    Auto,
    /// 32-bit floats.
    Fp32,
    /// bfloat16: the range of float32, 8 bits of mantissa.
    Bf16,
    /// IEEE half precision; CUDA only.
    Fp16,
    /// 64-bit floats: slow, for comparing with a reference to the last digits.
    Fp64,
}

impl Precision {
    /// The tensor kind to compute in on `device`.
    ///
    /// # Errors
    /// When the device has no kernels for it.
    pub fn kind(self, device: Device) -> Result<Kind, Error> {
        match self {
            Self::Auto | Self::Fp32 => Ok(Kind::Float),
            Self::Fp64 => Ok(Kind::Double),
            Self::Bf16 => Ok(Kind::BFloat16),
            Self::Fp16 if device == Device::Cpu => {
                Err(Error::Spec("fp16 needs a CUDA device: choose fp32 or bf16 on a CPU".into()))
            }
            Self::Fp16 => Ok(Kind::Half),
        }
    }
}

/// What a network answers.
#[derive(Debug)]
// There is one of it in a program: its size does not matter.
#[allow(clippy::large_enum_variant)]
pub enum Model {
    /// Class probabilities, or only features.
    Classifier(Classifier),
    /// Boxes and perhaps masks.
    Detector(Box<dyn Detector>),
}

impl Model {
    fn build(path: &nn::Path, spec: &ModelSpec) -> Result<Self, Error> {
        Ok(match &spec.task {
            Task::Classify { .. } => Self::Classifier(Classifier::new(path, spec)?),
            Task::MaskRcnn(_) => Self::Detector(Box::new(MaskRcnn::new(path, spec)?)),
            Task::OneStage(_) => Self::Detector(Box::new(OneStage::new(path, spec)?)),
        })
    }

    fn place(&mut self, device: Device, kind: Kind) {
        match self {
            Self::Classifier(c) => c.place(device, kind),
            Self::Detector(d) => d.place(device, kind),
        }
    }
}

impl Layers for Model {
    fn visit(&mut self, visitor: &mut Visitor<'_>) -> Result<(), Error> {
        match self {
            Self::Classifier(c) => c.visit(visitor),
            Self::Detector(d) => d.visit(visitor),
        }
    }
}

/// A model and its variables.
///
/// A network is built in its trainable form: its parameters are variables of an [`nn::VarStore`] that can be listed,
/// frozen, saved, copied and moved. [`Network::plan`] turns it into its inference form, in which norms are folded and no
/// variables remain.
#[derive(Debug)]
pub struct Network {
    variables: nn::VarStore,
    model: Model,
    /// In building order, which the store does not keep.
    parameters: Vec<Parameter>,
    /// Where the weights are, and of which kind.
    place: (Device, Kind),
    planned: bool,
}

impl Network {
    /// Builds the network of `spec`; its weights are undefined until a checkpoint or [`Network::initialise`] fills them.
    /// `kind` is that of the variables, float32 or float64.
    ///
    /// # Errors
    /// When the spec makes no model, or one of its numbers is beyond the limits ([`ModelSpec::validate`]).
    pub fn build(spec: &ModelSpec, device: Device, kind: Kind) -> Result<Self, Error> {
        spec.validate()?;
        let mut variables = nn::VarStore::new(device);
        variables.set_kind(kind);
        let mut model = Model::build(&variables.root(), spec)?;
        if kind == Kind::Double {
            // tch makes running statistics in float32 whatever the store's kind.
            variables.double();
        }
        model.place(device, kind);
        let mut parameters = Vec::new();
        model.visit(&mut |layer| {
            layer.start_with(initialisation::start(spec, layer.name()));
            parameters.extend(layer.parameters());
            Ok(())
        })?;
        // A store silently gives another name to a second variable of the same name.
        let names: HashSet<&str> = parameters.iter().map(|p| p.name.as_str()).collect();
        if names.len() != parameters.len() || variables.len() != parameters.len() {
            return Err(Error::Spec(format!("`{}` has two layers of the same name", spec.name)));
        }
        Ok(Self { variables, model, parameters, place: (device, kind), planned: false })
    }

    /// Builds the network of `spec` with parameters that start as its reference's do (docs/initialisation.md).
    ///
    /// # Errors
    /// When the spec makes no model.
    pub fn fresh(spec: &ModelSpec, device: Device, kind: Kind, seed: i64) -> Result<Self, Error> {
        let mut network = Self::build(spec, device, kind)?;
        network.initialise(seed)?;
        Ok(network)
    }

    /// Draws every parameter anew, as it would start before training.
    ///
    /// # Errors
    /// libtorch's message.
    pub fn initialise(&mut self, seed: i64) -> Result<(), Error> {
        // libtorch's generator is that of the whole process.
        static DRAWING: Mutex<()> = Mutex::new(());
        let _alone = DRAWING.lock().unwrap_or_else(PoisonError::into_inner);
        tch::manual_seed(seed);
        self.parameters.iter_mut().try_for_each(initialise)
    }

    /// What this network is.
    pub fn spec(&self) -> &ModelSpec {
        match &self.model {
            Model::Classifier(c) => c.spec(),
            Model::Detector(d) => d.spec(),
        }
    }

    /// The model, to run it.
    pub fn model(&self) -> &Model {
        &self.model
    }

    /// The detector, if it is one.
    pub fn as_detector(&self) -> Option<&dyn Detector> {
        match &self.model {
            Model::Detector(d) => Some(d.as_ref()),
            Model::Classifier(_) => None,
        }
    }

    /// The classifier, if it is one.
    pub fn as_classifier(&self) -> Option<&Classifier> {
        match &self.model {
            Model::Classifier(c) => Some(c),
            Model::Detector(_) => None,
        }
    }

    /// Parameters and buffers in building order; none once the network is planned.
    pub fn parameters(&self) -> &[Parameter] {
        &self.parameters
    }

    pub(crate) fn parameters_mut(&mut self) -> &mut [Parameter] {
        &mut self.parameters
    }

    /// The variables, for an optimizer of tch; empty once the network is planned.
    pub fn variables(&self) -> &nn::VarStore {
        &self.variables
    }

    /// Takes parameters that fit one of `patterns` (`*` stands for any text) out of training; returns their names.
    pub fn freeze(&mut self, patterns: &[impl AsRef<str>]) -> Vec<String> {
        let fits = |name: &str| patterns.iter().any(|pattern| crate::load::matches(pattern.as_ref(), name));
        let chosen = self.parameters.iter_mut().filter(|p| p.trainable && fits(&p.name));
        chosen
            .map(|parameter| {
                let _variable = parameter.tensor.set_requires_grad(false);
                parameter.name.clone()
            })
            .collect()
    }

    /// A network of its own with the same values: for a moving average of the weights, say.
    ///
    /// # Errors
    /// When this network is planned, or memory is short.
    pub fn copy(&self) -> Result<Self, Error> {
        self.require_variables("copied")?;
        let mut copy = Self::build(self.spec(), self.variables.device(), self.variables.kind())?;
        copy.variables.copy(&self.variables)?;
        Ok(copy)
    }

    /// Moves all variables to `device`.
    ///
    /// # Errors
    /// When this network is planned.
    pub fn move_to(&mut self, device: Device) -> Result<(), Error> {
        self.require_variables("moved")?;
        self.variables.set_device(device);
        self.place.0 = device;
        self.model.place(device, self.place.1);
        Ok(())
    }

    /// Writes parameters, buffers and the spec into a safetensors file that [`crate::load`] needs nothing else for.
    ///
    /// # Errors
    /// When this network is planned, or the file cannot be written.
    pub fn save(&self, path: &Path) -> Result<(), Error> {
        self.require_variables("saved")?;
        let mut tensors = Vec::with_capacity(self.parameters.len());
        for parameter in &self.parameters {
            let shape: Vec<usize> = parameter.tensor.size().iter().map(|&d| d as usize).collect();
            let host = parameter.tensor.f_detach()?.f_to_device(Device::Cpu)?.f_contiguous()?;
            let mut bytes = vec![0; host.numel() * host.kind().elt_size_in_bytes()];
            host.f_copy_data_u8(&mut bytes, host.numel())?;
            let dtype = if host.kind() == Kind::Double { Dtype::F64 } else { Dtype::F32 };
            tensors.push((parameter.name.as_str(), dtype, shape, bytes));
        }
        let data: Vec<TensorData> = tensors
            .iter()
            .map(|(name, dtype, shape, bytes)| TensorData { name, dtype: *dtype, shape, bytes: bytes.into() })
            .collect();
        let spec = serde_json::to_string(self.spec()).map_err(|e| Error::Spec(e.to_string()))?;
        let metadata = BTreeMap::from([(SPEC_KEY.to_owned(), spec)]);
        Ok(write_safetensors(path, &data, &metadata)?)
    }

    /// Turns every layer into its inference form: norms folded, weights laid out for and converted to `kind`. The
    /// variables are given up.
    ///
    /// # Errors
    /// libtorch's message.
    pub fn plan(&mut self, kind: Kind) -> Result<(), Error> {
        let device = self.place.0;
        tch::no_grad(|| self.model.visit(&mut |layer| layer.plan(kind)))?;
        self.place.1 = kind;
        self.model.place(device, kind);
        self.parameters = Vec::new();
        self.variables = nn::VarStore::new(device);
        self.planned = true;
        Ok(())
    }

    /// Every intermediate result by name, for a batch `[N, 3, H, W]` that goes into the network as it is; contiguous
    /// CPU tensors, float32 or int64. `images` tells for each image what part of its plane is not padding, and what it
    /// was resized from; without it the whole plane is the image.
    ///
    /// # Errors
    /// When the tensor does not fit the network.
    pub fn features(&self, batch: &Tensor, images: Option<&[Geometry]>) -> Result<Vec<(String, Tensor)>, Error> {
        let whole = match batch.size().as_slice() {
            // Sides beyond u32 would need more memory than there is.
            &[n, 3, h, w] if n > 0 && h > 0 && w > 0 => vec![Geometry::unscaled(w as u32, h as u32); n as usize],
            other => return Err(Error::Input(format!("the input has shape {other:?}, and [N, 3, H, W] is needed"))),
        };
        let batch = batch.f_to_device(self.place.0)?.f_to_kind(self.place.1)?;
        let named = tch::no_grad(|| match &self.model {
            Model::Classifier(c) => c.outputs_t(&batch, false),
            Model::Detector(d) => d.features(&batch, images.unwrap_or(&whole)),
        })?;
        let plain = |tensor: Tensor| {
            let kind = if tensor.kind() == Kind::Int64 { Kind::Int64 } else { Kind::Float };
            tensor.f_to_device(Device::Cpu)?.f_to_kind(kind)?.f_contiguous()
        };
        named.into_iter().map(|(name, tensor)| Ok((name, plain(tensor)?))).collect()
    }

    /// Everything that a loss can judge, by name and with its gradient ([`Detector::outputs_t`],
    /// [`Classifier::outputs_t`]).
    ///
    /// # Errors
    /// When the tensor does not fit the network.
    pub fn outputs_t(
        &self,
        batch: &Tensor,
        regions: &[Vec<Bbox>],
        train: bool,
    ) -> Result<Vec<(String, Tensor)>, Error> {
        match &self.model {
            Model::Classifier(c) => c.outputs_t(batch, train),
            Model::Detector(d) => d.outputs_t(batch, regions, train),
        }
    }

    /// Runs the whole network and drops what it makes: for counting.
    pub(crate) fn walk(&self, batch: &Tensor) -> Result<(), Error> {
        match &self.model {
            Model::Classifier(c) => c.outputs_t(batch, false).map(|_| ()),
            Model::Detector(d) => d.walk(batch),
        }
    }

    fn require_variables(&self, what: &str) -> Result<(), Error> {
        if self.planned {
            return Err(Error::Spec(format!(
                "`{}` is planned for inference and has no variables that could be {what}",
                self.spec().name
            )));
        }
        Ok(())
    }
}

impl Layers for Network {
    fn visit(&mut self, visitor: &mut Visitor<'_>) -> Result<(), Error> {
        self.model.visit(visitor)
    }
}

/// Draws a parameter as it would start before training.
pub(crate) fn initialise(parameter: &mut Parameter) -> Result<(), Error> {
    let Parameter { tensor, init, .. } = parameter;
    let drawn = nn::f_init(*init, &tensor.size(), tensor.device(), tensor.kind())?;
    tch::no_grad(|| tensor.f_copy_(&drawn))?;
    Ok(())
}
