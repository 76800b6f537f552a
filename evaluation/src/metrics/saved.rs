//! Results in files, and the files that they name.

use super::provenance::FileRef;
use crate::{Error, Result};
use serde::de::DeserializeOwned;
use std::path::{Path, PathBuf};

/// Reads the result of an evaluation.
///
/// # Errors
/// When the file is none.
pub fn read<T: DeserializeOwned>(path: &Path) -> Result<T> {
    let text = std::fs::read(path).map_err(Error::io(path))?;
    serde_json::from_slice(&text).map_err(|error| Error::NoResult { path: path.to_path_buf(), error })
}

/// Where a file that a result names is: at its place, or beside the result.
///
/// # Errors
/// When it is gone or has another content.
pub fn locate(file: &FileRef, result: &Path) -> Result<PathBuf> {
    find(file, result)?.ok_or_else(|| Error::Gone { result: result.to_path_buf(), file: file.path.clone() })
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
        let is_same = file.sha256.is_none() || FileRef::of(&path).map_err(Error::io(&path))?.sha256 == file.sha256;
        if is_same {
            return Ok(Some(path));
        }
        changed.get_or_insert(path);
    }
    match changed {
        Some(file) => Err(Error::Changed { file, result: result.to_path_buf() }),
        None => Ok(None),
    }
}
