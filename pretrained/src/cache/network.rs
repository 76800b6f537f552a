//! How the network is used: from where, how patiently, or not at all.

use super::error::Fault;
use super::url;
use crate::catalogue::Entry;
use std::env;
use std::fmt;
use std::time::Duration;
use ureq::tls::{Certificate, PemItem, RootCerts, TlsConfig, parse_pem};
use ureq::{Agent, Proxy};

/// The folder of all files on another server.
const MIRROR: &str = "VOVDET_WEIGHTS_MIRROR";
/// Set and not `0`: the network is not used.
const OFFLINE: &str = "VOVDET_OFFLINE";
/// Seconds without a byte.
const TIMEOUT: &str = "VOVDET_TIMEOUT_S";
/// Certificates to trust instead of the built-in ones, as OpenSSL and curl read it.
const CERTIFICATES: &str = "SSL_CERT_FILE";

/// Redirects one after the other that are followed.
pub(super) const REDIRECTS: u32 = 10;

/// How the network is used.
#[derive(Clone)]
pub struct Network {
    /// Not at all.
    pub offline: bool,
    /// `https://host/folder`: every file comes from there, under the name that it has in the catalogue.
    pub mirror: Option<String>,
    /// A connection without a byte for so long is given up.
    pub timeout: Duration,
    /// Attempts in a row that get nothing further before a transfer is given up.
    pub attempts: u32,
    /// Pause after the first of them; each further one doubles it.
    pub pause: Duration,
}

impl fmt::Debug for Network {
    /// Without the credentials that the mirror's address may hold.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Network")
            .field("offline", &self.offline)
            .field("mirror", &self.mirror.as_deref().map(url::without_credentials))
            .field("timeout", &self.timeout)
            .field("attempts", &self.attempts)
            .field("pause", &self.pause)
            .finish()
    }
}

impl Default for Network {
    fn default() -> Self {
        Self {
            offline: false,
            mirror: None,
            timeout: Duration::from_secs(30),
            attempts: 5,
            pause: Duration::from_millis(500),
        }
    }
}

impl Network {
    /// The default, and what the environment says: `VOVDET_WEIGHTS_MIRROR`, `VOVDET_OFFLINE`, `VOVDET_TIMEOUT_S`.
    ///
    /// # Errors
    /// When one of them cannot be followed.
    pub fn from_env() -> Result<Self, Fault> {
        let offline = env::var_os(OFFLINE).is_some_and(|value| !value.is_empty() && value != "0");
        let mirror = env::var(MIRROR).ok().filter(|mirror| !mirror.is_empty());
        if let Some(mirror) = mirror.as_ref().filter(|m| !(m.starts_with("https://") || m.starts_with("http://"))) {
            let shown = url::without_credentials(mirror);
            let why = format!("is {shown:?}: give the address of a folder, like https://host/weights");
            return Err(Fault::Setting { variable: MIRROR, why });
        }
        let timeout = match env::var(TIMEOUT).ok().filter(|text| !text.is_empty()) {
            None => Self::default().timeout,
            Some(text) => {
                let seconds = text.parse().ok().and_then(|s| Duration::try_from_secs_f64(s).ok());
                let day = Duration::from_hours(24);
                seconds.filter(|s| !s.is_zero() && *s <= day).ok_or_else(|| {
                    let why = format!("is {text:?}: give a number of seconds, above 0 and at most a day");
                    Fault::Setting { variable: TIMEOUT, why }
                })?
            }
        };
        Ok(Self { offline, mirror, timeout, ..Self::default() })
    }

    /// Where a file is fetched from: the mirror, or the published link in its direct form.
    pub(super) fn url(&self, entry: &Entry) -> String {
        match &self.mirror {
            Some(mirror) => format!("{}/{}", mirror.trim_end_matches('/'), entry.file),
            None => url::direct(&entry.url),
        }
    }

    /// An HTTP client for `url`. It goes through the proxy that the environment names, and never from HTTPS to HTTP. It
    /// follows no redirect of an answer that is not encrypted: anybody on the way could have made it.
    pub(super) fn agent(&self, url: &str) -> Result<Agent, Fault> {
        let encrypted = url.starts_with("https://");
        let roots = if encrypted { certificates()? } else { RootCerts::WebPki };
        // A proxy cannot reach this machine's own servers.
        let host = url::host_name(url);
        let own = host == "localhost" || host == "[::1]" || host.starts_with("127.");
        let config = Agent::config_builder()
            .https_only(encrypted)
            .max_redirects(if encrypted { REDIRECTS } else { 0 })
            .http_status_as_error(false)
            .user_agent(concat!("vovdet/", env!("CARGO_PKG_VERSION")))
            // The bytes as they are: lengths, ranges and hashes are those of the file.
            .accept_encoding("identity")
            .proxy(if own { None } else { Proxy::try_from_env() })
            .tls_config(TlsConfig::builder().root_certs(roots).build())
            .timeout_resolve(Some(self.timeout))
            .timeout_connect(Some(self.timeout))
            .timeout_recv_response(Some(self.timeout))
            .timeout_per_read(Some(self.timeout))
            .build();
        Ok(config.into())
    }
}

/// Mozilla's root certificates, or those of the file that the environment names (a company's proxy has its own).
fn certificates() -> Result<RootCerts, Fault> {
    let Some(path) = env::var_os(CERTIFICATES).filter(|path| !path.is_empty()) else {
        return Ok(RootCerts::WebPki);
    };
    let fault =
        |why: String| Fault::Setting { variable: CERTIFICATES, why: format!("names {}: {why}", path.display()) };
    let pem = std::fs::read(&path).map_err(|error| fault(error.to_string()))?;
    let certificates: Vec<Certificate> = parse_pem(&pem)
        .filter_map(|item| match item {
            Ok(PemItem::Certificate(certificate)) => Some(Ok(certificate)),
            Ok(_) => None,
            Err(error) => Some(Err(fault(error.to_string()))),
        })
        .collect::<Result<_, _>>()?;
    if certificates.is_empty() {
        return Err(fault("it holds no certificates (PEM)".into()));
    }
    Ok(RootCerts::new_with_certs(&certificates))
}
