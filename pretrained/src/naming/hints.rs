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

/// Among more names than this none is suggested for its letters: comparing them costs more than the hint is worth, and
/// no published network has as many parameters.
const MOST: usize = 10_000;

/// What the names of parameters end with: a weight is never meant by a bias.
const LEAVES: [&str; 5] = ["weight", "bias", "running_mean", "running_var", "num_batches_tracked"];

/// The name that `key` was probably meant to be: the only one that is the same but for a prefix,
/// else the one with the fewest letters to change, if they are few. Of equals the first in the alphabet, so that the
/// order of the names does not matter. The name of a parameter is only compared with those that end as it does.
pub fn closest<'a>(key: &str, among: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let leaf = |name: &str| LEAVES.into_iter().find(|leaf| name.rsplit('.').next() == Some(*leaf));
    let end = leaf(key);
    let names: Vec<&str> = among.filter(|&name| leaf(name) == end).collect();
    let mut prefixed = names.iter().filter(|name| differ_by_prefix(key, name));
    if let (Some(name), None) = (prefixed.next(), prefixed.next()) {
        return Some(name);
    }
    if names.len() > MOST {
        return None;
    }
    let letters = Letters::of(key);
    let mut best: Option<(f64, &str)> = None;
    for name in names {
        if !letters.may_be_like(name) {
            continue;
        }
        let likeness = strsim::normalized_levenshtein(key, name);
        let better = |(highest, first): (f64, &str)| likeness > highest || likeness == highest && name < first;
        if likeness >= ALIKE && best.is_none_or(better) {
            best = Some((likeness, name));
        }
    }
    best.map(|(_, name)| name)
}

fn differ_by_prefix(a: &str, b: &str) -> bool {
    let (short, long) = if a.len() < b.len() { (a, b) } else { (b, a) };
    long.strip_suffix(short).is_some_and(|prefix| prefix.is_empty() || prefix.ends_with('.'))
}

/// How often each byte is in a name: rules most pairs out without a look at their order.
struct Letters {
    counts: [i32; 256],
    len: usize,
    ascii: bool,
}

impl Letters {
    fn of(name: &str) -> Self {
        let mut counts = [0; 256];
        name.bytes().for_each(|byte| counts[usize::from(byte)] += 1);
        Self { counts, len: name.len(), ascii: name.is_ascii() }
    }

    /// Whether so few changes could make one name of the other. Each change takes at most one letter and adds one.
    fn may_be_like(&self, name: &str) -> bool {
        if !self.ascii || !name.is_ascii() {
            return true;
        }
        let mut counts = self.counts;
        name.bytes().for_each(|byte| counts[usize::from(byte)] -= 1);
        let (more, less) = counts.iter().fold((0, 0), |(more, less), &n| (more + n.max(0), less + (-n).max(0)));
        let changes = more.max(less);
        f64::from(changes) <= (1.0 - ALIKE) * self.len.max(name.len()) as f64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_order_of_the_names_does_not_matter() {
        let mut names = ["conv1.weight", "conv3.weight", "conv4.weight", "conv2.bias"];
        for _ in 0..names.len() {
            names.rotate_left(1);
            assert_eq!(closest("conv2.weight", names.into_iter()), Some("conv1.weight"));
        }
        // The bias is nearest in letters to nothing but a bias.
        assert_eq!(closest("conv9.bias", names.into_iter()), Some("conv2.bias"));
        assert_eq!(closest("conv9.running_mean", names.into_iter()), None);
    }

    /// The quick look must not rule out what the careful one would take.
    #[test]
    fn letters_rule_out_only_what_is_not_alike() {
        let names = [
            "vovnet39",
            "vovnet57",
            "mask_rcnn_vovnet39_fpn",
            "mask_rcnn_vovnet39_ese_fpn",
            "resnet50",
            "",
            "a",
            "née",
        ];
        for a in names {
            for b in names {
                if strsim::normalized_levenshtein(a, b) >= ALIKE {
                    assert!(Letters::of(a).may_be_like(b), "{a} {b}");
                }
            }
        }
        assert!(!Letters::of("vovnet39").may_be_like("resnet50"));
    }
}
