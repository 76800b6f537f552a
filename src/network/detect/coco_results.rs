//! COCO's result list: what pycocotools' `loadRes` reads.

use super::lines::{Mask, class_of};
use anyhow::{Context, Result, anyhow};
use serde::Serialize;
use std::collections::HashMap;
use std::io;
use std::path::{Path, PathBuf};
use vovdet::cli::console::Console;
use vovdet_datasets::annotations::{Ids, number_in};
use vovdet_datasets::sources::Source;
use vovdet_detectors::{Detection, ModelSpec};

/// Results that are written when the run ends.
pub struct CocoResults {
    path: PathBuf,
    ids: Option<Ids>,
    results: Vec<Entry<u64>>,
    /// Which image has taken an id.
    taken: HashMap<u64, String>,
    left_out: usize,
}

/// A detection in COCO's form. An image's id is a number in COCO and a text in VOC.
#[derive(Debug, Serialize)]
pub struct Entry<I> {
    image_id: I,
    category_id: u64,
    bbox: [f32; 4],
    score: f32,
    #[serde(skip_serializing_if = "Option::is_none")]
    segmentation: Option<Mask>,
}

impl<I> Entry<I> {
    /// `spec` is that of the detector: boxes that hold their last pixel are a pixel wider.
    pub fn new(image_id: I, category_id: u64, detection: &Detection, spec: &ModelSpec, masks: bool) -> Self {
        let plus_one = spec.dialect().map_or(0.0, |dialect| dialect.rules().map_or(0.0, |rules| rules.plus_one));
        let [x1, y1, x2, y2] = detection.bbox;
        Self {
            image_id,
            category_id,
            bbox: [x1, y1, x2 - x1 + plus_one, y2 - y1 + plus_one],
            score: detection.score,
            segmentation: if masks { Mask::of(detection) } else { None },
        }
    }
}

/// The ids in the file of `--annotations`.
pub fn read_ids(path: &Path) -> Result<Ids> {
    let text = std::fs::read_to_string(path).with_context(|| format!("--annotations {}", path.display()))?;
    Ids::from_json(&text).map_err(|reason| anyhow!("--annotations {} {reason}", path.display()))
}

impl CocoResults {
    /// Makes sure that `path` can be written.
    pub fn new(path: &Path, ids: Option<Ids>) -> io::Result<Self> {
        let folder = path.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."));
        vovdet_files::make_folder(folder)?;
        if path.is_dir() {
            return Err(io::Error::other("is a folder; give the name of a file"));
        }
        Ok(Self { path: path.to_path_buf(), ids, results: Vec::new(), taken: HashMap::new(), left_out: 0 })
    }

    /// Adds the detections of image number `index` (from 0).
    pub fn add(
        &mut self,
        console: &Console,
        index: usize,
        source: &Source,
        detections: &[Detection],
        spec: &ModelSpec,
        masks: bool,
    ) {
        let Some(image_id) = self.image_id(index, source) else {
            self.left_out += 1;
            console.error(format_args!("{}: is not in the annotation file, so it has no results there", source.name()));
            return;
        };
        if let Some(other) = self.taken.insert(image_id, source.name()) {
            console.error(format_args!("{} and {other} both have the image id {image_id}", source.name()));
        }
        for detection in detections {
            let (name, id) = class_of(spec, detection);
            let category_id = self.ids.as_ref().and_then(|ids| ids.category(name)).unwrap_or_else(|| id.into());
            self.results.push(Entry::new(image_id, category_id, detection, spec, masks));
        }
    }

    fn image_id(&self, index: usize, source: &Source) -> Option<u64> {
        match &self.ids {
            Some(ids) => ids.image(source.path()?),
            None => Some(number_in(&source.stem()).unwrap_or(index as u64 + 1)),
        }
    }

    /// Writes the file; returns how many images had no place in it.
    pub fn finish(self, console: &Console) -> Result<usize> {
        vovdet_files::write_file(&self.path, |file| {
            serde_json::to_writer(file, &self.results).map_err(io::Error::from)
        })
        .with_context(|| format!("--coco-results {}", self.path.display()))?;
        console.detail(format_args!("{}: {} results", self.path.display(), self.results.len()));
        Ok(self.left_out)
    }
}
