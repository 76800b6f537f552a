//! COCO's JSON, read and written.

use super::data_set::folder_name;
use super::images::place;
use super::number::pixels;
use super::{Class, DataSet, Image, ImageFiles, Losses, Mask, Object};
use crate::{Error, Result};
use hotcoco::{Annotation, Segmentation};
use serde::Serialize;
use serde_json::Value;
use std::collections::{BTreeMap, HashMap};
use std::io;
use std::path::Path;

/// Keys of an annotation that are written here and read again.
const FLAGS: [&str; 4] = ["difficult", "truncated", "occluded", "pose"];

/// Reads an annotation file, or all of a folder: each is a split.
pub fn read(path: &Path, image_folder: Option<&Path>) -> Result<DataSet> {
    let files = if path.is_file() { vec![path.to_path_buf()] } else { crate::coco::annotation_files(path)? };
    let mut data = DataSet::default();
    let mut own = Own::default();
    // Classes of several files are one list, in the order of their ids in the first that has them.
    let mut classes: Vec<Class> = Vec::new();
    for file in &files {
        add_file(file, image_folder, &mut classes, &mut data, &mut own)?;
    }
    data.classes = classes;
    data.own = own.counts();
    Ok(data)
}

/// What no other form has.
#[derive(Default)]
struct Own {
    ids: usize,
    keypoints: usize,
    attributes: usize,
    urls: usize,
}

impl Own {
    fn counts(self) -> Vec<(&'static str, usize)> {
        vec![
            ("ids of images, categories and annotations are not kept: {form} has none", self.ids),
            ("annotations have keypoints, which are not kept", self.keypoints),
            ("annotations have keys beyond COCO's own, which are not kept", self.attributes),
            ("images have a licence, an address or a date, which are not kept", self.urls),
        ]
    }
}

fn add_file(
    path: &Path,
    image_folder: Option<&Path>,
    classes: &mut Vec<Class>,
    data: &mut DataSet,
    own: &mut Own,
) -> Result<()> {
    let (dataset, notes) = crate::coco::as_written(path)?;
    data.notes.extend(notes);
    let folder = image_folder.map(Path::to_path_buf).or_else(|| crate::inspect::image_folder(path, &dataset));
    let stem = crate::stem(path);
    let split = stem.split_once('_').map(|(_, split)| split.to_owned()).filter(|split| !split.is_empty());
    let mut categories: Vec<_> = dataset.categories.iter().collect();
    categories.sort_by_key(|category| category.id);
    let mut class_of = HashMap::new();
    for category in categories {
        let known = classes.iter().position(|class| class.name == category.name);
        let class = known.unwrap_or_else(|| {
            classes.push(Class { name: category.name.clone(), supercategory: category.supercategory.clone() });
            classes.len() - 1
        });
        class_of.insert(category.id, class);
    }
    own.ids += dataset.images.len() + dataset.categories.len() + dataset.annotations.len();
    let mut images = HashMap::with_capacity(dataset.images.len());
    let first = data.images.len();
    for image in &dataset.images {
        own.urls += usize::from(
            image.license.is_some()
                || image.coco_url.is_some()
                || image.flickr_url.is_some()
                || image.date_captured.is_some(),
        );
        let name = image.file_name.replace('\\', "/");
        if crate::inside(Path::new(""), &name).is_none() {
            let what = format!("the image {} has the name `{:.200}`, which leads out of its folder", image.id, name);
            return Err(Error::content(path, what));
        }
        let file = folder.as_ref().map(|folder| folder.join(&name));
        let mut size = (image.width, image.height);
        if size.0 == 0 || size.1 == 0 {
            let found = file.as_deref().and_then(|file| crate::image::Encoded::open(file).ok());
            size = found.map(|image| image.upright_size()).ok_or_else(|| {
                let what = format!("says no size of the image {name:.200}, and its file is not found");
                Error::content(path, what)
            })?;
        }
        images.insert(image.id, data.images.len());
        data.images.push(Image { name, file, size, split: split.clone(), objects: Vec::new() });
    }
    let (mut elsewhere, mut boxless) = (0, 0);
    for annotation in dataset.annotations {
        own.keypoints += usize::from(annotation.keypoints.is_some());
        own.attributes += usize::from(annotation.extra.iter().any(|(key, _)| !FLAGS.contains(&key.as_str())));
        let place = images.get(&annotation.image_id).zip(class_of.get(&annotation.category_id));
        let Some((image, class)) = place else {
            elsewhere += 1;
            continue;
        };
        match object(annotation, *class) {
            Some(object) => data.images[*image].objects.push(object),
            None => boxless += 1,
        }
    }
    let shown = path.display();
    if elsewhere > 0 {
        let what = "annotations are of images or categories that are not listed; they are left out";
        data.notes.push(format!("{shown}: {elsewhere} {what}"));
    }
    if boxless > 0 {
        data.notes.push(format!("{shown}: {boxless} annotations have neither box nor polygon; they are left out"));
    }
    if folder.is_none() && data.images.len() > first {
        data.notes.push(format!("{shown}: the image files are not found"));
    }
    Ok(())
}

fn object(annotation: Annotation, class: usize) -> Option<Object> {
    let flag = |key: &str| match annotation.extra.get(key)? {
        Value::Bool(flag) => Some(*flag),
        Value::Number(number) => number.as_f64().map(|number| number != 0.0),
        _ => None,
    };
    let (difficult, truncated, occluded) = (flag("difficult"), flag("truncated"), flag("occluded"));
    let pose = annotation.extra.get("pose").and_then(Value::as_str).map(String::from);
    let mask = match annotation.segmentation {
        None => Mask::None,
        Some(Segmentation::Polygon(parts)) if parts.is_empty() => Mask::None,
        Some(Segmentation::Polygon(parts)) => Mask::Polygons(parts),
        Some(runs) => Mask::RunLengths(runs),
    };
    let bbox = match (annotation.bbox, &mask) {
        (Some(bbox), _) => bbox,
        (None, Mask::Polygons(parts)) => around(parts)?,
        (None, _) => return None,
    };
    let (area, crowd) = (annotation.area, annotation.iscrowd);
    Some(Object { mask, area, crowd, difficult, truncated, occluded, pose, ..Object::new(class, bbox) })
}

/// The box around polygons.
fn around(parts: &[Vec<f64>]) -> Option<[f64; 4]> {
    let points = || parts.iter().flat_map(|part| part.as_chunks::<2>().0);
    points().next()?;
    let least = |axis: usize| points().map(|point| point[axis]).fold(f64::INFINITY, f64::min);
    let most = |axis: usize| points().map(|point| point[axis]).fold(f64::NEG_INFINITY, f64::max);
    Some([least(0), least(1), most(0) - least(0), most(1) - least(1)])
}

#[derive(Serialize)]
struct File<'a> {
    images: Vec<ImageRecord<'a>>,
    annotations: Vec<Record<'a>>,
    categories: Vec<CategoryRecord<'a>>,
}

#[derive(Serialize)]
struct ImageRecord<'a> {
    id: usize,
    file_name: &'a str,
    width: u32,
    height: u32,
}

#[derive(Serialize)]
struct CategoryRecord<'a> {
    id: usize,
    name: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    supercategory: Option<&'a str>,
}

#[derive(Serialize)]
struct Record<'a> {
    id: usize,
    image_id: usize,
    category_id: usize,
    bbox: [f64; 4],
    area: f64,
    iscrowd: u8,
    #[serde(skip_serializing_if = "Option::is_none")]
    segmentation: Option<Segments<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    difficult: Option<u8>,
    #[serde(skip_serializing_if = "Option::is_none")]
    truncated: Option<u8>,
    #[serde(skip_serializing_if = "Option::is_none")]
    occluded: Option<u8>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pose: Option<&'a str>,
}

#[derive(Serialize)]
#[serde(untagged)]
enum Segments<'a> {
    Polygons(&'a [Vec<f64>]),
    RunLengths(&'a Segmentation),
}

/// Writes a folder: `annotations/instances_SPLIT.json`, and the images of a split in a folder of its name.
pub fn write(data: &DataSet, folder: &Path, how: ImageFiles, losses: &mut Losses) -> Result<usize> {
    let mut objects = 0;
    let mut files = Vec::new();
    let mut names = BTreeMap::new();
    let mut ids = Ids::default();
    for split in data.splits() {
        let (file, images) = match split {
            None => ("instances.json".into(), "images".into()),
            Some(split) => (format!("instances_{}.json", folder_name(split)), folder_name(split)),
        };
        if let Some(other) = names.insert(file.clone(), split) {
            let what = format!("the splits {other:?} and {split:?} would both be {file}");
            return Err(Error::content(folder, what));
        }
        let list: Vec<_> = data.of(split).collect();
        objects += write_list(&list, data, &folder.join("annotations").join(file), &mut ids, losses)?;
        files.extend(list.into_iter().map(|image| (image, folder.join(&images).join(&image.name))));
    }
    place(&files, how, losses)?;
    Ok(objects)
}

/// Writes everything into one file; splits are not kept.
pub fn write_file(data: &DataSet, path: &Path, losses: &mut Losses) -> Result<usize> {
    let splits = data.splits().into_iter().flatten().count();
    losses.add(if splits > 1 { splits } else { 0 }, "splits are in one file; give a folder to keep them apart");
    write_list(&data.images.iter().collect::<Vec<_>>(), data, path, &mut Ids::default(), losses)
}

/// The ids that were given last: no two files of a data set share one.
#[derive(Default)]
struct Ids {
    image: usize,
    annotation: usize,
}

fn write_list(images: &[&Image], data: &DataSet, path: &Path, ids: &mut Ids, losses: &mut Losses) -> Result<usize> {
    let number = |flag: Option<bool>| flag.map(u8::from);
    let mut file = File {
        images: Vec::with_capacity(images.len()),
        annotations: Vec::new(),
        categories: (1..)
            .zip(&data.classes)
            .map(|(id, class)| CategoryRecord { id, name: &class.name, supercategory: class.supercategory.as_deref() })
            .collect(),
    };
    let mut difficult = 0;
    for image in images {
        ids.image += 1;
        let (width, height) = image.size;
        file.images.push(ImageRecord { id: ids.image, file_name: &image.name, width, height });
        for object in &image.objects {
            ids.annotation += 1;
            difficult += usize::from(object.difficult == Some(true));
            let [_, _, w, h] = object.bbox;
            file.annotations.push(Record {
                id: ids.annotation,
                image_id: ids.image,
                category_id: object.class + 1,
                bbox: object.bbox,
                area: object.area.unwrap_or_else(|| pixels(area(&object.mask).unwrap_or(w * h))),
                iscrowd: u8::from(object.crowd),
                segmentation: match &object.mask {
                    Mask::None => None,
                    Mask::Polygons(parts) => Some(Segments::Polygons(parts)),
                    Mask::RunLengths(runs) => Some(Segments::RunLengths(runs)),
                },
                difficult: number(object.difficult),
                truncated: number(object.truncated),
                occluded: number(object.occluded),
                pose: object.pose.as_deref(),
            });
        }
    }
    losses.add(
        difficult,
        "difficult objects count as others do in COCO's metrics; the key `difficult` keeps what they are",
    );
    super::images::make_parent(path)?;
    let written =
        vovdet_files::write_file_unsynced(path, |out| serde_json::to_writer(out, &file).map_err(io::Error::from));
    written.map_err(Error::io(path))?;
    Ok(file.annotations.len())
}

/// The area inside polygons, by the shoelace formula; overlaps count twice, as in COCO's own.
fn area(mask: &Mask) -> Option<f64> {
    let Mask::Polygons(parts) = mask else { return None };
    let one = |part: &Vec<f64>| {
        let points = part.as_chunks::<2>().0;
        let next = points.iter().cycle().skip(1);
        points.iter().zip(next).map(|([x, y], [x2, y2])| x * y2 - x2 * y).sum::<f64>().abs() / 2.0
    };
    Some(parts.iter().map(one).sum())
}
