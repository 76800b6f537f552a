//! Official weights as data: which files others published, where, and what they reached.
//!
//! An entry is called `MODEL@SOURCE` or, where a source has several files for a model, `MODEL@SOURCE.VARIANT`:
//! `vovnet39@vovnet.pytorch`, `refinedet320_vgg16@refinedet.voc0712`. The part before `@` is a model of this program
//! wherever the file fits one ([`Entry::model`]). The bare name of a model stands for its default entry.

use serde::{Deserialize, Serialize};
use std::sync::LazyLock;

/// The data files, by family.
const FILES: [&str; 4] = [
    include_str!("vovnet.json"),
    include_str!("ssd_family.json"),
    include_str!("torchvision.json"),
    include_str!("timm.json"),
];

/// One published file.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Entry {
    /// `MODEL@SOURCE[.VARIANT]`.
    pub name: String,
    /// Who published it: the part of the name behind `@`, without the variant.
    #[serde(default)]
    pub source: String,
    /// The publisher's page.
    #[serde(default)]
    pub home: String,
    /// The model that it fits; none for networks that are not built here.
    #[serde(default)]
    pub model: Option<String>,
    /// Whose rules the detector follows: `maskrcnn-benchmark`, `detectron2` or `torchvision`.
    #[serde(default)]
    pub dialect: Option<String>,
    /// What is in it.
    pub role: Role,
    /// Whether it is meant when only the model is named.
    #[serde(default)]
    pub default: bool,
    /// The kind of file.
    pub format: FileFormat,
    /// Its name in the cache and on a mirror. Where the publisher's link tells no name (Google Drive, folders on
    /// Dropbox), a name of ours.
    pub file: String,
    /// Where it is published, as it is published.
    pub url: String,
    /// First digits of its SHA-256 in hexadecimal, where the publisher tells them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hash: Option<String>,
    /// Its length in bytes; a rough figure unless `within` is there.
    #[serde(default)]
    pub bytes: Option<u64>,
    /// By how much its length may differ from `bytes`: published sizes are rounded.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub within: Option<u64>,
    /// The short side to which a classifier's images are resized before the central crop, where it is not 256.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub short_side: Option<u32>,
    /// The data and the schedule of its training.
    pub trained_on: String,
    /// What its publisher measured.
    #[serde(default)]
    pub accuracy: Option<Accuracy>,
    /// What else is to be known.
    #[serde(default)]
    pub note: Option<String>,
}

/// What a file holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// A detector with all its heads.
    Detector,
    /// A classifier with its last layer.
    Classifier,
    /// Weights to begin a training with; a classifier's last layer may be missing.
    Backbone,
}

impl Role {
    /// `detector`, `classifier`, `backbone`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Detector => "detector",
            Self::Classifier => "classifier",
            Self::Backbone => "backbone",
        }
    }
}

/// Which program writes such files.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum FileFormat {
    /// PyTorch's `torch.save`.
    Pytorch,
    /// A pickle of numpy arrays.
    Pickle,
    /// Safetensors.
    Safetensors,
    /// A Caffe model, or an archive with one.
    Caffe,
}

/// Published figures, in percent.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Accuracy {
    /// The data that it was measured on.
    pub on: String,
    /// Top-1 accuracy.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub top1: Option<f64>,
    /// Top-5 accuracy.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub top5: Option<f64>,
    /// COCO's AP of boxes (mean over IoU 0.5 to 0.95).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub box_ap: Option<f64>,
    /// The same for small, medium and large objects.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub box_ap_by_size: Option<[f64; 3]>,
    /// COCO's AP of masks.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mask_ap: Option<f64>,
    /// The same for small, medium and large objects.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mask_ap_by_size: Option<[f64; 3]>,
    /// VOC's mAP (IoU 0.5).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub map: Option<f64>,
    /// Panoptic quality.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pq: Option<f64>,
}

impl Accuracy {
    /// The main figures, `box 41.0 mask 36.7`.
    pub fn figures(&self) -> String {
        let figures = [
            ("top-1", self.top1),
            ("top-5", self.top5),
            ("box", self.box_ap),
            ("mask", self.mask_ap),
            ("mAP", self.map),
            ("PQ", self.pq),
        ];
        let known = figures.iter().filter_map(|(name, value)| Some(format!("{name} {:.1}", (*value)?)));
        known.collect::<Vec<_>>().join(" ")
    }
}

impl std::fmt::Display for Accuracy {
    /// The main figures and the data, `box 41.0 mask 36.7 COCO 2014 minival`.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} {}", self.figures(), self.on)
    }
}

/// A publisher and what it published: the form of the data files.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Group {
    source: String,
    home: String,
    entries: Vec<Entry>,
}

static ENTRIES: LazyLock<Vec<Entry>> = LazyLock::new(|| {
    FILES
        .iter()
        // The files are part of the program and a test parses them: this cannot fail in a program that was tested.
        .flat_map(|text| serde_json::from_str::<Vec<Group>>(text).unwrap_or_else(|e| unreachable!("catalogue: {e}")))
        .flat_map(|Group { source, home, entries }| {
            entries.into_iter().map(move |entry| Entry { source: source.clone(), home: home.clone(), ..entry })
        })
        .collect()
});

/// All entries, by source.
pub fn entries() -> &'static [Entry] {
    &ENTRIES
}

/// The entry of this name, or the default entry of the model of this name.
pub fn find(name: &str) -> Option<&'static Entry> {
    entries().iter().find(|entry| entry.name == name).or_else(|| default_of(name, None))
}

/// The entry whose file has this name, wherever it lies.
pub fn of_file(path: &str) -> Option<&'static Entry> {
    let name = std::path::Path::new(path).file_name()?;
    entries().iter().find(|entry| entry.file.as_str() == name)
}

/// The entry that the bare name of a model stands for. With a `dialect`, one that follows it: the default if it does,
/// else the first detector that does.
pub fn default_of(model: &str, dialect: Option<&str>) -> Option<&'static Entry> {
    let fits = |entry: &&Entry| {
        entry.model.as_deref() == Some(model) && dialect.is_none_or(|dialect| entry.dialect.as_deref() == Some(dialect))
    };
    let default = entries().iter().filter(fits).find(|entry| entry.default);
    default.or_else(|| dialect.and_then(|_| entries().iter().find(fits)))
}

/// The name of an entry or of a model nearest to a misspelt one, if it is near enough to be meant.
pub fn closest(name: &str) -> Option<&'static str> {
    let names = entries().iter().map(|entry| entry.name.as_str());
    let models = entries().iter().filter(|entry| entry.default).filter_map(|entry| entry.model.as_deref());
    crate::naming::closest(name, names.chain(models))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;
    use std::collections::HashSet;

    #[test]
    fn names_and_files_are_unique_and_follow_the_scheme() {
        let (mut names, mut files) = (HashSet::new(), HashSet::new());
        for entry in entries() {
            assert!(names.insert(&entry.name), "{}", entry.name);
            // One folder holds all of them, also on file systems that do not tell upper from lower case.
            assert!(files.insert(entry.file.to_lowercase()), "{}", entry.file);
            assert!(entry.file.chars().all(|c| c.is_ascii_alphanumeric() || "._-".contains(c)), "{}", entry.file);
            let (model, rest) = entry.name.split_once('@').unwrap();
            let variant = rest.strip_prefix(entry.source.as_str()).unwrap();
            assert!(variant.is_empty() || variant.starts_with('.') && variant.len() > 1, "{}", entry.name);
            assert!(entry.model.as_deref().is_none_or(|of| of == model), "{}", entry.name);
            assert!(entry.model.is_some() || entry.note.is_some() && !entry.default, "{}: say why", entry.name);
        }
    }

    #[test]
    fn a_model_has_one_default_and_only_complete_weights_are_one() {
        let mut defaults = HashSet::new();
        for entry in entries().iter().filter(|entry| entry.default) {
            assert!(defaults.insert(&entry.model), "{}", entry.name);
            assert_ne!(entry.role, Role::Backbone, "{}", entry.name);
        }
    }

    #[test]
    fn links_are_https_and_hashes_are_those_in_the_file_names() {
        for entry in entries() {
            assert!(entry.url.starts_with("https://") && entry.home.starts_with("https://"), "{}", entry.name);
            let stem = entry.file.trim_end_matches(".pth");
            if let Some(hash) = &entry.hash {
                assert!(hash.len() >= 8 && hash.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f')));
                assert!(stem.ends_with(&format!("-{hash}")) && entry.url.ends_with(&entry.file), "{}", entry.name);
            }
            // The files of these publishers carry their hash (torch.hub, HASH_REGEX).
            let in_name = ["torchvision", "vision-toolbox"].contains(&entry.source.as_str());
            assert_eq!(entry.hash.is_some(), in_name, "{}", entry.name);
            assert!(entry.within.is_none() || entry.bytes.is_some(), "{}", entry.name);
        }
    }

    #[test]
    fn figures_are_percentages() {
        for entry in entries() {
            let Some(a) = &entry.accuracy else { continue };
            let sizes = a.box_ap_by_size.into_iter().chain(a.mask_ap_by_size).flatten();
            let figures: Vec<f64> =
                [a.top1, a.top5, a.box_ap, a.mask_ap, a.map, a.pq].into_iter().flatten().chain(sizes).collect();
            assert!(!figures.is_empty() && figures.iter().all(|v| (10.0..100.0).contains(v)), "{}", entry.name);
        }
    }

    /// Spot checks against the publishers' tables: VoVNet-Detectron's README, torchvision's `_metrics` and `_file_size`
    /// (169.840 MiB), vovnet-detectron2's README.
    #[test]
    fn the_tables_say_what_the_publishers_say() {
        let entry = find("mask_rcnn_vovnet39_fpn").unwrap();
        assert_eq!(entry.name, "mask_rcnn_vovnet39_fpn@vovnet-detectron");
        assert_eq!(entry.url, "https://dl.dropbox.com/s/4xzqyfs1hks39p8/MRCN-V-39-FPN-2x-norm.pth?dl=1");
        assert_eq!(entry.accuracy.as_ref().unwrap().to_string(), "box 41.0 mask 36.7 COCO 2014 minival");
        let entry = find("mask_rcnn_resnet50_fpn").unwrap();
        assert_eq!(entry.hash.as_deref(), Some("bf2d0c1e"));
        assert!(entry.bytes.unwrap().abs_diff((169.84 * 1_048_576.0) as u64) < 1024);
        let entry = find("mask_rcnn_vovnet99_ese_fpn").unwrap();
        assert_eq!(entry.accuracy.as_ref().unwrap().mask_ap_by_size, Some([21.7, 42.8, 56.6]));
    }

    #[test]
    fn a_dialect_chooses_among_the_files_of_a_model() {
        let name = |dialect| default_of("mask_rcnn_resnet50_fpn", dialect).map(|entry| entry.name.as_str());
        assert_eq!(name(None), Some("mask_rcnn_resnet50_fpn@torchvision"));
        assert_eq!(name(Some("detectron2")), Some("mask_rcnn_resnet50_fpn@detectron2"));
        assert_eq!(name(Some("maskrcnn-benchmark")), Some("mask_rcnn_resnet50_fpn@vovnet-detectron"));
        assert!(default_of("vovnet75", None).is_none(), "only a backbone is published");
        assert_eq!(closest("vovnet39@vovnet-pytorch"), Some("vovnet39@vovnet.pytorch"));
        assert_eq!(closest("mask_rcnn_vovnet39_fpm"), Some("mask_rcnn_vovnet39_fpn"));
    }
}
