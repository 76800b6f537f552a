//! Two results side by side: whether they can be compared, and the differences of their figures.

use super::{Class, Delta, Section};
use crate::metrics::coco::{self, FIGURES, Figures, Kind};
use crate::metrics::named::Named;
use crate::metrics::provenance::{FileRef, Provenance};
use crate::metrics::saved;
use crate::metrics::selection::Selection;
use crate::metrics::voc;
use crate::{Error, Result};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::{self, Debug, Display, Formatter};
use std::path::Path;

/// A result of either metric.
pub enum Saved {
    /// COCO's.
    Coco(Box<coco::Report>),
    /// VOC's.
    Voc(Box<voc::Report>),
}

impl Saved {
    /// Reads the result of an evaluation.
    ///
    /// # Errors
    /// When the file is no such result.
    pub fn read(path: &Path) -> Result<Self> {
        let value: Value = saved::read(path)?;
        if value.is_array() {
            return Err(Error::Detections { path: path.to_path_buf() });
        }
        // Read as what it is from the text: a `Value` does not keep the order of the classes.
        match value.get("map_2007") {
            Some(_) => saved::read(path).map(Self::Voc),
            None => saved::read(path).map(Self::Coco),
        }
    }
}

/// What two results must have in common.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Difference {
    /// The file of annotations.
    Annotations,
    /// The list of a VOC folder.
    Split,
    /// The images that were looked at.
    Images,
    /// The images that could not be.
    LeftOut,
    /// The classes.
    Classes,
    /// The objects.
    Objects,
    /// Most detections per image.
    MaxDets,
    /// Whose size a detected mask has.
    MaskAreas,
    /// The least score.
    MinScore,
    /// The overlap that counts.
    IouThreshold,
}

impl Display for Difference {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Annotations => "annotations",
            Self::Split => "split",
            Self::Images => "images",
            Self::LeftOut => "images that were left out",
            Self::Classes => "classes",
            Self::Objects => "objects",
            Self::MaxDets => "most detections per image",
            Self::MaskAreas => "sizes of detected masks",
            Self::MinScore => "least score",
            Self::IouThreshold => "overlap",
        })
    }
}

/// What two results may differ in, whether it is the same, and how each has it.
type Shared = (Difference, bool, [String; 2]);

fn shared<T: PartialEq + Debug>(what: Difference, values: [T; 2]) -> Shared {
    (what, values[0] == values[1], values.map(|value| format!("{value:?}")))
}

fn check(paths: [&Path; 2], list: Vec<Shared>) -> Result<()> {
    match list.into_iter().find(|(_, same, _)| !same) {
        Some((differ, _, values)) => Err(Error::Differ { paths: paths.map(Into::into), differ, values }),
        None => Ok(()),
    }
}

fn content(file: &FileRef) -> String {
    let hash =
        file.sha256.as_ref().map_or_else(String::new, |hash| format!(", sha256 {}…", &hash[..hash.len().min(12)]));
    format!("{}{hash}", file.path.display())
}

fn left_out(provenance: &Provenance) -> BTreeSet<String> {
    provenance.left_out.iter().map(ToString::to_string).collect()
}

fn images(selections: [&Selection; 2], counts: [usize; 2]) -> Shared {
    let show = |which: usize| {
        let Selection { limit, shard } = selections[which];
        let limit = limit.map_or_else(String::new, |n| format!(", the first {n}"));
        let shard = shard.map_or_else(String::new, |shard| format!(", share {shard}"));
        format!("{}{limit}{shard}", counts[which])
    };
    (Difference::Images, selections[0] == selections[1] && counts[0] == counts[1], [0, 1].map(show))
}

fn least_score(scores: [Option<f64>; 2]) -> Shared {
    let show = |score: Option<f64>| score.map_or_else(|| "none".into(), |score| score.to_string());
    (Difference::MinScore, scores[0] == scores[1], scores.map(show))
}

fn names<'a>(names: impl Iterator<Item = &'a str>) -> String {
    const SHOWN: usize = 5;
    let names: Vec<_> = names.collect();
    match names.len() {
        0..=SHOWN => names.join(", "),
        n => format!("{}, … {n} in all", names[..SHOWN].join(", ")),
    }
}

fn known(value: f64) -> Option<f64> {
    (value >= 0.0).then_some(value)
}

/// Differences of COCO's figures, of the kinds that both results have.
///
/// # Errors
/// When the results are not of the same data set, images, classes and protocol, or have no kind in common.
pub fn coco(a: &coco::Report, b: &coco::Report, paths: [&Path; 2]) -> Result<Vec<Section>> {
    let both = [a, b];
    let files = both.map(|report| &report.provenance.annotations);
    let same_content = match files.map(|file| file.sha256.as_ref()) {
        [Some(a), Some(b)] => a == b,
        _ => files[0].path == files[1].path,
    };
    let ids = both.map(|report| report.per_class.iter().map(|(_, class)| class.id).collect::<BTreeSet<_>>());
    let classes = both.map(|report| names(report.per_class.iter().map(|(name, _)| name)));
    let protocols = both.map(|report| &report.protocol);
    check(
        paths,
        vec![
            (Difference::Annotations, same_content, files.map(content)),
            (Difference::Classes, ids[0] == ids[1], classes),
            images(protocols.map(|protocol| &protocol.selection), both.map(|report| report.counts.images)),
            shared(Difference::LeftOut, both.map(|report| left_out(&report.provenance))),
            shared(Difference::Objects, both.map(|report| report.counts.objects)),
            shared(Difference::MaxDets, protocols.map(|protocol| protocol.max_dets)),
            shared(Difference::MaskAreas, protocols.map(|protocol| protocol.mask_areas)),
            least_score(protocols.map(|protocol| protocol.min_score)),
        ],
    )?;
    let sections: Vec<_> = [(Kind::Bbox, "bbox"), (Kind::Segm, "segm")]
        .into_iter()
        .filter_map(|(kind, name)| section(name, kind, a, b))
        .collect();
    if sections.is_empty() {
        return Err(Error::NothingInCommon { paths: paths.map(Into::into) });
    }
    Ok(sections)
}

fn section(name: &'static str, kind: Kind, a: &coco::Report, b: &coco::Report) -> Option<Section> {
    let deltas = |a: Figures, b: Figures| -> Vec<Delta> {
        let figure = |i: usize| Delta::new(FIGURES[i].name, known(a[i]), known(b[i]));
        (0..FIGURES.len()).map(figure).collect()
    };
    // Other programs sort the classes of a JSON object by name; here they have the order of their ids.
    let others: BTreeMap<_, _> = b.per_class.iter().map(|(_, class)| (class.id, class)).collect();
    let mut pairs: Vec<_> = a.per_class.iter().filter_map(|(name, a)| Some((name, a, *others.get(&a.id)?))).collect();
    pairs.sort_by_key(|(_, a, _)| a.id);
    let classes = pairs.into_iter().map(|(name, a, b)| {
        let figures = deltas(a.figures(kind).unwrap_or([-1.0; 12]), b.figures(kind).unwrap_or([-1.0; 12]));
        (name.to_owned(), Class { objects: a.objects, figures })
    });
    let figures = deltas(a.figures(kind)?, b.figures(kind)?);
    Some(Section { kind: name, figures, per_class: Named::new(classes, |name, _| name.to_owned()) })
}

/// Differences of VOC's figures.
///
/// # Errors
/// When the results are not of the same data set, images, classes and protocol.
pub fn voc(a: &voc::Report, b: &voc::Report, paths: [&Path; 2]) -> Result<Section> {
    let both = [a, b];
    let protocols = both.map(|report| &report.protocol);
    let split = |report: &voc::Report| report.protocol.split.clone().unwrap_or_else(|| "all annotations".into());
    let classes = both.map(|report| report.per_class.iter().map(|(name, _)| name).collect::<BTreeSet<_>>());
    // A folder has no hash, and may have moved: the objects tell whether it is the same.
    let objects = both.map(|report| {
        let each = report.per_class.iter().map(|(name, class)| (name, class.objects, class.difficult));
        each.collect::<BTreeSet<_>>()
    });
    let counts = both.map(|report| {
        let voc::Counts { objects, difficult, .. } = report.counts;
        format!("{objects} and {difficult} difficult in {}", report.provenance.annotations.path.display())
    });
    check(
        paths,
        vec![
            (Difference::Split, split(a) == split(b), both.map(split)),
            images(protocols.map(|protocol| &protocol.selection), both.map(|report| report.counts.images)),
            shared(Difference::LeftOut, both.map(|report| left_out(&report.provenance))),
            (Difference::Classes, classes[0] == classes[1], classes.map(|list| names(list.into_iter()))),
            (Difference::Objects, objects[0] == objects[1], counts),
            shared(Difference::IouThreshold, protocols.map(|protocol| protocol.iou_threshold)),
            least_score(protocols.map(|protocol| protocol.min_score)),
        ],
    )?;
    let per_class = a.per_class.iter().filter_map(|(name, a)| {
        let b = b.per_class.get(name)?;
        let figures = vec![Delta::new("ap_2007", a.ap_2007, b.ap_2007), Delta::new("ap_area", a.ap_area, b.ap_area)];
        Some((name.to_owned(), Class { objects: a.objects, figures }))
    });
    Ok(Section {
        kind: "voc",
        figures: vec![Delta::new("map_2007", a.map_2007, b.map_2007), Delta::new("map_area", a.map_area, b.map_area)],
        per_class: Named::new(per_class, |name, _| name.to_owned()),
    })
}
