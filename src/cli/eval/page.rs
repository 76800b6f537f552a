//! `--report`: the page about an evaluation.

use super::show;
use crate::cli::console::Console;
use crate::cli::{Outcome, sentence};
use anyhow::{Context, Result};
use clap::Args;
use std::path::{Path, PathBuf};
use vovdet_evaluation::report::data::Page;
use vovdet_evaluation::report::{self, Gallery};

/// Problems with images that are listed one by one.
const TOLD: usize = 3;

#[derive(Debug, Args)]
pub(super) struct PageOptions {
    /// Write a page about the result: figures, curves, errors, and the worst images; to the file PATH if it is called
    /// .html, else to index.html in this folder.
    #[arg(long, value_name = "PATH", help_heading = "Output")]
    report: Option<PathBuf>,
    /// How many of the worst images the page shows.
    #[arg(long, value_name = "N", default_value_t = 24, help_heading = "Output", requires = "report")]
    report_images: u16,
    /// Folder of the image files [default: beside the annotations, as COCO's and VOC's folders are].
    #[arg(long, value_name = "DIR")]
    images: Option<PathBuf>,
}

impl PageOptions {
    /// Whether there is to be a page.
    pub fn is_wanted(&self) -> bool {
        self.report.is_some()
    }

    /// The folder of the image files, if it was given.
    pub fn images(&self) -> Option<&Path> {
        self.images.as_deref()
    }

    /// Makes sure, before the work, that the page can be written; nothing is left of the trial.
    pub fn prepare(&self) -> Result<()> {
        let Some(place) = &self.report else { return Ok(()) };
        let file = report::file(place);
        let folder = file.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        vovdet_files::try_folder(folder).with_context(|| format!("--report {}", place.display()))
    }

    /// Writes the page that `make` makes, if one is wanted. `beside` is where the image files are if nobody says it. The
    /// figures are printed before, so what goes wrong here is not all that was asked for.
    pub fn write(
        &self,
        console: &Console,
        beside: Option<PathBuf>,
        make: impl FnOnce(Gallery) -> Result<(Page, Vec<String>)>,
    ) -> Outcome {
        let Some(place) = &self.report else { return Outcome::All };
        let images = self.images.clone().or(beside);
        let gallery = Gallery { images: images.as_deref(), count: usize::from(self.report_images) };
        let written = make(gallery).and_then(|(mut page, problems)| {
            page.notes.extend(no_images(&page, images.is_some()));
            Ok((report::write(place, &page)?, problems))
        });
        match written {
            Ok((path, problems)) => {
                for problem in problems.iter().take(TOLD) {
                    console.note(format_args!("{problem}; the page shows it without its image"));
                }
                if problems.len() > TOLD {
                    console.note(format_args!("… and {}", show::number(problems.len() - TOLD, "more image")));
                }
                console.note(format_args!("the report is {}", path.display()));
                Outcome::All
            }
            Err(error) => {
                console.error(sentence(&error.context("--report")));
                Outcome::Part
            }
        }
    }
}

/// A sentence for a page whose images are not to be seen.
fn no_images(page: &Page, folder: bool) -> Option<String> {
    let seen = page.pictures.iter().any(|picture| picture.uri.is_some());
    (!page.pictures.is_empty() && !seen).then(|| {
        let why = if folder { "The image files could not be read" } else { "There is no folder of image files" };
        format!("{why}, so the gallery shows boxes alone. --images says where they are.")
    })
}
