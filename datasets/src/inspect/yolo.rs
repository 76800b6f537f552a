//! YOLO text.

use super::{ClassCount, Files, Form, Inspection, Problems, by_size, size_name};
use crate::Result;
use crate::named::Named;
use crate::yolo::{YoloData, YoloImage};
use std::collections::{BTreeMap, HashSet};
use std::path::Path;

pub fn inspect(path: &Path, deep: bool) -> Result<Inspection> {
    let YoloData { config, images, notes } = YoloData::read(path)?;
    let mut problems = Problems::default();
    for note in &notes {
        problems.add("oddities in the file", || note.clone());
    }
    let name = |image: &YoloImage| format!("{}/{}", image.split, image.name);
    let listed = Files::listed(images.iter().map(|image| (name(image), image.file.clone())));
    listed.check(deep, &mut problems);
    let mut splits: Vec<(String, usize)> = config.splits.iter().map(|(split, _)| (split.clone(), 0)).collect();
    let mut classes = vec![ClassCount::default(); config.names.len()];
    let (mut masks, mut object_sizes) = (BTreeMap::new(), BTreeMap::new());
    let (mut objects, mut empty) = (0, 0);
    for image in &images {
        if let Some((_, count)) = splits.iter_mut().find(|(split, _)| *split == image.split) {
            *count += 1;
        }
        if !image.has_label_file {
            problems.add("images have no label file", || name(image));
        }
        if let Some(reason) = &image.unreadable {
            problems.add("label files cannot be read", || reason.clone());
        }
        for fault in &image.faults {
            let shown = || format!("{} line {}: {}", image.label_file.display(), fault.line, fault.detail);
            problems.add(fault.kind, shown);
        }
        empty += usize::from(image.labels.is_empty());
        let mut here = HashSet::new();
        for label in &image.labels {
            objects += 1;
            // Classes beyond the list are faults, not labels.
            let class = &mut classes[label.class];
            class.objects += 1;
            class.images += usize::from(here.insert(label.class));
            *masks.entry(if label.outline.is_some() { "polygons" } else { "none" }).or_default() += 1;
            if let Ok((width, height)) = image.size {
                let area = label.bbox[2] * f64::from(width) * label.bbox[3] * f64::from(height);
                *object_sizes.entry(size_name(area)).or_default() += 1;
            }
        }
    }
    let sizes = images.iter().filter_map(|image| image.size.as_ref().ok().copied());
    Ok(Inspection {
        path: path.into(),
        form: Form::Yolo,
        image_folder: Some(config.root.clone()),
        images: images.len(),
        images_without_objects: empty,
        objects,
        crowds: 0,
        difficult: 0,
        masks,
        object_sizes,
        image_sizes: by_size(sizes),
        classes: Named::new(config.names.into_iter().zip(classes), |name, _| name.to_owned()),
        splits: Named::new(splits, |name, _| name.to_owned()),
        problems: problems.0,
    })
}
