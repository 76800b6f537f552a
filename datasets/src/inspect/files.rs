//! Image files of a data set: which are there, whether they open, which are the same.

use super::Problems;
use crate::image::{Encoded, ImageError, has_image_extension};
use rayon::prelude::*;
use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};
use vovdet_files::ReadFault;

/// Image files by the name that the data set has for them.
#[derive(Debug, Default)]
pub struct Files(BTreeMap<String, PathBuf>);

impl Files {
    /// Those that a data set lists.
    pub fn listed(items: impl IntoIterator<Item = (String, PathBuf)>) -> Self {
        Self(items.into_iter().collect())
    }

    /// All image files in a folder and its folders.
    pub fn below(root: &Path) -> Self {
        let mut found = BTreeMap::new();
        let mut folders = vec![root.to_path_buf()];
        while let Some(folder) = folders.pop() {
            for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
                let path = entry.path();
                if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
                    folders.push(path);
                } else if has_image_extension(&path) {
                    let name = path.strip_prefix(root).unwrap_or(&path).display().to_string();
                    found.insert(name, path);
                }
            }
        }
        Self(found)
    }

    /// The names.
    pub fn names(&self) -> impl Iterator<Item = &String> {
        self.0.keys()
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Opens every file for its size, and with `deep` decodes its pixels; reports those that are missing, do not open, or
    /// have the same content.
    pub fn check(&self, deep: bool, problems: &mut Problems) -> BTreeMap<String, (u32, u32)> {
        let opened: Vec<_> = self.0.par_iter().map(|(name, path)| (name, path, open(path, deep))).collect();
        let mut sizes = BTreeMap::new();
        let mut by_length: HashMap<u64, Vec<(&String, &PathBuf)>> = HashMap::new();
        for (name, path, result) in opened {
            match result {
                Opened::Missing => problems.add("image files are missing", || name.clone()),
                Opened::Broken(reason) => {
                    problems.add("image files do not open", || format!("{name}: {reason}"));
                }
                Opened::Image { size, length } => {
                    sizes.insert(name.clone(), size);
                    by_length.entry(length).or_default().push((name, path));
                }
            }
        }
        // Files of different lengths differ, so most need no hash.
        let mut groups: Vec<_> = by_length.into_values().filter(|group| group.len() > 1).collect();
        groups.sort_unstable();
        for group in groups {
            let hashes: Vec<_> = group.par_iter().map(|(_, path)| vovdet_files::sha256(path).ok()).collect();
            let mut first: HashMap<String, &String> = HashMap::new();
            for ((name, _), hash) in group.iter().zip(hashes) {
                let Some(hash) = hash else { continue };
                match first.get(&hash) {
                    Some(other) => {
                        problems.add("image files have the content of another", || format!("{name} = {other}"));
                    }
                    None => {
                        first.insert(hash, name);
                    }
                }
            }
        }
        sizes
    }
}

enum Opened {
    Missing,
    Broken(String),
    Image { size: (u32, u32), length: u64 },
}

fn open(path: &Path, deep: bool) -> Opened {
    let read = || -> Result<Opened, ImageError> {
        let image = Encoded::open(path)?;
        let (size, length) = (image.size(), image.length());
        if deep {
            image.decode()?;
        }
        Ok(Opened::Image { size, length })
    };
    match read() {
        Ok(opened) => opened,
        Err(ImageError::File(ReadFault::Missing)) => Opened::Missing,
        Err(error) => Opened::Broken(error.to_string()),
    }
}
