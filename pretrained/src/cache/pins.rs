//! What each file was when it was first fetched: `pins.json` in the cache folder.

use super::error::Fault;
use super::files::{lock, write_whole};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;

/// Its name in the cache folder.
const NAME: &str = "pins.json";

/// What is remembered of the weights in a file of the catalogue.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Pin {
    /// The weights, from the cache folder: the file itself, or what was unpacked from it.
    pub path: PathBuf,
    /// Their SHA-256.
    pub sha256: String,
    /// Whether the user brought the file, and not the network: then it is forgotten when the file is deleted.
    #[serde(default)]
    pub handed_over: bool,
    /// Their state when they were last hashed: while it is the same, they need not be hashed again.
    #[serde(flatten)]
    pub state: State,
}

/// What the file system knows of a file without reading it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct State {
    bytes: u64,
    /// Time of the last change, nanoseconds since 1970.
    modified: u64,
}

impl State {
    pub fn of(path: &Path) -> Result<Self, Fault> {
        let read = || -> io::Result<Self> {
            let metadata = fs::metadata(path)?;
            let since = metadata.modified()?.duration_since(UNIX_EPOCH).unwrap_or_default();
            // Until the year 2554.
            Ok(Self { bytes: metadata.len(), modified: since.as_nanos() as u64 })
        };
        read().map_err(|error| Fault::io(path, None, error))
    }
}

/// All pins of a cache folder, by the name of the file in the catalogue.
pub(super) type Pins = BTreeMap<String, Pin>;

/// The pins of the cache `folder`; none when it has no file of them.
pub(super) fn read(folder: &Path) -> Result<Pins, Fault> {
    let path = folder.join(NAME);
    let text = match fs::read(&path) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Pins::new()),
        Err(error) => return Err(Fault::io(&path, None, error)),
    };
    serde_json::from_slice(&text).map_err(|error| {
        let why = format!("it is damaged: {error}; delete it to trust the files as they are now");
        Fault::Folder { path, error: io::Error::new(io::ErrorKind::InvalidData, why) }
    })
}

/// Remembers a pin, beside those that other processes remember at the same time. `locks` is the folder of locks.
pub(super) fn remember(folder: &Path, locks: &Path, file: &str, pin: Pin) -> Result<(), Fault> {
    change(folder, locks, |pins| {
        pins.insert(file.to_owned(), pin);
    })
}

/// Forgets the pin of a file.
pub(super) fn forget(folder: &Path, locks: &Path, file: &str) -> Result<(), Fault> {
    if read(folder)?.contains_key(file) {
        change(folder, locks, |pins| {
            pins.remove(file);
        })?;
    }
    Ok(())
}

fn change(folder: &Path, locks: &Path, change: impl FnOnce(&mut Pins)) -> Result<(), Fault> {
    // Held for a moment only, so waiting for it is not worth a word.
    let _lock = lock(&locks.join("pins.lock"), || ())?;
    let mut pins = read(folder)?;
    change(&mut pins);
    let text = serde_json::to_vec_pretty(&pins).map_err(|error| Fault::io(folder, None, error.into()))?;
    write_whole(&folder.join(NAME), &text)
}
