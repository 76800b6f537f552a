//! VOC's comp4 files: one a class, a line an object: image, score, box from pixel 1.

use super::{Classes, stem};
use anyhow::{Result, bail};
use std::fmt::Write as _;
use std::io::Write as _;
use std::path::Path;
use vovdet_datasets::lines::Line;

/// Writes a comp4 file per class into a folder.
///
/// # Errors
/// When a class has a name that is none for a file, or the disk is full, for example.
pub fn write(folder: &Path, lines: impl Iterator<Item = Result<Line>>, classes: &Classes) -> Result<()> {
    let mut texts = vec![String::new(); classes.names.len()];
    for line in lines {
        let Line { image, detections, .. } = line?;
        for object in detections {
            let Some(class) = classes.index(object.category_id, &object.label) else { continue };
            // VOC counts pixels from 1, and a box holds its last pixel.
            let [x1, y1, x2, y2] = object.bbox;
            let edge = classes.plus_one;
            let [x2, y2] = [x2 + edge, y2 + edge];
            writeln!(texts[class], "{} {} {} {} {x2} {y2}", stem(&image), object.score, x1 + 1.0, y1 + 1.0)?;
        }
    }
    for ((_, name), text) in classes.names.iter().zip(texts) {
        if name.contains(['/', '\\', '\0']) || name.is_empty() {
            bail!("a class is named {name:?}, which cannot be part of a file name: rename it with --class-names");
        }
        let path = folder.join(format!("comp4_det_test_{name}.txt"));
        vovdet_files::write_file::<anyhow::Error>(&path, |file| Ok(file.write_all(text.as_bytes())?))?;
    }
    Ok(())
}
