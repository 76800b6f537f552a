//! `vovdet eval` with the built-in model, from image files to figures.
#![allow(clippy::unwrap_used)]

mod cli_support;
use cli_support::{MODEL, Ran, cells, fixture, run, vovdet};
use serde_json::{Value, json};
use std::fs;
use std::path::{Path, PathBuf};
use tempfile::TempDir;

/// A data set of three images: Python's detections of one image (see `fixtures/nuclei/SOURCE.txt`) are its objects.
struct Data {
    folder: TempDir,
}

impl Data {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let found: Value =
            serde_json::from_str(&fs::read_to_string(fixture("nuclei/python_detections.json")).unwrap()).unwrap();
        let mut objects = Vec::new();
        fs::create_dir(folder.path().join("images")).unwrap();
        let images = [11, 12, 13].map(|id| {
            let name = format!("{id}.png");
            fs::copy(cells(), folder.path().join("images").join(&name)).unwrap();
            for object in found.as_array().unwrap().iter().filter(|object| object["score"].as_f64().unwrap() > 0.5) {
                let [_, _, w, h] = &object["bbox"].as_array().unwrap()[..] else { panic!("no box") };
                let area = w.as_f64().unwrap() * h.as_f64().unwrap();
                objects.push(
                    json!({"id": objects.len() + 1, "image_id": id, "category_id": 4, "iscrowd": 0, "area": area,
                    "bbox": object["bbox"], "segmentation": [ellipse(&object["bbox"])]}),
                );
            }
            json!({"id": id, "file_name": name, "width": 256, "height": 256})
        });
        let data = json!({"images": images, "annotations": objects, "categories": [{"id": 4, "name": "nucleus"}]});
        fs::write(folder.path().join("instances.json"), data.to_string()).unwrap();
        Self { folder }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn eval(&self, more: &[&str]) -> Ran {
        self.eval_of(&[&["--images", "images"], more].concat())
    }

    /// The same with the images that are beside the annotations, or others.
    fn eval_of(&self, more: &[&str]) -> Ran {
        let mut command = vovdet(["eval", "coco", "--model", MODEL, "--annotations", "instances.json"]);
        command.args(more).current_dir(self.folder.path()).env("XDG_CACHE_HOME", self.path("cache"));
        run(command)
    }

    fn scored(&self, name: &str) -> Value {
        let mut command = vovdet(["eval", "coco", "--annotations", "instances.json", "--json", "--detections", name]);
        command.current_dir(self.folder.path());
        run(command).lines().remove(0)
    }
}

/// A nucleus fills its box about as an ellipse does.
fn ellipse(bbox: &Value) -> Vec<f64> {
    let [x, y, w, h] = [0, 1, 2, 3].map(|i| bbox[i].as_f64().unwrap());
    let angles = (0..24).map(|i| f64::from(i) / 24.0 * std::f64::consts::TAU);
    angles.flat_map(|angle| [x + w / 2.0 * (1.0 + angle.cos()), y + h / 2.0 * (1.0 + angle.sin())]).collect()
}

fn figures(report: &Value) -> Value {
    json!([report["bbox"], report["segm"], report["counts"], report["per_class"]])
}

fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap()
}

#[test]
fn figures_come_with_their_provenance_and_are_those_of_the_saved_detections() {
    let data = Data::new();
    let ran = data.eval(&["--json", "--save-detections", "found.json", "--batch", "2"]);
    assert_eq!((ran.code, ran.err.as_str()), (0, ""));
    let report = &ran.lines()[0];
    // Python's detections of the same weights are the objects.
    assert!(report["bbox"][0].as_f64().unwrap() > 0.9 && report["segm"][1].as_f64().unwrap() > 0.9, "{report}");
    let from = &report["provenance"];
    assert_eq!((&from["model"]["spec"]["name"], &from["model"]["precision"]), (&json!(MODEL), &json!("fp32")));
    assert_eq!(from["model"]["weights"]["sha256"].as_str().unwrap().len(), 64);
    for stage in ["decode", "prepare", "batch", "network", "postprocess", "wall"] {
        assert!(from["times_ms"][stage].as_f64().unwrap() >= 0.0, "{stage}");
    }
    assert_eq!(figures(&data.scored("found.json")), figures(report));
    assert!(!data.path("found.json.partial").exists() && !data.path("cache").exists());
}

#[test]
fn a_run_that_ended_early_goes_on() {
    let data = Data::new();
    let whole = data.eval(&["--json", "--save-detections", "found.jsonl"]);
    let kept = read(&data.path("found.jsonl"));
    assert_eq!(kept.lines().count(), 4, "a line says what the run is");
    // The run was killed while it wrote its third image.
    fs::write(data.path("found.jsonl"), &kept[..kept.len() - 100]).unwrap();
    let rest = data.eval(&["--json", "--save-detections", "found.jsonl", "--resume"]);
    assert_eq!((rest.code, rest.err.trim()), (0, "2 of 3 images are done already"));
    assert_eq!(figures(&rest.lines()[0]), figures(&whole.lines()[0]));
    assert_eq!(read(&data.path("found.jsonl")), kept);
    let other = data.eval(&["--save-detections", "found.jsonl", "--resume", "--score", "0.9"]);
    other.fails_with(2, &["found.jsonl", "another run", "score"]);
    assert_eq!(read(&data.path("found.jsonl")), kept, "a run of its own was asked for, and nothing is lost");
}

#[test]
fn an_interrupt_says_how_far_the_run_came() {
    let data = Data::new();
    let mut all: Value = serde_json::from_str(&read(&data.path("instances.json"))).unwrap();
    // The same picture a hundred times: the run is long enough to be interrupted.
    let image = |id: u64| json!({"id": id, "file_name": "11.png", "width": 256, "height": 256});
    all["images"] = (11..111).map(image).collect();
    fs::write(data.path("instances.json"), all.to_string()).unwrap();
    let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_vovdet"));
    command.args(["eval", "coco", "--model", MODEL, "--annotations", "instances.json", "--images", "images"]);
    command.args(["--save-detections", "found.jsonl"]).current_dir(data.folder.path());
    let child = command.stderr(std::process::Stdio::piped()).spawn().unwrap();
    let begun = || fs::read_to_string(data.path("found.jsonl")).is_ok_and(|text| text.lines().count() > 2);
    while !begun() {
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
    assert!(std::process::Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap().success());
    let output = child.wait_with_output().unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(130), "{said}");
    assert!(said.contains(" of 100 images done; the same command with --resume goes on"), "{said}");
}

#[test]
fn the_lines_of_detect_are_scored_as_its_coco_results() {
    let data = Data::new();
    let mut command = vovdet(["detect", "--model", MODEL, "images", "--out", "lines.jsonl"]);
    command.args(["--coco-results", "results.json", "--annotations", "instances.json"]);
    command.current_dir(data.folder.path());
    assert_eq!(run(command).code, 0);
    let of_lines = data.scored("lines.jsonl");
    assert!(of_lines["bbox"][0].as_f64().unwrap() > 0.9, "{of_lines}");
    assert_eq!(figures(&of_lines), figures(&data.scored("results.json")));

    // An image that the data set does not have, one that could not be read, and a class that it does not have.
    let lines = read(&data.path("lines.jsonl"));
    let mut first: Value = serde_json::from_str(lines.lines().next().unwrap()).unwrap();
    first["image"] = json!("elsewhere/99.png");
    let failure = json!({"image": "images/broken.png", "error": "is no image"});
    fs::write(data.path("more.jsonl"), format!("{failure}\n{first}\n{}", lines.replacen("nucleus", "nebula", 1)))
        .unwrap();
    let mut command = vovdet(["eval", "coco", "--annotations", "instances.json", "--detections", "more.jsonl"]);
    command.current_dir(data.folder.path());
    let ran = run(command);
    assert_eq!(ran.code, 0, "{}", ran.err);
    for note in ["1 images could not be read", "1 images are not in instances.json", "nebula"] {
        assert!(ran.err.contains(note), "{}", ran.err);
    }
    fs::write(data.path("other.jsonl"), first.to_string()).unwrap();
    let mut command = vovdet(["eval", "coco", "--annotations", "instances.json", "--detections", "other.jsonl"]);
    command.current_dir(data.folder.path());
    run(command).fails_with(2, &["other.jsonl", "instances.json", "elsewhere/99.png"]);
}

#[test]
fn without_a_name_detections_are_kept_in_the_cache() {
    let data = Data::new();
    let first = data.eval(&["--json", "--limit", "1"]);
    assert_eq!(first.lines()[0]["counts"]["images"], 1);
    let all = data.eval(&["--resume", "--limit", "2", "--json"]);
    assert_eq!(all.err.trim(), "1 of 2 images are done already");
    let kept = all.lines()[0]["provenance"]["detections"]["path"].as_str().unwrap().to_owned();
    assert!(kept.starts_with(data.path("cache").to_str().unwrap()) && Path::new(&kept).is_file(), "{kept}");
}

#[test]
fn a_least_score_holds_for_a_run_as_for_its_saved_detections() {
    let data = Data::new();
    let all = data.eval(&["--json", "--limit", "1"]);
    let good = data.eval(&["--json", "--limit", "1", "--min-score", "0.9", "--save-detections", "found.json"]);
    let number = |ran: &Ran| ran.lines()[0]["counts"]["detections"].as_u64().unwrap();
    assert!(number(&good) < number(&all), "{} of {}", number(&good), number(&all));
    let mut saved = vovdet(["eval", "coco", "--annotations", "instances.json", "--json", "--detections", "found.json"]);
    saved.args(["--limit", "1", "--min-score", "0.9"]).current_dir(data.folder.path());
    assert_eq!(figures(&run(saved).lines()[0]), figures(&good.lines()[0]));
}

#[test]
fn the_page_of_a_run_is_that_of_its_saved_detections() {
    let data = Data::new();
    fs::remove_file(data.path("images/12.png")).unwrap();
    let ran = data.eval(&["--save-detections", "found.json", "--report", "run"]);
    assert!(ran.code == 1 && ran.err.contains("run/index.html"), "{}", ran.err);
    // The second image was not seen, so its objects are none that were missed.
    let kept: Value = serde_json::from_str(&read(&data.path("found.json"))).unwrap();
    let truth: Value = serde_json::from_str(&read(&data.path("instances.json"))).unwrap();
    let seen =
        |list: &str| truth[list].as_array().unwrap().iter().filter(|e| e["id"] != 12 && e["image_id"] != 12).cloned();
    let truth = json!({"images": Value::from_iter(seen("images")), "annotations": Value::from_iter(seen("annotations")),
        "categories": truth["categories"]});
    fs::write(data.path("seen.json"), truth.to_string()).unwrap();
    assert!(kept.as_array().unwrap().iter().all(|found| found["image_id"] != 12));
    let mut command = vovdet(["eval", "coco", "--annotations", "seen.json", "--detections", "found.json"]);
    command.args(["--images", "images", "--report", "saved"]).current_dir(data.folder.path());
    assert_eq!(run(command).code, 0);
    let page = |folder: &str| -> Value {
        let text = read(&data.path(folder).join("index.html"));
        let (_, after) = text.split_once("type=\"application/json\">").unwrap();
        serde_json::from_str(after.split_once("</script>").unwrap().0).unwrap()
    };
    let (of_run, of_saved) = (page("run"), page("saved"));
    for part in ["counts", "classes", "views", "pictures"] {
        assert_eq!(of_run[part], of_saved[part], "{part}");
    }
    assert!(of_run["notes"][0].as_str().unwrap().starts_with("1 image was left out"), "{}", of_run["notes"]);
    assert_eq!(of_saved["notes"], json!([]));
    assert!(of_run["pictures"][0]["uri"].as_str().unwrap().starts_with("data:image/jpeg;base64,"));
    assert!(of_run["times_ms"]["network"].as_f64().unwrap() > 0.0);
}

#[test]
fn detections_that_a_page_needs_must_be_kept() {
    let data = Data::new();
    // The cache is a file, so nothing can be kept there, and a page needs the detections.
    fs::write(data.path("cache"), "").unwrap();
    data.eval(&["--report", "page"]).fails_with(2, &["cannot be kept", "cache"]);
}

/// Nobody asked for the detections, so the figures come although they cannot be kept.
#[test]
fn figures_come_although_the_cache_cannot_be_written_to() {
    let data = Data::new();
    fs::write(data.path("cache"), "").unwrap();
    let ran = data.eval(&["--json", "--limit", "1"]);
    assert_eq!(ran.code, 0, "{}", ran.err);
    assert!(ran.err.contains("not kept") && ran.err.contains("cache"), "{}", ran.err);
    assert!(ran.lines()[0]["bbox"][0].as_f64().unwrap() > 0.5);
    assert!(ran.lines()[0]["provenance"]["detections"].is_null());
}

#[test]
fn detections_beyond_the_limit_are_told() {
    let data = Data::new();
    let ran = data.eval(&["--json", "--limit", "2", "--max-dets", "5"]);
    assert_eq!(ran.code, 0, "{}", ran.err);
    assert!(ran.err.contains("2 of 2 images have more than 5 detections of a class"), "{}", ran.err);
    assert!(ran.err.contains("--max-dets"), "{}", ran.err);
}

#[test]
fn two_runs_do_not_write_the_same_detections() {
    let data = Data::new();
    let journal = fs::File::create(data.path("found.jsonl")).unwrap();
    journal.lock().unwrap();
    let more = ["--save-detections", "found.jsonl"];
    data.eval(&more).fails_with(2, &["found.jsonl is being written by another run"]);
    drop(journal);
    assert_eq!(data.eval(&more).code, 0);
}

/// The lines that runs keep in the cache are enough for intervals.
#[test]
fn runs_of_a_model_are_compared_from_what_they_keep() {
    let data = Data::new();
    for (name, more) in [("low.json", ["--json", "--score", "0.3"]), ("high.json", ["--json", "--score", "0.98"])] {
        fs::write(data.path(name), data.eval(&more).out).unwrap();
    }
    let mut command = vovdet(["eval", "compare", "low.json", "high.json", "--json", "--samples", "16", "--quiet"]);
    command.current_dir(data.folder.path());
    let ran = run(command);
    assert_eq!((ran.code, ran.err.as_str()), (0, ""));
    for kind in ["bbox", "segm"] {
        let recall = &ran.lines()[0][kind][8];
        assert_eq!(recall["figure"], "AR100");
        // All images are the same, so every draw is the data set itself.
        assert!(recall["delta"].as_f64().unwrap() < 0.0 && recall["better"] == 0.0, "{recall}");
        for end in ["low", "high"] {
            assert!((recall[end].as_f64().unwrap() - recall["delta"].as_f64().unwrap()).abs() < 1e-12, "{recall}");
        }
    }
}

#[test]
fn a_later_run_leaves_the_results_of_an_earlier_one_as_they_are() {
    let data = Data::new();
    fs::create_dir(data.path("other")).unwrap();
    for id in [11, 12, 13] {
        image::open(cells()).unwrap().blur(3.0).save(data.path(&format!("other/{id}.png"))).unwrap();
    }
    for (name, more) in
        [("sharp", &["--json"][..]), ("blurred", &["--json", "--images", "other"]), ("again", &["--json"])]
    {
        fs::write(data.path(&format!("{name}.json")), data.eval_of(more).out).unwrap();
    }
    let compare = |a: &str, b: &str| {
        let mut command = vovdet(["eval", "compare", a, b, "--json", "--samples", "16", "--quiet"]);
        command.current_dir(data.folder.path());
        run(command)
    };
    let worse = compare("sharp.json", "blurred.json");
    assert_eq!((worse.code, worse.err.as_str()), (0, ""));
    assert!(worse.lines()[0]["bbox"][0]["high"].as_f64().unwrap() < 0.0, "blurring costs");
    assert_eq!(compare("sharp.json", "again.json").lines()[0]["bbox"][0]["low"], 0.0);
    // A run is not gone on with on other images.
    let kept = data.eval(&["--save-detections", "found.jsonl", "--limit", "1"]);
    assert_eq!(kept.code, 0, "{}", kept.err);
    let other = data.eval_of(&["--images", "other", "--save-detections", "found.jsonl", "--resume"]);
    other.fails_with(2, &["found.jsonl", "another run", "images"]);
}

#[test]
fn nothing_is_written_over_what_is_read() {
    let data = Data::new();
    let text = read(&data.path("instances.json"));
    data.eval(&["--save-detections", "./instances.json"]).fails_with(2, &["--save-detections", "would replace"]);
    for share in ["1/2", "2/2"] {
        let name = format!("{}.json", &share[..1]);
        let ran = data.eval(&["--shard", share, "--json", "--save-detections", &format!("found{name}")]);
        fs::write(data.path(&name), ran.out).unwrap();
    }
    for place in ["instances.json", "./1.json", "found2.json"] {
        let mut command = vovdet(["eval", "merge", "1.json", "2.json", "--save-detections", place]);
        command.current_dir(data.folder.path());
        run(command).fails_with(2, &["--save-detections", "would replace"]);
    }
    assert_eq!(read(&data.path("instances.json")), text);
}

#[test]
fn images_that_are_missing_or_broken_are_left_out_and_told() {
    let data = Data::new();
    fs::remove_file(data.path("images/12.png")).unwrap();
    let bytes = fs::read(cells()).unwrap();
    fs::write(data.path("images/13.png"), &bytes[..bytes.len() / 2]).unwrap();
    let ran = data.eval(&["--json"]);
    assert_eq!(ran.code, 1);
    assert!(ran.err.contains("1 of 3 images are not in images") && ran.err.contains("12.png"), "{}", ran.err);
    assert!(ran.err.contains("13.png") && ran.err.contains("cut short"), "{}", ran.err);
    let report = &ran.lines()[0];
    assert_eq!(report["counts"]["images"], 1);
    assert!(report["bbox"][0].as_f64().unwrap() > 0.9, "images that were not seen do not count as missed");
    fs::write(data.path("a.json"), &ran.out).unwrap();
    let mut command = vovdet(["eval", "compare", "a.json", "a.json", "--json", "--samples", "16", "--quiet"]);
    command.current_dir(data.folder.path());
    let ran = run(command);
    assert_eq!((ran.code, &ran.lines()[0]["bootstrap"]["images"]), (0, &json!(1)), "{}", ran.err);
}

#[test]
fn classes_that_do_not_fit_are_an_error_that_says_which() {
    let data = Data::new();
    let text = read(&data.path("instances.json")).replace("nucleus", "mitochondrion");
    fs::write(data.path("instances.json"), text).unwrap();
    data.eval(&[]).fails_with(2, &["1 classes (2 outputs", "nucleus", "1 categories"]);
    let mut command =
        vovdet(["eval", "coco", "--model", MODEL, "--annotations", "instances.json", "--detections", "x.json"]);
    command.current_dir(data.folder.path());
    run(command).fails_with(2, &["leave out --detections or --model"]);
}

#[test]
fn voc_folders_are_scored_from_their_images() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    for inner in ["Annotations", "JPEGImages", "ImageSets/Main"] {
        fs::create_dir_all(path(inner)).unwrap();
    }
    fs::copy(cells(), path("JPEGImages/a.png")).unwrap();
    fs::write(path("ImageSets/Main/val.txt"), "a\n").unwrap();
    let found: Value = serde_json::from_str(&read(&fixture("nuclei/python_detections.json"))).unwrap();
    let objects = found.as_array().unwrap().iter().filter(|object| object["score"].as_f64().unwrap() > 0.5).map(|object| {
        let [x, y, w, h] = [0, 1, 2, 3].map(|i| object["bbox"][i].as_f64().unwrap());
        format!(
            "<object><name>nucleus</name><bndbox><xmin>{}</xmin><ymin>{}</ymin><xmax>{}</xmax><ymax>{}</ymax></bndbox></object>",
            x + 1.0, y + 1.0, x + w, y + h
        )
    });
    let objects: String = objects.collect();
    fs::write(path("Annotations/a.xml"), format!("<annotation>{objects}</annotation>")).unwrap();
    let voc = |more: &[&str]| {
        let mut command = vovdet(["eval", "voc", "--root", ".", "--iou-threshold", "0.9", "--json"]);
        command.args(more).current_dir(folder.path()).env("XDG_CACHE_HOME", path("cache"));
        run(command)
    };
    let ran = voc(&["--model", MODEL, "--save-detections", "found"]);
    assert_eq!((ran.code, ran.err.as_str()), (0, ""));
    let report = &ran.lines()[0];
    // Objects are Python's detections of these weights, so boxes agree in the same frame to a fraction of a pixel.
    assert!(report["map_area"].as_f64().unwrap() > 0.95, "{report}");
    assert!(path("found/comp4_det_val_nucleus.txt").is_file());
    fs::write(path("result.json"), report.to_string()).unwrap();
    fs::write(path("kept.json"), voc(&["--model", MODEL]).out).unwrap();
    let mut command = vovdet(["eval", "compare", "result.json", "kept.json", "--json", "--samples", "8", "--quiet"]);
    command.current_dir(folder.path());
    let compared = run(command);
    assert_eq!((compared.code, compared.err.as_str()), (0, ""), "a folder and kept lines are read");
    assert_eq!(compared.lines()[0]["voc"][1]["high"], 0.0);
    let saved = voc(&["--detections", "found"]).lines().remove(0);
    assert_eq!((&saved["map_2007"], &saved["per_class"]), (&report["map_2007"], &report["per_class"]));
}
