//! A download under way: what has come so far, and what is known of the rest.

use super::error::Fault;
use super::files::{self, write_whole};
use serde::{Deserialize, Serialize};
use std::fs::{self, File};
use std::io::{Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

/// What a server said of the file, so that only the rest of the same file is asked for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Known {
    /// Where it comes from.
    pub url: String,
    /// A strong `ETag` or a `Last-Modified`, for `If-Range`; without one the rest cannot be asked for.
    pub validator: Option<String>,
    /// Its length.
    pub total: Option<u64>,
}

/// The unfinished file and, beside it, what is known of the whole.
///
/// One process at a time has it: the caller holds the lock of the file.
#[derive(Debug)]
pub(super) struct Partial {
    path: PathBuf,
    file: File,
    len: u64,
    known: Known,
}

impl Partial {
    /// What is left at `path` of an earlier attempt, if the rest can be asked for at `url`; else an empty file.
    pub fn open(path: &Path, url: &str) -> Result<Self, Fault> {
        let fault = |error| Fault::io(path, None, error);
        files::remove_unless_file(path)?;
        let mut file = files::options().create(true).read(true).append(true).open(path).map_err(fault)?;
        let len = file.seek(SeekFrom::End(0)).map_err(fault)?;
        // Nothing that can be read is nothing that is known.
        let known = fs::read(beside(path)).ok().and_then(|text| serde_json::from_slice::<Known>(&text).ok());
        match known.filter(|known| known.url == url && known.validator.is_some()) {
            Some(known) => Ok(Self { path: path.to_path_buf(), file, len, known }),
            None => {
                let known = Known { url: url.to_owned(), validator: None, total: None };
                let mut partial = Self { path: path.to_path_buf(), file, len, known: known.clone() };
                partial.restart(known)?;
                Ok(partial)
            }
        }
    }

    /// Bytes that are there.
    pub fn len(&self) -> u64 {
        self.len
    }

    pub fn known(&self) -> &Known {
        &self.known
    }

    /// Whether no byte is missing; unknown lengths end where the server ends.
    pub fn is_complete(&self) -> bool {
        self.known.total.is_none_or(|total| total == self.len)
    }

    /// Whether a later attempt could ask for the rest.
    pub fn can_go_on(&self) -> bool {
        self.len > 0 && self.known.validator.is_some()
    }

    /// Begins anew with what the server says now.
    pub fn restart(&mut self, known: Known) -> Result<(), Fault> {
        if self.len > 0 {
            self.file.set_len(0).map_err(|error| Fault::io(&self.path, None, error))?;
            self.len = 0;
        }
        let text = serde_json::to_vec(&known).map_err(|error| Fault::io(&self.path, None, error.into()))?;
        write_whole(&beside(&self.path), &text)?;
        self.known = known;
        Ok(())
    }

    /// Adds bytes at the end.
    pub fn append(&mut self, bytes: &[u8]) -> Result<(), Fault> {
        if let Err(error) = self.file.write_all(bytes) {
            let missing = self.known.total.map(|total| total.saturating_sub(self.len));
            return Err(Fault::io(&self.path, missing, error));
        }
        self.len += bytes.len() as u64;
        Ok(())
    }

    /// Makes sure that the bytes are on the disk and forgets the rest; the file is left at its path.
    pub fn finish(self) -> Result<(), Fault> {
        self.file.sync_all().map_err(|error| Fault::io(&self.path, None, error))?;
        // It only helps a later attempt, and there will be none.
        let _ = fs::remove_file(beside(&self.path));
        Ok(())
    }

    /// Removes everything.
    pub fn discard(path: &Path) {
        // What cannot be removed is checked again, and begun anew, by the next attempt.
        let _ = fs::remove_file(path);
        let _ = fs::remove_file(beside(path));
    }
}

fn beside(path: &Path) -> PathBuf {
    path.with_added_extension("json")
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    /// `/dev/full` is what a full disk is like: everything works but writing.
    #[cfg(target_os = "linux")]
    #[test]
    fn a_full_disk_is_told_with_what_is_missing() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("weights");
        let mut partial = Partial::open(&path, "https://host/weights").unwrap();
        let known = Known { url: "https://host/weights".into(), validator: None, total: Some(300_100) };
        partial.restart(known).unwrap();
        partial.file = File::options().write(true).open("/dev/full").unwrap();
        let fault = partial.append(&[0; 1000]).unwrap_err();
        assert!(matches!(fault, Fault::DiskFull { .. }));
        let text = fault.to_string();
        assert!(["is full", "300.1 kB more", "VOVDET_CACHE"].iter().all(|word| text.contains(word)), "{text}");
        Partial::discard(&path);
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
    }
}
