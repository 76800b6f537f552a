//! The ids that a COCO annotation file gives to images and categories, looked up by name.

use serde::Deserialize;
use std::collections::HashMap;
use std::path::Path;

/// Image and category ids of a data set.
#[derive(Debug, Default)]
pub struct Ids {
    /// By `file_name` as written, and by its last component where that is unique.
    images: HashMap<String, Option<u64>>,
    categories: HashMap<String, u64>,
}

#[derive(Deserialize)]
struct File {
    images: Vec<Image>,
    #[serde(default)]
    categories: Vec<Category>,
}

#[derive(Deserialize)]
struct Image {
    id: u64,
    file_name: String,
}

#[derive(Deserialize)]
struct Category {
    id: u64,
    name: String,
}

impl Ids {
    /// Reads the ids of a COCO annotation file.
    ///
    /// # Errors
    /// When the text is not such a file; the message stands behind the file's name.
    pub fn from_json(text: &str) -> Result<Self, String> {
        let file: File = serde_json::from_str(text).map_err(|e| format!("is not a COCO annotation file: {e}"))?;
        let images = file.images.iter().map(|image| (image.id, image.file_name.as_str()));
        Ok(Self::new(images, file.categories.iter().map(|category| (category.id, category.name.as_str()))))
    }

    /// The ids of images by their file names, and of categories by their names.
    pub fn new<'a>(
        images: impl Iterator<Item = (u64, &'a str)> + Clone,
        categories: impl Iterator<Item = (u64, &'a str)>,
    ) -> Self {
        let mut by_name: HashMap<String, Option<u64>> = HashMap::new();
        let short = |name: &str| name.rsplit(['/', '\\']).next().map(str::to_owned).unwrap_or_default();
        for (id, name) in images.clone() {
            by_name.entry(short(name)).and_modify(|id| *id = None).or_insert(Some(id));
        }
        by_name.extend(images.map(|(id, name)| (name.to_owned(), Some(id))));
        Self { images: by_name, categories: categories.map(|(id, name)| (name.to_owned(), id)).collect() }
    }

    /// The id of the image in `path`: the longest tail of the path that names an image decides.
    pub fn image(&self, path: &Path) -> Option<u64> {
        let parts: Vec<_> = path.components().map(|c| c.as_os_str().to_string_lossy()).collect();
        (0..parts.len()).find_map(|start| self.images.get(&parts[start..].join("/")).copied().flatten())
    }

    /// The id of the category with this name.
    pub fn category(&self, name: &str) -> Option<u64> {
        self.categories.get(name).copied()
    }
}

/// The image number that a file's stem holds: `42`, `000000000042`, `COCO_val2014_000000000042`, `frame-7`. Digits
/// that are glued to letters, as in a hash, are no number.
pub fn number_in(stem: &str) -> Option<u64> {
    let digits = stem.len() - stem.trim_end_matches(|c: char| c.is_ascii_digit()).len();
    let (rest, number) = stem.split_at(stem.len() - digits);
    (rest.is_empty() || rest.ends_with(['_', '-', '.', ' '])).then(|| number.parse().ok()).flatten()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn numbers_in_stems() {
        assert_eq!(number_in("42"), Some(42));
        assert_eq!(number_in("COCO_val2014_000000000042"), Some(42));
        assert_eq!(number_in("frame-7"), Some(7));
        for none in ["cat", "0a7d30b252359a9", "", "x1", "99999999999999999999999"] {
            assert_eq!(number_in(none), None, "{none}");
        }
    }

    #[test]
    fn images_by_the_tail_of_their_path() {
        let ids = Ids::from_json(
            r#"{"images": [{"id": 5, "file_name": "val/a.png"}, {"id": 6, "file_name": "train/a.png"},
                           {"id": 7, "file_name": "b.png"}], "categories": [{"id": 3, "name": "cat"}]}"#,
        )
        .unwrap();
        assert_eq!(ids.image(Path::new("/data/val/a.png")), Some(5));
        assert_eq!(ids.image(Path::new("train/a.png")), Some(6));
        assert_eq!(ids.image(Path::new("elsewhere/a.png")), None, "two images share this name");
        assert_eq!(ids.image(Path::new("./x/b.png")), Some(7));
        assert_eq!(ids.category("cat"), Some(3));
        assert!(Ids::from_json("[]").unwrap_err().starts_with("is not a COCO annotation file"));
    }
}
