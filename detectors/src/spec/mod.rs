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

    /// Has a detector see images at another size: `side` is the short side in pixels, the longest in proportion, or both
    /// sides of a RefineDet.
    ///
    /// # Errors
    /// For the other models: the prior boxes of a one-stage detector belong to its own size. For a RefineDet, sides that
    /// its four maps, each half as large as the one before, do not divide.
    pub fn resize_to(&mut self, side: u32) -> Result<(), Error> {
        let refused = |why: &str| Err(Error::Spec(format!("{} cannot see images at size {side}: {why}", self.name)));
        match (&self.task, &mut self.input.resize) {
            (_, _) if !(32..=8192).contains(&side) => return refused("a size is from 32 to 8192 pixels"),
            (Task::MaskRcnn(_), ResizeRule::ShortSide { min, max, .. }) => {
                *max = (f64::from(*max) * f64::from(side) / f64::from(*min)).round() as u32;
                *min = side;
            }
            (Task::OneStage(head), ResizeRule::Warp { size }) if head.refine.is_some() => match side % 64 {
                0 => *size = side,
                _ => return refused("a RefineDet takes multiples of 64"),
            },
            (Task::OneStage(_), ResizeRule::Warp { size }) => {
                let own = *size;
                return refused(&format!("its prior boxes belong to {own}x{own} pixels"));
            }
            _ => return refused("its input has no size that could be chosen"),
        }
        Ok(())
    }

    /// The dialect of a detector; `None` for a classifier, and for a detector whose references do not differ.
    pub fn dialect(&self) -> Option<Dialect> {
        match &self.task {
            Task::MaskRcnn(m) => Some(m.dialect),
            Task::OneStage(o) => Some(o.dialect),
            Task::Classify { .. } => None,
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn sizes_that_a_detector_can_see() {
        let resized = |name: &str, side| {
            let mut spec = ModelSpec::named(name, None).unwrap();
            spec.resize_to(side).map(|()| spec.input.resize).map_err(|error| error.to_string())
        };
        let ResizeRule::ShortSide { min, max, .. } = resized("mask_rcnn_resnet50_fpn", 640).unwrap() else { panic!() };
        // 1333 · 640 / 800 = 1066.4.
        assert_eq!((min, max), (640, 1066));
        assert_eq!(resized("refinedet320_vgg16", 448), Ok(ResizeRule::Warp { size: 448 }));
        for (name, side, why) in [
            ("refinedet320_vgg16", 400, "multiples of 64"),
            ("ssd300_vgg16", 512, "300x300"),
            ("resnet50", 256, "no size"),
            ("mask_rcnn_resnet50_fpn", 9000, "32 to 8192"),
        ] {
            let error = resized(name, side).unwrap_err();
            assert!(error.contains(why) && error.contains(name), "{error}");
        }
    }
}
