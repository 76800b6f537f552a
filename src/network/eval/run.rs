//! All images of a data set through a detector; detections are kept and scored on a thread of their own meanwhile.

use super::model::Loaded;
use crate::batches::{Answer, Answered};
use crate::{images, predict};
use anyhow::{Context, Error, Result, anyhow, bail};
use crossbeam_channel::{Receiver, bounded};
use serde_json::{Map, Value, json};
use std::collections::{BTreeMap, HashSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;
use vovdet::cli::console::Console;
use vovdet::cli::eval::RunOptions;
use vovdet::cli::overwrite::refuse_to_replace;
use vovdet::cli::{Outcome, sentence};
use vovdet_datasets::sources::Source;
use vovdet_detectors::{Detection, Prepared};
use vovdet_evaluation::metrics::journal::{self, Journal};
use vovdet_evaluation::metrics::provenance::{FileRef, milliseconds, sha256};
use vovdet_evaluation::metrics::selection::Selection;

/// Images that may wait to be kept and scored.
const WAITING: usize = 64;

/// Journals of runs without --save-detections that are kept.
const KEPT: usize = 16;

/// A run over a data set.
pub struct Run<'a> {
    model: &'a Loaded,
    options: &'a RunOptions,
    /// What decides about the detections.
    key: Map<String, Value>,
    journal: Option<PathBuf>,
    must_keep: bool,
    images: &'a Path,
    /// What is read, and must not be written over.
    inputs: [PathBuf; 2],
}

/// What a run has done.
pub struct Done {
    /// Images that were scored, those of an earlier run included.
    pub scored: usize,
    /// Images that went through the network in this run.
    pub processed: usize,
    /// The ids of the images that could not be.
    pub left_out: Vec<Value>,
    /// Where the detections were kept.
    pub journal: Option<PathBuf>,
    save: Option<PathBuf>,
    stages: BTreeMap<&'static str, f64>,
}

impl<'a> Run<'a> {
    /// A run of `model` on the data set of `annotations`, its image files in `images`.
    pub fn new(
        model: &'a Loaded,
        options: &'a RunOptions,
        annotations: &FileRef,
        selection: &Selection,
        images: &'a Path,
    ) -> Self {
        let made = model.provenance();
        let key = json!({
            "annotations": annotations.sha256.as_ref().map_or(json!(annotations.path), |hash| json!(hash)),
            "weights": made.weights.sha256,
            "model": sha256(made.spec.to_string().as_bytes()),
            "precision": made.precision,
            "plain": made.plain,
            "score": made.score,
            "batch": made.batch,
            "images": images.canonicalize().unwrap_or_else(|_| images.into()),
        });
        let key = key.as_object().cloned().unwrap_or_default();
        let journal = match (&options.resume, &options.save_detections) {
            (Some(Some(file)), _) => Some(file.clone()),
            (_, Some(save)) => Some(beside(save)),
            (_, None) => {
                let name = sha256(json!([key, selection.shard]).to_string().as_bytes());
                cache_folder().map(|folder| in_cache(&folder, &name[..16], options.resume.is_some()))
            }
        };
        let must_keep = options.save_detections.is_some();
        let inputs = [annotations.path.clone(), made.weights.path];
        Self { model, options, key, journal, must_keep, images, inputs }
    }

    /// The same run; with `must`, detections that cannot be kept are an error before it begins.
    pub fn keeping(self, must: bool) -> Self {
        Self { must_keep: self.must_keep || must, ..self }
    }

    /// Sends every file through the detector. `line` makes the line that is kept of an image, `score` takes it; lines of
    /// the run that this one goes on with come first.
    ///
    /// # Errors
    /// When detections cannot be kept, or scored, or belong to another run.
    pub fn over(
        &self,
        console: &Console,
        files: impl Iterator<Item = (Value, PathBuf)>,
        line: impl Fn(&Value, &[Detection]) -> String + Send,
        mut score: impl FnMut(&str) -> Result<()> + Send,
    ) -> Result<Done> {
        let files: Vec<_> = files.collect();
        let selected: HashSet<String> = files.iter().map(|(id, _)| id.to_string()).collect();
        let mut earlier = HashSet::new();
        let journal = self.open(console, |line, id| {
            // A line of an image that is not selected may be of a wider run.
            let id = id.to_string();
            if selected.contains(&id) && earlier.insert(id) { score(line) } else { Ok(()) }
        })?;
        let all = files.len();
        let open: Vec<_> = files.into_iter().filter(|(id, _)| !earlier.contains(&id.to_string())).collect();
        if !earlier.is_empty() {
            console.note(format_args!("{} of {all} images are done already", earlier.len()));
        }
        let (open, missing): (Vec<_>, Vec<_>) = open.into_iter().partition(|(_, path)| path.is_file());
        if let Some((_, first)) = missing.first() {
            let some = format!("{} of {all} images are not in {}", missing.len(), self.images.display());
            if open.is_empty() && earlier.is_empty() {
                bail!("{some}: the first is {}", first.display());
            }
            console.error(format_args!("{some} and are left out: the first is {}", first.display()));
        }
        let kept = Arc::new(AtomicUsize::new(earlier.len()));
        let _hint = HintOnSignals::new(console, &kept, all, journal.is_some());
        let mut done = Done {
            scored: earlier.len(),
            processed: 0,
            left_out: missing.into_iter().map(|(id, _)| id).collect(),
            journal: journal.as_ref().map(|journal| journal.path().into()),
            save: self.options.save_detections.clone(),
            stages: BTreeMap::new(),
        };
        let (sender, receiver) = bounded(WAITING);
        let (ids, paths): (Vec<_>, Vec<_>) = open.into_iter().unzip();
        let ids = &ids;
        std::thread::scope(|scope| {
            let must_keep = self.must_keep;
            let kept = Arc::clone(&kept);
            let keeper = scope.spawn(move || keep(journal, must_keep, &kept, receiver, ids, line, score));
            let mut failed = Vec::new();
            let ran = self.detect(console, paths, &mut done, |index, answer| {
                if answer.is_err() {
                    failed.push(ids[index].clone());
                }
                // The keeper has ended early only when it failed; it then says why.
                sender.send((index, answer)).map_err(|_| anyhow!("detections could not be kept"))
            });
            drop(sender);
            done.left_out.append(&mut failed);
            let kept = keeper.join().unwrap_or_else(|_| Err(anyhow!("scoring ended with a bug")))?;
            if let Some(error) = kept {
                console.note(format_args!("the detections found are not kept: {}", sentence(&error)));
                done.journal = None;
            }
            ran
        })?;
        Ok(done)
    }

    /// The journal: that of an earlier run, or a new one; none where there is no place for one.
    fn open(&self, console: &Console, each: impl FnMut(&str, &Value) -> Result<()>) -> Result<Option<Journal>> {
        for place in self.options.save_detections.iter().chain(&self.journal) {
            refuse_to_replace("--save-detections", place, self.inputs.iter().map(PathBuf::as_path))?;
        }
        let Some(path) = &self.journal else {
            if self.must_keep {
                bail!("there is no folder to keep the detections in: say with --save-detections where they should lie");
            }
            return Ok(None);
        };
        let opened = match self.options.resume {
            Some(_) => return Ok(Some(Journal::resume(path, &self.key, each)?)),
            None => Journal::start(path, &self.key),
        };
        match opened {
            Ok(journal) => {
                console.detail(format_args!("detections are kept in {}; --resume goes on with them", path.display()));
                Ok(Some(journal))
            }
            Err(error) if self.must_keep => Err(Error::from(error).context("the detections cannot be kept")),
            Err(error) => {
                console.note(format_args!("detections are not kept while they are found: {error}"));
                Ok(None)
            }
        }
    }

    fn detect(
        &self,
        console: &Console,
        paths: Vec<PathBuf>,
        done: &mut Done,
        mut answered: impl FnMut(usize, Result<Vec<Detection>, String>) -> Result<()>,
    ) -> Result<()> {
        let detector = self.model.detector()?;
        let console = console.with_progress(Some(paths.len()), "images");
        let items = paths.into_iter().map(Source::File).enumerate();
        let batch = usize::from(self.options.batch);
        let network = |inputs: &[Prepared]| predict::detect(detector, inputs);
        images::run(items, batch, &console, &detector.spec().input, false, network, |console, image| {
            let Answered { index, source, answer } = image;
            let answer = answer.map(|Answer { value: (detections, times), decode_ms, prepare_ms, .. }| {
                done.time("decode", decode_ms);
                done.time("prepare", prepare_ms);
                done.time("batch", times.batch);
                done.time("network", times.network);
                done.time("postprocess", times.postprocess);
                detections
            });
            match &answer {
                Ok(_) => {
                    done.scored += 1;
                    done.processed += 1;
                }
                Err(reason) => console.error(format_args!("{}: {reason}; it is left out", source.name())),
            }
            answered(index, answer)
        })
    }
}

/// While it lives Ctrl-C, SIGTERM and SIGHUP say how far the run came, and how to go on.
struct HintOnSignals;

impl HintOnSignals {
    fn new(console: &Console, done: &Arc<AtomicUsize>, all: usize, kept: bool) -> Self {
        let (console, done) = (console.without_bar(), Arc::clone(done));
        vovdet_files::before_leaving(move || {
            let hint = if kept { "the same command with --resume goes on" } else { "the detections are not kept" };
            console.note(format_args!("{} of {all} images done; {hint}", done.load(Ordering::Relaxed)));
        });
        Self
    }
}

impl Drop for HintOnSignals {
    fn drop(&mut self) {
        vovdet_files::nothing_before_leaving();
    }
}

/// Scores what is found, and keeps it in the journal. Returns why that ended early where the detections need not be kept:
/// their figures are what was asked for.
fn keep(
    mut journal: Option<Journal>,
    must_keep: bool,
    kept: &AtomicUsize,
    found: Receiver<(usize, Result<Vec<Detection>, String>)>,
    ids: &[Value],
    line: impl Fn(&Value, &[Detection]) -> String,
    mut score: impl FnMut(&str) -> Result<()>,
) -> Result<Option<Error>> {
    let mut not_kept = None;
    for (index, answer) in found {
        let id = &ids[index];
        let text = match &answer {
            Ok(detections) => line(id, detections),
            Err(reason) => json!({"image_id": id, "error": reason}).to_string(),
        };
        if let Some(Err(error)) = journal.as_mut().map(|journal| journal.append(&text)) {
            if must_keep {
                return Err(error.into());
            }
            // It would be read again as if it were whole.
            let _ = journal.take().map(|journal| std::fs::remove_file(journal.path()));
            not_kept = Some(error.into());
        }
        kept.fetch_add(usize::from(answer.is_ok()), Ordering::Relaxed);
        if answer.is_ok() {
            score(&text)?;
        }
    }
    Ok(not_kept)
}

impl Done {
    /// How much of what was asked for that is.
    pub fn outcome(&self) -> Outcome {
        Outcome::of(self.scored, self.left_out.len())
    }

    fn time(&mut self, stage: &'static str, ms: f64) {
        *self.stages.entry(stage).or_default() += ms;
    }

    /// Milliseconds per stage; `scoring` is when the last detection had been found.
    pub fn times(&self, start: Instant, scoring: Instant) -> BTreeMap<String, f64> {
        let stages = self.stages.iter().map(|(stage, ms)| ((*stage).to_owned(), (ms * 1e3).round() / 1e3));
        let ends = [("score".to_owned(), milliseconds(scoring)), ("wall".to_owned(), milliseconds(start))];
        stages.chain(ends).collect()
    }

    /// Writes the list of results that --save-detections asks for, in the place of the journal; says where the
    /// detections are.
    pub fn save_list(&self) -> Result<Option<FileRef>> {
        let Some(journal) = &self.journal else { return Ok(None) };
        let file = match &self.save {
            Some(save) if save != journal => {
                journal::to_list(journal, save).context("--save-detections")?;
                self.forget_journal();
                save
            }
            _ => journal,
        };
        Ok(Some(FileRef::of(file).with_context(|| file.display().to_string())?))
    }

    /// Removes the journal of a run whose detections are saved elsewhere.
    pub fn forget_journal(&self) {
        if let Some(journal) = &self.journal {
            // What cannot be removed does no harm.
            let _ = std::fs::remove_file(journal);
        }
    }
}

/// The journal that lies beside the file that it becomes; one of lines is the file itself.
fn beside(save: &Path) -> PathBuf {
    if save.extension().is_some_and(|extension| extension == "jsonl") {
        return save.into();
    }
    let mut name = save.as_os_str().to_owned();
    name.push(".partial");
    name.into()
}

/// The journal of a run in the cache: the newest one of its name to go on with, or a new one beside those of earlier runs,
/// which results may name.
fn in_cache(folder: &Path, name: &str, resume: bool) -> PathBuf {
    let number = |path: &Path| -> Option<u32> {
        let rest = path.file_name()?.to_str()?.strip_prefix(name)?.strip_suffix(".jsonl")?;
        if rest.is_empty() { Some(1) } else { rest.strip_prefix('-')?.parse().ok() }
    };
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    // Older ones make room, so the numbers may have gaps.
    let last = entries.filter_map(|entry| number(&entry.path())).max().unwrap_or(0);
    let next = if resume && last > 0 { last } else { last + 1 };
    folder.join(if next == 1 { format!("{name}.jsonl") } else { format!("{name}-{next}.jsonl") })
}

/// Where runs without --save-detections keep theirs; older ones make room.
fn cache_folder() -> Option<PathBuf> {
    let home = || Some(PathBuf::from(std::env::var_os("HOME").filter(|home| !home.is_empty())?).join(".cache"));
    let cache =
        std::env::var_os("XDG_CACHE_HOME").map(PathBuf::from).filter(|path| path.is_absolute()).or_else(home)?;
    let folder = cache.join("vovdet/eval");
    let age = |path: &PathBuf| std::fs::metadata(path).and_then(|meta| meta.modified()).ok();
    let mut old: Vec<_> =
        std::fs::read_dir(&folder).into_iter().flatten().flatten().map(|entry| entry.path()).collect();
    old.sort_by_key(|path| std::cmp::Reverse(age(path)));
    for path in old.into_iter().skip(KEPT).filter(|path| path.extension().is_some_and(|e| e == "jsonl")) {
        // What cannot be removed does no harm.
        let _ = std::fs::remove_file(path);
    }
    Some(folder)
}
