//! How an image becomes the network's input, as data; the work is in [`crate::input`].

use super::Dialect;
use serde::{Deserialize, Serialize};

/// The geometry and arithmetic between a decoded image and the input tensor. Predict, evaluate and train share it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct InputSpec {
    /// Order of the channels in the tensor.
    pub channels: ChannelOrder,
    /// Multiplied to 0..255 before the mean is subtracted: 1/255 or 1.
    pub scale: f64,
    /// Subtracted per channel of the tensor, in units after `scale`.
    pub mean: [f64; 3],
    /// Divided by per channel.
    pub std: [f64; 3],
    /// How the size is chosen.
    pub resize: ResizeRule,
    /// How pixels are resampled.
    pub resampler: Resampler,
    /// Zeros are appended at the right and bottom until both sides are multiples of this; 1 for none.
    pub pad_to: u32,
}

/// Channel order of the input tensor.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ChannelOrder {
    /// Red first.
    Rgb,
    /// Blue first.
    Bgr,
}

/// How the size of the input follows from the size of the image.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "rule", rename_all = "kebab-case")]
pub enum ResizeRule {
    /// Short side to `min` unless the long side would pass `max`; each dialect rounds in its own way
    /// (spec/mask_rcnn.md §9).
    ShortSide {
        /// Wanted short side in pixels.
        min: u32,
        /// Largest long side in pixels.
        max: u32,
        /// Whose rounding.
        rounding: Dialect,
    },
    /// Short side to `short`, then the central square of `crop` pixels (ImageNet).
    CenterCrop {
        /// Short side after the resize.
        short: u32,
        /// Side of the square.
        crop: u32,
    },
}

/// The resampling kernel: three libraries, three answers, so it is part of the spec.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Resampler {
    /// PIL's bilinear: antialiased when shrinking, on 8-bit pixels, before normalisation.
    PilBilinear,
    /// torch's bilinear without antialiasing, on floats, after normalisation.
    TorchBilinear,
    /// PIL's bicubic on 8-bit pixels, before normalisation.
    PilBicubic,
}

const IMAGENET_MEAN: [f64; 3] = [0.485, 0.456, 0.406];
const IMAGENET_STD: [f64; 3] = [0.229, 0.224, 0.225];

impl InputSpec {
    /// The input of a dialect's COCO detectors: 800 by at most 1333 pixels (spec/mask_rcnn.md §9).
    pub fn coco(dialect: Dialect) -> Self {
        let resize = ResizeRule::ShortSide { min: 800, max: 1333, rounding: dialect };
        let bgr = |mean| Self {
            channels: ChannelOrder::Bgr,
            scale: 1.0,
            mean,
            std: [1.0; 3],
            resize,
            resampler: Resampler::PilBilinear,
            pad_to: 32,
        };
        match dialect {
            Dialect::MaskrcnnBenchmark => bgr([102.9801, 115.9465, 122.7717]),
            Dialect::Detectron2 => bgr([103.53, 116.28, 123.675]),
            Dialect::Torchvision => Self {
                channels: ChannelOrder::Rgb,
                scale: 1.0 / 255.0,
                mean: IMAGENET_MEAN,
                std: IMAGENET_STD,
                resize,
                resampler: Resampler::TorchBilinear,
                pad_to: 32,
            },
        }
    }

    /// The input of ImageNet classifiers: short side 256, central 224 (spec/vovnet.md §6).
    pub fn imagenet() -> Self {
        Self {
            channels: ChannelOrder::Rgb,
            scale: 1.0 / 255.0,
            mean: IMAGENET_MEAN,
            std: IMAGENET_STD,
            resize: ResizeRule::CenterCrop { short: 256, crop: 224 },
            resampler: Resampler::PilBilinear,
            pad_to: 1,
        }
    }

    /// The input of timm's VoVNets, as their `pretrained_cfg` says (timm 1.0.31, `timm/models/vovnet.py`); none for
    /// other names.
    pub fn timm(name: &str) -> Option<Self> {
        let imagenet = Self { resampler: Resampler::PilBicubic, ..Self::imagenet() };
        match name {
            // Crop 0.875 of 256.
            "ese_vovnet19b_dw" | "ese_vovnet39b" => Some(imagenet),
            // Crop 0.95 of 269.
            "ese_vovnet57b" => Some(Self {
                mean: [0.5; 3],
                std: [0.5; 3],
                resize: ResizeRule::CenterCrop { short: 269, crop: 256 },
                ..imagenet
            }),
            _ => None,
        }
    }
}
