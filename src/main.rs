//! The program `vovdet`: what needs no network, without loading libtorch.
//!
//! For everything else it becomes `vovdet-network`, which lies beside it.

mod become_network;

use become_network::become_network;
use std::process::ExitCode;
use vovdet::cli::Cli;

fn main() -> ExitCode {
    let cli = Cli::from_arguments();
    let Some(verb) = cli.verb.without_network() else { return become_network() };
    let _clean_up = vovdet_files::clean_up();
    vovdet_datasets::image::silence_decoder_panics();
    cli.global.run(|console| verb.run(console))
}
