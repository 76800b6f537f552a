//! The help teaches: every verb says what it does and shows an example.
#![allow(clippy::unwrap_used)]

mod cli_support;
use cli_support::{run, vovdet};

#[test]
fn every_verb_has_help_with_an_example() {
    let verbs: [&[&str]; 18] = [
        &["detect"],
        &["draw"],
        &["classify"],
        &["features"],
        &["weights"],
        &["weights", "list"],
        &["weights", "fetch"],
        &["weights", "inspect"],
        &["weights", "check"],
        &["weights", "convert"],
        &["eval"],
        &["eval", "coco"],
        &["eval", "voc"],
        &["eval", "merge"],
        &["eval", "compare"],
        &["data", "inspect"],
        &["bench"],
        &["doctor"],
    ];
    for verb in verbs {
        let ran = run(vovdet(verb.iter().chain(&["--help"])));
        assert_eq!(ran.code, 0);
        let example = format!("  vovdet {}", verb.join(" "));
        assert!(ran.out.contains("Example") && ran.out.contains(&example), "{verb:?}:\n{}", ran.out);
        assert!(ran.err.is_empty(), "{}", ran.err);
    }
}

/// The first example of each verb's help, with its files replaced by real ones, works.
#[test]
fn the_examples_with_the_built_in_model_work() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::copy(cli_support::cells(), folder.path().join("image.png")).unwrap();
    for verb in ["detect", "features"] {
        let help = run(vovdet([verb, "--help"])).out;
        let example =
            help.lines().map(str::trim).find(|line| line.starts_with("vovdet ") && line.contains("image.png"));
        let words: Vec<_> = example.unwrap().split_whitespace().skip(1).collect();
        let mut command = vovdet(words);
        command.current_dir(folder.path());
        let ran = run(command);
        assert_eq!(ran.code, 0, "{}", ran.err);
    }
    assert!(folder.path().join("out/image.png").is_file());
    assert!(folder.path().join("features.safetensors").is_file());
}

#[test]
fn version_and_no_arguments() {
    let ran = run(vovdet(["--version"]));
    assert_eq!(ran.out.trim(), format!("vovdet {}", env!("CARGO_PKG_VERSION")));
    let ran = run(vovdet::<&str>([]));
    assert_eq!(ran.code, 2);
    assert!(ran.err.contains("Usage"));
}

#[test]
fn doctor_tells_libtorch_and_threads() {
    let ran = run(vovdet(["doctor", "--json", "--threads", "1"]));
    assert_eq!(ran.code, 0);
    let found = &ran.lines()[0];
    assert!(found["libtorch"]["path"].as_str().unwrap().contains("libtorch_cpu"));
    assert_eq!(found["cpu"]["threads"], 1);
    assert_eq!(found["cuda"]["available"].as_bool().unwrap(), found["cuda"]["reason"].is_null());
    assert!(found["models"].as_array().unwrap().contains(&cli_support::MODEL.into()));
    assert!(run(vovdet(["doctor"])).out.contains("libtorch"));
}
