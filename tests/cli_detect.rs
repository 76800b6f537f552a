//! `vovdet detect` from end to end, with the built-in model.
#![allow(clippy::unwrap_used)]

mod cli_support;
use cli_support::{cells, detect, fixture, run};
use serde_json::{Value, json};
use std::fs;
use std::path::Path;

fn write_json(path: &Path, value: &Value) {
    fs::write(path, value.to_string()).unwrap();
}

/// Python's detections lie in `fixtures/nuclei` (source: SOURCE.txt there).
#[test]
fn a_line_has_everything_and_agrees_with_python() {
    let ran = run(detect([cells()]));
    assert_eq!((ran.code, ran.err.as_str()), (0, ""));
    let lines = ran.lines();
    let [line] = &lines[..] else { panic!("{} lines", lines.len()) };
    assert_eq!(line["image"], cells().display().to_string());
    assert_eq!((&line["width"], &line["height"]), (&json!(256), &json!(256)));
    for stage in ["decode", "prepare", "batch", "network", "postprocess"] {
        let ms = line["times_ms"][stage].as_f64().unwrap();
        assert!(ms >= 0.0 && ms <= line["times_ms"]["total"].as_f64().unwrap());
    }
    let found = line["detections"].as_array().unwrap();
    for detection in found {
        assert_eq!((&detection["label"], &detection["category_id"]), (&json!("nucleus"), &json!(1)));
        assert_eq!(detection["mask"]["size"], json!([256, 256]));
        let counts = detection["mask"]["counts"].as_str().unwrap();
        let mask = hotcoco::mask::rle_from_string(counts, 256, 256).unwrap();
        let [x, y, w, h] = hotcoco::mask::to_bbox(&mask);
        let bbox = numbers(&detection["bbox"]);
        // A pasted mask reaches at most a pixel of rounding and padding beyond its box.
        assert!(x >= bbox[0] - 2.0 && y >= bbox[1] - 2.0 && x + w <= bbox[2] + 2.0 && y + h <= bbox[3] + 2.0);
    }
    let python: Value =
        serde_json::from_str(&fs::read_to_string(fixture("nuclei/python_detections.json")).unwrap()).unwrap();
    for theirs in python.as_array().unwrap() {
        let [x, y, w, h] = numbers(&theirs["bbox"]);
        let near = |ours: &&Value| {
            let distances = numbers(&ours["bbox"]).into_iter().zip([x, y, x + w, y + h]).map(|(a, b)| (a - b).abs());
            distances.fold(0.0, f64::max) < 1.0
        };
        let ours = found.iter().find(near).unwrap_or_else(|| panic!("nothing at {theirs}"));
        assert!((ours["score"].as_f64().unwrap() - theirs["score"].as_f64().unwrap()).abs() < 0.02);
    }
}

fn numbers(list: &Value) -> [f64; 4] {
    let list: Vec<f64> = list.as_array().unwrap().iter().map(|v| v.as_f64().unwrap()).collect();
    list.try_into().unwrap()
}

#[test]
fn a_broken_image_is_reported_and_the_rest_goes_on() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    fs::copy(cells(), path("a.png")).unwrap();
    let bytes = fs::read(cells()).unwrap();
    fs::write(path("b.png"), &bytes[..bytes.len() / 2]).unwrap();
    fs::copy(fixture("images/exif_6.jpg"), path("c.jpg")).unwrap();
    for batch in ["1", "3"] {
        let ran = run(detect([path("").to_str().unwrap(), "--batch", batch]));
        ran.fails_with(1, &["b.png", "cut short"]);
        let lines = ran.lines();
        let names: Vec<_> =
            lines.iter().map(|line| line["image"].as_str().unwrap().rsplit('/').next().unwrap()).collect();
        assert_eq!(names, ["a.png", "b.png", "c.jpg"]);
        assert!(lines[1]["error"].as_str().unwrap().contains("cut short") && lines[1]["detections"].is_null());
        // Stored as 37 x 23, upright it is 23 x 37.
        assert_eq!((&lines[2]["width"], &lines[2]["height"]), (&json!(23), &json!(37)));
    }
}

#[test]
fn images_and_lists_come_from_standard_input() {
    let mut command = detect(["-"]);
    command.write_stdin(fs::read(cells()).unwrap());
    let ran = run(command);
    assert_eq!(ran.code, 0, "{}", ran.err);
    assert_eq!(ran.lines()[0]["image"], "-");
    let first = ran.lines()[0]["detections"].clone();

    let mut command = detect(["--list", "-"]);
    command.write_stdin(format!("{0}\n\n{0}\r\n", cells().display()));
    let lines = run(command).lines();
    assert_eq!(lines.len(), 2);
    assert_eq!(lines[0]["detections"], first, "the same bytes give the same detections");
}

#[test]
fn image_ids_follow_the_three_rules() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    for name in ["cat.png", "COCO_val2014_000000000042.png", "7.png"] {
        fs::copy(cells(), path(name)).unwrap();
    }
    let sources = ["7.png", "cat.png", "COCO_val2014_000000000042.png"].map(path);
    let ids = |extra: &[&str]| -> (i32, Vec<u64>, Value) {
        let results = path("results.json");
        let mut command = detect(&sources);
        command.arg("--coco-results").arg(&results).args(extra);
        let ran = run(command);
        let results: Value = serde_json::from_str(&fs::read_to_string(results).unwrap()).unwrap();
        let mut ids: Vec<_> = results.as_array().unwrap().iter().map(|r| r["image_id"].as_u64().unwrap()).collect();
        ids.dedup();
        (ran.code, ids, results)
    };
    // The number in the stem, or the place in the run (cat.png is the second).
    let (code, found, results) = ids(&["--score", "0.5"]);
    assert_eq!((code, found), (0, vec![7, 2, 42]));
    let first = &results[0];
    let [x, y, w, h] = numbers(&first["bbox"]);
    assert!(w > 0.0 && h > 0.0 && x + w <= 257.0 && y + h <= 257.0, "x, y, width, height: {first}");
    assert_eq!((&first["category_id"], &first["segmentation"]["size"]), (&json!(1), &json!([256, 256])));
    assert!(first["score"].as_f64().unwrap() >= 0.5);

    // By file name; categories by name; an image that is not there is left out and counts as failed.
    let annotations = path("annotations.json");
    write_json(
        &annotations,
        &json!({"images": [{"id": 900, "file_name": "7.png"}, {"id": 901, "file_name": "cat.png"}],
                "annotations": [], "categories": [{"id": 33, "name": "nucleus"}]}),
    );
    let (code, found, results) = ids(&["--annotations", annotations.to_str().unwrap(), "--no-masks"]);
    assert_eq!((code, found), (1, vec![900, 901]));
    assert_eq!(results[0]["category_id"], 33);
    assert!(results[0]["segmentation"].is_null());
}

#[test]
fn pictures_and_crops_are_written() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    fs::create_dir(path("other")).unwrap();
    fs::copy(cells(), path("a.png")).unwrap();
    fs::copy(cells(), path("other/a.png")).unwrap();
    image::open(cells()).unwrap().into_rgb8().save(path("b.jpg")).unwrap();
    let mut command = detect(["a.png", "other/a.png", "b.jpg"].map(path));
    command.arg("--save").arg(path("out/pictures")).arg("--crops").arg(path("crops"));
    let ran = run(command);
    assert_eq!((ran.code, ran.err.as_str()), (0, ""));

    let listing = |folder: &Path| {
        let mut names: Vec<_> =
            fs::read_dir(folder).unwrap().map(|e| e.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    };
    assert_eq!(listing(&path("out/pictures")), ["a.png", "a_2.png", "b.jpg"]);
    let (before, after) = (image::open(cells()).unwrap().into_rgb8(), image::open(path("out/pictures/a.png")).unwrap());
    assert_eq!(before.dimensions(), (after.width(), after.height()));
    assert_ne!(before, after.into_rgb8());

    let lines = ran.lines();
    let detections = lines[0]["detections"].as_array().unwrap();
    let crops = listing(&path("crops"));
    assert!(crops.iter().any(|name| name.starts_with("a_") && !name.starts_with("a_2_0")));
    let [x1, y1, x2, y2] = numbers(&detections[0]["bbox"]);
    // The best detection's crop; numbers are padded to one width.
    let best = crops.iter().find(|name| name.starts_with("a_0")).unwrap();
    let crop = image::open(path("crops").join(best)).unwrap().into_rgb8();
    let expected = ((x2.ceil() - x1.floor()) as u32, (y2.ceil() - y1.floor()) as u32);
    assert_eq!(crop.dimensions(), expected);
    assert_eq!(crop.get_pixel(0, 0), before.get_pixel(x1 as u32, y1 as u32));
}

#[test]
fn a_picture_never_replaces_its_source() {
    let folder = tempfile::tempdir().unwrap();
    let source = folder.path().join("a.png");
    fs::copy(cells(), &source).unwrap();
    let mut command = detect([&source]);
    command.arg("--save").arg(folder.path());
    run(command).fails_with(1, &["a.png", "overwritten"]);
    assert_eq!(fs::read(&source).unwrap(), fs::read(cells()).unwrap());
}

#[test]
fn the_choice_of_detections() {
    let count = |extra: &[&str]| {
        let mut command = detect([cells()]);
        command.args(extra);
        run(command).lines()[0]["detections"].as_array().unwrap().clone()
    };
    let all = count(&[]);
    assert!(all.len() > 3);
    assert_eq!(count(&["--max-dets", "2"]).len(), 2);
    assert!(count(&["--score", "0.9"]).iter().all(|d| d["score"].as_f64().unwrap() >= 0.9));
    assert_eq!(count(&["--classes", "Nucleus"]).len(), all.len());
    assert_eq!(count(&["--classes", "1"]).len(), all.len());
    assert!(count(&["--no-masks"]).iter().all(|d| d["mask"].is_null()));

    let overlapping = |found: &[Value]| {
        let boxes: Vec<_> = found.iter().map(|d| numbers(&d["bbox"])).collect();
        let meet = |a: &[f64; 4], b: &[f64; 4]| a[0] < b[2] && b[0] < a[2] && a[1] < b[3] && b[1] < a[3];
        boxes.iter().enumerate().any(|(i, a)| boxes[i + 1..].iter().any(|b| meet(a, b)))
    };
    assert!(overlapping(&count(&["--nms", "0.9"])) && !overlapping(&count(&["--nms", "0"])));
    assert!(count(&["--nms", "0.9"]).len() > all.len());
}

/// `--size` is the spec's short side, its longest in proportion.
#[test]
fn a_size_of_ones_own() {
    let folder = tempfile::tempdir().unwrap();
    let found = |extra: &[&str]| {
        let mut command = detect([cells()]);
        command.args(extra);
        run(command).lines()[0]["detections"].clone()
    };
    let half = found(&["--size", "128"]);
    assert_ne!(half, found(&[]));
    // The 256 x 256 image shrunk to 128 x 128 by hand is seen as it is: only the resampling kernels differ.
    let small = folder.path().join("small.png");
    image::open(cells()).unwrap().resize_exact(128, 128, image::imageops::FilterType::Triangle).save(&small).unwrap();
    let mut command = detect([small]);
    command.args(["--size", "128"]);
    let by_hand = run(command).lines()[0]["detections"].clone();
    let (a, b) = (numbers(&half[0]["bbox"]), numbers(&by_hand[0]["bbox"]).map(|v| 2.0 * v));
    assert!(a.iter().zip(b).all(|(a, b)| (a - b).abs() < 6.0), "{a:?} {b:?}");
    let mut command = detect([cells()]);
    command.args(["--size", "8"]);
    run(command).fails_with(2, &["nuclei_mask_rcnn_vovnet27_slim", "size 8", "32 to 8192"]);
}

#[test]
fn a_reader_that_leaves_early_is_no_error() {
    use std::io::{BufRead, BufReader};
    use std::process::{Command, Stdio};
    let mut child = Command::new(env!("CARGO_BIN_EXE_vovdet"))
        .args(["detect", "--model", cli_support::MODEL])
        .args(vec![cells(); 6])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut line = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
    assert!(line.starts_with('{'));
    let output = child.wait_with_output().unwrap();
    assert_eq!((output.status.code(), output.stderr.as_slice()), (Some(0), &b""[..]));
}

/// An interrupt in the middle of a run: no half file, how far the run came, the shell's code for SIGINT.
#[cfg(unix)]
#[test]
fn an_interrupt_leaves_no_half_file() {
    use std::io::{BufRead, BufReader};
    use std::process::{Command, Stdio};
    let folder = tempfile::tempdir().unwrap();
    let mut child = Command::new(env!("CARGO_BIN_EXE_vovdet"))
        .args(["detect", "--model", cli_support::MODEL, "--save"])
        .arg(folder.path())
        .args(vec![cells(); 200])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut out = BufReader::new(child.stdout.take().unwrap());
    out.read_line(&mut String::new()).unwrap();
    let id = child.id().to_string();
    assert!(Command::new("kill").args(["-INT", &id]).status().unwrap().success());
    let output = child.wait_with_output().unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!((output.status.code(), said.lines().count()), (Some(130), 1), "{said}");
    assert!(said.contains(" of 200 done") && said.contains("--out"), "{said}");
    for entry in fs::read_dir(folder.path()).unwrap() {
        let path = entry.unwrap().path();
        image::open(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    }
}

/// The detections of every image, in the order of the images.
fn detections(sources: &[std::path::PathBuf], batch: usize) -> Vec<Vec<Value>> {
    let mut command = detect(sources);
    command.args(["--no-masks", "--batch", &batch.to_string()]);
    let ran = run(command);
    assert_eq!(ran.code, 0, "{}", ran.err);
    ran.lines().iter().map(|line| line["detections"].as_array().unwrap().clone()).collect()
}

/// The same objects at every batch size; a batch changes the order of sums in the convolutions, and nothing else.
#[track_caller]
fn batches_change_nothing(sources: &[std::path::PathBuf], batches: &[usize]) {
    let alone = detections(sources, 1);
    for &batch in batches {
        for ((source, alone), together) in sources.iter().zip(&alone).zip(detections(sources, batch)) {
            assert_eq!(alone.len(), together.len(), "{} at batch {batch}", source.display());
            for (a, b) in alone.iter().zip(&together) {
                let distance = numbers(&a["bbox"]).into_iter().zip(numbers(&b["bbox"])).map(|(a, b)| (a - b).abs());
                let distance = distance.fold(0.0, f64::max);
                let score = (a["score"].as_f64().unwrap() - b["score"].as_f64().unwrap()).abs();
                assert!(distance < 1e-3 && score < 1e-5, "{} at batch {batch}: {a} {b}", source.display());
            }
        }
    }
}

/// Padding reaches the network, so only images of one padded size share a batch.
#[test]
fn batches_of_mixed_sizes_change_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let whole = image::open(cells()).unwrap().into_rgb8();
    let sizes = [(256, 256), (256, 150), (130, 256), (256, 256), (256, 152), (90, 100), (132, 256)];
    let crop = |(index, (w, h)): (usize, (u32, u32))| {
        let path = folder.path().join(format!("{index}.png"));
        image::imageops::crop_imm(&whole, 0, 0, w, h).to_image().save(&path).unwrap();
        path
    };
    let sources: Vec<_> = sizes.into_iter().enumerate().map(crop).collect();
    batches_change_nothing(&sources, &[2, 3, 7]);
}

#[test]
fn batches_of_microscope_images_change_nothing() {
    let images = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/data/dsb2018_nuclei/images");
    let Ok(entries) = fs::read_dir(&images) else {
        println!("skipped: there is no {}", images.display());
        return;
    };
    let mut sources: Vec<_> = entries.map(|entry| entry.unwrap().path()).collect();
    sources.sort();
    sources.truncate(16);
    batches_change_nothing(&sources, &[2, 4, 8]);
}
