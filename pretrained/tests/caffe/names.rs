//! Names of whole networks: folded, and translated by `Naming::Caffe`.
//!
//! `fixtures/caffe/nets/*.txt` list the layers and shapes of the networks that the authors' own
//! scripts define (`make.py` beside them). What each layer must become is spelled out here after the
//! papers' tables (docs/reference/refinedet.md §1, §4, §5, docs/reference/dsod.md §1.1), or is the reference's own
//! list.

use std::collections::BTreeMap;

use vovdet_pretrained::{Checkpoint, naming::Naming};

use crate::{common::fixture, message::Message};

pub const NORM: [&str; 4] = ["weight", "bias", "running_mean", "running_var"];

pub type Shapes = BTreeMap<String, Vec<usize>>;

/// A sixteenth of the channels, so that the models are small.
pub fn small(shape: &[usize]) -> Vec<usize> {
    shape.iter().map(|&n| if n.is_multiple_of(16) { n / 16 } else { n }).collect()
}

fn shape(text: &str) -> Vec<usize> {
    small(&text.split('x').map(|n| n.parse().unwrap()).collect::<Vec<_>>())
}

fn list(name: &str) -> String {
    std::fs::read_to_string(fixture("caffe/nets").join(name)).unwrap()
}

/// A model with the layers of a list; gives how many tensors it must fold to besides.
fn model(list: &str) -> (Checkpoint, usize) {
    let (mut layers, mut tensors) = (Vec::new(), 0);
    for line in list.lines() {
        let columns: Vec<&str> = line.split(' ').collect();
        let [name, kind, bottoms, tops, shapes] = columns[..] else { panic!("{line}") };

        let blobs: Vec<Message> = shapes
            .split(',')
            .filter(|text| *text != "-")
            .map(|text| {
                let shape = shape(text);
                let dims: Vec<u64> = shape.iter().map(|&n| n as u64).collect();
                Message::blob(&dims, &vec![1.0; shape.iter().product()])
            })
            .collect();
        // Mean, variance, factor, gamma and beta become a norm of four.
        tensors += blobs.len() - usize::from(kind == "BatchNorm");
        let mut layer = Message::default().bytes(1, name.as_bytes()).bytes(2, kind.as_bytes());
        for (field, column) in [(3, bottoms), (4, tops)] {
            for blob in column.split(',').filter(|blob| *blob != "-") {
                layer = layer.bytes(field, blob.as_bytes());
            }
        }
        layers.push(blobs.iter().fold(layer, |layer, blob| layer.message(7, blob)));
    }
    (Message::net(&layers).open().unwrap(), tensors)
}

/// Every key must have a canonical name, no two the same, that every naming keeps; and the way back
/// must end where it began.
pub fn canonical(keys: &[&str]) -> Vec<String> {
    assert_eq!(Naming::detect(keys.iter().copied()), Some(Naming::Caffe));
    let names: Vec<String> = Naming::Caffe
        .to_canonical(keys)
        .into_iter()
        .zip(keys)
        .map(|(name, key)| name.unwrap_or_else(|| panic!("no canonical name for {key}")))
        .collect();
    let refs: Vec<&str> = names.iter().map(String::as_str).collect();
    for (back, key) in Naming::Caffe.from_canonical(&refs).iter().zip(keys) {
        assert_eq!(back, key, "the way back");
    }
    assert_eq!(Naming::detect(refs.iter().copied()), Some(Naming::Torchvision));
    for &other in Naming::ALL {
        let kept: Vec<String> = other.to_canonical(&refs).into_iter().flatten().collect();
        assert!(kept == names, "{other} does not keep {:?}", names.iter().find(|name| !kept.contains(name)));
    }
    names
}

/// The canonical tensors of a list's network.
fn named(list: &str) -> Shapes {
    let (raw, count) = model(list);
    let folded = raw.folded().unwrap();
    assert_eq!(folded.tensors().len(), count);
    let keys: Vec<&str> = folded.tensors().iter().map(|t| t.name.as_str()).collect();
    let names = canonical(&keys);
    let shapes: Shapes = names.into_iter().zip(folded.tensors().iter().map(|t| t.shape.clone())).collect();
    assert_eq!(shapes.len(), count, "two layers became one");
    shapes
}

/// Collects what a network must have.
#[derive(Default)]
pub struct Wanted(pub Shapes);

impl Wanted {
    /// A convolution without bias, and the norm of its output.
    fn conv_norm(&mut self, unit: &str, weight: [usize; 4], norm: usize) {
        self.0.insert(format!("{unit}.conv.weight"), small(&weight));
        for leaf in NORM {
            self.0.insert(format!("{unit}.norm.{leaf}"), small(&[norm]));
        }
    }

    /// A convolution with bias.
    pub fn conv(&mut self, name: &str, weight: [usize; 4], bias: usize) {
        self.0.insert(format!("{name}.weight"), small(&weight));
        self.0.insert(format!("{name}.bias"), small(&[bias]));
    }

    /// BN, ReLU, convolution: the norm is that of the input.
    fn brc(&mut self, unit: &str, input: usize, output: usize, kernel: usize) {
        self.conv_norm(unit, [output, input, kernel, kernel], input);
    }

    fn bottleneck(&mut self, unit: &str, input: usize, width: usize, output: usize) {
        for (branch, weight) in [
            ("branch1", [output, input, 1, 1]),
            ("branch2a", [width, input, 1, 1]),
            ("branch2b", [width, width, 3, 3]),
            ("branch2c", [output, width, 1, 1]),
        ] {
            self.conv_norm(&format!("{unit}.{branch}"), weight, weight[0]);
        }
    }

    fn check(self, found: &Shapes) {
        let missing: Vec<_> = self.0.keys().filter(|key| !found.contains_key(*key)).collect();
        let unexpected: Vec<_> = found.keys().filter(|key| !self.0.contains_key(*key)).collect();
        assert!(missing.is_empty() && unexpected.is_empty(), "missing {missing:?}, unexpected {unexpected:?}");
        assert_eq!(&self.0, found);
    }
}

/// VoVNet-39 as its reference in PyTorch names it.
fn vovnet39(prefix: &str, classifier: bool) -> Shapes {
    let text = std::fs::read_to_string(fixture("naming/reference_backbone_v1_vovnet39.txt")).unwrap();
    text.lines()
        .map(|line| line.split_once(' ').unwrap())
        .filter(|(key, _)| !key.ends_with("num_batches_tracked"))
        .filter(|(key, _)| classifier || !key.starts_with("classifier"))
        .map(|(key, text)| (format!("{prefix}{key}"), shape(text)))
        .collect()
}

#[test]
fn vovnet39_is_the_reference() {
    let found = named(&list("vovnet39_body_320x320.txt"));
    Wanted(vovnet39("", true)).check(&found);
}

#[test]
fn refinedet_on_vovnet39() {
    let mut wanted = Wanted(vovnet39("backbone.", false));
    wanted.bottleneck("extras.0", 1024, 128, 512);
    for (i, channels) in [512, 768, 1024, 512].into_iter().enumerate() {
        let k = i + 3;
        wanted.conv_norm(&format!("tcb.tl{k}_1"), [256, channels, 3, 3], 256);
        wanted.conv_norm(&format!("tcb.tl{k}_2"), [256, 256, 3, 3], 256);
        wanted.conv_norm(&format!("tcb.p{k}"), [256, 256, 3, 3], 256);
        if k > 3 {
            wanted.conv_norm(&format!("tcb.up{k}"), [256, 256, 2, 2], 256);
        }
        for (head, input, classes) in [("arm", channels, 2), ("odm", 256, 21)] {
            wanted.bottleneck(&format!("{head}.inter.{i}"), input, 256, 1024);
            wanted.conv(&format!("{head}.loc.{i}"), [12, 1024, 3, 3], 12);
            wanted.conv(&format!("{head}.conf.{i}"), [3 * classes, 1024, 3, 3], 3 * classes);
        }
    }
    wanted.check(&named(&list("vovnet39_refinedet320_voc.txt")));
}

/// The convolutions of VGG-16, behind a prefix.
pub fn vgg(wanted: &mut Wanted, prefix: &str) {
    let mut input = 3;
    for (block, (convs, width)) in [(2, 64), (2, 128), (3, 256), (3, 512), (3, 512)].into_iter().enumerate() {
        for i in 1..=convs {
            wanted.conv(&format!("{prefix}conv{}_{i}.conv", block + 1), [width, input, 3, 3], width);
            input = width;
        }
    }
    wanted.conv(&format!("{prefix}fc6.conv"), [1024, 512, 3, 3], 1024);
    wanted.conv(&format!("{prefix}fc7.conv"), [1024, 1024, 1, 1], 1024);
}

#[test]
fn refinedet_on_vgg() {
    let mut wanted = Wanted::default();
    vgg(&mut wanted, "backbone.");
    wanted.conv("extras.0.squeeze.conv", [256, 1024, 1, 1], 256);
    wanted.conv("extras.0.expand.conv", [512, 256, 3, 3], 512);
    wanted.0.extend((0..2).map(|i| (format!("norm.{i}.weight"), small(&[512]))));
    for (i, channels) in [512, 512, 1024, 512].into_iter().enumerate() {
        let k = i + 3;
        wanted.conv(&format!("tcb.tl{k}_1.conv"), [256, channels, 3, 3], 256);
        wanted.conv(&format!("tcb.tl{k}_2.conv"), [256, 256, 3, 3], 256);
        wanted.conv(&format!("tcb.p{k}.conv"), [256, 256, 3, 3], 256);
        if k > 3 {
            wanted.conv(&format!("tcb.up{k}.conv"), [256, 256, 2, 2], 256);
        }
        for (head, input, classes) in [("arm", channels, 2), ("odm", 256, 21)] {
            wanted.conv(&format!("{head}.loc.{i}"), [12, input, 3, 3], 12);
            wanted.conv(&format!("{head}.conf.{i}"), [3 * classes, input, 3, 3], 3 * classes);
        }
    }
    wanted.check(&named(&list("vgg16_refinedet320_voc.txt")));
}

/// DSOD with a stem of 64, growth 16 and bottlenecks of 64.
fn dsod() -> Wanted {
    let mut wanted = Wanted::default();
    for (i, (input, output)) in [(3, 64), (64, 64), (64, 128)].into_iter().enumerate() {
        wanted.conv_norm(&format!("backbone.stem{}", i + 1), [output, input, 3, 3], output);
    }
    let mut channels = 128;
    let mut first = 0;
    for (block, layers) in [(1, 6), (2, 8), (3, 8), (4, 8)] {
        for layer in 0..layers {
            wanted.brc(&format!("backbone.block{block}.{layer}.brc1"), channels, 64, 1);
            wanted.brc(&format!("backbone.block{block}.{layer}.brc2"), 64, 16, 3);
            channels += 16;
        }
        if block < 4 {
            wanted.brc(&format!("backbone.transition{block}"), channels, channels, 1);
        }
        if block == 2 {
            first = channels;
        }
    }
    wanted.brc("backbone.reduce", channels, 256, 1);
    wanted.brc("backbone.side", first, 256, 1);
    let mut input = 512;
    for (i, n) in [256, 128, 128, 128].into_iter().enumerate() {
        wanted.brc(&format!("extras.{i}.pool"), input, n, 1);
        wanted.brc(&format!("extras.{i}.conv1"), input, n, 1);
        wanted.brc(&format!("extras.{i}.conv2"), n, n, 3);
        input = 2 * n;
    }
    let sources = [(first, 4), (512, 6), (512, 6), (256, 6), (256, 4), (256, 4)];
    for (i, (channels, boxes)) in sources.into_iter().enumerate() {
        wanted.0.insert(format!("norm.{i}.weight"), small(&[channels]));
        wanted.conv_norm(&format!("loc.{i}"), [4 * boxes, channels, 3, 3], 4 * boxes);
        wanted.conv_norm(&format!("conf.{i}"), [21 * boxes, channels, 3, 3], 21 * boxes);
    }
    wanted
}

#[test]
fn dsod_by_the_order_of_its_layers() {
    dsod().check(&named(&list("dsod300_64_64_16_1_voc.txt")));
}

/// Numbers that begin elsewhere, as another version of Caffe's scripts gives them.
#[test]
fn dsod_with_other_numbers() {
    let text = list("dsod300_64_64_16_1_voc.txt");
    let renumbered: String = text
        .split_inclusive([' ', '\n', ','])
        .map(|word| {
            let (name, end) = word.split_at(word.len() - 1);
            let digits = name.trim_end_matches(|c: char| c.is_ascii_digit()).len();
            match (&name[..digits], name[digits..].parse::<u32>()) {
                (kind @ ("Convolution" | "BatchNorm" | "Scale"), Ok(n)) => format!("{kind}{}{end}", n + 7),
                _ => word.to_owned(),
            }
        })
        .collect();
    assert!(renumbered.contains("\nBatchNorm87 "), "{renumbered}");
    let folded = model(&renumbered).0.folded().unwrap();
    let keys: Vec<&str> = folded.tensors().iter().map(|t| t.name.as_str()).collect();
    let names = Naming::Caffe.to_canonical(&keys).into_iter().map(Option::unwrap);
    dsod().check(&names.zip(folded.tensors().iter().map(|t| t.shape.clone())).collect());
}

/// One layer less, or two in another order: it is some other network, and nothing is guessed.
#[test]
fn layers_that_are_not_dsods_have_no_name() {
    let text = list("dsod300_64_64_16_1_voc.txt");
    let lines: Vec<&str> = text.lines().collect();
    let at = lines.iter().position(|line| line.starts_with("Convolution40 ")).unwrap();
    let mut shorter = lines.clone();
    shorter.remove(at);
    let mut swapped = lines.clone();
    let norm = lines.iter().position(|line| line.starts_with("BatchNorm50 ")).unwrap();
    swapped.swap(at, norm);
    for lines in [shorter, swapped] {
        let folded = model(&lines.join("\n")).0.folded().unwrap();
        let keys: Vec<&str> = folded.tensors().iter().map(|t| t.name.as_str()).collect();
        for (key, name) in keys.iter().zip(Naming::Caffe.to_canonical(&keys)) {
            let numbered = key.starts_with("Convolution") || key.starts_with("BatchNorm") || key.starts_with("First.");
            assert_eq!(name.is_none(), numbered, "{key}: {name:?}");
        }
    }
}
