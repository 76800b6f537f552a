//! YOLO text, in Ultralytics' layout: a `data.yaml`, images in `images/…`, and a label file per image in `labels/…`.

mod config;
mod labels;

pub use config::Config;
pub use labels::{Fault, Label};

use crate::image::{Encoded, has_image_extension};
use crate::{Error, Result};
use rayon::prelude::*;
use std::collections::{BTreeSet, HashSet};
use std::path::{Path, PathBuf};

/// Images and labels of a YOLO data set.
#[derive(Debug)]
pub struct YoloData {
    /// The `data.yaml`, or what stands for it.
    pub config: Config,
    /// The images, split by split.
    pub images: Vec<YoloImage>,
    /// What is odd, a sentence each.
    pub notes: Vec<String>,
}

/// An image and its labels.
#[derive(Debug)]
pub struct YoloImage {
    /// The image file.
    pub file: PathBuf,
    /// Its name below the folder of its split.
    pub name: String,
    /// The split.
    pub split: String,
    /// Where its labels are, or would be.
    pub label_file: PathBuf,
    /// Width and height of the upright picture, or why they are not known.
    pub size: Result<(u32, u32), String>,
    /// Its labels.
    pub labels: Vec<Label>,
    /// Whether there is a label file; without one the image is background.
    pub has_label_file: bool,
    /// What is wrong with lines of the label file.
    pub faults: Vec<Fault>,
    /// Why the label file was not read.
    pub unreadable: Option<String>,
}

/// The `data.yaml` of a folder, whatever it is called; none when there is no such file.
pub fn config_file(root: &Path) -> Option<PathBuf> {
    let entries = std::fs::read_dir(root).ok()?.flatten().map(|entry| entry.path());
    let mut files: Vec<_> = entries
        .filter(|path| path.extension().is_some_and(|e| e == "yaml" || e == "yml") && Config::read(path).is_ok())
        .collect();
    files.sort_unstable();
    files.into_iter().next()
}

/// Whether a folder or file is such a data set: it has a `data.yaml`, or folders of images and labels.
pub fn is_yolo(path: &Path) -> bool {
    match path.is_file() {
        true => path.extension().is_some_and(|e| e == "yaml" || e == "yml"),
        false => config_file(path).is_some() || path.join("images").is_dir() && path.join("labels").is_dir(),
    }
}

impl YoloData {
    /// Reads a `data.yaml`, or the folder that it lies in, and all images and labels that it names. A folder of `images`
    /// and `labels` without a `data.yaml` is read too; its classes are named in `classes.txt`, or not at all.
    ///
    /// # Errors
    /// When it is no such data set, or a list or folder of images cannot be read.
    pub fn read(path: &Path) -> Result<Self> {
        let _span = tracing::debug_span!("annotations", path = %path.display()).entered();
        let config = match path.is_file() {
            true => Config::read(path)?,
            false => match config_file(path) {
                Some(file) => Config::read(&file)?,
                None => without_config(path)?,
            },
        };
        let mut notes = config.notes.clone();
        let mut seen = HashSet::new();
        let mut found = Vec::new();
        for (split, places) in &config.splits {
            for place in places {
                let (files, folder) = images_of(place)?;
                if files.is_empty() {
                    notes.push(format!("{}: no images of {split} are there", place.display()));
                }
                // Ultralytics takes an image twice that two splits name; a data set has it once.
                let fresh = files.into_iter().filter(|file| seen.insert(file.clone()));
                found.extend(fresh.map(|file| (split.clone(), name_below(&file, &folder), file)));
            }
        }
        let classes = config.names.len();
        let read = |(split, name, file)| image(split, name, file, classes);
        let images: Vec<YoloImage> = found.into_par_iter().map(read).collect();
        for image in images.iter().filter(|image| !image.faults.is_empty()) {
            tracing::debug!(file = %image.label_file.display(), lines = image.faults.len(), "lines with faults");
        }
        for note in &notes {
            tracing::info!("{note}");
        }
        Ok(Self { config, images, notes })
    }
}

/// A folder with `images` and `labels` alone: its splits are the folders of `images` that have some, its classes are in
/// `classes.txt` (one name a line), or as many as the labels need.
fn without_config(root: &Path) -> Result<Config> {
    let (images, labels) = (root.join("images"), root.join("labels"));
    if !images.is_dir() || !labels.is_dir() {
        return Err(Error::content(root, "is no YOLO folder: it has no data.yaml, and not both of images and labels"));
    }
    let entries = std::fs::read_dir(&images).map_err(Error::io(&images))?.flatten();
    let mut splits: Vec<_> = entries.map(|entry| entry.path()).filter(|path| path.is_dir()).collect();
    splits.sort_unstable();
    let splits = match splits.is_empty() {
        true => vec![("train".into(), vec![images])],
        false => splits.into_iter().map(|folder| (super::stem(&folder), vec![folder])).collect(),
    };
    let file = [root.join("classes.txt"), labels.join("classes.txt")].into_iter().find(|file| file.is_file());
    let mut notes = Vec::new();
    let names = match file {
        Some(file) => {
            crate::text::read(&file)?.lines().map(|l| l.trim().to_owned()).filter(|l| !l.is_empty()).collect()
        }
        None => {
            notes.push(format!("{}: without data.yaml or classes.txt the classes have no names", root.display()));
            let count = highest_class(&labels).map_or(0, |highest| highest + 1);
            (0..count).map(|class| format!("class_{class}")).collect()
        }
    };
    Ok(Config { path: root.into(), root: root.into(), splits, names, notes })
}

/// The highest class in the label files below a folder.
fn highest_class(folder: &Path) -> Option<usize> {
    let files = files_below(folder, &|path| path.extension().is_some_and(|e| e == "txt"));
    let highest = |file: &PathBuf| {
        let text = crate::text::read(file).ok()?;
        labels::parse(&text, 1 << 16).0.iter().map(|label| label.class).max()
    };
    files.par_iter().filter_map(highest).max()
}

/// The images that a folder holds or a list names, and the folder below which their names are counted.
fn images_of(place: &Path) -> Result<(Vec<PathBuf>, PathBuf)> {
    if place.is_dir() {
        return Ok((files_below(place, &has_image_extension), place.into()));
    }
    if place.extension().is_none_or(|e| e != "txt") {
        return Ok((Vec::new(), place.into()));
    }
    let folder = place.parent().unwrap_or(Path::new("."));
    let text = crate::text::read(place)?;
    let lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
    Ok((lines.map(|line| folder.join(line.strip_prefix("./").unwrap_or(line))).collect(), folder.into()))
}

/// Files below a folder that fit, by path; links to folders are not followed.
fn files_below(folder: &Path, fits: &dyn Fn(&Path) -> bool) -> Vec<PathBuf> {
    let mut found = BTreeSet::new();
    let mut folders = vec![folder.to_path_buf()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
            let path = entry.path();
            if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
                folders.push(path);
            } else if fits(&path) {
                found.insert(path);
            }
        }
    }
    found.into_iter().collect()
}

/// A file's name below its folder; of a list's images those below the last folder `images`.
fn name_below(file: &Path, folder: &Path) -> String {
    let below = file.strip_prefix(folder).unwrap_or(file);
    let parts: Vec<_> = below.components().collect();
    let after = parts.iter().rposition(|part| part.as_os_str() == "images").map_or(0, |at| at + 1);
    let name: PathBuf = parts[after..].iter().filter(|part| matches!(part, std::path::Component::Normal(_))).collect();
    name.to_string_lossy().into_owned()
}

/// Where the labels of an image are: the last folder `images` becomes `labels`, the extension `txt`.
fn label_file(image: &Path) -> PathBuf {
    let parts: Vec<_> = image.components().collect();
    let folders = &parts[..parts.len().saturating_sub(1)];
    let at = folders.iter().rposition(|part| part.as_os_str() == "images");
    let path: PathBuf = parts
        .iter()
        .enumerate()
        .map(|(index, part)| if Some(index) == at { "labels".as_ref() } else { part.as_os_str() })
        .collect();
    path.with_extension("txt")
}

fn image(split: String, name: String, file: PathBuf, classes: usize) -> YoloImage {
    let size = Encoded::open(&file).map(|image| image.upright_size()).map_err(|error| error.to_string());
    let label_file = label_file(&file);
    let has_label_file = label_file.exists();
    let (mut labels, mut faults, mut unreadable) = (Vec::new(), Vec::new(), None);
    if has_label_file {
        match crate::text::read(&label_file) {
            Ok(text) => (labels, faults) = labels::parse(&text, classes),
            Err(error) => unreadable = Some(error.to_string()),
        }
    }
    YoloImage { file, name, split, label_file, size, labels, has_label_file, faults, unreadable }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Expected values: Ultralytics' `img2label_paths`.
    #[test]
    fn labels_are_beside_images() {
        for (image, labels) in [
            ("/d/images/train/a.jpg", "/d/labels/train/a.txt"),
            ("/images/d/images/a.b.png", "/images/d/labels/a.b.txt"),
            ("d/photos/a.jpg", "d/photos/a.txt"),
        ] {
            assert_eq!(label_file(Path::new(image)), Path::new(labels));
        }
        assert_eq!(name_below(Path::new("/d/images/train/x/a.jpg"), Path::new("/d/images/train")), "x/a.jpg");
        assert_eq!(name_below(Path::new("/d/images/train/a.jpg"), Path::new("/d")), "train/a.jpg");
        assert_eq!(name_below(Path::new("../up/a.jpg"), Path::new("/d")), "up/a.jpg");
    }
}
