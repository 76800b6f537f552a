//! Saved detections for VOC: a folder of comp4 files (one per class), of text files (one per image), or COCO results.

use super::Detection;
use crate::{Error, Result};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, HashMap, HashSet};
use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};
use vovdet_datasets::coco::{ListWriter, RawResults};
use vovdet_datasets::voc::VocData;

/// Detections by class, in the order of [`VocData::classes`].
#[derive(Debug, Clone, PartialEq)]
pub struct Detections {
    /// A list per class, in the order of the file.
    pub by_class: Vec<Vec<Detection>>,
    /// What is odd about them, a sentence each.
    pub notes: Vec<String>,
    /// The images that were looked at; none for all.
    pub seen: Option<HashSet<usize>>,
}

impl Detections {
    /// No detections of any class.
    pub fn none(data: &VocData) -> Self {
        Self { by_class: vec![Vec::new(); data.classes.len()], notes: Vec::new(), seen: None }
    }

    /// Adds what a run found in one image, see [`crate::metrics::journal`]; its category ids are the places of the classes
    /// in the data set's list, from 1.
    ///
    /// # Errors
    /// When it is no such line, or its image is not in the data set.
    pub fn add_line(&mut self, data: &VocData, line: &str) -> Result<()> {
        #[derive(Deserialize)]
        struct Line {
            image_id: String,
            results: Vec<KeptResult>,
        }
        #[derive(Deserialize)]
        struct KeptResult {
            category_id: usize,
            bbox: [f64; 4],
            score: f64,
        }
        let Line { image_id, results } =
            serde_json::from_str(line).map_err(|error| Error::KeptLine(format!("is none: {error}")))?;
        let image = data.images.iter().position(|image| image.id == image_id);
        let image =
            image.ok_or_else(|| Error::KeptLine(format!("is of image {image_id}, which the split does not have")))?;
        self.seen.get_or_insert_default().insert(image);
        for KeptResult { category_id, bbox, score } in results {
            let list = category_id.checked_sub(1).and_then(|class| self.by_class.get_mut(class));
            let list = list.ok_or_else(|| {
                Error::KeptLine(format!("is of class {category_id}, which the data set does not have"))
            })?;
            list.push(Detection { image, score, bbox: to_voc(bbox) });
        }
        Ok(())
    }

    /// Leaves out the detections with a lower score.
    pub fn leave_out_below(&mut self, min_score: Option<f64>) {
        if let Some(least) = min_score {
            self.by_class.iter_mut().for_each(|list| list.retain(|detection| detection.score >= least));
        }
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.by_class.iter().map(Vec::len).sum()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.by_class.iter().all(Vec::is_empty)
    }
}

/// Reads detections; those with a score below `min_score` are left out. `class_names` are the names of the category ids
/// 1, 2, … in COCO results; without them they are VOC's own.
///
/// # Errors
/// When the path holds no detections, or they are of images that the data set does not have.
pub fn read_detections(
    path: &Path,
    data: &VocData,
    class_names: Option<&[String]>,
    min_score: Option<f64>,
) -> Result<Detections> {
    let mut read = match path.is_dir() {
        true => folder(path, data)?,
        false => coco(path, data, class_names)?,
    };
    read.leave_out_below(min_score);
    read.notes.iter().for_each(|note| tracing::info!("{note}"));
    Ok(read)
}

fn folder(path: &Path, data: &VocData) -> Result<Detections> {
    let entries = std::fs::read_dir(path).map_err(Error::io(path))?.flatten();
    let mut files: Vec<PathBuf> =
        entries.map(|e| e.path()).filter(|path| path.extension().is_some_and(|e| e == "txt")).collect();
    files.sort_unstable();
    let images = images_by_id(data);
    let per_image = files.iter().filter(|path| images.contains_key(stem(path).as_str())).count();
    let by_class: Vec<_> = files.iter().filter_map(|path| Some((path, class_of(&stem(path), data)?))).collect();
    let mut read = Detections::none(data);
    if by_class.len() >= per_image && !by_class.is_empty() {
        for (path, class) in &by_class {
            comp4(path, *class, &images, &mut read)?;
        }
        let seen: HashSet<usize> = by_class.iter().map(|(_, class)| *class).collect();
        if seen.len() < by_class.len() {
            return Err(Error::content(path, "has several files for one class"));
        }
        let without = data.classes.iter().enumerate().filter(|(index, _)| !seen.contains(index));
        let without: Vec<_> = without.map(|(_, name)| name.as_str()).collect();
        if !without.is_empty() {
            read.notes.push(format!("{}: there is no file for {}", path.display(), without.join(", ")));
        }
        let others: Vec<_> =
            files.iter().filter(|file| class_of(&stem(file), data).is_none()).map(|file| stem(file)).collect();
        if !others.is_empty() {
            let (shown, n) = (path.display(), others.len());
            read.notes.push(format!(
                "{shown}: {n} files are of no class of the data set and not read ({}.txt, …)",
                others[0]
            ));
        }
        return Ok(read);
    }
    if per_image == 0 {
        let class = data.classes.first().map_or("none", String::as_str);
        return Err(Error::content(
            path,
            format!(
                "holds no detections: there is no file whose name ends with a class ({class}, …) or is that of an image"
            ),
        ));
    }
    let mut unknown = BTreeMap::new();
    for file in &files {
        if let Some(image) = images.get(stem(file).as_str()) {
            image_text(file, *image, data, &mut read, &mut unknown)?;
        }
    }
    for (name, count) in unknown {
        let shown = path.display();
        read.notes
            .push(format!("{shown}: the data set has no class {name}; {count} detections of it count for nothing"));
    }
    Ok(read)
}

fn stem(path: &Path) -> String {
    path.file_stem().unwrap_or_default().to_string_lossy().into_owned()
}

fn images_by_id(data: &VocData) -> HashMap<&str, usize> {
    data.images.iter().enumerate().map(|(index, image)| (image.id.as_str(), index)).collect()
}

/// The class that a file name ends with, alone or behind a separator: `comp4_det_test_tvmonitor`.
fn class_of(stem: &str, data: &VocData) -> Option<usize> {
    let ends = |name: &String| {
        let rest = stem.strip_suffix(in_file_name(name).as_str());
        rest.is_some_and(|rest| rest.is_empty() || rest.ends_with(['_', '-', '.', ' ']))
    };
    let candidates = data.classes.iter().enumerate().filter(|(_, name)| ends(name));
    candidates.max_by_key(|(_, name)| name.len()).map(|(index, _)| index)
}

/// `image score xmin ymin xmax ymax` per line, pixels counted from 1.
fn comp4(path: &Path, class: usize, images: &HashMap<&str, usize>, read: &mut Detections) -> Result<()> {
    let text = vovdet_datasets::text::read(path)?;
    for (index, line) in text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty()) {
        let refused = |what: String| Error::content(path, format!("line {} {what}", index + 1));
        let other = || refused(format!("is not `image score xmin ymin xmax ymax`: {line}"));
        let (image, [score, x1, y1, x2, y2]) = words(line).ok_or_else(other)?;
        let Some(&image) = images.get(image) else {
            return Err(refused(format!("is of image {image}, which the split does not have")));
        };
        read.by_class[class].push(Detection { image, score, bbox: [x1, y1, x2, y2] });
    }
    Ok(())
}

/// `class score x y width height` per line, in the frame of text ground truth.
fn image_text(
    path: &Path,
    image: usize,
    data: &VocData,
    read: &mut Detections,
    unknown: &mut BTreeMap<String, usize>,
) -> Result<()> {
    let text = vovdet_datasets::text::read(path)?;
    for (index, line) in text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty()) {
        let other =
            || Error::content(path, format!("line {} is not `class score x y width height`: {line}", index + 1));
        let (name, [score, x, y, w, h]) = words(line).ok_or_else(other)?;
        match data.classes.iter().position(|class| class == name) {
            Some(class) => read.by_class[class].push(Detection { image, score, bbox: [x, y, x + w, y + h] }),
            // The data set has no object of it, so it has no average precision.
            None => *unknown.entry(name.to_owned()).or_default() += 1,
        }
    }
    Ok(())
}

fn words(line: &str) -> Option<(&str, [f64; 5])> {
    let mut words = line.split_whitespace();
    let name = words.next()?;
    let numbers: Vec<f64> = words.map(|word| word.parse().ok()).collect::<Option<_>>()?;
    let numbers: [f64; 5] = numbers.try_into().ok()?;
    numbers.iter().all(|number| number.is_finite()).then_some((name, numbers))
}

fn coco(path: &Path, data: &VocData, class_names: Option<&[String]>) -> Result<Detections> {
    let raw = RawResults::read(path)?;
    let ids = images_by_id(data);
    let numbers = images_by_number(data);
    let names = match class_names {
        Some(names) => names,
        None if raw.has_names() => &[],
        None if data.has_voc_classes() => &data.classes,
        None => {
            return Err(Error::NamelessClasses { detections: path.to_path_buf(), data: data.root.clone() });
        }
    };
    let mut read = Detections::none(data);
    let mut unknown = 0;
    for (index, (image, category, bbox, score)) in raw.boxes().enumerate() {
        let refused = |what: String| Error::content(path, format!("result {} {what}", index + 1));
        let by_number = || image.parse().ok().and_then(|number: u64| numbers.get(&number).copied());
        let image_index = match ids.get(image.as_str()).copied().map(Some).or_else(by_number) {
            Some(Some(index)) => index,
            Some(None) => return Err(refused(format!("is of image {image}, and several images end with this number"))),
            None => return Err(refused(format!("is of image {image}, which the split does not have"))),
        };
        let Some(bbox) = bbox else { return Err(refused("has no box".into())) };
        let name = category.parse().ok().and_then(|id: usize| names.get(id.checked_sub(1)?)).unwrap_or(&category);
        match data.classes.iter().position(|class| class == name) {
            Some(class) => read.by_class[class].push(Detection { image: image_index, score, bbox: to_voc(bbox) }),
            None => unknown += 1,
        }
    }
    if unknown > 0 {
        read.notes
            .push(format!("{}: {unknown} results are of classes that the data set does not have", path.display()));
    }
    Ok(read)
}

/// A box `[x, y, width, height]` between edges that are counted from 0, in pixels that are counted from 1.
fn to_voc([x, y, w, h]: [f64; 4]) -> [f64; 4] {
    [x + 1.0, y + 1.0, x + w, y + h]
}

/// Whether detections are saved as a folder of comp4 files: unless the name is that of a list or of lines.
pub fn is_folder(path: &Path) -> bool {
    path.extension().is_none_or(|extension| extension != "json" && extension != "jsonl")
}

/// A class name as part of a file name: `TV/Monitor` is no folder.
fn in_file_name(class: &str) -> String {
    class.replace('/', "%2F").replace('\0', "%00")
}

/// Writes a comp4 file per class into a folder.
///
/// # Errors
/// When it cannot.
pub fn write_comp4(folder: &Path, data: &VocData, detections: &Detections) -> Result<()> {
    vovdet_files::make_folder(folder).map_err(Error::io(folder))?;
    for (name, list) in data.classes.iter().zip(&detections.by_class) {
        let split = data.split.as_deref().unwrap_or("all");
        let path = folder.join(format!("comp4_det_{split}_{}.txt", in_file_name(name)));
        let write = |file: &mut BufWriter<File>| -> io::Result<()> {
            for Detection { image, score, bbox: [x1, y1, x2, y2] } in list {
                writeln!(file, "{} {score} {x1} {y1} {x2} {y2}", data.images[*image].id)?;
            }
            Ok(())
        };
        vovdet_files::write_file(&path, write).map_err(Error::io(&path))?;
    }
    Ok(())
}

/// Writes COCO results; category ids are the places of the classes in the data set's list, from 1.
///
/// # Errors
/// When it cannot.
pub fn write_results(path: &Path, data: &VocData, detections: &Detections) -> Result<()> {
    #[derive(Serialize)]
    struct CocoResult<'a> {
        image_id: &'a str,
        category_id: usize,
        bbox: [f64; 4],
        score: f64,
    }
    let mut all: Vec<(usize, &Detection)> = Vec::with_capacity(detections.len());
    for (list, category_id) in detections.by_class.iter().zip(1..) {
        all.extend(list.iter().map(|detection| (category_id, detection)));
    }
    all.sort_by_key(|(_, detection)| detection.image);
    let write = |file: &mut BufWriter<File>| -> io::Result<()> {
        let mut writer = ListWriter::new(file)?;
        for (category_id, Detection { image, score, bbox }) in all {
            let image_id = &data.images[*image].id;
            writer.add(&serde_json::to_string(&CocoResult {
                image_id,
                category_id,
                bbox: to_coco(*bbox),
                score: *score,
            })?)?;
        }
        writer.finish()
    };
    vovdet_files::write_file(path, write).map_err(Error::io(path))
}

/// The reverse of [`to_voc`]: exact for what a network found, which are numbers of 32 bits.
fn to_coco([x1, y1, x2, y2]: [f64; 4]) -> [f64; 4] {
    [x1 - 1.0, y1 - 1.0, x2 - x1 + 1.0, y2 - y1 + 1.0]
}

/// Images by the number that their id ends with; none where several share it.
fn images_by_number(data: &VocData) -> HashMap<u64, Option<usize>> {
    let mut numbers = HashMap::new();
    for (index, image) in data.images.iter().enumerate() {
        let digits = image.id.len() - image.id.trim_end_matches(|c: char| c.is_ascii_digit()).len();
        if let Ok(number) = image.id[image.id.len() - digits..].parse() {
            numbers.entry(number).and_modify(|known| *known = None).or_insert(Some(index));
        }
    }
    numbers
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    fn data(classes: &[&str]) -> VocData {
        VocData {
            root: PathBuf::from("x"),
            split: None,
            classes: classes.iter().map(|c| (*c).into()).collect(),
            images: Vec::new(),
            bad_boxes: Vec::new(),
            repeated: Vec::new(),
        }
    }

    #[test]
    fn a_file_is_of_the_class_that_its_name_ends_with() {
        let data = data(&["car", "train", "dining table"]);
        assert_eq!(class_of("comp4_det_test_train", &data), Some(1));
        assert_eq!(class_of("comp4-44503_det_test_car", &data), Some(0));
        assert_eq!(class_of("car", &data), Some(0));
        assert_eq!(class_of("results-dining table", &data), Some(2));
        assert_eq!(class_of("streetcar", &data), None);
        assert_eq!(class_of("000012", &data), None);
    }

    /// `TV/Monitor` is a class and no folder, and no class leads out of the folder.
    #[test]
    fn class_names_are_no_paths() {
        let folder = tempfile::tempdir().unwrap();
        let out = folder.path().join("a/out");
        let data = data(&["TV/Monitor", "x/../../../victim", "Monitor"]);
        write_comp4(&out, &data, &Detections::none(&data)).unwrap();
        let entries = std::fs::read_dir(&out).unwrap().map(|entry| entry.unwrap().path());
        let mut classes: Vec<_> = entries.map(|path| class_of(&stem(&path), &data)).collect();
        classes.sort_unstable();
        assert_eq!(classes, [Some(0), Some(1), Some(2)]);
        assert_eq!(std::fs::read_dir(folder.path().join("a")).unwrap().count(), 1, "nothing beside the folder");
    }

    #[test]
    fn files_lie_in_their_folder_whatever_a_class_is_called() {
        let data = data(&["TV/Monitor", "x/../../../victim"]);
        for (index, class) in data.classes.iter().enumerate() {
            let name = format!("comp4_det_test_{}", in_file_name(class));
            assert_eq!(Path::new(&name).components().count(), 1, "{name}");
            assert_eq!(class_of(&name, &data), Some(index), "{name} is read again");
        }
    }

    #[test]
    fn lines_are_whole_or_refused() {
        assert_eq!(words("000004 0.5 1 2 3 4"), Some(("000004", [0.5, 1.0, 2.0, 3.0, 4.0])));
        for bad in [
            "",
            "a",
            "a 1 2 3 4",
            "a 1 2 3 4 5 6",
            "a b 1 2 3 4",
            "a nan 1 2 3 4",
            "a 1 nan 2 3 4",
            "a inf 1 2 3 4",
            "a 1 2 3 4 inf",
        ] {
            assert_eq!(words(bad), None, "{bad}");
        }
    }
}
