//! The model that finds the detections of an evaluation.

use crate::model::{self, adjust};
use anyhow::{Context, Error, Result, anyhow, bail};
use std::path::Path;
use vovdet::cli::arguments::{self, ModelOptions};
use vovdet::cli::console::Console;
use vovdet::cli::eval::RunOptions;
use vovdet_datasets::category::{Category, Class, ClassMap};
use vovdet_detectors::spec::Task;
use vovdet_detectors::{Detector, ModelSpec, Network};
use vovdet_evaluation::metrics::provenance::ModelRun;

/// A detector, ready to run, and what it was made from.
pub struct Loaded {
    model: Network,
    provenance: ModelRun,
}

impl Loaded {
    pub fn new(console: &Console, options: &ModelOptions, run: &RunOptions, score: Option<f64>) -> Result<Self> {
        let in_range = |score: f64| arguments::score(&score.to_string()).map_err(Error::msg).context("--score");
        let score = score.map(in_range).transpose()?;
        let model = model::load(options, console, |load| {
            adjust(load, run.adjustments);
            load.score = score;
        })?;
        if model.as_detector().is_none() {
            bail!("{} is a classifier, not a detector", model.spec().name);
        }
        let provenance = model::provenance(options, &model, usize::from(run.batch), score)?;
        Ok(Self { model, provenance })
    }

    pub fn detector(&self) -> Result<&dyn Detector> {
        match self.model.as_detector() {
            Some(detector) => Ok(detector),
            None => bail!("{} is a classifier, not a detector", self.model.spec().name),
        }
    }

    pub fn spec(&self) -> &ModelSpec {
        self.model.spec()
    }

    pub fn provenance(&self) -> ModelRun {
        self.provenance.clone()
    }

    /// Whether it finds masks.
    pub fn masks(&self) -> bool {
        matches!(&self.spec().task, Task::MaskRcnn(spec) if spec.mask_head.is_some())
    }

    /// The categories that its classes stand for. With `some`, classes that the data set does not have are left out.
    pub fn class_map(&self, categories: &[Category], data: &Path, some: bool) -> Result<ClassMap> {
        let classes: Vec<_> = self.spec().classes.iter().map(|c| Class { id: c.id, name: &c.name }).collect();
        ClassMap::new(&classes, categories, &data.display().to_string(), some).map_err(|error| match &error {
            vovdet_datasets::Error::Classes { missing, .. } if !missing.is_empty() => {
                let hint = "name the model's classes with --class-names, or keep those in common with --classes";
                anyhow!("{error}; {hint}")
            }
            _ => error.into(),
        })
    }
}
