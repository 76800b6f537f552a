//! Data sets without a network: image files as pixels, annotations in the forms of COCO and VOC, and what is odd about
//! both. Knows nothing of libtorch and of the command line.

pub mod annotations;
pub mod category;
pub mod coco;
pub mod image;
pub mod inspect;
pub mod named;
pub mod pipeline;
pub mod sources;
pub mod text;
pub mod voc;

use std::path::Path;

/// A file's name without folder and extension.
fn stem(path: &Path) -> String {
    path.file_stem().unwrap_or_default().to_string_lossy().into_owned()
}
