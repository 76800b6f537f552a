//! Results image by image, from files that may be larger than memory: of each only its place in its file is kept.

use super::ids::Id;
use super::results::{Record, box_or_nothing, not_results, write_list};
use super::{CocoData, RawResults};
use crate::{Error, Result};
use hotcoco::Annotation;
use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::value::RawValue;
use std::collections::HashSet;
use std::fs::File;
use std::io::{BufRead, BufReader, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

/// Results of the images of a data set, in lists (COCO's form) and files of lines that runs keep.
pub struct ResultFiles<'a> {
    data: &'a CocoData,
    files: Vec<Opened>,
    places: Vec<Place>,
    sorted: bool,
    all: usize,
    boxes: usize,
    masks: usize,
    unknown: usize,
    /// What is odd about them, a sentence each.
    pub notes: Vec<String>,
}

struct Opened {
    path: PathBuf,
    reader: BufReader<File>,
    /// Where the reader is.
    at: u64,
    /// Whether a place is a line of an image; else it is one result.
    lines: bool,
}

/// Where some results of an image are.
struct Place {
    image: u64,
    offset: u64,
    length: u32,
    file: u32,
}

/// What must be known of a result before it is read.
#[derive(Deserialize)]
struct Sketch {
    image_id: Id,
    category_id: Id,
    #[serde(default, deserialize_with = "box_or_nothing")]
    bbox: Option<[f64; 4]>,
    #[serde(rename = "score")]
    _score: f64,
    #[serde(default)]
    segmentation: Option<IgnoredAny>,
}

/// A line that a run keeps; those that say what the run is, or that an image failed, have no results.
#[derive(Deserialize)]
struct Line<T> {
    image_id: Option<Id>,
    results: Option<Vec<T>>,
}

impl<'a> ResultFiles<'a> {
    /// No results of a data set.
    pub fn new(data: &'a CocoData) -> Self {
        Self {
            data,
            files: Vec::new(),
            places: Vec::new(),
            sorted: true,
            all: 0,
            boxes: 0,
            masks: 0,
            unknown: 0,
            notes: Vec::new(),
        }
    }

    /// Adds the results of `images` in a file: COCO's list, a data set whose annotations are results, the lines that a run
    /// keeps, or the JSON lines of `vovdet detect`.
    ///
    /// # Errors
    /// When the file cannot be read or is none of these, or a result is of an image that the data set does not have.
    pub fn add(&mut self, path: &Path, images: &HashSet<u64>) -> Result<()> {
        let file = u32::try_from(self.files.len()).map_err(|_| Error::content(path, "is one file too many"))?;
        let mut reader = BufReader::new(vovdet_files::open(path)?);
        let lines = match starts(&mut reader).map_err(Error::io(path))? {
            Start::List => false,
            Start::Lines => true,
            Start::Other => {
                // A data set around the results, or lines that name their images: as a list they are read as the others are.
                let temporary = Error::io(&std::env::temp_dir());
                let (records, notes) = self.data.records(RawResults::read(path)?)?;
                self.notes.extend(notes);
                let written = tempfile::tempfile().and_then(|list| write_list(&records, &list).map(|()| list));
                let list = written.map_err(temporary)?;
                reader = BufReader::new(list);
                false
            }
        };
        reader.rewind().map_err(Error::io(path))?;
        let unknown = self.unknown;
        match lines {
            true => self.index_lines(path, &mut reader, file, images)?,
            false => self.index_list(path, &mut reader, file, images)?,
        }
        if self.unknown > unknown {
            self.notes.push(self.data.unknown_categories(path, self.unknown - unknown));
        }
        reader.rewind().map_err(Error::io(path))?;
        self.files.push(Opened { path: path.into(), reader, at: 0, lines });
        self.sorted = false;
        Ok(())
    }

    fn index_list(&mut self, path: &Path, reader: &mut impl BufRead, file: u32, images: &HashSet<u64>) -> Result<()> {
        let mut index = 0;
        let each = |offset, text: &[u8]| {
            index += 1;
            let refused = |what: &str| Error::content(path, format!("result {index} {what}"));
            let sketch: Sketch = serde_json::from_slice(text).map_err(|e| not_results(path, e))?;
            let image = self.data.image(&sketch.image_id).map_err(|what| refused(&what))?;
            self.count(&sketch);
            if images.contains(&image) {
                let length = u32::try_from(text.len()).map_err(|_| refused("is too long"))?;
                self.places.push(Place { image, offset, length, file });
            }
            Ok(())
        };
        items(reader, path, each)
    }

    fn index_lines(&mut self, path: &Path, reader: &mut impl BufRead, file: u32, images: &HashSet<u64>) -> Result<()> {
        let mut text = Vec::new();
        let mut offset = 0;
        for number in 1.. {
            let refused = |what: &dyn std::fmt::Display| Error::content(path, format!("line {number} {what}"));
            text.clear();
            let length = reader.read_until(b'\n', &mut text).map_err(Error::io(path))?;
            if length == 0 {
                break;
            }
            let line: Line<Sketch> =
                serde_json::from_slice(&text).map_err(|e| refused(&format!("holds no results: {e}")))?;
            if let (Some(id), Some(results)) = (line.image_id, line.results) {
                let image = self.data.image(&id).map_err(|what| refused(&what))?;
                results.iter().for_each(|sketch| self.count(sketch));
                if images.contains(&image) {
                    let length = u32::try_from(length).map_err(|_| refused(&"is too long"))?;
                    self.places.push(Place { image, offset, length, file });
                }
            }
            offset += length as u64;
        }
        Ok(())
    }

    fn count(&mut self, sketch: &Sketch) {
        self.all += 1;
        self.boxes += usize::from(sketch.bbox.is_some());
        self.masks += usize::from(sketch.segmentation.is_some());
        self.unknown += usize::from(self.data.category(&sketch.category_id).is_none());
    }

    /// Whether every result of the files has a mask of its own.
    ///
    /// # Errors
    /// When some have neither box nor mask.
    pub fn masks(&self) -> Result<bool> {
        let Self { all, boxes, masks, .. } = *self;
        if boxes < all && masks < all {
            let paths: Vec<_> = self.files.iter().map(|file| file.path.display().to_string()).collect();
            return Err(super::results::neither(paths.join(", ").as_ref(), all, boxes, masks));
        }
        Ok(all > 0 && masks == all)
    }

    /// The detections of an image, in the order of their files; `raw` gets each result as it is written there.
    ///
    /// # Errors
    /// When a file has changed, or `raw` fails.
    pub fn read<E: From<Error>>(
        &mut self,
        image: u64,
        mut raw: impl FnMut(&str) -> Result<(), E>,
    ) -> Result<Vec<Annotation>, E> {
        if !std::mem::replace(&mut self.sorted, true) {
            // Stable: results of an image stay in their order.
            self.places.sort_by_key(|place| place.image);
        }
        let first = self.places.partition_point(|place| place.image < image);
        let mut detections = Vec::new();
        let mut text = Vec::new();
        for place in self.places[first..].iter().take_while(|place| place.image == image) {
            // Files have been added before their places.
            let file = &mut self.files[place.file as usize];
            let path = file.path.as_path();
            text.resize(place.length as usize, 0);
            // Mostly a small step or none, within what was read already.
            file.reader.seek_relative(place.offset as i64 - file.at as i64).map_err(Error::io(path))?;
            file.reader.read_exact(&mut text).map_err(Error::io(path))?;
            file.at = place.offset + u64::from(place.length);
            let text = std::str::from_utf8(&text).map_err(|e| Error::content(path, e))?;
            let mut one = |text: &str| -> Result<(), E> {
                let mut record: Record = serde_json::from_str(text).map_err(|e| Error::content(path, e))?;
                record.bbox = record.bbox.filter(|_| self.boxes == self.all);
                let detection = self.data.detection(record);
                detections.extend(detection.map_err(|what| Error::content(path, format!("a result {what}")))?);
                raw(text)
            };
            if file.lines {
                let line: Line<&RawValue> = serde_json::from_str(text).map_err(|e| Error::content(path, e))?;
                for result in line.results.unwrap_or_default() {
                    one(result.get())?;
                }
            } else {
                one(text)?;
            }
        }
        Ok(detections)
    }
}

/// What a file of results looks like.
enum Start {
    List,
    Lines,
    Other,
}

fn starts(reader: &mut (impl BufRead + Seek)) -> std::io::Result<Start> {
    #[derive(Deserialize)]
    struct Head {
        #[serde(rename = "vovdet_eval")]
        _version: u64,
    }
    let mut first = [b' '];
    while first[0].is_ascii_whitespace() && reader.read(&mut first)? == 1 {}
    if first[0] != b'{' {
        // An empty file too: it is none.
        return Ok(Start::List);
    }
    reader.seek(SeekFrom::Current(-1))?;
    // The head of a run is short; a data set may be a single line.
    let mut line = Vec::new();
    reader.take(1 << 16).read_until(b'\n', &mut line)?;
    Ok(if serde_json::from_slice::<Head>(&line).is_ok() { Start::Lines } else { Start::Other })
}

/// Gives the objects of a JSON list one by one, each with the place where it begins; `path` is named when the file is no
/// such list.
fn items(reader: &mut impl BufRead, path: &Path, mut each: impl FnMut(u64, &[u8]) -> Result<()>) -> Result<()> {
    let (mut begun, mut ended) = (false, false);
    let (mut depth, mut in_text, mut escaped) = (0_usize, false, false);
    let mut item = Vec::new();
    let mut base = 0;
    loop {
        let block = reader.fill_buf().map_err(Error::io(path))?;
        let length = block.len();
        if length == 0 {
            break;
        }
        // Where the part of the item in this block begins.
        let mut from = 0;
        for (at, byte) in block.iter().enumerate() {
            match byte {
                _ if in_text => match byte {
                    _ if escaped => escaped = false,
                    b'\\' => escaped = true,
                    b'"' => in_text = false,
                    _ => {}
                },
                b'"' if depth > 0 => in_text = true,
                b'{' | b'[' if depth > 0 => depth += 1,
                b'}' | b']' if depth > 0 => {
                    depth -= 1;
                    if depth == 0 {
                        item.extend_from_slice(&block[from..=at]);
                        each(base + at as u64 + 1 - item.len() as u64, &item)?;
                        item.clear();
                    }
                }
                _ if depth > 0 => {}
                b'{' if begun && !ended => (depth, from) = (1, at),
                b'[' if !begun => begun = true,
                b']' if begun && !ended => ended = true,
                b',' if begun && !ended => {}
                byte if byte.is_ascii_whitespace() => {}
                _ => return Err(not_results(path, format!("byte {} is not expected there", base + at as u64 + 1))),
            }
        }
        if depth > 0 {
            item.extend_from_slice(&block[from..]);
        }
        base += length as u64;
        reader.consume(length);
    }
    match ended {
        true => Ok(()),
        false => Err(not_results(path, "it is cut short")),
    }
}

/// Writes a list of results as it comes.
pub struct ListWriter<W> {
    file: W,
    between: &'static str,
}

impl<W: Write> ListWriter<W> {
    /// Begins the list.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn new(mut file: W) -> std::io::Result<Self> {
        file.write_all(b"[")?;
        Ok(Self { file, between: "\n" })
    }

    /// Adds a result, written as JSON.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn add(&mut self, result: &str) -> std::io::Result<()> {
        self.file.write_all(self.between.as_bytes())?;
        self.between = ",\n";
        self.file.write_all(result.as_bytes())
    }

    /// Ends the list.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn finish(mut self) -> std::io::Result<()> {
        self.file.write_all(b"\n]\n")
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn the_items_of_a_list_are_found_wherever_blocks_end() {
        let list = br#" [ {"a": "}\"]{", "b": [{}, [1]]},
            {"c": "\\"} ,{}]
        "#;
        for block in 1..list.len() + 1 {
            let mut found = Vec::new();
            let mut reader = BufReader::with_capacity(block, &list[..]);
            items(&mut reader, Path::new(""), |offset, text| {
                let at = usize::try_from(offset).unwrap();
                assert_eq!(&list[at..at + text.len()], text);
                found.push(serde_json::from_slice::<serde_json::Value>(text).unwrap());
                Ok(())
            })
            .unwrap();
            let expected: Vec<serde_json::Value> = serde_json::from_slice(list).unwrap();
            assert_eq!(found, expected);
        }
        for bad in ["", "[", "[{}", "[{\"a\": 1", "[1]", "[] {}", "[{}]]", "null"] {
            assert!(items(&mut bad.as_bytes(), Path::new(""), |_, _| Ok(())).is_err(), "{bad}");
        }
    }
}
