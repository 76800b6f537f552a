//! What a data set holds and what is wrong with it.

mod coco;
mod files;
mod voc;
mod yolo;

pub(crate) use coco::image_folder;

use crate::named::Named;
use crate::{Error, Result};
use files::Files;
use serde::Serialize;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// Examples of a problem that are shown.
const EXAMPLES: usize = 5;

/// Areas in pixels below which COCO calls an object small, and below which it calls it medium.
const SMALL: f64 = 32.0 * 32.0;
const MEDIUM: f64 = 96.0 * 96.0;

/// The form of a data set.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Form {
    /// A COCO annotation file.
    Coco,
    /// A VOC folder.
    Voc,
    /// A YOLO data set.
    Yolo,
    /// A folder of images.
    Images,
}

/// What one data set holds.
#[derive(Debug, Clone, Serialize)]
pub struct Inspection {
    /// The annotation file or folder.
    pub path: PathBuf,
    /// Its form.
    pub form: Form,
    /// Where the image files were looked for.
    pub image_folder: Option<PathBuf>,
    /// Images that the data set lists.
    pub images: usize,
    /// Those of them that carry no object.
    pub images_without_objects: usize,
    /// Objects, crowds and bad boxes included.
    pub objects: usize,
    /// Regions that stand for a crowd.
    pub crowds: usize,
    /// VOC's difficult objects.
    pub difficult: usize,
    /// Objects by the form of their mask: `polygons`, `run lengths`, `none`.
    pub masks: BTreeMap<&'static str, usize>,
    /// Objects by COCO's sizes: `small`, `medium`, `large`.
    pub object_sizes: BTreeMap<&'static str, usize>,
    /// Image sizes, most frequent first.
    pub image_sizes: Vec<ImageSize>,
    /// Classes by name.
    pub classes: Named<ClassCount>,
    /// Lists of images by name.
    pub splits: Named<usize>,
    /// What is wrong.
    pub problems: Vec<Problem>,
}

/// How many images have a size.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct ImageSize {
    /// Width in pixels.
    pub width: u32,
    /// Height in pixels.
    pub height: u32,
    /// Images of this size.
    pub images: usize,
}

/// How often a class occurs.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct ClassCount {
    /// Category id, in COCO's form.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub id: Option<u64>,
    /// Objects, crowds included.
    pub objects: usize,
    /// Images with at least one.
    pub images: usize,
}

/// Something wrong.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Problem {
    /// What it is.
    pub what: String,
    /// How often.
    pub count: usize,
    /// The first few.
    pub examples: Vec<String>,
}

/// Problems by kind, in the order in which they were first met.
#[derive(Debug, Default)]
struct Problems(Vec<Problem>);

impl Problems {
    fn add(&mut self, what: &str, example: impl FnOnce() -> String) {
        let index = self.0.iter().position(|problem| problem.what == what).unwrap_or_else(|| {
            self.0.push(Problem { what: what.into(), count: 0, examples: Vec::new() });
            self.0.len() - 1
        });
        let problem = &mut self.0[index];
        problem.count += 1;
        if problem.examples.len() < EXAMPLES {
            problem.examples.push(example());
        }
    }
}

/// Looks into a data set: a COCO annotation file, a folder with some in `annotations`, a VOC folder, a YOLO folder or its
/// `data.yaml`, or a folder of images. `images` says where the image files of an annotation file are; with `deep` every
/// image is decoded.
///
/// # Errors
/// When it is none of these, or cannot be read.
pub fn inspect(path: &Path, images: Option<&Path>, deep: bool) -> Result<Vec<Inspection>> {
    if crate::yolo::is_yolo(path) {
        return Ok(vec![yolo::inspect(path, deep)?]);
    }
    if path.is_file() {
        return Ok(vec![coco::inspect(path, images, deep)?]);
    }
    if !path.is_dir() {
        return Err(Error::content(path, "there is no such file or folder"));
    }
    if crate::voc::annotation_folder(path).is_some() {
        return Ok(vec![voc::inspect(path, deep)?]);
    }
    let annotations = crate::coco::annotation_files(path)?;
    if !annotations.is_empty() {
        return annotations.iter().map(|file| coco::inspect(file, images, deep)).collect();
    }
    let files = Files::below(path);
    if files.is_empty() {
        return Err(Error::content(
            path,
            "is no data set: no COCO annotations, no VOC folder, no YOLO labels, no images",
        ));
    }
    let mut problems = Problems::default();
    let sizes = files.check(deep, &mut problems);
    Ok(vec![Inspection {
        path: path.into(),
        form: Form::Images,
        image_folder: Some(path.into()),
        images: files.len(),
        images_without_objects: files.len(),
        objects: 0,
        crowds: 0,
        difficult: 0,
        masks: BTreeMap::new(),
        object_sizes: BTreeMap::new(),
        image_sizes: by_size(sizes.into_values()),
        classes: Named::new([], |_, _| String::new()),
        splits: Named::new([], |_, _| String::new()),
        problems: problems.0,
    }])
}

fn by_size(sizes: impl Iterator<Item = (u32, u32)>) -> Vec<ImageSize> {
    let mut counts: BTreeMap<(u32, u32), usize> = BTreeMap::new();
    for size in sizes {
        *counts.entry(size).or_default() += 1;
    }
    let mut list: Vec<_> =
        counts.into_iter().map(|((width, height), images)| ImageSize { width, height, images }).collect();
    list.sort_by_key(|size| std::cmp::Reverse(size.images));
    list
}

fn size_name(area: f64) -> &'static str {
    match area {
        area if area < SMALL => "small",
        area if area < MEDIUM => "medium",
        _ => "large",
    }
}
