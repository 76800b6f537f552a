//! The part of the program `vovdet` that runs networks; `vovdet` starts it.

fn main() -> std::process::ExitCode {
    vovdet::cli::main()
}
