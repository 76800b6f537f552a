//! VOC's folders, read and written.

use super::data_set::folder_name;
use super::images::place;
use super::{Class, DataSet, Image, ImageFiles, Losses, Object};
use crate::voc::{VocData, class_list};
use crate::{Error, Result};
use quick_xml::escape::escape;
use std::collections::{BTreeMap, HashMap, HashSet};
use std::fmt::Write as _;
use std::path::Path;

/// Reads all annotations of a folder; its lists of images are the splits.
pub fn read(path: &Path) -> Result<DataSet> {
    let (files, unreadable) = VocData::read_files(path)?;
    if let Some(first) = unreadable.first() {
        return Err(Error::content(path, format!("{}.xml {}", first.id, first.reason)));
    }
    let mut data = DataSet::default();
    let names = files.iter().flat_map(|(_, file)| &file.objects).map(|object| object.class.as_str()).collect();
    let classes = class_list(names);
    let number: HashMap<&str, usize> = classes.iter().map(String::as_str).zip(0..).collect();
    let mut split_of: HashMap<String, String> = HashMap::new();
    let lists = crate::voc::splits(path);
    let has = |name: &str| lists.iter().any(|(known, _)| known == name);
    let union = has("train") && has("val");
    let mut twice = HashSet::new();
    for (split, ids) in lists.iter().filter(|(split, _)| !(union && split == "trainval")) {
        for id in ids {
            match split_of.get(id) {
                Some(other) if other != split => {
                    twice.insert(id);
                }
                _ => {
                    split_of.insert(id.clone(), split.clone());
                }
            }
        }
    }
    let shown = path.display();
    if union && has("trainval") {
        data.notes.push(format!("{shown}: the list trainval is train and val together and is not kept"));
    }
    if !twice.is_empty() {
        data.notes.push(format!("{shown}: {} images are in several splits; each is kept in its first", twice.len()));
    }
    let (mut parts, mut bad) = (0, 0);
    let voc = VocData::of_folder(path);
    for (id, file) in files {
        let image = voc.image_path(&id);
        let there = image.is_file();
        let name = image.file_name().unwrap_or_default().to_string_lossy().into_owned();
        // Where the file is not there, its annotation says what it is called.
        let said = file
            .file_name
            .as_deref()
            .filter(|said| crate::inside(path, said).is_some() && crate::stem(Path::new(said)) == id);
        let name = if there { name } else { said.map_or(name, String::from) };
        let found = || Some(crate::image::Encoded::open(&image).ok()?.upright_size());
        let size = file.size.or_else(found).ok_or_else(|| {
            Error::content(path, format!("{id}.xml says no image size, and the image file is not found"))
        })?;
        let mut objects = Vec::with_capacity(file.objects.len());
        for object in file.objects {
            parts += object.parts;
            let [x1, y1, x2, y2] = object.bbox;
            let class = number.get(object.class.as_str());
            // VOC counts pixels from 1 and the last ones belong to the box.
            let bbox = [x1 - 1.0, y1 - 1.0, x2 - x1 + 1.0, y2 - y1 + 1.0];
            match class.filter(|_| crate::voc::fault(object.bbox).is_none()) {
                None => bad += 1,
                Some(class) => objects.push(Object {
                    difficult: Some(object.difficult),
                    truncated: object.truncated,
                    occluded: object.occluded,
                    pose: object.pose,
                    ..Object::new(*class, bbox)
                }),
            }
        }
        let split = split_of.remove(&id);
        data.images.push(Image { name, file: there.then_some(image), size, split, objects });
    }
    if bad > 0 {
        data.notes.push(format!("{shown}: {bad} boxes without an area are left out"));
    }
    data.own = vec![("parts of objects (heads, hands, feet) are not kept", parts)];
    data.classes = classes.into_iter().map(|name| Class { name, supercategory: None }).collect();
    Ok(data)
}

/// Writes `Annotations`, `ImageSets/Main` and `JPEGImages`.
pub fn write(data: &DataSet, folder: &Path, how: ImageFiles, losses: &mut Losses) -> Result<usize> {
    let unused = data.classes.len() - used(data);
    losses.add(unused, "classes without objects are not kept: {form} has no list of classes");
    let groups = data.classes.iter().filter(|class| class.supercategory.is_some()).count();
    losses.add(groups, "supercategories are not kept");
    let mut taken = HashSet::new();
    let mut lists: BTreeMap<String, Vec<String>> = BTreeMap::new();
    let (mut files, mut renamed, mut objects) = (Vec::new(), 0, 0);
    std::fs::create_dir_all(folder.join("Annotations")).map_err(Error::io(folder))?;
    for image in &data.images {
        let (stem, extension) = match image.name.rsplit_once('.') {
            Some((stem, extension)) if !extension.contains('/') => (stem, extension),
            _ => (image.name.as_str(), "jpg"),
        };
        // A list separates names by white space, and they stand in one folder.
        let plain = stem.replace(|c: char| c == '/' || c.is_whitespace() || c.is_control(), "_");
        let id = unique(&plain, &mut taken);
        renamed += usize::from(id != stem);
        let name = format!("{id}.{extension}");
        let path = folder.join("Annotations").join(format!("{id}.xml"));
        let text = annotation(image, &name, data, losses, &mut objects).map_err(|what| Error::content(&path, what))?;
        std::fs::write(&path, text).map_err(Error::io(&path))?;
        lists.entry(image.split.as_deref().map_or_else(|| "all".into(), folder_name)).or_default().push(id);
        files.push((image, folder.join("JPEGImages").join(name)));
    }
    losses.add(renamed, "images are renamed: a VOC image is known by one name without folder and blanks");
    let main = folder.join("ImageSets/Main");
    std::fs::create_dir_all(&main).map_err(Error::io(&main))?;
    // Lists whose names have `_` are of classes, not splits.
    for (split, ids) in lists.into_iter().filter(|(split, _)| data.splits() != [None] || split != "all") {
        let path = main.join(format!("{}.txt", split.replace('_', "-")));
        std::fs::write(&path, ids.join("\n") + "\n").map_err(Error::io(&path))?;
    }
    place(&files, how, losses)?;
    Ok(objects)
}

fn used(data: &DataSet) -> usize {
    let objects = data.images.iter().flat_map(|image| &image.objects).filter(|object| !object.crowd);
    objects.map(|object| object.class).collect::<HashSet<_>>().len()
}

/// A name that no other file has.
fn unique(name: &str, taken: &mut HashSet<String>) -> String {
    let mut candidates = std::iter::once(name.to_owned()).chain((2_usize..).map(|n| format!("{name}_{n}")));
    let name = candidates.find(|name| !taken.contains(name)).unwrap_or_default();
    taken.insert(name.clone());
    name
}

fn annotation(
    image: &Image,
    name: &str,
    data: &DataSet,
    losses: &mut Losses,
    objects: &mut usize,
) -> Result<String, String> {
    let (width, height) = image.size;
    let mut text = format!(
        "<annotation>\n\t<folder>JPEGImages</folder>\n\t<filename>{}</filename>\n\t<size>\n\t\t<width>{width}</width>\n\t\t\
         <height>{height}</height>\n\t\t<depth>3</depth>\n\t</size>\n\t<segmented>0</segmented>\n",
        xml(name)?
    );
    for object in &image.objects {
        if object.crowd {
            losses.add(1, "crowd regions are left out: {form} has no such thing");
            continue;
        }
        losses.add(usize::from(!object.mask.is_none()), "masks are not kept");
        let [x, y, w, h] = object.bbox;
        // As many digits as are needed: other readers of VOC take decimals too, if they take numbers and not integers.
        let corners = [x + 1.0, y + 1.0, x + w, y + h].map(super::number::pixels);
        let whole = corners.iter().all(|value| value.fract() == 0.0);
        losses.add(usize::from(!whole), "boxes do not end at whole pixels and are written with decimals");
        if !(w > 0.0 && h > 0.0) {
            losses.add(1, "boxes without an area are left out");
            continue;
        }
        *objects += 1;
        let flag = |flag: Option<bool>| u8::from(flag.unwrap_or(false));
        let [x1, y1, x2, y2] = corners;
        // Writing to a String cannot fail.
        let _ = write!(
            text,
            "\t<object>\n\t\t<name>{}</name>\n\t\t<pose>{}</pose>\n\t\t<truncated>{}</truncated>\n",
            xml(&data.classes[object.class].name)?,
            xml(object.pose.as_deref().unwrap_or("Unspecified"))?,
            flag(object.truncated)
        );
        if object.occluded.is_some() {
            let _ = writeln!(text, "\t\t<occluded>{}</occluded>", flag(object.occluded));
        }
        let _ = write!(
            text,
            "\t\t<difficult>{}</difficult>\n\t\t<bndbox>\n\t\t\t<xmin>{x1}</xmin>\n\t\t\t<ymin>{y1}</ymin>\n\t\t\t\
             <xmax>{x2}</xmax>\n\t\t\t<ymax>{y2}</ymax>\n\t\t</bndbox>\n\t</object>\n",
            flag(object.difficult)
        );
    }
    Ok(text + "</annotation>\n")
}

/// Text as XML; characters that XML cannot hold at all are refused, and blanks at the ends, which readers cut off.
fn xml(text: &str) -> Result<std::borrow::Cow<'_, str>, String> {
    let bad = text.chars().any(|c| c.is_control()) || text.trim() != text || text.is_empty();
    if bad { Err(format!("`{text:.40?}` cannot be a name in XML")) } else { Ok(escape(text)) }
}
