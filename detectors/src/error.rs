//! Errors of the detector crate.

/// What can go wrong between a checkpoint and a detection.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A spec, a model name or an option that makes no model.
    #[error("{0}")]
    Spec(String),
    /// A checkpoint that does not fit the model; the text is the load report in one sentence.
    #[error("{0}")]
    Load(String),
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
