//! One run, in all forms.
#![allow(clippy::unwrap_used)]

use super::*;
use std::fs;

fn line(image: &str, boxes: &[[f32; 4]]) -> String {
    let detections: Vec<_> = boxes
        .iter()
        .map(|bbox| json!({"bbox": bbox, "score": 0.75, "label": "ripe, \"red\"", "category_id": 7}))
        .collect();
    json!({"image": image, "width": 200, "height": 100, "detections": detections, "times_ms": {"total": 1.0}})
        .to_string()
}

fn classes() -> Classes {
    Classes { names: vec![(3, "green".into()), (7, "ripe, \"red\"".into())], plus_one: 0.0 }
}

fn write(target: &Target) {
    target.prepare().unwrap();
    let run = json!({"weights": "w"}).as_object().unwrap().clone();
    let mut results = Results::open(vec![target.clone()], &run, false, None, classes(), |_, _| ()).unwrap().unwrap();
    // Image 1 fails first and is done later, as in a run that goes on.
    results.add(0, "in/a.png", &line("in/a.png", &[[10.0, 20.0, 50.0, 60.0], [0.0, 0.0, 200.0, 100.0]])).unwrap();
    let failure = Failure { image: "in/frame_12.png".into(), error: "is empty".into() };
    results.add_failure(1, &failure, &serde_json::to_string(&failure).unwrap()).unwrap();
    results.add(2, "b.png", &line("b.png", &[])).unwrap();
    results.add(1, "in/frame_12.png", &line("in/frame_12.png", &[[1.5, 2.0, 3.0, 4.0]])).unwrap();
    let failure = Failure { image: "c.png".into(), error: "is cut short".into() };
    results.add_failure(3, &failure, &serde_json::to_string(&failure).unwrap()).unwrap();
    let problems = results.write().unwrap();
    assert_eq!(problems.left_out, 0);
    results.close();
}

#[test]
fn every_form_says_the_same() {
    let folder = tempfile::tempdir().unwrap();
    let out = |name: &str, form| {
        let target = Target::new(&folder.path().join(name), form).unwrap();
        write(&target);
        target.path
    };
    let jsonl = fs::read_to_string(out("a.jsonl", None)).unwrap();
    let images: Vec<_> = jsonl
        .lines()
        .map(|l| serde_json::from_str::<Value>(l).unwrap()["image"].as_str().unwrap().to_owned())
        .collect();
    assert_eq!(images, ["in/a.png", "in/frame_12.png", "b.png", "c.png"]);

    let coco: Value = serde_json::from_str(&fs::read_to_string(out("a.json", None)).unwrap()).unwrap();
    assert_eq!(coco[0], json!({"image_id": 1, "category_id": 7, "bbox": [10.0, 20.0, 40.0, 40.0], "score": 0.75}));
    assert_eq!((&coco[2]["image_id"], coco.as_array().unwrap().len()), (&json!(12), 3));

    let table = fs::read_to_string(out("sub/folder", Some(Form::Csv))).unwrap();
    let rows: Vec<_> = table.lines().collect();
    assert_eq!(
        rows[..2],
        ["image,label,category_id,score,x1,y1,x2,y2", r#"in/a.png,"ripe, ""red""",7,0.75,10,20,50,60"#]
    );
    assert_eq!(rows.len(), 4);

    // x and y of the centre, width and height, all as parts of 200 x 100 pixels.
    let yolo = out("yolo", Some(Form::Yolo));
    let text = |name: &str| fs::read_to_string(yolo.join(name)).unwrap();
    assert_eq!(
        text("a.txt"),
        "1 0.150000 0.400000 0.200000 0.400000 0.75\n1 0.500000 0.500000 1.000000 1.000000 0.75\n"
    );
    assert_eq!((text("b.txt").as_str(), text("classes.txt").as_str()), ("", "green\nripe, \"red\"\n"));

    let voc = out("comp4", Some(Form::Voc));
    let text = fs::read_to_string(voc.join("comp4_det_test_ripe, \"red\".txt")).unwrap();
    assert_eq!(text, "a 0.75 11 21 50 60\na 0.75 1 1 200 100\nframe_12 0.75 2.5 3 3 4\n");
    assert_eq!(fs::read_to_string(voc.join("comp4_det_test_green.txt")).unwrap(), "");

    let left: Vec<_> = fs::read_dir(folder.path()).unwrap().map(|e| e.unwrap().file_name()).collect();
    assert!(left.iter().all(|name| !name.to_string_lossy().contains("partial")), "{left:?}");
}

#[test]
fn the_form_follows_from_the_name_or_is_said() {
    let target = |out: &str, form| Target::new(Path::new(out), form).map(|t| (t.form, t.path.display().to_string()));
    assert_eq!(target("r.json", None).unwrap(), (Form::Coco, "r.json".into()));
    assert_eq!(target("r.txt", Some(Form::Coco)).unwrap(), (Form::Coco, "r.txt/detections.json".into()));
    assert_eq!(target("labels", Some(Form::Yolo)).unwrap(), (Form::Yolo, "labels".into()));
    assert!(target("labels", None).unwrap_err().to_string().contains("--format"));
}
