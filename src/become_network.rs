//! From `vovdet` to `vovdet-network`, which lies beside it and needs libtorch.

use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

/// The library of libtorch that `vovdet-network` is linked to.
const LIBRARY: &str = "libtorch_cpu.so";
/// What a program ends with when the system's loader finds a library missing.
const NOT_LOADED: i32 = 127;

/// Replaces this process; returns only when that fails.
pub fn become_network() -> ExitCode {
    let program = match std::env::current_exe() {
        Ok(path) => path.with_file_name("vovdet-network"),
        Err(error) => return failed(&error),
    };
    let mut arguments = std::env::args_os();
    let mut command = Command::new(&program);
    command.arg0(arguments.next().unwrap_or_else(|| "vovdet".into())).args(arguments);
    let folders = library_folders(&program);
    if folders.iter().any(|folder| folder.join(LIBRARY).exists()) {
        return failed(&command.exec());
    }
    // The loader may still find it where the system keeps libraries; if not, its own words do not say what to do.
    let status = match command.status() {
        Ok(status) => status,
        Err(error) => return failed(&error),
    };
    if status.code() == Some(NOT_LOADED) {
        let folders: Vec<String> = folders.iter().map(|folder| folder.display().to_string()).collect();
        eprintln!(
            "vovdet: networks need libtorch 2.11, and {LIBRARY} is in none of {}: run `make setup` where vovdet was \
             built, or put the `lib` folder of a libtorch into LD_LIBRARY_PATH",
            folders.join(", ")
        );
        return ExitCode::from(2);
    }
    // A signal has no code; what is above 255 is none.
    ExitCode::from(status.code().and_then(|code| u8::try_from(code).ok()).unwrap_or(2))
}

fn failed(error: &std::io::Error) -> ExitCode {
    eprintln!("vovdet: vovdet-network, which should lie beside this program, does not start: {error}");
    ExitCode::from(2)
}

/// Where the loader looks for libtorch, in its order: LD_LIBRARY_PATH, then the run path of `program`.
fn library_folders(program: &Path) -> Vec<PathBuf> {
    let asked = std::env::var_os("LD_LIBRARY_PATH").unwrap_or_default();
    let mut folders: Vec<PathBuf> = std::env::split_paths(&asked).filter(|path| !path.as_os_str().is_empty()).collect();
    let real = program.canonicalize().unwrap_or_else(|_| program.to_path_buf());
    let origin = real.parent().unwrap_or(Path::new("/"));
    // Written by the build script, with the run path itself.
    folders.extend(env!("VOVDET_RUN_PATH").split(':').map(|folder| match folder.strip_prefix("$ORIGIN/") {
        Some(relative) => origin.join(relative),
        None => PathBuf::from(folder),
    }));
    folders
}
