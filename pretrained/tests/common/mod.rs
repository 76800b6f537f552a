//! What the tests share: fixture files, digests, the shared folder.

#![allow(dead_code, clippy::unwrap_used)]

use std::path::PathBuf;

use serde_json::Value;
use sha2::{Digest, Sha256};
use vovdet_pretrained::Checkpoint;

/// A file of `tests/fixtures`.
pub fn fixture(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures").join(name)
}

/// A JSON file of `tests/fixtures`.
pub fn json(name: &str) -> Value {
    serde_json::from_slice(&std::fs::read(fixture(name)).unwrap()).unwrap()
}

/// A file of the folder that is shared between checkouts and not kept in the repository.
pub fn shared(name: &str) -> Option<PathBuf> {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../shared").join(name);
    if !path.exists() {
        eprintln!("skipped: ../shared/{name} is not there");
        return None;
    }
    Some(path)
}

pub fn sha256(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Checks shape, dtype, digest and first values of the tensors of `expected` (names as in the file
/// after `prefix` is stripped); returns how many there were.
pub fn check_tensors(checkpoint: &Checkpoint, expected: &Value, prefix: &str) -> usize {
    let source = checkpoint.source();
    let expected = expected.as_object().unwrap();
    let mut buffer = vec![0xaa; 7];
    let mut parts = Vec::new();
    for (name, want) in expected {
        let name = name.strip_prefix(prefix).unwrap();
        let info =
            checkpoint.tensor(name).unwrap_or_else(|| panic!("{source} lacks {name:?}: {:?}", checkpoint.tensors()));
        let shape: Vec<usize> = serde_json::from_value(want["shape"].clone()).unwrap();
        assert_eq!(info.shape, shape, "{source}: {name}");
        assert_eq!(info.dtype.name(), want["dtype"].as_str().unwrap(), "{source}: {name}");
        let bytes = checkpoint.read(name).unwrap();
        assert_eq!(bytes.len(), info.byte_len(), "{source}: {name}");
        assert_eq!(bytes, *checkpoint.bytes(name).unwrap(), "{source}: {name}");
        assert_eq!(sha256(&bytes), want["sha256"].as_str().unwrap(), "{source}: {name}");
        parts.clear();
        let mut each = |part: &[u8]| {
            parts.extend_from_slice(part);
            Ok::<_, vovdet_pretrained::Error>(())
        };
        checkpoint.read_parts(name, &mut buffer, &mut each).unwrap();
        assert_eq!(bytes, parts, "{source}: {name} in parts");
    }
    expected.len()
}
