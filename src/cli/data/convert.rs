//! `vovdet data convert`.

use crate::cli::console::Console;
use crate::cli::{Outcome, Run};
use anyhow::{Result, bail};
use clap::{Args, ValueEnum};
use std::path::PathBuf;
use vovdet_datasets::convert::{Format, ImageFiles, Request, convert};

/// Convert a data set between the forms of COCO, VOC and YOLO text.
#[derive(Debug, Args)]
#[command(after_long_help = "\
The form of FROM is found out: a .json file or a folder with some in `annotations` is COCO's, a folder with
`Annotations` or XML files is VOC's, a data.yaml or the folder that it lies in is YOLO's. TO is a folder that is not
there yet, or for COCO's form a .json file; it appears whole or not at all.

What the new form cannot carry is said, a line each: masks, crowds, ids, the flags of VOC.

Examples:
  vovdet data convert VOC2007 voc_as_coco --to coco
  vovdet data convert coco voc --to voc --images link
  vovdet data convert instances.json yolo --to yolo --image-folder val2017
  vovdet data convert yolo/data.yaml labels.json")]
pub struct Convert {
    /// The data set.
    #[arg(value_name = "FROM")]
    from_path: PathBuf,
    /// The folder to make; or a .json file, which is COCO's form.
    #[arg(value_name = "TO")]
    to_path: PathBuf,
    /// The form of FROM [default: as it looks].
    #[arg(long, value_name = "FORM")]
    from: Option<Form>,
    /// The form of TO [default: coco where TO ends with .json].
    #[arg(long, value_name = "FORM")]
    to: Option<Form>,
    /// What becomes of the image files [default: copy, none where TO is a file].
    #[arg(long, value_name = "HOW")]
    images: Option<Images>,
    /// Where the images of COCO annotations are [default: beside them, as COCO's folders are].
    #[arg(long, value_name = "DIR")]
    image_folder: Option<PathBuf>,
    /// What was done as a JSON object.
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Form {
    Coco,
    Voc,
    Yolo,
}

impl From<Form> for Format {
    fn from(form: Form) -> Self {
        match form {
            Form::Coco => Self::Coco,
            Form::Voc => Self::Voc,
            Form::Yolo => Self::Yolo,
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Images {
    /// Copy them into the new folder.
    Copy,
    /// Put symbolic links into the new folder.
    Link,
    /// Leave them where they are.
    None,
}

impl Run for Convert {
    fn run(&self, console: &Console) -> Result<Outcome> {
        let to_file = Format::of_name(&self.to_path);
        let to_format = match (self.to.map(Format::from), to_file) {
            (Some(form), None) => form,
            (Some(Format::Coco) | None, Some(Format::Coco)) => Format::Coco,
            (Some(form), Some(_)) => bail!("TO: the form of {} is a folder: give the name of one", form.name()),
            (None, Some(form)) => {
                bail!("TO: the form of {} is a folder: give the name of one, and --to yolo", form.name())
            }
            (None, None) => bail!("say which form to write with --to coco, --to voc or --to yolo"),
        };
        let images = match (self.images, to_file) {
            (None | Some(Images::None), Some(_)) | (Some(Images::None), None) => ImageFiles::None,
            (Some(_), Some(_)) => {
                bail!("--images: TO is a file and has no place for images; give the name of a folder")
            }
            (None | Some(Images::Copy), None) => ImageFiles::Copy,
            (Some(Images::Link), None) => ImageFiles::Link,
        };
        let done = convert(&Request {
            from: self.from_path.clone(),
            from_format: self.from.map(Format::from),
            image_folder: self.image_folder.clone(),
            to: self.to_path.clone(),
            to_format,
            images,
        })?;
        for note in &done.notes {
            console.note(note);
        }
        let (from, to) = (done.from.name(), to_format.name());
        if self.json {
            console.json_line(&serde_json::json!({
                "from": self.from_path,
                "to": self.to_path,
                "from_form": from,
                "to_form": to,
                "images": done.images,
                "objects": done.objects,
                "classes": done.classes,
                "notes": done.notes,
            }))?;
        } else {
            let (shown, images, objects, classes) = (self.to_path.display(), done.images, done.objects, done.classes);
            console
                .data(&format!("{shown}: {images} images, {objects} objects, {classes} classes ({from} to {to})"))?;
        }
        Ok(Outcome::All)
    }
}
