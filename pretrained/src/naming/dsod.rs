//! DSOD's numbered layers (`Convolution1`, `BatchNorm1`, …), which mean something by their order only.
//!
//! Caffe's NetSpec numbers the layers that a script gives no name, in the order in which it writes
//! them. Other versions number otherwise, so the order in the file counts, not the numbers. Source:
//! docs/reference/dsod.md §1.1 and §1.3.

use super::rules::Direction;

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Kind {
    Convolution,
    Norm,
}

/// Dense layers in each of the four blocks, in every published DSOD.
const LAYERS: [usize; 4] = [6, 8, 8, 8];

/// The convolution that the script names: the first source map.
const FIRST: &str = "First";

/// Canonical names of the units, each with the kind of its two layers, in the order of the file.
fn layers() -> Vec<(Kind, String)> {
    let mut layers = Vec::with_capacity(160);
    for i in 1..=3 {
        let unit = format!("backbone.stem{i}");
        layers.extend([(Kind::Convolution, format!("{unit}.conv")), (Kind::Norm, format!("{unit}.norm"))]);
    }
    // From here on the norm comes first.
    let mut add = |unit: String| {
        layers.extend([(Kind::Norm, format!("{unit}.norm")), (Kind::Convolution, format!("{unit}.conv"))]);
    };
    for (block, count) in (1..).zip(LAYERS) {
        for layer in 0..count {
            for unit in ["brc1", "brc2"] {
                add(format!("backbone.block{block}.{layer}.{unit}"));
            }
        }
        if block < LAYERS.len() {
            add(format!("backbone.transition{block}"));
        }
    }
    add("backbone.reduce".to_owned());
    add("backbone.side".to_owned());
    for i in 0..4 {
        for unit in ["pool", "conv1", "conv2"] {
            add(format!("extras.{i}.{unit}"));
        }
    }
    layers
}

/// Fills in the names of one file's keys that are those of DSOD's body.
pub(super) fn fill(keys: &[&str], names: &mut [Option<String>], direction: Direction) {
    let translated = match direction {
        Direction::ToCanonical => to_canonical(keys),
        Direction::FromCanonical => from_canonical(keys),
    };
    for (name, translated) in names.iter_mut().zip(translated) {
        if name.is_none() {
            *name = translated;
        }
    }
}

/// Nothing at all, unless the file has exactly DSOD's layers in DSOD's order.
fn to_canonical(keys: &[&str]) -> Vec<Option<String>> {
    let canonical = layers();
    let mut found: Vec<(Kind, &str)> = Vec::new();
    let mut places = Vec::with_capacity(keys.len());
    for key in keys {
        let layer = numbered(key);
        if let Some((kind, name, _)) = layer
            && found.last() != Some(&(kind, name))
        {
            found.push((kind, name));
        }
        places.push(layer.map(|(.., leaf)| (found.len(), leaf)));
    }
    let first = canonical.iter().position(|(_, name)| name == "backbone.transition2.conv");
    let same = found.len() == canonical.len()
        && found.iter().zip(&canonical).all(|((kind, _), (wanted, _))| kind == wanted)
        && found.iter().position(|(_, name)| *name == FIRST) == first;
    if !same {
        return vec![None; keys.len()];
    }
    places.into_iter().map(|place| place.map(|(at, leaf)| format!("{}.{leaf}", canonical[at - 1].1))).collect()
}

/// `Convolution7.weight` taken apart: kind, layer, leaf.
fn numbered(key: &str) -> Option<(Kind, &str, &str)> {
    let (layer, leaf) = key.split_once('.')?;
    let is_number = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    if layer == FIRST || layer.strip_prefix("Convolution").is_some_and(is_number) {
        return Some((Kind::Convolution, layer, leaf));
    }
    layer.strip_prefix("BatchNorm").is_some_and(is_number).then_some((Kind::Norm, layer, leaf))
}

fn from_canonical(keys: &[&str]) -> Vec<Option<String>> {
    let (mut convolutions, mut norms) = (0, 0);
    let numbered: Vec<(String, String)> = layers()
        .into_iter()
        .map(|(kind, canonical)| {
            let foreign = match kind {
                // It has a name instead of a number.
                _ if canonical == "backbone.transition2.conv" => FIRST.to_owned(),
                Kind::Convolution => {
                    convolutions += 1;
                    format!("Convolution{convolutions}")
                }
                Kind::Norm => {
                    norms += 1;
                    format!("BatchNorm{norms}")
                }
            };
            (canonical, foreign)
        })
        .collect();
    let translate = |key: &str| {
        let (layer, leaf) = key.rsplit_once('.')?;
        let (_, foreign) = numbered.iter().find(|(canonical, _)| canonical == layer)?;
        Some(format!("{foreign}.{leaf}"))
    };
    keys.iter().map(|key| translate(key)).collect()
}
