//! Two results side by side: whether they can be compared, and the differences of their figures.

use super::{Class, Delta, Section};
use crate::metrics::coco::{self, FIGURES, Figures, Kind};
use crate::metrics::named::Named;
use crate::metrics::provenance::FileRef;
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

/// What two results have that may differ: its name, and what each says.
struct Same<'a>(&'a str, String, String);

fn same<T: Debug>(what: &'static str, a: T, b: T) -> Same<'static> {
    Same(what, format!("{a:?}"), format!("{b:?}"))
}

fn check(paths: [&Path; 2], list: &[Same]) -> Result<()> {
    let [first, second] = paths.map(Path::display);
    if let Some(Same(what, a, b)) = list.iter().find(|Same(_, a, b)| a != b) {
        bail!("{first} and {second} cannot be compared: they differ in their {what} ({a} and {b})");
    }
    Ok(())
}

fn content(file: &FileRef) -> String {
    let hash =
        file.sha256.as_ref().map_or_else(String::new, |hash| format!(", sha256 {}…", &hash[..hash.len().min(12)]));
    format!("{}{hash}", file.path.display())
}

fn images(selection: &Selection, count: usize) -> String {
    let limit = selection.limit.map_or_else(String::new, |n| format!(", the first {n}"));
    let shard = selection.shard.map_or_else(String::new, |shard| format!(", share {shard}"));
    format!("{count}{limit}{shard}")
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
    let [ours, theirs] = [a, b].map(|report| (&report.protocol, &report.provenance.annotations, &report.counts));
    let hashes = [ours.1, theirs.1].map(|file| file.sha256.clone());
    let different = if hashes[0].is_some() && hashes[0] == hashes[1] {
        (String::new(), String::new())
    } else {
        (content(ours.1), content(theirs.1))
    };
    let ids = |report: &coco::Report| report.per_class.iter().map(|(_, class)| class.id).collect::<BTreeSet<_>>();
    let classes = |report: &coco::Report| names(report.per_class.iter().map(|(name, _)| name));
    let all_classes = match ids(a) == ids(b) {
        true => (String::new(), String::new()),
        false => (classes(a), classes(b)),
    };
    check(
        paths,
        &[
            Same("annotations", different.0, different.1),
            Same("classes", all_classes.0, all_classes.1),
            Same("images", images(&ours.0.selection, ours.2.images), images(&theirs.0.selection, theirs.2.images)),
            same("objects", ours.2.objects, theirs.2.objects),
            same("most detections per image", ours.0.max_dets, theirs.0.max_dets),
            same("sizes of detected masks, --mask-areas", ours.0.mask_areas, theirs.0.mask_areas),
            same("least score, --min-score", ours.0.min_score, theirs.0.min_score),
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
    let [ours, theirs] = [a, b].map(|report| (&report.protocol, &report.counts));
    let classes =
        |report: &voc::Report| report.per_class.iter().map(|(name, _)| name.to_owned()).collect::<BTreeSet<_>>();
    let split = |report: &voc::Report| report.protocol.split.clone().unwrap_or_else(|| "all annotations".into());
    // A folder has no hash, and may have moved: the objects tell whether it is the same.
    let objects = |report: &voc::Report| {
        let root = report.provenance.annotations.path.display();
        let each = report
            .per_class
            .iter()
            .map(|(name, class)| (name.to_owned(), class.objects, class.difficult))
            .collect::<BTreeSet<_>>();
        (each, format!("{} and {} difficult in {root}", report.counts.objects, report.counts.difficult))
    };
    let [mine, yours] = [objects(a), objects(b)];
    let objects = if mine.0 == yours.0 { (String::new(), String::new()) } else { (mine.1, yours.1) };
    check(
        paths,
        &[
            Same("split", split(a), split(b)),
            Same("images", images(&ours.0.selection, ours.1.images), images(&theirs.0.selection, theirs.1.images)),
            Same("classes", names(classes(a).iter().map(String::as_str)), names(classes(b).iter().map(String::as_str))),
            Same("objects", objects.0, objects.1),
            same("overlap, --iou-threshold", ours.0.iou_threshold, theirs.0.iou_threshold),
            same("least score, --min-score", ours.0.min_score, theirs.0.min_score),
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
