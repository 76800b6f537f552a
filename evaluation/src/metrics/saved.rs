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

/// The same; none when it is gone.
///
/// # Errors
/// When it has another content.
pub fn find(file: &FileRef, result: &Path) -> Result<Option<PathBuf>> {
    let beside = result.parent().zip(file.path.file_name()).map(|(folder, name)| folder.join(name));
    let Some(path) = [Some(file.path.clone()), beside].into_iter().flatten().find(|path| path.exists()) else {
        return Ok(None);
    };
    if file.sha256.is_some() && FileRef::of(&path).with_context(|| path.display().to_string())?.sha256 != file.sha256 {
        bail!("{} has changed since {} was made from it", path.display(), result.display());
    }
    Ok(Some(path))
}
