//! The JSON lines of `vovdet detect` as results of a data set: their images and classes have names instead of ids.

use super::CocoData;
use super::ids::Id;
use super::results::{RawBox, Record};
use crate::annotations::Ids;
use crate::lines::{Answer, Object, xywh};
use crate::{Error, Result};
use hotcoco::Segmentation;
use serde::Deserialize;
use serde::de::IgnoredAny;
use std::path::Path;

/// The lines, if the text begins with one.
pub(super) fn lines(text: &[u8]) -> Option<serde_json::Result<Vec<Answer>>> {
    #[derive(Deserialize)]
    struct Head {
        #[serde(rename = "image")]
        _image: String,
        #[serde(rename = "detections", alias = "error")]
        _answer: IgnoredAny,
    }
    let mut first = serde_json::Deserializer::from_slice(text).into_iter::<Head>();
    first.next()?.ok()?;
    Some(serde_json::Deserializer::from_slice(text).into_iter().collect())
}

impl CocoData {
    /// The results of lines, and what is odd about them.
    ///
    /// # Errors
    /// When no line is of an image of this data set.
    pub(super) fn records_of_lines(&self, path: &Path, answers: Vec<Answer>) -> Result<(Vec<Record>, Vec<String>)> {
        let dataset = &self.coco.dataset;
        let images = dataset.images.iter().map(|image| (image.id, image.file_name.as_str()));
        let ids = Ids::new(images, dataset.categories.iter().map(|category| (category.id, category.name.as_str())));
        let (mut records, mut elsewhere, mut unknown, mut failed) = (Vec::new(), Vec::new(), Vec::new(), 0);
        let count = answers.len();
        for answer in answers {
            let Answer::Found(line) = answer else {
                failed += 1;
                continue;
            };
            let Some(image) = ids.image(Path::new(&line.image)) else {
                elsewhere.push(line.image);
                continue;
            };
            let plus_one = f32::from(u8::from(line.last_pixel_inside));
            for object in line.detections {
                match category(&object, &ids) {
                    Some(category) => records.push(record(image, category, object, plus_one)),
                    None => unknown.push(object.label),
                }
            }
        }
        let (shown, data) = (path.display(), self.path.display());
        if !elsewhere.is_empty() && elsewhere.len() + failed == count {
            return Err(Error::content(path, format!("is of other images than {data}, which has no {}", elsewhere[0])));
        }
        let about = |count: usize, what: String| (count > 0).then(|| format!("{shown}: {count} {what}"));
        let first = |names: &[String]| names.first().cloned().unwrap_or_default();
        let notes = [
            about(failed, "images could not be read by `vovdet detect`; nothing is found in them".into()),
            about(
                elsewhere.len(),
                format!("images are not in {data} and count for nothing; the first is {}", first(&elsewhere)),
            ),
            about(
                unknown.len(),
                format!(
                    "detections are of classes that {data} does not have, {} the first; they count for nothing",
                    first(&unknown)
                ),
            ),
        ];
        Ok((records, notes.into_iter().flatten().collect()))
    }
}

/// The category of an object, by its name; a model that knows no names calls its classes after their ids.
fn category(object: &Object, ids: &Ids) -> Option<u64> {
    let nameless = || (object.label == format!("class {}", object.category_id)).then_some(object.category_id.into());
    ids.category(&object.label).or_else(nameless)
}

fn record(image: u64, category: u64, object: Object, plus_one: f32) -> Record {
    Record {
        image_id: Id::Number(image),
        category_id: Id::Number(category),
        bbox: Some(xywh(object.bbox, plus_one).map(as_written)),
        score: as_written(object.score),
        segmentation: object.mask.map(|mask| Segmentation::CompressedRle { size: mask.size, counts: mask.counts }),
    }
}

/// Every object of lines as VOC's evaluation takes results: the file name without its extension is the image's id.
pub(super) fn boxes(answers: &[Answer]) -> impl Iterator<Item = RawBox> {
    let found = answers.iter().filter_map(|answer| match answer {
        Answer::Found(line) => Some(line),
        Answer::Failed(_) => None,
    });
    found.flat_map(|line| {
        let (stem, plus_one) = (crate::stem(Path::new(&line.image)), f32::from(u8::from(line.last_pixel_inside)));
        line.detections.iter().map(move |object| {
            let bbox = xywh(object.bbox, plus_one).map(as_written);
            (stem.clone(), object.label.clone(), Some(bbox), as_written(object.score))
        })
    })
}

/// The number that COCO results would hold: there the shortest decimal of a float stands.
fn as_written(number: f32) -> f64 {
    number.to_string().parse().unwrap_or_else(|_| number.into())
}
