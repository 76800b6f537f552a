//! `vovdet eval merge`: the results of shares, put together, are those of one run over everything.
#![allow(clippy::unwrap_used)]

mod cli_support;
use cli_support::{MODEL, Ran, cells, fixture, run, vovdet};
use serde_json::{Value, json};
use std::fs;
use std::path::{Path, PathBuf};
use tempfile::TempDir;

/// A folder to work in.
struct Bench {
    folder: TempDir,
}

impl Bench {
    fn new() -> Self {
        Self { folder: tempfile::tempdir().unwrap() }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn write(&self, name: &str, text: impl AsRef<[u8]>) {
        fs::create_dir_all(self.path(name).parent().unwrap()).unwrap();
        fs::write(self.path(name), text).unwrap();
    }

    fn read(&self, name: &str) -> String {
        fs::read_to_string(self.path(name)).unwrap()
    }

    fn eval(&self, arguments: &[&str]) -> Ran {
        let mut command = vovdet(["eval"]);
        command.args(arguments).current_dir(self.folder.path()).env("XDG_CACHE_HOME", self.path("cache"));
        run(command)
    }

    /// The result of an evaluation.
    #[track_caller]
    fn result(&self, arguments: &[&str]) -> Value {
        let ran = self.eval(&[arguments, &["--json"]].concat());
        assert_eq!(ran.code, 0, "{}", ran.err);
        ran.lines().remove(0)
    }

    /// Evaluates a share, keeps the result as `name`.
    #[track_caller]
    fn share(&self, name: &str, shard: &str, arguments: &[&str]) {
        let result = self.result(&[arguments, &["--shard", shard]].concat());
        self.write(name, result.to_string());
    }

    #[track_caller]
    fn merge(&self, arguments: &[&str]) -> Value {
        self.result(&[&["merge"], arguments].concat())
    }

    fn refused(&self, results: &[&str], words: &[&str]) {
        self.eval(&[&["merge"], results].concat()).fails_with(2, words);
    }
}

/// What a result says but for how it was made.
fn figures(result: &Value) -> Value {
    let keys = ["bbox", "segm", "map_2007", "map_area", "counts", "per_class"];
    keys.map(|key| result[key].clone()).into_iter().collect()
}

fn text(path: &Path) -> String {
    path.to_str().unwrap().to_owned()
}

fn in_eval(name: &str) -> String {
    text(&fixture("eval").join(name))
}

const COCO: [&str; 2] = ["eval1.json", "eval2.json"];

#[test]
fn shares_of_one_file_count_its_detections_once() {
    let bench = Bench::new();
    let annotations = in_eval("val2014_100/instances_val2014_100.json");
    for kind in ["bbox", "segm"] {
        let detections = in_eval(&format!("val2014_100/instances_val2014_fake{kind}100_results.json"));
        let arguments = ["coco", "--annotations", &annotations, "--detections", &detections];
        bench.share("eval1.json", "1/2", &arguments);
        bench.share("eval2.json", "2/2", &arguments);
        let merged = bench.merge(&[COCO[1], COCO[0], "--save-detections", "all.json"]);
        let expected: Value =
            serde_json::from_str(&fs::read_to_string(in_eval("val2014_100/pycocotools.json")).unwrap()).unwrap();
        assert_eq!(merged[kind], expected[kind]);
        assert_eq!(figures(&merged), figures(&bench.result(&arguments)));
        assert_eq!(merged["protocol"]["shard"], Value::Null);
        let again = ["coco", "--annotations", &annotations, "--detections", "all.json"];
        assert_eq!(figures(&bench.result(&again)), figures(&merged));
        assert_eq!(merged["provenance"]["detections"]["path"], json!(bench.path("all.json")));
    }
}

/// pycocotools' figures (see `fixtures/eval/SOURCE.txt`), where scores tie: of lists that jump between images, of lines
/// that a run keeps, of a data set around the results, and of shares with options.
#[test]
fn shares_in_every_form_have_pycocotools_figures() {
    let bench = Bench::new();
    let folders = ["random", "from_zero"].map(|name| fs::read_dir(in_eval(name)).unwrap());
    for entry in folders.into_iter().flatten() {
        let path = entry.unwrap().path();
        let case: Value = serde_json::from_str(&fs::read_to_string(&path).unwrap()).unwrap();
        bench.write("truth.json", case["truth"].to_string());
        let expected = case["pycocotools"].as_object().unwrap();
        let images = case["truth"]["images"].as_array().unwrap();
        let all = case["results"].as_array().unwrap();
        let of = |image: &Value| all.iter().filter(|r| r["image_id"] == image["id"]).cloned().collect::<Vec<_>>();
        let own = |share: usize| images.iter().skip(share - 1).step_by(2).map(of).collect::<Vec<_>>();
        // One result of each image in turn.
        let list = |share: usize| -> Value {
            let own = own(share);
            let most = own.iter().map(Vec::len).max().unwrap_or(0);
            (0..most).flat_map(|i| own.iter().filter_map(move |list| list.get(i)).cloned()).collect()
        };
        let lines = |share: usize| {
            let line = |(image, results): (&Value, Vec<Value>)| {
                json!({"image_id": image["id"], "results": results}).to_string()
            };
            let lines = images.iter().skip(share - 1).step_by(2).zip(own(share)).map(line);
            // Lines of the other share's images, too, as of a wider run.
            let others = images.iter().skip(2 - share).step_by(2).map(|image| line((image, of(image))));
            let head = json!({"vovdet_eval": 1, "run": {}}).to_string();
            let failed = json!({"image_id": images[0]["id"], "error": "is cut short"}).to_string();
            [head, failed].into_iter().chain(lines).chain(others).collect::<Vec<_>>().join("\n") + "\n"
        };
        let forms = [
            list(1).to_string(),
            serde_json::to_string_pretty(&list(2)).unwrap(),
            lines(1),
            lines(2),
            json!({"annotations": list(1)}).to_string(),
            json!({"annotations": list(2)}).to_string(),
        ];
        for (form, texts) in forms.chunks(2).enumerate() {
            for (share, text) in texts.iter().enumerate() {
                let found = format!("found{share}.json");
                bench.write(&found, text);
                let iou = if expected.len() == 2 { "both" } else { "bbox" };
                let arguments = ["coco", "--annotations", "truth.json", "--detections", &found, "--iou", iou];
                bench.share(COCO[share], &format!("{}/2", share + 1), &arguments);
            }
            let merged = bench.merge(&COCO);
            for (kind, figures) in expected {
                assert_eq!(merged[kind], figures["all"], "{kind} of {}, form {form}", path.display());
                for (class, figures) in figures["per_class"].as_object().unwrap() {
                    assert_eq!(
                        merged["per_class"][class][kind],
                        *figures,
                        "{class} of {}, form {form}",
                        path.display()
                    );
                }
            }
            assert_eq!(merged["counts"]["detections"], all.len());
        }
    }
}

#[test]
fn options_hold_for_the_whole() {
    let bench = Bench::new();
    let annotations = in_eval("small/gt_dataset.json");
    let detections = in_eval("small/dt_dataset.json");
    for more in [
        &["--mask-areas"][..],
        &["--min-score", "0.7", "--max-dets", "2", "--limit", "3"],
        &["--classes", "1", "--iou", "bbox"],
    ] {
        let arguments = [&["coco", "--annotations", &annotations, "--detections", &detections][..], more].concat();
        for (share, name) in ["eval1.json", "eval2.json", "eval3.json"].into_iter().enumerate() {
            bench.share(name, &format!("{}/3", share + 1), &arguments);
        }
        let merged = bench.merge(&["eval3.json", "eval1.json", "eval2.json"]);
        let whole = bench.result(&arguments);
        assert_eq!(figures(&merged), figures(&whole), "{more:?}");
        assert_eq!(merged["protocol"], whole["protocol"]);
    }
}

/// The text files of Object-Detection-Metrics, in one folder and as two folders of comp4 files.
#[test]
fn shares_of_voc_are_the_whole() {
    let bench = Bench::new();
    let root = in_eval("padilla/groundtruths");
    let voc = |detections: &str| {
        ["voc", "--root", &root, "--iou-threshold", "0.3", "--detections", detections].map(String::from)
    };
    let saved = voc(&in_eval("padilla/detections"));
    let saved: Vec<&str> = saved.iter().map(String::as_str).collect();
    let whole = bench.result(&saved);
    // The README of Object-Detection-Metrics says 26.84% and 24.56%.
    assert!((whole["map_2007"].as_f64().unwrap() - 0.2684).abs() < 5e-5, "{whole}");
    bench.share("eval1.json", "1/2", &saved);
    bench.share("eval2.json", "2/2", &saved);
    let merged = bench.merge(&[COCO[1], COCO[0], "--save-detections", "all"]);
    assert_eq!(figures(&merged), figures(&whole));
    assert_eq!(merged["protocol"], whole["protocol"]);
    let comp4 = bench.read("all/comp4_det_all_person.txt");
    assert_eq!(comp4.lines().count(), 24);

    // A share may have nothing but its own detections, and no file for a class without any.
    let own = |share: usize| {
        let mine = |line: &&str| (line[..5].parse::<usize>().unwrap() - 1) % 2 == share;
        comp4.lines().filter(mine).collect::<Vec<_>>().join("\n")
    };
    for share in [0, 1] {
        bench.write(&format!("part{share}/person.txt"), own(share));
        let arguments = voc(&format!("part{share}"));
        let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
        bench.share(COCO[share], &format!("{}/2", share + 1), &arguments);
    }
    let merged = bench.merge(&[COCO[0], COCO[1], "--save-detections", "all.json"]);
    assert_eq!(figures(&merged), figures(&whole));
    let list = voc("all.json");
    let list: Vec<&str> = list.iter().map(String::as_str).collect();
    assert_eq!(figures(&bench.result(&list)), figures(&whole));

    // A list that numbers classes in its own way is read with the names that were said of it.
    let mut results: Value = serde_json::from_str(&bench.read("all.json")).unwrap();
    results.as_array_mut().unwrap().iter_mut().for_each(|result| result["category_id"] = json!(1));
    bench.write("own.json", results.to_string());
    bench.write("names.txt", "person\n");
    let own_list = voc("own.json");
    let own_list: Vec<&str> = own_list.iter().map(String::as_str).chain(["--class-names", "names.txt"]).collect();
    bench.share("eval1.json", "1/2", &own_list);
    bench.share("eval2.json", "2/2", &own_list);
    assert_eq!(figures(&bench.merge(&COCO)), figures(&whole));

    bench.write("part1/person.txt", "");
    let arguments = voc("part1");
    bench.share("eval2.json", "2/2", &arguments.iter().map(String::as_str).collect::<Vec<_>>());
    bench.write("part1/person.txt", own(1));
    bench.share("eval1.json", "1/2", &voc("part0").iter().map(String::as_str).collect::<Vec<_>>());
    bench.refused(&COCO, &["part1 has changed"]);
}

#[test]
fn voc2007_in_shares_has_the_figures_of_one_run() {
    let data = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/data/voc2007_eval");
    if !data.exists() {
        println!("skipped: there is no {}", data.display());
        return;
    }
    let bench = Bench::new();
    let (root, detections) = (text(&data.join("VOC2007")), text(&data.join("mobilenet_yolov3_comp4")));
    let arguments = ["voc", "--root", &root, "--split", "test", "--detections", &detections];
    for share in ["1", "2", "3"] {
        bench.share(&format!("eval{share}.json"), &format!("{share}/3"), &arguments);
    }
    let merged = bench.merge(&["eval1.json", "eval2.json", "eval3.json"]);
    assert_eq!(figures(&merged), figures(&bench.result(&arguments)));
}

/// Folders of two VOC images and three COCO images, for the built-in model.
fn images(bench: &Bench) {
    let found: Value =
        serde_json::from_str(&fs::read_to_string(fixture("nuclei/python_detections.json")).unwrap()).unwrap();
    let good = found.as_array().unwrap().iter().filter(|object| object["score"].as_f64().unwrap() > 0.5);
    let boxes: Vec<[f64; 4]> = good.map(|o| [0, 1, 2, 3].map(|i| o["bbox"][i].as_f64().unwrap())).collect();
    let object = |[x, y, w, h]: &[f64; 4]| {
        let corners = [x + 1.0, y + 1.0, x + w, y + h];
        let [x1, y1, x2, y2] = corners;
        format!(
            "<object><name>nucleus</name><bndbox><xmin>{x1}</xmin><ymin>{y1}</ymin><xmax>{x2}</xmax><ymax>{y2}</ymax>\
             </bndbox></object>"
        )
    };
    let objects: String = boxes.iter().map(object).collect();
    let mut annotations = Vec::new();
    for (id, name) in [(5, "00a"), (6, "0007"), (7, "b8")] {
        bench.write(&format!("VOC/Annotations/{name}.xml"), format!("<annotation>{objects}</annotation>"));
        bench.write(&format!("VOC/JPEGImages/{name}.png"), fs::read(cells()).unwrap());
        annotations.extend(boxes.iter().map(|[x, y, w, h]| (id, [*x, *y, *w, *h])));
    }
    bench.write("VOC/ImageSets/Main/val.txt", "b8\n00a\n0007\n");
    let annotations: Value = (1..)
        .zip(annotations)
        .map(|(id, (image, [x, y, w, h]))| {
            json!({"id": id, "image_id": image, "category_id": 3, "iscrowd": 0, "area": w * h, "bbox": [x, y, w, h],
                   "segmentation": [[x, y, x + w, y, x + w, y + h, x, y + h]]})
        })
        .collect();
    let images = [(5, "00a"), (6, "0007"), (7, "b8")];
    let images =
        images.map(|(id, name)| json!({"id": id, "file_name": format!("{name}.png"), "width": 256, "height": 256}));
    let categories = json!([{"id": 3, "name": "nucleus"}]);
    bench.write(
        "coco.json",
        json!({"images": images, "annotations": annotations, "categories": categories}).to_string(),
    );
}

#[test]
fn shares_of_a_model_are_the_whole_in_every_form_that_it_keeps() {
    let bench = Bench::new();
    images(&bench);
    let coco = ["coco", "--model", MODEL, "--annotations", "coco.json", "--images", "VOC/JPEGImages"];
    let voc = ["voc", "--model", MODEL, "--root", "VOC", "--iou-threshold", "0.9"];
    for (arguments, forms) in [(&coco[..], &["json", "jsonl"][..]), (&voc[..], &["json", "jsonl", "comp4"])] {
        let whole = bench.result(&[arguments, &["--save-detections", "whole.json"]].concat());
        let worst = if arguments[0] == "coco" { &whole["bbox"][0] } else { &whole["map_area"] };
        // Objects are what Python found with these weights.
        assert!(worst.as_f64().unwrap() > 0.9, "{whole}");
        for form in forms {
            let name = |share: usize| match *form {
                "comp4" => format!("share{share}"),
                extension => format!("share{share}.{extension}"),
            };
            for share in [1, 2] {
                let name = name(share);
                let arguments = [arguments, &["--save-detections", &name]].concat();
                bench.share(COCO[share - 1], &format!("{share}/2"), &arguments);
            }
            let merged = bench.merge(&[COCO[1], COCO[0], "--save-detections", "merged.json"]);
            assert_eq!(figures(&merged), figures(&whole), "{form}");
            if arguments[0] == "coco" {
                assert_eq!(bench.read("merged.json"), bench.read("whole.json"), "{form}");
            } else {
                let list = |name: &str| -> Value { serde_json::from_str(&bench.read(name)).unwrap() };
                assert_eq!(list("merged.json"), list("whole.json"), "{form}");
            }
        }
        // Without --save-detections they are in the cache.
        bench.share("eval1.json", "1/2", arguments);
        bench.share("eval2.json", "2/2", arguments);
        assert_eq!(figures(&bench.merge(&COCO)), figures(&whole));
    }
}

#[test]
fn images_that_could_not_be_read_count_for_nothing_in_the_whole_either() {
    let bench = Bench::new();
    images(&bench);
    let broken = bench.path("VOC/JPEGImages/b8.png");
    let bytes = fs::read(cells()).unwrap();
    for missing in [false, true] {
        match missing {
            true => fs::remove_file(&broken).unwrap(),
            false => fs::write(&broken, &bytes[..bytes.len() / 2]).unwrap(),
        }
        for arguments in [
            &["coco", "--model", MODEL, "--annotations", "coco.json", "--images", "VOC/JPEGImages", "--json"][..],
            &["voc", "--model", MODEL, "--root", "VOC", "--json"],
        ] {
            let whole = bench.eval(arguments);
            for (name, shard) in COCO.iter().zip(["1/2", "2/2"]) {
                bench.write(name, bench.eval(&[arguments, &["--shard", shard]].concat()).out);
            }
            let merged = bench.eval(&["merge", COCO[0], COCO[1], "--json"]);
            assert!(merged.err.contains("1 image could not be looked at"), "{}", merged.err);
            assert_eq!(figures(&merged.lines()[0]), figures(&whole.lines()[0]));
            assert_eq!(merged.lines()[0]["counts"]["images"], 2);
        }
    }
}

#[test]
fn what_cannot_be_put_together_is_refused_in_one_sentence() {
    let bench = Bench::new();
    let (truth, found) = (in_eval("small/gt_dataset.json"), in_eval("small/dt_dataset.json"));
    fs::copy(&found, bench.path("found.json")).unwrap();
    let coco = ["coco", "--annotations", &truth, "--detections", "found.json"];
    let (root, dets) = (in_eval("padilla/groundtruths"), in_eval("padilla/detections"));
    let voc = ["voc", "--root", &root, "--detections", &dets];
    bench.share("eval1.json", "1/2", &coco);
    bench.share("eval2.json", "2/2", &coco);
    bench.share("third.json", "3/7", &coco);
    bench.share("limited.json", "2/2", &[&coco[..], &["--max-dets", "5"]].concat());
    bench.share("voc1.json", "1/2", &voc);
    bench.share("voc2.json", "2/2", &[&voc[..], &["--iou-threshold", "0.7"]].concat());
    bench.write("whole.json", bench.result(&coco).to_string());
    bench.write("empty.json", "");
    bench.write("list.json", "[]");
    bench.write("other.json", "{\"a\": 1}");

    bench.refused(&["eval1.json"], &["share 2/2 is missing"]);
    bench.refused(&["third.json"], &["6 shares are missing: 1/7, 2/7, 4/7, …"]);
    bench.refused(&["eval1.json", "eval2.json", "eval1.json"], &["eval1.json and eval1.json are both share 1/2"]);
    bench.refused(&["eval1.json", "third.json"], &["third.json is one of 7 shares and eval1.json one of 2"]);
    bench.refused(&["eval1.json", "limited.json"], &["limited.json and eval1.json", "differ in their --max-dets"]);
    bench.refused(&["voc1.json", "voc2.json"], &["differ in their --iou-threshold"]);
    bench.refused(&["eval1.json", "voc2.json"], &["voc2.json and eval1.json", "COCO's figures and the other VOC's"]);
    bench.refused(&["whole.json"], &["whole.json is the result of no share"]);
    for bad in ["empty.json", "list.json", "other.json"] {
        bench.refused(&["eval1.json", bad], &[bad, "no result of `vovdet eval --json`"]);
    }
    bench.refused(&["eval1.json", "gone.json"], &["gone.json", "No such file"]);
    bench.refused(&["eval1.json", "eval2.json", "--save-detections", "eval2.json"], &["would replace eval2.json"]);

    bench.write("found.json", "[]");
    bench.refused(&["eval1.json", "eval2.json"], &["found.json has changed since eval1.json was made from it"]);
    fs::remove_file(bench.path("found.json")).unwrap();
    bench.refused(&["eval1.json", "eval2.json"], &["eval1.json names", "found.json, which is not there any more"]);
}
