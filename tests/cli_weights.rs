//! `vovdet weights` and `vovdet features`, on the built-in model and small files.
#![allow(clippy::unwrap_used)]

mod cli_support;
use cli_support::{MODEL, Ran, cells, run, vovdet};
use serde_json::{Value, json};
use std::fs;
use std::path::{Path, PathBuf};
use vovdet_pretrained::{Checkpoint, Dtype, TensorData, write_safetensors};

fn weights(arguments: &[&str]) -> Ran {
    run(vovdet(["weights"].iter().chain(arguments)))
}

fn small(folder: &Path, values: &[f32]) -> PathBuf {
    let path = folder.join("small.safetensors");
    let bytes: Vec<u8> = values.iter().flat_map(|v| v.to_le_bytes()).collect();
    let shape = [values.len()];
    let tensors = [
        TensorData { name: "a.weight", dtype: Dtype::F32, shape: &shape, bytes: bytes.into() },
        TensorData { name: "a.steps", dtype: Dtype::I64, shape: &[], bytes: 7i64.to_le_bytes().to_vec().into() },
    ];
    write_safetensors(&path, &tensors, &Default::default()).unwrap();
    path
}

#[test]
fn inspect_lists_what_is_there() {
    let folder = tempfile::tempdir().unwrap();
    let path = small(folder.path(), &[1.0, 2.0, 3.0]);
    let path = path.to_str().unwrap();
    let found = &weights(&["inspect", path, "--json"]).lines()[0];
    assert_eq!(found["format"], "safetensors");
    assert_eq!((&found["numbers"], &found["tensor_bytes"]), (&json!(4), &json!(20)));
    let tensors = found["tensors"].as_array().unwrap();
    assert!(tensors.contains(&json!({"name": "a.weight", "dtype": "float32", "shape": [3], "bytes": 12})));
    assert!(tensors.contains(&json!({"name": "a.steps", "dtype": "int64", "shape": [], "bytes": 8})));
    assert_eq!(found["fits"], json!([]));
    for all in [&["inspect", path][..], &["inspect", path, "--all"]] {
        let text = weights(all).out;
        assert!(text.contains("a.weight") && text.contains("[3]") && text.contains("no known model"), "{text}");
    }
}

#[test]
fn the_built_in_model_is_inspected_and_fits_itself() {
    let text = weights(&["inspect", MODEL]).out;
    assert!(text.contains(MODEL) && text.contains("backbone.body"), "{text}");
    // The summary is what stays on the screen.
    assert!(text.lines().count() < 40, "{text}");
    assert_eq!(
        text.lines().last().unwrap().trim_start_matches("use").trim(),
        format!("vovdet detect IMAGES --model {MODEL}")
    );
    assert!(weights(&["inspect", MODEL, "--all"]).out.lines().count() > 200);
    let ran = weights(&["check", MODEL]);
    assert_eq!(ran.code, 0, "{}", ran.err);
    assert!(ran.out.contains(MODEL), "{}", ran.out);
    let names = weights(&["inspect", "--models"]).out;
    assert!(names.lines().any(|name| name == "mask_rcnn_vovnet39_fpn"), "{names}");
}

#[test]
fn hostile_and_foreign_files_give_one_sentence() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    fs::write(path("page.pth"), "<!doctype html><title>Dropbox</title>").unwrap();
    // A pickle that would call os.system (protocol 2: a global, a string of 27 bytes, a tuple, a call).
    let evil = b"\x80\x02cos\nsystem\nX\x1b\0\0\0touch /tmp/vovdet-was-here \x85R.";
    fs::write(path("evil.pkl"), evil).unwrap();
    for action in ["inspect", "check"] {
        weights(&[action, &path("page.pth")]).fails_with(2, &["page.pth", "web page"]);
        weights(&[action, &path("evil.pkl")]).fails_with(2, &["evil.pkl", "os.system"]);
        weights(&[action, &path("none.pth")]).fails_with(2, &["none.pth"]);
    }
    weights(&["convert", &path("evil.pkl"), &path("out.pth")]).fails_with(2, &["evil.pkl"]);
    assert!(!Path::new("/tmp/vovdet-was-here").exists() && !Path::new(&path("out.pth")).exists());
    let other = small(folder.path(), &[1.0]);
    weights(&["check", other.to_str().unwrap(), "--model", "vovnet39"]).fails_with(2, &["small.safetensors"]);
}

/// Whatever ends it, an unfinished file does not stay.
#[test]
fn a_conversion_that_is_ended_leaves_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let (from, out) = (folder.path().join("large.safetensors"), folder.path().join("out"));
    // Zeros that take no room on the disk.
    let (len, header) = (400usize << 20, r#"{"a":{"dtype":"U8","shape":[419430400],"data_offsets":[0,419430400]}}"#);
    fs::write(&from, [&(header.len() as u64).to_le_bytes()[..], header.as_bytes()].concat()).unwrap();
    fs::File::options().write(true).open(&from).unwrap().set_len((8 + header.len() + len) as u64).unwrap();
    fs::create_dir(&out).unwrap();
    for signal in ["-INT", "-TERM", "-HUP"] {
        let to = out.join("large.pth");
        let mut convert = std::process::Command::new(env!("CARGO_BIN_EXE_vovdet"));
        let mut child = convert.args(["weights", "convert"]).args([&from, &to]).spawn().unwrap();
        while fs::read_dir(&out).unwrap().count() == 0 {
            assert!(child.try_wait().unwrap().is_none(), "it ended before it began to write");
            std::thread::sleep(std::time::Duration::from_millis(1));
        }
        assert!(std::process::Command::new("kill").args([signal, &child.id().to_string()]).status().unwrap().success());
        assert!(!child.wait().unwrap().success(), "{signal}");
        assert_eq!(fs::read_dir(&out).unwrap().count(), 0, "{signal}");
    }
}

#[test]
fn convert_keeps_the_numbers_and_never_overwrites() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let from = small(folder.path(), &[1.0, -2.5, 0.1]);
    let from = from.to_str().unwrap();

    assert_eq!(weights(&["convert", from, &path("a.pth")]).code, 0);
    let pth = Checkpoint::open(path("a.pth")).unwrap();
    let original = Checkpoint::open(from).unwrap();
    for name in ["a.weight", "a.steps"] {
        assert_eq!(pth.tensor(name), original.tensor(name));
        assert_eq!(pth.read(name).unwrap(), original.read(name).unwrap());
    }
    weights(&["convert", from, &path("a.pth")]).fails_with(2, &["a.pth exists", "--force"]);
    assert_eq!(weights(&["convert", from, &path("a.pth"), "--half", "--force"]).code, 0);
    weights(&["convert", &path("a.pth"), &path("./a.pth"), "--force"]).fails_with(2, &["a.pth", "which is read"]);
    let half = Checkpoint::open(path("a.pth")).unwrap();
    assert_eq!(half.tensor("a.weight").unwrap().dtype, Dtype::F16);
    assert_eq!(half.tensor("a.steps").unwrap().dtype, Dtype::I64, "whole numbers stay as they are");
    // IEEE 754 half precision: 1, -2.5, 0.1 rounded.
    assert_eq!(half.read("a.weight").unwrap(), [0x00, 0x3c, 0x00, 0xc1, 0x66, 0x2e]);

    weights(&["convert", from, &path("a.bin")]).fails_with(2, &["a.bin", "--to"]);
    let large = small(folder.path(), &[1e6]);
    weights(&["convert", large.to_str().unwrap(), &path("b.pth"), "--half"]).fails_with(2, &["a.weight", "float16"]);
    assert!(!Path::new(&path("b.pth")).exists());
}

#[test]
fn a_converted_model_carries_its_spec() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("mine.safetensors").to_str().unwrap().to_owned();
    assert_eq!(weights(&["convert", MODEL, &out, "--model", MODEL]).code, 0);
    let spec: Value = serde_json::from_str(&Checkpoint::open(&out).unwrap().metadata()["vovdet.spec"]).unwrap();
    assert_eq!(spec["name"], MODEL);
    let image = cells().to_str().unwrap().to_owned();
    let ran = run(vovdet(["detect", "--weights", &out, &image]));
    assert_eq!(ran.code, 0, "{}", ran.err);
    assert_eq!(ran.lines()[0]["detections"][0]["label"], "nucleus");
}

#[test]
fn features_of_an_image_and_of_a_tensor() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let image = cells().to_str().unwrap().to_owned();
    let features = |source: &str, out: &str| run(vovdet(["features", "--model", MODEL, source, "--out", out]));

    let ran = features(&image, &path("one.safetensors"));
    assert_eq!(ran.code, 0, "{}", ran.err);
    let shapes = &ran.lines()[0];
    assert_eq!(shapes["input"], json!([1, 3, 256, 256]));
    let file = Checkpoint::open(path("one.safetensors")).unwrap();
    for (name, shape) in shapes.as_object().unwrap() {
        assert_eq!(json!(file.tensor(name).unwrap().shape), *shape, "{name}");
    }

    // The tensor `input` of that file gives the same again: it goes into the network as it is.
    assert_eq!(features(&path("one.safetensors"), &path("two.safetensors")).code, 0);
    let again = Checkpoint::open(path("two.safetensors")).unwrap();
    assert_eq!(again.read("input").unwrap(), file.read("input").unwrap());
    assert_eq!(again.read("stem").unwrap(), file.read("stem").unwrap());

    let other = small(folder.path(), &[1.0]);
    features(other.to_str().unwrap(), &path("x.safetensors")).fails_with(2, &["no tensor named `input`"]);
}

/// A printed spec is what --model takes: the same counts as the name, others when a number is changed.
#[test]
fn a_spec_is_printed_and_taken() {
    let folder = tempfile::tempdir().unwrap();
    let spec = run(vovdet(["weights", "inspect", "--spec", "dsod300_vovnet27_slim"])).out;
    let named = run(vovdet(["bench", "--count-only", "--json", "dsod300_vovnet27_slim"])).lines().remove(0);
    let params = |text: &str| {
        let path = folder.path().join("spec.json");
        std::fs::write(&path, text).unwrap();
        let counted = run(vovdet(["bench", "--count-only", "--json", path.to_str().unwrap()]));
        assert_eq!(counted.code, 0, "{}", counted.err);
        counted.lines()[0]["params"].as_u64()
    };
    assert_eq!(params(&spec), named["params"].as_u64());
    assert!(params(&spec.replacen("\"width\": 128", "\"width\": 160", 1)) > named["params"].as_u64());
}
