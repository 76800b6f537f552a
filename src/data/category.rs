//! Categories of a data set and classes of a network: two numberings that must not be mixed up.

use anyhow::{Result, bail};
use serde::{Deserialize, Serialize};
use std::collections::HashMap;
use std::fmt::{self, Display, Formatter};
use vovdet_detectors::spec::Class;

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

/// Which category each class of a network stands for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClassMap {
    categories: Vec<Option<CategoryId>>,
}

impl ClassMap {
    /// Maps by name. Where the weights say no names (`class 1`, `class 2`, …), classes are the data set's categories in
    /// the order of their ids; classes that a dialect's table leaves unused (torchvision's `unused 12`) map to none.
    ///
    /// # Errors
    /// When classes and categories do not fit together; the message says how many there are and which are missing.
    pub fn new(classes: &[Class], categories: &[Category], data: &str) -> Result<Self> {
        let fold = |name: &str| name.trim().to_lowercase();
        let named = classes.iter().any(|class| class.name != format!("class {}", class.id));
        if !named {
            let mut ids: Vec<_> = categories.iter().map(|category| category.id).collect();
            ids.sort_unstable();
            if ids.len() != classes.len() {
                bail!("{} has {} categories: {}", data, ids.len(), outputs(classes.len()));
            }
            return Ok(Self { categories: ids.into_iter().map(Some).collect() });
        }
        let by_name: HashMap<String, CategoryId> = categories.iter().map(|c| (fold(&c.name), c.id)).collect();
        let ids: Vec<_> = classes.iter().map(|class| by_name.get(&fold(&class.name)).copied()).collect();
        let used = |class: &Class| class.name != format!("unused {}", class.id);
        let strangers: Vec<_> =
            classes.iter().zip(&ids).filter(|(class, id)| id.is_none() && used(class)).map(|(c, _)| &*c.name).collect();
        if !strangers.is_empty() {
            bail!(
                "{data} has {} categories, and {}: {} of them are not in the data ({}); name the model's classes with \
                 --class-names, or keep those in common with --classes",
                categories.len(),
                outputs(classes.len()),
                strangers.len(),
                few(&strangers),
            );
        }
        Ok(Self { categories: ids })
    }

    /// The category of a class; `None` for a class that stands for nothing in the data set.
    pub fn category(&self, class: ClassIndex) -> Option<CategoryId> {
        self.categories.get(class.0).copied().flatten()
    }
}

fn outputs(classes: usize) -> String {
    format!("the model has {classes} classes ({} outputs with the background)", classes + 1)
}

/// The first few words of a list.
fn few(words: &[&str]) -> String {
    match words {
        [first, second, third, _, ..] => format!("{first}, {second}, {third}, …"),
        words => words.join(", "),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    fn categories(list: &[(u64, &str)]) -> Vec<Category> {
        list.iter().map(|&(id, name)| Category { id: CategoryId(id), name: name.into() }).collect()
    }

    #[test]
    fn names_decide_and_ids_may_have_gaps() {
        let classes = Class::from_names(["dog", "Cat"]);
        let map = ClassMap::new(&classes, &categories(&[(17, "cat"), (18, "dog"), (44, "cup")]), "x.json").unwrap();
        assert_eq!(map.category(ClassIndex(0)), Some(CategoryId(18)));
        assert_eq!(map.category(ClassIndex(1)), Some(CategoryId(17)));
        assert_eq!(map.category(ClassIndex(2)), None);
    }

    #[test]
    fn nameless_classes_follow_the_ids() {
        let map = ClassMap::new(&Class::table(2), &categories(&[(9, "b"), (4, "a")]), "x.json").unwrap();
        assert_eq!(map.category(ClassIndex(0)), Some(CategoryId(4)));
    }

    #[test]
    fn torchvisions_unused_rows_map_to_nothing() {
        let coco: Vec<_> = Class::table(80).iter().map(|c| (u64::from(c.id), c.name.clone())).collect();
        let coco: Vec<_> = coco.iter().map(|(id, name)| (*id, name.as_str())).collect();
        let map = ClassMap::new(&Class::table(90), &categories(&coco), "x.json").unwrap();
        assert_eq!(map.category(ClassIndex(11)), None);
        assert_eq!(map.category(ClassIndex(12)), Some(CategoryId(13)));
    }

    #[test]
    fn a_mismatch_says_which() {
        let voc = Class::table(20);
        let voc: Vec<_> = voc.iter().map(|c| (u64::from(c.id), c.name.as_str())).collect();
        let error = ClassMap::new(&Class::table(80), &categories(&voc), "VOC2007").unwrap_err().to_string();
        assert!(error.contains("20 categories") && error.contains("80 classes (81 outputs"), "{error}");
        assert!(error.contains("bicycle") == false && error.contains("truck"), "{error}");
        let error = ClassMap::new(&Class::table(3), &categories(&voc), "VOC2007").unwrap_err().to_string();
        assert!(error.contains("3 classes (4 outputs"), "{error}");
    }
}
