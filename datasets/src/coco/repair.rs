//! The patient reading of an annotation file: what people's exports get wrong and what is meant all the same.

use super::ids::{Id, Names};
use serde_json::{Map, Value};
use std::collections::BTreeMap;
use std::path::Path;

/// Repairs by kind, with their number.
#[derive(Debug, Default)]
pub struct Repairs {
    counts: BTreeMap<&'static str, usize>,
}

impl Repairs {
    /// Repairs a whole annotation file in place.
    pub fn data_set(&mut self, value: &mut Value, names: &mut Names) {
        for (list, ids) in
            [("images", &["id"][..]), ("categories", &["id"]), ("annotations", &["id", "image_id", "category_id"])]
        {
            let records = value.get_mut(list).and_then(Value::as_array_mut).into_iter().flatten();
            for (index, record) in records.enumerate() {
                let Some(record) = record.as_object_mut() else { continue };
                for key in ids {
                    self.id(record, key, names);
                }
                match list {
                    "annotations" if !record.contains_key("id") => {
                        let nameless = names.number(&Id::Text(format!("annotation {index} without an id")));
                        record.insert("id".into(), nameless.into());
                        self.count("annotations without an id");
                    }
                    "categories" if !record.get("name").is_some_and(Value::is_string) => {
                        let id = record.get("id").map_or_else(String::new, Value::to_string);
                        record.insert("name".into(), format!("cat_{id}").into());
                        self.count("categories without a name");
                    }
                    _ => {}
                }
                self.fields(record);
            }
        }
    }

    fn id(&mut self, record: &mut Map<String, Value>, key: &str, names: &mut Names) {
        let Some(value) = record.get_mut(key) else { return };
        if value.is_u64() {
            return;
        }
        let id = match &*value {
            Value::String(text) => Id::Text(text.clone()),
            Value::Number(number) => Id::Real(number.as_f64().unwrap_or(-1.0)),
            _ => return,
        };
        let number = names.number(&id);
        *value = number.into();
        self.count("ids that are not whole numbers");
    }

    fn fields(&mut self, record: &mut Map<String, Value>) {
        if record.get("bbox").is_some_and(|bbox| bbox.as_array().is_none_or(|list| list.len() != 4)) {
            record.remove("bbox");
            self.count("boxes that are not four numbers");
        }
        // An empty object or text where a mask should be.
        let no_mask = |value: &Value| match value {
            Value::Array(parts) => parts.iter().any(|part| !part.is_array()),
            Value::Object(rle) => !rle.contains_key("counts"),
            Value::Null => false,
            _ => true,
        };
        if record.get("segmentation").is_some_and(no_mask) {
            record.remove("segmentation");
            self.count("segmentations that are neither polygons nor run lengths");
        }
        for flag in ["iscrowd", "area", "width", "height"] {
            let Some(value) = record.get_mut(flag) else { continue };
            let number = match &*value {
                Value::Null => None,
                Value::String(text) => text.trim().parse::<f64>().ok(),
                _ => continue,
            };
            match number.and_then(serde_json::Number::from_f64) {
                Some(number) => *value = number.into(),
                None => {
                    record.remove(flag);
                }
            }
            self.count("numbers that are text or null");
        }
    }

    fn count(&mut self, what: &'static str) {
        *self.counts.entry(what).or_default() += 1;
    }

    /// A sentence per kind of repair.
    pub fn notes(self, path: &Path) -> Vec<String> {
        self.counts.into_iter().map(|(what, n)| format!("{}: read in spite of {n} {what}", path.display())).collect()
    }
}
