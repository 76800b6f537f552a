//! Pictures of the results in files: whole images with what was found drawn on them, and crops of each object.

mod places;

pub use places::Folders;

use crate::cli::arguments::cores;
use crate::render::{self, Colour, Object, Style};
use anyhow::{Context, Result};
use crossbeam_channel::{Sender, bounded};
use hotcoco::Rle;
use image::codecs::jpeg::JpegEncoder;
use image::{ImageFormat, RgbImage};
use places::Names;
use std::io::{self, Seek, Write};
use std::path::{Path, PathBuf};
use std::thread::JoinHandle;
use vovdet_datasets::sources::Source;
use vovdet_files::{self as files, OverwriteGuard};

/// Quality of the JPEGs that are written.
const QUALITY: u8 = 92;

/// Least score of what is drawn, cut out and counted for people, when nobody says another: detectors answer with many
/// guesses that they hardly believe in themselves.
pub const LEAST_SCORE: f32 = 0.5;

/// Which pictures are wanted, and how they look.
#[derive(Debug, Clone, Default)]
pub struct Wanted {
    /// Folder for whole images.
    pub save: Option<PathBuf>,
    /// Folder for crops.
    pub crops: Option<PathBuf>,
    /// How they look.
    pub style: Style,
    /// Least score of what is drawn and cut out.
    pub least: f32,
    /// Category ids that are neither drawn nor cut out.
    pub hide: Vec<u32>,
}

/// An object to be drawn.
#[derive(Debug, Clone)]
pub struct DrawnObject {
    /// `[x1, y1, x2, y2]` in pixels.
    pub bbox: [f32; 4],
    /// Confidence in 0..1.
    pub score: f32,
    /// Name of its class.
    pub label: String,
    /// Id of its class.
    pub category_id: u32,
    /// Its pixels.
    pub mask: Option<Rle>,
}

/// Threads that draw and write pictures into the folders of `--save` and `--crops`.
pub struct Pictures {
    wanted: Wanted,
    folders: Folders,
    names: Names,
    guard: OverwriteGuard,
    jobs: Sender<Job>,
    writers: Vec<JoinHandle<Vec<String>>>,
}

/// Where the pictures of one image go.
#[derive(Debug)]
pub struct Place {
    /// The whole image.
    pub save: Option<PathBuf>,
    /// The crops, without number, class and extension.
    crops: Option<PathBuf>,
}

/// An image to be drawn on.
struct Job {
    picture: RgbImage,
    found: Vec<DrawnObject>,
    style: Style,
    jpeg: bool,
    save: Option<PathBuf>,
    /// One for each of `found`.
    crops: Vec<PathBuf>,
}

impl Pictures {
    /// Makes the folders and starts the threads; `None` when no pictures are wanted. `guard` knows all files that are
    /// read: none of them is written over.
    ///
    /// # Errors
    /// When a folder cannot be made or written to.
    pub fn start(wanted: Wanted, folders: Folders, guard: OverwriteGuard) -> Result<Option<Self>> {
        for (flag, folder) in [("--save", &wanted.save), ("--crops", &wanted.crops)] {
            if let Some(folder) = folder {
                files::make_folder(folder)
                    .with_context(|| format!("{flag} {}: cannot write into this folder", folder.display()))?;
            }
        }
        if wanted.save.is_none() && wanted.crops.is_none() {
            return Ok(None);
        }
        let writers = (cores() / 2).clamp(1, 8);
        let (sender, jobs) = bounded::<Job>(2 * writers);
        let writer = |_| {
            let jobs = jobs.clone();
            std::thread::spawn(move || jobs.into_iter().filter_map(|job| write(job).err()).collect())
        };
        let writers = (0..writers).map(writer).collect();
        Ok(Some(Self { wanted, folders, names: Names::default(), guard, jobs: sender, writers }))
    }

    /// Where the pictures of an image will be: below `--save` and `--crops` as it lies below the folders that were
    /// searched, and with a number when that name is taken.
    ///
    /// # Errors
    /// When a file would be written over that is read, or that another image has written.
    pub fn place(&mut self, source: &Source) -> Result<Place, String> {
        let name = self.names.unique(self.folders.place(source));
        let with_extension = |folder: &PathBuf| {
            let mut path = folder.join(&name).into_os_string();
            path.push(extension(is_jpeg(source)));
            PathBuf::from(path)
        };
        let save = self.wanted.save.as_ref().map(with_extension);
        if let Some(path) = &save {
            self.guard.writes(path).map_err(|refused| refused.to_string())?;
        }
        Ok(Place { save, crops: self.wanted.crops.as_ref().map(|folder| folder.join(&name)) })
    }

    /// Takes a name that an image of an earlier run has.
    pub fn take(&mut self, source: &Source) {
        self.names.unique(self.folders.place(source));
    }

    /// Hands an image over; waits while all threads are busy.
    ///
    /// # Errors
    /// When a crop would be written over a file that is read.
    pub fn add(
        &mut self,
        source: &Source,
        place: Place,
        picture: RgbImage,
        found: Vec<DrawnObject>,
    ) -> Result<(), String> {
        let Wanted { style, least, hide, .. } = &self.wanted;
        let shown = |found: &DrawnObject| found.score >= *least && !hide.contains(&found.category_id);
        let found: Vec<_> = found.into_iter().filter(shown).collect();
        let jpeg = is_jpeg(source);
        let crops = place.crops.map(|stem| crop_paths(&stem, &found, jpeg)).unwrap_or_default();
        for path in &crops {
            self.guard.writes(path).map_err(|refused| refused.to_string())?;
        }
        let job = Job { picture, found, style: *style, jpeg, save: place.save, crops };
        // The receivers live until `finish`; were they gone, `finish` would report their panic.
        let _ = self.jobs.send(job);
        Ok(())
    }

    /// Waits for all pictures; what could not be written, a sentence each.
    pub fn finish(self) -> Vec<String> {
        drop(self.jobs);
        let join = |writer: JoinHandle<Vec<String>>| {
            writer.join().unwrap_or_else(|_| vec!["drawing a picture failed: this is a bug".into()])
        };
        self.writers.into_iter().flat_map(join).collect()
    }

    /// The folders that are written to, for people.
    pub fn shown_folders(&self) -> String {
        let part = |what: &str, folder: &Option<PathBuf>| {
            let folder = folder.as_ref()?.display().to_string();
            Some(format!("{what} in {}/", folder.trim_end_matches('/')))
        };
        let parts = [part("pictures", &self.wanted.save), part("crops", &self.wanted.crops)];
        parts.into_iter().flatten().collect::<Vec<_>>().join(", ")
    }
}

/// `STEM_07_dog.png`: as many digits as the largest number of the image has, so that names sort as numbers do.
fn crop_paths(stem: &Path, found: &[DrawnObject], jpeg: bool) -> Vec<PathBuf> {
    let digits = found.len().saturating_sub(1).to_string().len();
    let path = |(index, found): (usize, &DrawnObject)| {
        let mut path = stem.as_os_str().to_owned();
        path.push(format!("_{index:0digits$}_{}{}", plain(&found.label), extension(jpeg)));
        PathBuf::from(path)
    };
    found.iter().enumerate().map(path).collect()
}

fn write(Job { mut picture, found, style, jpeg, save, crops }: Job) -> Result<(), String> {
    for (path, found) in crops.iter().zip(&found) {
        if let Some(crop) = crop(&picture, found.bbox) {
            encode(path, &crop, jpeg)?;
        }
    }
    if let Some(path) = save {
        let names: Vec<_> =
            found.iter().map(|found| render::drawable(&found.label, found.category_id.into())).collect();
        let objects = found.iter().zip(&names).enumerate().map(|(index, (found, name))| Object {
            bbox: found.bbox,
            score: found.score,
            name,
            // Objects of the only class are told apart by their colour.
            colour: Colour::of(if style.one_class { index } else { found.category_id as usize }),
            mask: found.mask.as_ref(),
        });
        let objects: Vec<_> = objects.collect();
        render::draw(&mut picture, &objects, style);
        encode(&path, &picture, jpeg)?;
    }
    Ok(())
}

fn is_jpeg(source: &Source) -> bool {
    let extension = source.path().and_then(|p| p.extension()).unwrap_or_default().to_ascii_lowercase();
    ["jpg", "jpeg", "jpe", "jfif"].iter().any(|e| extension == *e)
}

fn extension(jpeg: bool) -> &'static str {
    if jpeg { ".jpg" } else { ".png" }
}

/// A class name as part of a file name.
fn plain(label: &str) -> String {
    label.chars().take(64).map(|c| if c.is_alphanumeric() || c == '-' { c } else { '_' }).collect()
}

/// The whole pixels that a box touches; `None` when it lies outside the picture.
fn crop(picture: &RgbImage, [x1, y1, x2, y2]: [f32; 4]) -> Option<RgbImage> {
    let (w, h) = picture.dimensions();
    // Casts from float saturate, so what lies outside ends at the picture's edge.
    let (left, top) = (x1.floor().max(0.0) as u32, y1.floor().max(0.0) as u32);
    let (right, bottom) = ((x2.ceil() as u32).min(w), (y2.ceil() as u32).min(h));
    let (width, height) = (right.checked_sub(left)?, bottom.checked_sub(top)?);
    (width > 0 && height > 0).then(|| image::imageops::crop_imm(picture, left, top, width, height).to_image())
}

fn encode(path: &Path, picture: &RgbImage, jpeg: bool) -> Result<(), String> {
    let folder = path.parent().map_or(Ok(()), std::fs::create_dir_all);
    let written = folder.and_then(|()| files::write_file_unsynced(path, |file| to_file(file, picture, jpeg)));
    written.map_err(|e| format!("{}: {e}", path.display()))
}

fn to_file(file: &mut (impl Write + Seek), picture: &RgbImage, jpeg: bool) -> io::Result<()> {
    let encoded = if jpeg {
        picture.write_with_encoder(JpegEncoder::new_with_quality(file, QUALITY))
    } else {
        picture.write_to(file, ImageFormat::Png)
    };
    encoded.map_err(io::Error::other)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn crops_are_whole_pixels_inside_the_picture() {
        let picture = RgbImage::new(10, 8);
        assert_eq!(crop(&picture, [1.2, 2.0, 4.1, 5.0]).unwrap().dimensions(), (4, 3));
        assert_eq!(crop(&picture, [-5.0, -5.0, 99.0, 99.0]).unwrap().dimensions(), (10, 8));
        for outside in [[20.0, 0.0, 30.0, 5.0], [-9.0, 0.0, -1.0, 5.0], [3.0, 3.0, 3.0, 3.0], [f32::NAN; 4]] {
            assert!(crop(&picture, outside).is_none(), "{outside:?}");
        }
    }

    #[test]
    fn names_of_crops_sort_as_their_numbers_do() {
        let found = DrawnObject { bbox: [0.0; 4], score: 1.0, label: "TV/Monitor".into(), category_id: 1, mask: None };
        let paths = crop_paths(Path::new("out/a"), &vec![found; 11], false);
        assert_eq!(paths[3], Path::new("out/a_03_TV_Monitor.png"));
        assert_eq!(paths[10], Path::new("out/a_10_TV_Monitor.png"));
    }

    /// Two inputs whose pictures would have each other's names, saved into their own folder.
    #[test]
    fn a_result_never_replaces_what_is_read() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        let sources = ["a.jpeg", "a.jpg", "c.bmp", "c.png"].map(at);
        let mut guard = OverwriteGuard::new();
        for source in &sources {
            std::fs::write(source, b"x").unwrap();
            guard.reads(source);
        }
        let wanted = Wanted { save: Some(folder.path().into()), ..Wanted::default() };
        let mut pictures = Pictures::start(wanted, Folders::default(), guard).unwrap().unwrap();
        let places = sources.map(|path| pictures.place(&Source::File(path)).map(|place| place.save.unwrap()));
        assert!(places[0].as_ref().unwrap_err().contains("a.jpg would be overwritten"), "{places:?}");
        assert_eq!(places[1].as_ref().unwrap(), &at("a_2.jpg"));
        assert!(places[2].as_ref().unwrap_err().contains("c.png would be overwritten"), "{places:?}");
        assert_eq!(places[3].as_ref().unwrap(), &at("c_2.png"));
    }
}
