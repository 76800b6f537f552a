//! Small things with files: whole writes, locks, hashes.

use super::error::Fault;
use std::fs::{File, OpenOptions, TryLockError};
use std::io::{Read, Write};
use std::path::Path;

/// Writes a small file so that it is there whole or not at all.
pub(super) fn write_whole(path: &Path, bytes: &[u8]) -> Result<(), Fault> {
    vovdet_files::write_file(path, |file| file.write_all(bytes)).map_err(|error| Fault::io(path, None, error))
}

/// Takes the lock that `path` stands for, until the value is dropped or the process ends. `waiting` is called before
/// it waits for another process.
pub(super) fn lock(path: &Path, waiting: impl FnOnce()) -> Result<File, Fault> {
    let fault = |error| Fault::io(path, None, error);
    // Never removed: a process that has opened a removed file would lock nothing.
    let file = OpenOptions::new().create(true).truncate(false).write(true).open(path).map_err(fault)?;
    match file.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => {
            waiting();
            file.lock().map_err(fault)?;
        }
        Err(TryLockError::Error(error)) => return Err(fault(error)),
    }
    Ok(file)
}

/// SHA-256 of a file in lower-case hexadecimal.
pub(super) fn sha256(path: &Path) -> Result<String, Fault> {
    vovdet_files::sha256(path).map_err(|error| Fault::io(path, None, error))
}

/// The first bytes of a file.
pub(super) fn start(path: &Path, len: u64) -> Result<Vec<u8>, Fault> {
    let fault = |error| Fault::io(path, None, error);
    let mut bytes = Vec::new();
    File::open(path).map_err(fault)?.take(len).read_to_end(&mut bytes).map_err(fault)?;
    Ok(bytes)
}
