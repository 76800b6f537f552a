//! `data.yaml`: where the images of each split are, and what the classes are called.

use crate::{Error, Result};
use serde::Deserialize;
use serde::de::{Deserializer, MapAccess, SeqAccess, Visitor};
use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};

/// Most classes: data sets have thousands at most, and a map may claim any number.
const MAX_CLASSES: usize = 1 << 20;

/// Most bytes of the file.
const MAX_BYTES: u64 = 1 << 26;

/// Keys that name no split.
const NO_SPLITS: [&str; 9] =
    ["path", "names", "nc", "download", "channels", "kpt_shape", "flip_idx", "yaml_file", "license"];

/// A data set as its `data.yaml` says it.
#[derive(Debug)]
pub struct Config {
    /// The file.
    pub path: PathBuf,
    /// The folder from which paths are counted.
    pub root: PathBuf,
    /// Folders and lists of images of each split, in the order train, val, test, then the others by name.
    pub splits: Vec<(String, Vec<PathBuf>)>,
    /// The classes; gaps in a map of names are filled with the numbers.
    pub names: Vec<String>,
    /// What is odd about it, a sentence each.
    pub notes: Vec<String>,
}

#[derive(Deserialize)]
struct Text {
    path: Option<String>,
    names: Option<Names>,
    nc: Option<usize>,
    #[serde(flatten)]
    rest: BTreeMap<String, Other>,
}

/// A value that names images, or anything else.
#[derive(Deserialize)]
#[serde(untagged)]
enum Other {
    One(String),
    Several(Vec<String>),
    Else(serde::de::IgnoredAny),
}

/// Class names by number.
struct Names(BTreeMap<usize, String>);

impl<'de> Deserialize<'de> for Names {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct NamesVisitor;
        impl<'de> Visitor<'de> for NamesVisitor {
            type Value = Names;

            fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
                f.write_str("a list of names, or a map from number to name")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Names, A::Error> {
                let mut names = BTreeMap::new();
                while let Some(Scalar(name)) = list.next_element()? {
                    names.insert(names.len(), name);
                }
                Ok(Names(names))
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Names, A::Error> {
                let mut names = BTreeMap::new();
                while let Some((number, Scalar(name))) = map.next_entry()? {
                    names.insert(number, name);
                }
                Ok(Names(names))
            }
        }
        deserializer.deserialize_any(NamesVisitor)
    }
}

/// A name, which YAML takes for a number or a truth value when it looks like one (`0: no`).
struct Scalar(String);

impl<'de> Deserialize<'de> for Scalar {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer).map(Self)
    }
}

impl Config {
    /// Reads a `data.yaml`.
    ///
    /// # Errors
    /// When it cannot be read, is no such file, or names no images or no classes.
    pub fn read(path: &Path) -> Result<Self> {
        let refused = |what: String| Error::content(path, what);
        let text = vovdet_files::read_bounded(path, MAX_BYTES)?;
        let text =
            std::str::from_utf8(crate::text::unmarked(&text)).map_err(|_| refused("is not UTF-8 text".into()))?;
        let text: Text =
            serde_saphyr::from_str(text).map_err(|e| refused(format!("is no data.yaml: {}", first(&e))))?;
        let mut notes = Vec::new();
        let names = names(text.names, text.nc).map_err(&refused)?;
        let root = root(path, text.path.as_deref(), &mut notes);
        let mut splits: Vec<_> = text.rest.into_iter().filter(|(key, _)| !NO_SPLITS.contains(&key.as_str())).collect();
        let rank = |key: &str| ["train", "val", "test"].iter().position(|known| *known == key).unwrap_or(3);
        splits.sort_by_key(|(key, _)| rank(if key == "validation" { "val" } else { key }));
        let mut found = Vec::new();
        for (key, value) in splits {
            let paths = match value {
                Other::One(path) => vec![path],
                Other::Several(paths) => paths,
                Other::Else(_) => continue,
            };
            // An unknown key may be any remark: it counts when it names what is there.
            let known = rank(&key) < 3 || key == "validation";
            let paths: Vec<_> = paths.iter().filter_map(|text| place(&root, text, known)).collect();
            if !paths.is_empty() {
                found.push((if key == "validation" { "val".into() } else { key }, paths));
            }
        }
        if found.is_empty() {
            return Err(refused("names no images: it has neither train nor val nor test".into()));
        }
        Ok(Self { path: path.into(), root, splits: found, names, notes })
    }
}

/// The first line of an error: the parser draws the place below it.
fn first(error: &serde_saphyr::Error) -> String {
    error.to_string().lines().next().unwrap_or_default().to_owned()
}

fn names(names: Option<Names>, count: Option<usize>) -> Result<Vec<String>, String> {
    let Some(Names(names)) = names.filter(|names| !names.0.is_empty()) else {
        let count = count.ok_or("names no classes: it has neither names nor nc")?;
        return if count <= MAX_CLASSES {
            Ok((0..count).map(|class| format!("class_{class}")).collect())
        } else {
            Err(format!("has {count} classes, more than the limit of {MAX_CLASSES}"))
        };
    };
    let length = names.last_key_value().map_or(0, |(last, _)| last.saturating_add(1));
    if length > MAX_CLASSES {
        return Err(format!("names the class {}, more than the limit of {MAX_CLASSES}", length - 1));
    }
    if let Some(count) = count.filter(|count| *count != length) {
        return Err(format!("has {length} names and says nc: {count}"));
    }
    Ok((0..length).map(|class| names.get(&class).cloned().unwrap_or_else(|| format!("class_{class}"))).collect())
}

/// The folder from which paths are counted: `path` from the folder of the file, where that is there.
fn root(file: &Path, said: Option<&str>, notes: &mut Vec<String>) -> PathBuf {
    let here = file.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let Some(said) = said.filter(|said| !said.is_empty()) else { return here.into() };
    // Ultralytics counts from the folder of all its data sets, which is the parent where the file lies in the data set.
    let candidates = [Some(here.join(said)), here.parent().map(|above| above.join(said))];
    candidates.into_iter().flatten().find(|folder| folder.is_dir()).unwrap_or_else(|| {
        notes.push(format!("{}: its path {said} is not there; paths are counted from the file", file.display()));
        here.into()
    })
}

/// The folder or list that a split names. Exports that move the file write `../train/images`.
fn place(root: &Path, text: &str, known: bool) -> Option<PathBuf> {
    let path = root.join(text);
    if path.exists() {
        return Some(path);
    }
    let inside = text.strip_prefix("../").map(|rest| root.join(rest)).filter(|path| path.exists());
    inside.or_else(|| known.then_some(path))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    fn read(text: &str) -> Result<Config> {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir_all(folder.path().join("images/val")).unwrap();
        let path = folder.path().join("data.yaml");
        std::fs::write(&path, text).unwrap();
        Config::read(&path)
    }

    /// The forms of Ultralytics' own files: coco8.yaml (map), Roboflow's exports (list, `../`), older ones (nc alone).
    #[test]
    fn names_are_lists_maps_or_a_number() {
        let config = read("train: images/train\nval: images/val\nnc: 2\nnames: [cat, 'no']").unwrap();
        assert_eq!(config.names, ["cat", "no"]);
        assert_eq!(config.splits.iter().map(|(name, _)| name.as_str()).collect::<Vec<_>>(), ["train", "val"]);
        let config = read("path: .\nval: ../images/val\nremark: a text\nnames:\n  0: person\n  2: 7\n").unwrap();
        assert_eq!(config.names, ["person", "class_1", "7"]);
        let [(split, paths)] = &config.splits[..] else { panic!("{config:?}") };
        assert_eq!((split.as_str(), paths[0].ends_with("images/val")), ("val", true));
        assert_eq!(read("val: [a, b]\nnc: 2").unwrap().names, ["class_0", "class_1"]);
    }

    #[test]
    fn what_is_wrong_is_said() {
        for (text, word) in [
            ("val: x", "neither names nor nc"),
            ("names: [a]", "names no images"),
            ("val: x\nnames: [a]\nnc: 3", "has 1 names and says nc: 3"),
            ("val: x\nnames: {900000000000: a}", "more than the limit"),
            ("val: x\nnc: 99999999999", "more than the limit"),
            ("val: [", "is no data.yaml"),
            ("- 1", "is no data.yaml"),
            ("val: x\nnames: a", "is no data.yaml"),
        ] {
            let error = read(text).unwrap_err().to_string();
            assert!(error.contains(word) && error.lines().count() == 1, "{text}: {error}");
        }
    }
}
