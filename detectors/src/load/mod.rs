//! From a checkpoint to a network, strictly: whatever is not applied is an error unless the caller allows it by name.
//!
//! One straight line: read the names ([`keys`]), choose the spec ([`choose`]), read from the file what it fixes
//! ([`adapt`]), build, fill ([`fill`]), plan for inference.

mod adapt;
mod adapt_one_stage;
mod choose;
mod fill;
mod identify;
mod keys;
mod landmarks;
mod report;

pub use identify::identify;
pub use report::{LoadReport, Mismatch, Missing};

use crate::spec::{Dialect, NormKind, SoftNms};
use crate::{Error, ModelSpec, Network, Precision};
use keys::Keys;
use tch::{Device, Kind};
use vovdet_pretrained::Checkpoint;

/// Key of the spec in the metadata of our own weight files.
pub const SPEC_KEY: &str = "vovdet.spec";

/// How to load.
#[derive(Debug, Clone)]
pub struct LoadOptions {
    /// Whose rules; read from the checkpoint's keys when not given.
    pub dialect: Option<Dialect>,
    /// Normalisation of the backbone instead of the spec's.
    pub norm: Option<NormKind>,
    /// Where the model shall live.
    pub device: Device,
    /// Arithmetic.
    pub precision: Precision,
    /// Keep every layer in its trainable form: no folding, no layout change. Needs float32 or float64.
    pub plain: bool,
    /// Parameters that may be missing; `*` stands for anything.
    pub allow: Vec<String>,
    /// Names for the foreground classes, in output order.
    pub class_names: Option<Vec<String>>,
    /// Score threshold instead of the spec's.
    pub score: Option<f32>,
    /// Most detections per image instead of the spec's.
    pub max_dets: Option<usize>,
    /// IoU threshold of the per-class NMS instead of the spec's.
    pub nms: Option<f32>,
    /// Short side of the input in pixels instead of the spec's, the longest side in proportion; both sides of a RefineDet.
    pub size: Option<u32>,
    /// Soft-NMS on top, in a one-stage detector.
    pub soft_nms: Option<SoftNms>,
}

impl Default for LoadOptions {
    fn default() -> Self {
        Self {
            dialect: None,
            norm: None,
            device: Device::Cpu,
            precision: Precision::Auto,
            plain: false,
            allow: Vec::new(),
            class_names: None,
            score: None,
            max_dets: None,
            nms: None,
            size: None,
            soft_nms: None,
        }
    }
}

/// Builds the network of `spec` and fills it from `checkpoint`.
///
/// Without a spec, the one in the file's metadata is taken, else the one that a known file name stands for, else the
/// first known model that the parameters fit.
///
/// # Errors
/// When no model fits, or anything of the model is missing or of another shape ([`Error::Misfit`] carries the report).
pub fn load(
    spec: Option<ModelSpec>,
    checkpoint: &Checkpoint,
    options: &LoadOptions,
) -> Result<(Network, LoadReport), Error> {
    let _span = tracing::info_span!("load", file = checkpoint.source()).entered();
    let kind = options.precision.kind(options.device)?;
    // Narrower weights are made from float32 ones, after the norms were folded.
    let variables = if kind == Kind::Double { Kind::Double } else { Kind::Float };
    let (mut network, report) = filled(spec, checkpoint, options, options.device, variables)?;
    if !report.is_complete() {
        return Err(Error::Misfit(Box::new(report.with_fits(identify(checkpoint)))));
    }
    if !options.plain || kind != variables {
        network.plan(kind)?;
    }
    Ok((network, report))
}

/// What a load would report, without an error for what does not fit.
///
/// # Errors
/// When no model is known for the file, or a tensor cannot be read.
pub fn check(
    spec: Option<ModelSpec>,
    checkpoint: &Checkpoint,
    options: &LoadOptions,
) -> Result<(ModelSpec, LoadReport), Error> {
    let (network, report) = filled(spec, checkpoint, options, Device::Cpu, Kind::Float)?;
    let fits = if report.is_complete() { Vec::new() } else { identify(checkpoint) };
    Ok((network.spec().clone(), report.with_fits(fits)))
}

fn filled(
    spec: Option<ModelSpec>,
    checkpoint: &Checkpoint,
    options: &LoadOptions,
    device: Device,
    kind: Kind,
) -> Result<(Network, LoadReport), Error> {
    let keys = Keys::new(checkpoint);
    let spec = choose::spec(spec, checkpoint, &keys, options)?;
    let mut network = Network::build(&spec, device, kind)?;
    let report = fill::fill(&mut network, checkpoint, &keys, options)?;
    Ok((network, report))
}

/// Whether `name` fits a pattern in which `*` stands for any text and `?` for any character.
pub(crate) fn matches(pattern: &str, name: &str) -> bool {
    wildmatch::WildMatch::new(pattern).matches(name)
}
