//! One VOC annotation file.

use super::{Annotation, NamedObject};
use crate::{Error, Result};
use quick_xml::Reader;
use quick_xml::events::Event;
use std::path::Path;

/// Reads an annotation; parts of objects (VOC's heads, hands and feet of persons) are no objects.
pub fn read(path: &Path) -> Result<Annotation> {
    parse(&crate::text::read(path)?).map_err(|what| Error::content(path, what))
}

/// Reads the text of an annotation; what is wrong with it is a clause to stand behind the file's name.
fn parse(text: &str) -> Result<Annotation, String> {
    let mut reader = Reader::from_str(text);
    let mut path: Vec<String> = Vec::new();
    let mut root = None;
    let mut annotation = Annotation::default();
    let mut size = (None, None);
    let mut object = Fields::default();
    let mut value = String::new();
    loop {
        match reader.read_event().map_err(|e| format!("is not XML: {e}"))? {
            Event::Start(tag) => {
                path.push(String::from_utf8_lossy(tag.name().as_ref()).into_owned());
                root.get_or_insert_with(|| path[0].clone());
                value.clear();
                if path.len() == 2 && path[1] == "object" {
                    object = Fields::default();
                }
            }
            Event::Text(part) => value += &part.decode().map_err(no_text)?,
            Event::GeneralRef(reference) => {
                match reference.resolve_char_ref().map_err(|e| format!("is not XML: {e}"))? {
                    Some(c) => value.push(c),
                    None => {
                        let name = reference.decode().map_err(no_text)?;
                        let known = quick_xml::escape::resolve_xml_entity(&name);
                        value += known.ok_or_else(|| format!("has the entity &{name};, which XML does not know"))?;
                    }
                }
            }
            Event::CData(part) => value += &part.decode().map_err(no_text)?,
            Event::End(_) => {
                // Deeper than this there is nothing of ours.
                let tags: Vec<&str> = path.iter().skip(1).take(4).map(String::as_str).collect();
                let text = value.trim();
                match tags[..] {
                    ["size", "width"] => size.0 = text.parse::<f64>().ok(),
                    ["size", "height"] => size.1 = text.parse::<f64>().ok(),
                    ["object", "name"] => object.class = Some(text.to_owned()),
                    ["filename"] => annotation.file_name = Some(text.to_owned()),
                    ["object", "difficult"] => object.difficult = flag(text, "difficult")?,
                    ["object", "truncated"] => object.truncated = flag(text, "truncated").ok(),
                    ["object", "occluded"] => object.occluded = flag(text, "occluded").ok(),
                    ["object", "pose"] => object.pose = Some(text.to_owned()).filter(|pose| !pose.is_empty()),
                    ["object", "part"] => object.parts += 1,
                    ["object", "bndbox", side] => object.side(side, text)?,
                    ["object"] => annotation.objects.push(std::mem::take(&mut object).finish()?),
                    _ => {}
                }
                path.pop();
                value.clear();
            }
            Event::Eof if path.is_empty() => break,
            Event::Eof => return Err(format!("ends inside <{}>", path[..path.len().min(4)].join("><"))),
            _ => {}
        }
    }
    match root {
        Some(name) if name.eq_ignore_ascii_case("annotation") => {}
        Some(name) => return Err(format!("is no VOC annotation: it is a <{name}>")),
        None => return Err("is no VOC annotation: there is no <annotation> in it".into()),
    }
    if let (Some(width), Some(height)) = size {
        // Sizes are small whole numbers; 0 where a tool did not know.
        annotation.size = Some((width as u32, height as u32)).filter(|(w, h)| *w > 0 && *h > 0);
    }
    Ok(annotation)
}

fn no_text(error: impl std::fmt::Display) -> String {
    format!("holds bytes that are no text: {error}")
}

/// A flag of an object: a number, or a word that some tools write.
fn flag(text: &str, what: &str) -> Result<bool, String> {
    match text.to_ascii_lowercase().as_str() {
        "" | "false" | "no" => Ok(false),
        "true" | "yes" => Ok(true),
        number => {
            let number = number.parse::<f64>().map_err(|_| format!("has an object whose {what} is `{text}`"))?;
            Ok(number != 0.0)
        }
    }
}

#[derive(Default)]
struct Fields {
    class: Option<String>,
    sides: [Option<f64>; 4],
    difficult: bool,
    truncated: Option<bool>,
    occluded: Option<bool>,
    pose: Option<String>,
    parts: usize,
}

impl Fields {
    fn side(&mut self, side: &str, text: &str) -> Result<(), String> {
        let Some(index) = ["xmin", "ymin", "xmax", "ymax"].iter().position(|name| *name == side) else { return Ok(()) };
        self.sides[index] = Some(text.parse().map_err(|_| format!("has an object whose {side} is `{text}`"))?);
        Ok(())
    }

    fn finish(mut self) -> Result<NamedObject, String> {
        let class = self.class.take().filter(|name| !name.is_empty()).ok_or("has an object without a name")?;
        let [Some(x1), Some(y1), Some(x2), Some(y2)] = self.sides else {
            return Err(format!("has a {class} without a whole bndbox (xmin, ymin, xmax, ymax)"));
        };
        let Self { difficult, truncated, occluded, pose, parts, .. } = self;
        Ok(NamedObject { class, bbox: [x1, y1, x2, y2], difficult, truncated, occluded, pose, parts })
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn objects_and_not_their_parts() {
        let text = "<annotation><filename>a.jpg</filename><size><width>4</width><height>3</height><depth>3</depth></size>
            <object><name>person</name><difficult>1</difficult>
              <bndbox><ymin>2</ymin><xmin>1.5</xmin><xmax>3</xmax><ymax>3</ymax></bndbox>
              <part><name>head</name><bndbox><xmin>9</xmin><ymin>9</ymin><xmax>9</xmax><ymax>9</ymax></bndbox></part>
            </object>
            <object><name>R&amp;D</name><bndbox><xmin>1</xmin><ymin>1</ymin><xmax>2</xmax><ymax>2</ymax></bndbox></object>
            </annotation>";
        let read = parse(text).unwrap();
        assert_eq!(read.size, Some((4, 3)));
        let [person, other] = &read.objects[..] else { panic!("{read:?}") };
        assert_eq!((person.class.as_str(), person.bbox, person.difficult), ("person", [1.5, 2.0, 3.0, 3.0], true));
        assert_eq!((other.class.as_str(), other.difficult), ("R&D", false));
    }

    #[test]
    fn difficult_is_a_number_or_a_word() {
        for (text, difficult) in
            [("0", false), ("1", true), ("0.0", false), ("False", false), ("true", true), ("", false)]
        {
            assert_eq!(flag(text, "difficult").unwrap(), difficult, "{text}");
        }
    }

    /// Each level was once compared with all levels above it: 100,000 took minutes.
    #[test]
    fn depth_costs_no_more_than_length() {
        let deep = |n: usize| format!("<annotation>{}{}</annotation>", "<a>".repeat(n), "</a>".repeat(n));
        let start = std::time::Instant::now();
        assert_eq!(parse(&deep(200_000)).unwrap().objects.len(), 0);
        assert!(start.elapsed().as_secs() < 5, "{:?}", start.elapsed());
        let cut = parse(&deep(1000)[..12 + 3 * 600]).unwrap_err();
        assert!(cut.len() < 100, "{cut}");
    }

    #[test]
    fn what_is_missing_is_named() {
        let error = |text: &str| parse(text).unwrap_err();
        assert!(error("<annotation><object>").contains("ends inside"));
        assert!(error("<annotation><object><bndbox/></object></annotation>").contains("without a name"));
        assert!(error("<annotation><object><name>cat</name></object></annotation>").contains("a cat without a whole"));
        let bad = "<annotation><object><name>c</name><bndbox><xmin>left</xmin></bndbox></object></annotation>";
        assert!(error(bad).contains("xmin is `left`"));
        for (text, word) in [
            ("", "no <annotation>"),
            ("hello", "no <annotation>"),
            ("<html><body/></html>", "it is a <html>"),
            ("<annotation><object><name></name></object></annotation>", "without a name"),
            ("<annotation><object><name>&lol;</name></object></annotation>", "&lol;"),
            ("<annotation><object><difficult>maybe</difficult></object></annotation>", "difficult is `maybe`"),
        ] {
            assert!(error(text).contains(word), "{text}: {}", error(text));
        }
    }
}
