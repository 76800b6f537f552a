//! Weights over HTTP from a server on the loopback that redirects, breaks off, lies, stalls and sends pages: each
//! fault ends in one sentence and a cache that is as good as before.
#![allow(clippy::unwrap_used)]

mod archives;
mod faults;
mod keeping;
mod resuming;
mod server;

use server::Server;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;
use tempfile::TempDir;
use vovdet_pretrained::cache::{Cache, Error, Event, Fetch, Network};
use vovdet_pretrained::catalogue::Entry;
use vovdet_pretrained::{Dtype, TensorData, write_safetensors};

/// What is published: the name of the file, and weights of so many bytes or a little more.
const FILE: &str = "weights.safetensors";
const BYTES: usize = 300_000;

/// Weights in a file, different ones for each `seed`.
fn weights(seed: u8) -> Vec<u8> {
    let folder = tempfile::tempdir().unwrap();
    let bytes: Vec<u8> = (0..BYTES).map(|i| (i as u8).wrapping_mul(31).wrapping_add(seed)).collect();
    let tensor = TensorData { name: "a.weight", dtype: Dtype::U8, shape: &[BYTES], bytes: bytes.into() };
    let path = folder.path().join(FILE);
    write_safetensors(&path, &[tensor], &BTreeMap::new()).unwrap();
    std::fs::read(path).unwrap()
}

/// An entry of a catalogue, with `more` of its fields.
fn entry(file: &str, format: &str, more: serde_json::Value) -> Entry {
    let mut value = serde_json::json!({
        "name": "net@test", "role": "detector", "format": format, "file": file,
        "url": "https://drive.google.com/open?id=1", "trained_on": "noise"
    });
    value.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    serde_json::from_value(value).unwrap()
}

fn plain() -> Entry {
    entry(FILE, "safetensors", serde_json::json!({}))
}

/// A cache in a folder that is removed afterwards, and a network that is not patient.
struct Bench {
    folder: TempDir,
    cache: Cache,
    network: Network,
}

impl Bench {
    fn new(server: &Server) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let cache = Cache::new(folder.path().join("cache"));
        let network = Network {
            mirror: Some(server.url.clone()),
            timeout: Duration::from_millis(400),
            pause: Duration::from_millis(1),
            attempts: 3,
            ..Network::default()
        };
        Self { folder, cache, network }
    }

    /// The same cache with another server.
    fn with(self, server: &Server) -> Self {
        Self { network: Network { mirror: Some(server.url.clone()), ..self.network }, ..self }
    }

    fn weights(&self, entry: &Entry) -> Result<PathBuf, Error> {
        self.cache.weights(entry, &self.network, &mut |_| ())
    }

    fn fetch(&self, entry: &Entry, fetch: Fetch) -> Result<PathBuf, Error> {
        self.cache.fetch(entry, &self.network, fetch, &mut |_| ())
    }

    fn events(&self, entry: &Entry) -> Vec<String> {
        let mut events = Vec::new();
        let mut note = |event: Event| match event {
            Event::Bytes { .. } => {}
            event => events.push(format!("{event:?}")),
        };
        // Faults are looked at elsewhere.
        let _ = self.cache.weights(entry, &self.network, &mut note);
        events
    }

    /// Everything in the cache but what is under way: path and content.
    fn content(&self) -> BTreeMap<PathBuf, Vec<u8>> {
        let mut files = BTreeMap::new();
        collect(self.cache.folder(), &mut files);
        files
    }

    /// Asserts that `entry` cannot be had, for a reason given in one sentence with all of `words`, and that the cache
    /// is as before.
    #[track_caller]
    fn fails(&self, entry: &Entry, words: &[&str]) -> Error {
        let before = self.content();
        let error = self.weights(entry).unwrap_err();
        sentence(&error, words);
        assert_eq!(before, self.content());
        error
    }

    /// What is kept of downloads under way.
    fn partial(&self) -> Option<Vec<u8>> {
        std::fs::read(self.cache.folder().join(".partial").join(FILE)).ok()
    }
}

#[track_caller]
fn sentence(error: &Error, words: &[&str]) {
    let text = error.to_string();
    assert!(text.starts_with("net@test: ") && !text.contains('\n') && text.len() < 500, "{text}");
    for word in words {
        assert!(text.contains(word), "no {word:?} in: {text}");
    }
}

fn collect(folder: &Path, files: &mut BTreeMap<PathBuf, Vec<u8>>) {
    for entry in std::fs::read_dir(folder).into_iter().flatten() {
        let path = entry.unwrap().path();
        if path.ends_with(".partial") {
            continue;
        }
        if path.is_dir() {
            collect(&path, files);
        } else {
            files.insert(path.clone(), std::fs::read(&path).unwrap());
        }
    }
}
