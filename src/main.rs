//! The program `vovdet`.
//!
//! Loading libtorch takes a third of a second and 120 MB. What needs no network does not wait for it: this program does
//! that itself, and becomes `vovdet-network`, which lies beside it, for everything else.

use std::os::unix::process::CommandExt;
use std::process::{Command, ExitCode};

fn main() -> ExitCode {
    vovdet_evaluation::cli::run_without_network(std::env::args_os()).unwrap_or_else(become_network)
}

/// Replaces this process; returns only when that fails.
fn become_network() -> ExitCode {
    let failed = |error| {
        eprintln!("vovdet: vovdet-network, which should lie beside this program, does not start: {error}");
        ExitCode::from(2)
    };
    match std::env::current_exe() {
        Ok(path) => {
            let mut arguments = std::env::args_os();
            let name = arguments.next().unwrap_or_else(|| "vovdet".into());
            failed(Command::new(path.with_file_name("vovdet-network")).arg0(name).args(arguments).exec())
        }
        Err(error) => failed(error),
    }
}
