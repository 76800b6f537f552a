//! Results read again: the JSON lines of `vovdet detect`, or COCO's result list.

use crate::pictures::DrawnObject;
use anyhow::{Context, Result, bail};
use hotcoco::Rle;
use hotcoco::mask::{fr_polys, rle_from_string};
use serde::Deserialize;
use serde_json::Value;
use std::collections::{BTreeMap, HashMap};
use std::path::Path;
use vovdet_datasets::lines::Line;

/// The results of one image.
#[derive(Debug)]
pub struct ImageResults {
    /// What the file knows of the image.
    pub image: ImageName,
    /// What was found in it.
    pub objects: Vec<Saved>,
}

/// What results say of their image.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum ImageName {
    /// Its path, in JSON lines.
    Path(String),
    /// Its id, in COCO results; a text for ids that are none.
    Id(String),
}

/// An object as a file holds it.
#[derive(Debug)]
pub struct Saved {
    bbox: Option<[f32; 4]>,
    score: f32,
    label: Option<String>,
    category_id: u32,
    segmentation: Option<Value>,
}

#[derive(Deserialize)]
struct CocoResult {
    image_id: Value,
    category_id: u32,
    score: f32,
    bbox: Option<[f32; 4]>,
    segmentation: Option<Value>,
}

/// Reads results, image by image in the order of the file.
///
/// # Errors
/// When the file holds none; the message says what it should hold.
pub fn read(path: &Path) -> Result<Vec<ImageResults>> {
    let shown = || path.display().to_string();
    let text = std::fs::read_to_string(path).with_context(shown)?;
    let start = text.trim_start();
    if start.starts_with('[') {
        let results = serde_json::from_str(start).with_context(|| format!("{} is no list of COCO results", shown()))?;
        return Ok(by_image(results));
    }
    if !start.starts_with('{') {
        bail!("{} holds no results: give COCO results, or the JSON lines of `vovdet detect`", shown());
    }
    if let Ok(Value::Object(whole)) = serde_json::from_str(start)
        && whole.contains_key("annotations")
    {
        bail!("{} is a data set and not its results: give it with --annotations", shown());
    }
    let mut images = Vec::new();
    for (number, line) in text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty()) {
        let line: Value = serde_json::from_str(line).with_context(|| format!("{}, line {}", shown(), number + 1))?;
        // An image that could not be read has nothing to be drawn.
        if line.get("error").is_some() {
            continue;
        }
        let line: Line = serde_json::from_value(line)
            .with_context(|| format!("{}, line {} is none of `vovdet detect`", shown(), number + 1))?;
        let object = |object: vovdet_datasets::lines::Object| Saved {
            bbox: Some(object.bbox),
            score: object.score,
            label: Some(object.label),
            category_id: object.category_id,
            segmentation: object.mask.and_then(|mask| serde_json::to_value(mask).ok()),
        };
        let objects = line.detections.into_iter().map(object).collect();
        images.push(ImageResults { image: ImageName::Path(line.image), objects });
    }
    Ok(images)
}

fn by_image(results: Vec<CocoResult>) -> Vec<ImageResults> {
    let mut places: HashMap<String, usize> = HashMap::new();
    let mut images: Vec<ImageResults> = Vec::new();
    for result in results {
        let id = result.image_id.as_str().map_or_else(|| result.image_id.to_string(), String::from);
        let place = *places.entry(id.clone()).or_insert_with(|| {
            images.push(ImageResults { image: ImageName::Id(id), objects: Vec::new() });
            images.len() - 1
        });
        images[place].objects.push(Saved {
            bbox: result.bbox.map(|[x, y, w, h]| [x, y, x + w, y + h]),
            score: result.score,
            label: None,
            category_id: result.category_id,
            segmentation: result.segmentation,
        });
    }
    images
}

impl Saved {
    /// Id of its class.
    pub fn category_id(&self) -> u32 {
        self.category_id
    }

    /// Name of its class, where the file has it.
    pub fn label(&self) -> Option<&str> {
        self.label.as_deref()
    }

    /// The object in an image of `size` (width, height). Its class is named by `names` where the file does not; its box is
    /// that of its mask where the file has none. `None` for an object without a place.
    pub fn found(self, (w, h): (u32, u32), names: &BTreeMap<u32, String>) -> Option<DrawnObject> {
        let mask = self.segmentation.as_ref().and_then(|value| rle(value, w, h));
        let of_mask = |mask: &Rle| {
            let [x, y, w, h] = hotcoco::mask::to_bbox(mask).map(|v| v as f32);
            [x, y, x + w, y + h]
        };
        let bbox = self.bbox.or_else(|| mask.as_ref().map(of_mask))?;
        let id = self.category_id;
        let label = self.label.or_else(|| names.get(&id).cloned()).unwrap_or_else(|| format!("class {id}"));
        Some(DrawnObject { bbox, score: self.score, label, category_id: id, mask })
    }
}

/// COCO's three forms of a mask; `None` for what is none of an image of `w` x `h` pixels.
fn rle(value: &Value, w: u32, h: u32) -> Option<Rle> {
    if let Some(polygons) = value.as_array() {
        let polygon = |polygon: &Value| polygon.as_array()?.iter().map(Value::as_f64).collect::<Option<Vec<_>>>();
        let polygons: Vec<_> = polygons.iter().map(polygon).collect::<Option<_>>()?;
        return fr_polys(&polygons, h, w).ok();
    }
    if value.get("size")? != &serde_json::json!([h, w]) {
        return None;
    }
    match value.get("counts")? {
        Value::String(counts) => rle_from_string(counts, h, w).ok(),
        counts => {
            let counts: Vec<u32> = serde_json::from_value(counts.clone()).ok()?;
            hotcoco::mask::check_counts(&counts, h, w).ok()?;
            Some(Rle { h, w, counts })
        }
    }
}
