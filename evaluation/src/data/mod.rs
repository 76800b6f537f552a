//! Data sets: what is in the images.

pub mod category;
pub mod coco;
pub mod inspect;
pub mod text;
pub mod voc;

use std::path::Path;

/// A file's name without folder and extension.
fn stem(path: &Path) -> String {
    path.file_stem().unwrap_or_default().to_string_lossy().into_owned()
}
