//! Official weights by name, from a mirror on the loopback.
#![allow(clippy::unwrap_used)]

mod cli_support;
#[path = "../pretrained/tests/cache/server.rs"]
#[allow(dead_code)]
mod server;

use cli_support::{MODEL, Ran, cells, run, vovdet};
use serde_json::{Value, json};
use server::{Reply, Server};
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use tempfile::TempDir;
use vovdet_detectors::ModelSpec;
use vovdet_pretrained::{Checkpoint, Dtype, TensorData, catalogue, models, write_safetensors};

/// A detector of another network than the built-in weights that the mirror serves under its name.
const VOVNET: &str = "mask_rcnn_vovnet39_fpn@vovnet-detectron";
const VOVNET_FILE: &str = "MRCN-V-39-FPN-2x-norm.pth";

/// An empty cache, and a mirror that has every file of the catalogue: the built-in weights under each name.
struct Bench {
    server: Server,
    cache: TempDir,
}

impl Bench {
    fn new() -> Self {
        Self::serving(models::find(MODEL).unwrap().to_vec())
    }

    fn serving(weights: Vec<u8>) -> Self {
        let server = Server::start(move |request, _| Reply::file(request, &weights, "\"a\""));
        Self { server, cache: tempfile::tempdir().unwrap() }
    }

    fn run<I: AsRef<std::ffi::OsStr>>(&self, arguments: impl IntoIterator<Item = I>) -> Ran {
        self.run_with(arguments, &[])
    }

    fn run_with<I: AsRef<std::ffi::OsStr>>(
        &self,
        arguments: impl IntoIterator<Item = I>,
        environment: &[(&str, &str)],
    ) -> Ran {
        let mut command = vovdet(arguments);
        for name in ["VOVDET_OFFLINE", "VOVDET_TIMEOUT_S", "SSL_CERT_FILE"] {
            command.env_remove(name);
        }
        command.env("VOVDET_CACHE", self.cache.path()).env("VOVDET_WEIGHTS_MIRROR", &self.server.url);
        command.envs(environment.iter().copied());
        run(command)
    }

    fn asked(&self) -> Vec<String> {
        self.server.requests().into_iter().map(|request| request.path).collect()
    }
}

#[test]
fn every_model_of_the_catalogue_is_one_of_ours() {
    let unknown: Vec<&str> = catalogue::entries()
        .iter()
        .filter_map(|entry| {
            let dialect = entry.dialect.as_deref().map(|name| name.parse().unwrap());
            let model = entry.model.as_deref()?;
            ModelSpec::named(model, dialect).is_err().then_some(model)
        })
        .collect();
    assert!(unknown.is_empty(), "{unknown:?}");
}

#[test]
fn list_filters_and_shows_figures() {
    let bench = Bench::new();
    let text = bench.run(["weights", "list"]).out;
    assert_eq!(text.lines().count(), 1 + models::names().count() + catalogue::entries().len());
    assert!(text.lines().any(|line| line.starts_with(MODEL) && line.contains("built in")), "{text}");
    assert!(text.lines().all(|line| line.chars().count() <= 80), "{text}");
    let text = bench.run(["weights", "list", "VOVNET39", "mask_rcnn"]).out;
    let line = text.lines().find(|line| line.starts_with(VOVNET)).unwrap();
    assert!(line.contains(" *") && line.contains("detector") && line.contains("box 41.0 mask 36.7"), "{line}");
    assert!(text.lines().skip(1).all(|line| line.contains("mask_rcnn_vovnet39")), "{text}");
    let ran = bench.run(["weights", "list", "torchvision", "--json"]);
    let lines = ran.lines();
    let entry = lines.iter().find(|line| line["name"] == "mask_rcnn_resnet50_fpn@torchvision").unwrap();
    assert_eq!(entry["url"], "https://download.pytorch.org/models/maskrcnn_resnet50_fpn_coco-bf2d0c1e.pth");
    assert_eq!((&entry["accuracy"]["mask_ap"], &entry["cached"]), (&json!(34.6), &Value::Null));
    let rows = |arguments: &[&str]| {
        let ran = bench.run([&["weights", "list"][..], arguments].concat());
        ran.out.lines().skip(1).map(str::to_owned).collect::<Vec<_>>()
    };
    let best = rows(&["--kind", "detector", "--sort", "ap", "--min-ap", "43"]);
    assert!(best.iter().all(|row| row.contains(" detector ")), "{best:?}");
    let box_ap = |row: &String| row.split(" box ").nth(1).and_then(|rest| rest.split(' ').next()?.parse::<f64>().ok());
    let aps: Vec<f64> = best.iter().filter_map(box_ap).collect();
    assert!(aps.len() > 5 && aps.is_sorted_by(|a, b| a >= b) && aps.iter().all(|ap| *ap >= 43.0), "{best:?}");
    assert!(rows(&["--wide", "vovnet39"]).iter().any(|row| row.contains("COCO 2014 minival")));
    let ran = bench.run(["weights", "list", "--cached"]);
    assert!(
        ran.code == 0 && ran.out.is_empty() && ran.err.contains("no official weights are in the cache"),
        "{}",
        ran.err
    );
    let ran = bench.run(["weights", "list", "nosuchnet"]);
    assert!(ran.code == 0 && ran.out.is_empty() && ran.err.contains("weights list"), "{}", ran.err);
    assert!(bench.asked().is_empty());
}

#[test]
fn fetch_prints_where_the_weights_are() {
    let bench = Bench::new();
    let ran = bench.run(["weights", "fetch", "mask_rcnn_vovnet39_fpn"]);
    assert_eq!(ran.code, 0, "{}", ran.err);
    let path = PathBuf::from(ran.out.trim());
    assert_eq!(path, bench.cache.path().join(VOVNET_FILE));
    assert_eq!(fs::read(&path).unwrap(), models::find(MODEL).unwrap());
    assert!(ran.err.contains(VOVNET) && ran.err.contains(&bench.server.url), "{}", ran.err);
    assert_eq!(bench.run(["weights", "fetch", VOVNET]).out, ran.out);
    assert_eq!(bench.asked(), [format!("/weights/{VOVNET_FILE}")]);
    let cached = bench.run(["weights", "list", "--cached", "--json"]).lines();
    assert_eq!(cached.len(), 1);
    assert_eq!((&cached[0]["name"], &cached[0]["cached"]), (&json!(VOVNET), &json!(path)));
}

#[test]
fn one_bad_name_does_not_stop_the_others() {
    let bench = Bench::new();
    let ran = bench.run(["weights", "fetch", "--quiet", "mask_rcnn_vovnet39_fpm", VOVNET, MODEL]);
    assert_eq!((ran.code, ran.out.lines().count()), (1, 1));
    assert!(
        ran.err.contains("did you mean `mask_rcnn_vovnet39_fpn`") && ran.err.contains("is built in"),
        "{}",
        ran.err
    );
    let ran = bench.run(["weights", "fetch", "--quiet", "vovnet75"]);
    ran.fails_with(2, &["vovnet75@vovnet-detectron", "complete"]);
    let ran = bench.run(["weights", "fetch", "--quiet", "vovnet39", "vovnet57", "--from", "x.pth"]);
    ran.fails_with(2, &["--from is one file"]);
}

#[test]
fn a_file_can_be_handed_over_and_changed_on_purpose() {
    let (name, place) = ("ese_vovnet19b_dw@timm.ra_in1k", "ese_vovnet19b_dw.ra_in1k.safetensors");
    let bench = Bench::new();
    let file = bench.cache.path().join("from.safetensors");
    let from = file.to_str().unwrap();
    fs::write(&file, classifier("ese_vovnet19b_dw")).unwrap();
    let ran = bench.run(["weights", "fetch", name, "--offline", "--from", from]);
    assert_eq!(ran.code, 0, "{}", ran.err);
    // Other numbers in the same tensors.
    let mut other = fs::read(&file).unwrap();
    *other.last_mut().unwrap() ^= 1;
    fs::write(&file, other).unwrap();
    let ran = bench.run(["weights", "fetch", name, "--from", from]);
    ran.fails_with(2, &[name, "first fetched", "--repin"]);
    assert_eq!(bench.run(["weights", "fetch", name, "--from", from, "--repin"]).code, 0);
    assert_eq!(fs::read(bench.cache.path().join(place)).unwrap(), fs::read(&file).unwrap());
    let ran = bench.run(["weights", "remove", name]);
    assert!(ran.code == 0 && ran.out.trim().ends_with(place), "{} {}", ran.out, ran.err);
    let ran = bench.run(["weights", "remove", name]);
    assert!(ran.code == 0 && ran.out.is_empty() && ran.err.contains("not in the cache"), "{}", ran.err);
    assert!(bench.asked().is_empty());
}

#[test]
fn a_file_of_another_model_is_not_taken() {
    let bench = Bench::new();
    let file = bench.cache.path().join("from.safetensors");
    fs::write(&file, models::find(MODEL).unwrap()).unwrap();
    let ran = bench.run(["weights", "fetch", VOVNET, "--from", file.to_str().unwrap()]);
    ran.fails_with(2, &[VOVNET, "mask_rcnn_vovnet39_fpn (", "parameters are missing", "nothing was kept"]);
    assert!(bench.run(["weights", "list", "--cached"]).out.is_empty());
    small(&file);
    let ran = bench.run(["weights", "fetch", VOVNET, "--from", file.to_str().unwrap()]);
    ran.fails_with(2, &["does not fit mask_rcnn_vovnet39_fpn", "nothing was kept"]);
}

#[test]
fn offline_is_a_flag_and_a_variable() {
    let bench = Bench::new();
    let words = [VOVNET, "is not in the cache", "--offline or VOVDET_OFFLINE"];
    bench.run(["weights", "inspect", VOVNET, "--offline"]).fails_with(2, &words);
    bench.run_with(["weights", "fetch", VOVNET], &[("VOVDET_OFFLINE", "1")]).fails_with(2, &words);
    let image = cells();
    let image = image.to_str().unwrap();
    bench.run(["detect", image, "--weights", VOVNET, "--offline"]).fails_with(2, &words);
    bench.run(["detect", image, "--model", "mask_rcnn_vovnet39_fpn", "--offline"]).fails_with(2, &words);
    assert!(bench.asked().is_empty());
    assert_eq!(bench.run_with(["weights", "fetch", VOVNET], &[("VOVDET_OFFLINE", "0")]).code, 0);
    let ran = bench.run_with(["weights", "inspect", VOVNET], &[("VOVDET_OFFLINE", "1")]);
    assert!(ran.code == 0 && ran.out.contains("backbone.body"), "{}", ran.err);
}

#[test]
fn settings_that_cannot_be_followed() {
    let bench = Bench::new();
    for (name, value) in [
        ("VOVDET_WEIGHTS_MIRROR", "mirror.example/weights"),
        ("VOVDET_TIMEOUT_S", "soon"),
        ("VOVDET_TIMEOUT_S", "0"),
        ("VOVDET_TIMEOUT_S", "1e300"),
    ] {
        bench.run_with(["weights", "fetch", VOVNET], &[(name, value)]).fails_with(2, &[name, value, "give"]);
    }
    let file = bench.cache.path().join("file");
    fs::write(&file, "").unwrap();
    let ran = bench.run_with(["weights", "fetch", "-q", VOVNET], &[("VOVDET_CACHE", file.to_str().unwrap())]);
    ran.fails_with(2, &[VOVNET, "cannot use", "VOVDET_CACHE"]);
    let https = [("VOVDET_WEIGHTS_MIRROR", "https://127.0.0.1:1"), ("SSL_CERT_FILE", file.to_str().unwrap())];
    bench.run_with(["weights", "fetch", "-q", VOVNET], &https).fails_with(2, &["SSL_CERT_FILE", "no certificates"]);
    assert!(bench.asked().is_empty());
}

#[test]
fn the_weights_bring_their_model_and_dialect() {
    let bench = Bench::new();
    // The mirror's file fits neither: the report tells what was built for it.
    for (name, model, dialect) in [
        (VOVNET, "mask_rcnn_vovnet39_fpn", "maskrcnn-benchmark"),
        ("mask_rcnn_resnet50_fpn@vovnet-detectron", "mask_rcnn_resnet50_fpn", "maskrcnn-benchmark"),
        ("mask_rcnn_resnet50_fpn@detectron2", "mask_rcnn_resnet50_fpn", "detectron2"),
    ] {
        let ran = bench.run(["weights", "check", name, "--json"]);
        assert_eq!(ran.code, 2);
        let report = &ran.lines()[0];
        assert_eq!((&report["model"], &report["dialect"]), (&json!(model), &json!(dialect)), "{name}");
    }
    // What the user says comes first.
    let ran = bench.run(["weights", "check", VOVNET, "--model", MODEL]);
    assert_eq!(ran.code, 0, "{}", ran.err);
    let image = cells();
    let arguments = ["detect", image.to_str().unwrap(), "--weights", VOVNET, "--model", MODEL, "--no-masks"];
    let ran = bench.run(arguments);
    assert_eq!(ran.code, 0, "{}", ran.err);
    assert!(!ran.lines()[0]["detections"].as_array().unwrap().is_empty());
}

#[test]
fn an_evaluation_says_which_official_weights_it_had() {
    let bench = Bench::new();
    let folder = tempfile::tempdir().unwrap();
    fs::copy(cells(), folder.path().join("a.png")).unwrap();
    let data = json!({
        "images": [{"id": 1, "file_name": "a.png", "width": 256, "height": 256}],
        "categories": [{"id": 1, "name": "nucleus"}],
        "annotations": [{"id": 1, "image_id": 1, "category_id": 1, "bbox": [1, 1, 9, 9], "area": 81, "iscrowd": 0}],
    });
    let annotations = folder.path().join("a.json");
    fs::write(&annotations, data.to_string()).unwrap();
    let [annotations, images] = [&annotations, folder.path()].map(|path: &Path| path.to_str().unwrap());
    let saved = folder.path().join("found.json");
    let weights = |chosen: &[&str]| {
        let common = ["eval", "coco", "--model", MODEL, "--iou", "bbox", "--json", "--quiet"];
        let places = ["--annotations", annotations, "--images", images, "--save-detections", saved.to_str().unwrap()];
        let ran = bench.run([&common[..], &places, chosen].concat());
        assert_eq!((ran.code, ran.err.as_str()), (0, ""));
        ran.lines()[0]["provenance"]["model"]["weights"].clone()
    };
    // The mirror serves the built-in weights under every name.
    let (official, built_in) = (weights(&["--weights", VOVNET]), weights(&[]));
    assert_eq!((&official["path"], &built_in["path"]), (&json!(VOVNET), &json!(MODEL)));
    assert_eq!(official["sha256"], built_in["sha256"]);
}

#[test]
fn a_model_alone_uses_its_official_weights() {
    let bench = Bench::serving(classifier("ese_vovnet19b_dw"));
    let image = cells();
    let classify = |model: &str| bench.run(["classify", image.to_str().unwrap(), "--model", model, "--top", "1"]);
    for model in ["ese_vovnet19b_dw", "ese_vovnet19b_dw@timm.ra_in1k"] {
        let ran = classify(model);
        assert_eq!(ran.code, 0, "{}", ran.err);
        assert_eq!(ran.lines()[0]["classes"].as_array().unwrap().len(), 1);
    }
    assert_eq!(bench.asked(), ["/weights/ese_vovnet19b_dw.ra_in1k.safetensors"]);
    classify("vovnet75").fails_with(2, &["vovnet75@vovnet-detectron", "--weights"]);
    classify("vovnet27_slim").fails_with(2, &["not built in"]);
    classify("vovnet39@vovnet.pytorhc").fails_with(2, &["no model named"]);
}

#[test]
fn a_misspelt_name_is_no_file() {
    let bench = Bench::new();
    let ran = bench.run(["weights", "inspect", "vovnet39@vovnet-pytorch"]);
    ran.fails_with(2, &["no such file", "did you mean `vovnet39@vovnet.pytorch`?"]);
    bench.run(["weights", "inspect", "folder/none.pth"]).fails_with(2, &["folder/none.pth", "No such file"]);
}

/// Weights of nothing, in a file.
fn small(path: &Path) {
    let tensor = TensorData { name: "a", dtype: Dtype::F32, shape: &[1], bytes: vec![0; 4].into() };
    write_safetensors(path, &[tensor], &BTreeMap::new()).unwrap();
}

/// Weights of ones that fit a classifier: its names and shapes are learnt from what it misses.
fn classifier(model: &str) -> Vec<u8> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("weights.safetensors");
    let check = |shapes: &BTreeMap<String, Vec<usize>>| {
        let tensors: Vec<TensorData> = shapes
            .iter()
            .map(|(name, shape)| TensorData {
                name,
                dtype: Dtype::F32,
                shape,
                bytes: 1f32.to_le_bytes().repeat(shape.iter().product()).into(),
            })
            .collect();
        write_safetensors(&path, &tensors, &BTreeMap::new()).unwrap();
        let checkpoint = Checkpoint::open(&path).unwrap();
        let spec = ModelSpec::named(model, None).unwrap();
        vovdet_detectors::check(Some(spec), &checkpoint, &Default::default()).unwrap().1
    };
    // The last layer is there if its weight is.
    let mut shapes = BTreeMap::from([("classifier.weight".to_owned(), vec![1000, 1])]);
    let missing = check(&shapes).missing;
    shapes.extend(missing.into_iter().map(|missing| (missing.name, vec![1])));
    // Some shapes follow from others, so it takes more than one look.
    for _ in 0..4 {
        for mismatch in check(&shapes).mismatched {
            let shape = mismatch.model.iter().map(|&n| usize::try_from(n).unwrap()).collect();
            shapes.insert(mismatch.name, shape);
        }
    }
    let report = check(&shapes);
    assert!(report.is_complete(), "{report}");
    fs::read(path).unwrap()
}
