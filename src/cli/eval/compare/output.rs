//! What a comparison prints.

use super::table;
use serde::Serialize;
use serde::ser::{SerializeMap, Serializer};
use serde_json::Value;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use vovdet_evaluation::metrics::compare::{Bootstrap, Delta, Section};

/// Two results beside each other.
pub struct Comparison {
    paths: [PathBuf; 2],
    protocol: Value,
    sections: Vec<Section>,
    used: Option<Used>,
    /// Why there are no intervals.
    pub no_intervals: Option<String>,
}

#[derive(Serialize)]
struct Used {
    #[serde(flatten)]
    bootstrap: Bootstrap,
    images: usize,
}

impl Comparison {
    /// Differences without intervals.
    pub fn new(paths: [&Path; 2], protocol: Value, sections: Vec<Section>) -> Self {
        Self { paths: paths.map(Into::into), protocol, sections, used: None, no_intervals: None }
    }

    /// Replaces the differences by those with intervals.
    pub fn complete(&mut self, sections: Vec<Section>, bootstrap: Bootstrap, images: usize) {
        self.sections = sections;
        self.used = Some(Used { bootstrap, images });
    }

    /// A table for people; `per_class` shows every class.
    pub fn table(&self, per_class: bool) -> String {
        let mut text = format!("A  {}\nB  {}\n", self.paths[0].display(), self.paths[1].display());
        let used = self.used.as_ref().map(|used| &used.bootstrap);
        if let Some(Used { bootstrap, images }) = &self.used {
            text += &table::drawn(bootstrap, *images);
        }
        for section in &self.sections {
            text += &table::figures(section, used);
            text += &table::classes(section, used, per_class);
        }
        text.truncate(text.trim_end().len());
        text
    }
}

impl Serialize for Comparison {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("a", &self.paths[0])?;
        map.serialize_entry("b", &self.paths[1])?;
        map.serialize_entry("protocol", &self.protocol)?;
        map.serialize_entry("bootstrap", &self.used)?;
        if let Some(reason) = &self.no_intervals {
            map.serialize_entry("no_intervals", reason)?;
        }
        for section in &self.sections {
            map.serialize_entry(section.kind, &section.figures)?;
        }
        map.serialize_entry("per_class", &PerClass(&self.sections))?;
        map.end()
    }
}

/// The classes of all sections, each once.
struct PerClass<'a>(&'a [Section]);

#[derive(Serialize)]
struct OneClass<'a> {
    objects: usize,
    #[serde(flatten)]
    kinds: BTreeMap<&'static str, &'a [Delta]>,
}

impl<'a> Serialize for PerClass<'a> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let names = self.0.first().into_iter().flat_map(|section| section.per_class.iter());
        serializer.collect_map(names.map(|(name, class)| {
            let kind = |section: &'a Section| Some((section.kind, &section.per_class.get(name)?.figures[..]));
            (name, OneClass { objects: class.objects, kinds: self.0.iter().filter_map(kind).collect() })
        }))
    }
}
