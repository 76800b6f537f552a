//! Names of pictures: as the image lies below the folders that were searched, and no name twice.

use std::collections::HashSet;
use std::path::{Component, Path, PathBuf};
use vovdet_datasets::sources::Source;

/// The folders that were searched for images.
#[derive(Debug, Clone, Default)]
pub struct Folders {
    roots: Vec<PathBuf>,
    /// The folder that holds them all.
    common: PathBuf,
}

impl Folders {
    /// The folders among the arguments of a run, and those that patterns begin with.
    pub fn of(arguments: &[PathBuf]) -> Self {
        let root = |argument: &PathBuf| {
            if argument.is_dir() {
                return Some(argument.clone());
            }
            let is_pattern = |part: &Component| part.as_os_str().to_string_lossy().contains(['*', '?', '[']);
            let searched = !argument.exists() && argument.components().any(|part| is_pattern(&part));
            searched.then(|| argument.components().take_while(|part| !is_pattern(part)).collect())
        };
        let roots: Vec<PathBuf> = arguments.iter().filter_map(root).collect();
        let common = roots.iter().skip(1).fold(roots.first().cloned().unwrap_or_default(), |common, root| {
            common.components().zip(root.components()).take_while(|(a, b)| a == b).map(|(a, _)| a).collect()
        });
        Self { roots, common }
    }

    /// The place of an image below the folder that holds all that were searched, without extension. An image that was
    /// named by itself has no folder.
    pub fn place(&self, source: &Source) -> PathBuf {
        let stem = PathBuf::from(source.stem());
        let Some(path) = source.path().filter(|path| self.roots.iter().any(|root| path.starts_with(root))) else {
            return stem;
        };
        let folder = path.strip_prefix(&self.common).ok().and_then(Path::parent).unwrap_or(Path::new(""));
        // Nothing leads out of the folder of the results.
        folder.components().filter(|part| matches!(part, Component::Normal(_))).collect::<PathBuf>().join(stem)
    }
}

/// The names that are taken.
#[derive(Debug, Default)]
pub struct Names(HashSet<PathBuf>);

impl Names {
    /// The name itself, or with a number when it is taken.
    pub fn unique(&mut self, name: PathBuf) -> PathBuf {
        let numbered = |n: usize| {
            let mut path = name.clone().into_os_string();
            path.push(format!("_{n}"));
            PathBuf::from(path)
        };
        let mut candidates = std::iter::once(name.clone()).chain((2..).map(numbered));
        let free = candidates.find(|name| !self.0.contains(name)).unwrap_or_default();
        self.0.insert(free.clone());
        free
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn folders_stay_and_names_are_not_taken_twice() {
        let root = tempfile::tempdir().unwrap();
        let at = |name: &str| root.path().join(name);
        for folder in ["photos/a", "photos/b", "other"] {
            std::fs::create_dir_all(at(folder)).unwrap();
        }
        let place = |arguments: &[&str], path: &str| {
            let arguments: Vec<_> = arguments.iter().map(|argument| at(argument)).collect();
            Folders::of(&arguments).place(&Source::File(at(path)))
        };
        assert_eq!(place(&["photos"], "photos/a/x.png"), Path::new("a/x"));
        assert_eq!(place(&["photos/a", "photos/b"], "photos/b/x.png"), Path::new("b/x"));
        assert_eq!(place(&["photos/**/*.png"], "photos/a/x.png"), Path::new("a/x"));
        assert_eq!(place(&["photos", "other/y.png"], "other/y.png"), Path::new("y"));
        assert_eq!(Folders::default().place(&Source::Stdin), Path::new("stdin"));

        let mut names = Names::default();
        let taken = ["a/x", "b/x", "a/x", "a/x"].map(|name| names.unique(name.into()));
        assert_eq!(taken, ["a/x", "b/x", "a/x_2", "a/x_3"].map(PathBuf::from));
    }
}
