//! Scoring while detections are found: images are matched in small groups as they come, and of a detection only some 20
//! bytes stay in memory.

use super::{Counts, Evaluation, Kind, Options};
use crate::{Error, Result};
use hotcoco::{Annotation, EvalMode, Image, Params, StreamingEval};
use std::collections::HashMap;
use std::sync::Arc;
use vovdet_datasets::category::CategoryId;
use vovdet_datasets::coco::{CocoData, Results, line_records};

/// Images that are matched together.
const GROUP: usize = 64;

/// Scores the lines of a run, see [`crate::metrics::journal`], in any order.
pub struct Scorer<'a> {
    data: &'a CocoData,
    mask_areas: bool,
    min_score: Option<f64>,
    streams: Vec<(Kind, StreamingEval)>,
    images: Vec<Image>,
    objects: Vec<Annotation>,
    detections: Vec<Annotation>,
    categories: HashMap<CategoryId, Counts>,
    counts: Counts,
    seen: Vec<u64>,
    cut: usize,
    options: Options,
    /// All detections, where images cannot be scored one by one, see [`CocoData::has_annotation_0`].
    kept: Option<Vec<Annotation>>,
}

impl<'a> Scorer<'a> {
    /// Scores on `data`, boxes or masks or both, detections with a score below `min_score` left out. The images of
    /// `options` are not looked at: those that come count.
    ///
    /// # Errors
    /// When the options contradict each other.
    pub fn new(data: &'a CocoData, kinds: &[Kind], options: &Options, min_score: Option<f64>) -> Result<Self> {
        let stream = |kind: &Kind| -> Result<_> {
            let mut params = Params::new(kind.iou_type());
            params.max_dets = options.max_dets.to_vec();
            params.cat_ids = options.categories.iter().map(|id| id.0).collect();
            params.cat_ids.sort_unstable();
            let categories = data.coco.dataset.categories.clone();
            Ok((*kind, StreamingEval::new(params, EvalMode::Coco, categories)?))
        };
        let none = Counts { images: 0, objects: 0, crowds: 0, detections: 0 };
        let all = data.coco.dataset.categories.iter().map(|c| CategoryId(c.id));
        let selected = all.filter(|id| options.categories.is_empty() || options.categories.contains(id));
        Ok(Self {
            data,
            mask_areas: options.mask_areas,
            min_score,
            streams: kinds.iter().map(stream).collect::<Result<_>>()?,
            images: Vec::new(),
            objects: Vec::new(),
            detections: Vec::new(),
            categories: selected.map(|id| (id, none)).collect(),
            counts: none,
            seen: Vec::new(),
            cut: 0,
            options: options.clone(),
            kept: data.has_annotation_0().then(Vec::new),
        })
    }

    /// Adds the line of an image.
    ///
    /// # Errors
    /// When it is no such line, or its image is not in the data set.
    pub fn add(&mut self, line: &str) -> Result<()> {
        let (image_id, detections) = line_records(line, self.data)?;
        self.add_image(image_id, detections)
    }

    /// Adds an image with its detections.
    ///
    /// # Errors
    /// When the image is not in the data set.
    pub fn add_image(&mut self, image_id: u64, detections: Vec<Annotation>) -> Result<()> {
        let image = self
            .data
            .coco
            .get_img(image_id)
            .ok_or_else(|| Error::KeptLine(format!("is of image {image_id}, which the data set does not have")))?;
        self.images.push(image.clone());
        self.counts.images += 1;
        self.seen.push(image_id);
        for id in self.data.coco.get_ann_ids_for_img(image_id) {
            if let Some(object) = self.data.coco.get_ann(*id)
                && self.data.coco.get_cat(object.category_id).is_some()
            {
                self.count(object.category_id, if object.iscrowd { |c| &mut c.crowds } else { |c| &mut c.objects });
                self.objects.push(object.clone());
            }
        }
        let least = self.min_score.unwrap_or(f64::NEG_INFINITY);
        let most = self.options.max_dets.iter().copied().max().unwrap_or(0);
        let mut found: HashMap<u64, usize> = HashMap::new();
        for detection in detections.into_iter().filter(|detection| detection.score.is_some_and(|s| s >= least)) {
            self.count(detection.category_id, |c| &mut c.detections);
            *found.entry(detection.category_id).or_default() += 1;
            self.detections.push(detection);
        }
        let is_counted = |category: &u64| self.categories.contains_key(&CategoryId(*category));
        self.cut += usize::from(found.iter().any(|(category, n)| *n > most && is_counted(category)));
        if self.images.len() >= GROUP { self.flush() } else { Ok(()) }
    }

    /// The images that have come so far.
    pub fn seen(&self) -> &[u64] {
        &self.seen
    }

    /// How many of them had more detections of a category than count.
    pub fn images_cut(&self) -> usize {
        self.cut
    }

    fn count(&mut self, category: u64, place: fn(&mut Counts) -> &mut usize) {
        if let Some(one) = self.categories.get_mut(&CategoryId(category)) {
            *place(one) += 1;
            *place(&mut self.counts) += 1;
        }
    }

    fn flush(&mut self) -> Result<()> {
        let _span = tracing::info_span!("score").entered();
        let images = std::mem::take(&mut self.images);
        let objects = std::mem::take(&mut self.objects);
        let mut detections = std::mem::take(&mut self.detections);
        if let Some(kept) = &mut self.kept {
            kept.append(&mut detections);
            return Ok(());
        }
        for (kind, stream) in &mut self.streams {
            let mut detections = detections.clone();
            if *kind == Kind::Segm && self.mask_areas {
                detections.iter_mut().filter(|d| d.segmentation.is_some()).for_each(|d| d.bbox = None);
            }
            stream.update(images.clone(), objects.clone(), detections)?;
        }
        Ok(())
    }

    /// Ends the run: the evaluations, and how many images, objects and detections there were, in all and per category.
    ///
    /// # Errors
    /// When a mask cannot be drawn.
    #[allow(clippy::type_complexity)]
    pub fn finish(mut self) -> Result<(Vec<Evaluation>, (Counts, HashMap<CategoryId, Counts>))> {
        self.flush()?;
        let images = self.counts.images;
        self.categories.values_mut().for_each(|one| one.images = images);
        let evaluations = match self.kept {
            None => {
                let streams = self.streams.into_iter();
                streams.map(|(kind, stream)| Evaluation::accumulated(kind, stream.finalize())).collect()
            }
            Some(kept) => {
                let masks = !kept.is_empty() && kept.iter().all(|found| found.segmentation.is_some());
                let coco = Arc::new(self.data.coco.load_res_anns(kept)?);
                let results = Results { coco, masks, notes: Vec::new() };
                let options = Options { images: Some(self.seen), ..self.options };
                let kinds = self.streams.iter().map(|(kind, _)| *kind);
                kinds.map(|kind| Evaluation::new(self.data, &results, kind, &options)).collect::<Result<_>>()?
            }
        };
        Ok((evaluations, (self.counts, self.categories)))
    }
}
