//! PASCAL VOC's folders: `Annotations/*.xml`, `ImageSets/Main/*.txt`, `JPEGImages`; and plain text files per image.

mod text;
mod xml;

use super::category::{Category, CategoryId};
use crate::{Error, Result};
use rayon::prelude::*;
use std::collections::{BTreeSet, HashSet};
use std::path::{Path, PathBuf};
use vovdet_files::{ReadError, ReadFault};

/// The classes of PASCAL VOC in its own order, that of the alphabet.
pub const CLASSES: [&str; 20] = [
    "aeroplane",
    "bicycle",
    "bird",
    "boat",
    "bottle",
    "bus",
    "car",
    "cat",
    "chair",
    "cow",
    "diningtable",
    "dog",
    "horse",
    "motorbike",
    "person",
    "pottedplant",
    "sheep",
    "sofa",
    "train",
    "tvmonitor",
];

/// The splits that are taken when none is named, in this order.
const SPLITS: [&str; 3] = ["test", "val", "trainval"];

/// An object of a VOC data set.
#[derive(Debug, Clone, PartialEq)]
pub struct Object {
    /// Index into [`VocData::classes`].
    pub class: usize,
    /// `[xmin, ymin, xmax, ymax]`: pixels counted from 1, the last ones included, as the file says.
    pub bbox: [f64; 4],
    /// Finding it counts neither for nor against a detector.
    pub difficult: bool,
}

/// An image of a VOC data set.
#[derive(Debug, Clone, PartialEq)]
pub struct VocImage {
    /// Name without folder and extension: VOC's image id.
    pub id: String,
    /// Width and height, where the annotation says them.
    pub size: Option<(u32, u32)>,
    /// Its objects, those without an area left out.
    pub objects: Vec<Object>,
}

/// A box that is no box.
#[derive(Debug, Clone, PartialEq)]
pub struct BadBox {
    /// The image's id.
    pub image: String,
    /// The object's class.
    pub class: String,
    /// What the file says.
    pub bbox: [f64; 4],
    /// A clause that says what is wrong.
    pub reason: &'static str,
}

/// An annotation that cannot be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unreadable {
    /// The image's id.
    pub id: String,
    /// Why.
    pub reason: String,
}

/// Images and objects of one split.
#[derive(Debug, Clone, PartialEq)]
pub struct VocData {
    /// The folder.
    pub root: PathBuf,
    /// The split's name; none for all annotations there are.
    pub split: Option<String>,
    /// Class names: VOC's own twenty in VOC's order where they suffice, else those found, by name.
    pub classes: Vec<String>,
    /// The images in the order of the split's list.
    pub images: Vec<VocImage>,
    /// Boxes that were left out because they have no area.
    pub bad_boxes: Vec<BadBox>,
    /// Ids that the split lists again; each image is taken once.
    pub repeated: Vec<String>,
}

/// An annotation as read from a file, its classes by name.
#[derive(Debug, Default)]
pub(crate) struct Annotation {
    pub file_name: Option<String>,
    pub size: Option<(u32, u32)>,
    pub objects: Vec<NamedObject>,
}

/// Annotations by the ids of their images.
type AnnotationFiles = Vec<(String, Annotation)>;

#[derive(Debug, Default)]
pub(crate) struct NamedObject {
    pub class: String,
    pub bbox: [f64; 4],
    pub difficult: bool,
    pub truncated: Option<bool>,
    pub occluded: Option<bool>,
    pub pose: Option<String>,
    /// How many parts (head, hand, foot) are annotated.
    pub parts: usize,
}

impl VocData {
    /// Reads a split: the images that `ImageSets/Main/SPLIT.txt` lists. Without a name it is `test`, `val` or `trainval`,
    /// the first that is there; a folder without lists is read whole. A folder of text files (`class x y width height`
    /// per line, a file per image) is read as well.
    ///
    /// # Errors
    /// When the folder is no such data set, the split is not there, or an annotation cannot be read.
    pub fn read(root: &Path, split: Option<&str>) -> Result<Self> {
        let _span = tracing::debug_span!("annotations", path = %root.display()).entered();
        if !root.is_dir() {
            return Err(Error::content(root, "is not a folder"));
        }
        if annotation_folder(root).is_none() {
            if text::is_text_data(root) {
                return text::read(root);
            }
            let inner = std::fs::read_dir(root).map_err(Error::io(root))?.flatten();
            let inner: Vec<_> = inner.map(|e| e.path()).filter(|path| path.join("Annotations").is_dir()).collect();
            return Err(Error::content(
                root,
                match &inner[..] {
                    [] => "is no VOC folder: it has no folder Annotations".into(),
                    [one, ..] => format!("has no folder Annotations; did you mean {}?", one.display()),
                },
            ));
        }
        let (split, ids) = image_ids(root, split)?;
        Self::of_ids(root, split, ids)
    }

    /// Reads all annotations, whatever the lists of images say, and says of those that cannot be read why.
    ///
    /// # Errors
    /// When the folder cannot be read.
    pub fn read_all(root: &Path) -> Result<(Self, Vec<Unreadable>)> {
        let (items, unreadable) = Self::read_files(root)?;
        Ok((Self::assemble(root, None, items.into_iter()), unreadable))
    }

    /// All annotation files by the ids of their images, as they are written, and why others cannot be read.
    pub(crate) fn read_files(root: &Path) -> Result<(AnnotationFiles, Vec<Unreadable>)> {
        let ids = annotation_ids(root)?;
        let annotations: Vec<_> = ids.par_iter().map(|id| annotation(root, id)).collect();
        let mut unreadable = Vec::new();
        let mut items = Vec::with_capacity(ids.len());
        for (id, annotation) in ids.into_iter().zip(annotations) {
            match annotation {
                Ok(annotation) => items.push((id, annotation)),
                Err(error) => unreadable.push(Unreadable { reason: reason(error), id }),
            }
        }
        Ok((items, unreadable))
    }

    /// A folder whose annotations are not read.
    pub(crate) fn of_folder(root: &Path) -> Self {
        Self::assemble(root, None, std::iter::empty())
    }

    fn of_ids(root: &Path, split: Option<String>, mut ids: Vec<String>) -> Result<Self> {
        let mut seen = HashSet::new();
        let repeated: Vec<String> = ids.iter().filter(|id| !seen.insert(id.as_str())).cloned().collect();
        let mut once = HashSet::new();
        ids.retain(|id| once.insert(id.clone()));
        let annotations = ids.par_iter().map(|id| annotation(root, id)).collect::<Result<Vec<_>>>()?;
        Ok(Self { repeated, ..Self::assemble(root, split, ids.into_iter().zip(annotations)) })
    }

    /// Whether the classes are VOC's own twenty.
    pub fn has_voc_classes(&self) -> bool {
        self.classes.iter().map(String::as_str).eq(CLASSES)
    }

    /// The classes, their places in the list from 1 as ids.
    pub fn categories(&self) -> Vec<Category> {
        let category = |(name, id): (&String, u64)| Category { id: CategoryId(id), name: name.clone() };
        self.classes.iter().zip(1..).map(category).collect()
    }

    /// The lists of images in `ImageSets/Main`, those per class (`aeroplane_test`) left out.
    pub fn splits(&self) -> Vec<(String, Vec<String>)> {
        splits(&self.root)
    }

    fn assemble(root: &Path, split: Option<String>, items: impl Iterator<Item = (String, Annotation)>) -> Self {
        let items: Vec<_> = items.collect();
        let names = items.iter().flat_map(|(_, annotation)| &annotation.objects).map(|object| object.class.as_str());
        let classes = class_list(names.collect());
        let mut bad_boxes = Vec::new();
        let mut images = Vec::with_capacity(items.len());
        for (id, annotation) in items {
            let mut objects = Vec::with_capacity(annotation.objects.len());
            for NamedObject { class, bbox, difficult, .. } in annotation.objects {
                match (fault(bbox), classes.iter().position(|known| *known == class)) {
                    (None, Some(class)) => objects.push(Object { class, bbox, difficult }),
                    (Some(reason), _) => bad_boxes.push(BadBox { image: id.clone(), class, bbox, reason }),
                    // Every class of an object is in the list, which was made from them.
                    (None, None) => {}
                }
            }
            images.push(VocImage { id, size: annotation.size, objects });
        }
        Self { root: root.to_path_buf(), split, classes, images, bad_boxes, repeated: Vec::new() }
    }

    /// The file of an image in `JPEGImages`, `.jpg` or another extension.
    pub fn image_path(&self, id: &str) -> PathBuf {
        let folder = self.root.join("JPEGImages");
        self.image_path_in(if folder.is_dir() { &folder } else { &self.root }, id)
    }

    /// The file of an image in another folder.
    pub fn image_path_in(&self, folder: &Path, id: &str) -> PathBuf {
        let mut paths =
            ["jpg", "jpeg", "png", "JPG", "bmp"].iter().map(|extension| folder.join(format!("{id}.{extension}")));
        paths.find(|path| path.is_file()).unwrap_or_else(|| folder.join(format!("{id}.jpg")))
    }

    /// A sentence about boxes that were left out, and one about images that are listed again.
    pub fn notes(&self) -> Vec<String> {
        let shown = self.root.display();
        let again = || {
            let (first, n) = (&self.repeated[0], self.repeated.len());
            let split = self.split.as_deref().unwrap_or_default();
            format!("{shown}: {split}.txt lists {n} images again ({first}, …); each is taken once")
        };
        let again = (!self.repeated.is_empty()).then(again);
        self.bad_boxes_note().into_iter().chain(again).collect()
    }

    fn bad_boxes_note(&self) -> Option<String> {
        let shown = |bad: &BadBox| format!("{} of {}", bad.class, bad.image);
        let few: Vec<_> = self.bad_boxes.iter().take(3).map(shown).collect();
        let more = if self.bad_boxes.len() > few.len() { ", …" } else { "" };
        let note = || {
            format!(
                "{}: {} boxes without an area are left out ({}{more})",
                self.root.display(),
                self.bad_boxes.len(),
                few.join(", ")
            )
        };
        (!self.bad_boxes.is_empty()).then(note)
    }
}

fn annotation(root: &Path, id: &str) -> Result<Annotation> {
    let folder = annotation_folder(root).unwrap_or_else(|| root.into());
    let leads_out = || Error::content(root, format!("the image `{id:.200}` has a name that leads out of its folder"));
    let path = crate::inside(&folder, &format!("{id}.xml")).ok_or_else(leads_out)?;
    xml::read(&path).map_err(|error| match error {
        Error::Read(ReadError { fault: ReadFault::Missing, .. }) => {
            let what = "there is no such annotation; a list of images has names without extension and blanks";
            Error::content(&path, what)
        }
        error => error,
    })
}

/// What is wrong with a file, without its name.
fn reason(error: Error) -> String {
    match error {
        Error::Read(ReadError { fault, .. }) => fault.to_string(),
        Error::Io { error, .. } => error.to_string(),
        Error::Content { what, .. } => what,
        other => other.to_string(),
    }
}

/// What is wrong with a box, if it has no area.
pub(crate) fn fault([x1, y1, x2, y2]: [f64; 4]) -> Option<&'static str> {
    match () {
        () if ![x1, y1, x2, y2].iter().all(|v| v.is_finite()) => Some("is not made of numbers"),
        () if x2 < x1 || y2 < y1 => Some("ends before it begins"),
        () if x2 == x1 && y2 == y1 => Some("has neither width nor height"),
        () if x2 == x1 => Some("has no width"),
        () if y2 == y1 => Some("has no height"),
        () => None,
    }
}

/// VOC's own list where it has all of these names, else these names in order.
pub(crate) fn class_list(names: BTreeSet<&str>) -> Vec<String> {
    if names.iter().all(|name| CLASSES.contains(name)) {
        CLASSES.iter().map(|name| (*name).into()).collect()
    } else {
        names.into_iter().map(String::from).collect()
    }
}

/// The images of a split, or of all annotations where there are no lists.
fn image_ids(root: &Path, split: Option<&str>) -> Result<(Option<String>, Vec<String>)> {
    let lists = root.join("ImageSets/Main");
    let file = |name: &str| lists.join(format!("{name}.txt"));
    let name = match split {
        Some(name) => Some(name),
        None => SPLITS.into_iter().find(|name| file(name).is_file()),
    };
    let Some(name) = name else {
        return Ok((None, annotation_ids(root)?));
    };
    let path = file(name);
    let text = match super::text::read(&path) {
        Ok(text) => text,
        Err(Error::Read(ReadError { fault: ReadFault::Missing, .. })) => {
            let mut there = names_in(&lists);
            // Lists per class (aeroplane_test.txt) are no splits.
            there.retain(|name| !name.contains('_'));
            return Err(Error::UnknownSplit { root: root.into(), split: name.into(), there });
        }
        Err(e) => return Err(e),
    };
    let ids = list(&text);
    if ids.is_empty() {
        return Err(Error::content(&path, "lists no images"));
    }
    Ok((Some(name.into()), ids))
}

/// The lists of images in `ImageSets/Main`, those per class (`aeroplane_test`) left out.
pub(crate) fn splits(root: &Path) -> Vec<(String, Vec<String>)> {
    let lists = root.join("ImageSets/Main");
    let names = names_in(&lists).into_iter().filter(|name| !name.contains('_'));
    let read = |name: String| Some((name.clone(), list(&super::text::read(&lists.join(name + ".txt")).ok()?)));
    names.filter_map(read).collect()
}

/// The folder of a data set's XML files: `Annotations`, or the folder itself when they lie beside their images.
pub fn annotation_folder(root: &Path) -> Option<PathBuf> {
    let folder = root.join("Annotations");
    if folder.is_dir() {
        return Some(folder);
    }
    let mut entries = std::fs::read_dir(root).ok()?.flatten();
    entries.any(|entry| entry.path().extension().is_some_and(|e| e == "xml")).then(|| root.into())
}

/// The image ids in a list; a second word is a class list's verdict on the image.
fn list(text: &str) -> Vec<String> {
    text.lines().filter_map(|line| line.split_whitespace().next()).map(String::from).collect()
}

fn annotation_ids(root: &Path) -> Result<Vec<String>> {
    let folder = annotation_folder(root).unwrap_or_else(|| root.into());
    let entries = std::fs::read_dir(&folder).map_err(Error::io(&folder))?.flatten();
    let xml = entries.map(|entry| entry.path()).filter(|path| path.extension().is_some_and(|e| e == "xml"));
    let mut ids: Vec<_> = xml.map(|path| super::stem(&path)).collect();
    ids.sort_unstable();
    Ok(ids)
}

fn names_in(folder: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let mut names: Vec<_> = entries.map(|entry| super::stem(&entry.path())).collect();
    names.sort_unstable();
    names
}
