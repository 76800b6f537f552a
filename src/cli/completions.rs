//! `vovdet completions`.

use super::console::Console;
use super::{Cli, Outcome, Run};
use anyhow::Result;
use clap::{Args, CommandFactory};
use clap_complete::Shell;

/// Print what a shell needs to complete this program's verbs, options and files.
#[derive(Debug, Args)]
#[command(after_long_help = "\
Examples:
  vovdet completions bash > ~/.local/share/bash-completion/completions/vovdet
  vovdet completions zsh > ~/.zfunc/_vovdet
  vovdet completions fish > ~/.config/fish/completions/vovdet.fish
  vovdet completions powershell >> $PROFILE")]
pub struct Completions {
    /// The shell.
    shell: Shell,
}

impl Run for Completions {
    fn run(&self, console: &Console) -> Result<Outcome> {
        let mut script = Vec::new();
        clap_complete::generate(self.shell, &mut Cli::command(), "vovdet", &mut script);
        console.data(String::from_utf8(script)?.trim_end())?;
        Ok(Outcome::All)
    }
}
