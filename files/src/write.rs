//! One file, whole or not at all.

use crate::unfinished::{file_beside, folder_of};
use std::fs::{File, OpenOptions};
use std::io::{self, BufWriter, Write};
use std::path::Path;

/// Bytes that are collected before they are handed to the system.
const BUFFER: usize = 1 << 16;

/// Writes `path` through `write`, replacing what is there only when everything has succeeded and is on the disk. A
/// symbolic link at `path` is replaced, what it points at stays. A device or a named pipe (`/dev/stdout`) is written to
/// as it is.
///
/// # Errors
/// When the folder cannot be written to, or `write` fails; an older file is untouched then, and nothing else is left.
pub fn write_file<E: From<io::Error>>(
    path: &Path,
    write: impl FnOnce(&mut BufWriter<File>) -> Result<(), E>,
) -> Result<(), E> {
    write_whole(path, true, write)
}

/// As [`write_file`], but does not wait for the disk: for files that are made by the thousand and can be made again, as
/// pictures. They are whole whatever becomes of the process; after a loss of power they may be empty.
///
/// # Errors
/// See [`write_file`].
pub fn write_file_unsynced<E: From<io::Error>>(
    path: &Path,
    write: impl FnOnce(&mut BufWriter<File>) -> Result<(), E>,
) -> Result<(), E> {
    write_whole(path, false, write)
}

fn write_whole<E: From<io::Error>>(
    path: &Path,
    sync: bool,
    write: impl FnOnce(&mut BufWriter<File>) -> Result<(), E>,
) -> Result<(), E> {
    let _span = tracing::info_span!("write", path = %path.display()).entered();
    if is_special(path) {
        let mut writer = BufWriter::with_capacity(BUFFER, OpenOptions::new().write(true).open(path)?);
        write(&mut writer)?;
        return Ok(writer.flush()?);
    }
    if path.is_dir() {
        return Err(io::Error::from(io::ErrorKind::IsADirectory).into());
    }
    // Dropped in the opposite order: the entry goes when the file has been renamed or removed.
    let (_entry, temporary, file) = file_beside(path)?;
    let mut writer = BufWriter::with_capacity(BUFFER, file);
    write(&mut writer)?;
    writer.flush()?;
    if sync {
        writer.get_ref().sync_all()?;
    }
    temporary.persist(path).map_err(|e| e.error)?;
    if sync {
        // The name is on the disk too, where the file system can promise that for a folder.
        let _ = File::open(folder_of(path)).and_then(|folder| folder.sync_all());
    }
    Ok(())
}

/// Whether `path` names something that must not be replaced by a file: a device, a pipe, an open descriptor.
fn is_special(path: &Path) -> bool {
    path.starts_with("/dev") && path.exists()
        || path.starts_with("/proc")
        || std::fs::metadata(path).is_ok_and(|found| !found.is_file() && !found.is_dir())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;
    use std::fs;

    fn names(folder: &Path) -> Vec<String> {
        let mut names: Vec<_> =
            fs::read_dir(folder).unwrap().map(|e| e.unwrap().file_name().into_string().unwrap()).collect();
        names.sort_unstable();
        names
    }

    #[test]
    fn a_failed_write_leaves_the_old_file_and_nothing_else() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.txt");
        write_file::<io::Error>(&path, |w| w.write_all(b"old")).unwrap();
        let failed = write_file(&path, |w| {
            w.write_all(b"new")?;
            Err(io::Error::other("disk on fire"))
        });
        assert_eq!(failed.unwrap_err().to_string(), "disk on fire");
        assert_eq!(fs::read(&path).unwrap(), b"old");
        let panicked = std::panic::catch_unwind(|| {
            write_file_unsynced::<io::Error>(&path, |w| {
                w.write_all(b"new")?;
                panic!("a bug");
            })
        });
        assert!(panicked.is_err());
        assert_eq!(fs::read(&path).unwrap(), b"old");
        assert_eq!(names(folder.path()), ["a.txt"]);
        assert!(write_file::<io::Error>(folder.path(), |w| w.write_all(b"x")).is_err());
        let nowhere = write_file::<io::Error>(&path.join("below"), |w| w.write_all(b"x")).unwrap_err().to_string();
        assert!(!nowhere.contains(".vovdet-"), "{nowhere}");
    }

    #[test]
    fn what_a_link_points_at_stays() {
        let folder = tempfile::tempdir().unwrap();
        let (target, link) = (folder.path().join("target"), folder.path().join("link"));
        fs::write(&target, b"mine").unwrap();
        std::os::unix::fs::symlink(&target, &link).unwrap();
        write_file::<io::Error>(&link, |w| w.write_all(b"new")).unwrap();
        assert_eq!((fs::read(&target).unwrap(), fs::read(&link).unwrap()), (b"mine".to_vec(), b"new".to_vec()));
    }

    #[test]
    fn devices_are_not_replaced() {
        write_file::<io::Error>(Path::new("/dev/null"), |w| w.write_all(b"x")).unwrap();
        assert!(!fs::metadata("/dev/null").unwrap().is_file());
    }
}
