//! `vovdet data inspect` and `data convert`.
#![allow(clippy::unwrap_used)]

mod cli_support;
use cli_support::{cells, fixture, run, vovdet};
use serde_json::{Value, json};
use std::fs;
use std::path::Path;

fn inspect(path: &Path) -> Vec<Value> {
    let mut command = vovdet(["data", "inspect", "--json"]);
    command.arg(path);
    let ran = run(command);
    assert_eq!(ran.code, 0, "{}", ran.err);
    ran.lines()
}

fn problem<'a>(found: &'a Value, what: &str) -> &'a Value {
    let problems = found["problems"].as_array().unwrap();
    problems
        .iter()
        .find(|p| p["what"].as_str().unwrap().contains(what))
        .unwrap_or_else(|| panic!("no {what} in {problems:?}"))
}

#[test]
fn what_is_wrong_with_coco_annotations_is_found() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path();
    fs::create_dir_all(root.join("annotations")).unwrap();
    fs::create_dir_all(root.join("val")).unwrap();
    fs::copy(cells(), root.join("val/a.png")).unwrap();
    fs::copy(cells(), root.join("val/b.png")).unwrap();
    fs::write(root.join("val/broken.png"), b"no image").unwrap();
    let image = |id: u64, name: &str| json!({"id": id, "file_name": name, "width": 256, "height": 256});
    let object = |id: u64, image: u64, category: u64, bbox: [f64; 4]| json!({"id": id, "image_id": image, "category_id": category, "bbox": bbox, "area": bbox[2] * bbox[3], "iscrowd": 0});
    let data = json!({
        "images": [image(1, "a.png"), image(2, "b.png"), image(3, "broken.png"), image(4, "gone.png")],
        "categories": [{"id": 5, "name": "cell"}, {"id": 9, "name": "never"}],
        "annotations": [object(1, 1, 5, [0.0, 0.0, 10.0, 10.0]), object(2, 1, 5, [0.0, 0.0, 10.0, 10.0]),
            object(3, 1, 5, [9.0, 9.0, 0.0, 4.0]), object(4, 2, 5, [250.0, 0.0, 50.0, 200.0]), object(5, 77, 6, [0.0, 0.0, 1.0, 1.0])]
    });
    fs::write(root.join("annotations/instances_val.json"), data.to_string()).unwrap();
    let found = inspect(root);
    let [found] = &found[..] else { panic!("{} data sets", found.len()) };
    assert_eq!(
        (&found["images"], &found["objects"], &found["images_without_objects"]),
        (&json!(4), &json!(5), &json!(2))
    );
    assert_eq!(found["classes"]["cell"], json!({"id": 5, "objects": 4, "images": 2}));
    assert_eq!(found["classes"]["never"]["objects"], 0);
    for (what, count, example) in [
        ("files are missing", 1, "gone.png"),
        ("do not open", 1, "broken.png"),
        ("content of another", 1, "b.png = a.png"),
        ("boxes have no area", 1, "annotation 3 of a.png"),
        ("reach beyond their image", 1, "annotation 4 of b.png"),
        ("repeat another", 1, "annotation 2"),
        ("images that are not listed", 1, "annotation 5"),
        ("categories that are not listed", 1, "annotation 5"),
    ] {
        let problem = problem(found, what);
        assert_eq!(problem["count"], count, "{problem}");
        assert!(problem["examples"][0].as_str().unwrap().contains(example), "{problem}");
    }
    assert_eq!(found["problems"].as_array().unwrap().len(), 8);
}

#[test]
fn annotation_ids_that_come_twice_are_found() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("instances.json");
    let object =
        |x: u64| json!({"id": 3, "image_id": 1, "category_id": 1, "bbox": [x, 0, 5, 5], "area": 25, "iscrowd": 0});
    let data = json!({"images": [{"id": 1, "file_name": "a.png", "width": 99, "height": 99}],
        "categories": [{"id": 1, "name": "cell"}], "annotations": [object(0), object(9), object(20)]});
    fs::write(&path, data.to_string()).unwrap();
    let mut command = vovdet(["data", "inspect", "--json"]);
    command.arg(&path);
    let ran = run(command);
    assert_eq!(ran.err, "");
    let found = &ran.lines()[0];
    assert_eq!(problem(found, "annotation ids occur more than once")["count"], 2);
    assert_eq!((&found["objects"], found["problems"].as_array().unwrap().len()), (&json!(3), 1), "{found}");
}

#[test]
fn folders_of_images_and_what_is_no_data_set() {
    let found = &inspect(&fixture("nuclei"))[0];
    assert_eq!(found["form"], "images");
    let folder = tempfile::tempdir().unwrap();
    let mut command = vovdet(["data", "inspect"]);
    command.arg(folder.path());
    run(command).fails_with(2, &["is no data set"]);
    run(vovdet(["data", "inspect", "nowhere"])).fails_with(2, &["nowhere", "no such file or folder"]);
}

/// The counts that the data sets' SOURCE.txt state.
#[test]
fn real_data_sets_have_their_published_counts() {
    let shared = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/data");
    if !shared.join("bccd").is_dir() {
        println!("skipped: there is no {}", shared.display());
        return;
    }
    let bccd = &inspect(&shared.join("bccd"))[0];
    let objects = |name: &str| bccd["classes"][name]["objects"].as_u64().unwrap();
    assert_eq!([objects("RBC"), objects("WBC"), objects("Platelets")], [4155, 372, 361]);
    assert_eq!((&bccd["images"], &bccd["objects"]), (&json!(364), &json!(4888)));
    assert_eq!(bccd["splits"], json!({"test": 72, "train": 205, "trainval": 292, "val": 87}));
    assert_eq!(problem(bccd, "boxes have no area")["count"], 2);
    let tiny = inspect(&shared.join("tiny_coco"));
    let facts = |data: &Value| {
        let used = data["classes"].as_object().unwrap().values().filter(|c| c["objects"] != 0).count();
        ["images", "objects", "crowds", "images_without_objects"]
            .map(|key| data[key].as_u64().unwrap())
            .into_iter()
            .chain([used as u64])
            .collect::<Vec<_>>()
    };
    assert_eq!(tiny.iter().map(facts).collect::<Vec<_>>(), [[50, 470, 5, 1, 49], [50, 382, 5, 2, 48]]);
}

#[test]
fn an_annotation_that_cannot_be_read_is_a_problem_among_others() {
    let folder = tempfile::tempdir().unwrap();
    let annotations = folder.path().join("Annotations");
    fs::create_dir(&annotations).unwrap();
    let object =
        "<object><name>cat</name><bndbox><xmin>1</xmin><ymin>1</ymin><xmax>9</xmax><ymax>9</ymax></bndbox></object>";
    fs::write(annotations.join("a.xml"), format!("<annotation>{object}</annotation>")).unwrap();
    fs::write(annotations.join("b.xml"), "<annotation><object>").unwrap();
    fs::write(annotations.join("c.xml"), "").unwrap();
    let found = &inspect(folder.path())[0];
    assert_eq!((&found["images"], &found["classes"]["cat"]["objects"]), (&json!(1), &json!(1)));
    let unreadable = problem(found, "cannot be read");
    assert_eq!(unreadable["count"], 2);
    assert!(unreadable["examples"][0].as_str().unwrap().starts_with("b.xml ends inside"), "{unreadable}");
}

/// A file that opens is not a file that decodes; --strict makes findings an exit code.
#[test]
fn truncated_images_are_found_when_asked_for() {
    let folder = tempfile::tempdir().unwrap();
    let whole = fs::read(cells()).unwrap();
    fs::write(folder.path().join("whole.png"), &whole).unwrap();
    let with = |options: &[&str]| {
        let mut command = vovdet(["data", "inspect", "--json"]);
        command.arg(folder.path()).args(options);
        let ran = run(command);
        (ran.code, ran.lines()[0]["problems"].as_array().unwrap().len())
    };
    assert_eq!(with(&["--deep", "--strict"]), (0, 0));
    fs::write(folder.path().join("cut.png"), &whole[..whole.len() / 2]).unwrap();
    assert_eq!(with(&["--strict"]), (0, 0), "its header is whole");
    assert_eq!(with(&["--deep"]), (0, 1));
    assert_eq!(with(&["--deep", "--strict"]), (1, 1));
}

/// `format!` takes no width beyond 65,535.
#[test]
fn a_long_class_name_is_cut() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("instances.json");
    let data = json!({
        "images": [{"id": 1, "file_name": "a.png", "width": 9, "height": 9}],
        "categories": [{"id": 1, "name": "x".repeat(70_000)}, {"id": 2, "name": "red\u{1b}[31m"}],
        "annotations": [{"id": 1, "image_id": 1, "category_id": 1, "bbox": [0, 0, 3, 3]},
                        {"id": 2, "image_id": 1, "category_id": 2, "bbox": [0, 0, 3, 3]}],
    });
    fs::write(&path, data.to_string()).unwrap();
    let mut command = vovdet(["data", "inspect"]);
    command.arg(&path);
    let ran = run(command);
    assert_eq!(ran.code, 0, "{}", ran.err);
    assert!(ran.out.contains("xxx…") && ran.out.len() < 2000, "{:.300}", ran.out);
    assert!(ran.out.contains("red\\u001b[31m") && !ran.out.contains('\u{1b}'), "no escapes of the file's own");
}

#[test]
fn what_is_wrong_with_yolo_labels_is_found() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path();
    for split in ["train", "val"] {
        fs::create_dir_all(root.join("images").join(split)).unwrap();
        fs::create_dir_all(root.join("labels").join(split)).unwrap();
    }
    for (image, labels) in [
        ("train/a", Some("0 0.5 0.5 0.25 0.5\n5 0.5 0.5 0.1 0.1\n0 0.5 0.5 0.25 0.5\n")),
        ("train/b", None),
        ("val/c", Some("1 0.5 0.5 1.5 0.5\n1 0.5 0.5\n")),
        ("val/d", Some("")),
    ] {
        fs::copy(cells(), root.join("images").join(image).with_extension("png")).unwrap();
        if let Some(text) = labels {
            fs::write(root.join("labels").join(image).with_extension("txt"), text).unwrap();
        }
    }
    fs::write(root.join("data.yaml"), "path: .\ntrain: images/train\nval: images/val\nnames: {0: cell, 1: 'no'}\n")
        .unwrap();
    let found = &inspect(root)[0];
    assert_eq!((&found["form"], &found["images"], &found["objects"]), (&json!("yolo"), &json!(4), &json!(2)));
    assert_eq!(found["splits"], json!({"train": 2, "val": 2}));
    assert_eq!(found["classes"], json!({"cell": {"objects": 1, "images": 1}, "no": {"objects": 1, "images": 1}}));
    for (what, example) in [
        ("classes that data.yaml does not name", "labels/train/a.txt line 2: class 5 of 2"),
        ("repeat another line", "labels/train/a.txt line 3"),
        ("values outside 0..1", "labels/val/c.txt line 1: 1.5"),
        ("no labels", "labels/val/c.txt line 2: 2 numbers after the class instead of 4"),
        ("no label file", "train/b.png"),
    ] {
        let problem = problem(found, what);
        assert_eq!(problem["count"], 1, "{problem}");
        assert!(problem["examples"][0].as_str().unwrap().contains(example), "{problem}");
    }
    let by_file = &inspect(&root.join("data.yaml"))[0];
    assert_eq!((&by_file["objects"], &by_file["problems"]), (&found["objects"], &found["problems"]));
}

#[test]
fn convert_says_what_is_lost() {
    let folder = tempfile::tempdir().unwrap();
    let (data, out) = (folder.path().join("one.json"), folder.path().join("out"));
    fs::copy(cells(), folder.path().join("a.png")).unwrap();
    let text = json!({
        "images": [{"id": 1, "file_name": "a.png", "width": 256, "height": 256}],
        "categories": [{"id": 1, "name": "cell"}],
        "annotations": [{"id": 1, "image_id": 1, "category_id": 1, "bbox": [0, 0, 64, 128]},
                        {"id": 2, "image_id": 1, "category_id": 1, "bbox": [0, 0, 9, 9], "iscrowd": 1}],
    });
    fs::write(&data, text.to_string()).unwrap();
    let convert = |arguments: &[&str]| {
        let mut command = vovdet(["data", "convert"]);
        command.args([&data, &out]).args(arguments);
        run(command)
    };
    convert(&[]).fails_with(2, &["--to coco, --to voc or --to yolo"]);
    convert(&["--to", "coco"]).fails_with(2, &["in the form of COCO already"]);
    let ran = convert(&["--to", "yolo"]);
    assert_eq!((ran.code, ran.out.lines().count()), (0, 1), "{}", ran.err);
    assert!(ran.out.contains("1 images, 1 objects, 1 classes (COCO to YOLO text)"), "{}", ran.out);
    assert!(ran.err.contains("1 crowd regions are left out: YOLO text has no such thing"), "{}", ran.err);
    assert_eq!(fs::read_to_string(out.join("labels/train/a.txt")).unwrap(), "0 0.125 0.25 0.25 0.5\n");
    convert(&["--to", "yolo"]).fails_with(2, &["out", "there is something of that name already"]);
}
