//! Backbones as numbers.

use serde::{Deserialize, Serialize};

/// Which backbone, with all its numbers.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "family", rename_all = "snake_case")]
pub enum BackboneSpec {
    /// VoVNet V1 and V2.
    Vovnet(VovnetSpec),
    /// ResNet with bottleneck blocks.
    Resnet(ResnetSpec),
}

impl BackboneSpec {
    /// The normalisation of every layer.
    pub fn norm(&self) -> NormSpec {
        match self {
            Self::Vovnet(v) => v.norm,
            Self::Resnet(r) => r.norm,
        }
    }

    /// The normalisation, to be changed.
    pub fn norm_mut(&mut self) -> &mut NormSpec {
        match self {
            Self::Vovnet(v) => &mut v.norm,
            Self::Resnet(r) => &mut r.norm,
        }
    }

    /// Channels of the four stages at strides 4, 8, 16, 32.
    pub fn stage_channels(&self) -> [i64; 4] {
        match self {
            Self::Vovnet(v) => v.stage_out,
            Self::Resnet(_) => [256, 512, 1024, 2048],
        }
    }
}

/// A VoVNet (spec/vovnet.md §1; arXiv 1904.09730 and 1911.06667).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct VovnetSpec {
    /// Channels of the three stem convolutions.
    pub stem: [i64; 3],
    /// Width of the 3x3 convolutions in stages 2 to 5.
    pub stage_conv: [i64; 4],
    /// Width of the 1x1 convolution that closes an OSA module, stages 2 to 5.
    pub stage_out: [i64; 4],
    /// 3x3 convolutions in an OSA module.
    pub layers: usize,
    /// OSA modules in stages 2 to 5.
    pub blocks: [usize; 4],
    /// Where effective squeeze-and-excitation sits.
    pub ese: Ese,
    /// Depthwise-separable 3x3 convolutions (the `dw` variants).
    pub depthwise: bool,
    /// PyTorch or Caffe topology.
    pub form: VovnetForm,
    /// Normalisation after every convolution.
    pub norm: NormSpec,
}

/// Where effective squeeze-and-excitation sits (CenterMask, arXiv 1911.06667 §3.3).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Ese {
    /// VoVNet V1.
    None,
    /// In every OSA module (the V2 reference).
    Every,
    /// In the last module of each stage (timm).
    Last,
}

/// The two published topologies; their parameters have the same shapes (spec/vovnet.md §2.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum VovnetForm {
    /// Third stem convolution with stride 2, identity shortcuts from the second module of a stage on.
    Pytorch,
    /// Third stem convolution with stride 1 and a max pool behind it, no identity: the nets of the paper.
    Caffe,
}

/// A ResNet with bottleneck blocks (arXiv 1512.03385).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ResnetSpec {
    /// Bottleneck blocks per stage: 3, 4, 6, 3 for ResNet-50.
    pub blocks: [usize; 4],
    /// Stride on the first 1x1 convolution (the MSRA weights of Detectron) instead of the 3x3 (torchvision).
    pub stride_in_1x1: bool,
    /// Normalisation after every convolution.
    pub norm: NormSpec,
}

/// A normalisation layer.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct NormSpec {
    /// Which one.
    pub kind: NormKind,
    /// Added to the variance; 0 in maskrcnn-benchmark's FrozenBatchNorm (spec/vovnet.md §3).
    pub eps: f64,
}

impl NormSpec {
    /// BatchNorm, eps 1e-5.
    pub const BATCH: Self = Self { kind: NormKind::Batch, eps: 1e-5 };
    /// Group normalisation with 32 groups, eps 1e-5.
    pub const GROUP: Self = Self { kind: NormKind::Group, eps: 1e-5 };

    /// Frozen BatchNorm with `eps`.
    pub const fn frozen(eps: f64) -> Self {
        Self { kind: NormKind::Frozen, eps }
    }
}

/// The kinds of normalisation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum NormKind {
    /// Trainable BatchNorm with running statistics.
    Batch,
    /// BatchNorm as a constant affine map.
    Frozen,
    /// GroupNorm, 32 groups.
    Group,
}
