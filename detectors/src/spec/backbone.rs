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
    /// DenseNet-BC.
    Densenet(DensenetSpec),
    /// DSOD's own DenseNet.
    Dsod(DsodSpec),
    /// PeleeNet.
    Peleenet(PeleenetSpec),
    /// MobileNet V1.
    Mobilenet(MobilenetSpec),
    /// MobileNet V2.
    MobilenetV2(MobilenetV2Spec),
    /// MobileNet V3 large, as SSDLite cuts it.
    MobilenetV3(MobilenetV3Spec),
    /// VGG-16 with its fully connected layers made convolutions.
    Vgg(VggSpec),
}

impl BackboneSpec {
    /// The normalisation of every layer; VGG has none.
    pub fn norm(&self) -> Option<NormSpec> {
        self.clone().norm_mut().map(|norm| *norm)
    }

    /// The normalisation, to be changed.
    pub fn norm_mut(&mut self) -> Option<&mut NormSpec> {
        Some(match self {
            Self::Vovnet(v) => &mut v.norm,
            Self::Resnet(r) => &mut r.norm,
            Self::Densenet(d) => &mut d.norm,
            Self::Dsod(d) => &mut d.norm,
            Self::Peleenet(p) => &mut p.norm,
            Self::Mobilenet(m) => &mut m.norm,
            Self::MobilenetV2(m) => &mut m.norm,
            Self::MobilenetV3(m) => &mut m.norm,
            Self::Vgg(_) => return None,
        })
    }
}

/// A VoVNet (docs/reference/vovnet.md §1; arXiv 1904.09730 and 1911.06667).
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
    /// A 1x1 convolution of half the stage width before every 3x3 (Table 3 of arXiv 1904.09730).
    #[serde(default)]
    pub bottleneck: bool,
    /// PyTorch or Caffe topology.
    pub form: Form,
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

/// Published topologies of a backbone; their parameters have the same shapes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Form {
    /// VoVNet (docs/reference/vovnet.md §2.2): third stem convolution with stride 2, identity shortcuts from the second
    /// module of a stage on. Others: pools round down or are padded, as torchvision's.
    #[default]
    Pytorch,
    /// VoVNet: third stem convolution with stride 1 and a max pool behind it, no identity: the nets of the paper.
    /// Others: pools round up and are not padded.
    Caffe,
    /// VoVNet as vision-toolbox trained it: a stem of stride 2, a padded max pool in front of every stage, identity
    /// shortcuts wherever a module keeps its channels. Others: as `pytorch`.
    Toolbox,
}

/// A ResNet with bottleneck blocks (arXiv 1512.03385).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ResnetSpec {
    /// Bottleneck blocks per stage: 3, 4, 6, 3 for ResNet-50.
    pub blocks: [usize; 4],
    /// Stride on the first 1x1 convolution (the MSRA weights of Detectron) instead of the 3x3 (torchvision).
    pub stride_in_1x1: bool,
    /// How the stem pools.
    #[serde(default)]
    pub form: Form,
    /// Normalisation after every convolution.
    pub norm: NormSpec,
}

/// A DenseNet-BC (arXiv 1608.06993).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct DensenetSpec {
    /// Channels of the stem.
    pub stem: i64,
    /// Channels that a dense layer adds.
    pub growth: i64,
    /// Dense layers per block.
    pub blocks: [usize; 4],
    /// How the stem pools.
    pub form: Form,
    /// Normalisation.
    pub norm: NormSpec,
}

/// DSOD's backbone (arXiv 1708.01241; docs/reference/dsod.md §1.1), named by its stem, bottleneck and growth:
/// DS/64-192-48-1.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct DsodSpec {
    /// Channels of the stem's first convolutions; the third has twice as many.
    pub stem: i64,
    /// Channels of the 1x1 convolution in a dense layer.
    pub bottleneck: i64,
    /// Channels that a dense layer adds.
    pub growth: i64,
    /// Whether the second feature is `[reduced, side]`, as in Caffe, or the other way round (docs/reference/dsod.md
    /// §1.9).
    pub side_last: bool,
    /// Normalisation.
    pub norm: NormSpec,
}

/// PeleeNet (arXiv 1804.06882; docs/reference/pelee_mobilenet_cifar.md §1.1).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PeleenetSpec {
    /// How the transitions pool.
    pub form: Form,
    /// Normalisation: eps 1e-5 for ImageNet, 1e-3 in the published detector.
    pub norm: NormSpec,
}

/// MobileNet V1 with width 1 (arXiv 1704.04861; docs/reference/pelee_mobilenet_cifar.md §2.1).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct MobilenetSpec {
    /// ReLU6 (timm) instead of ReLU.
    pub relu6: bool,
    /// Normalisation.
    pub norm: NormSpec,
}

/// MobileNet V2 with width 1 (arXiv 1801.04381).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct MobilenetV2Spec {
    /// Normalisation.
    pub norm: NormSpec,
}

/// MobileNet V3 large (arXiv 1905.02244) with the halved tail of torchvision's SSDLite.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct MobilenetV3Spec {
    /// Normalisation.
    pub norm: NormSpec,
}

/// VGG-16 (arXiv 1409.1556), reduced as SSD and RefineDet do.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct VggSpec {
    /// Dilation (and padding) of fc6: 6 in SSD, behind a pool of stride 1; 3 in RefineDet, behind one of stride 2.
    pub reduced: VggReduction,
    /// Pools that round up: all in Caffe, the third in the PyTorch forms.
    pub form: Form,
}

/// How VGG's fully connected layers became convolutions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum VggReduction {
    /// Last pool 3x3 with stride 1, dilation 6.
    Ssd,
    /// Last pool 2x2 with stride 2, dilation 3.
    RefineDet,
}

/// A normalisation layer.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct NormSpec {
    /// Which one.
    pub kind: NormKind,
    /// Added to the variance; 0 in maskrcnn-benchmark's FrozenBatchNorm (docs/reference/vovnet.md §3).
    pub eps: f64,
    /// Share of a training batch in the running statistics of a BatchNorm.
    #[serde(default = "usual_momentum", skip_serializing_if = "is_usual_momentum")]
    pub momentum: f64,
}

/// torch's default; most references leave it.
const MOMENTUM: f64 = 0.1;

fn usual_momentum() -> f64 {
    MOMENTUM
}

fn is_usual_momentum(momentum: &f64) -> bool {
    *momentum == MOMENTUM
}

impl NormSpec {
    /// BatchNorm, eps 1e-5.
    pub const BATCH: Self = Self::batch(1e-5);
    /// Group normalisation with 32 groups, eps 1e-5.
    pub const GROUP: Self = Self::new(NormKind::Group, 1e-5);

    /// This kind with `eps`, and torch's momentum.
    pub const fn new(kind: NormKind, eps: f64) -> Self {
        Self { kind, eps, momentum: MOMENTUM }
    }

    /// Frozen BatchNorm with `eps`.
    pub const fn frozen(eps: f64) -> Self {
        Self::new(NormKind::Frozen, eps)
    }

    /// BatchNorm with `eps`.
    pub const fn batch(eps: f64) -> Self {
        Self::new(NormKind::Batch, eps)
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
    /// None: the convolution has a bias into which a norm was merged (Caffe's deployed files).
    Merged,
}
