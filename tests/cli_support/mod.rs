//! Running the program, and the files that its tests share.
#![allow(dead_code, clippy::unwrap_used)]

use serde_json::Value;
use std::path::{Path, PathBuf};

/// The model that is built in.
pub const MODEL: &str = "nuclei_mask_rcnn_vovnet27_slim";

/// The program, with arguments.
pub fn vovdet<I: AsRef<std::ffi::OsStr>>(arguments: impl IntoIterator<Item = I>) -> assert_cmd::Command {
    let mut command = assert_cmd::Command::new(env!("CARGO_BIN_EXE_vovdet"));
    command.args(arguments);
    // No test may reach the network, or find what its user fetched before.
    let cache = Path::new(env!("CARGO_TARGET_TMPDIR")).join("no-cache");
    command.env("VOVDET_OFFLINE", "1").env("VOVDET_CACHE", cache);
    command
}

/// `vovdet detect` with the built-in model.
pub fn detect<I: AsRef<std::ffi::OsStr>>(arguments: impl IntoIterator<Item = I>) -> assert_cmd::Command {
    let mut command = vovdet(["detect", "--model", MODEL]);
    command.args(arguments);
    command
}

pub fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures").join(name)
}

/// A microscope image with some nuclei.
pub fn cells() -> PathBuf {
    fixture("nuclei/cells.png")
}

/// What a run left behind.
pub struct Ran {
    pub code: i32,
    pub out: String,
    pub err: String,
}

impl Ran {
    /// Standard output as JSON, a value per line.
    pub fn lines(&self) -> Vec<Value> {
        self.out.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    /// Asserts a failure as people should see it: this code, one line that holds all of `words`, no panic.
    #[track_caller]
    pub fn fails_with(&self, code: i32, words: &[&str]) {
        assert_eq!(self.code, code, "{}", self.err);
        assert_eq!(self.err.trim_end().lines().count(), 1, "{}", self.err);
        for word in words {
            assert!(self.err.contains(word), "no {word:?} in: {}", self.err);
        }
        assert!(!self.err.contains("panicked"), "{}", self.err);
    }
}

/// Runs the command. Lines that say how far it is, which come when the machine is busy, are left out of `err`.
pub fn run(mut command: assert_cmd::Command) -> Ran {
    let output = command.output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    let progress = |line: &&str| line.contains(" % in ") && line.trim_end().ends_with(" left");
    let err = text(output.stderr).split_inclusive('\n').filter(|line| !progress(line)).collect();
    Ran { code: output.status.code().unwrap(), out: text(output.stdout), err }
}
