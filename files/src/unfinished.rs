//! The temporary files and folders under way in this process, and their removal when it ends early.

use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::iterator::Signals;
use std::collections::HashSet;
use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};
use tempfile::{Builder, TempDir, TempPath};

/// Temporary files and folders under way.
static UNFINISHED: Mutex<Option<HashSet<PathBuf>>> = Mutex::new(None);

fn unfinished() -> MutexGuard<'static, Option<HashSet<PathBuf>>> {
    UNFINISHED.lock().unwrap_or_else(PoisonError::into_inner)
}

/// What is to be done before a signal ends the process.
static LAST: Mutex<Option<Box<dyn FnOnce() + Send>>> = Mutex::new(None);

/// Has `last` done, on a thread of its own, before a signal ends the process; a second signal ends it at once. Of several
/// calls the last one counts.
pub fn before_leaving(last: impl FnOnce() + Send + 'static) {
    *LAST.lock().unwrap_or_else(PoisonError::into_inner) = Some(Box::new(last));
}

/// Forgets the function of [`before_leaving`].
pub fn nothing_before_leaving() {
    LAST.lock().unwrap_or_else(PoisonError::into_inner).take();
}

/// Removes what is unfinished when it is dropped: at the end of `main`, also when a panic ends it while other threads
/// still write.
#[derive(Debug)]
#[must_use = "dropping it removes the files that are being written"]
pub struct CleanUp(());

impl Drop for CleanUp {
    fn drop(&mut self) {
        remove_all(&mut unfinished());
    }
}

/// Makes Ctrl-C, SIGTERM and SIGHUP end the process at once with the exit code 128 + signal, leaving no unfinished file.
/// A signal that the process was started to ignore (`nohup`) stays ignored. To be called once, at the start of `main`,
/// which keeps the result until its end.
pub fn clean_up() -> CleanUp {
    let ignored = ignored_signals();
    let wanted = [SIGINT, SIGTERM, SIGHUP].into_iter().filter(|signal| ignored >> (signal - 1) & 1 == 0);
    // Without the handler only the clean-up is missing: the system's own ends the process.
    if let Ok(mut signals) = Signals::new(wanted) {
        let handle = move || {
            let mut signals = signals.forever();
            let Some(signal) = signals.next() else { return };
            let last = LAST.lock().unwrap_or_else(PoisonError::into_inner).take();
            if let Some(last) = last {
                let end = move || {
                    last();
                    leave(128 + signal);
                };
                // Until that thread has ended the process, or a second signal does.
                if std::thread::Builder::new().spawn(end).is_ok() {
                    signals.next();
                }
            }
            leave(128 + signal);
        };
        // A system that refuses a thread refuses the work as well, in a sentence of its own.
        let _ = std::thread::Builder::new().spawn(handle);
    }
    CleanUp(())
}

/// The signals that this process was started to ignore, bit 0 for signal 1. Linux tells them in `/proc`; asking the
/// system itself needs unsafe code. Elsewhere none are known.
fn ignored_signals() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok()).unwrap_or(0)
}

/// Ends the process from any thread, removing files that are not complete.
///
/// Destructors are not run: those of libtorch would pull its operators away from under a network that still runs.
pub fn leave(code: i32) -> ! {
    // Never unlocked again: no new file is begun while the process ends.
    let mut files = unfinished();
    remove_all(&mut files);
    signal_hook::low_level::exit(code)
}

fn remove_all(files: &mut Option<HashSet<PathBuf>>) {
    for path in files.take().unwrap_or_default() {
        // What cannot be removed stays; there is nothing else to do about it.
        let _ = if path.is_dir() { std::fs::remove_dir_all(path) } else { std::fs::remove_file(path) };
    }
}

/// The entry of one temporary file or folder; dropped when that is renamed or removed.
pub struct Entry(PathBuf);

impl Drop for Entry {
    fn drop(&mut self) {
        unfinished().get_or_insert_default().remove(&self.0);
    }
}

/// A new temporary file in the folder of `path`. The entry is to outlive the temporary path.
pub fn file_beside(path: &Path) -> io::Result<(Entry, TempPath, File)> {
    let mut files = unfinished();
    let (file, temporary) = builder(0o666).tempfile_in(folder_of(path)).map_err(plain)?.into_parts();
    let entry = Entry(temporary.to_path_buf());
    files.get_or_insert_default().insert(entry.0.clone());
    Ok((entry, temporary, file))
}

/// A new temporary folder in the folder of `path`. The entry is to outlive the folder.
pub fn folder_beside(path: &Path) -> io::Result<(Entry, TempDir)> {
    let mut files = unfinished();
    let temporary = builder(0o777).tempdir_in(folder_of(path)).map_err(plain)?;
    let entry = Entry(temporary.path().to_path_buf());
    files.get_or_insert_default().insert(entry.0.clone());
    Ok((entry, temporary))
}

/// The permissions are those of a file that is made without further ado: the user's mask is taken off by the system.
fn builder(mode: u32) -> Builder<'static, 'static> {
    let mut builder = Builder::new();
    builder.prefix(".vovdet-").permissions(std::os::unix::fs::PermissionsExt::from_mode(mode));
    builder
}

/// The error without the temporary file's random name, which says nothing to anybody.
fn plain(error: io::Error) -> io::Error {
    // The error that the system gave is the innermost: it knows more kinds than `ErrorKind` does.
    match error.raw_os_error() {
        Some(code) => io::Error::from_raw_os_error(code),
        None => error.kind().into(),
    }
}

/// The folder that holds `path`.
pub fn folder_of(path: &Path) -> &Path {
    path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
}
