//! The one printer: data to standard output, words and progress to standard error.
//!
//! Whatever comes from a file may hold terminal control characters; [`plain`] makes them visible in everything that is
//! printed. Bars are suspended while something is written, so that lines and bars do not tear each other.

use indicatif::{MultiProgress, ProgressBar, ProgressStyle};
use serde::Serialize;
use std::borrow::Cow;
use std::fmt::{self, Display, Write as _};
use std::io::{self, IsTerminal, Write};
use std::sync::{LazyLock, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// The bar of a download.
const DOWNLOAD: &str = "{bar:30} {bytes}/{total_bytes}  {bytes_per_sec}  {eta} left";

/// All bars of the process.
static BARS: LazyLock<MultiProgress> = LazyLock::new(MultiProgress::new);

/// Where everything that the program says goes through.
pub struct Console {
    quiet: bool,
    progress: Progress,
}

impl Console {
    /// A printer without progress.
    pub fn new(quiet: bool) -> Self {
        Self { quiet, progress: Progress::Hidden }
    }

    /// The same console with the progress of `len` steps, if that is known: a bar on a terminal, else a line now and
    /// then.
    pub fn with_progress(&self, len: Option<usize>, unit: &'static str) -> Self {
        let progress = match len {
            _ if self.quiet => Progress::Hidden,
            Some(0 | 1) => Progress::Hidden,
            _ if io::stderr().is_terminal() => Progress::Bar(bar(len, unit)),
            _ => Progress::Lines(Mutex::new(Lines::new(len, unit))),
        };
        Self { quiet: self.quiet, progress }
    }

    /// The same console without progress.
    pub fn without_bar(&self) -> Self {
        Self::new(self.quiet)
    }

    /// The same console with a bar for the bytes of a download, on a terminal only.
    pub fn with_download(&self) -> Self {
        if self.quiet || !io::stderr().is_terminal() {
            return Self::new(self.quiet);
        }
        let bar = BARS.add(ProgressBar::no_length()).with_style(style(DOWNLOAD));
        Self { quiet: self.quiet, progress: Progress::Bar(bar) }
    }

    /// One step done.
    pub fn step(&self) {
        match &self.progress {
            Progress::Hidden => {}
            Progress::Bar(bar) => bar.inc(1),
            Progress::Lines(lines) => {
                let line = lines.lock().unwrap_or_else(PoisonError::into_inner).step(Instant::now());
                line.into_iter().for_each(stderr);
            }
        }
    }

    /// So many bytes are there, of so many if that is known.
    pub fn bytes(&self, have: u64, total: Option<u64>) {
        if let Progress::Bar(bar) = &self.progress {
            if let Some(total) = total {
                bar.set_length(total);
            }
            bar.set_position(have);
        }
    }

    /// Something went wrong.
    pub fn error(&self, text: impl Display) {
        tracing::error!(target: super::log::SAID, "{text}");
        stderr(format_args!("vovdet: {text}"));
    }

    /// Something to know, not shown under `--quiet`.
    pub fn note(&self, text: impl Display) {
        tracing::info!(target: super::log::SAID, "{text}");
        if !self.quiet {
            stderr(text);
        }
    }

    /// Something to know under `--verbose`.
    pub fn detail(&self, text: impl Display) {
        tracing::info!("{}", text.to_string().trim_end());
    }

    /// A value as one line of JSON.
    ///
    /// # Errors
    /// When standard output cannot be written to.
    pub fn json_line(&self, value: &impl Serialize) -> io::Result<()> {
        self.data(&serde_json::to_string(value)?)
    }

    /// Data and a new line. When nobody reads them any more (`| head`), the program ends quietly.
    ///
    /// # Errors
    /// When standard output cannot be written to for another reason.
    pub fn data(&self, text: &str) -> io::Result<()> {
        match self.try_data(text) {
            Err(e) if e.kind() == io::ErrorKind::BrokenPipe => vovdet_files::leave(0),
            other => other,
        }
    }

    /// Data and a new line, for verbs that have something else to do when nobody reads them any more.
    ///
    /// # Errors
    /// When standard output cannot be written to; [`io::ErrorKind::BrokenPipe`] when nobody reads it.
    pub fn try_data(&self, text: &str) -> io::Result<()> {
        let write = || {
            let mut out = io::stdout().lock();
            out.write_all(format!("{}\n", plain(text)).as_bytes()).and_then(|()| out.flush())
        };
        BARS.suspend(write).map_err(|error| io::Error::new(error.kind(), format!("standard output: {error}")))
    }
}

/// Text with its control characters made visible, `\u001b` for an escape; lines and tabs stay. In JSON it means the same
/// as before.
pub fn plain(text: &str) -> Cow<'_, str> {
    let is_odd = |c: char| c.is_control() && c != '\n' && c != '\t';
    if !text.contains(is_odd) {
        return text.into();
    }
    let mut shown = String::with_capacity(text.len() + 16);
    for c in text.chars() {
        if is_odd(c) {
            // Writing to a String cannot fail.
            let _ = write!(shown, "\\u{:04x}", u32::from(c));
        } else {
            shown.push(c);
        }
    }
    shown.into()
}

/// A line on standard error.
pub(super) fn stderr(text: impl Display) {
    // When standard error is gone there is nobody left to tell.
    let _ = BARS.suspend(|| writeln!(io::stderr(), "{}", plain(&text.to_string())));
}

/// How far a run is.
enum Progress {
    /// Nobody wants to know.
    Hidden,
    /// On a terminal.
    Bar(ProgressBar),
    /// In a log.
    Lines(Mutex<Lines>),
}

impl Drop for Progress {
    fn drop(&mut self) {
        if let Self::Bar(bar) = self {
            bar.finish_and_clear();
            BARS.remove(bar);
        }
    }
}

/// A log gets a line this often, and at every tenth of the run.
const SOMETIMES: Duration = Duration::from_secs(30);

/// Tenths that are done sooner after the start or the line before get none.
const SOON: Duration = Duration::from_secs(10);

/// Decides when a log gets a line about how far a run is.
struct Lines {
    len: Option<usize>,
    unit: &'static str,
    done: usize,
    start: Instant,
    last: Instant,
    tenths: usize,
}

impl Lines {
    fn new(len: Option<usize>, unit: &'static str) -> Self {
        let start = Instant::now();
        Self { len, unit, done: 0, start, last: start, tenths: 0 }
    }

    /// One step is done; what is to be said of it.
    fn step(&mut self, now: Instant) -> Option<String> {
        self.done += 1;
        let tenths = self.len.map_or(0, |len| 10 * self.done / len);
        let since = now.duration_since(self.last);
        // A run that is done says so itself.
        if self.len == Some(self.done) || since < SOMETIMES && !(tenths > self.tenths && since >= SOON) {
            return None;
        }
        (self.last, self.tenths) = (now, tenths);
        let seconds = now.duration_since(self.start).as_secs_f64();
        let Self { done, unit, .. } = *self;
        Some(match self.len {
            Some(len) => {
                let left = seconds / done as f64 * len.saturating_sub(done) as f64;
                format!("{done} of {len} {unit}, {} % in {}, {} left", 100 * done / len, Span(seconds), Span(left))
            }
            None => format!("{done} {unit} in {}", Span(seconds)),
        })
    }
}

/// Seconds for people.
struct Span(f64);

impl Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seconds = self.0.round() as u64;
        match seconds {
            0..60 => write!(f, "{seconds} s"),
            60..3600 => write!(f, "{} min {} s", seconds / 60, seconds % 60),
            _ => write!(f, "{} h {} min", seconds / 3600, seconds / 60 % 60),
        }
    }
}

fn bar(len: Option<usize>, unit: &'static str) -> ProgressBar {
    let template = match len {
        Some(_) => format!("{{bar:30}} {{pos}}/{{len}} {unit}  {{per_sec}}  {{eta}} left"),
        None => format!("{{spinner}} {{pos}} {unit}  {{per_sec}}"),
    };
    let bar = len.map_or_else(ProgressBar::new_spinner, |len| ProgressBar::new(len as u64));
    BARS.add(bar).with_style(style(&template))
}

/// All templates are valid, as a test sees.
fn style(template: &str) -> ProgressStyle {
    ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn control_characters_are_shown_and_not_sent() {
        assert_eq!(plain("a\x1b[31mb\u{9b}2J\r\n\tc\x07"), "a\\u001b[31mb\\u009b2J\\u000d\n\tc\\u0007");
        assert!(matches!(plain("nucleus\tñ\n"), Cow::Borrowed(_)));
        let value: String = serde_json::from_str(&plain("\"a\u{9b}\u{7f}\"")).unwrap();
        assert_eq!(value, "a\u{9b}\u{7f}", "JSON still says the same");
    }

    #[test]
    fn logs_hear_of_long_runs_now_and_then() {
        let mut lines = Lines::new(Some(1000), "images");
        let start = lines.start;
        let mut said = Vec::new();
        // An image takes 0.1 s: 100 s in all.
        for step in 1..=1000 {
            said.extend(lines.step(start + Duration::from_millis(100 * step)));
        }
        assert_eq!(said.len(), 9, "{said:?}");
        assert_eq!(said[2], "300 of 1000 images, 30 % in 30 s, 1 min 10 s left");
        assert_eq!(said[8], "900 of 1000 images, 90 % in 1 min 30 s, 10 s left");
        let mut short = Lines::new(Some(10), "images");
        let start = short.start;
        let at = (1..=10).filter(|step| short.step(start + Duration::from_secs(2 * *step)).is_some());
        assert_eq!(at.collect::<Vec<_>>(), [5], "not at every tenth of a short run, nor at its end");
    }

    #[test]
    fn templates_are_valid() {
        for template in [DOWNLOAD, "{bar:30} {pos}/{len} images  {per_sec}  {eta} left", "{spinner} {pos} x  {per_sec}"]
        {
            ProgressStyle::with_template(template).unwrap();
        }
    }
}
