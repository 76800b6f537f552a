//! The tables of names: data only. `pattern` explains the holes, `rules` applies the rows.
//!
//! A row is (canonical, foreign). What a naming calls as we do has no row. Where several rows fit
//! a key, the first one counts.
//! Sources: docs/reference/vovnet.md §4 and §7.6, docs/reference/mask_rcnn.md §1; torchvision 0.26, timm 1.0.31; for
//! Caffe see there.

mod caffe;
mod canonical;
mod detectron2;
mod maskrcnn_benchmark;
mod one_stage;
mod timm;
mod torchvision_legacy;
mod vision_toolbox;

pub(super) use caffe::CAFFE;
pub(super) use canonical::{CANONICAL_BODY, CANONICAL_DETECTOR, CANONICAL_SINGLE_STAGE};
pub(super) use detectron2::DETECTRON2;
pub(super) use maskrcnn_benchmark::MASKRCNN_BENCHMARK;
pub(super) use one_stage::{LUUUYI, TORCHVISION_SSD, UOIP};
pub(super) use timm::TIMM;
pub(super) use torchvision_legacy::TORCHVISION_LEGACY;
pub(super) use vision_toolbox::VISION_TOOLBOX;

/// Rows of names that live in one place and hold on one condition.
pub(super) struct Table {
    /// Where the names live.
    pub part: Part,
    /// When the rows hold.
    pub when: When,
    /// (canonical, foreign).
    pub rows: &'static [(&'static str, &'static str)],
}

/// Where the names of a table live.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Part {
    /// In a backbone: bare, or behind any of the naming's prefixes.
    Body,
    /// In a detector, as written.
    Detector,
    /// In a detector's backbone: behind `backbone.` canonically, as written in the file.
    DetectorBody,
}

/// A name may mean two things; which one shows in another key of the same set, given as
/// (canonical, foreign).
pub(super) enum When {
    Always,
    With(&'static (&'static str, &'static str)),
    Without(&'static (&'static str, &'static str)),
}
