//! Compiles the C++ shim against the very libtorch that `tch` links.
//!
//! `LIBTORCH` comes from `.cargo/config.toml` or the user's environment; a missing or wrong one is named here, before
//! a page of compiler errors can hide it.

use std::path::PathBuf;

const WANTED: &str = "2.11";
const SOURCES: [&str; 2] = ["src/shim.cpp", "src/autograd.cpp"];

fn main() {
    println!("cargo:rerun-if-env-changed=LIBTORCH");
    for file in SOURCES.iter().chain(&["src/guarded.h"]) {
        println!("cargo:rerun-if-changed={file}");
    }
    let root = PathBuf::from(std::env::var_os("LIBTORCH").unwrap_or_else(|| ".libtorch".into()));
    let header = root.join("include/torch/headeronly/version.h");
    let Ok(text) = std::fs::read_to_string(&header) else {
        panic!(
            "libtorch was not found in {}: run `make setup`, or set LIBTORCH to a libtorch {WANTED} folder",
            root.display()
        );
    };
    let part = |name: &str| {
        let define = format!("#define TORCH_VERSION_{name} ");
        text.lines().find_map(|line| line.strip_prefix(&define)).unwrap_or("?").trim().to_owned()
    };
    let version = format!("{}.{}", part("MAJOR"), part("MINOR"));
    if version != WANTED {
        panic!("libtorch in {} is {version}, and vovdet needs {WANTED}: run `make setup`", root.display());
    }
    cc::Build::new()
        .cpp(true)
        .std("c++17")
        .warnings(false)
        .flag("-O2")
        .include(root.join("include"))
        .include(root.join("include/torch/csrc/api/include"))
        .files(SOURCES)
        .compile("vovdet_shim");
    let lib = root.join("lib");
    println!("cargo:rustc-link-search=native={}", lib.display());
    println!("cargo:libtorch={}", root.display());
    let lib = std::fs::canonicalize(&lib).unwrap_or(lib);
    println!("cargo:rustc-link-arg=-Wl,-rpath,{}", lib.display());
    // Cargo hands a library's link arguments to nobody, so each binary's build script sets its own rpath from this.
    println!("cargo:lib={}", lib.display());
}
