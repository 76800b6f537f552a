//! Why a file was refused: one clear sentence each, naming the file and what to do.

use std::fmt::{self, Write};

use crate::printable::Printable;

/// A checkpoint that could not be read or written: the file and the reason.
#[derive(Debug)]
pub struct Error {
    file: String,
    kind: Box<ErrorKind>,
}

impl fmt::Display for Error {
    /// One line in which nothing of the file steers a terminal.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(Printable(f), "{}: {}", self.file, self.kind)
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(&*self.kind)
    }
}

impl Error {
    pub(crate) fn new(file: &str, kind: ErrorKind) -> Self {
        Self { file: file.to_owned(), kind: Box::new(kind) }
    }

    /// The file (or the name given to [`Checkpoint::from_bytes`](crate::Checkpoint::from_bytes)).
    pub fn file(&self) -> &str {
        &self.file
    }

    /// What is wrong with it.
    pub fn kind(&self) -> &ErrorKind {
        &self.kind
    }
}

/// The result of everything that touches a checkpoint file.
pub type Result<T> = std::result::Result<T, Error>;

/// The result of the inner layers, which do not know the file's name.
pub(crate) type Read<T> = std::result::Result<T, ErrorKind>;

/// What is wrong with a checkpoint file.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ErrorKind {
    /// The operating system refused.
    #[error("{0}")]
    Io(#[from] std::io::Error),
    /// A folder, a pipe or a device.
    #[error("is not a regular file; give the path of a checkpoint file")]
    NotAFile,
    /// Zero bytes.
    #[error("is empty (0 bytes); download it again")]
    Empty,
    /// The file ends before its content does.
    #[error("is cut short: {0}; download it again")]
    Truncated(String),
    /// A web page saved under the name of a checkpoint.
    #[error(
        "is a web page, not a checkpoint: the download saved an HTML page instead of the file; \
         download it again with a direct link (Dropbox links need dl=1)"
    )]
    Html,
    /// A Git LFS pointer instead of the file it stands for.
    #[error("is a Git LFS pointer, not the file itself; run `git lfs pull` or download the file directly")]
    LfsPointer,
    /// A file of a known kind which is not a checkpoint that this crate reads.
    #[error("is {what}; {advice}")]
    Foreign {
        /// What the file is, with its article.
        what: &'static str,
        /// What to do instead.
        advice: &'static str,
    },
    /// Text, of which this is the beginning.
    #[error("is a text file ({0:?}), not a checkpoint; give the path of the weights themselves")]
    Text(String),
    /// Nothing that is known.
    #[error(
        "is not a checkpoint in a known format (PyTorch, safetensors, pickle, Caffe): \
         it starts with the bytes {0}"
    )]
    Unrecognised(String),
    /// The tar files of PyTorch 0.1.
    #[error(
        "is a tar file: a PyTorch 0.1 checkpoint, or an archive; unpack an archive, \
         load an old checkpoint with an old PyTorch and save its state_dict() again"
    )]
    OldTar,
    /// A compiled model, with code.
    #[error(
        "is a TorchScript archive (code and weights); save the state_dict() of the model instead: \
         torch.save(model.state_dict(), path)"
    )]
    TorchScript,
    /// A pickled `nn.Module`.
    #[error(
        "holds a whole pickled module ({class}), which only its own Python code can open; \
         save its state_dict() instead: torch.save(model.state_dict(), path)"
    )]
    WholeModule {
        /// The class that the file names.
        class: String,
    },
    /// A single tensor.
    #[error("holds a single tensor without a name; save a dictionary from names to tensors")]
    BareTensor,
    /// Readable, without weights.
    #[error("holds no named tensors: {what}")]
    NoTensors {
        /// What it holds instead.
        what: String,
    },
    /// A training state without the weights.
    #[error("holds only the state of an optimizer (keys: {keys}), no model weights; use the model's own checkpoint")]
    OptimizerOnly {
        /// The keys that were found.
        keys: String,
    },
    /// [`Checkpoint::open_at`](crate::Checkpoint::open_at) was given a path that is not there.
    #[error("has nothing under {path}; it holds: {keys}")]
    NoSuchEntry {
        /// The keys asked for.
        path: String,
        /// The keys there are.
        keys: String,
    },
    /// A zip that is not a checkpoint.
    #[error("is a zip archive without data.pkl, so not a PyTorch checkpoint{hint}")]
    ZipWithoutPickle {
        /// What to do, when the names in it suggest something.
        hint: String,
    },
    /// Zip features that `torch.save` never uses.
    #[error(
        "is a zip archive whose entry {entry:?} is {how}; torch.save stores entries as they are: save it again with PyTorch"
    )]
    ZipEntry {
        /// The entry.
        entry: String,
        /// "compressed" or "encrypted".
        how: &'static str,
    },
    /// A pickle that names something able to run code.
    #[error("asks for `{global}`, which could run code: refused; nothing in it was run. Do not trust this file")]
    UnsafeGlobal {
        /// `module.name` as the file spells it.
        global: String,
    },
    /// A pickle instruction that no checkpoint needs.
    #[error("uses the pickle instruction {name} at byte {at}, which is not read (it is unknown or could run code)")]
    Opcode {
        /// Its name, or its byte.
        name: String,
        /// Offset in the file.
        at: usize,
    },
    /// A file that breaks the rules of its own format.
    #[error("is damaged: {0}")]
    Malformed(String),
    /// A state dict of PyTorch tensors written by `pickle.dump`.
    #[error("holds PyTorch tensors written by pickle.dump; save it again with torch.save")]
    PickledTensors,
    /// A limit was reached before memory was spent.
    #[error("needs more than the reader allows: {0}")]
    Limit(String),
    /// One tensor cannot be what the file says.
    #[error("tensor {tensor:?} {why}")]
    Tensor {
        /// Its name in the file.
        tensor: String,
        /// What is wrong, as the rest of a sentence.
        why: String,
    },
    /// The same name twice.
    #[error("names the tensor {0:?} twice")]
    DuplicateName(String),
    /// [`Checkpoint::read`](crate::Checkpoint::read) was asked for something that is not there.
    #[error("has no tensor {0:?}")]
    NoSuchTensor(String),
    /// A tensor given to a writer does not fit its own description.
    #[error("cannot be written: {0}")]
    Unwritable(String),
}

impl ErrorKind {
    pub(crate) fn malformed(what: impl Into<String>) -> Self {
        Self::Malformed(what.into())
    }

    pub(crate) fn truncated(what: impl Into<String>) -> Self {
        Self::Truncated(what.into())
    }

    pub(crate) fn tensor(tensor: &str, why: impl Into<String>) -> Self {
        Self::Tensor { tensor: tensor.to_owned(), why: why.into() }
    }
}
