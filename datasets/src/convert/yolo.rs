//! YOLO text, read and written.

use super::data_set::folder_name;
use super::images::{make_parent, place};
use super::number::{part, pixels, to_parts, to_pixels};
use super::{Class, DataSet, Image, ImageFiles, Losses, Mask, Object};
use crate::yolo::{YoloData, YoloImage};
use crate::{Error, Result};
use std::collections::{BTreeMap, HashSet};
use std::fmt::Write as _;
use std::path::Path;

/// Reads a data set; what is wrong with its labels is reported with the first file and line of each kind.
pub fn read(path: &Path) -> Result<DataSet> {
    let YoloData { config, images, notes } = YoloData::read(path)?;
    let mut data = DataSet { notes, ..DataSet::default() };
    let mut faults: BTreeMap<&str, (usize, String)> = BTreeMap::new();
    for image in images {
        if let Some(reason) = &image.unreadable {
            return Err(Error::content(&image.label_file, reason));
        }
        for fault in &image.faults {
            let first = || format!("{} line {}: {}", image.label_file.display(), fault.line, fault.detail);
            faults.entry(fault.kind).or_insert_with(|| (0, first())).0 += 1;
        }
        let YoloImage { file, name, split, size, labels, .. } = image;
        let size = size.map_err(|reason| Error::content(&file, reason))?;
        let (width, height) = (f64::from(size.0), f64::from(size.1));
        let object = |label: crate::yolo::Label| {
            let mask = label.outline.map_or(Mask::None, |outline| {
                let points = outline.as_chunks::<2>().0.iter();
                Mask::Polygons(vec![points.flat_map(|[x, y]| [pixels(x * width), pixels(y * height)]).collect()])
            });
            Object { mask, ..Object::new(label.class, to_pixels(label.bbox, size)) }
        };
        let objects = labels.into_iter().map(object).collect();
        data.images.push(Image { name, file: Some(file), size, split: Some(split), objects });
    }
    data.notes.extend(faults.into_iter().map(|(kind, (n, first))| format!("{n} {kind} ({first})")));
    data.classes = config.names.into_iter().map(|name| Class { name, supercategory: None }).collect();
    Ok(data)
}

/// Writes `data.yaml`, `images/SPLIT` and `labels/SPLIT`.
pub fn write(data: &DataSet, folder: &Path, how: ImageFiles, losses: &mut Losses) -> Result<usize> {
    let groups = data.classes.iter().filter(|class| class.supercategory.is_some()).count();
    losses.add(groups, "supercategories are not kept");
    let outlines = outlines(data, losses);
    let (mut taken, mut files, mut splits, mut objects, mut renamed) = (HashSet::new(), Vec::new(), Vec::new(), 0, 0);
    for image in &data.images {
        // Ultralytics knows three splits by name; `val2017` is its val.
        let split = image.split.as_deref().map_or_else(|| "train".into(), split_name);
        if !splits.contains(&split) {
            splits.push(split.clone());
        }
        let (stem, extension) = match image.name.rsplit_once('.') {
            Some((stem, extension)) if !extension.contains('/') => (stem, extension),
            _ => (image.name.as_str(), "jpg"),
        };
        let mut candidates = std::iter::once(stem.to_owned()).chain((2_usize..).map(|n| format!("{stem}_{n}")));
        let own = candidates.find(|name| !taken.contains(&(split.clone(), name.clone()))).unwrap_or_default();
        taken.insert((split.clone(), own.clone()));
        renamed += usize::from(own != stem);
        let path = folder.join("labels").join(&split).join(format!("{own}.txt"));
        make_parent(&path)?;
        let text = labels(image, outlines, losses, &mut objects);
        std::fs::write(&path, text).map_err(Error::io(&path))?;
        files.push((image, folder.join("images").join(&split).join(format!("{own}.{extension}"))));
    }
    losses.add(renamed, "images are renamed: images of one name and two extensions would share their labels");
    let path = folder.join("data.yaml");
    std::fs::write(&path, config(data, &splits)).map_err(Error::io(&path))?;
    losses.add(
        usize::from(!splits.iter().any(|split| split == "val")),
        "split is missing: there is no val, and data.yaml names the images of another split for it",
    );
    place(&files, how, losses)?;
    Ok(objects)
}

/// Whether the labels are outlines: when every object has one of one part. Lines of boxes and outlines do not mix.
fn outlines(data: &DataSet, losses: &mut Losses) -> bool {
    let (mut all, mut masks, mut single) = (0, 0, 0);
    for object in data.images.iter().flat_map(|image| &image.objects).filter(|object| !object.crowd) {
        all += 1;
        masks += usize::from(!object.mask.is_none());
        single += usize::from(matches!(&object.mask, Mask::Polygons(parts) if parts.len() == 1 && parts[0].len() >= 6));
    }
    let outlines = all > 0 && single == all;
    let lost = if outlines { 0 } else { masks };
    losses.add(lost, "masks are not kept: labels are outlines only where every object has one, of one part");
    outlines
}

fn split_name(split: &str) -> String {
    let known = ["train", "val", "test"]
        .into_iter()
        .find(|known| split.strip_prefix(known).is_some_and(|rest| rest.chars().all(|c| c.is_ascii_digit())));
    known.map_or_else(|| folder_name(split), String::from)
}

fn labels(image: &Image, outlines: bool, losses: &mut Losses, objects: &mut usize) -> String {
    let (width, height) = (f64::from(image.size.0), f64::from(image.size.1));
    let mut text = String::new();
    for object in &image.objects {
        if object.crowd {
            losses.add(1, "crowd regions are left out: {form} has no such thing");
            continue;
        }
        if !(object.bbox[2] > 0.0 && object.bbox[3] > 0.0) {
            losses.add(1, "boxes without an area are left out");
            continue;
        }
        let flag = |flag: Option<bool>| usize::from(flag == Some(true));
        losses.add(flag(object.difficult), "difficult objects are objects like others: {form} has no such flag");
        losses.add(flag(object.truncated), "marks of truncated objects are not kept");
        losses.add(flag(object.occluded), "marks of occluded objects are not kept");
        let pose = object.pose.as_deref().is_some_and(|pose| pose != "Unspecified");
        losses.add(usize::from(pose), "poses of objects are not kept");
        *objects += 1;
        // Writing to a String cannot fail.
        let _ = write!(text, "{}", object.class);
        match &object.mask {
            Mask::Polygons(parts) if outlines => {
                for [x, y] in parts[0].as_chunks::<2>().0 {
                    let _ = write!(text, " {} {}", part(x / width), part(y / height));
                }
            }
            _ => {
                for value in to_parts(object.bbox, image.size) {
                    let _ = write!(text, " {value}");
                }
            }
        }
        text.push('\n');
    }
    text
}

/// The text of `data.yaml`. Texts are written as JSON writes them, which is YAML too.
fn config(data: &DataSet, splits: &[String]) -> String {
    let mut text = String::from("path: .\n");
    for split in splits {
        let quoted = |text: String| serde_json::Value::from(text).to_string();
        let _ = writeln!(text, "{}: {}", quoted(split.clone()), quoted(format!("images/{split}")));
    }
    for needed in ["train", "val"] {
        if let Some(other) = splits.first().filter(|_| splits.iter().all(|split| split != needed)) {
            let _ = writeln!(text, "# There is no {needed}; the key must be there.");
            let _ = writeln!(text, "{needed}: {}", serde_json::Value::from(format!("images/{other}")));
        }
    }
    text.push_str("names:\n");
    for (number, class) in data.classes.iter().enumerate() {
        let _ = writeln!(text, "  {number}: {}", serde_json::Value::from(class.name.as_str()));
    }
    text
}
