//! Results in files, and the files that they name.

use super::provenance::FileRef;
use anyhow::{Context, Result, bail};
use serde::de::DeserializeOwned;
use std::path::{Path, PathBuf};

/// Reads a result that `vovdet eval … --json` printed.
///
/// # Errors
/// When the file is none.
pub fn read<T: DeserializeOwned>(path: &Path) -> Result<T> {
    let text = std::fs::read(path).with_context(|| path.display().to_string())?;
    serde_json::from_slice(&text).with_context(|| format!("{} is no result of `vovdet eval --json`", path.display()))
}

/// Where a file that a result names is: at its place, or beside the result.
///
/// # Errors
/// When it is gone or has another content.
pub fn locate(file: &FileRef, result: &Path) -> Result<PathBuf> {
    find(file, result)?
        .with_context(|| format!("{} names {}, which is not there any more", result.display(), file.path.display()))
}

/// Where a file that a result names may be: at its place, and beside the result.
pub fn places(file: &FileRef, result: &Path) -> impl Iterator<Item = PathBuf> {
    let beside = result.parent().zip(file.path.file_name()).map(|(folder, name)| folder.join(name));
    std::iter::once(file.path.clone()).chain(beside)
}

/// The same; none when it is gone.
///
/// # Errors
/// When it has another content.
pub fn find(file: &FileRef, result: &Path) -> Result<Option<PathBuf>> {
    let mut changed = None;
    for path in places(file, result).filter(|path| path.exists()) {
        let is_same = file.sha256.is_none()
            || FileRef::of(&path).with_context(|| path.display().to_string())?.sha256 == file.sha256;
        if is_same {
            return Ok(Some(path));
        }
        changed.get_or_insert(path);
    }
    match changed {
        Some(path) => bail!(
            "{} has changed since {} was made from it: put the file that it was beside it, or evaluate again",
            path.display(),
            result.display()
        ),
        None => Ok(None),
    }
}

/// Refuses to write where something is read from, whatever way the two paths are spelt.
///
/// # Errors
/// When `place` is one of `inputs`.
pub fn refuse_to_replace<'a>(flag: &str, place: &Path, inputs: impl IntoIterator<Item = &'a Path>) -> Result<()> {
    let Ok(there) = place.canonicalize() else { return Ok(()) };
    match inputs.into_iter().find(|input| input.canonicalize().is_ok_and(|input| input == there)) {
        Some(input) => bail!("{flag} {} would replace {}, which is read", place.display(), input.display()),
        None => Ok(()),
    }
}
