//! What a load report says about names that found no place.

/// Why a key, under any naming, may be left out without a word of warning, in one phrase; nothing
/// if it may not.
pub fn is_ignorable(key: &str) -> Option<&'static str> {
    if key.contains("anchor_generator.cell_anchors.") {
        return Some("anchors are no parameters: a dialect that keeps them in its files reads them");
    }
    match key.rsplit('.').next()? {
        "num_batches_tracked" => Some("a counter of training steps that no output depends on"),
        "pixel_mean" | "pixel_std" => Some("pixel statistics come from the model's specification"),
        "total_ops" | "total_params" => Some("a profiler's counter"),
        _ => None,
    }
}

/// Below this share of common letters two names have nothing to do with each other.
const ALIKE: f64 = 0.75;

/// The name that `key` was probably meant to be: the only one that is the same but for a prefix,
/// else the one with the fewest letters to change, if they are few. The first of equals.
pub fn closest<'a>(key: &str, among: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let names: Vec<&str> = among.collect();
    let mut prefixed = names.iter().filter(|name| differ_by_prefix(key, name));
    if let (Some(name), None) = (prefixed.next(), prefixed.next()) {
        return Some(name);
    }
    let mut best = None;
    for name in names {
        let likeness = likeness(key, name);
        if likeness >= ALIKE && best.is_none_or(|(highest, _)| likeness > highest) {
            best = Some((likeness, name));
        }
    }
    best.map(|(_, name)| name)
}

fn differ_by_prefix(a: &str, b: &str) -> bool {
    let (short, long) = if a.len() < b.len() { (a, b) } else { (b, a) };
    long.strip_suffix(short).is_some_and(|prefix| prefix.is_empty() || prefix.ends_with('.'))
}

/// The share of letters, in their order, that two names have in common.
fn likeness(a: &str, b: &str) -> f64 {
    // A difference in length alone rules most pairs out, at no cost.
    let (shorter, longer) = (a.len().min(b.len()), a.len().max(b.len()));
    if (shorter as f64) < ALIKE * longer as f64 {
        return 0.0;
    }
    strsim::normalized_levenshtein(a, b)
}
