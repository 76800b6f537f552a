//! Data sets come back from another form as they were, but for what that form cannot carry, which is said.
#![allow(clippy::unwrap_used)]

use serde_json::{Value, json};
use std::fs;
use std::path::{Path, PathBuf};
use vovdet_datasets::convert::{Conversion, DataSet, Format, ImageFiles, Request, convert, read};

fn request(from: &Path, to: &Path, to_format: Format) -> Request {
    let (from, to) = (from.to_path_buf(), to.to_path_buf());
    Request { from, from_format: None, image_folder: None, to, to_format, images: ImageFiles::Copy }
}

#[track_caller]
fn to(from: &Path, to: &Path, format: Format) -> Conversion {
    convert(&request(from, to, format)).unwrap()
}

fn picture(path: &Path, width: u32, height: u32) {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    image::RgbImage::new(width, height).save(path).unwrap();
}

/// Objects by image and class: what every form has of them.
fn boxes(data: &DataSet) -> Vec<(String, String, [f64; 4])> {
    let mut all: Vec<_> = data
        .images
        .iter()
        .flat_map(|image| {
            let stem = Path::new(&image.name).file_stem().unwrap().to_string_lossy().into_owned();
            image.objects.iter().map(move |o| (stem.clone(), data.classes[o.class].name.clone(), o.bbox))
        })
        .collect();
    all.sort_by(|a, b| a.partial_cmp(b).unwrap());
    all
}

#[track_caller]
fn same(a: &DataSet, b: &DataSet, tolerance: f64) {
    let (a, b) = (boxes(a), boxes(b));
    assert_eq!(a.len(), b.len());
    for (a, b) in a.iter().zip(&b) {
        let near = a.2.iter().zip(b.2).all(|(x, y)| (x - y).abs() <= tolerance);
        assert!((&a.0, &a.1) == (&b.0, &b.1) && near, "{a:?} {b:?}");
    }
}

/// Two splits, ids with gaps, a crowd, masks of each kind, decimals, an image without objects, a class without any.
fn coco(folder: &Path) -> PathBuf {
    let root = folder.join("coco");
    let categories = json!([{"id": 7, "name": "dog", "supercategory": "animal"}, {"id": 3, "name": "cat: \"no\""},
                            {"id": 9, "name": "unused"}]);
    let write = |split: &str, images: Value, annotations: Value| {
        let path = root.join(format!("annotations/instances_{split}.json"));
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        let file = json!({"images": images, "annotations": annotations, "categories": categories});
        fs::write(path, file.to_string()).unwrap();
    };
    let image = |id: u64, name: &str, width: u32, height: u32, split: &str| {
        picture(&root.join(split).join(name), width, height);
        json!({"id": id, "file_name": name, "width": width, "height": height})
    };
    write(
        "train2017",
        json!([image(40, "a.png", 64, 48, "train2017"), image(4, "sub/b.png", 33, 91, "train2017")]),
        json!([
            {"id": 5, "image_id": 40, "category_id": 3, "bbox": [1, 2, 30.25, 40], "area": 900.5, "iscrowd": 0,
             "segmentation": [[1, 2, 31.25, 2, 31.25, 42, 1, 42]]},
            {"id": 6, "image_id": 40, "category_id": 7, "bbox": [0, 0, 10, 10], "area": 50, "iscrowd": 1,
             "segmentation": {"size": [48, 64], "counts": [0, 10, 3062]}},
            {"id": 9, "image_id": 4, "category_id": 7, "bbox": [3.3, 7.7, 11.1, 13.37], "area": 148.4, "iscrowd": 0},
        ]),
    );
    write("val2017", json!([image(8, "c.png", 20, 20, "val2017")]), json!([]));
    root
}

#[test]
fn coco_to_yolo_and_back() {
    let folder = tempfile::tempdir().unwrap();
    let (from, yolo, back) = (coco(folder.path()), folder.path().join("yolo"), folder.path().join("back"));
    let done = to(&from, &yolo, Format::Yolo);
    assert_eq!((done.images, done.objects, done.classes), (3, 2, 3));
    for word in ["1 crowd regions", "masks are not kept", "ids of images", "1 supercategories"] {
        assert!(done.notes.iter().any(|note| note.contains(word)), "{word}: {:?}", done.notes);
    }
    // Classes in the order of their ids; 16.125 / 64, 22 / 48, 30.25 / 64, 40 / 48.
    let label = fs::read_to_string(yolo.join("labels/train/a.txt")).unwrap();
    let numbers: Vec<f64> = label.split_whitespace().map(|word| word.parse().unwrap()).collect();
    for (number, expected) in numbers.iter().zip([0.0, 0.251953125, 22.0 / 48.0, 0.47265625, 40.0 / 48.0]) {
        assert!((number - expected).abs() < 1e-12, "{label}");
    }
    assert_eq!(fs::read_to_string(yolo.join("labels/val/c.txt")).unwrap(), "");
    assert!(yolo.join("images/train/sub/b.png").is_file());
    to(&yolo, &back, Format::Coco);
    let (mut before, after) = (read(&from, Format::Coco, None).unwrap(), read(&back, Format::Coco, None).unwrap());
    before.images.iter_mut().for_each(|image| image.objects.retain(|object| !object.crowd));
    same(&before, &after, 0.0);
    let names = |data: &DataSet| data.classes.iter().map(|class| class.name.clone()).collect::<Vec<_>>();
    assert_eq!(names(&before), names(&after));
    assert_eq!(
        after.images.iter().map(|i| i.split.as_deref()).collect::<Vec<_>>(),
        [Some("train"), Some("train"), Some("val")]
    );
}

#[test]
fn outlines_are_kept_where_every_object_has_one() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().join("yolo");
    picture(&root.join("images/train/a.png"), 40, 30);
    fs::create_dir_all(root.join("labels/train")).unwrap();
    fs::write(root.join("labels/train/a.txt"), "1 0.1 0.2 0.7 0.2 0.7 0.9\n0 0 0 0.5 0 0.5 0.5 0 1\n").unwrap();
    fs::write(root.join("data.yaml"), "train: images/train\nnames: [a, b]\n").unwrap();
    let (coco, back) = (folder.path().join("one.json"), folder.path().join("back"));
    to(&root, &coco, Format::Coco);
    let written: Value = serde_json::from_slice(&fs::read(&coco).unwrap()).unwrap();
    assert_eq!(written["annotations"][0]["segmentation"], json!([[4.0, 6.0, 28.0, 6.0, 28.0, 27.0]]));
    assert_eq!(
        (&written["annotations"][0]["bbox"], &written["annotations"][0]["area"]),
        (&json!([4.0, 6.0, 24.0, 21.0]), &json!(252.0))
    );
    convert(&Request { image_folder: Some(root.join("images/train")), ..request(&coco, &back, Format::Yolo) }).unwrap();
    let text = |root: &Path| fs::read_to_string(root.join("labels/train/a.txt")).unwrap();
    assert_eq!(text(&back), text(&root));
}

#[test]
fn voc_to_coco_and_back() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().join("voc");
    let object = |name: &str, extra: &str, bbox: [&str; 4]| {
        let [x1, y1, x2, y2] = bbox;
        format!(
            "<object><name>{name}</name>{extra}<bndbox><xmin>{x1}</xmin><ymin>{y1}</ymin><xmax>{x2}</xmax>\
             <ymax>{y2}</ymax></bndbox></object>"
        )
    };
    let write = |id: &str, objects: String| {
        picture(&root.join(format!("JPEGImages/{id}.jpg")), 60, 50);
        let size = "<size><width>60</width><height>50</height><depth>3</depth></size>";
        let path = root.join(format!("Annotations/{id}.xml"));
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, format!("<annotation><filename>{id}.jpg</filename>{size}{objects}</annotation>")).unwrap();
    };
    let flags = "<pose>Left</pose><truncated>1</truncated><occluded>1</occluded><difficult>1</difficult>";
    write("a", object("R&amp;D", flags, ["1", "1", "60", "50"]) + &object("cat", "", ["2.5", "3", "7", "9.25"]));
    write("b", String::new());
    fs::create_dir_all(root.join("ImageSets/Main")).unwrap();
    for (split, ids) in [("train", "a"), ("val", "b"), ("trainval", "a\nb"), ("cat_train", "a 1")] {
        fs::write(root.join(format!("ImageSets/Main/{split}.txt")), ids).unwrap();
    }
    let (coco, back) = (folder.path().join("coco"), folder.path().join("back"));
    let done = to(&root, &coco, Format::Coco);
    assert!(done.notes.iter().any(|note| note.contains("1 difficult objects")), "{:?}", done.notes);
    let written: Value =
        serde_json::from_slice(&fs::read(coco.join("annotations/instances_train.json")).unwrap()).unwrap();
    // VOC's pixels 1 to 60 are COCO's 0 to 60.
    assert_eq!(written["annotations"][0]["bbox"], json!([0.0, 0.0, 60.0, 50.0]));
    assert_eq!(
        (&written["annotations"][0]["difficult"], &written["annotations"][0]["pose"]),
        (&json!(1), &json!("Left"))
    );
    to(&coco, &back, Format::Voc);
    let (before, after) = (read(&root, Format::Voc, None).unwrap(), read(&back, Format::Voc, None).unwrap());
    same(&before, &after, 0.0);
    let first = |data: &DataSet| {
        let object = data.images[0].objects[0].clone();
        (object.difficult, object.truncated, object.occluded, object.pose)
    };
    assert_eq!(first(&after), (Some(true), Some(true), Some(true), Some("Left".into())));
    assert_eq!(first(&before), first(&after));
    assert_eq!(fs::read_to_string(back.join("ImageSets/Main/val.txt")).unwrap(), "b\n");
    assert_eq!(fs::read(back.join("JPEGImages/a.jpg")).unwrap(), fs::read(root.join("JPEGImages/a.jpg")).unwrap());
}

#[test]
fn a_conversion_is_whole_or_not_there() {
    let folder = tempfile::tempdir().unwrap();
    let from = coco(folder.path());
    let count = || fs::read_dir(folder.path()).unwrap().count();
    let out = folder.path().join("out");
    // A name that XML cannot hold is found after files have been written.
    let path = from.join("annotations/instances_train2017.json");
    let text = fs::read_to_string(&path).unwrap();
    fs::write(&path, text.replace("\"dog\"", "\"do\\u0007g\"")).unwrap();
    let error = convert(&request(&from, &out, Format::Voc)).unwrap_err().to_string();
    assert!(error.contains("cannot be a name in XML"), "{error}");
    fs::write(&path, text.replace("sub/b.png", "../../b.png")).unwrap();
    let error = convert(&request(&from, &out, Format::Yolo)).unwrap_err().to_string();
    assert!(error.contains("leads out of its folder"), "{error}");
    fs::write(&path, text.replace("sub/b.png", "/etc/hostname")).unwrap();
    assert!(convert(&request(&from, &out, Format::Yolo)).is_err());
    assert_eq!(count(), 1, "nothing is left");
    fs::write(&path, &text).unwrap();
    let error = convert(&request(&from, &from, Format::Yolo)).unwrap_err().to_string();
    assert!(error.contains("already"), "{error}");
    assert!(
        convert(&request(&from, &out, Format::Coco)).unwrap_err().to_string().contains("in the form of COCO already")
    );
    convert(&Request { images: ImageFiles::Link, ..request(&from, &out, Format::Voc) }).unwrap();
    assert!(fs::symlink_metadata(out.join("JPEGImages/a.png")).unwrap().is_symlink());
    assert_eq!(image::open(out.join("JPEGImages/sub_b.png")).unwrap().height(), 91);
}

/// Real data, where they are: every box comes back, and nothing is lost but crowds.
#[test]
fn real_data_sets_come_back() {
    let shared = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/data");
    if !shared.join("bccd").is_dir() {
        println!("skipped: there is no {}", shared.display());
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    for (name, format, through) in [
        ("bccd", Format::Voc, [Format::Coco, Format::Yolo]),
        ("voc2007_demo", Format::Voc, [Format::Coco, Format::Yolo]),
        ("tiny_coco", Format::Coco, [Format::Voc, Format::Yolo]),
    ] {
        let mut before = read(&shared.join(name), format, None).unwrap();
        before.images.iter_mut().for_each(|image| image.objects.retain(|object| !object.crowd));
        assert!(before.images.iter().map(|image| image.objects.len()).sum::<usize>() > 10, "{name}");
        for other in through {
            let (there, back) = (at(&format!("{name}_{}", other.name())), at(&format!("{name}_{}_back", other.name())));
            let link =
                |from: &Path, to: &Path, format| Request { images: ImageFiles::Link, ..request(from, to, format) };
            convert(&link(&shared.join(name), &there, other)).unwrap();
            convert(&link(&there, &back, format)).unwrap();
            let after = read(&back, format, None).unwrap();
            assert_eq!(before.images.len(), after.images.len(), "{name}");
            same(&before, &after, 1e-9);
            let masks = after.images.iter().flat_map(|i| &i.objects).filter(|o| !o.mask.is_none()).count();
            assert_eq!(masks, 0, "{name}: VOC has none, and not every mask of tiny_coco is one outline");
        }
    }
}
