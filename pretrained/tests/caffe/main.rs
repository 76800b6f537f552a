//! Caffe models: the small files of `fixtures/caffe` by the manifest beside them, and files made here.
//!
//! The manifest was written by the files' maker with Google's protobuf and the reference schema.
#![allow(clippy::unwrap_used)]

#[path = "../common/mod.rs"]
mod common;
mod message;
mod names;
mod ssd;

use std::time::Instant;

use common::{check_tensors, fixture, json, shared};
use message::{Message, QUICK};
use serde_json::Value;
use vovdet_pretrained::{CaffeNet, CaffeParams, Checkpoint, Dtype, ErrorKind, Format};

fn open(name: &str) -> Checkpoint {
    Checkpoint::open(fixture("caffe").join(name)).unwrap_or_else(|error| panic!("{error}"))
}

fn manifest(name: &str) -> Value {
    let manifest = json("caffe/caffemodels.json");
    let files = manifest["files"].as_array().unwrap();
    files.iter().find(|file| file["file"] == name).unwrap().clone()
}

fn floats(checkpoint: &Checkpoint, name: &str) -> Vec<f64> {
    let bytes = checkpoint.bytes(name).unwrap();
    match checkpoint.tensor(name).unwrap().dtype {
        Dtype::F64 => bytes.chunks_exact(8).map(|b| f64::from_le_bytes(b.try_into().unwrap())).collect(),
        _ => bytes.chunks_exact(4).map(|b| f32::from_le_bytes(b.try_into().unwrap()).into()).collect(),
    }
}

#[test]
fn every_file_gives_what_the_manifest_says() {
    let manifest = json("caffe/caffemodels.json");
    let (mut accepted, mut refused) = (0, 0);
    for file in manifest["files"].as_array().unwrap() {
        let name = file["file"].as_str().unwrap();
        let start = Instant::now();
        let opened = Checkpoint::open(fixture("caffe").join(name));
        assert!(start.elapsed() < QUICK, "{name} took {:?}", start.elapsed());
        match (file["expect"].as_str().unwrap(), opened) {
            ("accept", Err(error)) => panic!("{error}"),
            ("refuse", Ok(checkpoint)) => panic!("accepted: {checkpoint:?}"),
            ("accept" | "refuse_or_accept", Ok(checkpoint)) => {
                accepted += 1;
                assert_eq!(checkpoint.format(), Format::Caffe, "{name}");
                let count = check_tensors(&checkpoint, &file["tensors"], "");
                assert_eq!(checkpoint.tensors().len(), count, "{name}");
            }
            ("refuse" | "refuse_or_accept", Err(error)) => {
                refused += 1;
                let sentence = error.to_string();
                assert!(sentence.contains(name) && !sentence.contains('\n'), "{sentence}");
                assert!(sentence.len() < 600, "{sentence}");
            }
            (other, _) => panic!("{name}: {other}"),
        }
    }
    assert!(accepted >= 14 && refused >= 44, "{accepted} accepted, {refused} refused");
}

/// Each kind of wrong file has its own kind of error.
#[test]
fn refusals_can_be_told_apart() {
    let kind = |name: &str, matches: fn(&ErrorKind) -> bool| {
        let error = Checkpoint::open(fixture("caffe").join(name)).map(|ok| format!("{ok:?}")).expect_err(name);
        assert!(matches(error.kind()), "{error}");
    };
    kind("trunc_2200of6601.caffemodel", |k| matches!(k, ErrorKind::Truncated(_)));
    kind("no_blobs.caffemodel", |k| matches!(k, ErrorKind::NoTensors { .. }));
    kind("dup_layer_name.caffemodel", |k| matches!(k, ErrorKind::DuplicateName(_)));
    kind("both_forms.caffemodel", |k| matches!(k, ErrorKind::Malformed(_)));
    kind("data_shorter.caffemodel", |k| matches!(k, ErrorKind::Tensor { .. }));
    kind("group_deep_closed.caffemodel", |k| matches!(k, ErrorKind::Limit(_)));
    for name in ["not_prototxt.caffemodel", "not_hdf5.caffemodel", "v0_nested.caffemodel"] {
        kind(name, |k| matches!(k, ErrorKind::Foreign { .. }));
    }
}

/// Names, types, connections and parameters of layers, as the manifest lists them.
#[test]
fn layers_are_what_the_manifest_says() {
    let checkpoint = open("ok_tiny_new.caffemodel");
    let net = checkpoint.caffe().unwrap();
    let wanted = manifest("ok_tiny_new.caffemodel")["layers"].clone();
    let wanted = wanted.as_array().unwrap();
    assert_eq!(net.name, "tiny_caffe");
    assert_eq!(net.layers.len(), wanted.len());
    let (mut norms, mut convolutions) = (0, 0);
    for (layer, want) in net.layers.iter().zip(wanted) {
        let listed = serde_json::json!([layer.name, layer.kind, layer.bottoms, layer.tops]);
        assert_eq!(listed.as_array().unwrap()[..], want.as_array().unwrap()[..4]);
        let want = &want[4];
        // A pair is written as one number, as a list of one, or as two fields.
        let pair = |name: &str, default: u64| {
            let short = name.trim_end_matches("_size");
            let one = want[name][0].as_u64();
            ["h", "w"].map(|axis| one.or(want[format!("{short}_{axis}")].as_u64()).unwrap_or(default) as u32)
        };
        match &layer.params {
            CaffeParams::BatchNorm { eps } => {
                norms += 1;
                assert_eq!(f64::from(*eps) as f32, want["eps"].as_f64().unwrap() as f32, "{}", layer.name);
            }
            CaffeParams::Normalize(normalize) => {
                assert_eq!(normalize.across_spatial, want["across_spatial"]);
                assert_eq!(normalize.channel_shared, want["channel_shared"]);
                assert_eq!(normalize.eps, want["eps"].as_f64().unwrap() as f32);
            }
            CaffeParams::Convolution(conv) => {
                convolutions += 1;
                assert_eq!(u64::from(conv.outputs), want["num_output"].as_u64().unwrap());
                assert_eq!(conv.bias, want["bias_term"].as_bool().unwrap_or(true), "{}", layer.name);
                assert_eq!(u64::from(conv.groups), want["group"].as_u64().unwrap_or(1));
                assert_eq!(conv.kernel, pair("kernel_size", 0), "{}", layer.name);
                assert_eq!(conv.stride, pair("stride", 1), "{}", layer.name);
                assert_eq!(conv.pad, pair("pad", 0), "{}", layer.name);
                assert_eq!(conv.dilation, pair("dilation", 1), "{}", layer.name);
            }
            _ => {}
        }
    }
    assert_eq!((norms, convolutions), (3, 4));
    let line = checkpoint.caffe().unwrap().to_string();
    assert!(line.contains("\"tiny_caffe\": 16 layers, 12 of them with weights"), "{line}");
    assert!(line.contains("1e-5 in 1 layers, 1e-3 in 1 layers, 5e-1 in 1 layers"), "{line}");
}

/// The old form: types are numbers, connections are not listed there.
#[test]
fn layers_of_the_old_form_are_named() {
    let checkpoint = open("ok_v1_legacy.caffemodel");
    let layers: Vec<(&str, &str, usize)> =
        checkpoint.caffe().unwrap().layers.iter().map(|l| (l.name.as_str(), l.kind.as_str(), l.blobs)).collect();
    let wanted =
        [("conv1", "Convolution", 2), ("relu1", "ReLU", 0), ("up", "Deconvolution", 1), ("fc6", "InnerProduct", 2)];
    assert_eq!(layers, wanted);
}

/// Means and variances divided by the factor, for floats and doubles; gamma and beta of the Scale.
#[test]
fn a_batch_norm_and_its_scale_become_one_norm() {
    let raw = open("ok_tiny_new.caffemodel");
    let truth = manifest("ok_tiny_new.caffemodel")["batch_norm_true"].clone();
    let scales = [("stem1/bn", "stem1/scale"), ("P6-up_bn", "P6-up_scale"), ("up2_bn_zero", "nobias")];
    for (file, tolerance) in [("ok_tiny_new.caffemodel", 1e-7), ("ok_double_data.caffemodel", 1e-7)] {
        let folded = open(file).folded().unwrap();
        for (norm, scale) in scales {
            for (leaf, key) in [("running_mean", "mean"), ("running_var", "var")] {
                let values = floats(&folded, &format!("{norm}.{leaf}"));
                let wanted: Vec<f64> = serde_json::from_value(truth[norm][key].clone()).unwrap();
                assert_eq!(values.len(), wanted.len(), "{norm}.{leaf}");
                for (value, wanted) in values.iter().zip(&wanted) {
                    assert!((value - wanted).abs() <= tolerance * wanted.abs(), "{norm}.{leaf}: {value} {wanted}");
                }
            }
            let gamma = floats(&folded, &format!("{norm}.weight"));
            for (value, wanted) in gamma.iter().zip(floats(&raw, &format!("{scale}.blob0"))) {
                assert!((value - wanted).abs() <= 1e-7 * wanted.abs(), "{scale}: {value} {wanted}");
            }
            let beta = floats(&folded, &format!("{norm}.bias"));
            if norm == "up2_bn_zero" {
                assert_eq!(beta, [0.0; 3]);
            } else {
                assert_eq!(beta.len(), gamma.len());
                assert!(beta.iter().all(|b| *b != 0.0));
            }
        }
    }
    let eps: Vec<(&str, f32)> = raw.caffe().unwrap().norms().collect();
    assert_eq!(eps, [("stem1/bn", 1e-5), ("P6-up_bn", 1e-3), ("up2_bn_zero", 0.5)]);
}

/// The names and shapes of everything in the small net, by what PyTorch's modules have.
#[test]
fn folded_tensors_have_pytorchs_names_and_shapes() {
    let shapes = |file: &str| -> Vec<(String, Vec<usize>)> {
        let folded = open(file).folded().unwrap();
        folded.tensors().iter().map(|t| (t.name.clone(), t.shape.clone())).collect()
    };
    let norm = |name: &str, n| {
        ["weight", "bias", "running_mean", "running_var"].map(|leaf| (format!("{name}.{leaf}"), vec![n]))
    };
    let mut wanted = vec![("stem1/conv.weight".to_owned(), vec![4, 3, 3, 3])];
    wanted.extend(norm("stem1/bn", 4));
    wanted.extend([
        ("grouped.weight".to_owned(), vec![6, 2, 3, 3]),
        ("grouped.bias".to_owned(), vec![6]),
        ("norm.weight".to_owned(), vec![6]),
        ("P6-up.weight".to_owned(), vec![6, 5, 2, 2]),
    ]);
    wanted.extend(norm("P6-up_bn", 5));
    wanted.extend([("up2.weight".to_owned(), vec![5, 3, 3, 2]), ("up2.bias".to_owned(), vec![3])]);
    wanted.extend(norm("up2_bn_zero", 3));
    let fc = manifest("ok_tiny_new.caffemodel")["tensors"]["fc.blob0"]["shape"].clone();
    wanted.extend([("fc.weight".to_owned(), serde_json::from_value(fc).unwrap()), ("fc.bias".to_owned(), vec![7])]);
    assert_eq!(shapes("ok_tiny_new.caffemodel"), wanted);

    let old = manifest("ok_v1_legacy.caffemodel")["tensors"].clone();
    for (name, shape) in shapes("ok_v1_legacy.caffemodel") {
        let blob = name.replace(".weight", ".blob0").replace(".bias", ".blob1");
        assert_eq!(serde_json::to_value(shape).unwrap(), old[&blob]["net_shape"], "{name}");
    }
}

/// A file cut anywhere is refused, or is the file with fewer layers (cut just between two).
#[test]
fn a_file_cut_anywhere_is_never_misread() {
    for name in ["ok_tiny_new.caffemodel", "ok_v1_legacy.caffemodel", "ok_mixed_chunks.caffemodel"] {
        let bytes = std::fs::read(fixture("caffe").join(name)).unwrap();
        let whole = open(name);
        let mut shorter = 0;
        for len in 0..bytes.len() {
            let Ok(cut) = Checkpoint::from_bytes(name, bytes[..len].to_vec()) else { continue };
            shorter += 1;
            assert!(cut.caffe().unwrap().layers.len() < whole.caffe().unwrap().layers.len(), "{name} of {len} bytes");
            for tensor in cut.tensors() {
                assert_eq!(whole.read(&tensor.name).unwrap(), cut.read(&tensor.name).unwrap());
            }
        }
        assert!(shorter <= whole.caffe().unwrap().layers.len(), "{name}");
    }
}

/// An SSD as it was published: merged, with a bias in every convolution (checkpoints/real).
#[test]
fn a_published_ssd_is_read() {
    let Some(path) = shared("checkpoints/real/facemask-ssd/face_mask_detection.caffemodel") else { return };
    let raw = Checkpoint::open(&path).unwrap();
    let convolutions = raw.caffe().unwrap().layers.iter().filter(|l| l.kind == "Convolution").count();
    assert_eq!((raw.caffe().unwrap().layers.len(), convolutions, raw.tensors().len()), (85, 28, 56));
    // The file is little else than its numbers.
    let bytes: usize = raw.tensors().iter().map(|t| t.byte_len()).sum();
    assert!(raw.file_len() - bytes < 20_000, "{} {bytes}", raw.file_len());
    let folded = Checkpoint::open(&path).unwrap().folded().unwrap();
    assert_eq!(folded.read("cls_4_conv.bias").unwrap(), raw.read("cls_4_conv.blob1").unwrap());
    assert_eq!(folded.tensor("conv2d_0.weight").unwrap().shape, [32, 3, 3, 3]);
}

fn batch_norm(name: &str, bottom: &str, top: &str) -> Message {
    let blobs = [Message::blob(&[2], &[2.0, 4.0]), Message::blob(&[2], &[6.0, 8.0]), Message::blob(&[1], &[2.0])];
    Message::layer(name, "BatchNorm", bottom, top, &blobs)
}

fn scale(name: &str, bottom: &str, top: &str, gamma: f32) -> Message {
    Message::layer(name, "Scale", bottom, top, &[Message::blob(&[2], &[gamma; 2]), Message::blob(&[2], &[0.25; 2])])
}

/// Sizes, ratios and steps of default boxes, in every way that they can be written.
#[test]
fn default_boxes_are_read() {
    let sizes = Message::default()
        .float(1, 30.0)
        .float(2, 60.0)
        .bytes(3, &[2.0f32, 3.0].map(f32::to_le_bytes).concat())
        .number(4, 0)
        .number(5, 1)
        .float(6, 0.1)
        .float(6, 0.2)
        .number(8, 300)
        .number(9, 400)
        .float(11, 8.0)
        .float(12, 16.0)
        .float(13, 0.25);
    let explicit = Message::layer("a_mbox_priorbox", "PriorBox", "a", "p", &[]).message(203, &sizes);
    let plain = Message::default().float(1, 264.0).number(7, 300).float(10, 100.0);
    let plain = Message::layer("b_mbox_priorbox", "PriorBox", "b", "q", &[]).message(203, &plain);
    let checkpoint = Message::net(&[explicit, plain, scale("s", "a", "a", 1.0)]).open().unwrap();
    let priors: Vec<_> = checkpoint.caffe().unwrap().priors().collect();
    let (name, first) = priors[0];
    assert_eq!((name, &first.min_sizes[..], &first.max_sizes[..]), ("a_mbox_priorbox", &[30.0][..], &[60.0][..]));
    assert_eq!((&first.aspect_ratios[..], &first.variances[..]), (&[2.0, 3.0][..], &[0.1, 0.2][..]));
    assert_eq!((first.flip, first.clip, first.offset), (false, true, 0.25));
    assert_eq!((first.step, first.image_size), (Some([8.0, 16.0]), Some([300, 400])));
    let (_, second) = priors[1];
    assert_eq!((second.flip, second.clip, second.offset), (true, false, 0.5));
    assert_eq!((second.step, second.image_size), (Some([100.0; 2]), Some([300; 2])));
    assert!(second.max_sizes.is_empty() && second.aspect_ratios.is_empty());
}

/// A Scale belongs to the BatchNorm whose output it is the next to touch, and to no other.
#[test]
fn a_scale_finds_its_batch_norm() {
    let relu = Message::layer("relu", "ReLU", "x", "x", &[]);
    let weight = |layers: &[Message], name: &str| {
        let folded = Message::net(layers).open().unwrap().folded().unwrap();
        (folded.tensor(name).is_some()).then(|| floats(&folded, name)[0])
    };
    // In place, another norm between.
    let crossed = [
        batch_norm("b1", "x", "x"),
        batch_norm("b2", "y", "y"),
        scale("s2", "y", "y", 2.0),
        scale("s1", "x", "x", 1.5),
    ];
    assert_eq!(weight(&crossed, "b1.weight"), Some(1.5));
    assert_eq!(weight(&crossed, "b2.weight"), Some(2.0));
    assert_eq!(weight(&crossed, "s1.weight"), None);
    // Not in place, as pre-activation nets have it.
    let pre = [batch_norm("b", "x", "b"), scale("s", "b", "b", 3.0)];
    assert_eq!(weight(&pre, "b.weight"), Some(3.0));
    // Something else in place between them: the Scale stands alone, and so does the norm.
    let apart = [batch_norm("b", "x", "x"), relu, scale("s", "x", "x", 3.0)];
    assert_eq!(weight(&apart, "b.weight"), Some(1.0));
    assert_eq!(weight(&apart, "b.running_mean"), Some(1.0));
    assert_eq!(weight(&apart, "s.weight"), Some(3.0));
    // Connections left out: the layer right after.
    let bare = [batch_norm("b", "", ""), scale("s", "", "", 4.0)];
    assert_eq!(weight(&bare, "b.weight"), Some(4.0));
}

/// A linear layer may keep its weight as (in, out); PyTorch's is (out, in).
#[test]
fn a_transposed_weight_is_turned() {
    let blob = [Message::blob(&[2, 3], &[1.0, 2.0, 3.0, 4.0, 5.0, 6.0])];
    let layer = |transpose| {
        Message::layer("fc", "InnerProduct", "x", "fc", &blob).message(117, &Message::default().number(6, transpose))
    };
    for (transpose, shape, values) in
        [(0, [2, 3], [1.0, 2.0, 3.0, 4.0, 5.0, 6.0]), (1, [3, 2], [1.0, 4.0, 2.0, 5.0, 3.0, 6.0])]
    {
        let folded = Message::net(&[layer(transpose)]).open().unwrap().folded().unwrap();
        assert_eq!(folded.tensor("fc.weight").unwrap().shape, shape);
        assert_eq!(floats(&folded, "fc.weight"), values);
    }
}

/// What cannot be folded is refused by the layer's name.
#[test]
fn odd_blobs_cannot_be_folded() {
    let refusal = |layers: &[Message]| Message::net(layers).open().unwrap().folded().unwrap_err().to_string();
    let two = Message::layer("b", "BatchNorm", "x", "x", &[Message::blob(&[1], &[1.0]), Message::blob(&[1], &[1.0])]);
    assert!(refusal(&[two]).contains("layer \"b\" (BatchNorm) of this Caffe model has 2 blobs instead of 3"));
    let wide = Message::layer("s", "Scale", "x", "x", &[Message::blob(&[3], &[1.0; 3])]);
    assert!(refusal(&[batch_norm("b", "x", "x"), wide]).contains("scales 3 channels"));
    let square = Message::layer("s", "Scale", "x", "x", &[Message::blob(&[2, 2], &[1.0; 4])]);
    assert!(refusal(&[square]).contains("is no vector"));
    let more = vec![Message::blob(&[1], &[1.0]); 3];
    assert!(refusal(&[Message::layer("c", "Convolution", "x", "y", &more)]).contains("has 3 blobs"));
}

/// Twenty megabytes of each thing that is kept: refused before memory is spent.
#[test]
fn things_by_the_million_are_refused() {
    let many = |piece: Message| Message(piece.0.repeat(20_000_000 / piece.0.len()));
    let limit = |net: Message| {
        let error = net.open().map(|ok| format!("{ok:?}")).unwrap_err();
        assert!(matches!(error.kind(), ErrorKind::Limit(_)), "{error}");
    };
    let layer = |fields: Message| Message::default().bytes(1, b"made").message(100, &fields);
    // Layers, blobs, inputs, outputs, sizes of one layer; empty blobs in many layers; long names.
    limit(many(Message::default().bytes(100, b"")));
    limit(layer(many(Message::default().bytes(7, b""))));
    limit(layer(many(Message::default().bytes(3, b""))));
    limit(layer(many(Message::default().bytes(4, b"x"))));
    limit(layer(Message::default().message(203, &many(Message::default().float(1, 1.0)))));
    limit(layer(Message::default().message(106, &many(Message::default().number(4, 1)))));
    limit(layer(Message::default().bytes(1, &[b'n'; 2000])));
    let blobs = Message::default().message(7, &Message::blob(&[0], &[])).0.repeat(5000);
    let wide = Message(Message::default().bytes(1, &[b'n'; 900]).0.into_iter().chain(blobs).collect());
    limit(many(Message::default().message(100, &wide)));
}

/// A number written one by one takes five bytes in the file and four in memory.
#[test]
fn unpacked_numbers_cost_no_memory() {
    let n = 2_000_000;
    let shape = Message::blob(&[n], &[]);
    let blob = Message(shape.0.into_iter().chain(Message::default().float(5, 1.5).0.repeat(n as usize)).collect());
    let checkpoint = Message::net(&[Message::layer("s", "Scale", "x", "x", &[blob])]).open().unwrap();
    let values = floats(&checkpoint, "s.blob0");
    assert!(values.len() == n as usize && values.iter().all(|x| *x == 1.5));
}

#[test]
fn what_is_folded_stays_as_it_is() {
    let once = open("ok_tiny_new.caffemodel").folded().unwrap();
    let (names, bytes) = (once.tensors().to_vec(), once.read("stem1/bn.running_var").unwrap());
    let twice = once.folded().unwrap();
    assert_eq!((twice.tensors(), twice.read("stem1/bn.running_var").unwrap()), (&names[..], bytes));
}

#[test]
fn only_caffe_files_have_a_caffe_network() {
    let torch = Checkpoint::open(fixture("synthetic/ok_zip.pth")).unwrap();
    assert_eq!(torch.caffe().map(CaffeNet::to_string), None);
    let names: Vec<String> = torch.tensors().iter().map(|t| t.name.clone()).collect();
    let same = torch.folded().unwrap();
    assert_eq!(same.tensors().iter().map(|t| &t.name).collect::<Vec<_>>(), names.iter().collect::<Vec<_>>());
}
