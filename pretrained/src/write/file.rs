//! A file that appears whole or not at all, and what every writer checks.

use std::{fs::File, io::BufWriter, path::Path};

use crate::{
    error::{Error, ErrorKind, Read, Result},
    tensor::TensorInfo,
};

/// Writes `path` through `write`; after an error nothing is left, and an older file of that name is untouched.
pub(super) fn write_whole(path: &Path, write: impl FnOnce(&mut BufWriter<File>) -> Read<()>) -> Result<()> {
    vovdet_files::write_file(path, write).map_err(|kind| Error::new(&path.display().to_string(), kind))
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
