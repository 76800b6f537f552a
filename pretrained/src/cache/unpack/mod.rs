//! Archives of Caffe models: zip, tar and tar.gz, recognised by their content.
//!
//! Only model files are taken out (`.caffemodel`, `.prototxt`). An archive that would write outside its folder, through
//! a link, or more than an archive of its size can hold, is refused as a whole.

mod tarball;
mod zipped;

use super::error::{Fault, size};
use super::files::start;
use std::collections::HashSet;
use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Component, Path, PathBuf};

/// Entries that are looked at.
const ENTRIES: usize = 10_000;
/// Bytes that are written at most.
const MOST: u64 = 8 << 30;
/// How much smaller than its content an archive may be, beyond the first bytes: weights hardly shrink.
const RATIO: u64 = 50;
/// Bytes that are written however small the archive is.
const FREE: u64 = 16 << 20;
/// Folders inside each other.
const DEPTH: usize = 16;

/// Kinds of archives.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Zip,
    Tar,
    TarGz,
}

/// What archive a file is, if it is one.
pub(super) fn kind(path: &Path) -> Result<Option<Kind>, Fault> {
    let bytes = start(path, 512)?;
    let other = |what: &str| Fault::Archive(format!("is {what}: unpack it and hand over the .caffemodel"));
    match bytes.as_slice() {
        [b'P', b'K', 3, 4, ..] => Ok(Some(Kind::Zip)),
        [0x1f, 0x8b, ..] => Ok(Some(Kind::TarGz)),
        b if b.get(257..).is_some_and(|rest| rest.starts_with(b"ustar")) => Ok(Some(Kind::Tar)),
        b if b.starts_with(b"Rar!") => Err(other("a RAR archive")),
        b if b.starts_with(b"7z\xbc\xaf\x27\x1c") => Err(other("a 7z archive")),
        _ => Ok(None),
    }
}

/// Takes the model files of an archive out into `folder`, which must not exist yet.
pub(super) fn unpack(kind: Kind, archive: &Path, folder: &Path) -> Result<(), Fault> {
    let fault = |error| Fault::io(archive, None, error);
    let file = File::open(archive).map_err(fault)?;
    let packed = file.metadata().map_err(fault)?.len();
    fs::create_dir(folder).map_err(|error| Fault::io(folder, None, error))?;
    let mut out = Out { folder, packed, written: 0, entries: 0, names: HashSet::new() };
    match kind {
        Kind::Zip => zipped::unpack(file, &mut out),
        Kind::Tar => tarball::unpack(file, &mut out),
        Kind::TarGz => tarball::unpack(flate2::read::MultiGzDecoder::new(file), &mut out),
    }
}

/// The weights among the files of an unpacked archive, as a path below `folder`: the only `.caffemodel`, or of several
/// snapshots that of the last iteration.
pub(super) fn weights(folder: &Path) -> Result<PathBuf, Fault> {
    let mut models = Vec::new();
    find(folder, Path::new(""), 0, &mut models).map_err(|error| Fault::io(folder, None, error))?;
    models.sort();
    match models.as_slice() {
        [] => Err(Fault::Archive("holds no .caffemodel".into())),
        [only] => Ok(only.clone()),
        several => {
            let last = several.iter().filter_map(|path| Some((iteration(path)?, path))).max();
            let alone = several.iter().all(|path| iteration(path).is_some());
            last.filter(|_| alone).map(|(_, path)| path.clone()).ok_or_else(|| {
                let names: Vec<_> = several.iter().map(|path| path.display().to_string()).collect();
                Fault::Archive(format!("holds several models ({}): unpack it and hand one over", names.join(", ")))
            })
        }
    }
}

/// The number N of a snapshot `…_iter_N.caffemodel`.
fn iteration(path: &Path) -> Option<u64> {
    path.file_stem()?.to_str()?.rsplit_once("_iter_")?.1.parse().ok()
}

fn find(folder: &Path, below: &Path, depth: usize, models: &mut Vec<PathBuf>) -> io::Result<()> {
    for entry in fs::read_dir(folder.join(below))? {
        let entry = entry?;
        let path = below.join(entry.file_name());
        let kind = entry.file_type()?;
        if kind.is_dir() && depth < DEPTH {
            find(folder, &path, depth + 1, models)?;
        } else if kind.is_file() && has_extension(&path, "caffemodel") {
            models.push(path);
        }
    }
    Ok(())
}

fn has_extension(path: &Path, extension: &str) -> bool {
    path.extension().is_some_and(|e| e.eq_ignore_ascii_case(extension))
}

/// Where the files of an archive go, and how much of them went.
struct Out<'a> {
    folder: &'a Path,
    packed: u64,
    written: u64,
    entries: usize,
    names: HashSet<String>,
}

impl Out<'_> {
    /// Where an entry called `name` goes: none if it is no model file.
    fn place(&mut self, name: &str, is_file: bool) -> Result<Option<PathBuf>, Fault> {
        self.entries += 1;
        if self.entries > ENTRIES {
            return Err(Fault::Archive(format!("holds more than {ENTRIES} entries")));
        }
        let path = Path::new(name);
        let inside = path.components().all(|part| matches!(part, Component::Normal(_) | Component::CurDir));
        if !inside || name.contains(['\\', '\0', ':']) {
            return Err(Fault::Archive(format!("would write outside its folder (entry {name:?})")));
        }
        // What macOS puts beside each file.
        let shadow = path.file_name().is_some_and(|name| name.as_encoded_bytes().starts_with(b"._"));
        let wanted = (has_extension(path, "caffemodel") || has_extension(path, "prototxt")) && !shadow;
        if !wanted || name.ends_with('/') {
            return Ok(None);
        }
        if !is_file {
            return Err(Fault::Archive(format!("holds {name:?} as a link or a device, not a file")));
        }
        if path.components().count() > DEPTH {
            return Err(Fault::Archive(format!("has more than {DEPTH} folders inside each other")));
        }
        // Told apart as a file system may that does not know upper from lower case.
        if !self.names.insert(name.to_lowercase()) {
            return Err(Fault::Archive(format!("holds {name:?} twice")));
        }
        Ok(Some(self.folder.join(path)))
    }

    /// Bytes that may still be written.
    fn room(&self) -> u64 {
        self.packed.saturating_mul(RATIO).saturating_add(FREE).min(MOST).saturating_sub(self.written)
    }

    /// Writes an entry, however long it says it is.
    fn write(&mut self, path: &Path, name: &str, content: impl Read) -> Result<(), Fault> {
        let fault = |error| Fault::io(path, None, error);
        if let Some(parent) = path.parent() {
            fs::create_dir_all(parent).map_err(fault)?;
        }
        let room = self.room();
        let mut file = File::create_new(path).map_err(fault)?;
        let mut content = Content { inner: content.take(room + 1), failed: None };
        let copied = io::copy(&mut content, &mut file);
        if let Some(error) = content.failed {
            return Err(Fault::Archive(format!("is damaged at {name:?} ({error})")));
        }
        let written = copied.map_err(fault)?;
        if written > room {
            let packed = size(self.packed);
            return Err(Fault::Archive(format!("of {packed} unpacks to more than weights can ({name:?})")));
        }
        self.written += written;
        file.sync_all().map_err(fault)
    }
}

/// A reader that remembers its error, to tell a damaged archive from a full disk.
struct Content<R> {
    inner: R,
    failed: Option<String>,
}

impl<R: Read> Read for Content<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.inner.read(buffer).inspect_err(|error| self.failed = Some(error.to_string()))
    }
}
