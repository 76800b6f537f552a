//! The program `vovdet`: what needs no network, without loading libtorch.
//!
//! For everything else it becomes `vovdet-network`, which lies beside it.

use std::os::unix::process::CommandExt;
use std::process::{Command, ExitCode};
use vovdet::cli::{Cli, finish};

fn main() -> ExitCode {
    let cli = Cli::from_arguments();
    let Some(verb) = cli.verb.without_network() else { return become_network() };
    let _clean_up = vovdet_files::clean_up();
    vovdet_datasets::image::silence_decoder_panics();
    let console = cli.global.console();
    finish(&console, verb.run(&console))
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
