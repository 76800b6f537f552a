//! YOLO's text files: one an image, a line an object: class from 0, centre and size as parts of the image, score.

use super::{Classes, stem};
use anyhow::Result;
use std::collections::HashMap;
use std::fmt::Write as _;
use std::io::Write as _;
use std::path::Path;
use vovdet_datasets::lines::Line;

/// Writes a text file per image and `classes.txt` with the names of the classes into a folder. Two images of one name
/// get one file: what is found in both would be mixed, so the second one's is named `NAME_2.txt`.
///
/// # Errors
/// When a file cannot be written.
pub fn write(folder: &Path, lines: impl Iterator<Item = Result<Line>>, classes: &Classes) -> Result<()> {
    let mut names: HashMap<String, usize> = HashMap::new();
    for line in lines {
        let Line { image, width, height, detections, .. } = line?;
        let mut text = String::new();
        for object in detections {
            let Some(class) = classes.index(object.category_id, &object.label) else { continue };
            let [x1, y1, x2, y2] = object.bbox.map(f64::from);
            let edge = f64::from(classes.plus_one);
            let (w, h) = (f64::from(width), f64::from(height));
            let (x, y) = ((x1 + x2 + edge) / 2.0 / w, (y1 + y2 + edge) / 2.0 / h);
            let (bw, bh) = ((x2 - x1 + edge) / w, (y2 - y1 + edge) / h);
            writeln!(text, "{class} {x:.6} {y:.6} {bw:.6} {bh:.6} {}", object.score)?;
        }
        let name = stem(&image);
        let times = names.entry(name.clone()).or_default();
        *times += 1;
        let name = if *times == 1 { name } else { format!("{name}_{times}") };
        put(&folder.join(format!("{name}.txt")), &text)?;
    }
    let table: String = classes.names.iter().map(|(_, name)| format!("{name}\n")).collect();
    put(&folder.join("classes.txt"), &table)
}

fn put(path: &Path, text: &str) -> Result<()> {
    vovdet_files::write_file_unsynced::<anyhow::Error>(path, |file| Ok(file.write_all(text.as_bytes())?))
}
