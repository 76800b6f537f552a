//! The bytes of a checkpoint: a memory map, or bytes that are in memory already.

use std::{borrow::Cow, fs::File, ops::Range, path::Path};

use memmap2::{Mmap, UncheckedAdvice};

use crate::error::{ErrorKind, Read};

/// The whole file as one slice.
pub(crate) enum Bytes {
    Mapped(Mmap),
    Memory(Cow<'static, [u8]>),
}

impl Bytes {
    /// Maps a regular, non-empty file.
    pub fn open(path: &Path) -> Read<Self> {
        let file = File::open(path)?;
        let metadata = file.metadata()?;
        if !metadata.is_file() {
            return Err(ErrorKind::NotAFile);
        }
        if metadata.len() == 0 {
            return Err(ErrorKind::Empty);
        }
        Ok(Self::Mapped(map(&file)?))
    }

    pub fn as_slice(&self) -> &[u8] {
        match self {
            Self::Mapped(map) => map,
            Self::Memory(bytes) => bytes,
        }
    }

    /// Tells the system that the pages wholly inside `range` are not needed for now. They come back
    /// from the file when they are read again.
    pub fn release(&self, range: Range<usize>) {
        /// The largest page in common use: rounding to it is right for smaller ones too.
        const PAGE: usize = 64 * 1024;
        let Self::Mapped(map) = self else { return };
        let start = range.start.next_multiple_of(PAGE);
        let end = range.end.min(map.len()) / PAGE * PAGE;
        if start < end {
            drop_pages(map, start..end);
        }
    }
}

#[allow(unsafe_code)]
fn map(file: &File) -> std::io::Result<Mmap> {
    // SAFETY: the map is read-only and private, and nothing here keeps a promise about its content
    // beyond one read: every text is validated again where it is used. A file that another program
    // shortens meanwhile ends this one with SIGBUS, as it does every reader of mapped files.
    unsafe { Mmap::map(file) }
}

#[allow(unsafe_code)]
fn drop_pages(map: &Mmap, range: Range<usize>) {
    // SAFETY: DONTNEED on a read-only map of a file loses nothing: the pages hold no private data,
    // and the next access reads the same bytes from the file. Failure only means more memory in use.
    let _ = unsafe { map.unchecked_advise_range(UncheckedAdvice::DontNeed, range.start, range.len()) };
}
