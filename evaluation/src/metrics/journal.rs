//! The detections of a run, kept as they are found: a line of JSON per image, so that nothing is lost when the run ends
//! early, and memory does not grow with the number of images.
//!
//! The first line says what the run is; the others are `{"image_id", "results", "times_ms"}`. A line is written at once
//! and whole, so at most the last one is torn after a crash; it is cut off when the run goes on.

use crate::{Error, Result};
use serde::Deserialize;
use serde_json::{Map, Value, json};
use std::collections::BTreeSet;
use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, BufRead, BufReader, BufWriter, Seek, Write};
use std::path::{Path, PathBuf};
use vovdet_datasets::coco::ListWriter;

/// Version of the format, in its first line.
const VERSION: u64 = 1;

/// A file of detections that a run appends to.
#[derive(Debug)]
pub struct Journal {
    path: PathBuf,
    file: File,
}

/// What is needed of a line to go on from it.
#[derive(Debug, Deserialize)]
struct Line {
    /// Its image.
    image_id: Value,
    #[serde(default)]
    error: Option<String>,
}

impl Journal {
    /// Begins a new file; `run` says what decides about the detections.
    ///
    /// # Errors
    /// When it cannot be written, or another run is writing it.
    pub fn start(path: &Path, run: &Map<String, Value>) -> Result<Self> {
        if let Some(folder) = path.parent() {
            std::fs::create_dir_all(folder).map_err(Error::io(path))?;
        }
        let options = OpenOptions::new().write(true).create(true).truncate(false).open(path);
        let file = locked(options.map_err(Error::io(path))?, path)?;
        file.set_len(0).map_err(Error::io(path))?;
        Self::begin(path, file, run)
    }

    fn begin(path: &Path, file: File, run: &Map<String, Value>) -> Result<Self> {
        let mut journal = Self { path: path.into(), file };
        journal.append(&json!({"vovdet_eval": VERSION, "run": run}).to_string())?;
        Ok(journal)
    }

    /// Goes on with a file: `each` gets every whole line of an image and the image's id. Images that failed are left
    /// out, so they are tried again. Begins a new file where there is none.
    ///
    /// # Errors
    /// When the file is of another run (the message says what differs), or cannot be read or written.
    pub fn resume<E: From<Error>>(
        path: &Path,
        run: &Map<String, Value>,
        mut each: impl FnMut(&str, &Value) -> Result<(), E>,
    ) -> Result<Self, E> {
        let file = match OpenOptions::new().read(true).write(true).open(path) {
            Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(Self::start(path, run)?),
            other => locked(other.map_err(Error::io(path))?, path)?,
        };
        let mut reader = BufReader::new(file);
        let mut text = String::new();
        let mut end = 0;
        let mut head = true;
        loop {
            text.clear();
            let length = reader.read_line(&mut text).map_err(Error::io(path))?;
            if !text.ends_with('\n') {
                break;
            }
            if std::mem::take(&mut head) {
                same_run(path, &text, run)?;
            } else {
                let line: Line = serde_json::from_str(&text)
                    .map_err(|error| Error::content(path, format!("has a line that is none of a run: {error}")))?;
                if line.error.is_none() {
                    each(text.trim_end(), &line.image_id)?;
                }
            }
            end += length as u64;
        }
        let mut file = reader.into_inner();
        file.set_len(end).map_err(Error::io(path))?;
        file.seek(io::SeekFrom::End(0)).map_err(Error::io(path))?;
        if head {
            return Ok(Self::begin(path, file, run)?);
        }
        Ok(Self { path: path.into(), file })
    }

    /// Appends a line and hands it to the system.
    ///
    /// # Errors
    /// When the disk is full, for example.
    pub fn append(&mut self, line: &str) -> Result<()> {
        self.file.write_all(format!("{line}\n").as_bytes()).map_err(Error::io(&self.path))
    }

    /// Where it lies.
    pub fn path(&self) -> &Path {
        &self.path
    }
}

/// Writes the results of a journal as one list, COCO's form.
///
/// # Errors
/// When the journal cannot be read or the list not be written.
pub fn to_list(journal: &Path, list: &Path) -> Result<()> {
    #[derive(Deserialize)]
    struct Results<'a> {
        #[serde(borrow, default)]
        results: Vec<&'a serde_json::value::RawValue>,
    }
    let reader = BufReader::new(File::open(journal).map_err(Error::io(journal))?);
    let write = |file: &mut BufWriter<File>| -> io::Result<()> {
        let mut list = ListWriter::new(file)?;
        for line in reader.lines() {
            let line = line?;
            let line: Results = serde_json::from_str(&line)?;
            for result in line.results {
                list.add(result.get())?;
            }
        }
        list.finish()
    };
    vovdet_files::write_file(list, write).map_err(Error::io(list))
}

/// The file, for this process alone until it is closed; a lock that the file system does not know is not held.
fn locked(file: File, path: &Path) -> Result<File> {
    match file.try_lock() {
        Err(TryLockError::WouldBlock) => Err(Error::Locked { path: path.to_path_buf() }),
        Err(TryLockError::Error(_)) | Ok(()) => Ok(file),
    }
}

fn same_run(path: &Path, head: &str, run: &Map<String, Value>) -> Result<()> {
    let head: Value = serde_json::from_str(head)
        .map_err(|error| Error::content(path, format!("is not a file of detections that a run kept: {error}")))?;
    if head["vovdet_eval"] != VERSION {
        return Err(Error::content(path, "is not a file of detections that a run of this version kept"));
    }
    let empty = Map::new();
    let other = head["run"].as_object().unwrap_or(&empty);
    let short = |value: Option<&Value>| value.map_or("nothing".into(), |value| clipped(&value.to_string()));
    let keys: BTreeSet<&String> = run.keys().chain(other.keys()).collect();
    let differ = keys.into_iter().filter(|key| run.get(*key) != other.get(*key));
    let differ = differ.map(|key| format!("its {key} is {} and not {}", short(other.get(key)), short(run.get(key))));
    let differ: Vec<_> = differ.collect();
    if differ.is_empty() { Ok(()) } else { Err(Error::OtherRun { path: path.to_path_buf(), differ }) }
}

fn clipped(text: &str) -> String {
    match text.char_indices().nth(80) {
        Some((end, _)) => format!("{} …", &text[..end]),
        None => text.into(),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    fn run(weights: &str) -> Map<String, Value> {
        json!({"weights": weights, "score": 0.5}).as_object().unwrap().clone()
    }

    #[test]
    fn a_torn_line_is_cut_off_and_failed_images_are_tried_again() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("inner/run.jsonl");
        let mut journal = Journal::start(&path, &run("a")).unwrap();
        journal.append(r#"{"image_id":7,"results":[{"score":1.50}]}"#).unwrap();
        journal.append(r#"{"image_id":8,"error":"is cut short"}"#).unwrap();
        journal.append(r#"{"image_id":9,"results":[{"score":2},{"score":3}]}"#).unwrap();
        drop(journal);
        let whole = std::fs::read(&path).unwrap();
        std::fs::write(&path, [&whole[..], br#"{"image_id":10,"resu"#].concat()).unwrap();

        let mut seen = Vec::new();
        let mut journal = Journal::resume(&path, &run("a"), |_, id| -> Result<()> {
            seen.push(id.clone());
            Ok(())
        })
        .unwrap();
        assert_eq!(seen, [json!(7), json!(9)]);
        assert_eq!(std::fs::read(&path).unwrap(), whole);
        journal.append(r#"{"image_id":10,"results":[]}"#).unwrap();
        let list = folder.path().join("list.json");
        to_list(&path, &list).unwrap();
        // Numbers as they were written.
        assert_eq!(std::fs::read_to_string(&list).unwrap(), "[\n{\"score\":1.50},\n{\"score\":2},\n{\"score\":3}\n]\n");
    }

    #[test]
    fn a_file_that_is_being_written_is_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("run.jsonl");
        let mut first = Journal::start(&path, &run("a")).unwrap();
        let all = |_: &str, _: &Value| -> Result<()> { Ok(()) };
        assert!(matches!(Journal::start(&path, &run("a")), Err(Error::Locked { .. })));
        assert!(matches!(Journal::resume(&path, &run("a"), all), Err(Error::Locked { .. })));
        first.append(r#"{"image_id":7,"results":[]}"#).unwrap();
        drop(first);
        assert_eq!(std::fs::read_to_string(&path).unwrap().lines().count(), 2);
        Journal::resume(&path, &run("a"), all).unwrap();
    }

    #[test]
    fn another_run_is_refused_and_says_why() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("run.jsonl");
        Journal::start(&path, &run("a")).unwrap();
        let error = Journal::resume(&path, &run("b"), |_, _| -> Result<()> { Ok(()) }).unwrap_err();
        let error = error.to_string();
        assert!(error.contains(r#"its weights is "a" and not "b""#), "{error}");
        std::fs::write(&path, "[]\n").unwrap();
        assert!(Journal::resume(&path, &run("a"), |_, _| -> Result<()> { Ok(()) }).is_err());
        std::fs::remove_file(&path).unwrap();
        Journal::resume(&path, &run("a"), |_, _| -> Result<()> { Ok(()) }).unwrap();
        assert!(path.is_file());
    }
}
