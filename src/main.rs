//! The program `vovdet`.

fn main() -> std::process::ExitCode {
    vovdet::cli::main()
}
