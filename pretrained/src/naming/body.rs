//! A backbone's names in and out of a detector.

/// Where a detector keeps its backbone, canonically.
pub const DETECTOR_BODY: &str = "backbone.body.";

/// Where a one-stage detector keeps its backbone, canonically.
pub const ONE_STAGE_BODY: &str = "backbone.";

/// Where files are known to keep a backbone; a longer prefix comes before one it begins with.
const PREFIXES: [&str; 3] = [DETECTOR_BODY, "backbone.bottom_up.", "backbone."];

/// What a classifier has behind its backbone, canonically.
const CLASSIFIERS: [&str; 3] = ["classifier.", "fc.", "head."];

/// The prefix behind which a set of keys has its backbone: `backbone.body.`,
/// `backbone.bottom_up.`, `backbone.`, or `""` for a bare backbone or classifier.
pub fn body_prefix(keys: &[&str]) -> &'static str {
    PREFIXES.into_iter().find(|prefix| keys.iter().any(|key| key.starts_with(prefix))).unwrap_or("")
}

/// The backbone of a file under the prefix of the network that it shall fill: [`DETECTOR_BODY`]
/// for a detector, `""` for a bare backbone.
///
/// Keys are canonical ones ([`Naming::to_canonical`](super::Naming::to_canonical)). `None` is a
/// key that does not belong to the backbone and so has no place there: a detector's heads, a
/// classifier's last layer. Where the prefixes are the same, all keys are kept.
pub fn rebase_body(keys: &[&str], prefix: &str) -> Vec<Option<String>> {
    let from = body_prefix(keys);
    if from == prefix {
        return keys.iter().map(|key| Some((*key).to_owned())).collect();
    }
    keys.iter()
        .map(|key| {
            let name = key.strip_prefix(from)?;
            let classifier = CLASSIFIERS.iter().any(|head| name.starts_with(head));
            (!classifier).then(|| format!("{prefix}{name}"))
        })
        .collect()
}
