//! Writes into the programs where libtorch lies, so that they start without LD_LIBRARY_PATH: beside an installed
//! program, in the checkout that a program was built in (also when that is moved), and where it was at build time.

const RELATIVE: [&str; 2] = ["$ORIGIN/../lib/vovdet", "$ORIGIN/../../.libtorch/lib"];

fn main() {
    println!("cargo:rerun-if-env-changed=DEP_VOVDET_SHIM_LIB");
    let built_with = std::env::var("DEP_VOVDET_SHIM_LIB").ok();
    let folders: Vec<&str> = RELATIVE.into_iter().chain(built_with.as_deref()).collect();
    for folder in &folders {
        println!("cargo:rustc-link-arg=-Wl,-rpath,{folder}");
    }
    println!("cargo:rustc-env=VOVDET_RUN_PATH={}", folders.join(":"));
}
