//! VOC's form.

use super::{ClassCount, Files, Form, Inspection, Problems, by_size, size_name};
use crate::Result;
use crate::named::Named;
use crate::voc::{Unreadable, VocData};
use std::collections::{BTreeMap, HashSet};
use std::path::Path;

pub fn inspect(root: &Path, deep: bool) -> Result<Inspection> {
    let (data, unreadable) = VocData::read_all(root)?;
    let mut problems = Problems::default();
    for Unreadable { id, reason } in &unreadable {
        problems.add("annotations cannot be read", || format!("{id}.xml {reason}"));
    }
    let images = root.join("JPEGImages");
    let folder = Some(if images.is_dir() { images } else { root.to_path_buf() });
    let folder = folder.filter(|folder| !Files::below(folder).is_empty());
    let there = data.images.iter().map(|image| image.id.as_str());
    let known: HashSet<&str> = there.chain(unreadable.iter().map(|one| one.id.as_str())).collect();
    let mut sizes = BTreeMap::new();
    if let Some(folder) = &folder {
        let listed = data.images.iter().map(|image| (image.id.clone(), data.image_path(&image.id)));
        sizes = Files::listed(listed).check(deep, &mut problems);
        for name in Files::below(folder).names() {
            let id = super::super::stem(Path::new(name));
            if !known.contains(id.as_str()) {
                problems.add("images have no annotation", || name.clone());
            }
        }
    }
    let mut object_sizes = BTreeMap::new();
    let mut classes: BTreeMap<String, ClassCount> = BTreeMap::new();
    let (mut objects, mut difficult, mut empty) = (0, 0, 0);
    for bad in &data.bad_boxes {
        let [x1, y1, x2, y2] = bad.bbox;
        let what = format!("{} of {} [{x1}, {y1}, {x2}, {y2}] {}", bad.class, bad.image, bad.reason);
        problems.add("boxes have no area", || what);
        classes.entry(bad.class.clone()).or_default().objects += 1;
        objects += 1;
    }
    let with_bad: HashSet<&str> = data.bad_boxes.iter().map(|bad| bad.image.as_str()).collect();
    for image in &data.images {
        let file = sizes.get(&image.id).copied();
        if let (Some(said), Some(is)) = (image.size, file)
            && said != is
            && (said.1, said.0) != is
        {
            problems.add("images have another size than the annotation says", || {
                format!("{}: {}x{}, said to be {}x{}", image.id, is.0, is.1, said.0, said.1)
            });
        }
        if image.size.is_none() {
            problems.add("annotations say no image size", || image.id.clone());
        }
        empty += usize::from(image.objects.is_empty() && !with_bad.contains(image.id.as_str()));
        let mut seen = HashSet::new();
        let mut here = HashSet::new();
        for object in &image.objects {
            let [x1, y1, x2, y2] = object.bbox;
            let name = &data.classes[object.class];
            let shown = || format!("{name} of {} [{x1}, {y1}, {x2}, {y2}]", image.id);
            if let Some((w, h)) = file.or(image.size)
                && (x1 < 0.0 || y1 < 0.0 || x2 > f64::from(w) || y2 > f64::from(h))
            {
                problems.add("boxes reach beyond their image", shown);
            }
            if !seen.insert((object.class, object.bbox.map(f64::to_bits))) {
                problems.add("objects repeat another (class and box)", shown);
            }
            *object_sizes.entry(size_name((x2 - x1 + 1.0) * (y2 - y1 + 1.0))).or_default() += 1;
            let class = classes.entry(name.clone()).or_default();
            class.objects += 1;
            class.images += usize::from(here.insert(object.class));
            objects += 1;
            difficult += usize::from(object.difficult);
        }
    }
    let splits = splits(&data, &known, &mut problems);
    let said = data.images.iter().filter_map(|image| sizes.get(&image.id).copied().or(image.size));
    Ok(Inspection {
        path: root.into(),
        form: Form::Voc,
        image_folder: folder,
        images: data.images.len(),
        images_without_objects: empty,
        objects,
        crowds: 0,
        difficult,
        masks: BTreeMap::new(),
        object_sizes,
        image_sizes: by_size(said),
        classes: Named::new(classes, |name, _| name.to_owned()),
        splits: Named::new(splits, |name, _| name.to_owned()),
        problems: problems.0,
    })
}

/// The lists of images with their lengths; what they list twice, or without an annotation, is a problem.
fn splits(data: &VocData, known: &HashSet<&str>, problems: &mut Problems) -> Vec<(String, usize)> {
    let lists = data.splits();
    for (name, ids) in &lists {
        let mut seen = HashSet::new();
        for id in ids {
            if !seen.insert(id) {
                problems.add("images are listed twice in a split", || format!("{id} in {name}"));
            }
            if !known.contains(id.as_str()) {
                problems.add("images of a split have no annotation", || format!("{id} in {name}"));
            }
        }
    }
    let list = |name: &str| lists.iter().find(|(known, _)| known == name).map(|(_, ids)| ids);
    for (a, b) in [("train", "val"), ("train", "test"), ("val", "test"), ("trainval", "test")] {
        if let (Some(first), Some(second)) = (list(a), list(b)) {
            let first: HashSet<&String> = first.iter().collect();
            for id in second.iter().filter(|id| first.contains(id)) {
                problems.add("images are in two splits", || format!("{id} in {a} and {b}"));
            }
        }
    }
    lists.into_iter().map(|(name, ids)| (name, ids.len())).collect()
}
