//! What becomes of the answers: lines on standard output, results in files, pictures; and how a run ends.

use anyhow::{Context, Result, bail};
use image::RgbImage;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, TryLockError};
use std::time::{Duration, Instant};
use vovdet::cli::console::Console;
use vovdet::cli::detect::Detect;
use vovdet::cli::{Outcome, sentence};
use vovdet::pictures::{DrawnObject, LEAST_SCORE, Pictures};
use vovdet::results::text::{Text, count, number};
use vovdet::results::{Form, Results, csv};
use vovdet_datasets::lines::{Failure, Line};
use vovdet_datasets::sources::Source;
use vovdet_detectors::Detection;

/// How long a signal waits for the image that is being written.
const PATIENCE: Duration = Duration::from_secs(10);

/// Everything that a run writes.
pub struct Outputs {
    shown: Shown,
    /// Also taken by the thread on which a signal ends the run.
    files: Arc<Mutex<Files>>,
}

/// Standard output.
struct Shown {
    form: Form,
    /// Least score of the objects that the lines for people count.
    least: f32,
    text: Text,
    /// The names of the columns are still to be written.
    header: bool,
    /// The run has something else to do when nobody reads standard output any more.
    goes_on: bool,
    /// Nobody does.
    closed: bool,
}

/// What a signal brings to an end too.
struct Files {
    console: Console,
    results: Option<Results>,
    pictures: Option<Pictures>,
    total: Option<usize>,
    done: usize,
    failed: usize,
    objects: usize,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Outputs {
    /// The outputs of a run over `total` images, if that is known.
    pub fn new(
        args: &Detect,
        console: &Console,
        total: Option<usize>,
        results: Option<Results>,
        pictures: Option<Pictures>,
    ) -> Self {
        let form = args.results.shown();
        let shown = Shown {
            form,
            least: args.choice.score.unwrap_or(LEAST_SCORE),
            text: Text::default(),
            header: form == Form::Csv,
            goes_on: results.is_some() || pictures.is_some(),
            closed: false,
        };
        let console = console.without_bar();
        let files = Files { console, results, pictures, total, done: 0, failed: 0, objects: 0 };
        Self { shown, files: Arc::new(Mutex::new(files)) }
    }

    /// Counts what an earlier run has done.
    pub fn go_on_from(&mut self, console: &Console, earlier: Vec<(usize, Line)>) {
        if earlier.is_empty() {
            return;
        }
        let mut files = lock(&self.files);
        for (_, line) in &earlier {
            files.done += 1;
            files.objects += count(&line.detections, self.shown.least).0;
            if let Some(pictures) = &mut files.pictures {
                pictures.take(&Source::File(line.image.clone().into()));
            }
        }
        let all = files.total.map(|total| format!(" of {total}")).unwrap_or_default();
        console.note(format_args!("{}{all} images are done already", earlier.len()));
    }

    /// From now on Ctrl-C, SIGTERM and SIGHUP write the results so far and say how far the run came.
    pub fn end_well_on_signals(&self) {
        let files = Arc::clone(&self.files);
        vovdet_files::before_leaving(move || {
            let start = Instant::now();
            loop {
                match files.try_lock() {
                    Ok(mut files) => return files.end_early(),
                    Err(TryLockError::Poisoned(files)) => return files.into_inner().end_early(),
                    Err(TryLockError::WouldBlock) if start.elapsed() > PATIENCE => return,
                    Err(TryLockError::WouldBlock) => std::thread::sleep(Duration::from_millis(10)),
                }
            }
        });
    }

    /// An image and what was found in it.
    pub fn found(
        &mut self,
        console: &Console,
        index: usize,
        source: &Source,
        mut line: Line,
        picture: Option<RgbImage>,
        detections: Vec<Detection>,
    ) -> Result<()> {
        let mut place = lock(&self.files).pictures.as_mut().map(|pictures| pictures.place(source)).transpose();
        let saved = place.as_ref().ok().and_then(|place| place.as_ref()?.save.as_ref());
        line.saved = saved.map(|path| path.display().to_string());
        let json = serde_json::to_string(&line)?;
        let (objects, summary) = count(&line.detections, self.shown.least);
        match self.shown.form {
            Form::Csv => {
                let rows = csv::rows(&line)?;
                let header = if std::mem::take(&mut self.shown.header) { csv::header()? } else { String::new() };
                let text = header + &rows;
                if !text.is_empty() {
                    self.shown.print(console, text.trim_end_matches('\n'))?;
                }
            }
            Form::Text => {
                let size = Some((line.width, line.height));
                let text = self.shown.text.line(&line.image, size, &summary, line.times_ms.total);
                self.shown.print(console, &text)?;
            }
            Form::Jsonl | Form::Coco | Form::Voc | Form::Yolo => self.shown.print(console, &json)?,
        }

        let mut files = lock(&self.files);
        if let Some(results) = &mut files.results {
            results.add(index, &line.image, &json)?;
        }
        if let (Some(pictures), Ok(Some(_)), Some(picture)) = (&mut files.pictures, &place, picture) {
            let found = line.detections.into_iter().zip(detections).map(|(object, detection)| DrawnObject {
                bbox: object.bbox,
                score: object.score,
                label: object.label,
                category_id: object.category_id,
                mask: detection.mask,
            });
            let found: Vec<_> = found.collect();
            place = place.and_then(|place| match place {
                Some(place) => pictures.add(source, place, picture, found).map(|()| None),
                None => Ok(None),
            });
        }
        files.done += 1;
        files.objects += objects;
        if let Err(reason) = place {
            files.failed += 1;
            console.error(format_args!("{}: {reason}", source.name()));
        }
        Ok(())
    }

    /// An image that gave nothing.
    pub fn failed(&mut self, console: &Console, index: usize, source: &Source, error: String) -> Result<()> {
        let failure = Failure { image: source.name(), error };
        console.error(format_args!("{}: {}", failure.image, failure.error));
        let json = serde_json::to_string(&failure)?;
        if self.shown.form == Form::Jsonl {
            self.shown.print(console, &json)?;
        }
        let mut files = lock(&self.files);
        files.failed += 1;
        if let Some(results) = &mut files.results {
            results.add_failure(index, &failure, &json)?;
        }
        Ok(())
    }

    /// The end of a run that was not interrupted.
    pub fn finish(mut self, console: &Console) -> Result<Outcome> {
        vovdet_files::nothing_before_leaving();
        let mut files = lock(&self.files);
        let folders = files.pictures.as_ref().map(Pictures::shown_folders);
        let failures = files.pictures.take().map(Pictures::finish).unwrap_or_default();
        failures.iter().for_each(|failure| console.error(failure));
        files.failed += failures.len();
        if files.done + files.failed == 0 {
            bail!("there are no images: the list of paths is empty");
        }
        let mut places = Vec::new();
        if let Some(results) = files.results.take() {
            let problems = results.write()?;
            problems.said.iter().for_each(|problem| console.error(problem));
            files.failed += problems.left_out;
            places.push(format!("results in {}", results.places()));
            results.close();
        }
        places.extend(folders);
        let (done, failed, objects) = (files.done, files.failed, files.objects);
        drop(files);
        if self.shown.form == Form::Text {
            let objects =
                format!("{} with a score of {} or more", number(objects, "object", "objects"), self.shown.least);
            let places = places.iter().map(|place| format!("; {place}")).collect::<String>();
            let text = format!("{}, {objects}, {failed} failed{places}", number(done, "image", "images"));
            self.shown.print(console, &text)?;
        }
        let outcome = Outcome::of(done, failed);
        Ok(if self.shown.closed { outcome.and(Outcome::Part) } else { outcome })
    }
}

impl Shown {
    /// Prints lines; when nobody reads them any more, a run that writes nothing else ends.
    fn print(&mut self, console: &Console, text: &str) -> Result<()> {
        if self.closed {
            return Ok(());
        }
        match console.try_data(text) {
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe && self.goes_on => {
                self.closed = true;
                console.note("standard output is closed; the run goes on for its files");
                Ok(())
            }
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => vovdet_files::leave(0),
            other => Ok(other.context("standard output")?),
        }
    }
}

impl Files {
    /// Writes what there is, before a signal ends the process.
    fn end_early(&mut self) {
        let failures = self.pictures.take().map(Pictures::finish).unwrap_or_default();
        failures.iter().for_each(|failure| self.console.error(failure));
        let all = self.total.map(|total| format!(" of {total}")).unwrap_or_default();
        let hint = match self.results.as_ref().map(Results::write) {
            Some(Ok(problems)) => {
                problems.said.iter().for_each(|problem| self.console.error(problem));
                "; the same command with --resume goes on"
            }
            Some(Err(error)) => {
                self.console.error(sentence(&error));
                "; the same command with --resume goes on"
            }
            None => "; a run with --out can go on where it was stopped",
        };
        self.console.note(format_args!("{}{all} done{hint}", self.done));
    }
}
