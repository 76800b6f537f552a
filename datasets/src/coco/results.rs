//! Detections of a data set: the list of results that pycocotools' `loadRes` takes, or the lines that a run keeps.

use super::ids::{self, Id};
use super::{CocoData, of_lines};
use crate::lines::Answer;
use crate::{Error, Result};
use hotcoco::mask::RleRef;
use hotcoco::{Annotation, COCO, Segmentation};
use rayon::prelude::*;
use serde::de::{self, Deserializer, IgnoredAny, SeqAccess, Visitor};
use serde::{Deserialize, Serialize};
use std::fmt;
use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Files larger than this are read by several threads.
const WORTH_SPLITTING: usize = 1 << 20;

/// One detection as files write it; what else they say of it is not needed.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Record {
    pub image_id: Id,
    pub category_id: Id,
    #[serde(default, deserialize_with = "box_or_nothing", skip_serializing_if = "Option::is_none")]
    pub bbox: Option<[f64; 4]>,
    pub score: f64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub segmentation: Option<Segmentation>,
}

/// Results inside an object: a data set whose annotations are the results, or a line that a run keeps.
#[derive(Debug, Deserialize)]
struct Wrapped {
    #[serde(default, alias = "annotations")]
    results: Option<Vec<Record>>,
}

/// Detections of a data set.
pub struct Results {
    /// The detections, indexed.
    pub coco: Arc<COCO>,
    /// Whether every result has a mask of its own.
    pub masks: bool,
    /// What is odd about them, a sentence each.
    pub notes: Vec<String>,
}

/// Results as their file says them, not yet of a data set.
pub struct RawResults {
    path: PathBuf,
    content: Content,
}

enum Content {
    /// Results that name images and categories by their ids.
    Records(Vec<Record>),
    /// Images and classes by name.
    Lines(Vec<Answer>),
}

/// Writes results as COCO's list.
pub(super) fn write_list(records: &[Record], file: &File) -> io::Result<()> {
    let mut file = BufWriter::new(file);
    serde_json::to_writer(&mut file, records)?;
    file.flush()
}

impl RawResults {
    /// Reads COCO results, a data set whose annotations are results, the lines that a run of `vovdet eval` keeps, or the
    /// JSON lines of `vovdet detect`.
    ///
    /// # Errors
    /// When the file cannot be read or is none of these.
    pub fn read(path: &Path) -> Result<Self> {
        let _span = tracing::debug_span!("results", path = %path.display()).entered();
        let text = vovdet_files::read_bounded(path, super::MAX_BYTES)?;
        let text = crate::text::unmarked(&text);
        if let Some(lines) = of_lines::lines(text) {
            let lines =
                lines.map_err(|e| Error::content(path, format!("is no file of `vovdet detect`'s JSON lines: {e}")))?;
            return Ok(Self { path: path.to_path_buf(), content: Content::Lines(lines) });
        }
        let records = records(text).map_err(|error| match no_number(text) {
            Some((word, result)) => Error::content(
                path,
                format!(
                    "result {result} holds {word}, which is no number; a network that diverged writes such results, \
                     leave them out"
                ),
            ),
            None => not_results(path, error),
        })?;
        Ok(Self { path: path.to_path_buf(), content: Content::Records(records) })
    }
}

/// A result as its file says it: image and category (ids, or names), box `[x, y, width, height]`, score.
pub type RawBox = (String, String, Option<[f64; 4]>, f64);

impl RawResults {
    /// The results without their masks.
    pub fn boxes(&self) -> Box<dyn Iterator<Item = RawBox> + '_> {
        let of_record = |r: &Record| (ids::text(&r.image_id), ids::text(&r.category_id), r.bbox, r.score);
        match &self.content {
            Content::Records(records) => Box::new(records.iter().map(of_record)),
            Content::Lines(lines) => Box::new(of_lines::boxes(lines)),
        }
    }

    /// Whether classes are named instead of numbered.
    pub fn has_names(&self) -> bool {
        matches!(self.content, Content::Lines(_))
    }
}

impl CocoData {
    /// Results with ids, and what is odd about those that had names.
    ///
    /// # Errors
    /// See [`Self::records_of_lines`].
    pub(super) fn records(&self, RawResults { path, content }: RawResults) -> Result<(Vec<Record>, Vec<String>)> {
        match content {
            Content::Records(records) => Ok((records, Vec::new())),
            Content::Lines(lines) => self.records_of_lines(&path, lines),
        }
    }

    /// Takes results as detections of this data set; those with a score below `min_score` are left out.
    ///
    /// # Errors
    /// When a result is of an image that the data set does not have, or some have neither box nor mask.
    pub fn results(&self, raw: RawResults, min_score: Option<f64>) -> Result<Results> {
        let path = raw.path.clone();
        let (records, mut notes) = self.records(raw)?;
        let count = records.len();
        let boxes = records.iter().filter(|record| record.bbox.is_some()).count();
        let masks = records.iter().filter(|record| record.segmentation.is_some()).count();
        if boxes < count && masks < count {
            return Err(neither(&path, count, boxes, masks));
        }
        let mut unknown_categories = 0;
        let mut annotations = Vec::with_capacity(count);
        for (index, mut record) in records.into_iter().enumerate() {
            record.bbox = record.bbox.filter(|_| boxes == count);
            let score = record.score;
            let annotation =
                self.detection(record).map_err(|what| Error::content(&path, format!("result {} {what}", index + 1)))?;
            unknown_categories += usize::from(annotation.is_none());
            annotations.extend(annotation.filter(|_| min_score.is_none_or(|least| score >= least)));
        }
        if unknown_categories > 0 {
            notes.push(self.unknown_categories(&path, unknown_categories));
        }
        notes.extend(self.strange_masks(&path, &annotations));
        notes.iter().for_each(|note| tracing::info!("{note}"));
        let coco = self.coco.load_res_anns(annotations).map_err(|e| Error::content(&path, e))?;
        Ok(Results { coco: Arc::new(coco), masks: count > 0 && masks == count, notes })
    }
}

impl CocoData {
    /// The image of a result.
    ///
    /// # Errors
    /// When there is none; the clause stands behind the result's name.
    pub(super) fn image(&self, id: &Id) -> Result<u64, String> {
        let known = self.names.known(id).filter(|id| self.coco.get_img(*id).is_some());
        known.ok_or_else(|| format!("is of image {}, which {} does not have", ids::text(id), self.path.display()))
    }

    /// The category of a result, if the data set has it.
    pub(super) fn category(&self, id: &Id) -> Option<u64> {
        self.names.known(id).filter(|id| self.coco.get_cat(*id).is_some())
    }

    /// As in pycocotools results of other categories take part in nothing; there nobody says so.
    pub(super) fn unknown_categories(&self, path: &Path, count: usize) -> String {
        let (shown, data) = (path.display(), self.path.display());
        format!("{shown}: {count} results are of categories that {data} does not have; they count for nothing")
    }

    /// As in pycocotools a mask of another size than the object's matches nothing; there nobody says so.
    fn strange_masks(&self, path: &Path, annotations: &[Annotation]) -> Option<String> {
        let sizes = annotations.iter().filter_map(|annotation| {
            let (h, w) = match annotation.segmentation.as_ref()?.rle_ref()? {
                RleRef::Compressed { h, w, .. } | RleRef::Runs { h, w, .. } => (h, w),
            };
            let image = self.coco.get_img(annotation.image_id).filter(|image| image.width > 0 && image.height > 0)?;
            ((h, w) != (image.height, image.width)).then_some((w, h, image.width, image.height))
        });
        let strange: Vec<_> = sizes.collect();
        let (w, h, width, height) = strange.first()?;
        let n = strange.len();
        Some(format!(
            "{}: {n} masks have another size than their image, the first {w}x{h} in one of {width}x{height}; such masks \
             match nothing",
            path.display()
        ))
    }

    /// A result as a detection of this data set; `None` when its category is not there.
    ///
    /// # Errors
    /// When it is of no image of the data set, or its mask cannot be drawn; the clause stands behind the result's name.
    pub(super) fn detection(&self, record: Record) -> Result<Option<Annotation>, String> {
        let image_id = self.image(&record.image_id)?;
        let Some(category_id) = self.category(&record.category_id) else { return Ok(None) };
        let annotation = Annotation {
            image_id,
            category_id,
            bbox: record.bbox,
            score: Some(record.score),
            segmentation: record.segmentation,
            ..Annotation::default()
        };
        if super::outline_fits(&annotation) { Ok(Some(annotation)) } else { Err(super::TOO_LONG.into()) }
    }
}

pub(super) fn not_results(path: &Path, why: impl fmt::Display) -> Error {
    let form = "is not a list of COCO results (image_id, category_id, score, bbox or segmentation)";
    Error::content(path, format!("{form}: {why}"))
}

pub(super) fn neither(path: &Path, count: usize, boxes: usize, masks: usize) -> Error {
    let what = "all must have the one or the other";
    Error::content(path, format!("of {count} results {boxes} have a box and {masks} a mask; {what}"))
}

/// The image and the detections of one line that a run keeps.
///
/// # Errors
/// When it is no such line, or its image is not in the data set.
pub fn line_records(line: &str, data: &CocoData) -> Result<(u64, Vec<Annotation>)> {
    #[derive(Deserialize)]
    struct Line {
        image_id: Id,
        results: Vec<Record>,
    }
    let refused = |what: String| Error::content(&data.path, format!("a kept line of results {what}"));
    let Line { image_id, results } = serde_json::from_str(line).map_err(|e| refused(format!("is none: {e}")))?;
    let image = data.image(&image_id).map_err(refused)?;
    let detections = results.into_iter().map(|record| data.detection(record));
    let detections = detections.collect::<Result<Vec<_>, String>>().map_err(refused)?;
    Ok((image, detections.into_iter().flatten().collect()))
}

/// A `NaN` or `Infinity` outside of texts, which Python writes and JSON does not know, and the number of its result.
fn no_number(text: &[u8]) -> Option<(&'static str, usize)> {
    let (mut quoted, mut escaped, mut depth, mut result) = (false, false, 0_u32, 0);
    for (at, byte) in text.iter().enumerate() {
        match byte {
            _ if std::mem::take(&mut escaped) => {}
            b'\\' if quoted => escaped = true,
            b'"' => quoted = !quoted,
            _ if quoted => {}
            b'{' => {
                depth += 1;
                result += usize::from(depth == 1);
            }
            b'}' => depth = depth.saturating_sub(1),
            b'N' if text[at..].starts_with(b"NaN") => return Some(("NaN", result)),
            b'I' if text[at..].starts_with(b"Infinity") => return Some(("Infinity", result)),
            _ => {}
        }
    }
    None
}

fn records(text: &[u8]) -> serde_json::Result<Vec<Record>> {
    match text.iter().find(|byte| !byte.is_ascii_whitespace()) {
        Some(b'{') => {
            let parts = serde_json::Deserializer::from_slice(text).into_iter::<Wrapped>();
            let parts = parts.collect::<serde_json::Result<Vec<_>>>()?;
            if parts.iter().all(|part| part.results.is_none()) {
                return Err(de::Error::missing_field("annotations"));
            }
            Ok(parts.into_iter().flat_map(|part| part.results.unwrap_or_default()).collect())
        }
        Some(b'[') if text.len() > WORTH_SPLITTING => match in_parts(text) {
            Some(records) => Ok(records),
            None => serde_json::from_slice(text),
        },
        _ => serde_json::from_slice(text),
    }
}

/// Reads a list in parts, each by a thread of its own. `None` when the guessed borders between parts are none, or
/// something is wrong: reading it all in order then says what.
fn in_parts(text: &[u8]) -> Option<Vec<Record>> {
    let first = text.iter().position(|byte| *byte == b'{')?;
    let parts = 4 * rayon::current_num_threads();
    let mut borders = vec![first];
    for part in 1..parts {
        let border = next_record(text, part * text.len() / parts)?;
        if border > *borders.last()? {
            borders.push(border);
        }
    }
    let ends = borders.iter().skip(1).map(|&end| Some(end)).chain([None]);
    let ranges: Vec<_> = borders.iter().copied().zip(ends).collect();
    let read: Vec<_> = ranges.into_par_iter().map(|(start, end)| part(text, start, end)).collect::<Option<_>>()?;
    Some(read.into_iter().flatten().collect())
}

/// Where a record seems to begin at or after `from`: at a brace that follows a closing brace and a comma.
fn next_record(text: &[u8], from: usize) -> Option<usize> {
    let blank = |byte: &&u8| !byte.is_ascii_whitespace();
    let mut at = from;
    loop {
        at += text.get(at..)?.iter().position(|byte| *byte == b'{')?;
        let mut before = text[..at].iter().rev().filter(blank);
        if before.next() == Some(&b',') && before.next() == Some(&b'}') {
            return Some(at);
        }
        at += 1;
    }
}

/// The records from `start` to exactly `end`, or to the list's end.
fn part(text: &[u8], start: usize, end: Option<usize>) -> Option<Vec<Record>> {
    let mut records = Vec::new();
    let mut at = start;
    loop {
        let mut stream = serde_json::Deserializer::from_slice(&text[at..]).into_iter::<Record>();
        records.push(stream.next()?.ok()?);
        at += stream.byte_offset();
        at += text[at..].iter().position(|byte| !byte.is_ascii_whitespace())?;
        match (text[at], end) {
            (b',', _) => at += 1,
            (b']', None) => {
                let rest = &text[at + 1..];
                return rest.iter().all(u8::is_ascii_whitespace).then_some(records);
            }
            _ => return None,
        }
        at += text[at..].iter().position(|byte| !byte.is_ascii_whitespace())?;
        match end {
            Some(end) if at == end => return Some(records),
            Some(end) if at > end => return None,
            _ => {}
        }
    }
}

/// Four numbers, or an empty list or null for a result without a box.
pub(super) fn box_or_nothing<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<[f64; 4]>, D::Error> {
    struct BoxVisitor;
    impl<'de> Visitor<'de> for BoxVisitor {
        type Value = Option<[f64; 4]>;

        fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
            f.write_str("a box [x, y, width, height]")
        }

        fn visit_unit<E: de::Error>(self) -> Result<Self::Value, E> {
            Ok(None)
        }

        fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Self::Value, A::Error> {
            let mut numbers = [0.0; 4];
            for (index, number) in numbers.iter_mut().enumerate() {
                match list.next_element()? {
                    Some(value) => *number = value,
                    None if index == 0 => return Ok(None),
                    None => return Err(de::Error::invalid_length(index, &self)),
                }
            }
            match list.next_element::<IgnoredAny>()? {
                None => Ok(Some(numbers)),
                Some(_) => Err(de::Error::invalid_length(5, &self)),
            }
        }
    }
    deserializer.deserialize_any(BoxVisitor)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn a_long_list_in_parts_is_the_list() {
        // A caption that looks like a border, records over several lines, and enough of them to be split.
        let record = |i: usize| {
            format!(
                "{{\"image_id\": {i},\n \"category_id\": 1, \"bbox\": [{i}, 2, 3, 4.5], \"score\": 0.{i}, \"x\": {{}}}}"
            )
        };
        let list = |n: usize| format!(" [{}]\n", (0..n).map(record).collect::<Vec<_>>().join(",\n "));
        let text = list(20_000);
        assert!(text.len() > WORTH_SPLITTING);
        let parts = in_parts(text.as_bytes()).unwrap();
        assert_eq!(parts.len(), 20_000);
        assert!(parts.iter().enumerate().all(|(i, r)| r.bbox == Some([i as f64, 2.0, 3.0, 4.5])));
        let cut = &text[..text.len() - 3];
        assert!(in_parts(cut.as_bytes()).is_none() && records(cut.as_bytes()).is_err());
        let misleading = text.replace("\"x\": {}", "\"x\": [{},{}]");
        assert_eq!(records(misleading.as_bytes()).unwrap().len(), 20_000);
    }

    #[test]
    fn what_python_writes_for_no_number_is_found() {
        let text = br#"[{"score": 1, "caption": "NaN \" {Infinity"}, {"a": {"b": 1}}, {"bbox": [1, -Infinity]}]"#;
        assert_eq!(no_number(text), Some(("Infinity", 3)));
        assert_eq!(no_number(br#"[{"caption": "NaN"}"#), None);
    }

    #[test]
    fn boxes_are_four_numbers_or_none() {
        let read = |bbox: &str| {
            records(format!(r#"[{{"image_id":1,"category_id":1,"score":1,"bbox":{bbox}}}]"#).as_bytes())
                .map(|r| r[0].bbox)
        };
        assert_eq!(read("[]").unwrap(), None);
        assert_eq!(read("null").unwrap(), None);
        assert!(read("[1,2,3]").is_err() && read("[1,2,3,4,5]").is_err());
    }
}
