//! What `vovdet detect` writes: for people, for programs, into files; and how a run ends and goes on.
#![allow(clippy::unwrap_used)]

mod cli_support;
use cli_support::{MODEL, cells, detect, run, vovdet};
use serde_json::{Value, json};
use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// What the program prints when its standard output is a terminal.
fn on_a_terminal(arguments: &[&str]) -> String {
    let pty = rustix_openpty::openpty(None, None).unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_vovdet"));
    command.args(["detect", "--model", MODEL]).args(arguments);
    let mut child = command.stdout(pty.user).stderr(Stdio::null()).spawn().unwrap();
    // The command holds the other end of the terminal too; reading ends when nobody does.
    drop(command);
    let mut text = Vec::new();
    // Linux says EIO when the last writer has gone.
    let _ = fs::File::from(pty.controller).read_to_end(&mut text);
    assert!(child.wait().unwrap().success());
    String::from_utf8(text).unwrap().replace("\r\n", "\n")
}

fn sure(line: &Value) -> usize {
    line["detections"].as_array().unwrap().iter().filter(|d| d["score"].as_f64().unwrap() >= 0.5).count()
}

#[test]
fn a_terminal_shows_a_line_an_image_and_a_sum() {
    let cells = cells().display().to_string();
    let found = sure(&run(detect([&cells])).lines()[0]);
    assert!(found > 0);
    let text = on_a_terminal(&[&cells, &cells]);
    let lines: Vec<_> = text.lines().collect();
    assert_eq!(lines.len(), 3, "{text}");
    for line in &lines[..2] {
        let words: Vec<_> = line.split_whitespace().collect();
        assert_eq!(words[..4], [cells.as_str(), "256x256", found.to_string().as_str(), "nucleus"], "{text}");
    }
    let sum = format!("2 images, {} objects with a score of 0.5 or more, 0 failed", 2 * found);
    assert_eq!(lines[2], sum);
    let text = on_a_terminal(&[&cells, "--json"]);
    assert!(serde_json::from_str::<Value>(&text).unwrap()["detections"].is_array());
}

#[test]
fn pictures_show_what_is_sure_and_json_has_everything() {
    let folder = tempfile::tempdir().unwrap();
    let crops = |name: &str, extra: &[&str]| {
        let crops = folder.path().join(name);
        let mut command = detect([cells()]);
        command.arg("--crops").arg(&crops).args(extra);
        let line = run(command).lines().remove(0);
        (fs::read_dir(crops).unwrap().count(), line)
    };
    let (drawn, line) = crops("a", &[]);
    let all = line["detections"].as_array().unwrap().len();
    assert_eq!(drawn, sure(&line));
    assert!(drawn < all, "the case has unsure detections: {drawn} of {all}");
    // --score sets both.
    let (drawn, line) = crops("b", &["--score", "0.9"]);
    assert_eq!(drawn, line["detections"].as_array().unwrap().len());
    let (drawn, _) = crops("c", &["--hide", "nucleus"]);
    assert_eq!(drawn, 0);
}

#[test]
fn folders_stay_below_save_and_the_lines_name_the_pictures() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    for name in ["in/a", "in/b"] {
        fs::create_dir_all(at(name)).unwrap();
        fs::copy(cells(), at(name).join("x.png")).unwrap();
    }
    let mut command = detect([at("in")]);
    command.arg("-r").arg("--save").arg(at("out"));
    let ran = run(command);
    assert_eq!((ran.code, ran.err.as_str()), (0, ""));
    for (line, name) in ran.lines().iter().zip(["out/a/x.png", "out/b/x.png"]) {
        assert_eq!(line["saved"], at(name).display().to_string());
        assert!(at(name).is_file());
    }
    assert!(run(detect([at("in/a")])).lines()[0].get("saved").is_none());
}

#[test]
fn nothing_that_is_read_is_written_over() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    image::open(cells()).unwrap().into_rgb8().save(at("a.jpg")).unwrap();
    fs::copy(at("a.jpg"), at("a.jpeg")).unwrap();
    fs::write(at("list.txt"), format!("{}\n", at("a.jpg").display())).unwrap();
    fs::write(at("annotations.json"), r#"{"images": [], "annotations": [], "categories": []}"#).unwrap();
    let before = fs::read(at("a.jpg")).unwrap();
    let mut command = detect([folder.path()]);
    command.arg("--save").arg(folder.path());
    let ran = run(command);
    assert_eq!(ran.code, 1);
    assert!(ran.err.contains("a.jpg would be overwritten"), "{}", ran.err);
    assert_eq!(fs::read(at("a.jpg")).unwrap(), before);

    for victim in ["a.jpg", "list.txt", "annotations.json"] {
        let mut command = detect(["--list"]);
        command.arg(at("list.txt")).arg("--annotations").arg(at("annotations.json"));
        command.arg("--coco-results").arg(at(victim));
        let before = fs::read(at(victim)).unwrap();
        run(command).fails_with(2, &["--coco-results", victim, "overwritten"]);
        assert_eq!(fs::read(at(victim)).unwrap(), before);
    }
}

#[test]
fn features_do_not_replace_their_image() {
    let folder = tempfile::tempdir().unwrap();
    let image = folder.path().join("a.png");
    fs::copy(cells(), &image).unwrap();
    let mut command = vovdet(["features", "--model", MODEL]);
    command.arg(&image).arg("--out").arg(&image);
    run(command).fails_with(2, &["--out", "overwritten"]);
    assert_eq!(fs::read(&image).unwrap(), fs::read(cells()).unwrap());
}

#[test]
fn a_classifier_is_refused_before_anything_is_fetched() {
    let cells = cells().display().to_string();
    run(vovdet(["detect", "--model", "vovnet39", &cells]))
        .fails_with(2, &["vovnet39 is no detector", "vovdet classify"]);
}

fn copies(folder: &Path, count: usize) -> Vec<PathBuf> {
    let copy = |index: usize| {
        let path = folder.join(format!("{index}.png"));
        fs::copy(cells(), &path).unwrap();
        path
    };
    (1..=count).map(copy).collect()
}

fn read_json(path: &Path) -> Value {
    serde_json::from_str(&fs::read_to_string(path).unwrap()).unwrap()
}

/// The lines without their times.
fn timeless(path: &Path) -> Vec<Value> {
    let text = fs::read_to_string(path).unwrap();
    let line = |line: &str| {
        let mut line: Value = serde_json::from_str(line).unwrap();
        line["times_ms"] = json!(null);
        line
    };
    text.lines().map(line).collect()
}

#[test]
fn an_interrupted_run_keeps_its_results_and_goes_on() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    let sources = copies(folder.path(), 12);
    let command = |name: &str| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_vovdet"));
        command.args(["detect", "--model", MODEL, "--json", "--out"]).arg(at(name).join("lines.jsonl"));
        command.arg("--coco-results").arg(at(name).join("coco.json")).arg("--save").arg(at(name).join("out"));
        command.args(&sources);
        command
    };
    assert!(command("whole").output().unwrap().status.success());
    assert_eq!(timeless(&at("whole/lines.jsonl")).len(), 12);

    for (signal, code) in [("-INT", 130), ("-HUP", 129)] {
        let mut child = command("part").stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let mut out = BufReader::new(child.stdout.take().unwrap());
        out.read_line(&mut String::new()).unwrap();
        out.read_line(&mut String::new()).unwrap();
        assert!(Command::new("kill").args([signal, &child.id().to_string()]).status().unwrap().success());
        let output = child.wait_with_output().unwrap();
        let said = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(code), "{said}");
        assert!(said.contains(" of 12 done; the same command with --resume goes on"), "{said}");
        let so_far = timeless(&at("part/lines.jsonl"));
        assert!((1..12).contains(&so_far.len()), "{}", so_far.len());
        assert!(!read_json(&at("part/coco.json")).as_array().unwrap().is_empty());
        // Pictures of what is done are there.
        assert!(so_far.iter().all(|line| Path::new(line["saved"].as_str().unwrap()).is_file()));
    }

    let ran = command("part").arg("--resume").output().unwrap();
    assert!(ran.status.success());
    assert!(String::from_utf8(ran.stderr).unwrap().contains("of 12 images are done already"));
    let strip = |lines: Vec<Value>| -> Vec<Value> {
        lines.into_iter().map(|line| json!([line["image"], line["detections"]])).collect()
    };
    assert_eq!(strip(timeless(&at("part/lines.jsonl"))), strip(timeless(&at("whole/lines.jsonl"))));
    assert_eq!(read_json(&at("part/coco.json")), read_json(&at("whole/coco.json")));
    assert!(!at("part/lines.jsonl.partial").exists());
}

#[test]
fn results_are_whole_when_nobody_reads_the_lines_any_more() {
    let folder = tempfile::tempdir().unwrap();
    let results = folder.path().join("coco.json");
    let mut child = Command::new(env!("CARGO_BIN_EXE_vovdet"))
        .args(["detect", "--model", MODEL, "--coco-results"])
        .arg(&results)
        .args(copies(folder.path(), 6))
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut line = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
    let output = child.wait_with_output().unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(said.contains("standard output is closed"), "{said}");
    let mut ids: Vec<_> =
        read_json(&results).as_array().unwrap().iter().map(|result| result["image_id"].as_u64().unwrap()).collect();
    ids.dedup();
    assert_eq!(ids, [1, 2, 3, 4, 5, 6]);
}

#[test]
fn results_in_the_forms_of_others() {
    let folder = tempfile::tempdir().unwrap();
    let out = |form: &str| {
        let path = folder.path().join(form);
        let mut command = detect([cells()]);
        command.args(["--format", form, "--score", "0.5", "--out"]).arg(&path);
        let ran = run(command);
        assert_eq!(ran.code, 0, "{}", ran.err);
        assert!(ran.out.contains("nucleus") && ran.out.contains("results in"), "people see how it goes: {}", ran.out);
        path
    };
    let found = sure(&run(detect([cells()])).lines()[0]);
    let lines = |path: PathBuf| fs::read_to_string(path).unwrap().lines().count();
    assert_eq!(lines(out("yolo").join("cells.txt")), found);
    assert_eq!(lines(out("voc").join("comp4_det_test_nucleus.txt")), found);
    assert_eq!(lines(out("csv").join("detections.csv")), found + 1);
    assert_eq!(read_json(&out("coco").join("detections.json")).as_array().unwrap().len(), found);
    let mut command = detect([cells()]);
    command.args(["--format", "csv", "--score", "0.5"]);
    assert_eq!(run(command).out.lines().count(), found + 1);
    let mut command = detect([cells()]);
    command.args(["--format", "voc"]);
    run(command).fails_with(2, &["--format voc needs --out"]);
}
