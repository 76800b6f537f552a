//! Which name a parameter has where.
//!
//! A network of this workspace calls its parameters by their *canonical* names:
//!
//! * backbones and classifiers: the keys of VoVNet's reference code
//!   (`stage3.OSA3_1.layers.0.OSA3_1_0/conv.weight`) and of torchvision's ResNet
//!   (`layer1.0.downsample.1.running_mean`);
//! * Mask R-CNN and its relatives: torchvision's newest keys, with the backbone behind
//!   `backbone.body.`;
//! * detectors in one stage: names of our own, with the backbone behind `backbone.`, in the table below.
//!
//! In the second column, `norm` stands for `weight`, `bias`, `running_mean`, `running_var`, `param` for
//! `weight`, `bias`; `conv.param` is `conv.weight` alone where a norm follows.
//!
//! | network | canonical names |
//! |---|---|
//! | VGG-16 | `conv{1-5}_{1-3}.conv.param`, `fc{6,7}.conv.param` |
//! | MobileNet V1 | `features.conv0.{conv.param, norm.norm}`, `features.conv{1-13}.{dw, pw}.{conv.param, norm.norm}` |
//! | PeleeNet | its reference code's: `features.stemblock.stem2a.conv.weight`, … |
//! | RefineDet | `extras.0.{branch1, branch2a, branch2b, branch2c}.{conv.param, norm.norm}` or `extras.0.{squeeze, expand}.conv.param`; `norm.{0,1}.weight`; `tcb.{tl3_1, tl3_2, p3, up4, …}.{conv.param, norm.norm}`; `{arm, odm}.inter.{0-3}.{branch1, …}.{conv.param, norm.norm}`, `{arm, odm}.{loc, conf}.{0-3}.param` |
//! | DSOD | `backbone.stem{1-3}`, `backbone.block{1-4}.{0-}.{brc1, brc2}`, `backbone.transition{1-3}`, `backbone.{reduce, side}`, `extras.{0-3}.{pool, conv1, conv2}`, `{loc, conf}.{0-5}`, each `.{conv.param, norm.norm}`; `norm.{0-5}.weight` |
//! | SSD on VGG, MobileNet | `extras.{0-}.{squeeze, expand}.{conv.param, norm.norm}`; `norm.0.weight`; `{loc, conf}.{0-}.param` |
//! | Pelee | `extras.{0-2}.{squeeze, expand}.conv.param`, `inter.{0-4}.{branch1, branch2a, branch2b, branch2c}.{conv.param, norm.norm}`, `{loc, conf}.{0-5}.param` |
//! | face masks (AIZOO) | `backbone.conv2d_{0-7}.conv.param`, `{loc, conf}_insert.{0-4}.conv.param`, `{loc, conf}.{0-4}.param` |
//!
//! The numbers of sources count from the finest map.
//!
//! Weight files of other projects have other names for the same things. A [`Naming`] knows one
//! project's names and translates whole sets of keys, since some names only have a meaning beside
//! others: detectron2's `box_head.fc1` is `box_head.fc6` in a head of two linear layers and
//! `box_head.5` behind four convolutions. [`rebase_body`] moves a backbone's names in and out of
//! a detector.
//!
//! Sources: docs/reference/vovnet.md §4 and §7.6, docs/reference/mask_rcnn.md §1, docs/reference/checkpoints.md §4; for
//! Caffe docs/reference/refinedet.md §4 and §5, docs/reference/dsod.md §1.3, docs/reference/pelee_mobilenet_cifar.md §1
//! and §2.

mod body;
mod dsod;
mod heads;
mod hints;
mod pattern;
mod rules;
mod tables;

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use strum::{IntoStaticStr, VariantArray};

pub use body::{DETECTOR_BODY, ONE_STAGE_BODY, body_prefix, rebase_body};
pub use hints::{closest, is_ignorable};
use rules::{Direction, Rules, is_canonical};

/// A project's way of naming parameters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, VariantArray, IntoStaticStr)]
#[serde(rename_all = "kebab-case")]
#[strum(serialize_all = "kebab-case")]
pub enum Naming {
    /// The canonical names themselves: torchvision's newest generation and VoVNet's reference.
    Torchvision,
    /// torchvision's detectors before version 2 of their modules: the `*_coco` files of 2019.
    TorchvisionLegacy,
    /// maskrcnn-benchmark and its forks, VoVNet-Detectron among them.
    MaskrcnnBenchmark,
    /// detectron2 and its extensions, vovnet-detectron2 among them.
    Detectron2,
    /// timm's `vovnet` models.
    Timm,
    /// gau-nernst's vision-toolbox: its VoVNets.
    VisionToolbox,
    /// luuuyi's RefineDet.
    Luuuyi,
    /// uoip's DSOD.
    Uoip,
    /// Caffe's layers, as [`Checkpoint::folded`](crate::Checkpoint::folded) names their tensors: VoVNet,
    /// RefineDet, DSOD, SSD, Pelee.
    Caffe,
}

/// A word that is no naming's name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("there is no naming {0:?}: use one of {names}", names = names())]
pub struct UnknownNaming(pub String);

/// The names of all namings, for a message.
fn names() -> String {
    Naming::ALL.iter().map(|naming| naming.name()).collect::<Vec<_>>().join(", ")
}

impl Naming {
    /// Every naming; the canonical one first.
    pub const ALL: &'static [Naming] = Naming::VARIANTS;

    /// The name in files and on the command line, for example `maskrcnn-benchmark`.
    pub fn name(self) -> &'static str {
        self.into()
    }

    /// The naming that most keys of a file speak, or nothing if none knows at least half of them
    /// (another family of networks: use its names as they are).
    ///
    /// Keys that several namings share decide nothing, so a bare VoVNet is [`Naming::Torchvision`].
    pub fn detect<'a>(keys: impl Iterator<Item = &'a str>) -> Option<Naming> {
        let keys: Vec<&str> = keys.collect();
        let canonical: Vec<bool> = keys.iter().map(|key| is_canonical(key)).collect();
        let mut best = (None, 0, 0);
        for &naming in Naming::ALL {
            let renamed = naming.translate(&keys, Direction::ToCanonical);
            let renames = renamed.iter().flatten().count();
            let knows =
                renamed.iter().zip(&canonical).filter(|(renamed, canonical)| renamed.is_some() || **canonical).count();
            if (knows, renames) > (best.1, best.2) {
                best = (Some(naming), knows, renames);
            }
        }
        let (naming, knows, _) = best;
        naming.filter(|_| 2 * knows >= keys.len())
    }

    /// The canonical name of each key of one file.
    ///
    /// A key that is canonical already is kept, whatever the naming: files mix. For
    /// [`Naming::Torchvision`] every other key is kept, so that networks without tables here load
    /// by their own names. `None` is a key that this naming does not know: a part
    /// that no network here has, or a name of another project.
    pub fn to_canonical(self, keys: &[&str]) -> Vec<Option<String>> {
        let mut names = self.translate(keys, Direction::ToCanonical);
        for (name, key) in names.iter_mut().zip(keys) {
            if name.is_none() && (self == Naming::Torchvision || is_canonical(key)) {
                *name = Some((*key).to_owned());
            }
        }
        names
    }

    /// The names of one network's canonical keys in this naming. What the naming has no other
    /// name for keeps its canonical one.
    pub fn from_canonical(self, keys: &[&str]) -> Vec<String> {
        self.translate(keys, Direction::FromCanonical)
            .into_iter()
            .zip(keys)
            .map(|(name, key)| name.unwrap_or_else(|| (*key).to_owned()))
            .collect()
    }

    fn translate(self, keys: &[&str], direction: Direction) -> Vec<Option<String>> {
        let mut names = self.rules().translate(keys, direction);
        if self == Naming::Caffe {
            dsod::fill(keys, &mut names, direction);
        }
        names
    }

    fn rules(self) -> &'static Rules {
        match self {
            Naming::Torchvision => &rules::TORCHVISION,
            Naming::TorchvisionLegacy => &rules::TORCHVISION_LEGACY,
            Naming::MaskrcnnBenchmark => &rules::MASKRCNN_BENCHMARK,
            Naming::Detectron2 => &rules::DETECTRON2,
            Naming::Timm => &rules::TIMM,
            Naming::VisionToolbox => &rules::VISION_TOOLBOX,
            Naming::Luuuyi => &rules::LUUUYI,
            Naming::Uoip => &rules::UOIP,
            Naming::Caffe => &rules::CAFFE,
        }
    }
}

impl fmt::Display for Naming {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl FromStr for Naming {
    type Err = UnknownNaming;

    fn from_str(text: &str) -> Result<Naming, UnknownNaming> {
        Naming::ALL.iter().copied().find(|naming| naming.name() == text).ok_or_else(|| UnknownNaming(text.to_owned()))
    }
}
