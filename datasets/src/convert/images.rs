//! What becomes of the image files.

use super::{Image, Losses};
use crate::{Error, Result};
use rayon::prelude::*;
use std::path::{Path, PathBuf};

/// What becomes of the image files.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ImageFiles {
    /// They are copied into the new folder.
    Copy,
    /// The new folder gets symbolic links to them.
    Link,
    /// They stay where they are, and the new folder has none.
    None,
}

/// Puts the files of images to their places.
pub fn place(images: &[(&Image, PathBuf)], how: ImageFiles, losses: &mut Losses) -> Result<()> {
    if how == ImageFiles::None {
        return Ok(());
    }
    let one = |(image, to): &(&Image, PathBuf)| -> Result<bool> {
        let Some(from) = image.file.as_deref().filter(|file| file.is_file()) else { return Ok(false) };
        make_parent(to)?;
        match how {
            // Its content alone: times and owners are those of the new file.
            ImageFiles::Copy => std::fs::copy(from, to).map(|_| ()).map_err(Error::io(from))?,
            _ => {
                let target = from.canonicalize().map_err(Error::io(from))?;
                std::os::unix::fs::symlink(target, to).map_err(Error::io(to))?;
            }
        }
        Ok(true)
    };
    let there: Vec<bool> = images.par_iter().map(one).collect::<Result<_>>()?;
    let missing = there.iter().filter(|there| !**there).count();
    losses.add(missing, "image files were not found and are missing in the new folder");
    Ok(())
}

/// Makes the folder of a file.
pub fn make_parent(path: &Path) -> Result<()> {
    let folder = path.parent().unwrap_or(path);
    std::fs::create_dir_all(folder).map_err(Error::io(folder))
}
