//! The page itself: a template, its style and script, and the data, all in one file.

use super::data::Page;
use crate::{Error, Result};
use askama::Template;
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use sha2::{Digest, Sha256};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

/// The page's name in its folder.
const FILE: &str = "index.html";

const STYLE: &str = include_str!("page/page.css");
/// The page's script, in the order in which it runs.
const SCRIPTS: [&str; 10] = [
    include_str!("page/page.js"),
    include_str!("page/chart.js"),
    include_str!("page/charts.js"),
    include_str!("page/thresholds.js"),
    include_str!("page/classes.js"),
    include_str!("page/confusion.js"),
    include_str!("page/picture.js"),
    include_str!("page/gallery.js"),
    include_str!("page/dialog.js"),
    include_str!("page/start.js"),
];

/// The page's frame. Values are escaped, but for those that the frame calls safe: the page's own style and script, and the
/// data, which hold no `<`.
#[derive(Template)]
#[template(path = "page.html")]
struct Frame<'a> {
    policy: String,
    title: &'a str,
    style: &'static str,
    data: String,
    script: String,
}

/// Writes the page to the file that `place` means, see [`file()`], whole or not at all; returns where it lies.
///
/// # Errors
/// When the folder cannot be written to.
pub fn write(place: &Path, page: &Page) -> Result<PathBuf> {
    let _span = tracing::info_span!("write", what = "report").entered();
    let path = file(place);
    let text = html(page)?;
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    vovdet_files::make_folder(folder).map_err(Error::io(folder))?;
    vovdet_files::write_file::<io::Error>(&path, |file| file.write_all(text.as_bytes())).map_err(Error::io(&path))?;
    Ok(path)
}

/// The file that `place` means: itself if it is called `.html`, else one in the folder `place`.
pub fn file(place: &Path) -> PathBuf {
    let is_page = place.extension().is_some_and(|e| e.eq_ignore_ascii_case("html") || e.eq_ignore_ascii_case("htm"));
    if is_page && !place.is_dir() { place.to_path_buf() } else { place.join(FILE) }
}

/// The page as text.
fn html(page: &Page) -> Result<String> {
    let script = format!("'use strict';\n{}", SCRIPTS.concat());
    // A `<` occurs in texts only, so that no name can end the element or begin a comment.
    let data = serde_json::to_string(page).map_err(|error| Error::Page(error.to_string()))?.replace('<', "\\u003c");
    let policy = format!(
        "default-src 'none'; img-src data:; style-src '{}'; script-src '{}'; base-uri 'none'; form-action 'none'",
        hash(STYLE),
        hash(&script)
    );
    let frame = Frame { policy, title: &page.title, style: STYLE, data, script };
    frame.render().map_err(|error| Error::Page(error.to_string()))
}

/// How a content security policy names a script or style.
fn hash(text: &str) -> String {
    format!("sha256-{}", BASE64_STANDARD.encode(Sha256::digest(text.as_bytes())))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;
    use serde_json::Value;

    fn page(name: &str) -> Page {
        Page {
            protocol: "COCO",
            title: name.into(),
            counts: Vec::new(),
            facts: Vec::new(),
            times_ms: [("wall".into(), 1.5)].into(),
            processed: None,
            classes: vec![name.into()],
            notes: Vec::new(),
            views: Vec::new(),
            pictures: Vec::new(),
        }
    }

    #[test]
    fn a_name_stays_a_name() {
        for name in ["</script><script>alert(1)</script>", "<!--<script>", "{script}{data}", "a & b\u{2028}\"'\\"] {
            let text = html(&page(name)).unwrap();
            let (_, after) = text.split_once("type=\"application/json\">").unwrap();
            let (data, after) = after.split_once("</script>").unwrap();
            let data: Value = serde_json::from_str(data).unwrap();
            assert_eq!(data["classes"][0], name);
            assert_eq!(data["times_ms"]["wall"], 1.5);
            // What follows is the page's own script and the end, whatever the name is.
            assert!(after.trim_start().starts_with("<script>'use strict'"), "{after:.60}");
            assert_eq!(text.matches("<script").count(), 2, "{name}");
        }
    }

    #[test]
    fn nothing_is_fetched_and_nothing_is_parsed_as_html() {
        let text = html(&page("x")).unwrap();
        assert!(text.contains("default-src 'none'"));
        for word in ["http://", "https://", "innerHTML", "@import", "url(", "eval(", "document.write"] {
            let found: Vec<_> = text.match_indices(word).map(|(at, _)| &text[at..(at + 40).min(text.len())]).collect();
            // The name of SVG's elements is no address.
            assert!(found.iter().all(|place| place.starts_with("http://www.w3.org/2000/svg")), "{found:?}");
        }
    }
}
