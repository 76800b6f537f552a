//! A table: a row an object.

use anyhow::Result;
use std::io::Write;
use vovdet_datasets::lines::{Line, Object};

/// The names of the columns; boxes are in pixels of the image.
const COLUMNS: [&str; 8] = ["image", "label", "category_id", "score", "x1", "y1", "x2", "y2"];

/// The row with the names of the columns.
pub fn header() -> Result<String> {
    row(&COLUMNS.map(String::from))
}

/// The rows of an image, each ending with a line break; none when nothing was found.
pub fn rows(line: &Line) -> Result<String> {
    let fields = |Object { bbox: [x1, y1, x2, y2], score, label, category_id, .. }: &Object| {
        let numbers = [score, x1, y1, x2, y2].map(ToString::to_string);
        let [score, x1, y1, x2, y2] = numbers;
        row(&[line.image.clone(), label.clone(), category_id.to_string(), score, x1, y1, x2, y2])
    };
    line.detections.iter().map(fields).collect()
}

fn row(fields: &[String]) -> Result<String> {
    let mut writer = csv::Writer::from_writer(Vec::new());
    writer.write_record(fields)?;
    writer.flush()?;
    Ok(String::from_utf8(writer.into_inner()?)?)
}

/// Writes the table of all images.
pub fn write(to: &mut impl Write, lines: impl Iterator<Item = Result<Line>>) -> Result<()> {
    to.write_all(header()?.as_bytes())?;
    for line in lines {
        to.write_all(rows(&line?)?.as_bytes())?;
    }
    Ok(())
}
