//! One-stage detectors: SSD (arXiv 1512.02325), DSOD (arXiv 1708.01241), Pelee (arXiv 1804.06882) and RefineDet (arXiv
//! 1711.06897), on any backbone that offers the strides.
//!
//! The flow is one: source maps, predictors for every prior box, and with [`RefineSpec`](crate::spec::RefineSpec) a
//! first step whose boxes the second one refines. What differs between the references is data
//! ([`crate::spec::OneStageRules`]).

mod block;
mod extras;
mod features;
mod head;
mod postprocess;

use crate::backbone::{self, Backbone};
use crate::detection::{Detection, Detector, Prediction, predict};
use crate::layers::{L2Norm, PathExt, layers};
use crate::neck::Transfer;
use crate::ops::boxes::{Bbox, clip};
use crate::ops::priors::{Priors, priors};
use crate::spec::{ModelSpec, OneStageRules, OneStageSpec, Task};
use crate::{Error, Geometry, Prepared};
use extras::Extra;
use head::{Head, Raw};
use postprocess::Candidate;
use tch::{Device, Kind, Tensor, nn};

/// The detector.
#[derive(Debug)]
pub struct OneStage {
    spec: ModelSpec,
    head: OneStageSpec,
    rules: &'static OneStageRules,
    body: Box<dyn Backbone>,
    /// Indices of the backbone's features that are sources.
    taps: Vec<usize>,
    extras: Vec<Extra>,
    /// One per source; none where it is not normalised.
    l2: Vec<Option<L2Norm>>,
    /// RefineDet's first step and the way from its sources to those of the second.
    refine: Option<(Head, Transfer)>,
    odm: Head,
    device: Device,
    kind: Kind,
}

/// What the network makes of a batch.
struct Outputs {
    /// As backbone and extras make them.
    maps: Vec<Tensor>,
    /// The same, L2-normalised where the spec says so.
    sources: Vec<Tensor>,
    /// Sources of the second step, and the raw outputs of the first.
    refined: Option<(Vec<Tensor>, Raw)>,
    raw: Raw,
    priors: Priors,
}

impl OneStage {
    /// Builds the network of `spec` with its parameters in `path`: `backbone.…`, `extras.{i}.…`, `norm.{source}.weight`,
    /// `arm.…`, `tcb.…`, `odm.…`, or `loc.{i}`, `conf.{i}` where there is one step.
    ///
    /// # Errors
    /// When `spec` is not of this kind, or asks for maps that its backbone does not offer.
    pub fn new(path: &nn::Path, spec: &ModelSpec) -> Result<Self, Error> {
        let Task::OneStage(head) = &spec.task else {
            return Err(Error::Spec(format!("`{}` is not a one-stage detector", spec.name)));
        };
        let rules = head.dialect.one_stage_rules().ok_or_else(|| {
            Error::Spec(format!("`{}`: {} is a dialect of two-stage detectors", spec.name, head.dialect))
        })?;
        let body = backbone::build(&path.at("backbone"), &spec.backbone);
        let mut channels = Vec::new();
        let mut taps = Vec::new();
        for tap in &head.taps {
            let Some(at) = body.info().iter().position(|info| info.name == tap) else {
                let offered: Vec<&str> = body.info().iter().map(|i| i.name).collect();
                return Err(Error::Spec(format!(
                    "`{}` wants the map `{tap}`, and its backbone offers {}",
                    spec.name,
                    offered.join(", ")
                )));
            };
            taps.push(at);
            channels.push(body.info()[at].channels);
        }
        let mut extras = Vec::new();
        for (i, extra) in head.extras.iter().enumerate() {
            let Some(&input) = channels.last() else { break };
            let (extra, output) = Extra::new(&path.at(&format!("extras.{i}")), extra, input);
            extras.push(extra);
            channels.push(output);
        }
        if let Some(&source) = head.head.sources.iter().find(|&&s| s >= channels.len()) {
            return Err(Error::Spec(format!("`{}` predicts from source {source} of {}", spec.name, channels.len())));
        }
        if head.head.sources.len() != head.priors.len() {
            let (heads, maps) = (head.head.sources.len(), head.priors.len());
            return Err(Error::Spec(format!("`{}` has {heads} predictors and prior boxes for {maps}", spec.name)));
        }
        let l2 = channels.iter().enumerate().map(|(i, &width)| {
            let l2 = head.l2.iter().find(|l| l.source == i)?;
            Some(L2Norm::new(&path.at(&format!("norm.{i}")), width, rules.l2, l2.initial))
        });
        let l2 = l2.collect();
        let columns = spec.classes.len() as i64 + 1;
        let refine = head.refine.as_ref().map(|refine| {
            let arm = Head::new(&path.at("arm"), &head.head, &head.priors, &channels, 2);
            (arm, Transfer::new(&path.at("tcb"), refine, &channels))
        });
        let odm = match &head.refine {
            Some(refine) => {
                let widths = vec![refine.channels; channels.len()];
                Head::new(&path.at("odm"), &head.head, &head.priors, &widths, columns)
            }
            None => Head::new(path, &head.head, &head.priors, &channels, columns),
        };
        Ok(Self {
            spec: spec.clone(),
            head: head.clone(),
            rules,
            body,
            taps,
            extras,
            l2,
            refine,
            odm,
            device: path.device(),
            kind: path.kind(),
        })
    }

    fn try_forward_t(&self, batch: &Tensor, train: bool) -> Result<Outputs, Error> {
        let features = self.body.features_t(batch, train)?;
        let mut maps: Vec<Tensor> = self.taps.iter().map(|&tap| features[tap].shallow_clone()).collect();
        for extra in &self.extras {
            let Some(last) = maps.last() else { break };
            let map = extra.try_forward_t(last, train)?;
            maps.push(map);
        }
        let source = |(map, l2): (&Tensor, &Option<L2Norm>)| match l2 {
            Some(l2) => l2.try_forward_t(map, train),
            None => Ok(map.shallow_clone()),
        };
        let sources = maps.iter().zip(&self.l2).map(source).collect::<Result<Vec<_>, _>>()?;
        let refined = match &self.refine {
            Some((arm, transfer)) => {
                Some((transfer.try_forward_t(&sources, train)?, arm.try_forward_t(&sources, train)?))
            }
            None => None,
        };
        let raw = self.odm.try_forward_t(refined.as_ref().map_or(&sources, |(maps, _)| maps), train)?;
        let grid = |&source: &usize| sources[source].size4().map(|(_, _, h, w)| (h, w));
        let grids = self.head.head.sources.iter().map(grid).collect::<Result<Vec<_>, _>>()?;
        let (_, _, height, width) = batch.size4()?;
        let priors = priors(self.rules.priors, &self.head.priors, &grids, (height, width));
        Ok(Outputs { maps, sources, refined, raw, priors })
    }

    /// Detections per image in the unit of the prior boxes.
    fn found(&self, outputs: &Outputs, batch: &Tensor) -> Result<Vec<Vec<Candidate>>, Error> {
        let (_, _, height, width) = batch.size4()?;
        let size = if self.rules.pixels { (width as f32, height as f32) } else { (1.0, 1.0) };
        let arm = outputs.refined.as_ref().map(|(_, arm)| arm);
        postprocess::detect(&self.head, self.rules, &outputs.priors, arm, &outputs.raw, size)
    }

    /// Detections in pixels of the original images.
    fn finish(&self, found: Vec<Vec<Candidate>>, images: &[Geometry]) -> Vec<Vec<Detection>> {
        let finish = |(mut found, geometry): (Vec<Candidate>, &Geometry)| {
            found.iter_mut().for_each(|f| f.bbox = self.to_original(&f.bbox, geometry));
            postprocess::soften(&mut found, &self.head);
            found.iter().map(|f| Detection { bbox: f.bbox, score: f.score, label: f.label, mask: None }).collect()
        };
        found.into_iter().zip(images).map(finish).collect()
    }

    fn to_original(&self, b: &Bbox, geometry: &Geometry) -> Bbox {
        let (width, height) = (geometry.original.0 as f32, geometry.original.1 as f32);
        let scaled = if self.rules.pixels {
            geometry.to_original(b)
        } else {
            [b[0] * width, b[1] * height, b[2] * width, b[3] * height]
        };
        match (self.rules.clip_after_rescale, &self.head.refine) {
            (false, _) => scaled,
            // RefineDet's test harness knows pixels, not borders (docs/reference/refinedet.md §2).
            (true, Some(_)) => clip(&scaled, width, height, 1.0),
            (true, None) => clip(&scaled, width, height, 0.0),
        }
    }
}

layers!(OneStage { body, extras, l2, refine, odm });

impl Detector for OneStage {
    fn spec(&self) -> &ModelSpec {
        &self.spec
    }

    fn place(&mut self, device: Device, kind: Kind) {
        (self.device, self.kind) = (device, kind);
    }

    fn outputs_t(&self, batch: &Tensor, _regions: &[Vec<Bbox>], train: bool) -> Result<Vec<(String, Tensor)>, Error> {
        let Outputs { refined, raw, .. } = self.try_forward_t(batch, train)?;
        let arm = refined.into_iter().flat_map(|(_, arm)| [("arm_loc", arm.deltas), ("arm_conf", arm.logits)]);
        let outputs = arm.chain([("loc", raw.deltas), ("conf", raw.logits)]);
        Ok(outputs.map(|(name, tensor)| (name.to_owned(), tensor)).collect())
    }

    fn predict(&self, inputs: &[Prepared]) -> Result<Prediction, Error> {
        let network = |batch: &Tensor, _: &[Geometry]| self.try_forward_t(batch, false);
        predict(&self.spec.input, inputs, (self.device, self.kind), network, |outputs, batch, images| {
            Ok(self.finish(self.found(&outputs, batch)?, images))
        })
    }

    fn features(&self, batch: &Tensor, images: &[Geometry]) -> Result<Vec<(String, Tensor)>, Error> {
        let outputs = self.try_forward_t(batch, false)?;
        let found = self.found(&outputs, batch)?;
        let finished = self.finish(found.clone(), images);
        features::named(self.rules, outputs, &found, &finished)
    }
}
