//! Faster R-CNN (arXiv 1506.01497) and Mask R-CNN (arXiv 1703.06870) with a feature pyramid, in three dialects.
//!
//! The flow is one; what differs between the dialects is data ([`crate::spec::Rules`]).

mod heads;
mod postprocess;
mod proposals;

use crate::backbone::{self, Backbone};
use crate::detection::{Detection, Detector, Prediction, predict};
use crate::layers::{PathExt, layers};
use crate::neck::Fpn;
use crate::ops::boxes::Bbox;
use crate::ops::roi_align::{Pyramid, Roi, pyramid_roi_align};
use crate::spec::{MaskRcnnSpec, ModelSpec, Rules, Task};
use crate::{Error, Geometry, Prepared};
use heads::{BoxHead, MaskHead, RpnHead};
use postprocess::ImageDetections;
use proposals::Proposals;
use tch::{Device, Kind, Tensor, nn};

/// Side of the pooled region that the box head sees.
const BOX_BINS: usize = 7;
/// Side of the pooled region that the mask head sees.
const MASK_BINS: usize = 14;

/// The detector.
#[derive(Debug)]
pub struct MaskRcnn {
    spec: ModelSpec,
    head: MaskRcnnSpec,
    rules: &'static Rules,
    body: Box<dyn Backbone>,
    fpn: Fpn,
    rpn: RpnHead,
    box_head: BoxHead,
    mask_head: Option<MaskHead>,
    device: Device,
    kind: Kind,
}

/// What the network makes of a batch before anything image by image.
struct Maps {
    body: Vec<Tensor>,
    pyramid: Vec<Tensor>,
    objectness: Vec<Tensor>,
    deltas: Vec<Tensor>,
}

/// One batch after the heads.
struct Outputs {
    proposals: Vec<Proposals>,
    box_logits: Tensor,
    box_deltas: Tensor,
    found: Vec<ImageDetections>,
    /// `[D, 28, 28]`, the predicted class's channel, detections of all images in order.
    mask_logits: Option<Tensor>,
}

impl MaskRcnn {
    /// Builds the network of `spec` with canonical (torchvision) parameter names in `path`.
    ///
    /// # Errors
    /// When `spec` is not of this kind.
    pub fn new(path: &nn::Path, spec: &ModelSpec) -> Result<Self, Error> {
        let Task::MaskRcnn(head) = &spec.task else {
            return Err(Error::Spec(format!("`{}` is not a Mask R-CNN", spec.name)));
        };
        let rules = head.dialect.rules().ok_or_else(|| {
            Error::Spec(format!("`{}`: {} is a dialect of one-stage detectors", spec.name, head.dialect))
        })?;
        let classes = spec.classes.len() as i64;
        let backbone = path.at("backbone");
        let body = backbone::build(&backbone.at("body"), &spec.backbone);
        let stages: Vec<i64> = body.info().iter().skip(1).map(|info| info.channels).collect();
        if stages.len() != 4 {
            return Err(Error::Spec(format!(
                "`{}`: a feature pyramid needs maps at strides 4, 8, 16 and 32",
                spec.name
            )));
        }
        let fpn = Fpn::new(&backbone.at("fpn"), &head.fpn, &stages);
        let channels = head.fpn.channels;
        let roi = path.at("roi_heads");
        Ok(Self {
            rules,
            body,
            fpn,
            rpn: RpnHead::new(&path.at("rpn.head"), head, channels),
            box_head: BoxHead::new(&roi, head, rules, channels, BOX_BINS as i64, classes),
            mask_head: head.mask_head.as_ref().map(|m| MaskHead::new(&roi, m, rules, channels, classes)),
            spec: spec.clone(),
            head: head.clone(),
            device: path.device(),
            kind: path.kind(),
        })
    }

    fn maps(&self, batch: &Tensor, train: bool) -> Result<Maps, Error> {
        let body = self.body.features_t(batch, train)?;
        let pyramid = self.fpn.try_forward_t(&body[1..], train)?;
        let (objectness, deltas) = self.rpn.try_forward_t(&pyramid, train)?;
        Ok(Maps { body, pyramid, objectness, deltas })
    }

    /// From the maps to detections in input pixels; `sizes` are width and height of each image without padding. Takes
    /// `pyramid` out of the maps: what nothing else holds need not be copied.
    fn heads(&self, maps: &mut Maps, padded: (i64, i64), sizes: &[(u32, u32)]) -> Result<Outputs, Error> {
        let rules = self.rules;
        let proposals = proposals::propose(&self.head, rules, &maps.objectness, &maps.deltas, padded, sizes)?;
        let levels = pooled_levels(std::mem::take(&mut maps.pyramid))?;
        let rois = rois(proposals.iter().map(|p| p.boxes.as_slice()));
        let pooled = pyramid_roi_align(&levels, &rois, rules, BOX_BINS)?;
        let (box_logits, box_deltas) = self.box_head.try_forward_t(&pooled.f_to_kind(self.kind)?, false)?;
        let found = postprocess::detect(&self.head, rules, &proposals, &box_logits, &box_deltas, sizes)?;
        let mask_logits = match &self.mask_head {
            Some(mask_head) => {
                let rois = crate::mask_rcnn::rois(found.iter().map(|f| f.boxes.as_slice()));
                let labels: Vec<usize> = found.iter().flat_map(|f| f.labels.iter().copied()).collect();
                let pooled = pyramid_roi_align(&levels, &rois, rules, MASK_BINS)?;
                Some(mask_head.of_labels(&pooled.f_to_kind(self.kind)?, &labels)?)
            }
            None => None,
        };
        Ok(Outputs { proposals, box_logits, box_deltas, found, mask_logits })
    }
}

/// The coarsest level only proposes; regions are pooled from the four of the backbone.
fn pooled_levels(mut pyramid: Vec<Tensor>) -> Result<Pyramid, Error> {
    pyramid.pop();
    Pyramid::new(pyramid)
}

fn rois<'a>(images: impl Iterator<Item = &'a [Bbox]>) -> Vec<Roi> {
    images.enumerate().flat_map(|(image, boxes)| boxes.iter().map(move |&bbox| Roi { image, bbox })).collect()
}

fn numbered(name: &str, tensors: Vec<Tensor>) -> Vec<(String, Tensor)> {
    tensors.into_iter().enumerate().map(|(level, tensor)| (format!("{name}.{level}"), tensor)).collect()
}

layers!(MaskRcnn { body, fpn, rpn, box_head, mask_head });

impl Detector for MaskRcnn {
    fn spec(&self) -> &ModelSpec {
        &self.spec
    }

    fn place(&mut self, device: Device, kind: Kind) {
        (self.device, self.kind) = (device, kind);
    }

    fn outputs_t(&self, batch: &Tensor, regions: &[Vec<Bbox>], train: bool) -> Result<Vec<(String, Tensor)>, Error> {
        let maps = self.maps(batch, train)?;
        let levels = pooled_levels(maps.pyramid)?;
        let rois = rois(regions.iter().map(Vec::as_slice));
        let pooled = |bins| pyramid_roi_align(&levels, &rois, self.rules, bins);
        let (box_logits, box_deltas) = self.box_head.try_forward_t(&pooled(BOX_BINS)?, train)?;
        let masks = self.mask_head.as_ref().map(|head| head.try_forward_t(&pooled(MASK_BINS)?, train)).transpose()?;
        let mut named = numbered("rpn.objectness", maps.objectness);
        named.extend(numbered("rpn.deltas", maps.deltas));
        named.extend([("box_logits".to_owned(), box_logits), ("box_deltas".to_owned(), box_deltas)]);
        named.extend(masks.map(|masks| ("mask_logits".to_owned(), masks)));
        Ok(named)
    }

    fn walk(&self, batch: &Tensor) -> Result<(), Error> {
        let _maps = self.maps(batch, false)?;
        let channels = self.head.fpn.channels;
        let regions = |count: i64, bins: usize| {
            Tensor::f_empty([count, channels, bins as i64, bins as i64], (self.kind, self.device))
        };
        let _boxes = self.box_head.try_forward_t(&regions(self.head.rpn.post_nms as i64, BOX_BINS)?, false)?;
        if let Some(mask_head) = &self.mask_head {
            let count = self.head.post.max_dets;
            let _masks = mask_head.try_forward_t(&regions(count as i64, MASK_BINS)?, false)?;
        }
        Ok(())
    }

    fn predict(&self, inputs: &[Prepared]) -> Result<Prediction, Error> {
        let network = |batch: &Tensor, images: &[Geometry]| {
            let (_, _, height, width) = batch.size4()?;
            let sizes: Vec<_> = images.iter().map(|i| i.resized).collect();
            let outputs = self.heads(&mut self.maps(batch, false)?, (width, height), &sizes)?;
            let masks = outputs.mask_logits.as_ref().map(postprocess::probabilities).transpose()?;
            Ok((outputs.found, masks))
        };
        predict(&self.spec.input, inputs, (self.device, self.kind), network, |(found, masks), _, images| {
            postprocess::finish(self.rules, &found, masks.as_ref(), images)
        })
    }

    fn features(&self, batch: &Tensor, images: &[Geometry]) -> Result<Vec<(String, Tensor)>, Error> {
        let (count, _, height, width) = batch.size4()?;
        if count != images.len() as i64 {
            return Err(Error::Input(format!("{} sizes are given for a batch of {count} images", images.len())));
        }
        let sizes: Vec<_> = images.iter().map(|i| i.resized).collect();
        let mut maps = self.maps(batch, false)?;
        let pyramid = maps.pyramid.iter().map(Tensor::shallow_clone).collect();
        let outputs = self.heads(&mut maps, (width, height), &sizes)?;
        let maps = Maps { pyramid, ..maps };
        let mut named: Vec<(String, Tensor)> = Vec::new();
        named.extend(self.body.info().iter().zip(maps.body).map(|(info, map)| (info.name.to_owned(), map)));
        named.extend((2..).zip(maps.pyramid).map(|(level, map)| (format!("fpn.p{level}"), map)));
        named.extend(numbered("rpn.objectness", maps.objectness));
        named.extend(numbered("rpn.deltas", maps.deltas));
        let masks = outputs.mask_logits.as_ref().map(postprocess::probabilities).transpose()?;
        let last = postprocess::finish(self.rules, &outputs.found, masks.as_ref(), images)?;
        named.extend(raw_outputs(self.rules, outputs, &last)?);
        Ok(named)
    }
}

/// Everything behind the maps under its fixture name; images of a batch follow each other, `*.image` says whose row it is
/// when there is more than one.
fn raw_outputs(rules: &Rules, outputs: Outputs, last: &[Vec<Detection>]) -> Result<Vec<(String, Tensor)>, Error> {
    let boxes = |boxes: Vec<Bbox>| Tensor::f_from_slice(boxes.as_flattened())?.f_view([boxes.len() as i64, 4]);
    let floats = |values: Vec<f32>| Tensor::f_from_slice(&values);
    let labels = |labels: Vec<usize>| {
        let labels: Vec<i64> = labels.into_iter().map(|l| l as i64 + rules.first_label).collect();
        Tensor::f_from_slice(&labels)
    };
    let images = |counts: Vec<usize>| {
        let rows = counts.iter().enumerate().flat_map(|(i, &n)| std::iter::repeat_n(i as i64, n));
        Tensor::f_from_slice(&rows.collect::<Vec<_>>())
    };
    let several = outputs.proposals.len() > 1;
    let (proposals, found) = (&outputs.proposals, &outputs.found);
    let mut named = vec![
        ("proposals", boxes(proposals.iter().flat_map(|p| p.boxes.clone()).collect())?),
        ("proposal_scores", floats(proposals.iter().flat_map(|p| p.scores.clone()).collect())?),
        ("box_logits", outputs.box_logits),
        ("box_deltas", outputs.box_deltas),
        ("net.boxes", boxes(found.iter().flat_map(|f| f.boxes.clone()).collect())?),
        ("net.scores", floats(found.iter().flat_map(|f| f.scores.clone()).collect())?),
        ("net.labels", labels(found.iter().flat_map(|f| f.labels.clone()).collect())?),
        ("final.boxes", boxes(last.iter().flatten().map(|d| d.bbox).collect())?),
        ("final.scores", floats(last.iter().flatten().map(|d| d.score).collect())?),
        ("final.labels", labels(last.iter().flatten().map(|d| d.label).collect())?),
    ];
    if let Some(mask_logits) = outputs.mask_logits {
        named.push(("mask_logits", mask_logits));
    }
    if several {
        named.push(("proposals.image", images(proposals.iter().map(|p| p.boxes.len()).collect())?));
        named.push(("net.image", images(found.iter().map(|f| f.boxes.len()).collect())?));
        named.push(("final.image", images(last.iter().map(Vec::len).collect())?));
    }
    Ok(named.into_iter().map(|(name, tensor)| (name.to_owned(), tensor)).collect())
}
