//! A model is a spec: everything that the weights themselves do not say, as plain serialisable data.
//!
//! A spec comes from a name ([`ModelSpec::named`]), from a JSON file, or from the metadata of our own weight files;
//! class counts and widths that a checkpoint fixes are then read from it ([`crate::load`]).

mod backbone;
mod classes;
mod dialect;
mod input;
mod limits;
mod mask_rcnn;
mod names;
mod one_stage;
mod one_stage_names;

pub use backbone::{
    BackboneSpec, DensenetSpec, DsodSpec, Ese, Form, MobilenetSpec, MobilenetV2Spec, MobilenetV3Spec, NormKind,
    NormSpec, PeleenetSpec, ResnetSpec, VggReduction, VggSpec, VovnetSpec,
};
pub use classes::Class;
pub use dialect::{AnchorRule, Background, Dialect, LevelEpsilon, MaskPaste, ObjectnessScore, Rules};
pub use input::{ChannelOrder, InputSpec, Resampler, ResizeRule, Rounding};
pub use mask_rcnn::{AnchorSpec, BoxHeadSpec, FpnSpec, MaskHeadSpec, MaskRcnnSpec, PostSpec, RpnSpec};
pub(crate) use names::{CAFFE, TOOLBOX};
pub use names::{backbone_names, model_names};
pub use one_stage::{
    BlockSpec, ExtraSpec, HeadSpec, L2Rule, L2Spec, OneStagePost, OneStageRules, OneStageSpec, PriorMap, PriorRule,
    RefineSpec, SoftNms,
};

use crate::Error;
use serde::{Deserialize, Serialize};
use vovdet_pretrained::naming::{DETECTOR_BODY, ONE_STAGE_BODY};

/// A complete model: what to build, how to feed it, what its outputs mean.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ModelSpec {
    /// Name for people, e.g. `mask_rcnn_vovnet39_fpn`.
    pub name: String,
    /// The feature extractor.
    pub backbone: BackboneSpec,
    /// What is made of its features.
    pub task: Task,
    /// How an image becomes the network's input.
    pub input: InputSpec,
    /// Foreground classes in the order of the network's outputs; empty until a checkpoint or the user says.
    #[serde(default)]
    pub classes: Vec<Class>,
}

/// What a model answers.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
// There is one of it in a program: its size does not matter.
#[allow(clippy::large_enum_variant)]
pub enum Task {
    /// Global average pool and one linear layer; `classes` is the number of outputs.
    Classify {
        /// Width of the last layer; 0 when the weights have none (a bare backbone).
        outputs: i64,
    },
    /// Faster R-CNN, or Mask R-CNN when `mask_head` is there.
    MaskRcnn(MaskRcnnSpec),
    /// SSD, DSOD, Pelee or RefineDet.
    OneStage(OneStageSpec),
}

impl Task {
    /// What the names of the backbone's parameters start with.
    pub fn body(&self) -> &'static str {
        match self {
            Self::Classify { .. } => "",
            Self::MaskRcnn(_) => DETECTOR_BODY,
            Self::OneStage(_) => ONE_STAGE_BODY,
        }
    }
}

impl ModelSpec {
    /// Reads a spec from JSON text and checks it ([`ModelSpec::validate`]); `source` names it in messages.
    ///
    /// # Errors
    /// When the text is not a spec, or a number is beyond its limits; the message says which field.
    pub fn from_json(text: &str, source: &str) -> Result<Self, Error> {
        let refused = |text: String| Error::Spec(format!("{source} is not a model spec: {text}"));
        let spec: Self = serde_json::from_str(text).map_err(|e| refused(e.to_string()))?;
        spec.check().map_err(refused)?;
        Ok(spec)
    }

    /// The dialect of a detector; `None` for a classifier.
    pub fn dialect(&self) -> Option<Dialect> {
        match &self.task {
            Task::MaskRcnn(m) => Some(m.dialect),
            Task::OneStage(o) => Some(o.dialect),
            Task::Classify { .. } => None,
        }
    }
}
