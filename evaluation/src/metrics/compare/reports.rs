//! Two results side by side: whether they can be compared, and the differences of their figures.

use super::{Class, Delta, Section};
use crate::metrics::coco::{self, FIGURES, Figures, Kind};
use crate::metrics::named::Named;
use crate::metrics::provenance::{FileRef, Provenance};
use crate::metrics::saved;
use crate::metrics::selection::Selection;
use crate::metrics::voc;
use anyhow::{Result, bail};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Debug;
use std::path::Path;

/// A result of either metric.
pub enum Saved {
    /// COCO's.
    Coco(Box<coco::Report>),
    /// VOC's.
    Voc(Box<voc::Report>),
}

impl Saved {
    /// Reads what `vovdet eval coco|voc --json` printed.
    ///
    /// # Errors
    /// When the file is no such result.
    pub fn read(path: &Path) -> Result<Self> {
        let value: Value = saved::read(path)?;
        if value.is_array() {
            bail!(
                "{} is a list and no result of `vovdet eval --json`; detections are to be scored first, with `vovdet eval`",
                path.display()
            );
        }
        // Read as what it is from the text: a `Value` does not keep the order of the classes.
        match value.get("map_2007") {
            Some(_) => saved::read(path).map(Self::Voc),
            None => saved::read(path).map(Self::Coco),
        }
    }
}

/// What two results may differ in: its name, whether it is the same, and how each has it.
type Shared<'a> = (&'a str, bool, [String; 2]);

fn shared<T: PartialEq + Debug>(what: &str, values: [T; 2]) -> Shared<'_> {
    (what, values[0] == values[1], values.map(|value| format!("{value:?}")))
}

fn check(paths: [&Path; 2], list: &[Shared]) -> Result<()> {
    let [first, second] = paths.map(Path::display);
    if let Some((what, _, [a, b])) = list.iter().find(|(_, same, _)| !same) {
        bail!("{first} and {second} cannot be compared: they differ in their {what} ({a} and {b})");
    }
    Ok(())
}

fn content(file: &FileRef) -> String {
    let hash =
        file.sha256.as_ref().map_or_else(String::new, |hash| format!(", sha256 {}…", &hash[..hash.len().min(12)]));
    format!("{}{hash}", file.path.display())
}

fn left_out(provenance: &Provenance) -> BTreeSet<String> {
    provenance.left_out.iter().map(ToString::to_string).collect()
}

fn images(selections: [&Selection; 2], counts: [usize; 2]) -> Shared<'static> {
    let show = |which: usize| {
        let Selection { limit, shard } = selections[which];
        let limit = limit.map_or_else(String::new, |n| format!(", the first {n}"));
        let shard = shard.map_or_else(String::new, |shard| format!(", share {shard}"));
        format!("{}{limit}{shard}", counts[which])
    };
    ("images", selections[0] == selections[1] && counts[0] == counts[1], [0, 1].map(show))
}

fn least_score(scores: [Option<f64>; 2]) -> Shared<'static> {
    let show = |score: Option<f64>| score.map_or_else(|| "none".into(), |score| score.to_string());
    ("least score, --min-score", scores[0] == scores[1], scores.map(show))
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
        &[
            ("annotations", same_content, files.map(content)),
            ("classes", ids[0] == ids[1], classes),
            images(protocols.map(|protocol| &protocol.selection), both.map(|report| report.counts.images)),
            shared("images that were left out", both.map(|report| left_out(&report.provenance))),
            shared("number of objects", both.map(|report| report.counts.objects)),
            shared("most detections per image, --max-dets", protocols.map(|protocol| protocol.max_dets)),
            shared("sizes of detected masks, --mask-areas", protocols.map(|protocol| protocol.mask_areas)),
            least_score(protocols.map(|protocol| protocol.min_score)),
        ],
    )?;
    let sections: Vec<_> = [(Kind::Bbox, "bbox"), (Kind::Segm, "segm")]
        .into_iter()
        .filter_map(|(kind, name)| section(name, kind, a, b))
        .collect();
    if sections.is_empty() {
        let [first, second] = paths.map(Path::display);
        bail!("{first} and {second} cannot be compared: one has figures of boxes, the other of masks");
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
        &[
            ("split", split(a) == split(b), both.map(split)),
            images(protocols.map(|protocol| &protocol.selection), both.map(|report| report.counts.images)),
            shared("images that were left out", both.map(|report| left_out(&report.provenance))),
            ("classes", classes[0] == classes[1], classes.map(|list| names(list.into_iter()))),
            ("objects", objects[0] == objects[1], counts),
            shared("overlap, --iou-threshold", protocols.map(|protocol| protocol.iou_threshold)),
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
