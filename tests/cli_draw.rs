//! `vovdet draw`: pictures of saved results are those that `vovdet detect --save` makes.
#![allow(clippy::unwrap_used)]

mod cli_support;
use cli_support::{cells, detect, run, vovdet};
use std::fs;

#[test]
fn saved_results_give_the_pictures_of_detect() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    for name in ["in/a", "in/b"] {
        fs::create_dir_all(at(name)).unwrap();
        fs::copy(cells(), at(name).join("x.png")).unwrap();
    }
    let mut command = detect([at("in")]);
    command.args(["-r", "--out"]).arg(at("lines.jsonl")).arg("--coco-results").arg(at("coco.json"));
    command.arg("--save").arg(at("direct"));
    assert_eq!(run(command).code, 0);
    let picture = |name: &str| fs::read(at(name)).unwrap();

    // Where the lines say; the images were named by themselves, so the folders are not those of a search.
    let mut command = vovdet(["draw"]);
    command.arg(at("lines.jsonl")).arg("--save").arg(at("lines"));
    let ran = run(command);
    assert_eq!((ran.code, ran.err.as_str()), (0, ""));
    assert!(ran.out.lines().last().unwrap().contains("2 images"), "{}", ran.out);
    assert!(ran.out.contains("256x256") && ran.out.contains("nucleus"), "{}", ran.out);
    assert!(picture("lines/x.png") == picture("direct/a/x.png"));

    // A class by its name: without it there is the image alone.
    let mut command = vovdet(["draw", "--hide", "Nucleus"]);
    command.arg(at("lines.jsonl")).arg("--save").arg(at("hidden"));
    assert_eq!(run(command).code, 0);
    let pixels = |path| image::open(path).unwrap().into_rgb8();
    assert_eq!(pixels(at("hidden/x.png")), pixels(cells()));

    // By id: the place in the folder, as in the run that wrote them.
    let mut command = vovdet(["draw", "-r"]);
    command.arg(at("coco.json")).arg("--images").arg(at("in")).arg("--save").arg(at("coco"));
    let ran = run(command);
    assert_eq!((ran.code, ran.err.as_str()), (0, ""));
    for name in ["a/x.png", "b/x.png"] {
        assert!(picture(&format!("coco/{name}")) == picture(&format!("direct/{name}")), "{name}");
    }

    // By the names of a data set.
    let data = r#"{"images": [{"id": 2, "file_name": "b/x.png"}], "annotations": [],
                   "categories": [{"id": 1, "name": "nucleus"}]}"#;
    fs::write(at("data.json"), data).unwrap();
    let mut command = vovdet(["draw"]);
    command.arg(at("coco.json")).arg("--images").arg(at("in")).arg("--annotations").arg(at("data.json"));
    command.arg("--save").arg(at("named"));
    let ran = run(command);
    assert_eq!(ran.code, 1, "the image with the id 1 is not in the data set");
    assert!(ran.err.contains("the id 1"), "{}", ran.err);
    assert!(picture("named/b/x.png") == picture("direct/b/x.png"));
}

#[test]
fn what_holds_no_results_says_so() {
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str, text: &str| {
        let path = folder.path().join(name);
        fs::write(&path, text).unwrap();
        path
    };
    for (path, words) in [
        (file("data.json", r#"{"images": [], "annotations": []}"#), "data set"),
        (file("text.json", "hello"), "holds no results"),
        (file("list.json", r#"[{"image_id": 1}]"#), "no list of COCO results"),
        (file("coco.json", r#"[{"image_id": 1, "category_id": 1, "score": 1, "bbox": [0,0,1,1]}]"#), "--images"),
    ] {
        let mut command = vovdet(["draw"]);
        command.arg(path).arg("--save").arg(folder.path().join("out"));
        run(command).fails_with(2, &[words]);
    }
}
