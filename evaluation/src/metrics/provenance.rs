//! What a result was made from: enough to make it again.

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};

/// A file that took part.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileRef {
    /// Where it lay.
    pub path: PathBuf,
    /// SHA-256 of its content, in hexadecimal digits: of a folder of text files, that of a list of their names and hashes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sha256: Option<String>,
}

impl FileRef {
    /// A path whose content is not hashed.
    pub fn unhashed(path: &Path) -> Self {
        Self { path: std::path::absolute(path).unwrap_or_else(|_| path.into()), sha256: None }
    }

    /// Reads the file to its end for its hash, or all text files of a folder.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn of(path: &Path) -> io::Result<Self> {
        let sha256 = if path.is_dir() { hash_of_texts(path) } else { vovdet_files::sha256(path) }?;
        Ok(Self { path: std::path::absolute(path)?, sha256: Some(sha256) })
    }
}

fn hash_of_texts(folder: &Path) -> io::Result<String> {
    let paths = std::fs::read_dir(folder)?.map(|entry| Ok(entry?.path())).collect::<io::Result<Vec<_>>>()?;
    let mut paths: Vec<_> = paths.into_iter().filter(|path| path.extension().is_some_and(|e| e == "txt")).collect();
    paths.sort_unstable();
    let mut hash = Sha256::new();
    for path in paths {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        hash.update(format!("{}  {name}\n", vovdet_files::sha256(&path)?));
    }
    Ok(hexadecimal(&hash.finalize()))
}

/// The hash of bytes in memory, in hexadecimal digits.
pub fn sha256(bytes: &[u8]) -> String {
    hexadecimal(&Sha256::digest(bytes))
}

fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The network that found the detections, and what it ran on.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ModelRun {
    /// The weights; the name of built-in ones stands for their path.
    pub weights: FileRef,
    /// The whole model.
    pub spec: serde_json::Value,
    /// Version of libtorch.
    pub libtorch: String,
    /// `cpu`, `cuda:0`, ….
    pub device: String,
    /// `fp32`, `bf16`, `fp16`.
    pub precision: String,
    /// Whether every fast path was left out.
    pub plain: bool,
    /// Threads of the network.
    pub threads: i32,
    /// Images that went through the network together.
    pub batch: usize,
    /// Images that went through the network in this run, those of an earlier run that it goes on with not counted.
    #[serde(default)]
    pub images: usize,
    /// Least score of a detection, where it is not the model's own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub score: Option<f32>,
}

/// Where a result comes from.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Provenance {
    /// Version of this program.
    pub vovdet: String,
    /// What computed the figures.
    pub metrics: String,
    /// The objects.
    pub annotations: FileRef,
    /// The detections, if they lie in a file.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub detections: Option<FileRef>,
    /// The network, unless detections were read from a file.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub model: Option<ModelRun>,
    /// The ids of the images that were to be looked at and could not be: they count for nothing.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub left_out: Vec<serde_json::Value>,
    /// Milliseconds per stage; stages overlap, so their sum is more than `wall`.
    pub times_ms: BTreeMap<String, f64>,
}

/// The times of an evaluation of saved detections: reading, and everything.
pub fn times_of_saved(read_ms: f64, wall_ms: f64) -> BTreeMap<String, f64> {
    let evaluate = ((wall_ms - read_ms) * 1e3).round() / 1e3;
    [("read", read_ms), ("evaluate", evaluate), ("wall", wall_ms)].map(|(stage, ms)| (stage.into(), ms)).into()
}

/// Milliseconds since `start`, to the microsecond.
pub fn milliseconds(start: std::time::Instant) -> f64 {
    (start.elapsed().as_secs_f64() * 1e6).round() / 1e3
}
