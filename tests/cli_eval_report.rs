//! `vovdet eval --report`: what the page says, against `--json`, against tidecv 1.0.1, and against figures worked out by
//! hand. How it looks and behaves is seen by a real browser: `report_in_chromium.py`.
#![allow(clippy::unwrap_used)]

mod cli_support;
use cli_support::{Ran, fixture, run, vovdet};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

/// The data inside a page.
fn data(folder: &Path) -> Value {
    let text = fs::read_to_string(folder.join("index.html")).unwrap();
    let (_, after) = text.split_once("type=\"application/json\">").unwrap();
    serde_json::from_str(after.split_once("</script>").unwrap().0).unwrap()
}

fn coco(annotations: &Path, detections: &Path, report: &Path, more: &[&str]) -> Ran {
    let mut command = vovdet(["eval", "coco", "--json", "--annotations"]);
    command.arg(annotations).arg("--detections").arg(detections).arg("--report").arg(report).args(more);
    run(command)
}

/// Errors by kind.
type Tally = BTreeMap<String, u64>;

/// The kinds of TIDE, in the order of its paper.
fn tally(counts: [u64; 6]) -> Tally {
    let kinds = ["wrong_class", "location", "class_and_location", "duplicate", "background", "missed"];
    kinds.iter().map(|kind| (*kind).to_owned()).zip(counts).collect()
}

/// The counts are those of tidecv 1.0.1 (`TIDE().evaluate_range(..., thresholds=[.5])`) on the same two files.
#[test]
fn errors_are_counted_as_tidecv_counts_them() {
    let folder = tempfile::tempdir().unwrap();
    let here = fixture("eval/val2014_100");
    for (results, view, expected) in [("bbox", 0, [83, 1, 0, 1, 0, 97]), ("segm", 1, [76, 82, 7, 0, 4, 109])] {
        let ran = coco(
            &here.join("instances_val2014_100.json"),
            &here.join(format!("instances_val2014_fake{results}100_results.json")),
            folder.path(),
            &["--report-images", "100"],
        );
        assert_eq!(ran.code, 0, "{}", ran.err);
        let page = data(folder.path());
        let view = &page["views"][view];
        let errors = view["errors"].as_array().unwrap();
        let found = errors.iter().map(|e| (e["kind"].as_str().unwrap().to_owned(), e["count"].as_u64().unwrap()));
        assert_eq!(found.collect::<Tally>(), tally(expected));
        // The gallery says of every detection which kind it is, on its own.
        let mut drawn = tally([0; 6]);
        for mark in view["gallery"].as_array().unwrap().iter().flat_map(|item| item["detections"].as_array().unwrap()) {
            if let Some(count) = drawn.get_mut(mark["kind"].as_str().unwrap()) {
                *count += 1;
            }
        }
        drawn.insert("missed".into(), expected[5]);
        assert_eq!(drawn, tally(expected));
    }
}

/// Beside a crowd: tidecv 1.0.1 says one background error of the second detection, a quarter of which lies in the crowd.
#[test]
fn a_crowd_is_nothing_that_a_detection_could_have_found() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let object = |id: u64, bbox: [u64; 4], crowd: u64| json!({"id": id, "image_id": 1, "category_id": 1, "bbox": bbox, "area": bbox[2] * bbox[3], "iscrowd": crowd});
    let truth = json!({
        "images": [{"id": 1, "file_name": "a.jpg", "width": 200, "height": 200}],
        "categories": [{"id": 1, "name": "cat"}],
        "annotations": [object(1, [0, 0, 50, 50], 0), object(2, [100, 100, 60, 60], 1)],
    });
    let found = |bbox: [u64; 4], score: f64| json!({"image_id": 1, "category_id": 1, "bbox": bbox, "score": score});
    fs::write(folder.join("truth.json"), truth.to_string()).unwrap();
    let results = json!([found([0, 0, 50, 50], 0.9), found([130, 130, 60, 60], 0.8)]);
    fs::write(folder.join("found.json"), results.to_string()).unwrap();
    let ran = coco(&folder.join("truth.json"), &folder.join("found.json"), &folder.join("page"), &[]);
    assert_eq!(ran.code, 0, "{}", ran.err);
    let view = &data(&folder.join("page"))["views"][0];
    let counts = view["errors"].as_array().unwrap().iter();
    let counts = counts.map(|e| (e["kind"].as_str().unwrap().to_owned(), e["count"].as_u64().unwrap()));
    assert_eq!(counts.collect::<Tally>(), tally([0, 0, 0, 0, 1, 0]));
}

#[test]
fn the_page_has_the_figures_of_json() {
    let folder = tempfile::tempdir().unwrap();
    let here = fixture("eval/val2014_100");
    let annotations = here.join("instances_val2014_100.json");
    let ran = coco(&annotations, &here.join("instances_val2014_fakesegm100_results.json"), folder.path(), &[]);
    let report = ran.lines().remove(0);
    let page = data(folder.path());
    assert_eq!(page["counts"], json!([["images", 100], ["objects", 830], ["crowds", 9], ["detections", 734]]));
    let close = |found: &Value, expected: &Value| match (found.as_f64(), expected.as_f64().unwrap()) {
        (None, expected) => assert_eq!(expected, -1.0),
        (Some(found), expected) => assert!((found - expected).abs() < 1e-5, "{found} {expected}"),
    };
    for (kind, view) in ["bbox", "segm"].iter().zip(page["views"].as_array().unwrap()) {
        for (figure, expected) in view["headline"].as_array().unwrap().iter().zip(report[kind].as_array().unwrap()) {
            close(&figure["value"], expected);
        }
        // Precision-recall curves enclose the average precisions that pycocotools gives: of all classes and of each.
        let curves = view["curves"].as_array().unwrap();
        assert_eq!(curves.len(), 81);
        let classes =
            page["classes"].as_array().unwrap().iter().map(|name| &report["per_class"][name.as_str().unwrap()]);
        for (curve, figures) in curves.iter().zip([&report].into_iter().chain(classes)) {
            for (line, at) in curve["lines"].as_array().unwrap().iter().zip([1, 2, 0]) {
                close(&line["ap"], &figures[kind][at]);
                let points = line["points"].as_array().unwrap();
                assert!(points.len() == 101 || line["ap"].is_null());
            }
        }
        for (bar, at) in view["by_size"].as_array().unwrap().iter().zip(3..) {
            close(&bar["ap"], &report[kind][at]);
            close(&bar["ar"], &report[kind][at + 6]);
        }
        close(&view["by_iou"][0][1], &report[kind][1]);
        close(&view["by_iou"][5][1], &report[kind][2]);
    }
}

/// Four images of which everything is known.
fn by_hand(folder: &Path) {
    let (left, right) = ([10, 10, 50, 60], [90, 30, 50, 60]);
    let objects = [(1, 1, left), (1, 2, right), (2, 2, left), (3, 1, left), (4, 3, left)];
    let found = [
        (1, 1, left, 0.9),
        (2, 1, left, 0.8),
        (3, 1, left, 0.7),
        (3, 1, [12, 12, 50, 60], 0.6),
        (4, 3, left, 0.95),
        (4, 3, right, 0.85),
    ];
    let object = |(id, (image, class, bbox)): (usize, (u64, u64, [u64; 4]))| json!({"id": id + 1, "image_id": image, "category_id": class, "bbox": bbox, "area": bbox[2] * bbox[3], "iscrowd": 0});
    let result = |(image, class, bbox, score): (u64, u64, [u64; 4], f64)| json!({"image_id": image, "category_id": class, "bbox": bbox, "score": score});
    let image = |id: u64| json!({"id": id, "file_name": format!("{id}.ppm"), "width": 160, "height": 120});
    let category = |(id, name): (u64, &str)| json!({"id": id, "name": name});
    let categories = [(1, "cat"), (2, "dog"), (3, "owl")];
    let truth = json!({
        "images": (1..=4).map(image).collect::<Vec<_>>(),
        "categories": categories.map(category),
        "annotations": objects.into_iter().enumerate().map(object).collect::<Vec<_>>(),
    });
    fs::write(folder.join("truth.json"), truth.to_string()).unwrap();
    fs::write(folder.join("found.json"), Value::from_iter(found.map(result)).to_string()).unwrap();
}

/// By hand: the detections in the order of their scores are right, right, wrong, wrong, right, wrong, and there are five
/// objects, so F1 is 2/6, 4/7, 4/8, 4/9, 6/10, 6/11 and best at a score of 0.7.
#[test]
fn what_explains_the_errors_is_right_on_a_small_case() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    by_hand(folder);
    let ran = coco(&folder.join("truth.json"), &folder.join("found.json"), &folder.join("page"), &[]);
    assert_eq!(ran.code, 0, "{}", ran.err);
    let view = &data(&folder.join("page"))["views"][0];
    assert_eq!(view["operating_point"], 0.7);
    // From 0.7 on: two cats and an owl are found, a dog is taken for a cat, one is not found, an owl is made up.
    assert_eq!(view["confusion"]["rows"], json!([[2, 0, 0, 0], [1, 0, 0, 1], [0, 0, 1, 0], [0, 0, 1, 0]]));
    // Tenths of the scores: 0.6 wrong, 0.7 right, 0.8 and 0.85 wrong, 0.9 and 0.95 right.
    let ece = (0.6 + 0.3 + 2.0 * 0.825 + 2.0 * 0.075) / 6.0;
    assert!((view["calibration"]["Ok"]["ece"].as_f64().unwrap() - ece).abs() < 1e-4);
    // Lost: 1 + 0.8 in the second image, 1 in the first, 0.85 in the fourth, and 0.6 below that score in the third.
    let order = view["gallery"].as_array().unwrap().iter().map(|item| item["picture"].as_u64().unwrap());
    assert_eq!(order.collect::<Vec<_>>(), [1, 0, 3, 2]);
}

#[test]
fn images_that_are_not_there_leave_a_canvas_and_a_word() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    by_hand(folder);
    fs::create_dir(folder.join("images")).unwrap();
    let picture = [&b"P6 160 120 255\n"[..], &[90; 160 * 120 * 3]].concat();
    fs::write(folder.join("images/1.ppm"), &picture).unwrap();
    fs::write(folder.join("images/2.ppm"), &picture[..500]).unwrap();
    let images = folder.join("images");
    let ran = coco(
        &folder.join("truth.json"),
        &folder.join("found.json"),
        &folder.join("page"),
        &["--images", images.to_str().unwrap()],
    );
    assert_eq!(ran.code, 0, "{}", ran.err);
    for file in ["2.ppm", "3.ppm", "4.ppm"] {
        assert!(ran.err.lines().any(|line| line.contains(file)), "{}", ran.err);
    }
    let page = data(&folder.join("page"));
    let uris: Vec<bool> = page["pictures"].as_array().unwrap().iter().map(|p| p["uri"].is_string()).collect();
    assert_eq!(uris, [true, false, false, false]);
    assert_eq!(page["pictures"][1]["size"], json!([160, 120]));
}

/// A mask says what size its image has; nothing of that size is made.
#[test]
fn a_mask_of_an_impossible_size_is_not_drawn() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    by_hand(folder);
    let mask = json!({"size": [4_000_000_000u64, 4_000_000_000u64], "counts": [0, 3_000_000_000u64, 1_000_000_000]});
    let found = json!([{"image_id": 1, "category_id": 1, "score": 0.9, "segmentation": mask}]);
    fs::write(folder.join("found.json"), found.to_string()).unwrap();
    let more = ["--iou", "bbox", "--report-images", "9"];
    let ran = coco(&folder.join("truth.json"), &folder.join("found.json"), &folder.join("page"), &more);
    assert!(ran.code == 0 && !ran.err.contains("panicked"), "{} {}", ran.code, ran.err);
    assert!(ran.err.contains("1 masks have another size than their image"), "{}", ran.err);
    assert_eq!(data(&folder.join("page"))["counts"][2], json!(["detections", 1]));
}

/// An image that is listed twice is one image, and none that was left out.
#[test]
fn an_image_that_is_listed_twice_is_not_missed() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    by_hand(folder);
    let path = folder.join("truth.json");
    let mut truth: Value = serde_json::from_str(&fs::read_to_string(&path).unwrap()).unwrap();
    let again = truth["images"][0].clone();
    truth["images"].as_array_mut().unwrap().push(again);
    fs::write(&path, truth.to_string()).unwrap();
    let ran = coco(&path, &folder.join("found.json"), &folder.join("page"), &["--limit", "9"]);
    assert_eq!((ran.code, &ran.lines()[0]["counts"]["images"]), (0, &json!(4)), "{}", ran.err);
    let page = data(&folder.join("page"));
    let notes = page["notes"].as_array().unwrap();
    assert!(notes.iter().all(|note| !note.as_str().unwrap().contains("left out")), "{notes:?}");
}

#[test]
fn figures_are_told_even_when_the_page_fails() {
    let folder = tempfile::tempdir().unwrap();
    by_hand(folder.path());
    let [truth, found] = ["truth.json", "found.json"].map(|name| folder.path().join(name));
    fs::create_dir_all(folder.path().join("page/index.html")).unwrap();
    let ran = coco(&truth, &found, &folder.path().join("page"), &[]);
    ran.fails_with(1, &["--report", "index.html"]);
    assert!(ran.lines()[0]["bbox"][0].as_f64().unwrap() > 0.0);
    // What is refused leaves nothing.
    let ran = coco(&truth, &folder.path().join("none.json"), &folder.path().join("other"), &[]);
    ran.fails_with(2, &["none.json"]);
    assert!(!folder.path().join("other").exists());
}

#[test]
fn a_place_for_no_page_is_refused_before_the_work() {
    let folder = tempfile::tempdir().unwrap();
    by_hand(folder.path());
    let [truth, found] = ["truth.json", "found.json"].map(|name| folder.path().join(name));
    let ran = coco(&truth, &found, &truth, &[]);
    ran.fails_with(2, &["--report", "truth.json"]);
    assert_eq!(ran.out, "");
    let mut command = vovdet(["eval", "coco", "--report-images", "3", "--annotations"]);
    command.arg(&truth).arg("--detections").arg(&found);
    assert_eq!(run(command).code, 2);
}

#[test]
fn a_voc_page_has_vocs_figures() {
    let folder = tempfile::tempdir().unwrap();
    let mut command = vovdet(["eval", "voc", "--json", "--root"]);
    command.arg(fixture("eval/padilla/groundtruths")).arg("--detections").arg(fixture("eval/padilla/detections"));
    command.arg("--iou-threshold").arg("0.3").arg("--report").arg(folder.path());
    let ran = run(command);
    assert_eq!(ran.code, 0, "{}", ran.err);
    let report = ran.lines().remove(0);
    let page = data(folder.path());
    let view = &page["views"][0];
    for (index, name) in [(0, "map_2007"), (1, "map_area")] {
        let (shown, figure) = (view["headline"][index]["value"].as_f64().unwrap(), report[name].as_f64().unwrap());
        assert!((shown - figure).abs() < 1e-5, "{name}");
    }
    // Its images have no sizes and no files; boxes lie on a canvas that holds them.
    let [width, height] = [0, 1].map(|side| page["pictures"][0]["size"][side].as_f64().unwrap());
    let marks = view["gallery"][0]["objects"].as_array().unwrap();
    let inside = |m: &Value| m["bbox"][0].as_f64().unwrap() + m["bbox"][2].as_f64().unwrap() <= width + 1.0;
    assert!(!marks.is_empty() && marks.iter().all(inside) && height > 1.0);
}

/// Sorting, filtering, keyboard, colours, a phone's width; says why when there is no browser.
#[test]
fn the_page_works_in_a_real_browser() {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/report_in_chromium.py");
    let mut command = assert_cmd::Command::new("python3");
    let ran = run({
        command.arg("-B").arg(script).arg(env!("CARGO_BIN_EXE_vovdet"));
        command
    });
    println!("{}{}", ran.out, ran.err);
    assert_eq!(ran.code, 0, "{}{}", ran.out, ran.err);
    assert!(ran.out.ends_with("all is well\n") || ran.out.starts_with("skipped"), "{}", ran.out);
}
