//! The bytes of a checkpoint: a file of which parts are read, or bytes that are in memory already.
//!
//! Files are read and not mapped into memory: a program that reads a mapped file dies (SIGBUS) when another one shortens
//! the file meanwhile, a program that reads it gets an error.

use std::{
    borrow::Cow,
    fs::{self, File},
    ops::Range,
    os::unix::fs::FileExt,
    path::Path,
};

use crate::error::{ErrorKind, Read};

/// The longest part of a file that is read into memory to index it: all the pickles of a file, or the table of a zip
/// archive. Data of tensors are read one tensor at a time and are not part of it, but for plain pickles, in which data
/// and index alternate.
const MAX_INDEX: usize = 4 << 30;

/// Where the bytes come from.
pub(crate) enum Source {
    /// A regular file, and its length when it was opened.
    File(File, usize),
    Memory(Cow<'static, [u8]>),
}

impl Source {
    /// Opens a regular, non-empty file.
    pub fn open(path: &Path) -> Read<Self> {
        // Asked before opening: opening a pipe waits for its writer.
        if !fs::metadata(path)?.is_file() {
            return Err(ErrorKind::NotAFile);
        }
        let file = File::open(path)?;
        match usize::try_from(file.metadata()?.len()) {
            Ok(0) => Err(ErrorKind::Empty),
            Ok(len) => Ok(Self::File(file, len)),
            Err(_) => Err(ErrorKind::Limit("it is longer than memory can be addressed".to_owned())),
        }
    }

    /// The number of bytes.
    pub fn len(&self) -> usize {
        match self {
            Self::File(_, len) => *len,
            Self::Memory(bytes) => bytes.len(),
        }
    }

    /// Whether bytes are read from a file.
    pub fn is_file(&self) -> bool {
        matches!(self, Self::File(..))
    }

    /// These bytes, which must lie inside [`len`](Self::len).
    ///
    /// # Errors
    /// When the file has become shorter, or cannot be read.
    pub fn read(&self, range: Range<usize>) -> Read<Cow<'_, [u8]>> {
        match self {
            Self::Memory(bytes) => Ok(Cow::Borrowed(&bytes[range])),
            Self::File(..) => {
                let mut buffer = Vec::new();
                self.read_into(range, &mut buffer)?;
                Ok(Cow::Owned(buffer))
            }
        }
    }

    /// As [`read`](Self::read), into a buffer that is reused: `buffer` holds just these bytes afterwards.
    pub fn read_into(&self, range: Range<usize>, buffer: &mut Vec<u8>) -> Read<()> {
        match self {
            Self::Memory(bytes) => {
                buffer.clear();
                buffer.extend_from_slice(&bytes[range]);
            }
            Self::File(file, _) => {
                // Ranges are checked against the file's length before, so this cannot be made to ask for any memory.
                buffer.resize(range.len(), 0);
                file.read_exact_at(buffer, range.start as u64).map_err(|error| match error.kind() {
                    std::io::ErrorKind::UnexpectedEof => ErrorKind::truncated("it became shorter while it was read"),
                    _ => ErrorKind::Io(error),
                })?;
            }
        }
        Ok(())
    }

    /// Reads the part of the file that begins at `range.start`, as much of it as `parse` needs: first `first` bytes, and
    /// four times as many as long as `parse` finds them cut short. What comes after the parsing of these bytes is the
    /// caller's, in the inner result, and is not tried again.
    pub fn parse<T>(
        &self,
        range: Range<usize>,
        first: usize,
        mut parse: impl FnMut(Part<'_>) -> Read<Read<T>>,
    ) -> Read<T> {
        let mut len = if matches!(self, Self::Memory(_)) { range.len() } else { first.min(range.len()) };
        loop {
            let bytes = self.read(range.start..range.start + len)?;
            match parse(Part { bytes: &bytes, at: range.start }) {
                Err(ErrorKind::Truncated(_)) if len < range.len() => {}
                parsed => return parsed?,
            }
            if len == MAX_INDEX {
                return Err(ErrorKind::Limit(format!("its pickles take more than {} GB", MAX_INDEX >> 30)));
            }
            len = len.saturating_mul(4).min(range.len()).min(MAX_INDEX);
        }
    }
}

/// Bytes of a file, and where in the file they begin.
#[derive(Clone, Copy)]
pub(crate) struct Part<'a> {
    pub bytes: &'a [u8],
    pub at: usize,
}

impl<'a> Part<'a> {
    /// Where in the file a slice of these bytes lies.
    pub fn range_of(&self, slice: &[u8]) -> Option<Range<usize>> {
        if slice.is_empty() {
            return Some(0..0);
        }
        let start = (slice.as_ptr() as usize).checked_sub(self.bytes.as_ptr() as usize)?;
        let end = start.checked_add(slice.len())?;
        (end <= self.bytes.len()).then(|| self.at + start..self.at + end)
    }
}
