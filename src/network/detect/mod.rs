//! `vovdet detect`: objects in images.

pub mod coco_results;
mod outputs;

use super::batches::{Answer, Answered};
use super::{images, model, predict};
use anyhow::{Context, Result, anyhow, bail};
use outputs::Outputs;
use serde_json::{Map, Value, json};
use std::path::Path;
use vovdet::cli::Outcome;
use vovdet::cli::console::Console;
use vovdet::cli::detect::Detect;
use vovdet::cli::official;
use vovdet::pictures::{Folders, LEAST_SCORE, Pictures, Wanted};
use vovdet::render::missing_letter;
use vovdet::results::{Classes, Done, Results, Target};
use vovdet_datasets::annotations::Ids;
use vovdet_datasets::lines::{Line, Object, Times};
use vovdet_datasets::sources::Sources;
use vovdet_detectors::spec::{SoftNms, Task};
use vovdet_detectors::{Detection, ModelSpec, Network, Prepared, StageTimes};
use vovdet_evaluation::metrics::provenance::sha256;
use vovdet_files::OverwriteGuard;

/// Does what was asked for.
pub fn run(args: &Detect, console: &Console) -> Result<Outcome> {
    // Everything that can be wrong with the arguments is found before the network is loaded.
    official::require_detector(args.model.model.as_deref(), args.model.weights.as_deref())?;
    refuse_classifier(model::spec(&args.model)?.as_ref())?;
    let targets = args.results.targets()?;
    let ids = args.results.annotations.as_deref().map(read_ids).transpose()?;
    let (sources, guard) = inputs(args, &targets)?;
    let model = model::load(&args.model, console, |options| {
        model::adjust(options, args.adjustments);
        options.score = args.choice.score;
        options.max_dets = args.choice.max_dets.map(|n| n as usize);
        options.soft_nms = args.choice.soft_nms.then_some(SoftNms::COCO);
    })?;
    refuse_classifier(Some(model.spec()))?;
    if args.choice.soft_nms && !matches!(model.spec().task, Task::OneStage(_)) {
        bail!("--soft-nms: {} is no one-stage detector", model.spec().name);
    }
    let detector = model.as_detector().context("the model is no detector")?;
    let spec = detector.spec();
    let labels = model::labels("--classes", &args.choice.classes, &spec.classes)?;
    let pictures = Pictures::start(wanted(args, spec)?, Folders::of(&args.images.sources), guard)?;
    let keep_pictures = pictures.is_some();
    if args.results.save.is_some() && !args.pictures.no_labels {
        note_missing_letters(console, spec);
    }

    let key = if targets.is_empty() { Map::new() } else { key(args, &model)? };
    let classes = Classes {
        names: spec.classes.iter().map(|class| (class.id, class.name.clone())).collect(),
        plus_one: coco_results::plus_one(spec),
    };
    let mut earlier = Vec::new();
    let results =
        Results::open(targets, &key, args.results.resume, ids, classes, |index, line| earlier.push((index, line)))?;
    let console = console.with_progress(sources.len, "images");
    let mut outputs = Outputs::new(args, &console, sources.len, results, pictures);
    let done: Done = earlier.iter().map(|(index, line)| (*index, line.image.clone())).collect();
    outputs.go_on_from(&console, earlier);
    outputs.end_well_on_signals();

    let items = sources.items.enumerate().filter(move |(index, source)| !done.contains(&(*index, source.name())));
    let network = |inputs: &[Prepared]| predict::detect(detector, inputs);
    let batch = usize::from(args.images.batch);
    images::run(items, batch, &console, &spec.input, keep_pictures, network, |console, image| {
        let Answered { index, source, answer } = image;
        let Answer { value: (mut detections, stages), size, picture, decode_ms, prepare_ms } = match answer {
            Ok(answer) => answer,
            Err(reason) => return outputs.failed(console, index, &source, reason),
        };
        if !labels.is_empty() {
            detections.retain(|detection| labels.contains(&detection.label));
        }
        let line = Line {
            image: source.name(),
            width: size.0,
            height: size.1,
            saved: None,
            last_pixel_inside: coco_results::plus_one(spec) > 0.0,
            detections: detections.iter().map(|found| object(found, spec, !args.choice.no_masks)).collect(),
            times_ms: times(decode_ms, prepare_ms, stages),
        };
        outputs.found(console, index, &source, line, picture, detections)
    })?;
    outputs.finish(&console)
}

/// A classifier is refused before its weights are fetched.
fn refuse_classifier(spec: Option<&ModelSpec>) -> Result<()> {
    match spec {
        Some(ModelSpec { task: Task::Classify { .. }, name, .. }) => {
            bail!("{name} is a classifier, not a detector: use `vovdet classify`")
        }
        _ => Ok(()),
    }
}

/// The images of the run, and the guard that knows all files that are read, so that no result is written over one.
fn inputs(args: &Detect, targets: &[Target]) -> Result<(Sources, OverwriteGuard)> {
    let mut guard = OverwriteGuard::new();
    let model = &args.model;
    let spec = model.model.as_deref().map(Path::new);
    let files = [model.weights.as_deref(), spec, model.fit.class_names.as_deref(), args.images.list.as_deref()];
    files.into_iter().chain([args.results.annotations.as_deref()]).flatten().for_each(|path| guard.reads(path));
    let Sources { items, len } = images::sources(&args.images)?;
    let sources = match len {
        Some(_) => {
            let all: Vec<_> = items.collect();
            all.iter().filter_map(|source| source.path()).for_each(|path| guard.reads(path));
            Sources { items: Box::new(all.into_iter()), len }
        }
        None => {
            // A list in a file is read twice: a pipe would be empty the second time.
            if args.images.list.as_deref().is_some_and(Path::is_file) {
                items.for_each(|source| source.path().into_iter().for_each(|path| guard.reads(path)));
                images::sources(&args.images)?
            } else {
                Sources { items, len }
            }
        }
    };
    for Target { flag, path, .. } in targets {
        guard.writes(path).map_err(|refused| anyhow!("{flag} {}: {refused}", path.display()))?;
    }
    Ok((sources, guard))
}

fn wanted(args: &Detect, spec: &ModelSpec) -> Result<Wanted> {
    let hide = model::labels("--hide", &args.pictures.hide, &spec.classes)?;
    Ok(Wanted {
        save: args.results.save.clone(),
        crops: args.results.crops.clone(),
        style: args.pictures.style(spec.classes.len() == 1),
        least: args.choice.score.unwrap_or(LEAST_SCORE),
        hide: hide.into_iter().map(|label| spec.classes[label].id).collect(),
    })
}

/// Labels leave out letters that no font has; better to say so once than to let people wonder.
fn note_missing_letters(console: &Console, spec: &ModelSpec) {
    let missing = spec.classes.iter().find_map(|class| Some((&class.name, missing_letter(&class.name)?)));
    if let Some((name, letter)) = missing {
        console.note(format_args!(
            "labels: no font of this system has the letter {letter} of the class {name}; it is left out (fonts with \
             many letters: Noto, Droid Fallback)"
        ));
    }
}

/// The ids in the file of `--annotations`.
fn read_ids(path: &Path) -> Result<Ids> {
    let text = std::fs::read_to_string(path).with_context(|| format!("--annotations {}", path.display()))?;
    Ids::from_json(&text).map_err(|reason| anyhow!("--annotations {} {reason}", path.display()))
}

/// What decides about the results of a run: one that goes on must agree in it.
fn key(args: &Detect, model: &Network) -> Result<Map<String, Value>> {
    let made = model::provenance(&args.model, model, usize::from(args.images.batch), args.choice.score)?;
    let key = json!({
        "images": args.images.sources.iter().chain(&args.images.list).collect::<Vec<_>>(),
        "weights": made.weights.sha256,
        "model": sha256(made.spec.to_string().as_bytes()),
        "precision": made.precision,
        "plain": made.plain,
        "classes": args.choice.classes,
        "masks": !args.choice.no_masks,
        "save": args.results.save,
    });
    Ok(key.as_object().cloned().unwrap_or_default())
}

fn object(detection: &Detection, spec: &ModelSpec, masks: bool) -> Object {
    let (label, category_id) = class_of(spec, detection);
    let mask = detection.mask.as_ref().filter(|_| masks).map(Into::into);
    Object { bbox: detection.bbox, score: detection.score, label: label.into(), category_id, mask }
}

/// Name and category id of a detection's class.
fn class_of<'a>(spec: &'a ModelSpec, detection: &Detection) -> (&'a str, u32) {
    // A loaded model's table has a class for every label; a wrong number would show as class 0, not as a crash.
    spec.classes.get(detection.label).map_or(("unknown", 0), |class| (class.name.as_str(), class.id))
}

fn times(decode: f64, prepare: f64, stages: StageTimes) -> Times {
    let StageTimes { batch, network, postprocess } = stages;
    let total = decode + prepare + batch + network + postprocess;
    let [decode, prepare, batch, network, postprocess, total] =
        [decode, prepare, batch, network, postprocess, total].map(|ms| (ms * 1e3).round() / 1e3);
    Times { decode, prepare, batch, network, postprocess, total }
}
