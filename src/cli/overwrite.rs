//! Outputs that would replace an input.

use anyhow::{Result, bail};
use std::path::Path;
use vovdet_files::{Overwrite, OverwriteGuard};

/// Refuses to write where something is read from, whatever way the two paths are spelt.
///
/// # Errors
/// When `place` is one of `inputs`.
pub fn refuse_to_replace<'a>(flag: &str, place: &Path, inputs: impl IntoIterator<Item = &'a Path>) -> Result<()> {
    let mut guard = OverwriteGuard::new();
    inputs.into_iter().for_each(|input| guard.reads(input));
    if let Err(Overwrite::Input { input, output }) = guard.writes(place) {
        bail!("{flag} {} would replace {}, which is read", output.display(), input.display());
    }
    Ok(())
}
