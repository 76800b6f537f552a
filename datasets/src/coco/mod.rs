//! COCO's JSON: annotation files and lists of results.
//!
//! Annotation files that keep to the format are streamed by hotcoco's reader. What it refuses gets a second, patient
//! reading, as does what it would print lines of its own about: ids written as text, empty boxes, flags that are null,
//! ids that come twice. Each kind of repair is told.

mod by_image;
mod ids;
mod repair;
mod repeated;
mod results;

pub use by_image::{ListWriter, ResultFiles};
pub use results::{RawBox, RawResults, Results, line_records};

use super::category::{Category, CategoryId};
use anyhow::{Context, Result, bail};
use hotcoco::{COCO, Dataset};
use ids::Names;
use repair::Repairs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

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
        let data = Self { path: path.to_path_buf(), coco: Arc::new(coco), notes: Vec::new(), names };
        if data.has_annotation_0() {
            notes.push(format!(
                "{}: an annotation has the id 0, which pycocotools never counts as found, and so it is here; give it \
                 another id",
                path.display()
            ));
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
    let read = if repeated::is_odd(path) {
        patiently(path, None, names)?
    } else {
        match COCO::new(path) {
            Ok(coco) => Read::Indexed(coco.into()),
            Err(refusal @ hotcoco::Error::Json(_)) => patiently(path, Some(refusal), names)?,
            Err(e) => return Err(e.into()),
        }
    };
    let data = match &read {
        Read::Indexed(coco) => &coco.dataset,
        Read::Patiently(data, _) => data,
    };
    if data.images.is_empty() {
        let hint = if data.annotations.is_empty() { "" } else { " although it has annotations" };
        bail!("{} is not a COCO annotation file: it lists no images{hint}", path.display());
    }
    if data.categories.is_empty() {
        bail!("{} lists no categories", path.display());
    }
    Ok(read)
}

/// The second reading; `refusal` is what hotcoco says of the file, if it was asked.
fn patiently(path: &Path, refusal: Option<hotcoco::Error>, names: &mut Names) -> Result<Read> {
    let shown = || format!("{} is not a COCO annotation file", path.display());
    let text = std::fs::read(path).with_context(|| path.display().to_string())?;
    let mut value = serde_json::from_slice(super::text::unmarked(&text)).with_context(shown)?;
    let mut repairs = Repairs::default();
    repairs.data_set(&mut value, names);
    match (serde_json::from_value(value), refusal) {
        (Ok(data), _) => Ok(Read::Patiently(Box::new(data), repairs.notes(path))),
        (Err(_), Some(refusal)) => Err(refusal).with_context(shown),
        (Err(e), None) => Err(e).with_context(shown),
    }
}
