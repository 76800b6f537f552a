//! Objects in plain text, the form of Padilla's Object-Detection-Metrics: a file per image, `class x y width height` per
//! line.

use super::{Annotation, NamedObject, VocData};
use crate::{Error, Result};
use std::path::{Path, PathBuf};

/// Whether a folder holds such files.
pub fn is_text_data(root: &Path) -> bool {
    let fits = |path: &PathBuf| {
        let text = crate::text::read(path).unwrap_or_default();
        text.lines().find(|line| !line.trim().is_empty()).is_some_and(|line| object(line).is_some())
    };
    files(root).is_ok_and(|files| files.iter().any(fits))
}

/// Reads all files of the folder.
pub fn read(root: &Path) -> Result<VocData> {
    let mut items = Vec::new();
    for path in files(root)? {
        let text = crate::text::read(&path)?;
        let mut annotation = Annotation::default();
        for (index, line) in text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty()) {
            match object(line) {
                Some(object) => annotation.objects.push(object),
                None => {
                    let what = format!("line {} is not `class x y width height`: {line}", index + 1);
                    return Err(Error::content(&path, what));
                }
            }
        }
        items.push((super::super::stem(&path), annotation));
    }
    Ok(VocData::assemble(root, None, items.into_iter()))
}

fn files(root: &Path) -> Result<Vec<PathBuf>> {
    let entries = std::fs::read_dir(root).map_err(Error::io(root))?.flatten();
    let mut files: Vec<_> =
        entries.map(|entry| entry.path()).filter(|path| path.extension().is_some_and(|e| e == "txt")).collect();
    files.sort_unstable();
    Ok(files)
}

fn object(line: &str) -> Option<NamedObject> {
    let words: Vec<_> = line.split_whitespace().collect();
    let [class, numbers @ ..] = &words[..] else { return None };
    let numbers: Vec<f64> = numbers.iter().map(|word| word.parse().ok()).collect::<Option<_>>()?;
    let [x, y, w, h] = numbers[..] else { return None };
    Some(NamedObject { class: (*class).into(), bbox: [x, y, x + w, y + h], ..NamedObject::default() })
}
