//! Annotated pictures and crops, drawn and written beside the network.

use super::lines::class_of;
use anyhow::{Context, Result};
use crossbeam_channel::{Sender, bounded};
use image::codecs::jpeg::JpegEncoder;
use image::{ImageFormat, RgbImage};
use std::cell::RefCell;
use std::collections::HashSet;
use std::io::{self, Seek, Write};
use std::path::{Path, PathBuf};
use std::thread::JoinHandle;
use vovdet::cli::arguments::cores;
use vovdet::cli::console::Console;
use vovdet::render::{self, Colour, Object};
use vovdet_datasets::sources::Source;
use vovdet_detectors::{Detection, ModelSpec};

/// Quality of the JPEGs that are written.
const QUALITY: u8 = 92;

/// Threads that draw and write pictures into the folders of `--save` and `--crops`.
pub struct Pictures {
    save: Option<PathBuf>,
    crops: Option<PathBuf>,
    jobs: Sender<(Places, Job)>,
    writers: Vec<JoinHandle<Vec<String>>>,
    names: RefCell<HashSet<String>>,
}

/// An image to be drawn on.
pub struct Job {
    picture: RgbImage,
    detections: Vec<Detection>,
    /// Per detection: the name of its class.
    labels: Vec<String>,
    one_class: bool,
    stem: String,
    path: Option<PathBuf>,
    jpeg: bool,
}

impl Job {
    pub fn new(source: &Source, picture: RgbImage, detections: Vec<Detection>, spec: &ModelSpec) -> Self {
        let extension = source.path().and_then(|p| p.extension()).unwrap_or_default().to_ascii_lowercase();
        Self {
            picture,
            labels: detections.iter().map(|d| class_of(spec, d).0.to_owned()).collect(),
            detections,
            one_class: spec.classes.len() == 1,
            stem: source.stem(),
            path: source.path().map(Path::to_path_buf),
            jpeg: ["jpg", "jpeg", "jpe", "jfif"].iter().any(|e| extension == *e),
        }
    }
}

/// Where the results of one job go.
struct Places {
    save: Option<PathBuf>,
    crops: Option<PathBuf>,
    /// A stem that no other image of the run has.
    stem: String,
}

impl Pictures {
    /// Makes the folders and starts the threads; `None` when no pictures are wanted.
    ///
    /// # Errors
    /// When a folder cannot be made or written to.
    pub fn start(save: Option<&Path>, crops: Option<&Path>) -> Result<Option<Self>> {
        for (flag, folder) in [("--save", save), ("--crops", crops)] {
            if let Some(folder) = folder {
                vovdet_files::make_folder(folder)
                    .with_context(|| format!("{flag} {}: cannot write into this folder", folder.display()))?;
            }
        }
        if save.is_none() && crops.is_none() {
            return Ok(None);
        }
        let writers = (cores() / 2).clamp(1, 8);
        let (sender, jobs) = bounded::<(Places, Job)>(2 * writers);
        let writer = |_| {
            let jobs = jobs.clone();
            std::thread::spawn(move || jobs.into_iter().filter_map(|(places, job)| write(places, job).err()).collect())
        };
        Ok(Some(Self {
            save: save.map(Path::to_path_buf),
            crops: crops.map(Path::to_path_buf),
            jobs: sender,
            writers: (0..writers).map(writer).collect(),
            names: RefCell::default(),
        }))
    }

    /// Hands an image over; waits while all threads are busy.
    pub fn add(&self, job: Job) {
        let places = Places { save: self.save.clone(), crops: self.crops.clone(), stem: self.unique(&job.stem) };
        // The receivers live until `finish`; were they gone, `finish` would report their panic.
        let _ = self.jobs.send((places, job));
    }

    /// Files of one name from several folders must not overwrite each other.
    fn unique(&self, stem: &str) -> String {
        let mut names = self.names.borrow_mut();
        let mut candidates = std::iter::once(stem.to_owned()).chain((2..).map(|n| format!("{stem}_{n}")));
        let name = candidates.find(|name| !names.contains(name)).unwrap_or_default();
        names.insert(name.clone());
        name
    }

    /// Waits for all pictures; returns how many images could not be written, after saying which.
    pub fn finish(self, console: &Console) -> usize {
        drop(self.jobs);
        let join = |writer: JoinHandle<Vec<String>>| {
            writer.join().unwrap_or_else(|_| vec!["drawing a picture failed: this is a bug".into()])
        };
        let failures: Vec<String> = self.writers.into_iter().flat_map(join).collect();
        for failure in &failures {
            console.error(failure);
        }
        failures.len()
    }
}

fn write(places: Places, job: Job) -> Result<(), String> {
    let Places { save, crops, stem } = places;
    if let Some(folder) = crops {
        for (index, (detection, label)) in job.detections.iter().zip(&job.labels).enumerate() {
            let path = folder.join(format!("{stem}_{index}_{}{}", plain(label), extension(job.jpeg)));
            if let Some(crop) = crop(&job.picture, detection.bbox) {
                encode(&path, &crop, job.jpeg, job.path.as_deref())?;
            }
        }
    }
    if let Some(folder) = save {
        let path = folder.join(format!("{stem}{}", extension(job.jpeg)));
        let objects = job.detections.iter().zip(&job.labels).enumerate().map(|(index, (detection, label))| Object {
            bbox: detection.bbox,
            score: detection.score,
            name: label,
            colour: Colour::of(if job.one_class { index } else { detection.label }),
            mask: detection.mask.as_ref(),
        });
        let objects: Vec<_> = objects.collect();
        let mut picture = job.picture;
        render::draw(&mut picture, &objects, job.one_class);
        encode(&path, &picture, job.jpeg, job.path.as_deref())?;
    }
    Ok(())
}

fn extension(jpeg: bool) -> &'static str {
    if jpeg { ".jpg" } else { ".png" }
}

/// A class name as part of a file name.
fn plain(label: &str) -> String {
    label.chars().map(|c| if c.is_alphanumeric() || c == '-' { c } else { '_' }).collect()
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

/// Writes a picture, unless it would replace the image that it was made from.
fn encode(path: &Path, picture: &RgbImage, jpeg: bool, source: Option<&Path>) -> Result<(), String> {
    let same = |source: &Path| matches!((source.canonicalize(), path.canonicalize()), (Ok(a), Ok(b)) if a == b);
    if source.is_some_and(same) {
        return Err(format!("{}: would be overwritten by its own result; give another folder", path.display()));
    }
    let written = vovdet_files::write_file_unsynced(path, |file| to_file(file, picture, jpeg));
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
    fn a_result_never_replaces_its_source() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.png");
        encode(&path, &RgbImage::new(2, 2), false, None).unwrap();
        let error = encode(&path, &RgbImage::new(3, 3), false, Some(&path)).unwrap_err();
        assert!(error.contains("overwritten"), "{error}");
        assert_eq!(image::open(&path).unwrap().width(), 2);
    }
}
