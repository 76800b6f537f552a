//! COCO's result list: what pycocotools' `loadRes` reads.

use super::{Entry, Problems};
use anyhow::Result;
use serde::Serialize;
use std::collections::HashMap;
use std::io::{self, Write};
use std::path::Path;
use vovdet_datasets::annotations::{Ids, number_in};
use vovdet_datasets::lines::{Line, Mask, xywh};

/// A detection in COCO's form. An image's id is a number in COCO and a text in VOC.
#[derive(Debug, Serialize)]
pub struct CocoResult<I> {
    /// Its image.
    pub image_id: I,
    /// Its class.
    pub category_id: u64,
    /// `[x, y, width, height]` in pixels.
    pub bbox: [f32; 4],
    /// Confidence in 0..1.
    pub score: f32,
    /// Its pixels.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub segmentation: Option<Mask>,
}

/// The id of an image without annotations: the number in its file name, else its place in the run, from 1.
pub fn image_id(index: usize, stem: &str) -> u64 {
    number_in(stem).unwrap_or(index as u64 + 1)
}

/// Writes the results of all images as one list.
pub fn write(
    to: &mut impl Write,
    entries: impl Iterator<Item = Result<Entry>>,
    ids: Option<&Ids>,
    plus_one: f32,
    problems: &mut Problems,
) -> Result<()> {
    let mut taken: HashMap<u64, String> = HashMap::new();
    let mut first = true;
    write!(to, "[")?;
    for entry in entries {
        let Entry { index, line, .. } = entry?;
        let Ok(Line { image, detections, .. }) = line else { continue };
        let id = match ids {
            Some(ids) => ids.image(Path::new(&image)).filter(|_| image != "-"),
            None => {
                let stem = Path::new(&image).file_stem().unwrap_or_default().to_string_lossy();
                Some(image_id(index, if image == "-" { "stdin" } else { &stem }))
            }
        };
        let Some(image_id) = id else {
            problems.left_out += 1;
            problems.said.push(format!("{image}: is not in the annotation file, so it has no results there"));
            continue;
        };
        if let Some(other) = taken.insert(image_id, image.clone()) {
            problems.said.push(format!("{image} and {other} both have the image id {image_id}"));
        }
        for object in detections {
            let category = ids.and_then(|ids| ids.category(&object.label));
            let result = CocoResult {
                image_id,
                category_id: category.unwrap_or_else(|| object.category_id.into()),
                bbox: xywh(object.bbox, plus_one),
                score: object.score,
                segmentation: object.mask,
            };
            if !std::mem::take(&mut first) {
                write!(to, ",")?;
            }
            serde_json::to_writer(&mut *to, &result).map_err(io::Error::from)?;
        }
    }
    Ok(write!(to, "]")?)
}
