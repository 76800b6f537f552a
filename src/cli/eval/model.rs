//! The model that finds the detections of an evaluation.

use crate::cli::console::Console;
use crate::cli::options::ModelOptions;
use anyhow::{Result, bail};
use clap::Args;
use std::path::{Path, PathBuf};
use vovdet_detectors::spec::Task;
use vovdet_detectors::{Detector, Model, ModelSpec};
use vovdet_evaluation::data::category::{Category, Class, ClassMap};
use vovdet_evaluation::metrics::provenance::ModelRun;

#[derive(Debug, Args)]
#[command(next_help_heading = "Run")]
pub struct RunOptions {
    /// Images that go through the network together.
    #[arg(short, long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..=1024))]
    pub batch: u16,
    /// Least score of a detection, 0 to 1 [default: the model's own].
    #[arg(long, value_name = "SCORE", value_parser = crate::cli::detect::score)]
    pub score: Option<f32>,
    /// Write the detections: COCO results, or, for VOC and unless it ends with .json, a folder of comp4 files.
    #[arg(long, value_name = "FILE")]
    pub save_detections: Option<PathBuf>,
    /// Go on with a run that ended early: with the detections that it kept, or those in FILE.
    #[arg(long, value_name = "FILE", num_args = 0..=1)]
    pub resume: Option<Option<PathBuf>>,
}

impl RunOptions {
    /// Options of a run make no sense with saved detections.
    pub fn refuse_model(&self, model: &ModelOptions) -> Result<()> {
        if model.is_given() {
            bail!("--detections are scored as they are: leave out --model and --weights");
        }
        if self.save_detections.is_some() || self.resume.is_some() || self.score.is_some() {
            bail!(
                "--save-detections, --resume and --score are for a run with a model, and --detections are saved ones"
            );
        }
        if self.batch != 1 || !model.engine.is_default() {
            bail!(
                "--batch, --device, --precision and --plain are for a run with a model, and --detections are saved ones"
            );
        }
        Ok(())
    }
}

/// A detector, ready to run, and what it was made from.
pub struct Loaded {
    model: Model,
    provenance: ModelRun,
}

impl Loaded {
    pub fn new(console: &Console, options: &ModelOptions, run: &RunOptions) -> Result<Self> {
        let model = options.load(console, |load| load.score = run.score)?;
        if model.as_detector().is_none() {
            bail!("{} is a classifier, not a detector", model.spec().name);
        }
        let provenance = options.provenance(&model, usize::from(run.batch), run.score)?;
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
        match &self.spec().task {
            Task::MaskRcnn(spec) => spec.mask_head.is_some(),
            Task::OneStage(_) | Task::Classify { .. } => false,
        }
    }

    /// The categories that its classes stand for. With `some`, classes that the data set does not have are left out.
    pub fn class_map(&self, categories: &[Category], data: &Path, some: bool) -> Result<ClassMap> {
        let classes: Vec<_> = self.spec().classes.iter().map(|c| Class { id: c.id, name: &c.name }).collect();
        ClassMap::new(&classes, categories, &data.display().to_string(), some)
    }
}
