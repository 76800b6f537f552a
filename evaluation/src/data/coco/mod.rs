//! COCO's JSON: annotation files and lists of results.
//!
//! Annotation files that keep to the format are streamed by hotcoco's reader. What it refuses gets a second, patient
//! reading: ids written as text, empty boxes, flags that are null. Each kind of repair is told.

mod by_image;
mod ids;
mod repair;
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
    /// Reads an annotation file.
    ///
    /// # Errors
    /// When it cannot be read, is no COCO annotation file, or lists no images or categories.
    pub fn read(path: &Path) -> Result<Self> {
        let mut names = Names::default();
        let (coco, notes) = match COCO::new(path) {
            Ok(coco) => (coco, Vec::new()),
            Err(hotcoco::Error::Json(first)) => {
                let refusal = format!("{} is not a COCO annotation file", path.display());
                let text = std::fs::read(path).with_context(|| path.display().to_string())?;
                let mut value =
                    serde_json::from_slice(super::text::unmarked(&text)).with_context(|| refusal.clone())?;
                let mut repairs = Repairs::default();
                repairs.data_set(&mut value, &mut names);
                let data: Dataset = serde_json::from_value(value).map_err(|_| first).context(refusal)?;
                (COCO::from_dataset(data), repairs.notes(path))
            }
            Err(e) => return Err(e.into()),
        };
        let data = &coco.dataset;
        if data.images.is_empty() {
            let hint = if data.annotations.is_empty() { "" } else { " although it has annotations" };
            bail!("{} is not a COCO annotation file: it lists no images{hint}", path.display());
        }
        if data.categories.is_empty() {
            bail!("{} lists no categories", path.display());
        }
        Ok(Self { path: path.to_path_buf(), coco: Arc::new(coco), notes, names })
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
