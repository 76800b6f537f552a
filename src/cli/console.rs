//! The one printer: data to standard output, words and progress to standard error.

use indicatif::{ProgressBar, ProgressStyle};
use serde::Serialize;
use std::fmt::Display;
use std::io::{self, IsTerminal, Write};

/// The bar of a download.
const DOWNLOAD: &str = "{bar:30} {bytes}/{total_bytes}  {bytes_per_sec}  {eta} left";

/// Where everything that the program says goes through.
pub struct Console {
    verbose: bool,
    quiet: bool,
    bar: ProgressBar,
}

impl Console {
    /// A printer without a progress bar.
    pub fn new(verbose: bool, quiet: bool) -> Self {
        Self { verbose, quiet, bar: ProgressBar::hidden() }
    }

    /// The same console with a progress bar for `len` steps: on a terminal only, and only when no data appear on it.
    pub fn with_progress(&self, len: Option<usize>, unit: &'static str) -> Self {
        let show = !self.quiet && io::stderr().is_terminal() && !io::stdout().is_terminal() && len != Some(1);
        let bar = if show { progress_bar(len, unit) } else { ProgressBar::hidden() };
        Self { bar, ..*self }
    }

    /// The same console with a progress bar for `len` steps, on a terminal: for verbs whose data come at the end.
    pub fn with_bar(&self, len: usize, unit: &'static str) -> Self {
        let show = !self.quiet && io::stderr().is_terminal() && len > 1;
        let bar = if show { progress_bar(Some(len), unit) } else { ProgressBar::hidden() };
        Self { bar, ..*self }
    }

    /// One step done.
    pub fn step(&self) {
        self.bar.inc(1);
    }

    /// The same console with a bar for the bytes of a download, on a terminal only.
    pub fn with_download(&self) -> Self {
        let show = !self.quiet && io::stderr().is_terminal();
        let bar = if show { ProgressBar::no_length() } else { ProgressBar::hidden() };
        // Valid, as a test sees.
        let style = ProgressStyle::with_template(DOWNLOAD).unwrap_or_else(|_| ProgressStyle::default_bar());
        Self { bar: bar.with_style(style), ..*self }
    }

    /// So many bytes are there, of so many if that is known.
    pub fn bytes(&self, have: u64, total: Option<u64>) {
        if let Some(total) = total {
            self.bar.set_length(total);
        }
        self.bar.set_position(have);
    }

    /// Something went wrong.
    pub fn error(&self, text: impl Display) {
        self.stderr(format_args!("vovdet: {text}"));
    }

    /// Something to know, not shown under `--quiet`.
    pub fn note(&self, text: impl Display) {
        if !self.quiet {
            self.stderr(text);
        }
    }

    /// Something to know under `--verbose`.
    pub fn detail(&self, text: impl Display) {
        if self.verbose {
            self.stderr(text);
        }
    }

    fn stderr(&self, text: impl Display) {
        // When standard error is gone there is nobody left to tell.
        self.bar.suspend(|| {
            let _ = writeln!(io::stderr(), "{text}");
        });
    }

    /// A value as one line of JSON.
    ///
    /// # Errors
    /// When standard output cannot be written to.
    pub fn json_line(&self, value: &impl Serialize) -> io::Result<()> {
        self.data(&serde_json::to_string(value)?)
    }

    /// A line of data. When nobody reads them any more (`| head`), the program ends quietly.
    ///
    /// # Errors
    /// When standard output cannot be written to for another reason.
    pub fn data(&self, text: &str) -> io::Result<()> {
        let mut out = io::stdout().lock();
        match out.write_all(format!("{text}\n").as_bytes()).and_then(|()| out.flush()) {
            Err(e) if e.kind() == io::ErrorKind::BrokenPipe => vovdet_files::leave(0),
            other => other,
        }
    }
}

impl Drop for Console {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}

fn progress_bar(len: Option<usize>, unit: &'static str) -> ProgressBar {
    let template = match len {
        Some(_) => format!("{{bar:30}} {{pos}}/{{len}} {unit}  {{per_sec}}  {{eta}} left"),
        None => format!("{{spinner}} {{pos}} {unit}  {{per_sec}}"),
    };
    // The template is one of the two above, both valid.
    let style = ProgressStyle::with_template(&template).unwrap_or_else(|_| ProgressStyle::default_bar());
    let bar = len.map_or_else(ProgressBar::new_spinner, |len| ProgressBar::new(len as u64));
    bar.with_style(style)
}
