//! `vovdet eval` of saved detections: published figures, and pycocotools' own to the last bit. Where the fixtures come from:
//! `fixtures/eval/SOURCE.txt`.
#![allow(clippy::unwrap_used)]

mod cli_support;
use cli_support::{Ran, fixture, run, vovdet};
use serde_json::{Value, json};
use std::fs;
use std::path::{Path, PathBuf};

fn read(path: &Path) -> Value {
    serde_json::from_str(&fs::read_to_string(path).unwrap()).unwrap()
}

fn eval(kind: &str, pairs: &[(&str, &Path)], more: &[&str]) -> Ran {
    let mut command = vovdet(["eval", kind]);
    for (flag, path) in pairs {
        command.arg(flag).arg(path);
    }
    command.args(more);
    run(command)
}

#[track_caller]
fn coco(detections: &Path, annotations: &Path, more: &[&str]) -> Value {
    let pairs = [("--detections", detections), ("--annotations", annotations)];
    let ran = eval("coco", &pairs, &[&["--json"], more].concat());
    assert_eq!(ran.code, 0, "{}", ran.err);
    ran.lines().remove(0)
}

#[track_caller]
fn voc(detections: &Path, root: &Path, more: &[&str]) -> Value {
    let ran = eval("voc", &[("--detections", detections), ("--root", root)], &[&["--json"], more].concat());
    assert_eq!(ran.code, 0, "{}", ran.err);
    ran.lines().remove(0)
}

fn in_eval(name: &str) -> PathBuf {
    fixture("eval").join(name)
}

fn shared(name: &str) -> Option<PathBuf> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/data").join(name);
    if !path.exists() {
        println!("skipped: there is no {}", path.display());
    }
    path.exists().then_some(path)
}

#[test]
fn the_demo_of_the_coco_api_has_all_24_figures() {
    let annotations = in_eval("val2014_100/instances_val2014_100.json");
    let expected = read(&in_eval("val2014_100/pycocotools.json"));
    for kind in ["bbox", "segm"] {
        let detections = in_eval(&format!("val2014_100/instances_val2014_fake{kind}100_results.json"));
        let found = coco(&detections, &annotations, &[]);
        assert_eq!(found[kind], expected[kind]);
        assert_eq!(found["counts"], json!({"images": 100, "objects": 830, "crowds": 9, "detections": 734}));
        assert_eq!(found["per_class"].as_object().unwrap().len(), 80);
        // Results without boxes are scored by the boxes of their masks too.
        assert_eq!(found["segm"].is_null(), kind == "bbox");
    }
}

#[test]
fn random_data_give_pycocotools_figures_to_the_last_bit() {
    let folder = tempfile::tempdir().unwrap();
    let (truth, results) = (folder.path().join("truth.json"), folder.path().join("results.json"));
    let mut cases = 0;
    // Annotation ids of some begin with 0, which pycocotools never counts as found.
    let folders = ["random", "from_zero"].map(|name| fs::read_dir(in_eval(name)).unwrap());
    for entry in folders.into_iter().flatten() {
        let path = entry.unwrap().path();
        let case = read(&path);
        fs::write(&truth, case["truth"].to_string()).unwrap();
        fs::write(&results, case["results"].to_string()).unwrap();
        let expected = case["pycocotools"].as_object().unwrap();
        let found = coco(&results, &truth, &["--iou", if expected.len() == 2 { "both" } else { "bbox" }]);
        for (kind, figures) in expected {
            assert_eq!(found[kind], figures["all"], "{kind} of {}", path.display());
            for (class, figures) in figures["per_class"].as_object().unwrap() {
                assert_eq!(found["per_class"][class][kind], *figures, "{class} of {}", path.display());
            }
        }
        cases += 1;
    }
    assert_eq!(cases, 18);
}

/// As in files that were put together from several: pycocotools looks objects up by id and finds the last one.
#[test]
fn annotation_ids_that_come_twice_have_pycocotools_figures_and_one_note() {
    let folder = tempfile::tempdir().unwrap();
    let (truth, results) = (folder.path().join("truth.json"), folder.path().join("results.json"));
    for seed in [6, 36, 54] {
        let case = read(&in_eval(&format!("repeated_ids/{seed}.json")));
        fs::write(&truth, case["truth"].to_string()).unwrap();
        fs::write(&results, case["results"].to_string()).unwrap();
        let pairs = [("--detections", results.as_path()), ("--annotations", truth.as_path())];
        let ran = eval("coco", &pairs, &["--json"]);
        for kind in ["bbox", "segm"] {
            assert_eq!(ran.lines()[0][kind], case["pycocotools"][kind]["all"], "{kind} of {seed}");
        }
        assert!(ran.err.contains("have the id of a later one") && ran.err.lines().count() == 1, "{}", ran.err);
        assert_eq!(eval("coco", &pairs, &["--json", "--quiet"]).err, "");
    }
}

/// Each object keeps what it is: pycocotools has no figures for such files.
#[test]
fn annotations_without_ids_and_categories_without_names_are_read() {
    let folder = tempfile::tempdir().unwrap();
    let (truth, results) = (folder.path().join("truth.json"), folder.path().join("results.json"));
    let bbox = |x: u32| json!([x, 0, 10, 10]);
    let object = |x: u32| json!({"image_id": 1, "category_id": 2, "bbox": bbox(x), "area": 100, "iscrowd": 0});
    let data = json!({"images": [{"id": 1, "file_name": "a.png", "width": 90, "height": 90}],
                      "categories": [{"id": 2}], "annotations": [object(0), object(20), object(40)]});
    fs::write(&truth, data.to_string()).unwrap();
    let found = [0, 20, 40].map(|x| json!({"image_id": 1, "category_id": 2, "bbox": bbox(x), "score": 0.5}));
    fs::write(&results, json!(found).to_string()).unwrap();
    let pairs = [("--detections", results.as_path()), ("--annotations", truth.as_path())];
    let ran = eval("coco", &pairs, &["--json"]);
    assert!(ran.err.contains("3 annotations without an id") && ran.err.contains("1 categories without a name"));
    let all = &ran.lines()[0];
    assert_eq!((&all["bbox"][0], &all["per_class"]["cat_2"]["objects"]), (&json!(1.0), &json!(3)));
    assert_eq!(eval("coco", &pairs, &["--json", "--quiet"]).err, "");
}

/// Figures of faster_coco_eval's tests: an image id that is text in one place, and a least score.
#[test]
fn ids_may_be_text() {
    let pairs = [
        ("--detections", in_eval("small/dt_ignore_test.json")),
        ("--annotations", in_eval("small/gt_ignore_test.json")),
    ];
    let pairs: Vec<_> = pairs.iter().map(|(flag, path)| (*flag, path.as_path())).collect();
    let ran = eval("coco", &pairs, &["--json", "--min-score", "0.1"]);
    assert!(ran.err.contains("read in spite of 2 ids that are not whole numbers"), "{}", ran.err);
    let expected = [
        0.7099009900990099,
        1.0,
        0.8415841584158416,
        -1.0,
        0.7099009900990099,
        -1.0,
        0.0,
        0.45384615384615384,
        0.7153846153846154,
        -1.0,
        0.7153846153846154,
        -1.0,
    ];
    assert_eq!(ran.lines()[0]["bbox"], json!(expected));
}

/// Figures of faster_coco_eval's tests, which drop the boxes before they score masks.
#[test]
fn polygons_are_masks_and_mask_areas_are_a_choice() {
    let (detections, annotations) = (in_eval("small/dt_dataset.json"), in_eval("small/gt_dataset.json"));
    let by_mask = coco(&detections, &annotations, &["--mask-areas"]);
    let ap = 0.6947194719471946;
    let ar = 0.6666666666666666;
    let expected = [ap, ap, ap, -1.0, 0.7367986798679867, 0.0, ar, 0.75, 0.75, -1.0, 0.7916666666666666, 0.0];
    assert_eq!(by_mask["segm"], json!(expected));
    let by_box = coco(&detections, &annotations, &[]);
    assert_eq!(by_box["bbox"], by_mask["bbox"], "boxes keep their own areas");
    assert_ne!(by_box["segm"][4], by_mask["segm"][4]);
}

#[test]
fn classes_images_and_limits_are_choices() {
    let (detections, annotations) = (
        in_eval("val2014_100/instances_val2014_fakebbox100_results.json"),
        in_eval("val2014_100/instances_val2014_100.json"),
    );
    let all = coco(&detections, &annotations, &[]);
    let some = coco(&detections, &annotations, &["--classes", "person,17"]);
    let classes = some["per_class"].as_object().unwrap();
    assert_eq!(classes.keys().collect::<Vec<_>>(), ["cat", "person"]);
    assert_eq!(classes["person"], all["per_class"]["person"]);
    let mean = |index: usize| {
        ["person", "cat"].map(|name| classes[name]["bbox"][index].as_f64().unwrap()).iter().sum::<f64>() / 2.0
    };
    assert!((some["bbox"][0].as_f64().unwrap() - mean(0)).abs() < 1e-12);

    let one = coco(&detections, &annotations, &["--max-dets", "1"]);
    assert_eq!(one["protocol"]["max_dets"], json!([1, 1, 1]));
    assert_eq!(one["bbox"][8], all["bbox"][6], "recall of one detection per image");

    let limited = coco(&detections, &annotations, &["--limit", "10", "--shard", "2/3"]);
    assert_eq!(limited["counts"]["images"], 3);
    let pairs = [("--detections", detections.as_path()), ("--annotations", annotations.as_path())];
    eval("coco", &pairs, &["--classes", "persn"]).fails_with(2, &["--classes", "did you mean `person`?"]);
}

#[test]
fn results_that_do_not_fit_are_refused_in_one_sentence() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("results.json");
    let annotations = in_eval("val2014_100/instances_val2014_100.json");
    let refused = |text: &str, words: &[&str]| {
        fs::write(&path, text).unwrap();
        let pairs = [("--detections", path.as_path()), ("--annotations", annotations.as_path())];
        eval("coco", &pairs, &[]).fails_with(2, &[&["results.json"], words].concat());
    };
    let result = |fields: &str| format!(r#"[{{"image_id": 42, "category_id": 18, {fields}}}]"#);
    refused(r#"[{"image_id": 7, "category_id": 1, "bbox": [1,2,3,4], "score": 1}]"#, &["result 1 is of image 7"]);
    refused(&result(r#""bbox": [1, 2, 3], "score": 1"#), &["not a list of COCO results", "length 3"]);
    refused(&result(r#""bbox": [1, 2, 3, 4]"#), &["missing field `score`"]);
    refused(&result(r#""score": 1"#), &["0 have a box and 0 a mask"]);
    refused(&result(r#""bbox": [1, 2, 3, 4], "score": NaN"#), &["result 1 holds NaN", "leave them out"]);
    refused("{}", &["not a list of COCO results"]);
    refused("", &["not a list of COCO results"]);
    refused("[{", &["not a list of COCO results"]);
}

#[test]
fn annotations_that_are_none_are_refused_in_one_sentence() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("annotations.json");
    let detections = in_eval("small/dt_dataset.json");
    for (text, word) in [
        ("[]", "not a COCO annotation file"),
        ("{\"images\": [{\"id\": 1}]}", "lists no categories"),
        ("{\"categories\": [{\"id\": 1, \"name\": \"a\"}]}", "lists no images"),
        ("<html>", "not a COCO annotation file"),
    ] {
        fs::write(&path, text).unwrap();
        let pairs = [("--detections", detections.as_path()), ("--annotations", path.as_path())];
        eval("coco", &pairs, &[]).fails_with(2, &["annotations.json", word]);
    }
    fs::remove_file(&path).unwrap();
    let pairs = [("--detections", detections.as_path()), ("--annotations", path.as_path())];
    eval("coco", &pairs, &[]).fails_with(2, &["annotations.json", "no such file"]);
}

/// Figures of the README of Object-Detection-Metrics, and of the tests of review_object_detection_metrics.
#[test]
fn voc_figures_of_text_files_are_the_published_ones() {
    let close = |found: &Value, expected: f64, tolerance: f64| (found.as_f64().unwrap() - expected).abs() < tolerance;
    let toy = voc(&in_eval("padilla/detections"), &in_eval("padilla/groundtruths"), &["--iou-threshold", "0.3"]);
    assert!(close(&toy["map_2007"], 0.2684, 5e-5) && close(&toy["map_area"], 0.2456, 1e-4), "{toy}");
    assert_eq!(toy["per_class"]["person"]["objects"], 15);
    for (threshold, eleven, area) in [
        ("0.1", 0.3333333333, 0.3371980676),
        ("0.3", 0.2683982683, 0.2456866804),
        ("0.5", 0.0303030303, 0.0222222222),
        ("0.75", 0.0, 0.0),
    ] {
        let more = ["--iou-threshold", threshold];
        let found = voc(&in_eval("review_case_1/dets"), &in_eval("review_case_1/gts"), &more);
        assert!(close(&found["map_2007"], eleven, 1e-9) && close(&found["map_area"], area, 1e-9), "{found}");
    }
}

/// Worked out by hand: a difficult object that is found counts for nothing, an object that is found twice once.
#[test]
fn difficult_objects_and_coco_results_on_voc_folders() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().join("VOC");
    fs::create_dir_all(root.join("Annotations")).unwrap();
    fs::create_dir_all(root.join("ImageSets/Main")).unwrap();
    let object = |name: &str, difficult: u8, [x1, y1, x2, y2]: [u32; 4]| {
        format!(
            "<object><name>{name}</name><difficult>{difficult}</difficult><bndbox><xmin>{x1}</xmin><ymin>{y1}</ymin>\
             <xmax>{x2}</xmax><ymax>{y2}</ymax></bndbox></object>"
        )
    };
    let objects =
        object("dog", 0, [1, 1, 10, 10]) + &object("dog", 1, [21, 21, 30, 30]) + &object("cat", 0, [5, 5, 5, 5]);
    fs::write(root.join("Annotations/000007.xml"), format!("<annotation>{objects}</annotation>")).unwrap();
    fs::write(root.join("ImageSets/Main/test.txt"), "000007\n").unwrap();
    // COCO's boxes lie between edges that are counted from 0; `dog` is VOC's 12th class.
    let result = |bbox: [u32; 4], score: f64| json!({"image_id": 7, "category_id": 12, "bbox": bbox, "score": score});
    let results = json!([result([0, 0, 10, 10], 0.9), result([20, 20, 10, 10], 0.8), result([0, 0, 10, 10], 0.7)]);
    let path = folder.path().join("results.json");
    fs::write(&path, results.to_string()).unwrap();
    let ran = eval("voc", &[("--detections", &path), ("--root", &root)], &["--json", "--split", "test"]);
    assert!(ran.err.contains("1 boxes without an area are left out (cat of 000007)"), "{}", ran.err);
    let found = &ran.lines()[0];
    // Eleven times an eleventh is not quite one, in the reference too.
    assert!((found["map_2007"].as_f64().unwrap() - 1.0).abs() < 1e-12 && found["map_area"] == 1.0, "{found}");
    let dog = &found["per_class"]["dog"];
    assert_eq!((&dog["objects"], &dog["difficult"], &dog["detections"]), (&json!(1), &json!(1), &json!(3)));
    assert!(found["per_class"]["cat"]["ap_2007"].is_null(), "it has no object");
    eval("voc", &[("--detections", &path), ("--root", &root)], &["--split", "val"])
        .fails_with(2, &["--split val", "there are test"]);
}

/// Two images, a dog in each, found; the list has a byte order mark and names the second image twice.
fn two_dogs(folder: &Path) -> (PathBuf, PathBuf) {
    let root = folder.join("VOC");
    fs::create_dir_all(root.join("Annotations")).unwrap();
    fs::create_dir_all(root.join("ImageSets/Main")).unwrap();
    for (id, name) in [("a", "dog"), ("b", "Wolf")] {
        let object = format!(
            "<object><name>{name}</name><bndbox><xmin>1</xmin><ymin>1</ymin><xmax>9</xmax><ymax>9</ymax></bndbox></object>"
        );
        fs::write(root.join(format!("Annotations/{id}.xml")), format!("<annotation>{object}</annotation>")).unwrap();
    }
    fs::write(root.join("ImageSets/Main/test.txt"), "\u{feff}a\nb\nb\n").unwrap();
    let found = folder.join("found");
    fs::create_dir(&found).unwrap();
    fs::write(found.join("det_dog.txt"), "\u{feff}a 0.9 1 1 9 9\r\n").unwrap();
    fs::write(found.join("det_Wolf.txt"), "b 0.9 1 1 9 9\n").unwrap();
    (root, found)
}

#[test]
fn voc_lists_and_files_may_be_untidy_and_that_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let (root, found) = two_dogs(folder.path());
    fs::write(found.join("det_cat.txt"), "a 0.9 1 1 9 9\n").unwrap();
    let pairs = [("--detections", found.as_path()), ("--root", root.as_path())];
    let ran = eval("voc", &pairs, &["--json"]);
    assert_eq!(ran.code, 0, "{}", ran.err);
    assert!(ran.err.contains("test.txt lists 1 images again (b, …)"), "{}", ran.err);
    assert!(ran.err.contains("det_cat.txt"), "{}", ran.err);
    let report = &ran.lines()[0];
    assert_eq!((&report["counts"]["images"], &report["counts"]["objects"]), (&json!(2), &json!(2)));
    assert_eq!(report["map_area"], 1.0);
    // By number, and by name in lower case.
    for words in ["1", "wolf"] {
        let chosen = eval("voc", &pairs, &["--json", "--classes", words]);
        let classes = chosen.lines()[0]["per_class"].clone();
        assert_eq!(classes.as_object().unwrap().keys().collect::<Vec<_>>(), ["Wolf"], "{}", chosen.err);
    }
    eval("voc", &pairs, &["--quiet", "--classes", "dgo"]).fails_with(2, &["--classes", "no category `dgo`"]);
    fs::write(found.join("det_dog.txt"), "a 0.9 1 nan 9 9\n").unwrap();
    eval("voc", &pairs, &["--quiet"]).fails_with(2, &["det_dog.txt", "line 1 is not"]);
}

#[test]
fn a_share_without_images_has_no_figures() {
    let folder = tempfile::tempdir().unwrap();
    let (root, found) = two_dogs(folder.path());
    let none = voc(&found, &root, &["--shard", "3/3"]);
    assert_eq!((&none["counts"]["images"], &none["map_area"]), (&json!(0), &Value::Null));
    let detections = in_eval("val2014_100/instances_val2014_fakebbox100_results.json");
    let annotations = in_eval("val2014_100/instances_val2014_100.json");
    let none = coco(&detections, &annotations, &["--limit", "2", "--shard", "3/3"]);
    assert_eq!((&none["counts"]["images"], &none["counts"]["detections"]), (&json!(0), &json!(0)));
    assert_eq!(none["bbox"], Value::from(vec![-1.0; 12]));
}

#[test]
fn options_of_a_run_are_refused_with_saved_detections() {
    let detections = in_eval("val2014_100/instances_val2014_fakebbox100_results.json");
    let annotations = in_eval("val2014_100/instances_val2014_100.json");
    let pairs = [("--detections", detections.as_path()), ("--annotations", annotations.as_path())];
    eval("coco", &pairs, &["--plain"]).fails_with(2, &["--plain"]);
    for option in
        [["--model", "x"], ["--weights", "x"], ["--batch", "2"], ["--save-detections", "x"], ["--device", "cpu"]]
    {
        eval("coco", &pairs, &option).fails_with(2, &[&format!("leave out {} or --detections", option[0])]);
    }
    eval("coco", &pairs, &["--class-names", "x.txt"]).fails_with(2, &["--class-names"]);
    assert_eq!(eval("coco", &pairs, &["--min-score", "nan"]).code, 2);
    let all = coco(&detections, &annotations, &[]);
    assert_eq!(coco(&detections, &annotations, &["--min-score", "-1"])["bbox"], all["bbox"]);
}

#[test]
fn voc2007_has_the_reference_figures() {
    let Some(data) = shared("voc2007_eval") else { return };
    let found = voc(&data.join("mobilenet_yolov3_comp4"), &data.join("VOC2007"), &["--split", "test"]);
    let counts = &found["counts"];
    assert_eq!(
        (&counts["images"], &counts["objects"], &counts["difficult"]),
        (&json!(4952), &json!(12032), &json!(2944))
    );
    let reference = read(&data.join("reference_ap.json"));
    let reference = reference["mobilenet_yolov3_comp4"].as_object().unwrap();
    for (name, expected) in reference {
        let class = if name == "mean" {
            json!({"ap_2007": found["map_2007"], "ap_area": found["map_area"]})
        } else {
            found["per_class"][name].clone()
        };
        for (ours, theirs) in [("ap_2007", "ap07"), ("ap_area", "ap_all")] {
            let difference = class[ours].as_f64().unwrap() - expected[theirs].as_f64().unwrap();
            assert!(difference.abs() < 1e-5, "{ours} of {name}: {difference}");
        }
    }
}

/// The program that works on files alone must not wait for libtorch.
#[test]
fn saved_detections_need_no_libtorch() {
    let mut command = assert_cmd::Command::new(env!("CARGO_BIN_EXE_vovdet"));
    command.env("LD_TRACE_LOADED_OBJECTS", "1");
    let libraries = run(command).out;
    assert!(
        libraries.contains("libc.so") && !libraries.contains("libtorch") && !libraries.contains("libc10"),
        "{libraries}"
    );
}

#[test]
fn figures_are_named_too() {
    let here = in_eval("val2014_100");
    let detections = here.join("instances_val2014_fakesegm100_results.json");
    let report = coco(&detections, &here.join("instances_val2014_100.json"), &[]);
    let names = ["AP", "AP50", "AP75", "APs", "APm", "APl", "AR1", "AR10", "AR100", "ARs", "ARm", "ARl"];
    for kind in ["bbox", "segm"].into_iter().filter(|kind| !report[*kind].is_null()) {
        for (index, name) in names.iter().enumerate() {
            assert_eq!(report["by_name"][kind][name], report[kind][index], "{kind} {name}");
        }
    }
    assert!(report["by_name"]["segm"]["AP"].is_f64());
}

#[test]
fn names_from_files_cannot_steer_the_terminal() {
    let folder = tempfile::tempdir().unwrap();
    let annotations = folder.path().join("annotations.json");
    let truth = json!({"images": [{"id": 1, "file_name": "1.jpg", "width": 9, "height": 9}],
        "categories": [{"id": 1, "name": "red\u{1b}[31m\u{9b}2J"}], "annotations": [{"id": 1, "image_id": 1,
        "category_id": 1, "bbox": [1, 2, 3, 4], "area": 12, "iscrowd": 0}]});
    fs::write(&annotations, truth.to_string()).unwrap();
    let detections = folder.path().join("results.json");
    fs::write(&detections, r#"[{"image_id": 1, "category_id": 1, "bbox": [1, 2, 3, 4], "score": 1}]"#).unwrap();
    let pairs = [("--detections", detections.as_path()), ("--annotations", annotations.as_path())];
    let ran = eval("coco", &pairs, &["--per-class"]);
    assert_eq!(ran.code, 0, "{}", ran.err);
    assert!(ran.out.contains("red\\u001b[31m\\u009b2J"), "{}", ran.out);
    assert!(!ran.out.contains(|c: char| c.is_control() && c != '\n'), "{:?}", ran.out);
}

#[test]
fn a_full_standard_output_is_named() {
    let here = in_eval("val2014_100");
    let mut command = vovdet(["eval", "coco", "--detections"]);
    command.arg(here.join("instances_val2014_fakebbox100_results.json"));
    command.arg("--annotations").arg(here.join("instances_val2014_100.json"));
    let program = command.get_program().to_owned();
    let full = fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
    let ended = std::process::Command::new(program).args(command.get_args()).stdout(full).output().unwrap();
    let said = String::from_utf8(ended.stderr).unwrap();
    assert!(ended.status.code() == Some(2) && said.contains("standard output"), "{said}");
}
