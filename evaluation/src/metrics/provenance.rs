//! What a result was made from: enough to make it again.

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

/// A file that took part.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileRef {
    /// Where it lay.
    pub path: PathBuf,
    /// SHA-256 of its content, in hexadecimal digits; none for a folder.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sha256: Option<String>,
}

impl FileRef {
    /// A path whose content is not hashed.
    pub fn unhashed(path: &Path) -> Self {
        Self { path: std::path::absolute(path).unwrap_or_else(|_| path.into()), sha256: None }
    }

    /// Reads the file to its end for its hash.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn of(path: &Path) -> io::Result<Self> {
        let mut file = File::open(path)?;
        let mut hash = Sha256::new();
        let mut block = vec![0; 1 << 16];
        loop {
            match file.read(&mut block)? {
                0 => break,
                n => hash.update(&block[..n]),
            }
        }
        Ok(Self { path: std::path::absolute(path)?, sha256: Some(hexadecimal(&hash.finalize())) })
    }
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
    /// Milliseconds per stage; stages overlap, so their sum is more than `wall`.
    pub times_ms: BTreeMap<String, f64>,
}

/// Milliseconds since `start`, to the microsecond.
pub fn milliseconds(start: std::time::Instant) -> f64 {
    (start.elapsed().as_secs_f64() * 1e6).round() / 1e3
}
