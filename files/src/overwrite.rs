//! A guard against writing over what is read.

use crate::unfinished::folder_of;
use std::collections::HashMap;
use std::ffi::OsString;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

/// An output that would replace an input, or another output.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Overwrite {
    /// It is the same file as one that is read.
    #[error("{} would be overwritten: {}; choose another name for what is written", input.display(), same(input, output))]
    Input {
        /// The file that is read, as it was named.
        input: PathBuf,
        /// The file that was to be written, as it was named.
        output: PathBuf,
    },
    /// It is the same file as one that was written before.
    #[error("{} would be written twice{}; choose two names", output.display(), twice(first, output))]
    Output {
        /// The file that is written first, as it was named.
        first: PathBuf,
        /// The file that was to be written, as it was named.
        output: PathBuf,
    },
}

fn same(input: &Path, output: &Path) -> String {
    match input == output {
        true => "it is read and was to be written".into(),
        false => format!("{} is the same file", output.display()),
    }
}

fn twice(first: &Path, output: &Path) -> String {
    if first == output { String::new() } else { format!(" ({} is the same file)", first.display()) }
}

/// The files that a run reads and writes, known by device and inode, so that symbolic and hard links and `..` deceive
/// nobody. A file that is not there yet is known by its folder and its name.
#[derive(Debug, Default)]
pub struct OverwriteGuard {
    read: HashMap<Identity, PathBuf>,
    written: HashMap<Identity, PathBuf>,
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct Identity {
    device: u64,
    inode: u64,
    /// What follows the folder of that inode, for a file that is not there.
    rest: OsString,
}

impl OverwriteGuard {
    /// No files yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Remembers that `path` is read.
    pub fn reads(&mut self, path: &Path) {
        if let Some(identity) = identity(path) {
            self.read.insert(identity, path.to_path_buf());
        }
    }

    /// Remembers that `path` is written.
    ///
    /// # Errors
    /// When it is a file that is read, or another path to it was written before. Devices and pipes may be both.
    pub fn writes(&mut self, path: &Path) -> Result<(), Overwrite> {
        let Some(identity) = identity(path) else { return Ok(()) };
        let output = path.to_path_buf();
        if let Some(input) = self.read.get(&identity) {
            return Err(Overwrite::Input { input: input.clone(), output });
        }
        match self.written.insert(identity, output.clone()) {
            Some(first) => Err(Overwrite::Output { first, output }),
            None => Ok(()),
        }
    }
}

/// `None` for devices and pipes, which nobody overwrites, and for paths in folders that cannot be looked into.
fn identity(path: &Path) -> Option<Identity> {
    match std::fs::metadata(path) {
        Ok(found) if found.is_file() || found.is_dir() => Some(of(&found, OsString::new())),
        Ok(_) => None,
        Err(_) => not_there(path),
    }
}

fn of(found: &std::fs::Metadata, rest: OsString) -> Identity {
    Identity { device: found.dev(), inode: found.ino(), rest }
}

/// The identity of a file that is not there: by the nearest folder that is, and what follows.
fn not_there(path: &Path) -> Option<Identity> {
    let mut path = path.to_path_buf();
    // A link to a file that is not there stands for that file. As many steps as Linux itself takes.
    for _ in 0..40 {
        let Ok(target) = std::fs::read_link(&path) else { break };
        path = folder_of(&path).join(target);
    }
    let mut rest = Vec::new();
    let mut folder = path.as_path();
    loop {
        rest.push(folder.file_name()?);
        folder = folder_of(folder);
        if let Ok(found) = std::fs::metadata(folder) {
            rest.reverse();
            return Some(of(&found, rest.join("/".as_ref())));
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;
    use std::fs;
    use std::os::unix::fs::symlink;

    #[test]
    fn files_are_known_whatever_path_leads_to_them() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        fs::create_dir(at("in")).unwrap();
        fs::write(at("in/a.jpg"), b"x").unwrap();
        symlink(at("in/a.jpg"), at("soft.jpg")).unwrap();
        fs::hard_link(at("in/a.jpg"), at("hard.jpg")).unwrap();
        symlink(at("in"), at("folder")).unwrap();
        let mut guard = OverwriteGuard::new();
        guard.reads(&at("in/a.jpg"));
        for path in ["in/a.jpg", "soft.jpg", "hard.jpg", "folder/a.jpg", "in/../in/./a.jpg"] {
            let refused = guard.writes(&at(path)).unwrap_err();
            assert!(matches!(&refused, Overwrite::Input { output, .. } if *output == at(path)), "{path}");
            assert!(refused.to_string().contains("in/a.jpg would be overwritten"), "{refused}");
        }
        guard.writes(&at("in/b.jpg")).unwrap();
    }

    #[test]
    fn files_that_are_not_there_are_known_too() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        fs::create_dir(at("out")).unwrap();
        symlink(at("out"), at("link")).unwrap();
        symlink("out/new.json", at("dangling")).unwrap();
        let mut guard = OverwriteGuard::new();
        guard.writes(&at("out/new.json")).unwrap();
        for path in ["link/new.json", "dangling", "out/../out/new.json", "out/new.json"] {
            assert!(matches!(guard.writes(&at(path)), Err(Overwrite::Output { .. })), "{path}");
        }
        guard.writes(&at("deep/down/x")).unwrap();
        assert!(guard.writes(&at("deep/down/x")).is_err());
        guard.writes(&at("deep/x")).unwrap();
        guard.writes(Path::new("/dev/null")).unwrap();
        guard.writes(Path::new("/dev/null")).unwrap();
    }
}
