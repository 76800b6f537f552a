//! Writes libtorch's folder into the program's run path, so that it starts without LD_LIBRARY_PATH.

fn main() {
    println!("cargo:rerun-if-env-changed=DEP_VOVDET_SHIM_LIB");
    if let Ok(lib) = std::env::var("DEP_VOVDET_SHIM_LIB") {
        println!("cargo:rustc-link-arg=-Wl,-rpath,{lib}");
    }
}
