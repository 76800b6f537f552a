//! The images of the galleries, made small enough to lie inside the page.

use super::data::Picture;
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use image::codecs::jpeg::JpegEncoder;
use image::{DynamicImage, ImageReader, imageops::FilterType};
use rayon::prelude::*;
use std::path::{Path, PathBuf};

/// Longest side in pixels.
const SIDE: u32 = 640;
/// JPEG's quality.
const QUALITY: u8 = 80;

/// How many images a gallery shows, and where their files are.
#[derive(Debug, Clone, Copy)]
pub struct Gallery<'a> {
    /// The folder of the image files; without it the gallery shows boxes alone.
    pub images: Option<&'a Path>,
    /// How many images per view.
    pub count: usize,
}

/// An image of a gallery, before its file is read.
pub struct Wanted {
    /// Its name on the page.
    pub name: String,
    /// Its file, if there is a folder.
    pub file: Option<PathBuf>,
    /// Its size, if the annotations say it.
    pub size: Option<(u32, u32)>,
    /// What to take for the size where neither annotations nor the file say it.
    pub extent: (u32, u32),
}

/// Reads the images; a file that is not there or cannot be read leaves an empty canvas, and a sentence.
pub fn read(wanted: Vec<Wanted>) -> (Vec<Picture>, Vec<String>) {
    let one = |Wanted { name, file, size, extent }: Wanted| {
        let read = file.map(|file| small(&file).map_err(|error| format!("{}: {error}", file.display())));
        let (found, problem) = match read {
            None => (None, None),
            Some(Ok(found)) => (Some(found), None),
            Some(Err(problem)) => (None, Some(problem)),
        };
        let (of_file, uri) = found.map_or((None, None), |(size, uri)| (Some(size), Some(uri)));
        (Picture { name, size: size.or(of_file).unwrap_or(extent), uri }, problem)
    };
    let (pictures, problems): (Vec<_>, Vec<_>) = wanted.into_par_iter().map(one).unzip();
    (pictures, problems.into_iter().flatten().collect())
}

/// An image's size, and a small one as a data URI.
fn small(path: &Path) -> image::ImageResult<((u32, u32), String)> {
    let picture = ImageReader::open(path)?.with_guessed_format()?.decode()?;
    let size = (picture.width(), picture.height());
    let picture = match size.0.max(size.1) > SIDE {
        true => picture.resize(SIDE, SIDE, FilterType::Triangle),
        false => picture,
    };
    let mut bytes = Vec::new();
    DynamicImage::from(picture.to_rgb8()).write_with_encoder(JpegEncoder::new_with_quality(&mut bytes, QUALITY))?;
    Ok((size, format!("data:image/jpeg;base64,{}", BASE64_STANDARD.encode(bytes))))
}
