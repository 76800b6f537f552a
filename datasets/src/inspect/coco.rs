//! COCO's form.

use super::{ClassCount, Files, Form, Inspection, Problems, by_size, size_name};
use crate::Result;
use crate::coco::{CocoData, as_written};
use crate::named::Named;
use hotcoco::{Annotation, Dataset, Image, Segmentation};
use std::collections::{BTreeMap, HashMap, HashSet};
use std::path::{Path, PathBuf};

pub fn inspect(path: &Path, images: Option<&Path>, deep: bool) -> Result<Inspection> {
    let (dataset, notes) = as_written(path)?;
    let mut problems = Problems::default();
    for note in &notes {
        problems.add("oddities in the file", || note.clone());
    }
    let folder = match images {
        Some(folder) => Some(folder.to_path_buf()),
        None => image_folder(path, &dataset),
    };
    let mut image_sizes: Vec<(u32, u32)> = dataset.images.iter().map(|image| (image.width, image.height)).collect();
    if let Some(folder) = &folder {
        let mut listed = Vec::with_capacity(dataset.images.len());
        for image in &dataset.images {
            match crate::inside(folder, &image.file_name) {
                Some(file) => listed.push((image.file_name.clone(), file)),
                None => problems.add("file names lead out of the image folder", || image.file_name.clone()),
            }
        }
        let sizes = Files::listed(listed).check(deep, &mut problems);
        for image in &dataset.images {
            match sizes.get(&image.file_name) {
                // A camera's picture may lie on its side, with a note of how to turn it.
                Some(&(w, h)) if (w, h) != (image.width, image.height) && (h, w) != (image.width, image.height) => {
                    problems.add("images have another size than the file says", || {
                        format!("{}: {w}x{h}, said to be {}x{}", image.file_name, image.width, image.height)
                    });
                }
                _ => {}
            }
        }
        if image_sizes.contains(&(0, 0)) {
            image_sizes = sizes.into_values().collect();
        }
    }
    repeated(dataset.images.iter().map(|i| i.id.to_string()), "image ids occur more than once", &mut problems);
    repeated(dataset.images.iter().map(|i| i.file_name.clone()), "file names occur more than once", &mut problems);
    repeated(dataset.categories.iter().map(|c| c.name.clone()), "category names occur more than once", &mut problems);
    repeated(
        dataset.annotations.iter().map(|a| a.id.to_string()),
        "annotation ids occur more than once",
        &mut problems,
    );
    let images: HashMap<u64, &Image> = dataset.images.iter().map(|image| (image.id, image)).collect();
    let categories: HashSet<u64> = dataset.categories.iter().map(|category| category.id).collect();
    let mut seen = HashSet::new();
    let mut per_class: HashMap<u64, (usize, HashSet<u64>)> = HashMap::new();
    let (mut masks, mut object_sizes) = (BTreeMap::new(), BTreeMap::new());
    for object in &dataset.annotations {
        let name = || format!("annotation {}", object.id);
        match images.get(&object.image_id) {
            None => problems.add("annotations are of images that are not listed", name),
            Some(image) => box_problems(object, image, &mut problems),
        }
        if !categories.contains(&object.category_id) {
            problems.add("annotations are of categories that are not listed", name);
        }
        let bits = object.bbox.map(|bbox| bbox.map(f64::to_bits));
        if bits.is_some() && !seen.insert((object.image_id, object.category_id, bits)) {
            problems.add("annotations repeat another (image, category and box)", name);
        }
        *masks.entry(mask_form(object.segmentation.as_ref())).or_default() += 1;
        if let Some(area) = object.area.or(object.bbox.map(|[_, _, w, h]| w * h)) {
            *object_sizes.entry(size_name(area)).or_default() += 1;
        }
        let class = per_class.entry(object.category_id).or_default();
        class.0 += 1;
        class.1.insert(object.image_id);
    }
    let with_objects: HashSet<u64> = dataset.annotations.iter().map(|object| object.image_id).collect();
    let mut categories: Vec<_> = dataset.categories.iter().collect();
    categories.sort_by_key(|category| category.id);
    let class = |category: &&hotcoco::Category| {
        let (objects, images) = per_class.get(&category.id).map_or((0, 0), |(n, images)| (*n, images.len()));
        (category.name.clone(), ClassCount { id: Some(category.id), objects, images })
    };
    Ok(Inspection {
        path: path.into(),
        form: Form::Coco,
        image_folder: folder,
        images: dataset.images.len(),
        images_without_objects: dataset.images.iter().filter(|image| !with_objects.contains(&image.id)).count(),
        objects: dataset.annotations.len(),
        crowds: dataset.annotations.iter().filter(|object| object.iscrowd).count(),
        difficult: 0,
        masks,
        object_sizes,
        image_sizes: by_size(image_sizes.into_iter()),
        classes: Named::new(categories.iter().map(class), |name, class| format!("{name} ({})", class.id.unwrap_or(0))),
        splits: Named::new([], |_, _| String::new()),
        problems: problems.0,
    })
}

fn box_problems(object: &Annotation, image: &Image, problems: &mut Problems) {
    let name = || format!("annotation {} of {}", object.id, image.file_name);
    let Some([x, y, w, h]) = object.bbox else {
        problems.add("annotations have no box", name);
        return;
    };
    let shown = || format!("{} [{x}, {y}, {w}, {h}]", name());
    if !(w > 0.0 && h > 0.0) {
        problems.add("boxes have no area", shown);
    } else if image.width > 0 {
        // Boxes around polygons end up to a pixel beyond.
        let (right, bottom) = (f64::from(image.width) + 1.0, f64::from(image.height) + 1.0);
        if x < -1.0 || y < -1.0 || x + w > right || y + h > bottom {
            problems.add("boxes reach beyond their image", shown);
        }
    }
    if object.area.is_some_and(|area| area <= 0.0) && w > 0.0 && h > 0.0 {
        problems.add("annotations have a box and the area 0", name);
    }
}

fn mask_form(segmentation: Option<&Segmentation>) -> &'static str {
    match segmentation {
        None => "none",
        Some(segmentation) if segmentation.rle_ref().is_some() => "run lengths",
        Some(_) => "polygons",
    }
}

fn repeated(items: impl Iterator<Item = String>, what: &str, problems: &mut Problems) {
    let mut seen = HashSet::new();
    for item in items.filter(|item| !item.is_empty()) {
        if !seen.insert(item.clone()) {
            problems.add(what, || item);
        }
    }
}

impl CocoData {
    /// Where the image files seem to be: beside the annotations, in the folder that their name ends with (`val2017` for
    /// `annotations/instances_val2017.json`), or in `images`.
    pub fn image_folder(&self) -> Option<PathBuf> {
        image_folder(&self.path, &self.coco.dataset)
    }
}

/// See [`CocoData::image_folder`].
pub fn image_folder(path: &Path, dataset: &Dataset) -> Option<PathBuf> {
    let first = &dataset.images.first()?.file_name;
    let here = path.parent()?;
    let stem = super::super::stem(path);
    let split = stem.split_once('_').map_or("", |(_, rest)| rest);
    let above = here.parent().unwrap_or(here);
    let candidates = [
        above.join(split),
        above.join("images").join(split),
        above.join("images"),
        here.join(split),
        here.join("images"),
        here.to_path_buf(),
        above.to_path_buf(),
    ];
    candidates.into_iter().find(|folder| crate::inside(folder, first).is_some_and(|file| file.is_file()))
}
