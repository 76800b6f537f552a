//! Whatever is wrong is said in one line that says what to do, with an exit code that means something.
#![allow(clippy::unwrap_used)]

mod cli_support;
use cli_support::{MODEL, cells, detect, fixture, run, vovdet};
use std::fs;

#[test]
fn sources_that_are_no_images() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    fs::write(path("text.png"), "hello, I am a text\n").unwrap();
    fs::write(path("page.jpg"), "<!DOCTYPE html><html>404</html>").unwrap();
    fs::write(path("empty.png"), "").unwrap();
    fs::create_dir(path("nothing")).unwrap();
    let cases: [(&str, &[&str]); 6] = [
        ("missing.png", &["missing.png", "no such file"]),
        ("text.png", &["text.png", "text file, not an image"]),
        ("page.jpg", &["page.jpg", "web page"]),
        ("empty.png", &["empty.png", "empty"]),
        ("nothing", &["nothing", "folder without images"]),
        ("*.bmp", &["*.bmp", "fits no file"]),
    ];
    for (source, words) in cases {
        let ran = run(detect([path(source)]));
        ran.fails_with(2, words);
        assert!(ran.lines()[0]["error"].is_string(), "the line of a source that failed");
    }
    let mut command = detect(["-"]);
    command.write_stdin("");
    run(command).fails_with(2, &["-: is empty"]);
    let mut command = detect(["--list", "-"]);
    command.write_stdin("\n\n");
    run(command).fails_with(2, &["no images"]);
    run(detect(["--list", "no-such-list.txt"])).fails_with(2, &["--list no-such-list.txt", "no such file"]);
}

#[test]
fn models_and_weights_that_do_not_fit() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let image = cells().to_str().unwrap().to_owned();
    fs::write(path("page.pth"), "<html><body>Not found</body></html>").unwrap();
    fs::write(path("spec.json"), r#"{"name": "x", "backbone": 3}"#).unwrap();
    let with = |extra: &[&str]| run(vovdet(["detect", &image].iter().chain(extra)));

    with(&[]).fails_with(2, &["--weights FILE", MODEL]);
    with(&["--weights", &path("page.pth")]).fails_with(2, &["page.pth", "web page"]);
    with(&["--weights", "missing.pth"]).fails_with(2, &["missing.pth", "No such file"]);
    with(&["--model", "mask_rcnn_vovnet93_fpm"]).fails_with(2, &["did you mean `mask_rcnn_vovnet93_fpn`?"]);
    with(&["--model", "mask_rcnn_vovnet27_slim_fpn"]).fails_with(2, &["not built in", "--weights FILE"]);
    with(&["--model", "mask_rcnn_vovnet39_fpn"]).fails_with(2, &["vovnet-detectron: is not in the cache"]);
    with(&["--model", &path("spec.json")]).fails_with(2, &["spec.json", "not a model spec"]);
    with(&["--model", "faster_rcnn_resnet50_fpn", "--weights", MODEL]).fails_with(2, &[MODEL]);
    with(&["--model", MODEL, "--classes", "nuclues"]).fails_with(2, &["--classes", "no class `nuclues`", "nucleus"]);
}

#[test]
fn options_that_make_no_sense() {
    let image = cells().to_str().unwrap().to_owned();
    let usage = |extra: &[&str], words: &[&str]| {
        let ran = run(vovdet(["detect", "--model", MODEL, &image].iter().chain(extra)));
        assert_eq!(ran.code, 2, "{extra:?}");
        assert!(ran.out.is_empty());
        for word in words {
            assert!(ran.err.contains(word), "no {word:?} in: {}", ran.err);
        }
    };
    usage(&["--dialect", "mmdetection"], &["--dialect", "maskrcnn-benchmark, detectron2, torchvision"]);
    usage(&["--norm", "layer"], &["--norm", "batch, frozen, group"]);
    usage(&["--device", "tpu"], &["--device", "auto, cpu, cuda"]);
    usage(&["--device", "cuda:99"], &["--device cuda"]);
    usage(&["--precision", "int8"], &["--precision", "fp32"]);
    usage(&["--score", "1.5"], &["--score", "from 0 to 1"]);
    usage(&["--batch", "0"], &["--batch"]);
    usage(&["--threads", "0"], &["--threads"]);
    usage(&["--annotations", "x.json"], &["--coco-results"]);
    usage(&["--list", "x.txt"], &["cannot be used with"]);
    usage(&["-", "-"], &["give - once"]);
}

#[test]
fn files_that_cannot_be_read_or_written() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    fs::write(path("file"), "x").unwrap();
    fs::write(path("names.txt"), "\n \n").unwrap();
    fs::write(path("names.json"), "[1, 2]").unwrap();
    fs::write(path("three.txt"), "a\nb\nc\n").unwrap();
    fs::write(path("annotations.json"), "{}").unwrap();
    let image = cells().to_str().unwrap().to_owned();
    let with = |extra: &[&str]| run(detect([&image as &str].iter().chain(extra)));

    with(&["--save", &path("file/inner")]).fails_with(2, &["--save", "file/inner", "cannot write"]);
    with(&["--crops", "/proc/crops"]).fails_with(2, &["--crops", "/proc/crops"]);
    with(&["--coco-results", &path("file/r.json")]).fails_with(2, &["--coco-results", "file/r.json"]);
    let results = path("r.json");
    with(&["--coco-results", &results, "--annotations", &path("annotations.json")])
        .fails_with(2, &["annotations.json", "not a COCO annotation file"]);
    with(&["--class-names", &path("names.txt")]).fails_with(2, &["names.txt", "holds no names"]);
    with(&["--class-names", &path("names.json")]).fails_with(2, &["names.json", "array of strings"]);
    with(&["--class-names", &path("missing.txt")]).fails_with(2, &["missing.txt"]);
    with(&["--class-names", &path("three.txt")]).fails_with(2, &["3", "1"]);
    assert!(!std::path::Path::new(&results).exists());
}

#[test]
fn features_and_classify_say_what_they_need() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("f.safetensors").to_str().unwrap().to_owned();
    let text = fixture("nuclei/SOURCE.txt").to_str().unwrap().to_owned();
    let image = cells().to_str().unwrap().to_owned();
    run(vovdet(["features", "--model", MODEL, &text, "--out", &out])).fails_with(2, &["SOURCE.txt", "text file"]);
    run(vovdet(["features", "--model", MODEL, &image, "--out", "/no/such/f.safetensors"]))
        .fails_with(2, &["/no/such/f.safetensors"]);
    run(vovdet(["classify", "--model", MODEL, &image])).fails_with(2, &["not a classifier", "vovdet detect"]);
    assert!(!std::path::Path::new(&out).exists());
}

/// An output that is the input, by whatever path, is refused before anything is read.
#[test]
fn features_never_replace_what_they_are_made_of() {
    let folder = tempfile::tempdir().unwrap();
    let image = folder.path().join("image.png");
    fs::copy(cells(), &image).unwrap();
    fs::hard_link(&image, folder.path().join("link.safetensors")).unwrap();
    for out in ["image.png", "./image.png", "link.safetensors"] {
        let mut command = vovdet(["features", "--model", MODEL, "image.png", "--out", out]);
        command.current_dir(folder.path());
        run(command).fails_with(2, &["--out", "image.png would be overwritten"]);
    }
    assert_eq!(fs::read(&image).unwrap(), fs::read(cells()).unwrap());
}
