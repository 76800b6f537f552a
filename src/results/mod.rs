//! What `vovdet detect` writes and `vovdet draw` reads: JSON lines, COCO results, tables, VOC's and YOLO's text files.
//!
//! Results that go to files are kept image by image in a journal beside them, so that nothing is lost when a run ends
//! early and memory does not grow with the number of images; the files are made from the journal.

pub mod coco;
pub mod csv;
pub mod read;
pub mod text;
mod voc;
mod yolo;

use anyhow::{Context, Result, bail};
use clap::ValueEnum;
use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Map, Value, json};
use std::collections::{BTreeMap, HashSet};
use std::fs::File;
use std::io::{BufRead, BufReader, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use vovdet_datasets::annotations::Ids;
use vovdet_datasets::lines::{Failure, Line};
use vovdet_evaluation::metrics::journal::Journal;
use vovdet_files as files;

/// The form of the results.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Form {
    /// A line an image for people, and a summary at the end.
    Text,
    /// JSON lines: an object an image.
    Jsonl,
    /// A table: a row an object.
    Csv,
    /// COCO's result list.
    Coco,
    /// VOC's comp4 files, one a class, in a folder.
    Voc,
    /// YOLO's text files, one an image, in a folder.
    Yolo,
}

impl Form {
    /// The extension of its file; `None` for the forms that are folders.
    fn extension(self) -> Option<&'static str> {
        match self {
            Self::Text => Some("txt"),
            Self::Jsonl => Some("jsonl"),
            Self::Csv => Some("csv"),
            Self::Coco => Some("json"),
            Self::Voc | Self::Yolo => None,
        }
    }

    /// The form that a file name asks for.
    pub fn of(path: &Path) -> Option<Self> {
        let extension = path.extension()?.to_str()?;
        [Self::Jsonl, Self::Csv, Self::Coco].into_iter().find(|form| form.extension() == Some(extension))
    }
}

/// Results in a file or a folder.
#[derive(Debug, Clone, PartialEq)]
pub struct Target {
    /// The option that asked for them.
    pub flag: &'static str,
    /// Their form.
    pub form: Form,
    /// The file, or the folder.
    pub path: PathBuf,
}

impl Target {
    /// What `--out` and `--format` ask for: `out` is the file when its extension is that of the form, else a folder, in
    /// which the forms that are one file are named `detections`.
    ///
    /// # Errors
    /// When nothing says which form it shall be.
    pub fn new(out: &Path, form: Option<Form>) -> Result<Self> {
        let Some(form) = form.or_else(|| Form::of(out)) else {
            bail!(
                "--out {}: say with --format in which form, or give a name that ends with .jsonl, .json or .csv",
                out.display()
            );
        };
        let path = match form.extension() {
            Some(extension) if out.extension().is_none_or(|own| own != extension) && !is_special(out) => {
                out.join(format!("detections.{extension}"))
            }
            _ => out.into(),
        };
        Ok(Self { flag: "--out", form, path })
    }

    /// Makes its folder and sees that it can be written to.
    ///
    /// # Errors
    /// When it cannot.
    pub fn prepare(&self) -> Result<()> {
        let shown = || format!("{} {}", self.flag, self.path.display());
        if self.form.extension().is_none() {
            return files::make_folder(&self.path).with_context(shown);
        }
        let folder = self.path.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."));
        files::make_folder(folder).with_context(shown)?;
        if self.path.is_dir() {
            bail!("{}: is a folder; give the name of a file", shown());
        }
        Ok(())
    }
}

fn is_special(path: &Path) -> bool {
    std::fs::metadata(path).is_ok_and(|found| !found.is_file() && !found.is_dir())
}

/// What the forms need to know of the model.
#[derive(Debug, Clone)]
pub struct Classes {
    /// Category id and name, in the order of the network's outputs.
    pub names: Vec<(u32, String)>,
    /// 1 when a box holds its last pixel, so that it is a pixel wider than the difference of its edges.
    pub plus_one: f32,
}

impl Classes {
    fn index(&self, id: u32, name: &str) -> Option<usize> {
        self.names.iter().position(|(own, own_name)| *own == id && own_name == name)
    }
}

/// The file name of an image without folder and extension.
fn stem(image: &str) -> String {
    match image {
        "-" => "stdin".into(),
        _ => Path::new(image).file_stem().unwrap_or_default().to_string_lossy().into_owned(),
    }
}

/// An image of a journal.
pub struct Entry {
    /// Its number in the run, from 0.
    pub index: usize,
    /// What became of it.
    pub line: Result<Line, Failure>,
    /// The same as text.
    text: String,
}

/// What went wrong while results were written.
#[derive(Debug, Default)]
pub struct Problems {
    /// Images that have no place in the results.
    pub left_out: usize,
    /// Sentences.
    pub said: Vec<String>,
}

/// The results of a run that go to files.
pub struct Results {
    targets: Vec<Target>,
    journal: Journal,
    ids: Option<Ids>,
    classes: Classes,
}

#[derive(Deserialize)]
struct Kept<'a> {
    index: usize,
    #[serde(borrow)]
    line: &'a RawValue,
}

impl Results {
    /// Begins the results of a run, or goes on with those of one that ended early: their lines are given to `each` with
    /// the number of the image. `run` is what decides about the results. None when there are no targets.
    ///
    /// # Errors
    /// When the journal cannot be written, or is of another run.
    pub fn open(
        targets: Vec<Target>,
        run: &Map<String, Value>,
        resume: bool,
        ids: Option<Ids>,
        classes: Classes,
        mut each: impl FnMut(usize, Line),
    ) -> Result<Option<Self>> {
        let Some(first) = targets.first() else { return Ok(None) };
        let mut path = first.path.as_os_str().to_owned();
        path.push(".partial");
        let path = PathBuf::from(path);
        let journal = if resume {
            Journal::resume(&path, run, |text, _| {
                // Lines of a journal that are not understood are of no use, and the image is done again.
                if let Ok(kept) = serde_json::from_str::<Kept>(text)
                    && let Ok(line) = serde_json::from_str(kept.line.get())
                {
                    each(kept.index, line);
                }
                Ok::<_, anyhow::Error>(())
            })?
        } else {
            Journal::start(&path, run)?
        };
        Ok(Some(Self { targets, journal, ids, classes }))
    }

    /// Keeps the results of image number `index`; `line` is its JSON line.
    ///
    /// # Errors
    /// When the disk is full, for example.
    pub fn add(&mut self, index: usize, image: &str, line: &str) -> Result<()> {
        let image = json!(image);
        Ok(self.journal.append(&format!(r#"{{"image_id":{image},"index":{index},"line":{line}}}"#))?)
    }

    /// Keeps that image number `index` gave nothing.
    ///
    /// # Errors
    /// When the disk is full, for example.
    pub fn add_failure(&mut self, index: usize, failure: &Failure, line: &str) -> Result<()> {
        let (image, error) = (json!(failure.image), json!(failure.error));
        let text = format!(r#"{{"image_id":{image},"index":{index},"error":{error},"line":{line}}}"#);
        Ok(self.journal.append(&text)?)
    }

    /// Writes the results so far to their files.
    ///
    /// # Errors
    /// When a file cannot be written.
    pub fn write(&self) -> Result<Problems> {
        let mut problems = Problems::default();
        let kept = Places::of(self.journal.path())?;
        for target in &self.targets {
            self.write_target(target, &kept, &mut problems)
                .with_context(|| format!("{} {}", target.flag, target.path.display()))?;
        }
        Ok(problems)
    }

    fn write_target(&self, Target { form, path, .. }: &Target, kept: &Places, problems: &mut Problems) -> Result<()> {
        let mut entries = kept.entries(self.journal.path())?;
        // Images that gave nothing have no place but in the JSON lines.
        let found = |entry: Result<Entry>| entry.map(|entry| entry.line.ok()).transpose();
        match form {
            Form::Text => bail!("there is no file with lines for people: choose another --format"),
            Form::Jsonl => files::write_file(path, |file| {
                entries.try_for_each(|entry| Ok::<_, anyhow::Error>(writeln!(file, "{}", entry?.text)?))
            }),
            Form::Csv => files::write_file(path, |file| csv::write(file, entries.filter_map(found))),
            Form::Coco => files::write_file(path, |file| {
                coco::write(file, entries, self.ids.as_ref(), self.classes.plus_one, problems)
            }),
            Form::Voc => voc::write(path, entries.filter_map(found), &self.classes),
            Form::Yolo => yolo::write(path, entries.filter_map(found), &self.classes),
        }
    }

    /// Where the results are, for people.
    pub fn places(&self) -> String {
        self.targets.iter().map(|target| target.path.display().to_string()).collect::<Vec<_>>().join(" and ")
    }

    /// Removes the journal of a run that has come to its end.
    pub fn close(self) {
        // What cannot be removed does no harm.
        let _ = std::fs::remove_file(self.journal.path());
    }
}

/// Where the images of a journal stand in it, in the order of the run: those that were tried again come late.
struct Places(Vec<(u64, usize)>);

impl Places {
    fn of(journal: &Path) -> Result<Self> {
        let mut reader = BufReader::new(File::open(journal)?);
        let mut places = BTreeMap::new();
        let (mut text, mut at) = (String::new(), 0);
        loop {
            text.clear();
            let length = reader.read_line(&mut text)?;
            if length == 0 {
                break;
            }
            if let Ok(kept) = serde_json::from_str::<Kept>(&text) {
                places.insert(kept.index, (at, length));
            }
            at += length as u64;
        }
        Ok(Self(places.into_values().collect()))
    }

    fn entries(&self, journal: &Path) -> Result<impl Iterator<Item = Result<Entry>>> {
        let mut file = BufReader::new(File::open(journal)?);
        Ok(self.0.iter().map(move |&(at, length)| {
            let mut text = vec![0; length];
            file.seek(SeekFrom::Start(at))?;
            file.read_exact(&mut text)?;
            let kept: Kept = serde_json::from_slice(&text)?;
            let line = kept.line.get();
            let answer = match serde_json::from_str(line) {
                Ok(line) => Ok(line),
                Err(_) => Err(serde_json::from_str(line)?),
            };
            Ok(Entry { index: kept.index, line: answer, text: line.to_owned() })
        }))
    }
}

/// The images of a run that an earlier one has done already: number and name.
pub type Done = HashSet<(usize, String)>;

#[cfg(test)]
mod tests;
