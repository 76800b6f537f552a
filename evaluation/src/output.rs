//! Files that appear whole or not at all.
//!
//! A file is written under a temporary name beside its place and renamed when it is complete; an interrupt removes
//! the temporary ones.

use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::iterator::Signals;
use std::collections::HashSet;
use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};
use tempfile::TempPath;

/// Temporary files under way.
static UNFINISHED: Mutex<Option<HashSet<PathBuf>>> = Mutex::new(None);

fn unfinished() -> MutexGuard<'static, Option<HashSet<PathBuf>>> {
    UNFINISHED.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Makes Ctrl-C (and a polite kill) end the process at once with exit code 130 (143), leaving no half file.
pub fn clean_up_on_interrupt() {
    // Without the handler only the clean-up is missing: the system's own ends the process.
    if let Ok(mut signals) = Signals::new([SIGINT, SIGTERM]) {
        std::thread::spawn(move || {
            if let Some(signal) = signals.forever().next() {
                leave(128 + signal);
            }
        });
    }
}

/// Ends the process from any thread, removing files that are not complete.
///
/// Destructors are not run: those of libtorch would pull its operators away from under a network that still runs.
pub fn leave(code: i32) -> ! {
    // Never unlocked again: no new file is begun while the process ends.
    let mut files = unfinished();
    for file in files.take().unwrap_or_default() {
        // What cannot be removed stays; there is nothing else to do about it.
        let _ = std::fs::remove_file(file);
    }
    signal_hook::low_level::exit(code)
}

/// A temporary file that is forgotten when it is renamed or removed.
struct Unfinished {
    path: PathBuf,
    temporary: TempPath,
}

impl Unfinished {
    fn beside(path: &Path) -> io::Result<(Self, File)> {
        let folder = path.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let mut files = unfinished();
        let mut builder = tempfile::Builder::new();
        builder.prefix(".vovdet-");
        #[cfg(unix)]
        builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o666));
        // The file's random name says nothing to anybody.
        let plain = |error: io::Error| io::Error::from(error.kind());
        let (file, temporary) = builder.tempfile_in(folder).map_err(plain)?.into_parts();
        let path = temporary.to_path_buf();
        files.get_or_insert_default().insert(path.clone());
        Ok((Self { path, temporary }, file))
    }

    fn forget(path: &Path) {
        unfinished().get_or_insert_default().remove(path);
    }
}

/// Writes `path` through `write`, replacing what is there only when everything has succeeded.
///
/// # Errors
/// When the folder cannot be written to, or `write` fails; nothing is left behind then.
pub fn write_file<E: From<io::Error>>(
    path: &Path,
    write: impl FnOnce(&mut BufWriter<File>) -> Result<(), E>,
) -> Result<(), E> {
    let (Unfinished { path: temporary_path, temporary }, file) = Unfinished::beside(path)?;
    let mut writer = BufWriter::new(file);
    let result = write(&mut writer).and_then(|()| {
        writer.flush()?;
        temporary.persist(path).map_err(|e| e.error)?;
        Ok(())
    });
    Unfinished::forget(&temporary_path);
    result
}

/// Creates a folder for results, with its parents, and makes sure that it can be written to.
///
/// # Errors
/// When it cannot.
pub fn make_folder(folder: &Path) -> io::Result<()> {
    std::fs::create_dir_all(folder)?;
    let (Unfinished { path, .. }, _) = Unfinished::beside(&folder.join("probe"))?;
    Unfinished::forget(&path);
    Ok(())
}

/// Makes sure that a folder for results can be made, or is there, and can be written to; leaves nothing behind.
///
/// # Errors
/// When it cannot.
pub fn try_folder(folder: &Path) -> io::Result<()> {
    let there = folder.ancestors().find(|path| path.as_os_str().is_empty() || path.exists());
    let there = there.filter(|path| !path.as_os_str().is_empty()).unwrap_or(Path::new("."));
    if !there.is_dir() {
        return Err(io::Error::other(format!("{} is a file and not a folder", there.display())));
    }
    let cannot = |error: io::Error| {
        let reason = io::Error::from(error.kind());
        io::Error::new(error.kind(), format!("nothing can be written to {}: {reason}", there.display()))
    };
    let (Unfinished { path, .. }, _) = Unfinished::beside(&there.join("probe")).map_err(cannot)?;
    Unfinished::forget(&path);
    Ok(())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn a_failed_write_leaves_the_old_file_and_nothing_else() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.txt");
        write_file::<io::Error>(&path, |w| w.write_all(b"old")).unwrap();
        let failed = write_file(&path, |w| {
            w.write_all(b"new")?;
            Err(io::Error::other("disk on fire"))
        });
        assert!(failed.is_err());
        assert_eq!(std::fs::read(&path).unwrap(), b"old");
        make_folder(&folder.path().join("x/y")).unwrap();
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 2);
        assert!(make_folder(&path).is_err());
        try_folder(&folder.path().join("p/q")).unwrap();
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 2, "a trial leaves nothing");
        assert!(try_folder(&path).is_err() && try_folder(&path.join("inner")).is_err());
    }
}
