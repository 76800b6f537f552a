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
    /// (docs/reference/mask_rcnn.md §9).
    ShortSide {
        /// Wanted short side in pixels.
        min: u32,
        /// Largest long side in pixels.
        max: u32,
        /// Whose rounding.
        rounding: Rounding,
    },
    /// Both sides to `size`, whatever the shape of the image (SSD, RefineDet).
    Warp {
        /// Width and height.
        size: u32,
    },
    /// Short side to `short`, then the central square of `crop` pixels (ImageNet).
    CenterCrop {
        /// Short side after the resize.
        short: u32,
        /// Side of the square.
        crop: u32,
    },
}

/// How the three families of two-stage detectors round the resized sides.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Rounding {
    /// Short side exact, long side truncated.
    MaskrcnnBenchmark,
    /// Half up.
    Detectron2,
    /// Down, with a float32 scale.
    Torchvision,
}

/// The resampling kernel: three libraries, three answers, so it is part of the spec.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Resampler {
    /// PIL's bilinear: antialiased when shrinking, on 8-bit pixels, before normalisation.
    PilBilinear,
    /// torch's bilinear without antialiasing, on floats, after normalisation.
    TorchBilinear,
    /// OpenCV's bilinear without antialiasing, on 8-bit pixels, before normalisation.
    CvBilinear,
    /// PIL's bicubic on 8-bit pixels, before normalisation.
    PilBicubic,
}

const IMAGENET_MEAN: [f64; 3] = [0.485, 0.456, 0.406];
const IMAGENET_STD: [f64; 3] = [0.229, 0.224, 0.225];

impl InputSpec {
    /// The input of a dialect's two-stage COCO detectors: 800 by at most 1333 pixels (docs/reference/mask_rcnn.md §9);
    /// none for a dialect that has none.
    pub fn coco(dialect: Dialect) -> Option<Self> {
        let resize = |rounding| ResizeRule::ShortSide { min: 800, max: 1333, rounding };
        let bgr = |mean, rounding| Self { resize: resize(rounding), pad_to: 32, ..Self::bgr(mean) };
        match dialect {
            Dialect::MaskrcnnBenchmark => Some(bgr([102.9801, 115.9465, 122.7717], Rounding::MaskrcnnBenchmark)),
            Dialect::Detectron2 => Some(bgr([103.53, 116.28, 123.675], Rounding::Detectron2)),
            Dialect::Torchvision => Some(Self {
                channels: ChannelOrder::Rgb,
                scale: 1.0 / 255.0,
                mean: IMAGENET_MEAN,
                std: IMAGENET_STD,
                resize: resize(Rounding::Torchvision),
                resampler: Resampler::TorchBilinear,
                pad_to: 32,
            }),
            Dialect::Caffe | Dialect::Luuuyi | Dialect::Uoip => None,
        }
    }

    /// Grey levels with blue first, minus `mean`, at the image's own size through PIL's bilinear kernel.
    fn bgr(mean: [f64; 3]) -> Self {
        Self {
            channels: ChannelOrder::Bgr,
            scale: 1.0,
            mean,
            std: [1.0; 3],
            resize: ResizeRule::Warp { size: 300 },
            resampler: Resampler::PilBilinear,
            pad_to: 1,
        }
    }

    /// The input of the Caffe detectors: grey levels minus 104, 117, 123 with blue first, both sides `size`.
    pub fn caffe(size: u32) -> Self {
        Self { resize: ResizeRule::Warp { size }, resampler: Resampler::CvBilinear, ..Self::bgr([104.0, 117.0, 123.0]) }
    }

    /// The same with the channels in the other order.
    pub(super) fn reversed(mut self) -> Self {
        self.channels = match self.channels {
            ChannelOrder::Rgb => ChannelOrder::Bgr,
            ChannelOrder::Bgr => ChannelOrder::Rgb,
        };
        self.mean.reverse();
        self.std.reverse();
        self
    }

    /// The input of ImageNet classifiers: short side 256, central 224 (docs/reference/vovnet.md §6).
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
