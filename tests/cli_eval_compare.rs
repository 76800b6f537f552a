//! `vovdet eval compare`: differences, their intervals, and what is refused. Where the fixtures come from:
//! `fixtures/eval/SOURCE.txt`.
#![allow(clippy::unwrap_used)]

mod cli_support;
use cli_support::{Ran, fixture, run, vovdet};
use serde_json::{Value, json};
use std::fs;
use std::path::{Path, PathBuf};
use tempfile::TempDir;

const FIGURES: [&str; 12] = ["AP", "AP50", "AP75", "APs", "APm", "APl", "AR1", "AR10", "AR100", "ARs", "ARm", "ARl"];

fn read(path: &Path) -> Value {
    serde_json::from_str(&fs::read_to_string(path).unwrap()).unwrap()
}

/// A folder with results in it.
struct Folder(TempDir);

impl Folder {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn write(&self, name: &str, content: &str) {
        fs::create_dir_all(self.path(name).parent().unwrap()).unwrap();
        fs::write(self.path(name), content).unwrap();
    }

    fn run(&self, words: &[&str]) -> Ran {
        let mut command = vovdet(words);
        command.current_dir(self.0.path());
        run(command)
    }

    /// Writes the result of an evaluation and answers it.
    #[track_caller]
    fn eval(&self, name: &str, words: &[&str]) -> Value {
        let ran = self.run(&[&["eval"], words, &["--json"]].concat());
        assert_eq!(ran.code, 0, "{}", ran.err);
        self.write(name, &ran.out);
        ran.lines().remove(0)
    }

    fn compare(&self, words: &[&str]) -> Ran {
        self.run(&[&["eval", "compare"], words].concat())
    }

    #[track_caller]
    fn compared(&self, words: &[&str]) -> Value {
        let ran = self.compare(&[words, &["--json", "--quiet"]].concat());
        assert_eq!((ran.code, ran.err.as_str()), (0, ""));
        ran.lines().remove(0)
    }
}

/// The demo of the COCO API: `a.json` of its detections, `b.json` of every third left out.
fn demo() -> Folder {
    let folder = Folder::new();
    let data = fixture("eval/val2014_100");
    fs::copy(data.join("instances_val2014_100.json"), folder.path("truth.json")).unwrap();
    let found = read(&data.join("instances_val2014_fakebbox100_results.json"));
    folder.write("found_a.json", &found.to_string());
    let some: Vec<_> =
        found.as_array().unwrap().iter().enumerate().filter(|(i, _)| i % 3 > 0).map(|(_, d)| d).collect();
    folder.write("found_b.json", &json!(some).to_string());
    for letter in ["a", "b"] {
        folder.eval(&format!("{letter}.json"), &coco(&format!("found_{letter}.json"), &[]));
    }
    folder
}

fn coco<'a>(detections: &'a str, more: &[&'a str]) -> Vec<&'a str> {
    [&["coco", "--annotations", "truth.json", "--detections", detections], more].concat()
}

#[track_caller]
fn close(found: &Value, expected: &Value, where_: &str) {
    let (found, expected) = (found.as_f64(), expected.as_f64());
    assert!((found.unwrap() - expected.unwrap()).abs() < 1e-12, "{where_}: {found:?} and {expected:?}");
}

/// Of a list of figures: values as the result says them, differences of these, intervals as numpy says them.
fn check(figures: &Value, names: &[&str], a: &[Value], b: &[Value], intervals: &Value, place: &str) -> usize {
    let none = |value: &Value| value.is_null() || *value == -1.0;
    let figures = figures.as_array().unwrap();
    assert_eq!(figures.iter().map(|figure| figure["figure"].as_str().unwrap()).collect::<Vec<_>>(), names);
    let mut compared = 0;
    for (i, figure) in figures.iter().enumerate() {
        let place = format!("{} of {place}", names[i]);
        for (value, said) in [(&figure["a"], &a[i]), (&figure["b"], &b[i])] {
            assert!(value == said || none(value) && none(said), "{place}: {value} and {said}");
        }
        if none(&a[i]) {
            assert!(figure["delta"].is_null() && figure["low"].is_null(), "{place}: {figure}");
            continue;
        }
        close(&figure["delta"], &json!(b[i].as_f64().unwrap() - a[i].as_f64().unwrap()), &place);
        for (key, value) in ["low", "high", "better", "samples"].iter().zip(intervals[i].as_array().unwrap()) {
            close(&figure[key], value, &format!("{key} of {place}"));
        }
        compared += 1;
    }
    compared
}

/// pycocotools and numpy on data sets in which drawn images are really copied.
#[test]
fn intervals_are_those_of_a_bootstrap_that_copies_images() {
    let mut compared = 0;
    for seed in ["1", "3", "9"] {
        let case = read(&fixture(&format!("eval/compare/{seed}.json")));
        let [samples, start, confidence] = ["samples", "seed", "confidence"].map(|key| case[key].to_string());
        let more = ["--samples", &samples, "--seed", &start, "--confidence", &confidence];
        let folder = Folder::new();

        let data = &case["coco"];
        folder.write("truth.json", &data["truth"].to_string());
        let intervals = data["intervals"].as_object().unwrap();
        let iou = ["--iou", if intervals.len() == 2 { "both" } else { "bbox" }];
        let [a, b] = ["a", "b"].map(|letter| {
            folder.write(&format!("found_{letter}.json"), &data[letter].to_string());
            folder.eval(&format!("{letter}.json"), &coco(&format!("found_{letter}.json"), &iou))
        });
        let found = folder.compared(&[&["a.json", "b.json"], &more[..]].concat());
        assert_eq!(found["bootstrap"]["images"], data["truth"]["images"].as_array().unwrap().len());
        for (kind, intervals) in intervals {
            for (class, intervals) in intervals.as_object().unwrap() {
                let of = |report: &Value| match class.as_str() {
                    "" => report[kind].clone(),
                    name => report["per_class"][name][kind].clone(),
                };
                let [a, b] = [&a, &b].map(|report| of(report).as_array().unwrap().clone());
                let place = format!("{kind} of `{class}` of {seed}");
                compared += check(&of(&found), &FIGURES, &a, &b, intervals, &place);
            }
        }

        for (name, content) in case["voc"]["files"].as_object().unwrap() {
            folder.write(name, content.as_str().unwrap());
        }
        let [a, b] = ["a", "b"].map(|letter| {
            let result = format!("{letter}_voc.json");
            folder.eval(&result, &["voc", "--root", "VOC", "--split", "test", "--detections", letter])
        });
        let found = folder.compared(&[&["a_voc.json", "b_voc.json"], &more[..]].concat());
        for (class, intervals) in case["voc"]["intervals"]["voc"].as_object().unwrap() {
            let names = if class.is_empty() { ["map_2007", "map_area"] } else { ["ap_2007", "ap_area"] };
            let of =
                |report: &Value| if class.is_empty() { report.clone() } else { report["per_class"][class].clone() };
            let [a, b] = [&a, &b].map(|report| names.map(|name| of(report)[name].clone()));
            compared += check(&of(&found)["voc"], &names, &a, &b, intervals, &format!("`{class}` of {seed}"));
        }
    }
    assert!(compared > 100, "{compared} intervals");
}

#[test]
fn a_result_does_not_differ_from_itself() {
    let folder = demo();
    let found = folder.compared(&["a.json", "a.json", "--samples", "20"]);
    let classes = found["per_class"].as_object().unwrap().values().map(|class| &class["bbox"]);
    let mut compared = 0;
    for figure in classes.chain([&found["bbox"]]).flat_map(|figures| figures.as_array().unwrap()) {
        if !figure["low"].is_null() {
            let zero = [&figure["delta"], &figure["low"], &figure["high"]].iter().all(|value| **value == json!(0.0));
            assert!(zero && figure["better"] == 0.5, "{figure}");
            compared += 1;
        }
    }
    assert!(compared > 100);
    assert!(folder.compare(&["a.json", "a.json", "--samples", "20"]).out.contains("none differs"));
}

#[test]
fn a_seed_gives_the_same_intervals_on_any_number_of_threads() {
    let folder = demo();
    let with = |seed: &str, threads: &str| {
        let mut command = vovdet(["eval", "compare", "a.json", "b.json", "--json", "--samples", "33", "--seed", seed]);
        command.current_dir(folder.0.path()).env("RAYON_NUM_THREADS", threads);
        run(command).out
    };
    assert_eq!(with("5", "1"), with("5", "3"));
    assert_ne!(with("5", "1"), with("6", "1"));
}

#[test]
fn a_loss_of_a_third_of_the_detections_is_marked_and_its_classes_are_shown() {
    let folder = demo();
    let ran = folder.compare(&["a.json", "b.json", "--samples", "200"]);
    assert_eq!((ran.code, ran.err.as_str()), (0, ""));
    let line = |name: &str| ran.out.lines().find(|line| line.starts_with(name)).map(str::to_owned);
    assert!(line("AR100 ").unwrap().contains("] *") && line("person ").unwrap().contains("] *"), "{}", ran.out);
    // Three classes have objects in ten images or more; no other can be marked.
    let shown = |text: &str| text.lines().skip_while(|line| !line.starts_with("class ")).skip(1).count();
    assert!((1..=3).contains(&shown(&ran.out)), "{}", ran.out);
    let all = folder.compare(&["a.json", "b.json", "--samples", "0", "--per-class"]);
    assert_eq!(shown(&all.out), 80);
    assert!(!all.out.contains('[') && all.err.is_empty(), "no intervals were asked for");
    let most = folder.compare(&["a.json", "b.json", "--samples", "0"]);
    let changes: Vec<f64> = most
        .out
        .lines()
        .rev()
        .take(10)
        .map(|line| line.split_whitespace().rev().nth(3).unwrap().parse().unwrap())
        .collect();
    assert!(changes.is_sorted_by(|a, b| a >= b), "the largest loss first: {}", most.out);
}

#[test]
fn results_of_other_data_or_options_are_refused_with_what_differs() {
    let folder = demo();
    let refused = |more: &[&str], words: &[&str]| {
        folder.eval("other.json", &coco("found_a.json", more));
        let words = [&["a.json and other.json cannot be compared", "differ in their"], words].concat();
        folder.compare(&["a.json", "other.json"]).fails_with(2, &words);
    };
    refused(&["--max-dets", "10"], &["most detections", "[1, 10, 100] and [1, 10, 10]"]);
    refused(&["--limit", "50"], &["images (100 and 50, the first 50)"]);
    refused(&["--classes", "person"], &["classes", "80 in all and person"]);
    refused(&["--min-score", "0.5"], &["--min-score"]);
    refused(&["--mask-areas"], &["--mask-areas"]);
    let mut truth = read(&folder.path("truth.json"));
    truth["info"] = json!({"description": "another"});
    folder.write("truth.json", &truth.to_string());
    refused(&[], &["annotations", "truth.json, sha256"]);
}

#[test]
fn coco_is_not_compared_with_voc_nor_boxes_with_masks() {
    let folder = demo();
    let data = fixture("eval/padilla");
    let [root, found] = ["groundtruths", "detections"].map(|name| data.join(name).to_str().unwrap().to_owned());
    folder.eval("voc.json", &["voc", "--root", &root, "--detections", &found]);
    folder.compare(&["a.json", "voc.json"]).fails_with(2, &["a.json has figures of COCO and voc.json of VOC"]);
    folder.eval("low.json", &["voc", "--root", &root, "--detections", &found, "--iou-threshold", "0.3"]);
    folder.compare(&["voc.json", "low.json"]).fails_with(2, &["--iou-threshold (0.5 and 0.3)"]);
    let masks = fixture("eval/val2014_100/instances_val2014_fakesegm100_results.json");
    let masks = masks.to_str().unwrap();
    folder.eval("masks.json", &coco(masks, &["--iou", "segm"]));
    folder.compare(&["a.json", "masks.json"]).fails_with(2, &["one has figures of boxes, the other of masks"]);
    folder.eval("both.json", &coco(masks, &[]));
    let ran = folder.compare(&["a.json", "both.json", "--json", "--samples", "100"]);
    assert!(ran.err.starts_with("segm: only one of the results has these figures"), "{}", ran.err);
    assert!(ran.lines()[0]["segm"].is_null() && ran.lines()[0]["bbox"][0]["low"].is_number());
}

#[test]
fn without_the_detections_there_are_differences_alone() {
    let folder = demo();
    let whole = folder.compared(&["a.json", "b.json", "--samples", "10"]);
    fs::create_dir(folder.path("kept")).unwrap();
    fs::rename(folder.path("found_b.json"), folder.path("kept/found_b.json")).unwrap();
    let without = |words: &[&str]| {
        let ran = folder.compare(&["a.json", "b.json", "--json"]);
        assert_eq!(ran.code, 0);
        assert!(
            ran.err.starts_with("no intervals: b.json") && words.iter().all(|w| ran.err.contains(w)),
            "{}",
            ran.err
        );
        let found = ran.lines().remove(0);
        assert!(found["bootstrap"].is_null() && found["no_intervals"].is_string());
        for (figure, with) in found["bbox"].as_array().unwrap().iter().zip(whole["bbox"].as_array().unwrap()) {
            assert!(figure["delta"] == with["delta"] && figure["low"].is_null(), "{figure}");
        }
    };
    without(&["found_b.json, which are not there any more", "--save-detections"]);
    // Beside the result they are found again.
    fs::copy(folder.path("b.json"), folder.path("kept/b.json")).unwrap();
    assert_eq!(folder.compared(&["a.json", "kept/b.json", "--samples", "10"])["bbox"], whole["bbox"]);
    // Even when another file has taken their place since.
    folder.write("found_b.json", "[]");
    assert_eq!(folder.compared(&["a.json", "kept/b.json", "--samples", "10"])["bbox"], whole["bbox"]);
    fs::remove_file(folder.path("found_b.json")).unwrap();
    let mut report = read(&folder.path("b.json"));
    report["provenance"].as_object_mut().unwrap().remove("detections");
    folder.write("b.json", &report.to_string());
    without(&["names no detections", "--save-detections"]);
}

/// pycocotools' figures of a class do not depend on how often it is asked for.
#[test]
fn classes_that_are_named_twice_count_once() {
    let folder = demo();
    let found = fixture("eval/val2014_100/instances_val2014_fakebbox100_results.json");
    let found = found.to_str().unwrap();
    folder.eval("once.json", &coco(found, &["--classes", "person,car"]));
    folder.eval("twice.json", &coco(found, &["--classes", "person,1,car,Person"]));
    assert_eq!(read(&folder.path("once.json"))["bbox"], read(&folder.path("twice.json"))["bbox"]);
    let compared = folder.compared(&["twice.json", "once.json", "--samples", "10"]);
    assert_eq!((&compared["bbox"][0]["low"], &compared["bbox"][0]["high"]), (&json!(0.0), &json!(0.0)));
}

#[test]
fn detections_that_have_changed_are_an_error() {
    let folder = demo();
    folder.write("found_b.json", "[]");
    folder.compare(&["a.json", "b.json"]).fails_with(2, &["found_b.json has changed since b.json was made from it"]);
    // A folder's hash is over its text files.
    let data = fixture("eval/padilla");
    fs::create_dir(folder.path("found")).unwrap();
    for entry in fs::read_dir(data.join("detections")).unwrap() {
        let path = entry.unwrap().path();
        fs::copy(&path, folder.path("found").join(path.file_name().unwrap())).unwrap();
    }
    let root = data.join("groundtruths");
    folder.eval(
        "voc.json",
        &["voc", "--root", root.to_str().unwrap(), "--detections", "found", "--iou-threshold", "0.3"],
    );
    assert!(folder.compared(&["voc.json", "voc.json"])["voc"][0]["low"].is_number());
    fs::remove_file(folder.path("found/00001.txt")).unwrap();
    fs::remove_file(folder.path("found/00003.txt")).unwrap();
    folder.compare(&["voc.json", "voc.json"]).fails_with(2, &["found has changed since voc.json was made from it"]);
}

/// Category ids of COCO results on a VOC folder with classes of its own mean what was said of them.
#[test]
fn class_names_that_were_given_are_known_again() {
    let folder = Folder::new();
    folder.write("own/a.txt", "blob 10 10 20 20\n");
    folder.write("own/b.txt", "blob 10 10 20 20\nspot 50 50 9 9\n");
    let found = |score: f64| json!({"image_id": "b", "category_id": 2, "bbox": [9, 9, 21, 21], "score": score});
    folder.write("found.json", &json!([found(0.5)]).to_string());
    folder.write("names.txt", "spot\nblob\n");
    let words = ["voc", "--root", "own", "--detections", "found.json", "--class-names", "names.txt"];
    let report = folder.eval("a.json", &words);
    let compared = folder.compared(&["a.json", "a.json", "--samples", "64"]);
    // Half of the blobs are found.
    assert_eq!(
        (&report["per_class"]["blob"]["ap_area"], &report["per_class"]["spot"]["ap_area"]),
        (&json!(0.5), &json!(0.0))
    );
    let blob = &compared["per_class"]["blob"]["voc"][1];
    assert_eq!((&blob["a"], &blob["samples"], &blob["images"]), (&json!(0.5), &json!(64), &json!(2)));
    // Draws of the other image alone have no spot.
    assert!(compared["per_class"]["spot"]["voc"][1]["samples"].as_u64().unwrap() < 64);
}

#[test]
fn what_is_no_result_is_refused_in_one_sentence() {
    let folder = demo();
    for (text, word) in [
        ("", "is no result of `vovdet eval --json`"),
        ("x", "is no result of `vovdet eval --json`"),
        ("{\"bbox\": {\"AP\": 0.4}}", "is no result of `vovdet eval --json`"),
        ("[]", "detections are to be scored first"),
    ] {
        folder.write("other.json", text);
        folder.compare(&["a.json", "other.json"]).fails_with(2, &["other.json", word]);
        folder.compare(&["other.json", "a.json"]).fails_with(2, &["other.json", word]);
    }
    folder.compare(&[".", "a.json"]).fails_with(2, &[".: Is a directory"]);
    folder.compare(&["a.json", "gone.json"]).fails_with(2, &["gone.json: No such file"]);
    for bad in ["95", "0", "1", "nan", "-0.5"] {
        let ran = folder.compare(&["a.json", "b.json", &format!("--confidence={bad}")]);
        assert!(ran.code == 2 && ran.err.contains("a number between 0 and 1, such as 0.95"), "{}", ran.err);
    }
}
