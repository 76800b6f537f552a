//! Errors of the detector crate.

use crate::load::LoadReport;
use crate::spec::Dialect;

/// What can go wrong between a checkpoint and a detection.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A spec or an option that makes no model.
    #[error("{0}")]
    Spec(String),
    /// A name that stands for no model.
    #[error("there is no model named `{name}`{}", near.as_ref().map(|n| format!(": did you mean `{n}`?")).unwrap_or_default())]
    UnknownModel {
        /// The name that was asked for.
        name: String,
        /// The nearest name that there is.
        near: Option<String>,
    },
    /// A model that a dialect does not have.
    #[error("`{name}` does not exist in the dialect {dialect}: leave the dialect out, or choose another")]
    NoDialect {
        /// The model.
        name: String,
        /// The dialect.
        dialect: Dialect,
    },
    /// A checkpoint whose tensors belong to no known model.
    #[error("{file} fits no model that is known")]
    Unidentified {
        /// The checkpoint.
        file: String,
    },
    /// A checkpoint that does not fit the model.
    #[error("{0}")]
    Misfit(Box<LoadReport>),
    /// A checkpoint with a tensor or a number that the model cannot take.
    #[error("{file}: {reason}")]
    Content {
        /// The checkpoint.
        file: String,
        /// Which tensor or number, and why not.
        reason: String,
    },
    /// An input that the network cannot take.
    #[error("{0}")]
    Input(String),
    /// A checkpoint that cannot be read.
    #[error(transparent)]
    Checkpoint(#[from] vovdet_pretrained::Error),
    /// A call into libtorch that failed.
    #[error("libtorch: {0}")]
    Torch(String),
}

impl From<tch::TchError> for Error {
    fn from(error: tch::TchError) -> Self {
        let text = error.to_string();
        Self::Torch(text.lines().next().unwrap_or_default().to_owned())
    }
}

impl From<vovdet_native::Error> for Error {
    fn from(error: vovdet_native::Error) -> Self {
        Self::Torch(error.to_string())
    }
}
