//! Categories of a data set and classes of a network: two numberings that must not be mixed up.

use crate::{Error, Result};
use serde::{Deserialize, Serialize};
use std::collections::HashMap;
use std::fmt::{self, Display, Formatter};

/// A category's id in its data set; ids may have gaps (COCO's go from 1 to 90 for 80 categories).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct CategoryId(pub u64);

/// A class's place among a network's outputs, from 0, the background not counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ClassIndex(pub usize);

impl Display for CategoryId {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// A category of a data set.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Category {
    /// Its id.
    pub id: CategoryId,
    /// Its name.
    pub name: String,
}

/// A class of a network: the id and the name that its spec gives it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Class<'a> {
    /// Category id in the data that it was trained on.
    pub id: u32,
    /// Its name.
    pub name: &'a str,
}

/// Which category each class of a network stands for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClassMap {
    categories: Vec<Option<CategoryId>>,
}

impl ClassMap {
    /// Maps by name. Where the weights say no names (`class 1`, `class 2`, …), classes are the data set's categories in
    /// the order of their ids; classes that a dialect's table leaves unused (torchvision's `unused 12`) map to none, and
    /// so do, with `some`, those that the data set does not have.
    ///
    /// # Errors
    /// When classes and categories do not fit together; the message says how many there are and which are missing.
    pub fn new(classes: &[Class], categories: &[Category], data: &str, some: bool) -> Result<Self> {
        let fold = |name: &str| name.trim().to_lowercase();
        let named = classes.iter().any(|class| class.name != format!("class {}", class.id));
        if !named {
            let mut ids: Vec<_> = categories.iter().map(|category| category.id).collect();
            ids.sort_unstable();
            if ids.len() != classes.len() {
                let (categories, classes) = (ids.len(), classes.len());
                return Err(Error::Classes { data: data.into(), categories, classes, missing: Vec::new() });
            }
            return Ok(Self { categories: ids.into_iter().map(Some).collect() });
        }
        let by_name: HashMap<String, CategoryId> = categories.iter().map(|c| (fold(&c.name), c.id)).collect();
        let ids: Vec<_> = classes.iter().map(|class| by_name.get(&fold(class.name)).copied()).collect();
        let used = |class: &Class| class.name != format!("unused {}", class.id);
        let unknown: Vec<_> =
            classes.iter().zip(&ids).filter(|(class, id)| id.is_none() && used(class)).map(|(c, _)| c.name).collect();
        if !unknown.is_empty() && (!some || unknown.len() == classes.len()) {
            return Err(Error::Classes {
                data: data.into(),
                categories: categories.len(),
                classes: classes.len(),
                missing: unknown.into_iter().map(String::from).collect(),
            });
        }
        Ok(Self { categories: ids })
    }

    /// The category of a class; `None` for a class that stands for nothing in the data set.
    pub fn category(&self, class: ClassIndex) -> Option<CategoryId> {
        self.categories.get(class.0).copied().flatten()
    }
}

/// The categories that words name: by name, in upper or lower case, or by id. All of them where there are no words.
///
/// # Errors
/// When a word names none; the nearest name is suggested.
pub fn chosen(words: &[String], categories: &[Category]) -> Result<Vec<CategoryId>> {
    let mut ids = Vec::with_capacity(words.len());
    for word in words {
        let id = categories[place(word, categories.iter().map(|c| (c.id.0, c.name.as_str())))?].id;
        if !ids.contains(&id) {
            ids.push(id);
        }
    }
    Ok(ids)
}

/// The place among `classes` (id and name of each) of the one that a word names: by name, in upper or lower case, or by
/// id.
///
/// # Errors
/// When it names none; the nearest name is suggested.
pub fn place<'a>(word: &str, classes: impl Iterator<Item = (u64, &'a str)> + Clone) -> Result<usize> {
    let word = word.trim();
    let by_name = classes.clone().position(|(_, name)| name.eq_ignore_ascii_case(word));
    by_name.or_else(|| classes.clone().position(|(id, _)| id.to_string() == word)).ok_or_else(|| {
        let near = nearest(word, classes.map(|(_, name)| name));
        Error::UnknownCategory { word: word.into(), near: near.map(String::from) }
    })
}

/// Below this share of common letters two names have nothing to do with each other.
const ALIKE: f64 = 0.75;

/// The name that `word` was probably meant to be; the first of equals.
fn nearest<'a>(word: &str, names: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let likeness = |name: &'a str| (strsim::normalized_levenshtein(word, name), name);
    let best = names.map(likeness).reduce(|best, next| if next.0 > best.0 { next } else { best });
    best.filter(|(likeness, _)| *likeness >= ALIKE).map(|(_, name)| name)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    fn categories(list: &[(u64, &str)]) -> Vec<Category> {
        list.iter().map(|&(id, name)| Category { id: CategoryId(id), name: name.into() }).collect()
    }

    fn classes(names: &[&'static str]) -> Vec<Class<'static>> {
        (1..).zip(names).map(|(id, name)| Class { id, name }).collect()
    }

    #[test]
    fn names_decide_and_ids_may_have_gaps() {
        let data = categories(&[(17, "cat"), (18, "dog"), (44, "cup")]);
        let map = ClassMap::new(&classes(&["dog", "Cat"]), &data, "x.json", false).unwrap();
        assert_eq!(map.category(ClassIndex(0)), Some(CategoryId(18)));
        assert_eq!(map.category(ClassIndex(1)), Some(CategoryId(17)));
        assert_eq!(map.category(ClassIndex(2)), None);
    }

    #[test]
    fn nameless_classes_follow_the_ids() {
        let data = categories(&[(9, "b"), (4, "a")]);
        let map = ClassMap::new(&classes(&["class 1", "class 2"]), &data, "x.json", false).unwrap();
        assert_eq!(map.category(ClassIndex(0)), Some(CategoryId(4)));
    }

    #[test]
    fn torchvisions_unused_rows_map_to_nothing() {
        let data = categories(&[(1, "person"), (3, "car")]);
        let map = ClassMap::new(&classes(&["person", "unused 2", "car"]), &data, "x.json", false).unwrap();
        assert_eq!(map.category(ClassIndex(1)), None);
        assert_eq!(map.category(ClassIndex(2)), Some(CategoryId(3)));
    }

    #[test]
    fn a_mismatch_says_which() {
        let data = categories(&[(1, "person"), (2, "car")]);
        let error = ClassMap::new(&classes(&["person", "truck", "car"]), &data, "VOC", false).unwrap_err().to_string();
        for part in ["VOC has 2 categories", "3 classes (4 outputs", "1 of them", "truck"] {
            assert!(error.contains(part), "{error}");
        }
        let map = ClassMap::new(&classes(&["person", "truck", "car"]), &data, "VOC", true).unwrap();
        assert_eq!(map.category(ClassIndex(1)), None);
        let error = ClassMap::new(&classes(&["class 1"]), &data, "VOC", false).unwrap_err().to_string();
        assert!(error.contains("2 categories") && error.contains("1 classes (2 outputs"), "{error}");
    }
}
