//! Arguments that several verbs share: which images, which model, which device, which scores.

use anyhow::{Context, Result, bail};
use clap::builder::Resettable;
use clap::{Args, ValueEnum};
use std::path::{Path, PathBuf};
use std::str::FromStr;

/// The images of a run.
#[derive(Debug, Args)]
#[command(next_help_heading = "Images")]
pub struct SourceOptions {
    /// Images: files, folders, patterns such as 'photos/*.jpg', or - for an image on standard input.
    #[arg(value_name = "SOURCES", required_unless_present = "list", help_heading = Resettable::Reset)]
    pub sources: Vec<PathBuf>,
    /// Read paths from FILE, one per line; - reads them from standard input as they come.
    #[arg(long, value_name = "FILE", conflicts_with = "sources")]
    pub list: Option<PathBuf>,
    /// Look into the folders of a folder too.
    #[arg(short, long)]
    pub recursive: bool,
    /// Images that go through the network together.
    #[arg(short, long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..=1024))]
    pub batch: u16,
}

/// A model, its weights, and where it runs.
#[derive(Debug, Args)]
#[command(next_help_heading = "Model")]
pub struct ModelOptions {
    /// Model by name (`vovdet weights inspect --models` lists them), or a spec in a JSON file [default: what the
    /// weights say].
    #[arg(short, long, value_name = "NAME|SPEC.json")]
    pub model: Option<String>,
    /// Weights: a PyTorch, detectron2, Caffe or safetensors file, or the name of official ones (`vovdet weights list`),
    /// fetched when they are not in the cache [default: those built in, else the official ones of the model].
    #[arg(short, long, value_name = "FILE|NAME")]
    pub weights: Option<PathBuf>,
    /// How weights fit the model.
    #[command(flatten)]
    pub fit: FitOptions,
    /// Where and how the network runs.
    #[command(flatten)]
    pub engine: EngineOptions,
}

impl ModelOptions {
    /// Whether a model or weights are named.
    pub fn is_given(&self) -> bool {
        self.model.is_some() || self.weights.is_some()
    }
}

/// How weights fit a model, where the file does not say it itself.
#[derive(Debug, Clone, Args)]
pub struct FitOptions {
    /// Whose rules a detector follows [default: what the names in the weights say].
    #[arg(
        long,
        hide_possible_values = true,
        value_name = "maskrcnn-benchmark|detectron2|torchvision|caffe|luuuyi|uoip"
    )]
    pub dialect: Option<Dialect>,
    /// Normalisation of the backbone [default: what the model and the weights say].
    #[arg(long)]
    pub norm: Option<Norm>,
    /// Names of the classes: one per line, or a JSON array of strings.
    #[arg(long, value_name = "FILE")]
    pub class_names: Option<PathBuf>,
    /// Load although parameters that match this pattern (`*` fits anything) are missing in the weights.
    #[arg(long, value_name = "PATTERN")]
    pub allow_missing: Vec<String>,
    /// Do not use the network: official weights come from the cache or not at all.
    #[arg(long)]
    pub offline: bool,
}

/// Numbers of a detector that are changed without a spec of one's own.
#[derive(Debug, Clone, Copy, Default, Args)]
#[command(next_help_heading = "Model")]
pub struct Adjustments {
    /// Size at which the detector sees images: the short side in pixels, the longest in proportion; both sides of a
    /// RefineDet [default: the model's own].
    #[arg(long, visible_alias = "imgsz", value_name = "PIXELS")]
    pub size: Option<u32>,
    /// IoU above which the lower of two boxes of a class is dropped (NMS), 0 to 1 [default: the model's own].
    #[arg(long, value_name = "IOU", value_parser = iou)]
    pub nms: Option<f32>,
}

/// Where and how a network runs.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Engine")]
pub struct EngineOptions {
    /// Where the network runs: auto, cpu, cuda, cuda:1, …
    #[arg(long, default_value = "auto", value_name = "auto|cpu|cuda[:N]")]
    pub device: DeviceChoice,
    /// Arithmetic of the network: auto, fp32, bf16, fp16.
    #[arg(long, default_value = "auto", hide_possible_values = true, value_name = "auto|fp32|bf16|fp16")]
    pub precision: Precision,
    /// Leave out every fast path, to compare with.
    #[arg(long)]
    pub plain: bool,
    /// Threads of the network [default: all cores].
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1024))]
    pub threads: Option<u16>,
}

impl EngineOptions {
    /// Nothing that depends on the machine: for verbs that only look at parameters.
    pub fn plain_cpu() -> Self {
        Self { device: DeviceChoice::Cpu, precision: Precision::Fp32, plain: true, threads: None }
    }
}

/// Whose rules a detector follows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Dialect {
    /// maskrcnn-benchmark, used by VoVNet-Detectron.
    MaskrcnnBenchmark,
    /// detectron2, used by vovnet-detectron2.
    Detectron2,
    /// torchvision.
    Torchvision,
    /// Caffe: the authors' own SSD, DSOD, RefineDet and Pelee.
    Caffe,
    /// luuuyi's PyTorch RefineDet.
    Luuuyi,
    /// uoip's PyTorch DSOD.
    Uoip,
}

/// The normalisation of a backbone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Norm {
    /// BatchNorm with running statistics.
    Batch,
    /// BatchNorm as a constant affine map.
    Frozen,
    /// GroupNorm.
    Group,
}

/// The arithmetic of a network.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Precision {
    /// The best that loses nothing.
    Auto,
    /// 32-bit floats.
    Fp32,
    /// bfloat16: the range of float32, 8 bits of mantissa.
    Bf16,
    /// IEEE half precision; CUDA only.
    Fp16,
    /// 64-bit floats: slow, to compare with a reference to the last digits.
    Fp64,
}

/// What `--device` says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DeviceChoice {
    /// The first CUDA device, else the CPU.
    Auto,
    /// The CPU.
    Cpu,
    /// The CUDA device of this number.
    Cuda(usize),
}

impl FromStr for DeviceChoice {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text.split_once(':') {
            None if text == "auto" => Ok(Self::Auto),
            None if text == "cpu" => Ok(Self::Cpu),
            None if text == "cuda" => Ok(Self::Cuda(0)),
            Some(("cuda", index)) if let Ok(index) = index.parse() => Ok(Self::Cuda(index)),
            _ => Err("choose auto, cpu, cuda or cuda:N with a number N".into()),
        }
    }
}

/// A score that a network gives.
///
/// # Errors
/// When it is no number from 0 to 1.
pub fn score(text: &str) -> Result<f32, String> {
    text.parse()
        .ok()
        .filter(|score| (0.0..=1.0).contains(score))
        .ok_or_else(|| "a score is a number from 0 to 1".into())
}

/// An overlap of two boxes.
///
/// # Errors
/// When it is no number from 0 to 1.
pub fn iou(text: &str) -> Result<f32, String> {
    text.parse()
        .ok()
        .filter(|iou| (0.0..=1.0).contains(iou))
        .ok_or_else(|| "an overlap (IoU) is a number from 0 to 1".into())
}

/// A score that a file may hold.
///
/// # Errors
/// When it is no finite number.
pub fn any_score(text: &str) -> Result<f64, String> {
    text.parse().ok().filter(|number: &f64| number.is_finite()).ok_or_else(|| "a score is a number such as 0.05".into())
}

/// Side of an image, or its width and height.
///
/// # Errors
/// When it is neither.
pub fn size(text: &str) -> Result<(u32, u32), String> {
    let side = |text: &str| text.parse().ok().filter(|side| (1..=16_384).contains(side));
    let (w, h) = text.split_once('x').unwrap_or((text, text));
    side(w).zip(side(h)).ok_or_else(|| "give one side or WIDTHxHEIGHT, from 1 to 16384 pixels".into())
}

/// Class names from the file of `--class-names`: a JSON array of strings, or one name per line.
///
/// # Errors
/// When it cannot be read or holds none.
pub fn class_names(path: &Path) -> Result<Vec<String>> {
    let file = || format!("--class-names {}", path.display());
    let text = std::fs::read_to_string(path).with_context(file)?;
    let names: Vec<String> = if text.trim_start().starts_with('[') {
        serde_json::from_str(&text).with_context(|| format!("{} is not a JSON array of strings", file()))?
    } else {
        text.lines().map(str::trim).filter(|line| !line.is_empty()).map(String::from).collect()
    };
    if names.is_empty() {
        bail!("{} holds no names", file());
    }
    Ok(names)
}

/// Cores that this process may use.
pub fn cores() -> usize {
    std::thread::available_parallelism().map_or(1, std::num::NonZero::get)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn devices() {
        assert_eq!("cuda:3".parse(), Ok(DeviceChoice::Cuda(3)));
        assert_eq!("cuda".parse(), Ok(DeviceChoice::Cuda(0)));
        for bad in ["", "gpu", "cuda:", "cuda:-1", "cpu:0"] {
            assert!(bad.parse::<DeviceChoice>().is_err(), "{bad}");
        }
    }
}
