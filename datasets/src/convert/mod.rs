//! One form of data set into another: COCO, VOC and YOLO text.
//!
//! A data set is read into [`DataSet`], what the three forms have between them, and written from it. What a form cannot
//! carry is counted and reported, a sentence each. By hand and not through hotcoco's converters, which write file by file
//! into the folder at hand and tell nothing of what is lost.

mod coco;
mod data_set;
mod images;
mod number;
mod voc;
mod yolo;

pub use data_set::{Class, DataSet, Image, Mask, Object};
pub use images::ImageFiles;

use crate::{Error, Result};
use std::path::{Path, PathBuf};

/// A form of data sets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// A JSON file of COCO's, or a folder with some in `annotations`.
    Coco,
    /// PASCAL VOC's folder, or a folder of images with an XML file each.
    Voc,
    /// Ultralytics' `data.yaml` and its folders.
    Yolo,
}

impl Format {
    /// Its name in sentences.
    pub fn name(self) -> &'static str {
        match self {
            Self::Coco => "COCO",
            Self::Voc => "VOC",
            Self::Yolo => "YOLO text",
        }
    }

    /// The form of the data set at `path`.
    ///
    /// # Errors
    /// When nothing is there, or it is none of these.
    pub fn of(path: &Path) -> Result<Self> {
        if !path.exists() {
            return Err(Error::content(path, "there is no such file or folder"));
        }
        if path.is_file() && path.extension().is_some_and(|e| e.eq_ignore_ascii_case("json")) {
            return Ok(Self::Coco);
        }
        if crate::yolo::is_yolo(path) {
            return Ok(Self::Yolo);
        }
        if crate::voc::annotation_folder(path).is_some() {
            return Ok(Self::Voc);
        }
        if path.is_dir() && !crate::coco::annotation_files(path)?.is_empty() {
            return Ok(Self::Coco);
        }
        Err(Error::content(path, "is no data set: neither COCO's JSON nor a VOC folder nor YOLO's data.yaml"))
    }

    /// The form that a name for a new data set asks for: `.json` is COCO's, `.yaml` YOLO's.
    pub fn of_name(path: &Path) -> Option<Self> {
        match path.extension()?.to_str()? {
            "json" => Some(Self::Coco),
            "yaml" | "yml" => Some(Self::Yolo),
            _ => None,
        }
    }
}

/// What is asked for.
#[derive(Debug, Clone)]
pub struct Request {
    /// The data set.
    pub from: PathBuf,
    /// Its form; found out where it is not said.
    pub from_format: Option<Format>,
    /// Where the image files of COCO's form are; looked for beside the annotations where it is not said.
    pub image_folder: Option<PathBuf>,
    /// The folder to make, or for COCO's form the file.
    pub to: PathBuf,
    /// The form to write.
    pub to_format: Format,
    /// What becomes of the image files.
    pub images: ImageFiles,
}

/// What was done.
#[derive(Debug)]
pub struct Conversion {
    /// The form that was read.
    pub from: Format,
    /// Images.
    pub images: usize,
    /// Objects that were written.
    pub objects: usize,
    /// Classes.
    pub classes: usize,
    /// What was odd in what was read, and what the new form does not carry, a sentence each.
    pub notes: Vec<String>,
}

/// Converts a data set; the new one appears whole or not at all.
///
/// # Errors
/// When the data set cannot be read, a name in it leads out of its folder, there is something at the new place already,
/// or that cannot be written.
pub fn convert(request: &Request) -> Result<Conversion> {
    let from = match request.from_format {
        Some(format) => format,
        None => Format::of(&request.from)?,
    };
    if from == request.to_format {
        return Err(Error::content(&request.from, format!("is in the form of {} already", from.name())));
    }
    let data = read(&request.from, from, request.image_folder.as_deref())?;
    tracing::debug!(images = data.images.len(), classes = data.classes.len(), "read");
    let mut losses = Losses::default();
    for (what, n) in &data.own {
        losses.add(*n, what);
    }
    let objects = write(&data, request, &mut losses)?;
    let mut notes = data.notes;
    notes.extend(losses.sentences(request.to_format));
    Ok(Conversion { from, images: data.images.len(), objects, classes: data.classes.len(), notes })
}

/// Reads a data set of a form.
///
/// # Errors
/// See [`convert`].
pub fn read(path: &Path, format: Format, image_folder: Option<&Path>) -> Result<DataSet> {
    match format {
        Format::Coco => coco::read(path, image_folder),
        Format::Voc => voc::read(path),
        Format::Yolo => yolo::read(path),
    }
}

/// Writes a data set and returns how many objects it holds now.
fn write(data: &DataSet, request: &Request, losses: &mut Losses) -> Result<usize> {
    let to = &request.to;
    if request.to_format == Format::Coco && Format::of_name(to) == Some(Format::Coco) {
        if to.exists() {
            return Err(Error::content(to, "is there already; choose another name"));
        }
        return coco::write_file(data, to, losses);
    }
    let mut objects = 0;
    let made = vovdet_files::write_folder(to, |folder| -> Result<(), WriteError> {
        objects = match request.to_format {
            Format::Coco => coco::write(data, folder, request.images, losses)?,
            Format::Voc => voc::write(data, folder, request.images, losses)?,
            Format::Yolo => yolo::write(data, folder, request.images, losses)?,
        };
        Ok(())
    });
    made.map_err(|error| match error {
        WriteError::Data(error) => error,
        WriteError::Io(error) => Error::Io { path: to.clone(), error },
    })?;
    Ok(objects)
}

/// What went wrong while a folder was filled.
enum WriteError {
    Data(Error),
    Io(std::io::Error),
}

impl From<Error> for WriteError {
    fn from(error: Error) -> Self {
        Self::Data(error)
    }
}

impl From<std::io::Error> for WriteError {
    fn from(error: std::io::Error) -> Self {
        Self::Io(error)
    }
}

/// What the new form does not carry, by kind, with its number.
#[derive(Debug, Default)]
struct Losses(Vec<(&'static str, usize)>);

impl Losses {
    /// Counts `n` of a kind; `what` goes on after the number.
    fn add(&mut self, n: usize, what: &'static str) {
        match self.0.iter_mut().find(|(known, _)| *known == what) {
            Some((_, count)) => *count += n,
            None if n > 0 => self.0.push((what, n)),
            None => {}
        }
    }

    fn sentences(self, to: Format) -> impl Iterator<Item = String> {
        self.0.into_iter().map(move |(what, n)| format!("{n} {what}").replace("{form}", to.name()))
    }
}
