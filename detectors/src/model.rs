//! Any model that a spec can name.

use crate::mask_rcnn::MaskRcnn;
use crate::one_stage::OneStage;
use crate::params::Scope;
use crate::spec::Task;
use crate::{Classifier, Detector, Error, Geometry, ModelSpec};
use serde::{Deserialize, Serialize};
use std::str::FromStr;
use tch::{Device, Kind, Tensor};

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
}

impl Precision {
    /// The tensor kind to compute in on `device`.
    ///
    /// # Errors
    /// When the device has no kernels for it.
    pub fn kind(self, device: Device) -> Result<Kind, Error> {
        match self {
            Self::Auto | Self::Fp32 => Ok(Kind::Float),
            Self::Bf16 => Ok(Kind::BFloat16),
            Self::Fp16 if device == Device::Cpu => {
                Err(Error::Spec("fp16 needs a CUDA device: choose fp32 or bf16 on a CPU".into()))
            }
            Self::Fp16 => Ok(Kind::Half),
        }
    }
}

impl FromStr for Precision {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "auto" => Ok(Self::Auto),
            "fp32" => Ok(Self::Fp32),
            "bf16" => Ok(Self::Bf16),
            "fp16" => Ok(Self::Fp16),
            _ => Err(format!("`{text}` is not a precision: choose auto, fp32, bf16 or fp16")),
        }
    }
}

/// A model, ready to run.
#[derive(Debug)]
// There is one of it in a program: its size does not matter.
#[allow(clippy::large_enum_variant)]
pub enum Model {
    /// Answers with class probabilities, or only features.
    Classifier(Classifier),
    /// Answers with boxes and perhaps masks.
    Detector(Box<dyn Detector>),
}

impl Model {
    /// Builds the network of `spec` with its parameters in `scope`.
    pub(crate) fn build(scope: &Scope, spec: &ModelSpec, device: Device) -> Result<Self, Error> {
        Ok(match &spec.task {
            Task::Classify { .. } => Self::Classifier(Classifier::new(scope, spec, device)?),
            Task::MaskRcnn(_) => Self::Detector(Box::new(MaskRcnn::new(scope, spec, device)?)),
            Task::OneStage(_) => Self::Detector(Box::new(OneStage::new(scope, spec, device)?)),
        })
    }

    /// Runs the whole network and drops what it makes: for counting.
    pub(crate) fn walk(&self, batch: &Tensor) -> Result<(), Error> {
        match self {
            Self::Classifier(c) => c.features(batch).map(|_| ()),
            Self::Detector(d) => d.walk(batch),
        }
    }

    pub(crate) fn optimize(&mut self, kind: Kind) -> Result<(), Error> {
        match self {
            Self::Classifier(c) => c.optimize(kind),
            Self::Detector(d) => d.optimize(kind),
        }
    }

    /// What this model is.
    pub fn spec(&self) -> &ModelSpec {
        match self {
            Self::Classifier(c) => c.spec(),
            Self::Detector(d) => d.spec(),
        }
    }

    /// The detector, if it is one.
    pub fn as_detector(&self) -> Option<&dyn Detector> {
        match self {
            Self::Detector(d) => Some(d.as_ref()),
            Self::Classifier(_) => None,
        }
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
        match self {
            Self::Classifier(c) => c.features(batch),
            Self::Detector(d) => d.features(batch, images.unwrap_or(&whole)),
        }
    }
}
