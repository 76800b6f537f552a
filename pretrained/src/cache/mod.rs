//! The folder in which official weights are kept, and how they come into it.
//!
//! Weights are fetched once and used from the folder for ever after. A file is there whole or not at all; what it was
//! the first time is remembered, and another content under its name is refused. Every fault leaves the folder as good
//! as it was before.
//!
//! ```text
//! FOLDER/maskrcnn_resnet50_fpn_coco-bf2d0c1e.pth     a file, under its name in the catalogue
//! FOLDER/refinedet320_vgg16_coco.zip.unpacked/…      the model files of an archive
//! FOLDER/pins.json                                   what each was when it was first fetched
//! FOLDER/.partial/                                   downloads under way, and locks
//! ```

mod error;
mod files;
mod network;
mod partial;
mod pins;
mod transfer;
mod unpack;
mod url;

pub use error::{Error, Fault};
pub use network::Network;

use crate::Checkpoint;
use crate::catalogue::{Entry, FileFormat};
use crate::format::is_web_page;
use partial::Partial;
use pins::{Pin, State};
use std::path::{Path, PathBuf};
use std::{env, fs, io};

/// Names the folder.
const FOLDER: &str = "VOVDET_CACHE";

/// The result of everything that touches the cache.
pub type Result<T> = std::result::Result<T, Error>;

/// What happens while weights are fetched.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Event<'a> {
    /// Another process fetches the same file; it is waited for.
    Waiting,
    /// A transfer begins.
    Start {
        /// From where.
        url: &'a str,
        /// Bytes that an earlier attempt left.
        have: u64,
    },
    /// Bytes came.
    Bytes {
        /// Bytes that are there.
        have: u64,
        /// Bytes of the whole file, if the server says so.
        total: Option<u64>,
    },
    /// The transfer failed and is tried again.
    Again {
        /// What went wrong, as the rest of a sentence about the transfer.
        why: &'a str,
    },
    /// Everything came; it is checked, and unpacked if it is an archive.
    Checking,
}

/// How a file gets into the cache.
#[derive(Debug, Clone, Copy, Default)]
pub struct Fetch<'a> {
    /// A file that was downloaded by other means, taken instead of the network.
    pub from: Option<&'a Path>,
    /// Fetch even if it is there, and remember the new content instead of the old.
    pub repin: bool,
}

/// Whether a checkpoint is what its entry says that it is; why not, as a clause that begins with "it".
pub type Fits<'a> = dyn Fn(&Checkpoint) -> std::result::Result<(), String> + 'a;

/// The folder of fetched weights.
#[derive(Debug, Clone)]
pub struct Cache {
    folder: PathBuf,
}

impl Cache {
    /// The cache in `folder`, which need not exist yet.
    pub fn new(folder: impl Into<PathBuf>) -> Self {
        Self { folder: folder.into() }
    }

    /// The cache in the folder that `VOVDET_CACHE` names, else in the user's cache folder.
    ///
    /// # Errors
    /// When the user has no home folder.
    pub fn from_env() -> Result<Self> {
        if let Some(folder) = env::var_os(FOLDER).filter(|folder| !folder.is_empty()) {
            return Ok(Self::new(folder));
        }
        match etcetera::choose_base_strategy() {
            Ok(user) => Ok(Self::new(etcetera::BaseStrategy::cache_dir(&user).join("vovdet").join("weights"))),
            Err(_) => {
                let why = "must name a folder: this user has no home folder".into();
                Err(Error::new("cache", Fault::Setting { variable: FOLDER, why }))
            }
        }
    }

    /// The folder.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// The weights of `entry`, if they are in the cache; not checked.
    ///
    /// # Errors
    /// When the cache cannot be read.
    pub fn find(&self, entry: &Entry) -> Result<Option<PathBuf>> {
        self.present(entry).map_err(|fault| Error::new(&entry.name, fault))
    }

    /// The weights of `entry`: from the cache, else from the network.
    ///
    /// # Errors
    /// One [`Fault`] for each reason not to have them.
    pub fn weights(&self, entry: &Entry, network: &Network, progress: &mut dyn FnMut(Event)) -> Result<PathBuf> {
        self.get(entry, network, Fetch::default(), &|_| Ok(()), false, progress)
            .map_err(|fault| Error::new(&entry.name, fault))
    }

    /// Fetches the weights of `entry`, or checks every byte of those that are in the cache.
    ///
    /// # Errors
    /// As [`weights`](Self::weights).
    pub fn fetch(
        &self,
        entry: &Entry,
        network: &Network,
        fetch: Fetch,
        progress: &mut dyn FnMut(Event),
    ) -> Result<PathBuf> {
        self.fetch_fitting(entry, network, fetch, &|_| Ok(()), progress)
    }

    /// As [`fetch`](Self::fetch); a file that is handed over ([`Fetch::from`]) is kept only if it `fits`. What comes from
    /// where it is published is not asked: publishers' files differ from their models in small ways.
    ///
    /// # Errors
    /// As [`weights`](Self::weights), and [`Fault::Misfit`].
    pub fn fetch_fitting(
        &self,
        entry: &Entry,
        network: &Network,
        fetch: Fetch,
        fits: &Fits,
        progress: &mut dyn FnMut(Event),
    ) -> Result<PathBuf> {
        self.get(entry, network, fetch, fits, true, progress).map_err(|fault| Error::new(&entry.name, fault))
    }

    /// Removes the weights of `entry` from the cache, with what is left of a transfer and what is remembered of them.
    /// Tells what was removed: nothing if they were not there.
    ///
    /// # Errors
    /// When something cannot be removed.
    pub fn remove(&self, entry: &Entry) -> Result<Vec<PathBuf>> {
        self.forget(entry).map_err(|fault| Error::new(&entry.name, fault))
    }

    fn forget(&self, entry: &Entry) -> std::result::Result<Vec<PathBuf>, Fault> {
        if !self.folder.is_dir() {
            return Ok(Vec::new());
        }
        let partial = self.partial(entry);
        fs::create_dir_all(self.partials()).map_err(|error| Fault::io(&self.partials(), None, error))?;
        let _lock = files::lock(&partial.with_added_extension("lock"), || {
            tracing::info!(weights = %entry.name, "another process fetches it; waiting");
        })?;
        let mut removed = Vec::new();
        let (file, unpacked) = (self.folder.join(&entry.file), self.unpacked(entry));
        match fs::remove_file(&file) {
            Ok(()) => removed.push(file),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(Fault::io(&file, None, error)),
        }
        if unpacked.exists() {
            remove_folder(&unpacked)?;
            removed.push(unpacked);
        }
        Partial::discard(&partial);
        pins::forget(&self.folder, &self.partials(), &entry.file)?;
        Ok(removed)
    }

    fn get(
        &self,
        entry: &Entry,
        network: &Network,
        fetch: Fetch,
        fits: &Fits,
        every_byte: bool,
        progress: &mut dyn FnMut(Event),
    ) -> std::result::Result<PathBuf, Fault> {
        let _span = tracing::info_span!("fetch", weights = %entry.name).entered();
        let anew = fetch.repin || fetch.from.is_some();
        if !anew && let Some(path) = self.present(entry)? {
            self.trust(entry, &path, every_byte)?;
            return Ok(path);
        }
        if network.offline && fetch.from.is_none() {
            return Err(Fault::Offline(self.folder.clone()));
        }
        let partial = self.partial(entry);
        let folder = self.partials();
        fs::create_dir_all(&folder).map_err(|error| Fault::io(&folder, None, error))?;
        let _lock = files::lock(&partial.with_added_extension("lock"), || progress(Event::Waiting))?;
        // Another process may have brought it while this one waited.
        if !anew && let Some(path) = self.present(entry)? {
            self.trust(entry, &path, every_byte)?;
            return Ok(path);
        }
        match fetch.from {
            Some(file) => files::copy(file, &partial)?,
            None => self.download(entry, network, &partial, progress)?,
        }
        progress(Event::Checking);
        let installed = self.install(entry, &partial, fetch, fits);
        if installed.is_err() {
            Partial::discard(&partial);
        }
        installed
    }

    fn partials(&self) -> PathBuf {
        self.folder.join(".partial")
    }

    fn partial(&self, entry: &Entry) -> PathBuf {
        self.partials().join(&entry.file)
    }

    /// Where the weights are, if they are: as remembered, else where they would be.
    fn present(&self, entry: &Entry) -> std::result::Result<Option<PathBuf>, Fault> {
        let pin = pins::read(&self.folder)?.remove(&entry.file).map(|pin| self.folder.join(pin.path));
        if let Some(path) = pin.into_iter().chain([self.folder.join(&entry.file)]).find(|path| path.is_file()) {
            return Ok(Some(path));
        }
        let unpacked = self.unpacked(entry);
        if unpacked.is_dir() { Ok(Some(unpacked.join(unpack::weights(&unpacked)?))) } else { Ok(None) }
    }

    fn unpacked(&self, entry: &Entry) -> PathBuf {
        self.folder.join(&entry.file).with_added_extension("unpacked")
    }

    /// Checks weights of the cache against what they were the first time; this may be the first time.
    fn trust(&self, entry: &Entry, path: &Path, every_byte: bool) -> std::result::Result<(), Fault> {
        let state = State::of(path)?;
        let pin = pins::read(&self.folder)?.remove(&entry.file).filter(|pin| self.folder.join(&pin.path) == path);
        if !every_byte && pin.as_ref().is_some_and(|pin| pin.state == state) {
            return Ok(());
        }
        let sha256 = files::sha256(path)?;
        // What is there without a pin was put there by hand.
        let handed_over = pin.as_ref().is_none_or(|pin| pin.handed_over);
        match pin {
            Some(pin) if pin.sha256 != sha256 => {
                return Err(Fault::Changed { path: path.to_path_buf(), pinned: pin.sha256, found: sha256 });
            }
            Some(pin) if pin.state == state => return Ok(()),
            Some(_) => {}
            None => self.check(entry, path, &sha256, &|_| Ok(()))?,
        }
        let remembered = self.remember(entry, path, sha256, handed_over);
        // A folder that others share may be read-only: then the weights are hashed each time.
        match remembered {
            Err(Fault::Folder { error, .. })
                if matches!(error.kind(), io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem) =>
            {
                tracing::debug!(folder = %self.folder.display(), "the folder cannot be written to: weights are hashed each time");
                Ok(())
            }
            other => other,
        }
    }

    fn remember(
        &self,
        entry: &Entry,
        path: &Path,
        sha256: String,
        handed_over: bool,
    ) -> std::result::Result<(), Fault> {
        let locks = self.partials();
        fs::create_dir_all(&locks).map_err(|error| Fault::io(&locks, None, error))?;
        let below = path.strip_prefix(&self.folder).unwrap_or(path).to_path_buf();
        pins::remember(
            &self.folder,
            &locks,
            &entry.file,
            Pin { path: below, sha256, handed_over, state: State::of(path)? },
        )
    }

    fn download(
        &self,
        entry: &Entry,
        network: &Network,
        path: &Path,
        progress: &mut dyn FnMut(Event),
    ) -> std::result::Result<(), Fault> {
        let url = network.url(entry);
        let mut partial = Partial::open(path, &url::without_credentials(&url))?;
        let Err(fault) = transfer::transfer(entry, network, &url, &mut partial, progress) else {
            return partial.finish();
        };
        // What cannot be resumed is not kept; on a full disk nothing is.
        if !partial.can_go_on() || matches!(fault, Fault::DiskFull { .. } | Fault::Length { .. }) {
            Partial::discard(path);
        }
        Err(fault)
    }

    /// Checks a whole file and moves it, or the model files that it is an archive of, to its place.
    fn install(&self, entry: &Entry, file: &Path, fetch: Fetch, fits: &Fits) -> std::result::Result<PathBuf, Fault> {
        // A file that was handed over and deleted again binds nobody.
        let binds = |pin: &Pin| !fetch.repin && (!pin.handed_over || self.folder.join(&pin.path).exists());
        let pinned = pins::read(&self.folder)?.remove(&entry.file).filter(binds);
        let handed_over = fetch.from.is_some();
        let anything: &Fits = &|_| Ok(());
        let fits = if handed_over { fits } else { anything };
        let same = |sha256: &str| match pinned {
            Some(pin) if pin.sha256 != sha256 => Err(Fault::Replaced { pinned: pin.sha256, found: sha256.to_owned() }),
            _ => Ok(()),
        };
        let archive = if entry.format == FileFormat::Caffe { unpack::kind(file)? } else { None };
        let Some(kind) = archive else {
            let sha256 = files::sha256(file)?;
            self.check(entry, file, &sha256, fits)?;
            same(&sha256)?;
            let place = self.folder.join(&entry.file);
            fs::rename(file, &place).map_err(|error| Fault::io(&place, None, error))?;
            self.remember(entry, &place, sha256, handed_over)?;
            return Ok(place);
        };
        let (place, beside) = (self.unpacked(entry), file.with_added_extension("unpacked"));
        remove_folder(&beside)?;
        let unpacked = unpack::unpack(kind, file, &beside)
            .and_then(|()| unpack::weights(&beside))
            .and_then(|weights| readable(&beside.join(&weights), fits).map(|()| weights))
            .and_then(|weights| Ok((files::sha256(&beside.join(&weights))?, weights)))
            .and_then(|(sha256, weights)| same(&sha256).map(|()| (sha256, weights)))
            .and_then(|checked| {
                remove_folder(&place)?;
                fs::rename(&beside, &place).map_err(|error| Fault::io(&place, None, error))?;
                Ok(checked)
            });
        let (sha256, weights) = unpacked.inspect_err(|_| {
            // The next attempt begins with removing it.
            let _ = remove_folder(&beside);
        })?;
        Partial::discard(file);
        let weights = place.join(weights);
        self.remember(entry, &weights, sha256, handed_over)?;
        Ok(weights)
    }

    /// Whether a file can be what was published: its length, its hash, its kind, its tensors.
    fn check(&self, entry: &Entry, path: &Path, sha256: &str, fits: &Fits) -> std::result::Result<(), Fault> {
        if is_web_page(&files::start(path, 512)?) {
            return Err(Fault::WebPage { url: path.display().to_string(), published: entry.url.clone() });
        }
        let metadata = fs::metadata(path).map_err(|error| Fault::io(path, None, error))?;
        transfer::check_length(entry, Some(metadata.len()))?;
        if let Some(want) = entry.hash.as_deref().filter(|want| !sha256.starts_with(want)) {
            let got = sha256.chars().take(want.len()).collect();
            return Err(Fault::Hash { got, want: want.to_owned() });
        }
        readable(path, fits)
    }
}

/// Whether a file can be read as weights, which one that is cut short cannot, and as those that are meant.
fn readable(path: &Path, fits: &Fits) -> std::result::Result<(), Fault> {
    let checkpoint = Checkpoint::open(path).map_err(|error| Fault::Content(error.kind().to_string()))?;
    fits(&checkpoint).map_err(Fault::Misfit)
}

fn remove_folder(path: &Path) -> std::result::Result<(), Fault> {
    match fs::remove_dir_all(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(Fault::io(path, None, error)),
        _ => Ok(()),
    }
}
