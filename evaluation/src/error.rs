//! Why something cannot be evaluated, compared or shown.

use crate::metrics::compare::Difference;
use std::io;
use std::path::{Path, PathBuf};

/// The result of an evaluation's step.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Why something cannot be evaluated, compared or shown: one sentence that names the file.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The operating system refused.
    #[error("{}: {error}", path.display())]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// What the system says.
        error: io::Error,
    },
    /// A file or folder does not hold what it should.
    #[error("{} {what}", path.display())]
    Content {
        /// The file or folder.
        path: PathBuf,
        /// A clause to stand behind its name.
        what: String,
    },
    /// The data set cannot be read.
    #[error(transparent)]
    Data(#[from] vovdet_datasets::Error),
    /// What computes the figures refused.
    #[error(transparent)]
    Metrics(#[from] hotcoco::Error),
    /// A mask cannot be drawn.
    #[error("a mask: {0}")]
    Mask(String),
    /// Masks are to be compared, and the objects have none.
    #[error("{}: the annotations have no segmentation, so only boxes can be compared", path.display())]
    NoMasks {
        /// The annotations.
        path: PathBuf,
    },
    /// Detections name classes by number, and nobody says what the numbers mean.
    #[error("{} names classes by number, and {} has classes of its own: what 1, 2, … are called must be said", detections.display(), data.display())]
    NamelessClasses {
        /// The detections.
        detections: PathBuf,
        /// The data set.
        data: PathBuf,
    },
    /// The line that a run kept of an image is not one of this data set.
    #[error("a line of kept results {0}")]
    KeptLine(String),
    /// A journal is that of another run.
    #[error("{} is of another run: {}", path.display(), differ.join(", "))]
    OtherRun {
        /// The journal.
        path: PathBuf,
        /// What differs, a clause each.
        differ: Vec<String>,
    },
    /// Another process is writing to a file.
    #[error("{} is being written by another run", path.display())]
    Locked {
        /// The file.
        path: PathBuf,
    },
    /// A file is no result of an evaluation.
    #[error("{} is no result of an evaluation: {error}", path.display())]
    NoResult {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        error: serde_json::Error,
    },
    /// A file holds detections where the result of an evaluation should be.
    #[error("{} is a list and no result of an evaluation; detections are to be scored first", path.display())]
    Detections {
        /// The file.
        path: PathBuf,
    },
    /// A file that a result names is not there any more.
    #[error("{} names {}, which is not there any more", result.display(), file.display())]
    Gone {
        /// The result.
        result: PathBuf,
        /// The file that it names.
        file: PathBuf,
    },
    /// A file that a result names has another content now.
    #[error("{} has changed since {} was made from it: put the file that it was beside it, or evaluate again", file.display(), result.display())]
    Changed {
        /// The file.
        file: PathBuf,
        /// The result.
        result: PathBuf,
    },
    /// Two results are not of the same data or not made in the same way.
    #[error("{} and {} cannot be compared: they differ in their {differ} ({} and {})", paths[0].display(), paths[1].display(), values[0], values[1])]
    Differ {
        /// The results.
        paths: [PathBuf; 2],
        /// In what they differ.
        differ: Difference,
        /// What each of them has.
        values: [String; 2],
    },
    /// Two results have no figures in common.
    #[error("{} and {} cannot be compared: one has figures of boxes, the other of masks", paths[0].display(), paths[1].display())]
    NothingInCommon {
        /// The results.
        paths: [PathBuf; 2],
    },
    /// The matches of an evaluation are not there any more.
    #[error("the evaluation does not hold its matches: {0}")]
    NoMatches(&'static str),
    /// A page cannot be made.
    #[error("the page: {0}")]
    Page(String),
}

impl Error {
    /// What the system says of a file.
    pub(crate) fn io(path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_path_buf();
        |error| Self::Io { path, error }
    }

    /// A file that does not hold what it should.
    pub(crate) fn content(path: &Path, what: impl Into<String>) -> Self {
        Self::Content { path: path.to_path_buf(), what: what.into() }
    }
}
