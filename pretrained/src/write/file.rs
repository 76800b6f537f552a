//! A file that appears whole or not at all.

use std::{
    fs::{self, File},
    io::{BufWriter, Write},
    path::{Path, PathBuf},
};

use crate::{
    error::{Error, ErrorKind, Read, Result},
    tensor::TensorInfo,
};

/// Writes under a temporary name beside `path` and renames at the end; after an error nothing is
/// left, and an older file of that name is untouched.
pub(super) fn atomically(path: &Path, write: impl FnOnce(&mut BufWriter<File>) -> Read<()>) -> Result<()> {
    let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let temporary = path.with_file_name(format!(".{name}.{}.part", std::process::id()));
    let guard = RemoveOnDrop(Some(temporary));
    let attempt = || -> Read<()> {
        let Some(temporary) = &guard.0 else { return Ok(()) };
        let mut file = BufWriter::with_capacity(1 << 20, File::create(temporary)?);
        write(&mut file)?;
        file.flush()?;
        file.get_ref().sync_all()?;
        fs::rename(temporary, path)?;
        Ok(())
    };
    let result = attempt().map_err(|kind| Error::new(&path.display().to_string(), kind));
    if result.is_ok() {
        guard.disarm();
    }
    result
}

/// Removes the unfinished file, also when the writing panics.
struct RemoveOnDrop(Option<PathBuf>);

impl RemoveOnDrop {
    fn disarm(mut self) {
        self.0 = None;
    }
}

impl Drop for RemoveOnDrop {
    fn drop(&mut self) {
        if let Some(path) = &self.0 {
            // It may not have been created.
            let _ = fs::remove_file(path);
        }
    }
}

/// That names are unique and sizes possible.
pub(super) fn check(tensors: &[TensorInfo]) -> Read<()> {
    let mut names = std::collections::HashSet::new();
    for tensor in tensors {
        if !names.insert(&tensor.name) {
            return Err(ErrorKind::DuplicateName(tensor.name.clone()));
        }
        if tensor.byte_len() > isize::MAX as usize {
            let what = format!("tensor {:?} has an impossible shape", tensor.name);
            return Err(ErrorKind::Unwritable(what));
        }
    }
    Ok(())
}

/// That the data of a tensor have the length of its shape.
pub(super) fn check_len(tensor: &TensorInfo, bytes: &[u8]) -> Read<()> {
    if bytes.len() == tensor.byte_len() {
        return Ok(());
    }
    Err(ErrorKind::Unwritable(format!(
        "tensor {:?} of shape {:?} and type {} needs {} bytes and was given {}",
        tensor.name,
        tensor.shape,
        tensor.dtype,
        tensor.byte_len(),
        bytes.len()
    )))
}
