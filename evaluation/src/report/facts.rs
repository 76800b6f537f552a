//! What a page says of where its result comes from.

use crate::metrics::provenance::Provenance;
use crate::metrics::selection::Selection;
use std::path::Path;

/// What took part, for the end of the page.
pub fn facts(provenance: &Provenance) -> Vec<(&'static str, String)> {
    let mut facts = vec![
        ("Program", format!("vovdet {}", provenance.vovdet)),
        ("Metrics", provenance.metrics.clone()),
        ("Annotations", short(&provenance.annotations.path)),
    ];
    if let Some(file) = &provenance.detections {
        facts.push(("Detections", short(&file.path)));
    }
    if let Some(model) = &provenance.model {
        let hash = model.weights.sha256.as_ref().map_or(String::new(), |hash| format!(" (SHA-256 {hash})"));
        facts.push(("Weights", format!("{}{hash}", short(&model.weights.path))));
        let plain = if model.plain { ", without fast paths" } else { "" };
        let threads = if model.threads == 1 { "thread" } else { "threads" };
        facts.push((
            "Network",
            format!(
                "libtorch {}, {}, {}{plain}, {} {threads}, batches of {}",
                model.libtorch, model.device, model.precision, model.threads, model.batch
            ),
        ));
    }
    facts
}

/// A file's name with that of its folder: a page is passed on, and says nothing of the machine that it was made on.
fn short(path: &Path) -> String {
    let name = path.file_name().map_or_else(|| path.as_os_str().to_string_lossy(), |name| name.to_string_lossy());
    let folder = path.parent().and_then(Path::file_name);
    folder.map_or_else(|| name.to_string(), |folder| format!("{}/{name}", folder.to_string_lossy()))
}

/// A sentence about images that were to be looked at and could not be.
pub fn left_out(provenance: &Provenance) -> Option<String> {
    let missing = provenance.left_out.len();
    let (noun, verb) = if missing == 1 { ("image", "was") } else { ("images", "were") };
    (missing > 0).then(|| format!("{missing} {noun} {verb} left out: not there, or not to be read."))
}

/// Which part of the images was looked at, if not all.
pub fn selection(selection: &Selection) -> Option<(&'static str, String)> {
    let limit = selection.limit.map(|limit| format!("the first {limit}"));
    let shard = selection.shard.map(|shard| format!("share {shard}"));
    let parts: Vec<_> = [limit, shard].into_iter().flatten().collect();
    (!parts.is_empty()).then(|| ("Images", parts.join(", ")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_shown_by_its_folder_and_name() {
        for (path, shown) in [
            ("/home/someone/data/annotations/val.json", "annotations/val.json"),
            ("/val.json", "val.json"),
            ("nuclei_mask_rcnn_vovnet27_slim", "nuclei_mask_rcnn_vovnet27_slim"),
            ("/", "/"),
        ] {
            assert_eq!(short(Path::new(path)), shown);
        }
    }
}
