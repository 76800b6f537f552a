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
    // Whole rows are 2 cats, 2 dogs, 1 owl, 1 detection where nothing is; of all objects one dog is not detected.
    assert_eq!(view["confusion"]["row_totals"], json!([2, 2, 1, 1]));
    assert_eq!(view["confusion"]["not_detected"], 1);
    // Tenths of the scores: 0.6 wrong, 0.7 right, 0.8 and 0.85 wrong, 0.9 and 0.95 right.
    let ece = (0.6 + 0.3 + 2.0 * 0.825 + 2.0 * 0.075) / 6.0;
    assert!((view["calibration"]["Ok"]["ece"].as_f64().unwrap() - ece).abs() < 1e-4);
    // Lost: 1 + 0.8 in the second image, 1 in the first, 0.85 in the fourth, and 0.6 below that score in the third.
    let order = view["gallery"].as_array().unwrap().iter().map(|item| item["picture"].as_u64().unwrap());
    assert_eq!(order.collect::<Vec<_>>(), [1, 0, 3, 2]);
}

/// By hand, as above: of cats, the detections are right at 0.9, wrong at 0.8, right at 0.7, wrong at 0.6, of two objects; of
/// owls right at 0.95 and wrong at 0.85, of one; dogs are never detected.
#[test]
fn detections_are_counted_by_score() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    by_hand(folder);
    let ran = coco(&folder.join("truth.json"), &folder.join("found.json"), &folder.join("page"), &[]);
    assert_eq!(ran.code, 0, "{}", ran.err);
    let thresholds = &data(&folder.join("page"))["views"][0]["thresholds"];
    let scores: Vec<f64> = thresholds["scores"].as_array().unwrap().iter().map(|s| s.as_f64().unwrap()).collect();
    assert_eq!((scores.len(), scores[0], scores[60], scores[100]), (101, 0.0, 0.6, 1.0));
    let [all, cat, dog, owl] = [0, 1, 2, 3].map(|index| &thresholds["curves"][index]);
    for (curve, class, objects, best) in [
        (all, json!(null), 5, json!({"score": 0.7, "correct": 3, "wrong": 2})),
        (cat, json!(0), 2, json!({"score": 0.7, "correct": 2, "wrong": 1})),
        (dog, json!(1), 2, json!({"score": 0.0, "correct": 0, "wrong": 0})),
        (owl, json!(2), 1, json!({"score": 0.95, "correct": 1, "wrong": 0})),
    ] {
        assert_eq!((&curve["class"], &curve["objects"], &curve["best"]), (&class, &json!(objects), &best));
    }
    // A detection counts at its own score, and no longer above it.
    for (curve, at, correct, wrong) in [
        (all, 0, 3, 3),
        (all, 70, 3, 2),
        (all, 71, 2, 2),
        (all, 95, 1, 0),
        (all, 96, 0, 0),
        (cat, 80, 1, 1),
        (dog, 0, 0, 0),
    ] {
        assert_eq!((&curve["correct"][at], &curve["wrong"][at]), (&json!(correct), &json!(wrong)), "{at}");
    }
}

/// The images of a cell follow from pairs that are matched here; the matrix is hotcoco's own. Images without any error
/// are not in the gallery, so the diagonal is left out.
#[test]
fn what_the_gallery_pairs_is_what_the_confusion_matrix_counts() {
    let folder = tempfile::tempdir().unwrap();
    let here = fixture("eval/val2014_100");
    for (results, view) in [("bbox", 0), ("segm", 1)] {
        let ran = coco(
            &here.join("instances_val2014_100.json"),
            &here.join(format!("instances_val2014_fake{results}100_results.json")),
            folder.path(),
            &["--report-images", "100"],
        );
        assert_eq!(ran.code, 0, "{}", ran.err);
        let view = &data(folder.path())["views"][view];
        let mut counted: BTreeMap<[Option<u64>; 2], u64> = BTreeMap::new();
        for item in view["gallery"].as_array().unwrap() {
            for pair in item["pairs"].as_array().unwrap() {
                let class =
                    |at: usize, list: &str| Some(item[list][pair[at].as_u64()? as usize]["class"].as_u64().unwrap());
                *counted.entry([class(0, "objects"), class(1, "detections")]).or_default() += 1;
            }
        }
        let confusion = &view["confusion"];
        let classes = confusion["classes"].as_array().unwrap().iter().map(|class| class.as_u64());
        let classes: Vec<Option<u64>> = classes.chain([None]).collect();
        let mut compared = 0;
        for (row, object) in classes.iter().enumerate() {
            for (column, detection) in classes.iter().enumerate().filter(|(column, _)| *column != row) {
                let expected = confusion["rows"][row][column].as_u64().unwrap();
                assert_eq!(
                    counted.get(&[*object, *detection]).copied().unwrap_or(0),
                    expected,
                    "{object:?} {detection:?}"
                );
                compared += expected;
            }
        }
        assert!(compared > 0);
        let not_detected: u64 = counted.iter().filter(|(pair, _)| pair[1].is_none()).map(|(_, n)| n).sum();
        assert_eq!(confusion["not_detected"], not_detected);
    }
}

/// A page is passed on: it says nothing of where it was made.
#[test]
fn files_are_told_without_their_place() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path().canonicalize().unwrap();
    by_hand(&folder);
    fs::create_dir(folder.join("results")).unwrap();
    fs::rename(folder.join("found.json"), folder.join("results/found.json")).unwrap();
    let ran = coco(&folder.join("truth.json"), &folder.join("results/found.json"), &folder.join("page"), &[]);
    assert_eq!(ran.code, 0, "{}", ran.err);
    let facts = data(&folder.join("page"))["facts"].as_array().unwrap().clone();
    let own = folder.file_name().unwrap().to_str().unwrap();
    assert!(facts.contains(&json!(["Annotations", format!("{own}/truth.json")])), "{facts:?}");
    assert!(facts.contains(&json!(["Detections", "results/found.json"])), "{facts:?}");
    let text = fs::read_to_string(folder.join("page/index.html")).unwrap();
    assert!(!text.contains(folder.to_str().unwrap()));
}

/// File names come with the annotations, which may be anybody's; a page is passed on.
#[test]
fn pictures_outside_the_image_folder_are_not_shown() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    by_hand(folder);
    fs::create_dir_all(folder.join("images/sub")).unwrap();
    let picture = [&b"P6 160 120 255\n"[..], &[90; 160 * 120 * 3]].concat();
    for place in ["private.ppm", "images/sub/1.ppm", "images/2.ppm"] {
        fs::write(folder.join(place), &picture).unwrap();
    }
    let path = folder.join("truth.json");
    let mut truth: Value = serde_json::from_str(&fs::read_to_string(&path).unwrap()).unwrap();
    let absolute = folder.join("private.ppm");
    for (image, name) in ["sub/1.ppm", "./2.ppm", "../private.ppm", absolute.to_str().unwrap()].iter().enumerate() {
        truth["images"][image]["file_name"] = json!(name);
    }
    fs::write(&path, truth.to_string()).unwrap();
    let images = folder.join("images");
    let ran = coco(&path, &folder.join("found.json"), &folder.join("page"), &["--images", images.to_str().unwrap()]);
    assert_eq!(ran.code, 0, "{}", ran.err);
    assert!(ran.err.contains("../private.ppm: its file name leads out of the image folder"), "{}", ran.err);
    let page = data(&folder.join("page"));
    let shown =
        page["pictures"].as_array().unwrap().iter().map(|p| (p["name"].as_str().unwrap(), p["uri"].is_string()));
    let expected = [("sub/1.ppm", true), ("./2.ppm", true), ("private.ppm", false), ("private.ppm", false)];
    assert_eq!(shown.collect::<Vec<_>>(), expected);
    let notes = page["notes"].as_array().unwrap();
    assert_eq!(
        notes,
        &[json!("The file names of 2 images lead out of the image folder, so their pictures are not shown.")]
    );
}

/// Rust's own padding ends at 65,535 characters.
#[test]
fn a_class_name_may_have_any_length() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    by_hand(folder);
    let path = folder.join("truth.json");
    let mut truth: Value = serde_json::from_str(&fs::read_to_string(&path).unwrap()).unwrap();
    let name = "</script>猫".repeat(10_000);
    truth["categories"][0]["name"] = json!(name);
    fs::write(&path, truth.to_string()).unwrap();
    let ran = coco(&path, &folder.join("found.json"), &folder.join("page"), &[]);
    assert_eq!(ran.code, 0, "{}", ran.err);
    assert_eq!(data(&folder.join("page"))["classes"][0], json!(name));
    // Tables show the beginning of a name; --json has all of it.
    fs::write(folder.join("result.json"), &ran.out).unwrap();
    let [truth, found, result] = ["truth.json", "found.json", "result.json"].map(|name| folder.join(name));
    let [truth, found, result] = [&truth, &found, &result].map(|path| path.to_str().unwrap());
    for words in [
        &["eval", "coco", "--per-class", "--annotations", truth, "--detections", found][..],
        &["eval", "compare", "--per-class", result, result],
        &["data", "inspect", truth],
    ] {
        let ran = run(vovdet(words));
        assert_eq!(ran.code, 0, "{words:?}: {:.300}", ran.err);
        assert!(ran.out.contains("</script>猫") && ran.out.len() < 20_000, "{words:?}");
    }
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

#[test]
fn a_page_has_the_name_that_it_is_given() {
    let folder = tempfile::tempdir().unwrap();
    let here = fixture("eval/val2014_100");
    let page = folder.path().join("pages/rp.html");
    let results = here.join("instances_val2014_fakebbox100_results.json");
    let ran = coco(&here.join("instances_val2014_100.json"), &results, &page, &["--report-images", "1"]);
    assert_eq!(ran.code, 0, "{}", ran.err);
    assert!(page.is_file() && ran.err.contains("rp.html"), "{}", ran.err);
}
