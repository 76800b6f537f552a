//! The images of the galleries, made small enough to lie inside the page.

use super::data::Picture;
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use image::codecs::jpeg::JpegEncoder;
use image::metadata::Orientation;
use image::{DynamicImage, imageops::FilterType};
use rayon::prelude::*;
use std::path::{Component, Path, PathBuf};
use vovdet_datasets::image::{ImageError, read_stored};

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
    /// Its name in the data set.
    pub name: String,
    /// Its file, if there is a folder.
    pub file: Option<File>,
    /// Its size, if the annotations say it.
    pub size: Option<(u32, u32)>,
    /// What to take for the size where neither annotations nor the file say it.
    pub extent: (u32, u32),
}

/// Where the file of an image is.
pub enum File {
    /// In the folder of the images.
    Inside(PathBuf),
    /// Elsewhere, by a name such as `../../private.png`. Names come with the annotations, which may be anybody's, and a
    /// page is passed on: it must not hold pictures that nobody chose to show.
    Outside,
}

impl File {
    /// The file at `path`, which is `name` in the folder of the images.
    pub fn new(name: &str, path: PathBuf) -> Self {
        let goes_down = |part: Component| matches!(part, Component::Normal(_) | Component::CurDir);
        if Path::new(name).components().all(goes_down) { Self::Inside(path) } else { Self::Outside }
    }
}

/// A sentence about images whose names lead out of the folder of the images.
pub fn outside(wanted: &[Wanted]) -> Option<String> {
    let count = wanted.iter().filter(|one| matches!(one.file, Some(File::Outside))).count();
    (count > 0).then(|| match count {
        1 => "The file name of 1 image leads out of the image folder, so its picture is not shown.".into(),
        n => format!("The file names of {n} images lead out of the image folder, so their pictures are not shown."),
    })
}

/// Reads the images; a file that is not there or cannot be read leaves an empty canvas, and a sentence.
pub fn read(wanted: Vec<Wanted>) -> (Vec<Picture>, Vec<String>) {
    let one = |Wanted { name, file, size, extent }: Wanted| {
        let (name, found, problem) = match file {
            None => (name, None, None),
            Some(File::Outside) => {
                let problem = format!("{name}: its file name leads out of the image folder");
                let last = Path::new(&name).file_name().map(|last| last.to_string_lossy().into_owned());
                (last.unwrap_or(name), None, Some(problem))
            }
            Some(File::Inside(path)) => match small(&path, size) {
                Ok(found) => (name, Some(found), None),
                Err(error) => (name, None, Some(format!("{}: {error}", path.display()))),
            },
        };
        let (of_file, uri) = found.map_or((None, None), |(size, uri)| (Some(size), Some(uri)));
        (Picture { name, size: size.or(of_file).unwrap_or(extent), uri }, problem)
    };
    let (pictures, problems): (Vec<_>, Vec<_>) = wanted.into_par_iter().map(one).unzip();
    (pictures, problems.into_iter().flatten().collect())
}

/// A canvas on which all boxes lie.
pub fn extent(boxes: impl Iterator<Item = [f64; 4]>) -> (u32, u32) {
    let far = boxes.fold((1.0_f64, 1.0_f64), |far, [x, y, w, h]| (far.0.max(x + w), far.1.max(y + h)));
    (far.0.ceil() as u32, far.1.ceil() as u32)
}

/// An image's size, and a small one as a data URI. It is turned as its camera says, as the detector sees it, unless the
/// annotations are of the picture as it was stored.
fn small(path: &Path, annotated: Option<(u32, u32)>) -> Result<((u32, u32), String), ImageError> {
    let (picture, orientation) = read_stored(path)?;
    let mut picture = DynamicImage::ImageRgb8(picture);
    let stored = (picture.width(), picture.height());
    let turns = matches!(
        orientation,
        Orientation::Rotate90 | Orientation::Rotate270 | Orientation::Rotate90FlipH | Orientation::Rotate270FlipH
    );
    if !(turns && stored.0 != stored.1 && annotated == Some(stored)) {
        picture.apply_orientation(orientation);
    }
    let size = (picture.width(), picture.height());
    let picture = match size.0.max(size.1) > SIDE {
        true => picture.resize(SIDE, SIDE, FilterType::Triangle),
        false => picture,
    };
    let mut bytes = Vec::new();
    let encoder = JpegEncoder::new_with_quality(&mut bytes, QUALITY);
    picture.write_with_encoder(encoder).map_err(|error| ImageError::Unsupported(error.to_string()))?;
    Ok((size, format!("data:image/jpeg;base64,{}", BASE64_STANDARD.encode(bytes))))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    /// A JPEG of 40 x 20 pixels, its left half white, that says it was taken with the camera turned (EXIF orientation 6:
    /// the stored left edge is the top).
    fn turned(path: &Path) {
        let picture = image::RgbImage::from_fn(40, 20, |x, _| image::Rgb([if x < 20 { 255 } else { 0 }; 3]));
        let mut bytes = Vec::new();
        DynamicImage::from(picture).write_with_encoder(JpegEncoder::new(&mut bytes)).unwrap();
        let entry = [0x12, 0x01, 3, 0, 1, 0, 0, 0, 6, 0, 0, 0];
        let exif = [&b"Exif\0\0II*\0\x08\0\0\0\x01\0"[..], &entry, &[0; 4]].concat();
        let length = (exif.len() as u16 + 2).to_be_bytes();
        std::fs::write(path, [&bytes[..2], &[0xFF, 0xE1], &length, &exif, &bytes[2..]].concat()).unwrap();
    }

    #[test]
    fn a_turned_picture_stands_as_the_annotations_have_it() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.jpg");
        turned(&path);
        for (annotated, size, white) in
            [(None, (20, 40), (10, 5)), (Some((20, 40)), (20, 40), (10, 5)), (Some((40, 20)), (40, 20), (5, 10))]
        {
            let (found, uri) = small(&path, annotated).unwrap();
            assert_eq!(found, size, "{annotated:?}");
            let jpeg = BASE64_STANDARD.decode(uri.strip_prefix("data:image/jpeg;base64,").unwrap()).unwrap();
            let shown = image::load_from_memory(&jpeg).unwrap().to_rgb8();
            assert_eq!(shown.dimensions(), size);
            let far = (size.0 - 1 - white.0.min(size.0 - 1), size.1 - 1 - white.1.min(size.1 - 1));
            assert!(
                shown.get_pixel(white.0, white.1)[0] > 200 && shown.get_pixel(far.0, far.1)[0] < 50,
                "{annotated:?}"
            );
        }
    }

    #[test]
    fn what_is_wrong_with_a_file_is_one_line() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.jpg");
        turned(&path);
        let bytes = std::fs::read(&path).unwrap();
        std::fs::write(&path, &bytes[..150]).unwrap();
        let error = small(&path, None).unwrap_err().to_string();
        assert!(!error.is_empty() && !error.contains('\n'), "{error:?}");
    }
}
