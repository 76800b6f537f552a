//! From the options of a verb to a loaded model: which spec, which weights, which device.

use anyhow::{Context, Result, anyhow, bail};
use vovdet::cli::arguments::{self, Adjustments, DeviceChoice, EngineOptions, FitOptions, ModelOptions, cores};
use vovdet::cli::console::Console;
use vovdet::cli::official;
use vovdet_datasets::category;
use vovdet_detectors::spec::{Class, Dialect, NormKind};
use vovdet_detectors::{LoadOptions, ModelSpec, Network, Precision};
use vovdet_evaluation::metrics::provenance::{FileRef, ModelRun, sha256};
use vovdet_native::{CudaStatus, load_cuda};
use vovdet_pretrained::catalogue::{self, Entry};
use vovdet_pretrained::{Checkpoint, models};

/// The device that `--device` means.
fn device(choice: DeviceChoice) -> Result<tch::Device> {
    let count = || match load_cuda() {
        CudaStatus::Loaded => usize::try_from(tch::Cuda::device_count()).unwrap_or(0),
        CudaStatus::NoDriver | CudaStatus::Failed(_) => 0,
    };
    match choice {
        DeviceChoice::Cpu => Ok(tch::Device::Cpu),
        DeviceChoice::Auto if count() == 0 => Ok(tch::Device::Cpu),
        DeviceChoice::Auto => Ok(tch::Device::Cuda(0)),
        DeviceChoice::Cuda(index) if index < count() => Ok(tch::Device::Cuda(index)),
        DeviceChoice::Cuda(index) => match load_cuda() {
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

/// The dialect that `--dialect` names.
pub fn dialect(chosen: arguments::Dialect) -> Dialect {
    match chosen {
        arguments::Dialect::MaskrcnnBenchmark => Dialect::MaskrcnnBenchmark,
        arguments::Dialect::Detectron2 => Dialect::Detectron2,
        arguments::Dialect::Torchvision => Dialect::Torchvision,
        arguments::Dialect::Caffe => Dialect::Caffe,
        arguments::Dialect::Luuuyi => Dialect::Luuuyi,
        arguments::Dialect::Uoip => Dialect::Uoip,
    }
}

fn norm(chosen: arguments::Norm) -> NormKind {
    match chosen {
        arguments::Norm::Batch => NormKind::Batch,
        arguments::Norm::Frozen => NormKind::Frozen,
        arguments::Norm::Group => NormKind::Group,
    }
}

fn precision(chosen: arguments::Precision) -> Precision {
    match chosen {
        arguments::Precision::Auto => Precision::Auto,
        arguments::Precision::Fp32 => Precision::Fp32,
        arguments::Precision::Bf16 => Precision::Bf16,
        arguments::Precision::Fp16 => Precision::Fp16,
        arguments::Precision::Fp64 => Precision::Fp64,
    }
}

/// An error of the detectors with the option that helps.
pub fn with_hint(error: vovdet_detectors::Error) -> anyhow::Error {
    use vovdet_detectors::Error;
    match &error {
        Error::Unidentified { .. } => {
            anyhow!("{error}: name one with --model (`vovdet weights inspect` shows what the file holds)")
        }
        Error::UnknownModel { near: None, .. } => anyhow!("{error}: `vovdet weights inspect --models` lists them"),
        Error::NoDialect { name, dialect } => {
            anyhow!("`{name}` has no dialect {dialect}: leave --dialect out, or choose another")
        }
        _ => error.into(),
    }
}

/// Opens the weights, builds the model and fills it. `adjust` has the last word on the options.
///
/// # Errors
/// When a name, a file or an option does not fit; the message says which and what to do.
pub fn load(options: &ModelOptions, console: &Console, adjust: impl FnOnce(&mut LoadOptions)) -> Result<Network> {
    set_threads(options.engine.threads)?;
    let checkpoint = checkpoint(options, console)?;
    let spec = spec(options)?;
    let mut load = load_options(options)?;
    adjust(&mut load);
    let (model, report) = vovdet_detectors::load(spec, &checkpoint, &load).map_err(with_hint)?;
    console.detail(&report);
    console.detail(format_args!("device {:?}, {} threads", load.device, tch::get_num_threads()));
    Ok(model)
}

/// Where the results of a model that was loaded with these options come from.
///
/// # Errors
/// When the weights cannot be read again.
pub fn provenance(options: &ModelOptions, model: &Network, batch: usize, score: Option<f32>) -> Result<ModelRun> {
    let weights = match (&options.weights, official_of(options)) {
        (_, Some(entry)) => FileRef { path: entry.name.as_str().into(), ..official::file(entry, options.fit.offline)? },
        (Some(path), None) if path.exists() => FileRef::of(path).with_context(|| path.display().to_string())?,
        (Some(path), None) => built_in(&path.to_string_lossy())?,
        (None, None) => built_in(options.model.as_deref().unwrap_or_default())?,
    };
    let device = device(options.engine.device)?;
    Ok(ModelRun {
        weights,
        spec: serde_json::to_value(model.spec())?,
        libtorch: vovdet_native::torch_version(),
        device: match device {
            tch::Device::Cuda(index) => format!("cuda:{index}"),
            other => format!("{other:?}").to_lowercase(),
        },
        precision: match precision(options.engine.precision).kind(device)? {
            tch::Kind::BFloat16 => "bf16".into(),
            tch::Kind::Half => "fp16".into(),
            tch::Kind::Double => "fp64".into(),
            _ => "fp32".into(),
        },
        plain: options.engine.plain,
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
pub fn load_options(options: &ModelOptions) -> Result<LoadOptions> {
    let FitOptions { norm, class_names, allow_missing, .. } = &options.fit;
    let EngineOptions { device, precision, plain, .. } = options.engine;
    Ok(LoadOptions {
        dialect: chosen_dialect(options)?,
        norm: norm.map(self::norm),
        allow: allow_missing.clone(),
        class_names: class_names.as_deref().map(arguments::class_names).transpose()?,
        device: self::device(device)?,
        precision: self::precision(precision),
        plain,
        ..LoadOptions::default()
    })
}

/// Has a load follow `--size` and `--nms`.
pub fn adjust(load: &mut LoadOptions, Adjustments { size, nms }: Adjustments) {
    (load.size, load.nms) = (size, nms);
}

/// The spec that `--model` names; none when the weights shall tell.
///
/// # Errors
/// When there is no such model, or the file is no spec.
pub fn spec(options: &ModelOptions) -> Result<Option<ModelSpec>> {
    let official = official_of(options);
    // Official weights know their model; a name of theirs given as the model is not the model's own.
    let named = options.model.as_deref().filter(|&model| official.is_none_or(|entry| entry.name != model));
    let Some(model) = named.or(official.and_then(|entry| entry.model.as_deref())) else { return Ok(None) };
    if model.ends_with(".json") {
        let text = std::fs::read_to_string(model).with_context(|| format!("--model {model}"))?;
        return Ok(Some(ModelSpec::from_json(&text, model)?));
    }
    // The built-in weights carry their spec, with class names and all.
    if options.weights.is_none() && models::find(model).is_some() {
        return Ok(None);
    }
    Ok(Some(ModelSpec::named(model, chosen_dialect(options)?).map_err(with_hint)?))
}

/// The official weights that `--weights` names, or `--model` stands for.
fn official_of(options: &ModelOptions) -> Option<&'static Entry> {
    match (&options.weights, &options.model) {
        (Some(weights), _) => official::meant(weights),
        (None, Some(model)) if models::find(model).is_some() => None,
        (None, Some(model)) => match options.fit.dialect {
            Some(chosen) => catalogue::default_of(model, Some(dialect(chosen).name())),
            None => catalogue::find(model),
        },
        (None, None) => None,
    }
}

/// The dialect of `--dialect`, else that of the official weights.
fn chosen_dialect(options: &ModelOptions) -> Result<Option<Dialect>> {
    let official = || official_of(options)?.dialect.as_deref();
    match options.fit.dialect {
        Some(chosen) => Ok(Some(dialect(chosen))),
        None => official().map(|name| name.parse().map_err(anyhow::Error::msg)).transpose(),
    }
}

/// The weights: those of `--weights`, or those built in, or the official ones of the model.
///
/// # Errors
/// When there are none.
pub fn checkpoint(options: &ModelOptions, console: &Console) -> Result<Checkpoint> {
    if let Some(path) = &options.weights {
        return Ok(official::open(path, console, options.fit.offline)?.folded()?);
    }
    if let Some(entry) = official_of(options) {
        return Ok(official::open_entry(entry, console, options.fit.offline)?.folded()?);
    }
    let names = models::names().collect::<Vec<_>>().join(", ");
    let Some(model) = &options.model else {
        bail!("give the weights with --weights FILE, or a built-in model with --model ({names})");
    };
    let Some(bytes) = models::find(model) else {
        // A misspelt name is the likelier mistake, so it is reported first.
        spec(options)?;
        let published = official::of_model(model);
        if !published.is_empty() {
            bail!("{model} has no official weights that are complete: choose with --weights FILE, or {published}");
        }
        bail!("the weights of {model} are not built in: give them with --weights FILE (built in: {names})");
    };
    Ok(Checkpoint::from_bytes(model, bytes)?)
}

/// Weights that are built in, as a file of their name.
fn built_in(name: &str) -> Result<FileRef> {
    let bytes = models::find(name).with_context(|| format!("there are no weights {name}"))?;
    Ok(FileRef { path: name.into(), sha256: Some(sha256(bytes)) })
}

/// Sets libtorch's threads: as asked, or one per core that this process may use.
///
/// # Errors
/// When the system does not let this process start the threads that a run needs.
pub fn set_threads(threads: Option<u16>) -> Result<()> {
    let threads = threads.map_or_else(cores, usize::from);
    start_and_end(threads + cores() + OTHER_THREADS)?;
    // At most a u16 or the number of cores.
    tch::set_num_threads(i32::try_from(threads).unwrap_or(1));
    Ok(())
}

/// Threads beside libtorch's and those of our own operations: at most 16 read images and 8 write pictures.
const OTHER_THREADS: usize = 32;

/// Starts so many threads at once and ends them. Where a limit forbids them (`ulimit -u`, a container), libraries that
/// start theirs later would end the program in the middle of its work.
fn start_and_end(count: usize) -> Result<()> {
    let (until_dropped, wait) = crossbeam_channel::bounded::<()>(0);
    std::thread::scope(|scope| {
        let _until_dropped = until_dropped;
        for started in 0..count {
            let wait = wait.clone();
            std::thread::Builder::new().spawn_scoped(scope, move || wait.recv().is_ok()).with_context(|| {
                format!(
                    "the system lets this process start only {started} of {count} threads: raise its limit (ulimit -u)"
                )
            })?;
        }
        Ok(())
    })
}

/// The labels of the classes that an option names, by name or by category id.
///
/// # Errors
/// When a word is neither; the nearest name is suggested.
pub fn labels(flag: &str, words: &[String], classes: &[Class]) -> Result<Vec<usize>> {
    let names = classes.iter().map(|class| (class.id.into(), class.name.as_str()));
    let label = |word: &String| {
        category::place(word, names.clone()).map_err(|error| {
            let hint = match error {
                vovdet_datasets::Error::UnknownCategory { near: Some(near), .. } => format!("did you mean `{near}`?"),
                _ => format!("it knows {}", names.clone().take(8).map(|(_, name)| name).collect::<Vec<_>>().join(", ")),
            };
            anyhow!("{flag}: the model has no class `{}`: {hint}", word.trim())
        })
    };
    words.iter().map(label).collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn classes_by_name_and_id() {
        let classes = Class::table(80);
        let words = |list: &[&str]| list.iter().map(|w| (*w).to_owned()).collect::<Vec<_>>();
        // COCO: stop sign is the 12th class and has the id 13.
        assert_eq!(labels("--classes", &words(&["person", "Stop Sign", "13"]), &classes).unwrap(), [0, 11, 11]);
        let error = labels("--classes", &words(&["persn"]), &classes).unwrap_err().to_string();
        assert!(error.contains("did you mean `person`?"), "{error}");
    }
}
