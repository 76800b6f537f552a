//! The result of an evaluation as it is written to JSON, and as it is read again to be compared or merged.

use super::{Counts, Evaluation, FIGURES, Figures, Kind, Options};
use crate::Result;
use crate::metrics::named::Named;
use crate::metrics::provenance::Provenance;
use crate::metrics::selection::Selection;
use serde::{Deserialize, Serialize, Serializer};
use std::collections::HashMap;
use vovdet_datasets::category::CategoryId;
use vovdet_datasets::coco::{CocoData, Results};

/// What was asked for.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Protocol {
    /// What was compared.
    pub iou: Vec<Kind>,
    /// Most detections per image and category.
    pub max_dets: [usize; 3],
    /// The categories, by name or id; all when empty.
    pub classes: Vec<String>,
    /// Whether the size of a detected object is that of its mask.
    pub mask_areas: bool,
    /// Detections below it were left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub min_score: Option<f64>,
    /// Which images.
    #[serde(flatten)]
    pub selection: Selection,
}

/// The result of an evaluation.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Report {
    /// The 12 figures of boxes in pycocotools' order; -1 for one that nothing can be said about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bbox: Option<Figures>,
    /// The 12 figures of masks.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub segm: Option<Figures>,
    /// The same figures by their names: `{"bbox": {"AP": …, "AP50": …}, …}`.
    #[serde(default, skip_deserializing)]
    pub by_name: ByName,
    /// How much was evaluated.
    pub counts: Counts,
    /// Every category by name, in the order of their ids.
    pub per_class: Named<ClassReport>,
    /// How it was evaluated.
    pub protocol: Protocol,
    /// What it was made from.
    pub provenance: Provenance,
}

/// The figures of boxes and masks by name.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct ByName {
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "by_name")]
    bbox: Option<Figures>,
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "by_name")]
    segm: Option<Figures>,
}

fn by_name<S: Serializer>(figures: &Option<Figures>, serializer: S) -> Result<S::Ok, S::Error> {
    let names = FIGURES.iter().map(|figure| figure.name);
    serializer.collect_map(figures.iter().flat_map(|figures| names.clone().zip(figures)))
}

/// The figures of one category.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ClassReport {
    /// The category's id.
    pub id: CategoryId,
    /// Objects of it, crowds not counted.
    pub objects: usize,
    /// Detections of it.
    pub detections: usize,
    /// The 12 figures of boxes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bbox: Option<Figures>,
    /// The 12 figures of masks.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub segm: Option<Figures>,
}

/// The figures of an evaluation, without where it comes from.
#[derive(Debug, Clone)]
pub struct Scores {
    bbox: Option<Figures>,
    segm: Option<Figures>,
    counts: Counts,
    per_class: Named<ClassReport>,
}

impl Scores {
    /// Puts the evaluations of the kinds together. `counts` are those of everything and of each category.
    pub fn new(
        data: &CocoData,
        evaluations: &[Evaluation],
        (counts, each): (Counts, HashMap<CategoryId, Counts>),
    ) -> Self {
        let mut classes: Vec<_> = data.categories().into_iter().filter(|c| each.contains_key(&c.id)).collect();
        classes.sort_by_key(|category| category.id);
        classes.dedup_by_key(|category| category.id);
        let mut reports: HashMap<CategoryId, ClassReport> = each
            .into_iter()
            .map(|(id, n)| {
                (id, ClassReport { id, objects: n.objects, detections: n.detections, bbox: None, segm: None })
            })
            .collect();
        let (mut bbox, mut segm) = (None, None);
        for evaluation in evaluations {
            *match evaluation.kind {
                Kind::Bbox => &mut bbox,
                Kind::Segm => &mut segm,
            } = Some(evaluation.figures);
            for (id, figures) in evaluation.per_category() {
                if let Some(report) = reports.get_mut(&id) {
                    *match evaluation.kind {
                        Kind::Bbox => &mut report.bbox,
                        Kind::Segm => &mut report.segm,
                    } = Some(figures);
                }
            }
        }
        let classes = classes.into_iter().filter_map(|c| Some((c.name, reports.remove(&c.id)?)));
        let per_class = Named::new(classes, |name, report| format!("{name} ({})", report.id));
        Self { bbox, segm, counts, per_class }
    }

    /// The whole report.
    pub fn report(self, protocol: Protocol, provenance: Provenance) -> Report {
        let Self { bbox, segm, counts, per_class } = self;
        Report { bbox, segm, by_name: ByName { bbox, segm }, counts, per_class, protocol, provenance }
    }
}

impl Report {
    /// The figures of one kind.
    pub fn figures(&self, kind: Kind) -> Option<Figures> {
        match kind {
            Kind::Bbox => self.bbox,
            Kind::Segm => self.segm,
        }
    }
}

impl ClassReport {
    /// The figures of one kind.
    pub fn figures(&self, kind: Kind) -> Option<Figures> {
        match kind {
            Kind::Bbox => self.bbox,
            Kind::Segm => self.segm,
        }
    }
}

/// Evaluates saved detections as a protocol says.
///
/// # Errors
/// See [`Evaluation::new`].
pub fn evaluate(data: &CocoData, results: &Results, kinds: &[Kind], options: &Options) -> Result<Vec<Evaluation>> {
    kinds.iter().map(|kind| Evaluation::new(data, results, *kind, options)).collect()
}
