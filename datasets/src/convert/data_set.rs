//! What the forms of data sets have between them.

use std::path::PathBuf;

/// A data set, whatever its form.
#[derive(Debug, Default)]
pub struct DataSet {
    /// The classes, in order.
    pub classes: Vec<Class>,
    /// The images.
    pub images: Vec<Image>,
    /// What was odd when it was read, a sentence each.
    pub notes: Vec<String>,
    /// Things of its form that no other form has: what they are called, and how many there are.
    pub own: Vec<(&'static str, usize)>,
}

/// A class.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Class {
    /// Its name.
    pub name: String,
    /// COCO's group of categories.
    pub supercategory: Option<String>,
}

/// An image.
#[derive(Debug, Clone)]
pub struct Image {
    /// Its name below its folder of images, as `a.jpg` or `b/a.jpg`; never one that leads out of it.
    pub name: String,
    /// Where the file is, if that is known.
    pub file: Option<PathBuf>,
    /// Width and height in pixels.
    pub size: (u32, u32),
    /// The split.
    pub split: Option<String>,
    /// Its objects.
    pub objects: Vec<Object>,
}

/// An object.
#[derive(Debug, Clone)]
pub struct Object {
    /// Index into the classes.
    pub class: usize,
    /// `[x, y, width, height]` in pixels from the upper left corner.
    pub bbox: [f64; 4],
    /// Its mask.
    pub mask: Mask,
    /// COCO's area in pixels, where it is said.
    pub area: Option<f64>,
    /// A region with many objects that are not told apart.
    pub crowd: bool,
    /// VOC's flags: finding it does not count; it goes on beyond the box; something is before it.
    pub difficult: Option<bool>,
    /// See `difficult`.
    pub truncated: Option<bool>,
    /// See `difficult`.
    pub occluded: Option<bool>,
    /// VOC's view: `Left`, `Frontal`, ….
    pub pose: Option<String>,
}

/// The mask of an object.
#[derive(Debug, Clone)]
pub enum Mask {
    /// None.
    None,
    /// Outlines `x, y, x, y, …` in pixels.
    Polygons(Vec<Vec<f64>>),
    /// COCO's run lengths.
    RunLengths(hotcoco::Segmentation),
}

impl Mask {
    /// Whether there is none.
    pub fn is_none(&self) -> bool {
        matches!(self, Self::None)
    }
}

impl Object {
    /// An object with a box and nothing else.
    pub fn new(class: usize, bbox: [f64; 4]) -> Self {
        Self {
            class,
            bbox,
            mask: Mask::None,
            area: None,
            crowd: false,
            difficult: None,
            truncated: None,
            occluded: None,
            pose: None,
        }
    }
}

impl DataSet {
    /// The splits in the order in which they come; `None` for images of no split.
    pub fn splits(&self) -> Vec<Option<&str>> {
        let mut splits = Vec::new();
        for image in &self.images {
            if !splits.contains(&image.split.as_deref()) {
                splits.push(image.split.as_deref());
            }
        }
        splits
    }

    /// The images of a split.
    pub fn of<'a>(&'a self, split: Option<&'a str>) -> impl Iterator<Item = &'a Image> {
        self.images.iter().filter(move |image| image.split.as_deref() == split)
    }
}

/// A name for a folder that a split is called: what is no letter, digit, `-`, `_` or `.` becomes `_`.
pub fn folder_name(split: &str) -> String {
    let plain = |c: char| if c.is_alphanumeric() || matches!(c, '-' | '_' | '.') { c } else { '_' };
    let name: String = split.chars().map(plain).collect();
    if name.trim_matches('.').is_empty() { "_".into() } else { name }
}
