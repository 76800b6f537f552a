//! Where the words of the libraries go: events and spans of `tracing`.
//!
//! Standard error shows what `-v` or `VOVDET_LOG` ask for, `--log-json` keeps everything as lines of JSON, and `-v` says at
//! the end what the time was spent on: the libraries work in spans called `open`, `load`, `prepare`, `network`,
//! `postprocess`, `score`, `write` and the like.

use super::console::{plain, stderr};
use anyhow::{Context, Result};
use std::collections::BTreeMap;
use std::fmt;
use std::fs::File;
use std::io;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};
use tracing::span::{Attributes, Id};
use tracing::{Event, Level, Metadata, Subscriber};
use tracing_subscriber::filter::{FilterFn, LevelFilter};
use tracing_subscriber::fmt::format::{FmtSpan, Writer};
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields};
use tracing_subscriber::layer::{Context as LayerContext, SubscriberExt};
use tracing_subscriber::registry::LookupSpan;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{EnvFilter, Layer};

/// The variable that chooses what standard error shows, in the syntax of `EnvFilter`.
const VARIABLE: &str = "VOVDET_LOG";

/// The target of what the console has said already.
pub(super) const SAID: &str = "vovdet::said";

/// The time spent, said by [`Log::finish`].
#[derive(Debug, Default)]
pub struct Log {
    stages: Option<Stages>,
}

impl Log {
    /// Sends events where they are wanted; `verbose` counts `-v`.
    ///
    /// # Errors
    /// When the file of `--log-json` cannot be made, or `VOVDET_LOG` is not understood.
    pub fn start(verbose: u8, quiet: bool, json: Option<&Path>) -> Result<Self> {
        let usual = match (quiet, verbose) {
            (true, _) => "error",
            (false, 0) => "warn",
            (false, 1) => "warn,vovdet=info",
            (false, 2) => "warn,vovdet=debug",
            _ => "info,vovdet=trace",
        };
        let chosen = std::env::var(VARIABLE).ok().filter(|text| !text.trim().is_empty());
        let filter = EnvFilter::try_new(chosen.as_deref().unwrap_or(usual)).context(VARIABLE)?;
        let said = FilterFn::new(|metadata: &Metadata| metadata.target() != SAID);
        let lines = Line { detailed: verbose > 1 || chosen.is_some() };
        let lines = tracing_subscriber::fmt::layer().event_format(lines).with_writer(|| Lines(Vec::new()));
        let json = match json {
            None => None,
            Some(path) => {
                let file = File::create(path).with_context(|| format!("--log-json {}", path.display()))?;
                let json = tracing_subscriber::fmt::layer().json().with_span_events(FmtSpan::CLOSE);
                Some(json.with_writer(Arc::new(file)).with_filter(LevelFilter::DEBUG))
            }
        };
        let stages = (verbose > 0 && !quiet).then(Stages::default);
        tracing_subscriber::registry()
            .with(lines.with_filter(said).with_filter(filter))
            .with(json)
            .with(stages.clone().map(|stages| stages.with_filter(LevelFilter::INFO)))
            .try_init()?;
        Ok(Self { stages })
    }

    /// Says what the time was spent on, if that is wanted.
    pub fn finish(&self) {
        if let Some(spent) = self.stages.as_ref().and_then(Stages::text) {
            stderr(spent);
        }
    }
}

/// An event as a line for people.
struct Line {
    /// With its level and where it comes from.
    detailed: bool,
}

impl<S, N> FormatEvent<S, N> for Line
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
{
    fn format_event(&self, context: &FmtContext<'_, S, N>, mut to: Writer<'_>, event: &Event<'_>) -> fmt::Result {
        let metadata = event.metadata();
        match *metadata.level() {
            level if self.detailed => write!(to, "{level:>5} {}: ", metadata.target())?,
            Level::ERROR => write!(to, "vovdet: ")?,
            Level::WARN => write!(to, "vovdet: warning: ")?,
            _ => {}
        }
        context.field_format().format_fields(to.by_ref(), event)?;
        writeln!(to)
    }
}

/// A writer that keeps a line until it is whole.
struct Lines(Vec<u8>);

impl io::Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Drop for Lines {
    fn drop(&mut self) {
        let text = String::from_utf8_lossy(&self.0);
        if !text.is_empty() {
            stderr(plain(text.trim_end_matches('\n')));
        }
    }
}

/// Time by the name of its span, added up over all threads.
#[derive(Debug, Clone, Default)]
struct Stages(Arc<Mutex<BTreeMap<&'static str, (usize, Duration)>>>);

/// When a span was entered.
struct Began(Instant);

impl<S: Subscriber + for<'a> LookupSpan<'a>> Layer<S> for Stages {
    fn on_new_span(&self, _: &Attributes<'_>, id: &Id, context: LayerContext<'_, S>) {
        if let Some(span) = context.span(id) {
            span.extensions_mut().insert(Began(Instant::now()));
        }
    }

    fn on_close(&self, id: Id, context: LayerContext<'_, S>) {
        let Some(span) = context.span(&id) else { return };
        let Some(spent) = span.extensions().get::<Began>().map(|began| began.0.elapsed()) else { return };
        let mut stages = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (times, all) = stages.entry(span.name()).or_default();
        *times += 1;
        *all += spent;
    }
}

impl Stages {
    /// `time: load 0.31 s, network 12.04 s (10 times)`, the longest first.
    fn text(&self) -> Option<String> {
        let stages = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let mut stages: Vec<_> = stages.iter().collect();
        stages.sort_by_key(|(_, (_, spent))| std::cmp::Reverse(*spent));
        let one = |(name, (times, spent)): (&&str, &(usize, Duration))| {
            let times = if *times > 1 { format!(" ({times} times)") } else { String::new() };
            format!("{name} {:.2} s{times}", spent.as_secs_f64())
        };
        let list: Vec<_> = stages.into_iter().map(one).collect();
        (!list.is_empty()).then(|| format!("time: {}", list.join(", ")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_is_added_up_by_stage() {
        let stages = Stages::default();
        assert_eq!(stages.text(), None);
        tracing::subscriber::with_default(tracing_subscriber::registry().with(stages.clone()), || {
            for _ in 0..2 {
                let _network = tracing::info_span!("network").entered();
                std::thread::sleep(Duration::from_millis(15));
            }
            let _write = tracing::info_span!("write").entered();
        });
        let text = stages.text().unwrap_or_default();
        assert!(text.starts_with("time: network 0.0") && text.contains("(2 times)"), "{text}");
        assert!(text.ends_with("write 0.00 s"), "{text}");
    }
}
