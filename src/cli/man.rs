//! `vovdet man`.

use super::console::Console;
use super::{Cli, Outcome, Run};
use anyhow::{Context, Result};
use clap::{Args, CommandFactory};
use clap_mangen::Man as Page;
use std::path::PathBuf;

/// Print the manual page, or write that of every verb into a folder.
#[derive(Debug, Args)]
#[command(after_long_help = "\
Examples:
  vovdet man | man -l -
  vovdet man ~/.local/share/man/man1")]
pub struct Man {
    /// A folder for vovdet.1, vovdet-detect.1 and the others.
    #[arg(value_name = "DIR")]
    folder: Option<PathBuf>,
}

impl Run for Man {
    fn run(&self, console: &Console) -> Result<Outcome> {
        match &self.folder {
            Some(folder) => {
                let shown = || folder.display().to_string();
                vovdet_files::make_folder(folder).with_context(shown)?;
                clap_mangen::generate_to(Cli::command(), folder).with_context(shown)?;
            }
            None => {
                let mut page = Vec::new();
                Page::new(Cli::command()).render(&mut page)?;
                console.data(String::from_utf8(page)?.trim_end())?;
            }
        }
        Ok(Outcome::All)
    }
}
