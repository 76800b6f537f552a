//! Folders for results.

use crate::unfinished::{file_beside, folder_beside, folder_of};
use std::fs::File;
use std::io;
use std::path::Path;

/// Creates a folder for results, with its parents, and makes sure that it can be written to.
///
/// # Errors
/// When it cannot.
pub fn make_folder(folder: &Path) -> io::Result<()> {
    std::fs::create_dir_all(folder)?;
    file_beside(&folder.join("probe")).map(drop)
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
    file_beside(&there.join("probe")).map(drop).map_err(cannot)
}

/// Makes the folder `path` and fills it through `fill`, which is given a temporary folder beside it; the folder appears
/// whole or not at all. Its parents are made, and stay.
///
/// # Errors
/// When there is something at `path` already (an empty folder is taken), or `fill` fails; nothing is left behind then.
pub fn write_folder<E: From<io::Error>>(path: &Path, fill: impl FnOnce(&Path) -> Result<(), E>) -> Result<(), E> {
    let empty = || std::fs::read_dir(path).is_ok_and(|mut entries| entries.next().is_none());
    if path.symlink_metadata().is_ok() && !empty() {
        return Err(io::Error::new(io::ErrorKind::AlreadyExists, "there is something of that name already").into());
    }
    // The folder that is there, be it behind a link, is replaced by the new one.
    let path = &path.canonicalize().unwrap_or_else(|_| path.to_path_buf());
    std::fs::create_dir_all(folder_of(path))?;
    // Dropped in the opposite order: the entry goes when the folder has been renamed or removed.
    let (_entry, temporary) = folder_beside(path)?;
    fill(temporary.path())?;
    sync_file_system(temporary.path())?;
    std::fs::rename(temporary.path(), path)?;
    // It has its name now and is not to be removed.
    let _ = temporary.keep();
    Ok(())
}

/// Waits until all files below a folder are on the disk, with one request instead of one a file where there is one.
fn sync_file_system(folder: &Path) -> io::Result<()> {
    let folder = File::open(folder)?;
    #[cfg(target_os = "linux")]
    rustix::fs::syncfs(&folder)?;
    #[cfg(not(target_os = "linux"))]
    folder.sync_all()?;
    Ok(())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;
    use std::fs;

    #[test]
    fn a_trial_leaves_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("a.txt");
        fs::write(&file, b"x").unwrap();
        make_folder(&folder.path().join("x/y")).unwrap();
        assert_eq!(fs::read_dir(folder.path().join("x/y")).unwrap().count(), 0);
        assert!(make_folder(&file).is_err());
        try_folder(&folder.path().join("p/q")).unwrap();
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 2);
        assert!(try_folder(&file).is_err() && try_folder(&file.join("inner")).is_err());
    }

    #[test]
    fn a_folder_appears_whole_or_not_at_all() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("made/here");
        let failed = write_folder(&path, |inside| {
            fs::write(inside.join("a"), b"1")?;
            Err(io::Error::other("disk on fire"))
        });
        assert_eq!(failed.unwrap_err().to_string(), "disk on fire");
        assert_eq!(fs::read_dir(folder.path().join("made")).unwrap().count(), 0);
        let fill = |inside: &Path| fs::write(inside.join("a"), b"1");
        write_folder(&path, fill).unwrap();
        assert_eq!(fs::read(path.join("a")).unwrap(), b"1");
        assert_eq!(fs::read_dir(folder.path().join("made")).unwrap().count(), 1);
        assert!(write_folder(&path, fill).is_err(), "it is not empty");
        let empty = folder.path().join("empty");
        fs::create_dir(&empty).unwrap();
        write_folder(&empty, fill).unwrap();
        assert!(empty.join("a").is_file());
    }
}
