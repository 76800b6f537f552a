//! Where images come from: files, folders, patterns, standard input, lists of paths.

use crate::image::{Encoded, ImageError, has_image_extension};
use crate::pipeline::Turn;
use ::image::RgbImage;
use std::ffi::OsStr;
use std::io::{self, BufRead, BufReader, Read};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use vovdet_files::ReadFault;

/// Longest line of a list in bytes, well above the longest path.
const MAX_LINE: usize = 1 << 16;

/// One image to be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source {
    /// A file.
    File(PathBuf),
    /// The bytes on standard input.
    Stdin,
    /// A name that stands for no image, and why.
    Nothing {
        /// As it was given.
        name: String,
        /// A clause to stand behind it.
        reason: String,
    },
}

impl Source {
    /// The name in reports: the path as it was given or found, `-` for standard input.
    pub fn name(&self) -> String {
        match self {
            Self::File(path) => path.display().to_string(),
            Self::Stdin => "-".into(),
            Self::Nothing { name, .. } => name.clone(),
        }
    }

    /// The path of a file.
    pub fn path(&self) -> Option<&Path> {
        match self {
            Self::File(path) => Some(path),
            _ => None,
        }
    }

    /// The file name without folder and extension; `stdin` for standard input.
    pub fn stem(&self) -> String {
        match self {
            Self::File(path) => path.file_stem().unwrap_or_default().to_string_lossy().into_owned(),
            Self::Stdin => "stdin".into(),
            Self::Nothing { name, .. } => name.clone(),
        }
    }

    /// Reads and decodes the image.
    ///
    /// # Errors
    /// When there is none; the message stands behind [`Source::name`].
    pub fn read(&self) -> Result<RgbImage, ImageError> {
        self.open()?.decode()
    }

    /// Reads and decodes the image once its turn has the memory for it.
    ///
    /// # Errors
    /// See [`Source::read`].
    pub fn read_in_turn(&self, turn: &Turn<'_>) -> Result<RgbImage, ImageError> {
        let length = self.path().and_then(|path| std::fs::metadata(path).ok()).map_or(0, |found| found.len());
        turn.reserve(length);
        let encoded = self.open()?;
        turn.reserve(encoded.memory().saturating_sub(length));
        encoded.decode()
    }

    fn open(&self) -> Result<Encoded<'static>, ImageError> {
        match self {
            Self::File(path) => Encoded::open(path),
            Self::Stdin => Encoded::from_reader(io::stdin().lock()),
            Self::Nothing { reason, .. } => Err(ImageError::NoImage(reason.clone())),
        }
    }

    fn nothing(name: &Path, reason: impl Into<String>) -> Self {
        Self::Nothing { name: name.display().to_string(), reason: reason.into() }
    }
}

/// All images of a run, in order.
pub struct Sources {
    /// The images; a list is read as it comes, so a pipe may stay open.
    pub items: Box<dyn Iterator<Item = Source> + Send>,
    /// How many there are, when that is known beforehand.
    pub len: Option<usize>,
}

impl Sources {
    /// What arguments stand for: a file is itself, `-` is standard input, a folder is the images in it by name, and a
    /// name that does not exist is taken as a pattern (`*`, `?`, `[…]`, `**`).
    pub fn from_arguments(arguments: &[PathBuf], recursive: bool) -> Self {
        let items: Vec<_> = arguments.iter().flat_map(|argument| expand(argument, recursive)).collect();
        Self { len: Some(items.len()), items: Box::new(items.into_iter()) }
    }

    /// The paths in a list, one per line, empty lines left out; `-` reads the list from standard input.
    ///
    /// # Errors
    /// When the list cannot be opened, or is no regular file: `-` is for pipes.
    pub fn from_list(list: &Path, recursive: bool) -> Result<Self, ReadFault> {
        let reader: Box<dyn BufRead + Send> = if list == Path::new("-") {
            Box::new(BufReader::new(io::stdin()))
        } else {
            Box::new(BufReader::new(vovdet_files::open(list).map_err(|error| error.fault)?))
        };
        let name = list.to_path_buf();
        let items = Lines { reader, ended: false }.flat_map(move |line| match line {
            Ok(line) if line.trim_ascii().is_empty() => Vec::new(),
            Ok(line) => expand_existing(Path::new(OsStr::from_bytes(&line)), recursive),
            Err(reason) => vec![Source::nothing(&name, reason)],
        });
        Ok(Self { items: Box::new(items), len: None })
    }
}

/// The lines of a list, without their ends; a line that is too long or cannot be read is the last.
struct Lines<R> {
    reader: R,
    ended: bool,
}

impl<R: BufRead> Iterator for Lines<R> {
    type Item = Result<Vec<u8>, String>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.ended {
            return None;
        }
        let mut line = Vec::new();
        match self.reader.by_ref().take(MAX_LINE as u64).read_until(b'\n', &mut line) {
            Ok(0) => None,
            Ok(MAX_LINE) if line.last() != Some(&b'\n') => {
                self.ended = true;
                Some(Err(format!("has a line of more than {MAX_LINE} bytes: it is no list of paths")))
            }
            Ok(_) => {
                for end in [b'\n', b'\r'] {
                    line.pop_if(|last| *last == end);
                }
                Some(Ok(line))
            }
            Err(e) => {
                self.ended = true;
                Some(Err(format!("has a line that cannot be read: {e}")))
            }
        }
    }
}

fn expand(argument: &Path, recursive: bool) -> Vec<Source> {
    if argument == Path::new("-") {
        return vec![Source::Stdin];
    }
    let pattern = argument.to_str().filter(|text| text.contains(['*', '?', '['])).filter(|_| !argument.exists());
    let Some(pattern) = pattern else { return expand_existing(argument, recursive) };
    match glob::glob(pattern) {
        Ok(paths) => {
            let found: Vec<_> = paths.flatten().flat_map(|path| expand_existing(&path, recursive)).collect();
            if found.is_empty() { vec![Source::nothing(argument, "fits no file")] } else { found }
        }
        Err(e) => vec![Source::nothing(argument, format!("there is no such file, and it is no pattern: {}", e.msg))],
    }
}

fn expand_existing(path: &Path, recursive: bool) -> Vec<Source> {
    if !path.is_dir() {
        return vec![Source::File(path.to_path_buf())];
    }
    let mut found = Vec::new();
    let mut folders = Vec::new();
    if let Err(e) = images_in(path, recursive, &mut found, &mut folders) {
        return vec![Source::nothing(path, format!("cannot be listed: {e}"))];
    }
    if found.is_empty() {
        let hint = if folders.is_empty() || recursive { "" } else { "; its folders are read with --recursive" };
        return vec![Source::nothing(path, format!("is a folder without images{hint}"))];
    }
    found
}

/// Images of a folder by name, then (when asked) those of its folders; links to folders are not followed.
fn images_in(folder: &Path, recursive: bool, found: &mut Vec<Source>, folders: &mut Vec<PathBuf>) -> io::Result<()> {
    let mut entries = std::fs::read_dir(folder)?.collect::<io::Result<Vec<_>>>()?;
    entries.retain(|entry| !entry.file_name().as_encoded_bytes().starts_with(b"."));
    entries.sort_by_key(std::fs::DirEntry::file_name);
    let mut inner = Vec::new();
    for entry in entries {
        let path = entry.path();
        if entry.file_type()?.is_dir() {
            inner.push(path);
        } else if has_image_extension(&path) {
            found.push(Source::File(path));
        }
    }
    if recursive {
        for folder in &inner {
            images_in(folder, true, found, folders)?;
        }
    }
    folders.append(&mut inner);
    Ok(())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    fn names(sources: Sources, root: &Path) -> Vec<String> {
        let relative = |name: String| name.strip_prefix(&format!("{}/", root.display())).map(String::from);
        sources.items.map(|s| relative(s.name()).unwrap_or_else(|| s.name())).collect()
    }

    #[test]
    fn folders_patterns_and_lists() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path();
        std::fs::create_dir_all(root.join("inner/empty")).unwrap();
        for name in ["b.PNG", "a.jpg", "notes.txt", ".hidden.png", "inner/c.webp", "x[1].png"] {
            std::fs::write(root.join(name), b"x").unwrap();
        }
        let arguments = |list: &[&str]| list.iter().map(|a| root.join(a)).collect::<Vec<_>>();

        let all = Sources::from_arguments(&arguments(&["", "inner/c.webp"]), false);
        assert_eq!(all.len, Some(4));
        assert_eq!(names(all, root), ["a.jpg", "b.PNG", "x[1].png", "inner/c.webp"]);
        let all = Sources::from_arguments(&arguments(&[""]), true);
        assert_eq!(names(all, root), ["a.jpg", "b.PNG", "x[1].png", "inner/c.webp"]);
        let some = Sources::from_arguments(&arguments(&["*.jpg", "**/*.webp", "x[1].png", "*.bmp"]), false);
        assert_eq!(names(some, root), ["a.jpg", "inner/c.webp", "x[1].png", "*.bmp"]);

        let list = root.join("list.txt");
        std::fs::write(&list, "one.png\r\n\n two.png\n").unwrap();
        assert_eq!(names(Sources::from_list(&list, false).unwrap(), root), ["one.png", " two.png"]);
        std::fs::write(&list, [b"a.png\n", &[b'x'; MAX_LINE + 1][..], b"\nb.png\n"].concat()).unwrap();
        let mut lines = Sources::from_list(&list, false).unwrap().items;
        assert_eq!(lines.next().unwrap().name(), "a.png");
        assert!(lines.next().unwrap().read().unwrap_err().to_string().contains("no list of paths"));
        assert!(lines.next().is_none());
        assert!(Sources::from_list(Path::new("/dev/zero"), false).is_err());
    }

    #[test]
    fn what_is_no_image_says_why() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join("inner")).unwrap();
        let source = Sources::from_arguments(&[folder.path().to_path_buf()], false).items.next().unwrap();
        assert_eq!(
            source.read().unwrap_err().to_string(),
            "is a folder without images; its folders are read with --recursive"
        );
        let missing = Sources::from_arguments(&[folder.path().join("no.png")], false).items.next().unwrap();
        assert!(matches!(missing.read(), Err(ImageError::File(ReadFault::Missing))));
    }
}
