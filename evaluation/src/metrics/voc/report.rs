//! The result of an evaluation as it is written to JSON.

use super::{Class, Detections, evaluate};
use crate::Result;
use crate::metrics::named::Named;
use crate::metrics::provenance::Provenance;
use crate::metrics::selection::Selection;
use serde::{Deserialize, Serialize};
use std::collections::HashSet;
use vovdet_datasets::category;
use vovdet_datasets::voc::VocData;

/// What was asked for.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Protocol {
    /// A detection is right when it overlaps an object more than this.
    pub iou_threshold: f64,
    /// The split; none for all annotations that there are.
    pub split: Option<String>,
    /// The classes by name; all when empty.
    pub classes: Vec<String>,
    /// Detections below it were left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub min_score: Option<f64>,
    /// What the category ids 1, 2, … of COCO results were called, where it was said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub class_names: Option<Vec<String>>,
    /// Which images.
    #[serde(flatten)]
    pub selection: Selection,
}

/// How many of what an evaluation looked at.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counts {
    /// Images, those without objects included.
    pub images: usize,
    /// Objects that are to be found.
    pub objects: usize,
    /// Objects that are difficult.
    pub difficult: usize,
    /// Detections.
    pub detections: usize,
}

/// The result of an evaluation. The mean is over the classes that have objects; null where there is none.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Report {
    /// Mean average precision at eleven recalls: VOC 2007's.
    pub map_2007: Option<f64>,
    /// Mean average precision as the area under the curve: VOC's since 2010.
    pub map_area: Option<f64>,
    /// How much was evaluated.
    pub counts: Counts,
    /// Every class by name.
    pub per_class: Named<ClassReport>,
    /// How it was evaluated.
    pub protocol: Protocol,
    /// What it was made from.
    pub provenance: Provenance,
}

/// The figures of one class; null for one without objects.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ClassReport {
    /// Average precision at eleven recalls.
    pub ap_2007: Option<f64>,
    /// Average precision as the area under the curve.
    pub ap_area: Option<f64>,
    /// The part of the objects that was found.
    pub recall: Option<f64>,
    /// Objects that are to be found.
    pub objects: usize,
    /// Objects that are difficult.
    pub difficult: usize,
    /// Detections.
    pub detections: usize,
}

/// The figures of an evaluation, without where it comes from.
#[derive(Debug, Clone)]
pub struct Scores {
    /// The classes, in the order of [`VocData::classes`].
    pub classes: Vec<Class>,
    /// Their names.
    pub names: Vec<String>,
    images: usize,
}

impl Detections {
    /// Evaluates these detections as a protocol says.
    ///
    /// # Errors
    /// When the data set has no class of a name.
    pub fn scores(&self, data: &VocData, protocol: &Protocol) -> Result<Scores> {
        let _span = tracing::info_span!("score").entered();
        let wanted = category::chosen(&protocol.classes, &data.categories())?;
        let images = self.images(data, protocol);
        let classes = evaluate(data, self, &images, protocol.iou_threshold);
        let each = data.categories().into_iter().zip(classes);
        let each = each.filter(|(category, _)| wanted.is_empty() || wanted.contains(&category.id));
        let (names, classes) = each.map(|(category, class)| (category.name, class)).unzip();
        Ok(Scores { classes, names, images: images.len() })
    }

    /// The images that take part, as indices.
    pub fn images(&self, data: &VocData, protocol: &Protocol) -> HashSet<usize> {
        let selected = protocol.selection.of((0..data.images.len()).collect());
        let seen = |index: &usize| self.seen.as_ref().is_none_or(|seen| seen.contains(index));
        selected.into_iter().filter(seen).collect()
    }
}

impl Scores {
    /// The whole report.
    pub fn report(&self, protocol: Protocol, provenance: Provenance) -> Report {
        let mut counts = Counts { images: self.images, ..Counts::default() };
        let mut sums = (0.0, 0.0, 0_usize);
        let class = |(name, class): (&String, &Class)| {
            let precision = class.average_precision();
            if let Some((eleven, area)) = precision {
                sums = (sums.0 + eleven, sums.1 + area, sums.2 + 1);
            }
            counts.objects += class.objects;
            counts.difficult += class.difficult;
            counts.detections += class.detections.len();
            let recall = (class.objects > 0).then(|| class.curve().last().map_or(0.0, |(recall, _)| *recall));
            let report = ClassReport {
                ap_2007: precision.map(|p| p.0),
                ap_area: precision.map(|p| p.1),
                recall,
                objects: class.objects,
                difficult: class.difficult,
                detections: class.detections.len(),
            };
            (name.clone(), report)
        };
        let classes: Vec<_> = self.names.iter().zip(&self.classes).map(class).collect();
        let mean = |sum: f64| (sums.2 > 0).then(|| sum / sums.2 as f64);
        Report {
            map_2007: mean(sums.0),
            map_area: mean(sums.1),
            counts,
            per_class: Named::new(classes, |name, _| name.to_owned()),
            protocol,
            provenance,
        }
    }
}
