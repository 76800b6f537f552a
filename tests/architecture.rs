//! Which crate may depend on which (ARCHITECTURE.md): dependencies point one way.
#![allow(clippy::unwrap_used)]

use std::path::Path;

/// The workspace crates and the crates of the field on which a crate depends, tests left out.
fn dependencies(krate: &str) -> Vec<String> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(krate).join("Cargo.toml");
    let manifest = std::fs::read_to_string(path).unwrap();
    let section = manifest.split("\n[dependencies]\n").nth(1).unwrap();
    let section = section.split("\n[").next().unwrap();
    section.lines().filter_map(|line| line.split(['.', ' ', '=']).next()).map(String::from).collect()
}

#[track_caller]
fn does_not_depend_on(krate: &str, forbidden: &[&str]) {
    let own = dependencies(krate);
    assert!(own.len() > 1, "{krate}: the manifest was not understood");
    for other in forbidden {
        assert!(!own.iter().any(|name| name == other), "{krate} depends on {other}");
    }
}

#[test]
fn checkpoints_are_read_without_libtorch() {
    does_not_depend_on(
        "pretrained",
        &["tch", "vovdet-native", "vovdet-detectors", "vovdet-evaluation", "clap", "indicatif"],
    );
}

#[test]
fn data_sets_are_read_without_libtorch_and_the_command_line() {
    does_not_depend_on(
        "datasets",
        &[
            "tch",
            "clap",
            "anyhow",
            "indicatif",
            "vovdet-detectors",
            "vovdet-evaluation",
            "vovdet-native",
            "vovdet-pretrained",
        ],
    );
}

#[test]
fn metrics_know_nothing_of_networks() {
    does_not_depend_on("evaluation", &["tch", "vovdet-native", "vovdet-detectors", "clap", "indicatif"]);
}

#[test]
fn networks_know_nothing_of_arguments_and_progress_bars() {
    does_not_depend_on("detectors", &["clap", "indicatif", "anyhow", "vovdet-evaluation"]);
}

#[test]
fn the_shim_does_not_depend_on_detection() {
    does_not_depend_on("native", &["vovdet-detectors", "vovdet-pretrained", "vovdet-evaluation", "image"]);
}

#[test]
fn files_are_below_everything_else() {
    does_not_depend_on(
        "files",
        &[
            "tch",
            "clap",
            "anyhow",
            "indicatif",
            "vovdet-datasets",
            "vovdet-detectors",
            "vovdet-evaluation",
            "vovdet-native",
            "vovdet-pretrained",
        ],
    );
}

/// The library crates of the workspace.
const LIBRARIES: [&str; 6] = ["files", "native", "pretrained", "datasets", "detectors", "evaluation"];

#[test]
fn libraries_speak_by_typed_errors_and_tracing() {
    for library in LIBRARIES {
        does_not_depend_on(library, &["clap", "anyhow", "indicatif", "tracing-subscriber", "vovdet"]);
    }
    for library in LIBRARIES {
        assert!(dependencies(library).iter().any(|name| name == "tracing"), "{library} does not depend on tracing");
    }
}

/// The arrows of the design: the program, then detectors and evaluation, then datasets, pretrained and native.
#[test]
fn arrows_point_one_way() {
    let upper = ["vovdet-detectors", "vovdet-evaluation"];
    for lower in ["files", "native", "pretrained", "datasets"] {
        does_not_depend_on(lower, &upper);
    }
    does_not_depend_on("detectors", &["vovdet-evaluation"]);
    does_not_depend_on("evaluation", &["vovdet-detectors"]);
    for without_libtorch in ["files", "pretrained", "datasets", "evaluation"] {
        does_not_depend_on(without_libtorch, &["tch", "torch-sys", "vovdet-native"]);
    }
}

/// `unsafe` is in `native/` alone.
#[test]
fn unsafe_code_is_in_one_place() {
    let mut folders: Vec<_> = ["src", "detectors", "pretrained", "evaluation", "files", "datasets"]
        .map(|f| Path::new(env!("CARGO_MANIFEST_DIR")).join(f))
        .into();
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap().flatten() {
            let path = entry.path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|e| e == "rs") {
                let text = std::fs::read_to_string(&path).unwrap();
                assert!(!text.contains("unsafe {"), "{}", path.display());
            }
        }
    }
}

/// The program that people start says its help in milliseconds: nothing of it may need libtorch.
#[test]
fn the_first_program_is_made_without_libtorch() {
    // The dynamic loader lists what it would load, and runs nothing.
    let loads_libtorch = |program: &str| {
        let listed = std::process::Command::new(program).env("LD_TRACE_LOADED_OBJECTS", "1").output().unwrap();
        let listed = String::from_utf8(listed.stdout).unwrap();
        assert!(listed.contains("libc.so"), "{program}: {listed}");
        listed.contains("libtorch")
    };
    assert!(loads_libtorch(env!("CARGO_BIN_EXE_vovdet-network")), "the second program has the networks");
    assert!(!loads_libtorch(env!("CARGO_BIN_EXE_vovdet")), "src/cli/ and src/render/ use no network");
}
