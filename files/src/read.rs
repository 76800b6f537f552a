//! Reads that end: regular files, up to a limit.

use std::fs::File;
use std::io::{self, Read};
use std::os::unix::fs::FileTypeExt;
use std::path::{Path, PathBuf};

/// A file that was not read.
#[derive(Debug, thiserror::Error)]
#[error("{}: {fault}", path.display())]
pub struct ReadError {
    /// Its path.
    pub path: PathBuf,
    /// Why.
    pub fault: ReadFault,
}

/// Why a file was not read: a clause to stand behind its name.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ReadFault {
    /// Nothing at that path.
    #[error("there is no such file")]
    Missing,
    /// A folder.
    #[error("is a folder and not a file")]
    Folder,
    /// Something that may block for ever or never end.
    #[error("is a {0} and not a file; copy what comes out of it into a file first")]
    NotAFile(&'static str),
    /// More bytes than the limit.
    #[error("is larger than the limit of {}", size(*.0))]
    TooLarge(u64),
    /// The operating system refused.
    #[error("cannot be read: {0}")]
    Io(#[from] io::Error),
}

/// A number of bytes for people.
fn size(bytes: u64) -> String {
    match bytes {
        0..10_000 => format!("{bytes} bytes"),
        10_000..10_000_000 => format!("{} kB", bytes / 1000),
        10_000_000..10_000_000_000 => format!("{} MB", bytes / 1_000_000),
        _ => format!("{} GB", bytes / 1_000_000_000),
    }
}

/// Opens a regular file. What the shell hands over as `/dev/fd/N` or `/dev/stdin` is open already and taken too.
///
/// # Errors
/// When there is none, or it is a named pipe, which blocks until somebody writes, a device, which may never end, or a
/// socket.
pub fn open(path: &Path) -> Result<File, ReadError> {
    let error = |fault| ReadError { path: path.to_path_buf(), fault };
    let io =
        |e: io::Error| error(if e.kind() == io::ErrorKind::NotFound { ReadFault::Missing } else { ReadFault::Io(e) });
    // Before it is opened, which blocks for a pipe. Only a change in between could deceive us.
    let kind = std::fs::metadata(path).map_err(io)?.file_type();
    let handed_over =
        path.starts_with("/dev/fd") || path.starts_with("/proc/self/fd") || path == Path::new("/dev/stdin");
    if kind.is_dir() {
        Err(error(ReadFault::Folder))
    } else if kind.is_fifo() && !handed_over {
        Err(error(ReadFault::NotAFile("named pipe")))
    } else if kind.is_char_device() || kind.is_block_device() {
        Err(error(ReadFault::NotAFile("device")))
    } else if kind.is_socket() {
        Err(error(ReadFault::NotAFile("socket")))
    } else {
        File::open(path).map_err(io)
    }
}

/// Reads a regular file of at most `limit` bytes.
///
/// # Errors
/// When [`open`] refuses it, it is longer, or reading fails.
pub fn read_bounded(path: &Path, limit: u64) -> Result<Vec<u8>, ReadError> {
    let file = open(path)?;
    let error = |fault| ReadError { path: path.to_path_buf(), fault };
    let length = file.metadata().map_err(|e| error(e.into()))?.len();
    if length > limit {
        return Err(error(ReadFault::TooLarge(limit)));
    }
    // A file may have grown since, and a pipe says no length.
    read_all(file, length, limit).map_err(error)
}

/// Reads everything that comes, at most `limit` bytes; `expected` is how many there probably are.
///
/// # Errors
/// When there is more, or reading fails.
pub fn read_all(reader: impl Read, expected: u64, limit: u64) -> Result<Vec<u8>, ReadFault> {
    let mut bytes = Vec::with_capacity(usize::try_from(expected.min(limit)).unwrap_or(0));
    reader.take(limit.saturating_add(1)).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > limit { Err(ReadFault::TooLarge(limit)) } else { Ok(bytes) }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;
    use std::process::Command;

    #[test]
    fn what_does_not_end_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        std::fs::write(at("a"), b"12345").unwrap();
        assert_eq!(read_bounded(&at("a"), 5).unwrap(), b"12345");
        let refused = |path: &Path, limit| read_bounded(path, limit).unwrap_err().to_string();
        assert_eq!(refused(&at("a"), 4), format!("{}: is larger than the limit of 4 bytes", at("a").display()));
        assert!(refused(&at("none"), 4).ends_with("none: there is no such file"));
        assert!(refused(folder.path(), 4).ends_with("is a folder and not a file"));
        assert!(refused(Path::new("/dev/zero"), 4).starts_with("/dev/zero: is a device"));
        assert!(Command::new("mkfifo").arg(at("pipe")).status().unwrap().success());
        assert!(refused(&at("pipe"), 4).contains("is a named pipe"));
        assert!(matches!(read_all(io::repeat(0), 0, 9), Err(ReadFault::TooLarge(9))));
    }
}
