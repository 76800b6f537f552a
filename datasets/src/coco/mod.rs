//! COCO's JSON: annotation files and lists of results.
//!
//! Annotation files that keep to the format are streamed by hotcoco's reader. What it refuses gets a second, patient
//! reading, as does what it would print lines of its own about: ids written as text, empty boxes, flags that are null,
//! ids that come twice. Each kind of repair is reported.

mod by_image;
mod ids;
mod of_lines;
mod repair;
mod repeated;
mod results;

pub use by_image::{ListWriter, ResultFiles};
pub use results::{RawBox, RawResults, Results, line_records};

use super::category::{Category, CategoryId};
use crate::{Error, Result};
use hotcoco::{COCO, Dataset};
use ids::Names;
use repair::Repairs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Most bytes of a file of annotations or results.
const MAX_BYTES: u64 = 1 << 36;

/// Most categories of a data set that is evaluated: each takes 100 kB of tables.
const MAX_CATEGORIES: usize = 1 << 15;

/// Longest outline of a mask in pixels: 50 times around a picture of 20,000 x 20,000. Its points are listed, five a
/// pixel, before the mask is drawn.
const MAX_OUTLINE: f64 = (1 << 22) as f64;

/// Images, categories and annotations of one COCO file.
pub struct CocoData {
    /// The file that it was read from.
    pub path: PathBuf,
    /// The data set, indexed.
    pub coco: Arc<COCO>,
    /// What was repaired, a sentence each.
    pub notes: Vec<String>,
    names: Names,
}

impl CocoData {
    /// Reads an annotation file. An annotation with the id of a later one counts as that one, as in pycocotools.
    ///
    /// # Errors
    /// When it cannot be read, is no COCO annotation file, or lists no images or categories.
    pub fn read(path: &Path) -> Result<Self> {
        let _span = tracing::debug_span!("annotations", path = %path.display()).entered();
        let mut names = Names::default();
        let (coco, mut notes) = match read(path, &mut names)? {
            Read::Indexed(coco) => (*coco, Vec::new()),
            Read::Patiently(mut data, mut notes) => {
                let repeated = repeated::resolve(&mut data);
                if repeated > 0 {
                    notes.push(format!(
                        "{}: {repeated} annotations have the id of a later one and count as that one, as in pycocotools",
                        path.display()
                    ));
                }
                (COCO::from_dataset(*data), notes)
            }
        };
        if coco.dataset.categories.len() > MAX_CATEGORIES {
            let (count, most) = (coco.dataset.categories.len(), MAX_CATEGORIES);
            return Err(Error::content(path, format!("has {count} categories, more than the limit of {most}")));
        }
        if let Some((number, _)) =
            (1..).zip(&coco.dataset.annotations).find(|(_, annotation)| !outline_fits(annotation))
        {
            return Err(Error::content(path, format!("annotation {number} {TOO_LONG}")));
        }
        let data = Self { path: path.to_path_buf(), coco: Arc::new(coco), notes: Vec::new(), names };
        if data.has_annotation_0() {
            notes.push(format!(
                "{}: an annotation has the id 0, which pycocotools never counts as found, and so it is here; give it \
                 another id",
                path.display()
            ));
        }
        for note in &notes {
            tracing::info!("{note}");
        }
        Ok(Self { notes, ..data })
    }

    /// Whether there is an annotation that pycocotools never counts as found: its id is 0, which stands for none there.
    pub fn has_annotation_0(&self) -> bool {
        self.coco.get_ann(0).is_some_and(|annotation| !annotation.iscrowd)
    }

    /// The categories, in the order of the file.
    pub fn categories(&self) -> Vec<Category> {
        let category = |c: &hotcoco::Category| Category { id: CategoryId(c.id), name: c.name.clone() };
        self.coco.dataset.categories.iter().map(category).collect()
    }

    /// The ids of all images, in the order of the file.
    pub fn image_ids(&self) -> Vec<u64> {
        self.coco.dataset.images.iter().map(|image| image.id).collect()
    }
}

/// The annotation files of instances in a folder or its folder `annotations`.
pub(crate) fn annotation_files(root: &Path) -> Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for folder in [root.to_path_buf(), root.join("annotations")].into_iter().filter(|folder| folder.is_dir()) {
        let entries = std::fs::read_dir(&folder).map_err(Error::io(&folder))?.flatten();
        let json = entries.map(|e| e.path()).filter(|path| path.extension().is_some_and(|e| e == "json"));
        found.extend(json.filter(|path| super::stem(path).starts_with("instances")));
    }
    found.sort_unstable();
    Ok(found)
}

/// What is wrong with a mask whose outline is beyond [`MAX_OUTLINE`].
const TOO_LONG: &str = "has a polygon whose outline is longer than the limit of 4 million pixels";

/// Whether the outline of an object's polygons is one that can be drawn.
fn outline_fits(annotation: &hotcoco::Annotation) -> bool {
    let Some(hotcoco::Segmentation::Polygon(parts)) = &annotation.segmentation else { return true };
    let length: f64 = parts.iter().map(|part| outline(part)).sum();
    // Not a number where a coordinate is none, which other checks refuse.
    length.is_nan() || length <= MAX_OUTLINE
}

/// Length of a closed outline `x, y, x, y, …`: of each side its extent in x or y, the longer.
fn outline(part: &[f64]) -> f64 {
    let points = part.as_chunks::<2>().0;
    let next = points.iter().cycle().skip(1);
    points.iter().zip(next).map(|([x, y], [x2, y2])| (x2 - x).abs().max((y2 - y).abs())).sum()
}

/// What an annotation file says, ids that come more than once included, and what was repaired.
///
/// # Errors
/// See [`CocoData::read`].
pub fn as_written(path: &Path) -> Result<(Dataset, Vec<String>)> {
    Ok(match read(path, &mut Names::default())? {
        Read::Indexed(mut coco) => (std::mem::take(&mut coco.dataset), Vec::new()),
        Read::Patiently(data, notes) => (*data, notes),
    })
}

/// An annotation file, after its first or its second reading.
enum Read {
    Indexed(Box<COCO>),
    Patiently(Box<Dataset>, Vec<String>),
}

fn read(path: &Path, names: &mut Names) -> Result<Read> {
    // hotcoco opens the file itself and would wait for ever for somebody to write into a named pipe.
    vovdet_files::open(path)?;
    let read = if repeated::is_odd(path) {
        patiently(path, None, names)?
    } else {
        match COCO::new(path) {
            Ok(coco) => Read::Indexed(coco.into()),
            Err(refusal @ hotcoco::Error::Json(_)) => patiently(path, Some(refusal), names)?,
            Err(e) => return Err(Error::content(path, e)),
        }
    };
    let data = match &read {
        Read::Indexed(coco) => &coco.dataset,
        Read::Patiently(data, _) => data,
    };
    if data.images.is_empty() {
        let hint = if data.annotations.is_empty() { "" } else { " although it has annotations" };
        return Err(Error::content(path, format!("is not a COCO annotation file: it lists no images{hint}")));
    }
    if data.categories.is_empty() {
        return Err(Error::content(path, "lists no categories"));
    }
    Ok(read)
}

/// The second reading; `refusal` is what hotcoco says of the file, if it was asked.
fn patiently(path: &Path, refusal: Option<hotcoco::Error>, names: &mut Names) -> Result<Read> {
    let no_json =
        |error: &dyn std::fmt::Display| Error::content(path, format!("is not a COCO annotation file: {error}"));
    let text = vovdet_files::read_bounded(path, MAX_BYTES)?;
    let mut value = serde_json::from_slice(super::text::unmarked(&text)).map_err(|e| no_json(&e))?;
    let mut repairs = Repairs::default();
    repairs.data_set(&mut value, names);
    match (serde_json::from_value(value), refusal) {
        (Ok(data), _) => Ok(Read::Patiently(Box::new(data), repairs.notes(path))),
        (Err(_), Some(refusal)) => Err(no_json(&refusal)),
        (Err(e), None) => Err(no_json(&e)),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;
    use serde_json::{Value, json};

    fn read_json(data: &Value) -> Result<CocoData> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.json");
        std::fs::write(&path, data.to_string()).unwrap();
        CocoData::read(&path)
    }

    fn data(categories: usize, segmentation: &Value) -> Value {
        let categories: Vec<_> = (1..=categories).map(|id| json!({"id": id, "name": format!("c{id}")})).collect();
        json!({
            "images": [{"id": 1, "file_name": "a.png", "width": 20000, "height": 20000}],
            "categories": categories,
            "annotations": [{"id": 1, "image_id": 1, "category_id": 1, "bbox": [0, 0, 9, 9], "area": 81, "iscrowd": 0,
                             "segmentation": segmentation}],
        })
    }

    /// What an evaluation would need gigabytes for is refused before it begins: 19 GB of tables, 6 GB of outline.
    #[test]
    fn categories_and_outlines_have_limits() {
        let square = json!([[0, 0, 9, 0, 9, 9, 0, 9]]);
        assert!(read_json(&data(MAX_CATEGORIES, &square)).is_ok());
        let error = read_json(&data(200_000, &square)).err().unwrap().to_string();
        assert!(error.contains("has 200000 categories, more than the limit"), "{error}");
        // Back and forth over the whole picture.
        let long: Vec<_> = (0..1000).flat_map(|i| [f64::from(i % 2) * 20000.0, f64::from(i)]).collect();
        let error = read_json(&data(1, &json!([long]))).err().unwrap().to_string();
        assert!(error.contains("annotation 1 has a polygon whose outline"), "{error}");
        let around: Vec<_> = (0..1000).map(|i| f64::from(i % 20)).collect();
        assert!(read_json(&data(1, &json!([around]))).is_ok());
    }

    #[test]
    fn pipes_are_refused() {
        let folder = tempfile::tempdir().unwrap();
        let pipe = folder.path().join("a.json");
        assert!(std::process::Command::new("mkfifo").arg(&pipe).status().unwrap().success());
        let error = CocoData::read(&pipe).err().unwrap().to_string();
        assert!(error.contains("named pipe"), "{error}");
    }
}
