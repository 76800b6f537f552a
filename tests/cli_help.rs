//! The help teaches: every verb says what it does and shows an example.
#![allow(clippy::unwrap_used)]

mod cli_support;
use cli_support::{run, vovdet};

#[test]
fn every_verb_has_help_with_an_example() {
    let verbs: [&[&str]; 20] = [
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
        &["completions"],
        &["man"],
    ];
    for verb in verbs {
        let ran = run(vovdet(verb.iter().chain(&["--help"])));
        assert_eq!(ran.code, 0);
        let example = format!("  vovdet {}", verb.join(" "));
        assert!(ran.out.contains("Example") && ran.out.contains(&example), "{verb:?}:\n{}", ran.out);
        assert!(ran.err.is_empty(), "{}", ran.err);
        // Examples can be pasted: they are not wrapped in the middle of a word.
        for line in ran.out.lines().skip_while(|line| !line.starts_with("Example")) {
            assert!(line.chars().count() <= 80 || !line.starts_with("  "), "{verb:?}: {line}");
        }
    }
}

#[test]
fn positional_arguments_come_first_and_general_options_last() {
    let help = run(vovdet(["detect", "--help"])).out;
    let place = |text: &str| help.find(text).unwrap_or_else(|| panic!("no {text:?} in {help}"));
    assert!(place("Arguments:\n  [SOURCES]") < place("\nModel:"), "{help}");
    let general = &help[place("General options:")..];
    assert!(general.contains("--verbose") && general.contains("--quiet") && !general.contains("--threads"), "{help}");
    assert!(!run(vovdet(["weights", "list", "--help"])).out.contains("--threads"));
}

#[test]
fn shells_and_man_get_every_verb() {
    for shell in ["bash", "zsh", "fish", "powershell"] {
        let ran = run(vovdet(["completions", shell]));
        assert!(
            ran.code == 0 && ran.out.contains("classify") && ran.out.contains("annotations"),
            "{shell}: {}",
            ran.err
        );
    }
    assert!(run(vovdet(["man"])).out.starts_with(".ie"), "the page begins as roff does");
    let folder = tempfile::tempdir().unwrap();
    assert_eq!(run(vovdet(["man", folder.path().to_str().unwrap()])).code, 0);
    assert!(std::fs::read_to_string(folder.path().join("vovdet-detect.1")).unwrap().contains("SOURCES"));
}

#[test]
fn options_of_other_programs_get_a_useful_hint() {
    let ran = run(vovdet(["detect", "--source", "photos"]));
    assert!(ran.code == 2 && ran.err.contains("vovdet detect photos/"), "{}", ran.err);
    let ran = run(vovdet(["detect", "--conf", "2", "photos"]));
    assert!(ran.err.contains("a score is a number from 0 to 1"), "{}", ran.err);
    run(vovdet(["-q", "-v", "doctor"])).fails_with(2, &["--quiet", "--verbose", "cannot be used with"]);
}

#[test]
fn what_is_wanted_is_logged() {
    let folder = tempfile::tempdir().unwrap();
    let image = cli_support::cells();
    let logged = |more: &[&str]| {
        let mut command = cli_support::detect([image.as_os_str()]);
        command.args(more).args(["--log-json", "log.jsonl"]).current_dir(folder.path());
        run(command)
    };
    let ran = logged(&["-v"]);
    assert_eq!(ran.code, 0, "{}", ran.err);
    assert!(ran.err.contains("device Cpu") || ran.err.contains("device Cuda"), "{}", ran.err);
    assert!(ran.err.lines().any(|line| line.starts_with("time: ") && line.contains("network")), "{}", ran.err);
    assert!(ran.err.lines().all(|line| !line.trim().is_empty()), "{:?}", ran.err);
    let log = std::fs::read_to_string(folder.path().join("log.jsonl")).unwrap();
    let events: Vec<serde_json::Value> = log.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert!(events.iter().any(|event| event["span"]["name"] == "network"), "{log}");
    assert!(logged(&[]).err.is_empty(), "nothing was asked for");
}

/// The first example of each verb's help, with its files replaced by real ones, works.
#[test]
fn the_examples_with_the_built_in_model_work() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::copy(cli_support::cells(), folder.path().join("image.png")).unwrap();
    for verb in ["detect", "features"] {
        // Long examples go on behind a backslash.
        let help = run(vovdet([verb, "--help"])).out.replace("\\\n", " ");
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
