//! COCO's average precision and recall of boxes and masks, by hotcoco, which agrees with pycocotools to the last bit.

mod figures;
mod replay;
mod report;
mod scorer;

use figures::Axes;
pub use figures::{FIGURES, Figure, Figures};
pub use replay::CocoReplay;
pub use report::{ClassReport, Protocol, Report, Scores, evaluate};
pub use scorer::Scorer;

use crate::metrics::replay::Replay;
use crate::{Error, Result};
use hotcoco::params::IouType;
use hotcoco::{Annotation, COCO, COCOeval, Segmentation, mask};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeSet, HashMap, HashSet};
use std::fmt::{self, Display, Formatter};
use std::sync::Arc;
use vovdet_datasets::category::CategoryId;
use vovdet_datasets::coco::{CocoData, Results};

/// What computes the figures.
pub const METRICS: &str = "hotcoco 1.3.1";

/// What is compared when a detection is matched to an object.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// Boxes.
    Bbox,
    /// Masks.
    Segm,
}

impl Kind {
    fn iou_type(self) -> IouType {
        match self {
            Self::Bbox => IouType::Bbox,
            Self::Segm => IouType::Segm,
        }
    }
}

impl Display for Kind {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Bbox => "bbox",
            Self::Segm => "segm",
        })
    }
}

/// What is evaluated, and how.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Options {
    /// Most detections per image and category that count: for the first two figures of recall, and for all others.
    pub max_dets: [usize; 3],
    /// Only these categories; all when empty.
    pub categories: Vec<CategoryId>,
    /// Only these images; all when there is no list.
    pub images: Option<Vec<u64>>,
    /// The size of a detected object is that of its mask even where it has a box too.
    ///
    /// pycocotools' `loadRes` takes the box's area for every file that has boxes, for masks too. detectron2 and
    /// mmdetection drop the boxes before they score masks, so the figures by size differ a little.
    pub mask_areas: bool,
}

impl Default for Options {
    fn default() -> Self {
        Self { max_dets: [1, 10, 100], categories: Vec::new(), images: None, mask_areas: false }
    }
}

/// How many of what an evaluation looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counts {
    /// Images, those without objects included.
    pub images: usize,
    /// Objects, crowds not counted.
    pub objects: usize,
    /// Regions that stand for a crowd of objects.
    pub crowds: usize,
    /// Detections, those beyond `max_dets` included.
    pub detections: usize,
}

/// The scored detections of one kind.
pub struct Evaluation {
    /// What was compared.
    pub kind: Kind,
    /// The 12 figures in pycocotools' order; -1 for one that nothing can be said about.
    pub figures: Figures,
    /// Those of each category, where hotcoco's are not pycocotools'.
    each: Option<Vec<(CategoryId, Figures)>>,
    eval: COCOeval,
}

impl Evaluation {
    /// Matches detections to objects and computes the figures.
    ///
    /// # Errors
    /// When the data set has no masks and masks are to be compared, or a mask cannot be drawn.
    pub fn new(data: &CocoData, results: &Results, kind: Kind, options: &Options) -> Result<Self> {
        let _span = tracing::info_span!("score", %kind).entered();
        if kind == Kind::Segm && !has_masks(&data.coco) {
            return Err(Error::NoMasks { path: data.path.clone() });
        }
        let detections = match kind {
            Kind::Segm if options.mask_areas && results.masks => with_mask_areas(&results.coco)?,
            _ => results.coco.clone(),
        };
        let mut eval = COCOeval::new(data.coco.clone(), detections, kind.iou_type());
        eval.params.max_dets = options.max_dets.to_vec();
        eval.params.cat_ids = options.categories.iter().map(|id| id.0).collect();
        eval.params.cat_ids.sort_unstable();
        eval.params.img_ids = options.images.as_deref().map_or_else(Vec::new, images_to_look_at);
        eval.evaluate()?;
        let mut evaluation = Self::accumulated(kind, eval);
        if data.has_annotation_0() {
            evaluation.count_annotation_0_as_missed()?;
        }
        Ok(evaluation)
    }

    /// pycocotools takes the annotation with the id 0 for one that is never found; hotcoco does not.
    fn count_annotation_0_as_missed(&mut self) -> Result<()> {
        let images: BTreeSet<u64> = self.eval.eval_imgs().iter().flatten().map(|cell| cell.image_id).collect();
        let replay = CocoReplay::new(self, &images.into_iter().collect::<Vec<_>>())?;
        let figures: Vec<Figures> = replay
            .once()
            .chunks_exact(FIGURES.len())
            .map(|figures| std::array::from_fn(|i| if figures[i].is_nan() { -1.0 } else { figures[i] }))
            .collect();
        if let [all, each @ ..] = &figures[..] {
            self.figures = *all;
            self.each = Some(replay.ids().iter().copied().zip(each.iter().copied()).collect());
        }
        Ok(())
    }

    /// Computes the figures of an evaluator that has matched.
    pub(crate) fn accumulated(kind: Kind, mut eval: COCOeval) -> Self {
        eval.accumulate();
        Self { kind, figures: figures::all(&eval), each: None, eval }
    }

    /// The 12 figures of every category, in the order of their ids: what pycocotools says with `catIds` set to it.
    pub fn per_category(&self) -> Vec<(CategoryId, Figures)> {
        if let Some(each) = &self.each {
            return each.clone();
        }
        let Some(accumulated) = self.eval.accumulated() else { return Vec::new() };
        let axes = Axes::of(&self.eval.params);
        let one = |(k, id): (usize, &u64)| (CategoryId(*id), figures::of(accumulated, &axes, k..k + 1));
        accumulated.cat_ids.iter().enumerate().map(one).collect()
    }

    /// The evaluator itself, for what is computed on demand.
    pub fn inner(&self) -> &COCOeval {
        &self.eval
    }
}

/// A list of images as hotcoco takes it: to it, as to pycocotools, an empty one means all.
pub(crate) fn images_to_look_at(images: &[u64]) -> Vec<u64> {
    if images.is_empty() { vec![u64::MAX] } else { images.to_vec() }
}

/// How many images, objects and detections `options` select.
pub fn counts(data: &COCO, detections: &COCO, options: &Options) -> (Counts, HashMap<CategoryId, Counts>) {
    let images: Option<HashSet<u64>> = options.images.as_ref().map(|list| list.iter().copied().collect());
    let categories: HashSet<u64> = match &options.categories[..] {
        [] => data.dataset.categories.iter().map(|c| c.id).collect(),
        some => some.iter().map(|id| id.0).collect(),
    };
    let selected = |a: &&Annotation| {
        categories.contains(&a.category_id)
            && match &images {
                Some(images) => images.contains(&a.image_id),
                None => data.get_img(a.image_id).is_some(),
            }
    };
    let all = || data.dataset.images.iter().map(|image| image.id).collect::<HashSet<_>>().len();
    let number = images.as_ref().map_or_else(all, HashSet::len);
    let none = Counts { images: number, objects: 0, crowds: 0, detections: 0 };
    let mut all = none;
    let mut each: HashMap<_, _> = categories.iter().map(|&id| (CategoryId(id), none)).collect();
    let mut add = |id: u64, place: fn(&mut Counts) -> &mut usize| {
        *place(&mut all) += 1;
        if let Some(one) = each.get_mut(&CategoryId(id)) {
            *place(one) += 1;
        }
    };
    for object in data.dataset.annotations.iter().filter(selected) {
        add(object.category_id, if object.iscrowd { |c| &mut c.crowds } else { |c| &mut c.objects });
    }
    for detection in detections.dataset.annotations.iter().filter(selected) {
        add(detection.category_id, |c| &mut c.detections);
    }
    (all, each)
}

/// How many images have more detections of a category than `options` count; the others count for nothing.
pub fn images_cut(detections: &COCO, options: &Options) -> usize {
    let mut found: HashMap<(u64, u64), usize> = HashMap::new();
    for detection in &detections.dataset.annotations {
        *found.entry((detection.image_id, detection.category_id)).or_default() += 1;
    }
    let most = options.max_dets.iter().copied().max().unwrap_or(0);
    let is_selected = |image: &u64, category: &u64| {
        options.images.as_ref().is_none_or(|images| images.contains(image))
            && (options.categories.is_empty() || options.categories.contains(&CategoryId(*category)))
    };
    let cut = found.iter().filter(|(_, n)| **n > most).filter(|((image, category), _)| is_selected(image, category));
    cut.map(|((image, _), _)| image).collect::<HashSet<_>>().len()
}

/// Whether masks can be compared: objects have some, or there are no objects.
pub fn has_masks(data: &COCO) -> bool {
    let objects = &data.dataset.annotations;
    objects.is_empty() || objects.iter().any(|object| object.segmentation.is_some())
}

fn with_mask_areas(detections: &Arc<COCO>) -> Result<Arc<COCO>> {
    let mut changed = COCO::clone(detections);
    let ids: Vec<u64> = changed.dataset.annotations.iter().map(|a| a.id).collect();
    let area = |a: &Annotation| -> Result<f64> {
        Ok(match a.segmentation.as_ref().and_then(Segmentation::rle_ref) {
            Some(rle) => rle.area()? as f64,
            None => detections.ann_to_rle(a).map_or(0.0, |rle| mask::area(&rle) as f64),
        })
    };
    let areas = changed.dataset.annotations.iter().map(area).collect::<Result<Vec<_>>>()?;
    changed.update_ann_areas(&ids, &areas)?;
    Ok(Arc::new(changed))
}
