//! Why a data set cannot be read.

use std::io;
use std::path::{Path, PathBuf};
use vovdet_files::ReadError;

/// The result of reading data.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Why a data set cannot be read or written: one sentence that names the file.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A file was not read.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// The operating system refused.
    #[error("{}: {error}", path.display())]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// What the system says.
        error: io::Error,
    },
    /// A file or folder does not hold what it should.
    #[error("{}: {what}", path.display())]
    Content {
        /// The file or folder.
        path: PathBuf,
        /// A clause to stand behind its name.
        what: String,
    },
    /// A split that a VOC folder does not have.
    #[error("{}: there is no split `{split}`; there are {}", root.display(), there.join(", "))]
    UnknownSplit {
        /// The folder.
        root: PathBuf,
        /// The split's name.
        split: String,
        /// The splits that are there.
        there: Vec<String>,
    },
    /// A word that names no category.
    #[error("the data set has no category `{word}`{}", near.as_ref().map_or_else(String::new, |near| format!(": did you mean `{near}`?")))]
    UnknownCategory {
        /// The word.
        word: String,
        /// The category that was probably meant.
        near: Option<String>,
    },
    /// The classes of a model are not the categories of the data set.
    #[error("{data} has {categories} categories, and {}", outputs(*classes, missing))]
    Classes {
        /// The data set.
        data: String,
        /// How many categories it has.
        categories: usize,
        /// How many classes the model has.
        classes: usize,
        /// The model's classes that the data set does not have; none when the classes have no names.
        missing: Vec<String>,
    },
}

fn outputs(classes: usize, missing: &[String]) -> String {
    let model = format!("the model has {classes} classes ({} outputs with the background)", classes + 1);
    match missing {
        [] => model,
        few @ ([_] | [_, _] | [_, _, _]) => {
            format!("{model}: {} of them are not in the data ({})", few.len(), few.join(", "))
        }
        [first, second, third, ..] => {
            format!("{model}: {} of them are not in the data ({first}, {second}, {third}, …)", missing.len())
        }
    }
}

impl Error {
    /// What the system says of a file.
    pub(crate) fn io(path: &Path) -> impl FnOnce(io::Error) -> Self + use<> {
        let path = path.to_path_buf();
        |error| Self::Io { path, error }
    }

    /// A file that does not hold what it should.
    pub(crate) fn content(path: &Path, what: impl ToString) -> Self {
        Self::Content { path: path.to_path_buf(), what: what.to_string() }
    }
}
