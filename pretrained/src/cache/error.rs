//! Why weights could not be fetched or used: one clear sentence each, naming them and what to do.

use crate::printable::Printable;
use std::fmt::{self, Write};
use std::io;
use std::path::{Path, PathBuf};

/// Weights that could not be had: their name and the reason.
#[derive(Debug)]
pub struct Error {
    weights: String,
    fault: Box<Fault>,
}

impl fmt::Display for Error {
    /// One line in which nothing of a server or a file steers a terminal.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(Printable(f), "{}: {}", self.weights, self.fault)
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(&*self.fault)
    }
}

impl Error {
    pub(super) fn new(weights: &str, fault: Fault) -> Self {
        Self { weights: weights.to_owned(), fault: Box::new(fault) }
    }

    /// The name of the weights, or of the cache folder.
    pub fn weights(&self) -> &str {
        &self.weights
    }

    /// What went wrong.
    pub fn fault(&self) -> &Fault {
        &self.fault
    }
}

/// What can go wrong.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Fault {
    /// A setting that cannot be followed.
    #[error("the environment variable {variable} {why}")]
    Setting {
        /// Its name.
        variable: &'static str,
        /// The rest of the sentence.
        why: String,
    },
    /// Not in the cache, and the network must not be used.
    #[error(
        "is not in the cache ({}) and the network is off; fetch it where there is a network, or hand over a file", .0.display()
    )]
    Offline(PathBuf),
    /// The cache folder, or a file in it, cannot be used.
    #[error("cannot use {} ({error}); choose another folder with VOVDET_CACHE", .path.display())]
    Folder {
        /// The folder or file.
        path: PathBuf,
        /// What the operating system says.
        error: io::Error,
    },
    /// No room left.
    #[error(
        "the disk of {} is full; free {} or choose another folder with VOVDET_CACHE",
        .path.display(),
        .missing.map_or("some space".into(), |bytes| format!("{} more", size(bytes)))
    )]
    DiskFull {
        /// The folder.
        path: PathBuf,
        /// Bytes that were still to come, if that is known.
        missing: Option<u64>,
    },
    /// The file to be taken into the cache cannot be read.
    #[error("cannot read {}: {why}", .path.display())]
    From {
        /// The file.
        path: PathBuf,
        /// The rest of the sentence.
        why: String,
    },
    /// No such host.
    #[error("there is no host {0}, or no network; check the connection, or name a mirror in VOVDET_WEIGHTS_MIRROR")]
    NoHost(String),
    /// No connection, or none that can be trusted.
    #[error("cannot connect to {url}: {why}")]
    Connect {
        /// Where.
        url: String,
        /// What the connection says.
        why: String,
    },
    /// The server says no.
    #[error("{url} answers {status}: {}", advice(*.status))]
    Status {
        /// Where.
        url: String,
        /// HTTP status code.
        status: u16,
    },
    /// The server speaks HTTP that makes no sense.
    #[error("{url} {what}")]
    Server {
        /// Where.
        url: String,
        /// The rest of the sentence.
        what: String,
    },
    /// A web page instead of the file.
    #[error(
        "{url} sent a web page instead of the file (the link needs a browser, has reached its limit for today, or is \
         gone); open {published} in a browser, save the file and hand it over"
    )]
    WebPage {
        /// What was asked for.
        url: String,
        /// The link as it is published.
        published: String,
    },
    /// The transfer broke off each time it was tried.
    #[error(
        "the transfer from {url} {why}, {attempts} times in a row{}", kept(*.have, *.total)
    )]
    Broken {
        /// Where.
        url: String,
        /// The rest of the sentence.
        why: String,
        /// How often it was tried without getting further.
        attempts: u32,
        /// Bytes that are kept.
        have: u64,
        /// Bytes of the whole file, if the server says so.
        total: Option<u64>,
    },
    /// Not as long as it is published to be.
    #[error("is {got} bytes long instead of {want}, as published: it is another file, or cut short; nothing was kept")]
    Length {
        /// Bytes that there are.
        got: u64,
        /// Bytes as published.
        want: u64,
    },
    /// Not the published content.
    #[error(
        "its SHA-256 begins with {got} instead of {want}, as published: the file is damaged or another one; nothing was kept"
    )]
    Hash {
        /// First digits of what there is.
        got: String,
        /// First digits as published.
        want: String,
    },
    /// Another content than the first time.
    #[error(
        "is not the file that was first fetched (SHA-256 {}… then, {}… now); nothing was kept. If its publisher replaced \
         it on purpose, accept the new one", short(.pinned), short(.found)
    )]
    Replaced {
        /// SHA-256 of the first.
        pinned: String,
        /// SHA-256 of this one.
        found: String,
    },
    /// The cached file is not what was put there.
    #[error(
        "{} was changed after it was fetched (SHA-256 {}… then, {}… now); delete it, and the next use fetches it anew",
        .path.display(), short(.pinned), short(.found)
    )]
    Changed {
        /// The file.
        path: PathBuf,
        /// SHA-256 of the first.
        pinned: String,
        /// SHA-256 of this one.
        found: String,
    },
    /// Nothing that can be read as weights.
    #[error("what came {0}; nothing was kept")]
    Content(String),
    /// Weights of another model.
    #[error("{0}; nothing was kept")]
    Misfit(String),
    /// An archive that is not unpacked.
    #[error("its archive {0}; nothing was kept")]
    Archive(String),
}

impl Fault {
    /// The fault of an operation on `path`, of which `missing` bytes were still to be written.
    pub(super) fn io(path: &Path, missing: Option<u64>, error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
                Self::DiskFull { path: path.parent().unwrap_or(path).to_path_buf(), missing }
            }
            _ => Self::Folder { path: path.to_path_buf(), error },
        }
    }
}

/// The first digits of a hash.
fn short(sha256: &str) -> &str {
    sha256.get(..12).unwrap_or(sha256)
}

fn advice(status: u16) -> &'static str {
    match status {
        401 | 403 => "access is refused, perhaps for today only; a mirror can be named in VOVDET_WEIGHTS_MIRROR",
        404 | 410 => "the file is no longer there; a mirror can be named in VOVDET_WEIGHTS_MIRROR",
        _ => "try again later, or name a mirror in VOVDET_WEIGHTS_MIRROR",
    }
}

fn kept(have: u64, total: Option<u64>) -> String {
    match (have, total) {
        (0, _) => "; try again later".into(),
        (have, None) => format!("; {} are kept, and the same command goes on from there", size(have)),
        (have, Some(total)) => {
            format!("; {} of {} are kept, and the same command goes on from there", size(have), size(total))
        }
    }
}

/// A number of bytes for people.
pub(super) fn size(bytes: u64) -> String {
    match bytes {
        0..1_000 => format!("{bytes} bytes"),
        1_000..1_000_000 => format!("{:.1} kB", bytes as f64 / 1e3),
        1_000_000..1_000_000_000 => format!("{:.1} MB", bytes as f64 / 1e6),
        _ => format!("{:.2} GB", bytes as f64 / 1e9),
    }
}
