//! Data sets without a network: image files as pixels, annotations in the forms of COCO, VOC and YOLO text, and what is odd about
//! both. Knows nothing of libtorch and of the command line.

pub mod annotations;
pub mod category;
pub mod coco;
pub mod convert;
mod error;
pub mod image;
pub mod inspect;
pub mod lines;
pub mod mask;
pub mod named;
pub mod pipeline;
pub mod sources;
pub mod text;
pub mod voc;
pub mod yolo;

pub use error::{Error, Result};

use std::path::{Component, Path, PathBuf};

/// The file `name` below `folder`; none when the name leads out of it, by `..` or by being absolute.
pub fn inside(folder: &Path, name: &str) -> Option<PathBuf> {
    let name = Path::new(name);
    let leads_out = |part: Component| !matches!(part, Component::Normal(_) | Component::CurDir);
    (!name.components().any(leads_out) && name.file_name().is_some()).then(|| folder.join(name))
}

/// A file's name without folder and extension.
fn stem(path: &Path) -> String {
    path.file_stem().unwrap_or_default().to_string_lossy().into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_stay_in_their_folder() {
        let folder = Path::new("/data/images");
        for name in ["a.jpg", "b/a.jpg", "./a.jpg", "..a.jpg"] {
            assert_eq!(inside(folder, name), Some(folder.join(name)), "{name}");
        }
        for name in ["../a.jpg", "b/../../a.jpg", "/etc/passwd", "", "..", "b/.."] {
            assert_eq!(inside(folder, name), None, "{name}");
        }
    }
}
