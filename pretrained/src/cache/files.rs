//! Small things with files: whole writes, locks, hashes.

use super::error::Fault;
use super::partial::Partial;
use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

/// Writes a small file so that it is there whole or not at all.
pub(super) fn write_whole(path: &Path, bytes: &[u8]) -> Result<(), Fault> {
    vovdet_files::write_file(path, |file| file.write_all(bytes)).map_err(|error| Fault::io(path, None, error))
}

/// Options that open a file of the cache, but never what a symbolic link points at: somebody else may have put it there.
pub(super) fn options() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.custom_flags(rustix::fs::OFlags::NOFOLLOW.bits().cast_signed());
    options
}

/// Removes what is at `path` if it is not a regular file: a link, or what else somebody put there.
pub(super) fn remove_unless_file(path: &Path) -> Result<(), Fault> {
    match fs::symlink_metadata(path) {
        Ok(there) if !there.is_file() => fs::remove_file(path).map_err(|error| Fault::io(path, None, error)),
        _ => Ok(()),
    }
}

/// Takes the lock that `path` stands for, until the value is dropped or the process ends. `waiting` is called before
/// it waits for another process.
pub(super) fn lock(path: &Path, waiting: impl FnOnce()) -> Result<File, Fault> {
    let fault = |error| Fault::io(path, None, error);
    // Never removed: a process that has opened a removed file would lock nothing.
    remove_unless_file(path)?;
    let file = options().create(true).truncate(false).write(true).open(path).map_err(fault)?;
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

/// Copies a file that was downloaded by other means to where downloads are.
pub(super) fn copy(from: &Path, to: &Path) -> Result<(), Fault> {
    let mut source = vovdet_files::open(from)
        .map_err(|error| Fault::From { path: from.to_path_buf(), why: error.fault.to_string() })?;
    let fault = |error| Fault::io(to, None, error);
    Partial::discard(to);
    let mut target = options().create_new(true).write(true).open(to).map_err(fault)?;
    io::copy(&mut source, &mut target).map_err(fault)?;
    target.sync_all().map_err(fault)
}
