//! One file over HTTP: asked for, resumed, tried again, never believed.

use super::error::Fault;
use super::network::{Network, REDIRECTS};
use super::partial::{Known, Partial};
use super::{Event, url};
use crate::catalogue::Entry;
use crate::format::is_web_page;
use std::borrow::Cow;
use std::io::{self, Read};
use std::thread;
use std::time::{Duration, Instant};
use ureq::Body;
use ureq::http::{HeaderMap, Response, StatusCode, header};

/// Bytes between two looks at the progress.
const CHUNK: usize = 128 << 10;
/// An attempt that gets so much further does not count as failed.
const PROGRESS: u64 = 1 << 20;
/// Bytes a second, over as long as a connection may be without any byte, that a transfer has at least.
const LEAST: f64 = 1000.0;
/// Nobody publishes larger weights; a server may send without end.
const MOST: u64 = 8 << 30;

/// Why an attempt ended.
enum Stop {
    /// Another one will not go better.
    Final(Fault),
    /// Another one may: what went wrong, as the rest of a sentence about the transfer.
    Again(String),
}

impl From<Fault> for Stop {
    fn from(fault: Fault) -> Self {
        Self::Final(fault)
    }
}

/// Brings the rest of `partial` from `from`. After an error it holds what came, if that is worth keeping.
pub(super) fn transfer(
    entry: &Entry,
    network: &Network,
    from: &str,
    partial: &mut Partial,
    progress: &mut dyn FnMut(Event),
) -> Result<(), Fault> {
    // The same address without credentials, for people.
    let url = partial.known().url.clone();
    tracing::debug!(%url, have = partial.len(), "the transfer begins");
    progress(Event::Start { url: &url, have: partial.len() });
    let mut failures = 0;
    loop {
        let before = partial.len();
        let why = match attempt(network, from, &url, entry, partial, progress) {
            Ok(()) => return Ok(()),
            Err(Stop::Final(fault)) => return Err(fault),
            Err(Stop::Again(why)) => why,
        };
        if partial.len().saturating_sub(before) >= PROGRESS {
            failures = 0;
        }
        failures += 1;
        if failures >= network.attempts {
            let have = if partial.can_go_on() { partial.len() } else { 0 };
            let total = partial.known().total;
            return Err(Fault::Broken { url, why, attempts: failures, have, total });
        }
        tracing::debug!(%url, %why, have = partial.len(), "the transfer failed and is tried again");
        progress(Event::Again { why: &why });
        thread::sleep(network.pause.saturating_mul(1 << (failures - 1).min(6)));
    }
}

/// One request and its answer.
fn attempt(
    network: &Network,
    from: &str,
    url: &str,
    entry: &Entry,
    partial: &mut Partial,
    progress: &mut dyn FnMut(Event),
) -> Result<(), Stop> {
    if partial.len() > 0 && partial.known().total == Some(partial.len()) {
        return Ok(());
    }
    let asked_for_rest = partial.len() > 0;
    let response = ask(network, from, url, partial)?;
    let whole = match response.status() {
        StatusCode::OK => {
            refuse_page(url, entry, response.headers(), &[])?;
            // Either the whole was asked for, or the file is another one by now, or the server knows no ranges.
            let known = known(url, &response);
            check_length(entry, known.total)?;
            Some(known)
        }
        StatusCode::PARTIAL_CONTENT if asked_for_rest => {
            if let Err(why) = continues(partial, &response) {
                partial.restart(Known { validator: None, total: None, ..partial.known().clone() })?;
                return Err(Stop::Again(why));
            }
            None
        }
        StatusCode::RANGE_NOT_SATISFIABLE if asked_for_rest => {
            partial.restart(Known { validator: None, total: None, ..partial.known().clone() })?;
            return Err(Stop::Again("had another file than the one begun".into()));
        }
        status if status.is_server_error() || matches!(status.as_u16(), 408 | 429) => {
            return Err(Stop::Again(format!("was answered with HTTP {}", status.as_u16())));
        }
        status if status.is_success() || status.is_redirection() => {
            let what = format!("answers HTTP {}, which makes no sense here", status.as_u16());
            return Err(Fault::Server { url: url.to_owned(), what }.into());
        }
        status => return Err(Fault::Status { url: url.to_owned(), status: status.as_u16() }.into()),
    };
    if let Some(encoding) = response.headers().get(header::CONTENT_ENCODING).filter(|e| *e != "identity") {
        let what = format!("sends the file encoded as {encoding:?} although it was asked not to");
        return Err(Fault::Server { url: url.to_owned(), what }.into());
    }
    receive(network, url, entry, response.into_body(), whole, partial, progress)
}

/// Asks for the file, or for the rest of it, and follows redirects within a host that is not encrypted; ureq follows
/// those of encrypted answers.
fn ask(network: &Network, from: &str, url: &str, partial: &Partial) -> Result<Response<Body>, Stop> {
    let refuse = |what: String| Stop::Final(Fault::Server { url: url.to_owned(), what });
    let mut from = Cow::Borrowed(from);
    for _ in 0..=REDIRECTS {
        let mut request = network.agent(&from)?.get(&*from);
        if let Some(validator) = partial.known().validator.as_deref().filter(|_| partial.len() > 0) {
            request =
                request.header(header::RANGE, format!("bytes={}-", partial.len())).header(header::IF_RANGE, validator);
        }
        let response = request.call().map_err(|error| stop(url, partial.len() > 0, error))?;
        let location = response.headers().get(header::LOCATION).and_then(|to| to.to_str().ok());
        let Some(location) = location.filter(|_| response.status().is_redirection()) else { return Ok(response) };
        let to = url::redirected(&from, location);
        let shown = url::without_credentials(&to);
        if !(to.starts_with("http://") || to.starts_with("https://")) {
            return Err(refuse(format!("redirects to {shown}, which cannot be read")));
        }
        if url::host_name(&to) != url::host_name(&from) {
            return Err(refuse(format!("redirects to another host ({shown}) and is not encrypted")));
        }
        tracing::debug!(to = %shown, "redirected");
        from = Cow::Owned(to);
    }
    Err(refuse("redirects in circles".into()))
}

/// Reads the body to its end: the rest of `partial`, or a `whole` file that takes its place.
fn receive(
    network: &Network,
    url: &str,
    entry: &Entry,
    body: Body,
    mut whole: Option<Known>,
    partial: &mut Partial,
    progress: &mut dyn FnMut(Event),
) -> Result<(), Stop> {
    let mut reader = body.into_reader();
    let mut buffer = vec![0; CHUNK];
    let mut pace = Pace { since: Instant::now(), bytes: 0 };
    loop {
        progress(Event::Bytes { have: partial.len(), total: partial.known().total });
        let bytes = match reader.read(&mut buffer) {
            Ok(0) => break,
            Ok(n) => &buffer[..n],
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(stop(url, true, error.into())),
        };
        if let Some(known) = whole.take() {
            refuse_page(url, entry, &HeaderMap::new(), bytes)?;
            partial.restart(known)?;
        }
        if partial.len() + bytes.len() as u64 > MOST {
            let what = format!("sends more than {} bytes", MOST);
            return Err(Fault::Server { url: url.to_owned(), what }.into());
        }
        partial.append(bytes)?;
        pace.add(bytes.len(), network.timeout).map_err(Stop::Again)?;
    }
    if whole.is_none() && partial.is_complete() {
        return Ok(());
    }
    Err(Stop::Again("ended before the file did".into()))
}

/// How much came since when: a server that sends a byte now and then never times out by itself.
struct Pace {
    since: Instant,
    bytes: usize,
}

impl Pace {
    /// Counts bytes; after each `window`, fails if less than [`LEAST`] a second came.
    fn add(&mut self, bytes: usize, window: Duration) -> Result<(), String> {
        self.bytes += bytes;
        let elapsed = self.since.elapsed();
        if elapsed >= window {
            let rate = self.bytes as f64 / elapsed.as_secs_f64();
            if rate < LEAST {
                return Err(format!("slowed down to {rate:.0} bytes a second"));
            }
            *self = Self { since: Instant::now(), bytes: 0 };
        }
        Ok(())
    }
}

/// Ends at once when a page comes instead of the file.
fn refuse_page(url: &str, entry: &Entry, headers: &HeaderMap, start: &[u8]) -> Result<(), Fault> {
    let kind = headers.get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    if kind.trim_start().to_ascii_lowercase().starts_with("text/html") || is_web_page(start) {
        return Err(Fault::WebPage { url: url.to_owned(), published: entry.url.clone() });
    }
    Ok(())
}

/// What the answer says of the whole file.
fn known(url: &str, response: &Response<Body>) -> Known {
    let text = |name| response.headers().get(name).and_then(|value| value.to_str().ok());
    // A weak tag says that two files mean the same, not that they are the same bytes (RFC 9110 §13.1.5).
    let tag = text(header::ETAG).filter(|tag| tag.starts_with('"'));
    Known {
        url: url.to_owned(),
        validator: tag.or_else(|| text(header::LAST_MODIFIED)).map(str::to_owned),
        total: response.body().content_length(),
    }
}

/// Whether the answer is the rest of what is there; why not, as the rest of a sentence.
fn continues(partial: &Partial, response: &Response<Body>) -> Result<(), String> {
    let text = |name| response.headers().get(name).and_then(|value| value.to_str().ok());
    let range = text(header::CONTENT_RANGE).unwrap_or("nothing");
    let wrong = || format!("was resumed with the wrong bytes ({range} for {}-)", partial.len());
    let (first, last, total) = content_range(range).ok_or_else(wrong)?;
    let length = last - first + 1;
    let fits = first == partial.len()
        && partial.known().total.is_none_or(|known| known == last + 1 && total.is_none_or(|total| total == known))
        && response.body().content_length().is_none_or(|sent| sent == length);
    if !fits {
        return Err(wrong());
    }
    match (text(header::ETAG), &partial.known().validator) {
        (Some(tag), Some(known)) if known.starts_with('"') && tag != known => {
            Err("was resumed with another file".into())
        }
        _ => Ok(()),
    }
}

/// `bytes FIRST-LAST/TOTAL`, where TOTAL may be `*`.
fn content_range(text: &str) -> Option<(u64, u64, Option<u64>)> {
    let (range, total) = text.strip_prefix("bytes ")?.split_once('/')?;
    let (first, last) = range.split_once('-')?;
    let (first, last) = (first.trim().parse().ok()?, last.trim().parse::<u64>().ok()?);
    let total = if total == "*" { None } else { Some(total.trim().parse().ok()?) };
    (first <= last && last < MOST).then_some((first, last, total))
}

/// Whether a length is the published one; nothing published is always right.
pub(super) fn check_length(entry: &Entry, got: Option<u64>) -> Result<(), Fault> {
    match (got, entry.bytes, entry.within) {
        (Some(got), Some(want), Some(within)) if got.abs_diff(want) > within => Err(Fault::Length { got, want }),
        _ => Ok(()),
    }
}

/// What a failed request means for the next one; `begun`: bytes have come before.
fn stop(url: &str, begun: bool, error: ureq::Error) -> Stop {
    let no_host = || Stop::Final(Fault::NoHost(url::host(url).to_owned()));
    let connect = |why: String| Stop::Final(Fault::Connect { url: url.to_owned(), why });
    match error {
        ureq::Error::HostNotFound if !begun => no_host(),
        // What the standard library says when names cannot be resolved; it has no kind of its own.
        ureq::Error::Io(error) if !begun && error.to_string().starts_with("failed to lookup address") => no_host(),
        ureq::Error::Timeout(ureq::Timeout::Connect | ureq::Timeout::Resolve) => {
            Stop::Again("could not begin: no answer to the connection".into())
        }
        ureq::Error::Timeout(_) => Stop::Again("stalled".into()),
        ureq::Error::TooManyRedirects => {
            let what = "redirects in circles".into();
            Stop::Final(Fault::Server { url: url.to_owned(), what })
        }
        ureq::Error::RequireHttpsOnly(to) => {
            let what = format!("redirects to {}, which is not encrypted", url::without_credentials(&to));
            Stop::Final(Fault::Server { url: url.to_owned(), what })
        }
        ureq::Error::BadUri(_) | ureq::Error::Http(_) => connect("the address cannot be read".into()),
        ureq::Error::Tls(why) => connect(why.into()),
        ureq::Error::Rustls(error) => connect(error.to_string()),
        ureq::Error::ConnectProxyFailed(why) => connect(format!("the proxy answers {why}")),
        ureq::Error::InvalidProxyUrl => connect("the proxy's address cannot be read".into()),
        // So do the certificates that TLS does not trust come out.
        ureq::Error::Io(error) if error.kind() == io::ErrorKind::InvalidData => {
            connect(format!("{error} (certificates to trust can be named in SSL_CERT_FILE)"))
        }
        ureq::Error::Io(error) if error.kind() == io::ErrorKind::ConnectionRefused => {
            Stop::Again("could not begin: the connection is refused".into())
        }
        ureq::Error::Io(error) => Stop::Again(format!("broke off ({error})")),
        error => Stop::Again(format!("failed ({error})")),
    }
}
