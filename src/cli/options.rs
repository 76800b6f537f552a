//! Options that the verbs share: which model, which weights, which device.

use super::console::Console;
use super::official;
use anyhow::{Context, Result, anyhow, bail};
use clap::{Args, ValueEnum};
use std::path::{Path, PathBuf};
use std::str::FromStr;
use vovdet_detectors::spec::{Class, Dialect, NormKind};
use vovdet_detectors::{LoadOptions, Model, ModelSpec, Precision};
use vovdet_evaluation::metrics::provenance::{FileRef, ModelRun, sha256};
use vovdet_native::{CudaStatus, load_cuda};
use vovdet_pretrained::catalogue::{self, Entry};
use vovdet_pretrained::{Checkpoint, models};

#[derive(Debug, Args)]
#[command(next_help_heading = "Model")]
pub struct ModelOptions {
    /// Model by name (`vovdet weights inspect --models` lists them), or a spec in a JSON file [default: what the
    /// weights say].
    #[arg(short, long, value_name = "NAME|SPEC.json")]
    pub model: Option<String>,
    /// Weights: a PyTorch, detectron2, Caffe or safetensors file, or the name of official ones (`vovdet weights list`), fetched
    /// when they are not in the cache [default: those built in, else the official ones of the model].
    #[arg(short, long, value_name = "FILE|NAME")]
    pub weights: Option<PathBuf>,
    /// Whose rules a detector follows [default: told by the names in the weights].
    #[arg(long, value_name = "maskrcnn-benchmark|detectron2|torchvision|caffe|luuuyi|uoip")]
    pub dialect: Option<Dialect>,
    /// Normalisation of the backbone [default: told by the model and the weights].
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
    #[command(flatten)]
    pub engine: EngineOptions,
}

#[derive(Debug, Args)]
#[command(next_help_heading = "Engine")]
pub struct EngineOptions {
    /// Where the network runs: auto, cpu, cuda, cuda:1, …
    #[arg(long, default_value = "auto", value_name = "auto|cpu|cuda[:N]")]
    pub device: DeviceChoice,
    /// Arithmetic of the network: auto, fp32, bf16, fp16.
    #[arg(long, default_value = "auto", value_name = "auto|fp32|bf16|fp16")]
    pub precision: Precision,
    /// Leave out every fast path, to compare with.
    #[arg(long)]
    pub plain: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Norm {
    /// BatchNorm with running statistics.
    Batch,
    /// BatchNorm as a constant affine map.
    Frozen,
    /// GroupNorm.
    Group,
}

impl From<Norm> for NormKind {
    fn from(norm: Norm) -> Self {
        match norm {
            Norm::Batch => Self::Batch,
            Norm::Frozen => Self::Frozen,
            Norm::Group => Self::Group,
        }
    }
}

/// What `--device` says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DeviceChoice {
    Auto,
    Cpu,
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

impl DeviceChoice {
    fn device(self) -> Result<tch::Device> {
        let count = || match load_cuda() {
            CudaStatus::Loaded => usize::try_from(tch::Cuda::device_count()).unwrap_or(0),
            CudaStatus::NoDriver | CudaStatus::Failed(_) => 0,
        };
        match self {
            Self::Cpu => Ok(tch::Device::Cpu),
            Self::Auto if count() == 0 => Ok(tch::Device::Cpu),
            Self::Auto => Ok(tch::Device::Cuda(0)),
            Self::Cuda(index) if index < count() => Ok(tch::Device::Cuda(index)),
            Self::Cuda(index) => match load_cuda() {
                CudaStatus::NoDriver => bail!("--device cuda: this machine has no NVIDIA driver; use --device cpu"),
                CudaStatus::Failed(reason) => {
                    bail!(
                        "--device cuda: libtorch's CUDA part did not open ({reason}); `make setup DEVICE=cuda` installs it"
                    )
                }
                CudaStatus::Loaded => {
                    bail!("--device cuda:{index}: there are {} CUDA devices, numbered from 0", count())
                }
            },
        }
    }
}

impl EngineOptions {
    /// Nothing that depends on the machine: for verbs that only look at parameters.
    pub fn plain_cpu() -> Self {
        Self { device: DeviceChoice::Cpu, precision: Precision::Fp32, plain: true }
    }

    /// Whether nothing was asked for.
    pub fn is_default(&self) -> bool {
        self.device == DeviceChoice::Auto && self.precision == Precision::Auto && !self.plain
    }

    /// Writes what these options say into `options`.
    fn apply(&self, options: &mut LoadOptions) -> Result<()> {
        options.device = self.device.device()?;
        options.precision = self.precision;
        options.plain = self.plain;
        Ok(())
    }
}

impl ModelOptions {
    /// Opens the weights, builds the model and fills it. `adjust` has the last word on the options.
    ///
    /// # Errors
    /// When a name, a file or an option does not fit; the message says which and what to do.
    pub fn load(&self, console: &Console, adjust: impl FnOnce(&mut LoadOptions)) -> Result<Model> {
        let checkpoint = self.checkpoint(console)?;
        let spec = self.spec()?;
        let mut options = self.load_options()?;
        adjust(&mut options);
        let (model, report) = vovdet_detectors::load(spec, &checkpoint, &options)?;
        console.detail(&report);
        console.detail(format_args!("device {:?}, {} threads", options.device, tch::get_num_threads()));
        Ok(model)
    }

    /// Whether a model or weights are named.
    pub fn is_given(&self) -> bool {
        self.model.is_some() || self.weights.is_some()
    }

    /// Where the results of a model that was loaded with these options come from.
    ///
    /// # Errors
    /// When the weights cannot be read again.
    pub fn provenance(&self, model: &Model, batch: usize, score: Option<f32>) -> Result<ModelRun> {
        let weights = match (&self.weights, self.official()) {
            (_, Some(entry)) => FileRef { path: entry.name.as_str().into(), ..official::file(entry, self.offline)? },
            (Some(path), None) if path.exists() => FileRef::of(path).with_context(|| path.display().to_string())?,
            (Some(path), None) => built_in(&path.to_string_lossy())?,
            (None, None) => built_in(self.model.as_deref().unwrap_or_default())?,
        };
        let device = self.engine.device.device()?;
        Ok(ModelRun {
            weights,
            spec: serde_json::to_value(model.spec())?,
            libtorch: vovdet_native::torch_version(),
            device: match device {
                tch::Device::Cuda(index) => format!("cuda:{index}"),
                other => format!("{other:?}").to_lowercase(),
            },
            precision: match self.engine.precision.kind(device)? {
                tch::Kind::BFloat16 => "bf16".into(),
                tch::Kind::Half => "fp16".into(),
                _ => "fp32".into(),
            },
            plain: self.engine.plain,
            threads: tch::get_num_threads(),
            batch,
            images: 0,
            score,
        })
    }

    /// What the options say, without those of a verb.
    ///
    /// # Errors
    /// When the device is not there, or a file cannot be read.
    pub fn load_options(&self) -> Result<LoadOptions> {
        let mut options = LoadOptions {
            dialect: self.dialect()?,
            norm: self.norm.map(NormKind::from),
            allow: self.allow_missing.clone(),
            class_names: self.class_names.as_deref().map(class_names).transpose()?,
            ..LoadOptions::default()
        };
        self.engine.apply(&mut options)?;
        Ok(options)
    }

    /// The spec that `--model` names; none when the weights shall tell.
    ///
    /// # Errors
    /// When there is no such model, or the file is no spec.
    pub fn spec(&self) -> Result<Option<ModelSpec>> {
        let official = self.official();
        // Official weights know their model; a name of theirs given as the model is not the model's own.
        let named = self.model.as_deref().filter(|&model| official.is_none_or(|entry| entry.name != model));
        let Some(model) = named.or(official.and_then(|entry| entry.model.as_deref())) else { return Ok(None) };
        if model.ends_with(".json") {
            let text = std::fs::read_to_string(model).with_context(|| format!("--model {model}"))?;
            return Ok(Some(ModelSpec::from_json(&text, model)?));
        }
        // The built-in weights carry their spec, with class names and all.
        if self.weights.is_none() && models::find(model).is_some() {
            return Ok(None);
        }
        Ok(Some(ModelSpec::named(model, self.dialect()?)?))
    }

    /// The official weights that `--weights` names, or `--model` stands for.
    fn official(&self) -> Option<&'static Entry> {
        match (&self.weights, &self.model) {
            (Some(weights), _) => official::meant(weights),
            (None, Some(model)) if models::find(model).is_some() => None,
            (None, Some(model)) => match self.dialect {
                Some(dialect) => catalogue::default_of(model, Some(dialect.name())),
                None => catalogue::find(model),
            },
            (None, None) => None,
        }
    }

    /// The dialect as it is told, else that of the official weights.
    fn dialect(&self) -> Result<Option<Dialect>> {
        let official = || self.official()?.dialect.as_deref();
        match self.dialect {
            Some(told) => Ok(Some(told)),
            None => official().map(|name| name.parse().map_err(anyhow::Error::msg)).transpose(),
        }
    }

    /// The weights: those of `--weights`, or those built in, or the official ones of the model.
    ///
    /// # Errors
    /// When there are none.
    pub fn checkpoint(&self, console: &Console) -> Result<Checkpoint> {
        if let Some(path) = &self.weights {
            return Ok(official::open(path, console, self.offline)?.folded()?);
        }
        if let Some(entry) = self.official() {
            return Ok(official::open_entry(entry, console, self.offline)?.folded()?);
        }
        let names = models::names().collect::<Vec<_>>().join(", ");
        let Some(model) = &self.model else {
            bail!("give the weights with --weights FILE, or a built-in model with --model ({names})");
        };
        let Some(bytes) = models::find(model) else {
            // A misspelt name is the likelier mistake, so it is told first.
            self.spec()?;
            let published = official::of_model(model);
            if !published.is_empty() {
                bail!("{model} has no official weights that are complete: choose with --weights FILE, or {published}");
            }
            bail!("the weights of {model} are not built in: give them with --weights FILE (built in: {names})");
        };
        Ok(Checkpoint::from_bytes(model, bytes)?)
    }
}

/// Weights that are built in, as a file of their name.
fn built_in(name: &str) -> Result<FileRef> {
    let bytes = models::find(name).with_context(|| format!("there are no weights {name}"))?;
    Ok(FileRef { path: name.into(), sha256: Some(sha256(bytes)) })
}

/// Class names from a file: a JSON array of strings, or one name per line.
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

/// Sets libtorch's threads: as asked, or one per core that this process may use.
pub fn set_threads(threads: Option<u16>) {
    let threads = threads.map_or_else(cores, usize::from);
    // At most a u16 or the number of cores.
    tch::set_num_threads(i32::try_from(threads).unwrap_or(1));
}

/// Cores that this process may use.
pub fn cores() -> usize {
    std::thread::available_parallelism().map_or(1, std::num::NonZero::get)
}

/// The labels of the classes that `--classes` names, by name or by category id.
///
/// # Errors
/// When a word is neither; the nearest name is suggested.
pub fn labels(words: &[String], classes: &[Class]) -> Result<Vec<usize>> {
    let label = |word: &String| {
        let word = word.trim();
        let by_name = classes.iter().position(|class| class.name.eq_ignore_ascii_case(word));
        by_name.or_else(|| classes.iter().position(|class| class.id.to_string() == word)).ok_or_else(|| {
            let near = vovdet_pretrained::naming::closest(word, classes.iter().map(|class| class.name.as_str()));
            let hint = near.map_or_else(
                || {
                    format!(
                        "it knows {}",
                        classes.iter().take(8).map(|c| c.name.as_str()).collect::<Vec<_>>().join(", ")
                    )
                },
                |near| format!("did you mean `{near}`?"),
            );
            anyhow!("--classes: the model has no class `{word}`: {hint}")
        })
    };
    words.iter().map(label).collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn devices() {
        assert_eq!("cuda:3".parse(), Ok(DeviceChoice::Cuda(3)));
        assert_eq!("cuda".parse(), Ok(DeviceChoice::Cuda(0)));
        for bad in ["", "gpu", "cuda:", "cuda:-1", "cpu:0"] {
            assert!(bad.parse::<DeviceChoice>().is_err(), "{bad}");
        }
    }

    #[test]
    fn classes_by_name_and_id() {
        let classes = Class::table(80);
        let words = |list: &[&str]| list.iter().map(|w| (*w).to_owned()).collect::<Vec<_>>();
        // COCO: stop sign is the 12th class and has the id 13.
        assert_eq!(labels(&words(&["person", "Stop Sign", "13"]), &classes).unwrap(), [0, 11, 11]);
        let error = labels(&words(&["persn"]), &classes).unwrap_err().to_string();
        assert!(error.contains("did you mean `person`?"), "{error}");
    }
}
