//! `vovdet weights remove`.

use crate::cli::console::Console;
use crate::cli::{Outcome, Run, official, sentence};
use anyhow::Result;
use clap::Args;
use vovdet_pretrained::cache::Cache;

/// Remove official weights from the cache, with what is remembered of them; prints what was removed.
#[derive(Debug, Args)]
#[command(after_long_help = "\
The next use fetches them again, and takes what comes as it is.

Example:
  vovdet weights remove mask_rcnn_vovnet39_fpn")]
pub struct Remove {
    /// Names as `vovdet weights list --cached` shows them; the name of a model alone stands for the one marked *.
    #[arg(value_name = "NAME", required = true)]
    names: Vec<String>,
}

impl Run for Remove {
    fn run(&self, console: &Console) -> Result<Outcome> {
        let cache = Cache::from_env()?;
        let (mut done, mut failed) = (0, 0);
        for name in &self.names {
            match official::entry(name).and_then(|entry| Ok((entry, cache.remove(entry)?))) {
                Ok((entry, removed)) => {
                    done += 1;
                    for path in &removed {
                        console.data(&path.display().to_string())?;
                    }
                    if removed.is_empty() {
                        console.note(format_args!("{} is not in the cache", entry.name));
                    }
                }
                Err(error) => {
                    failed += 1;
                    console.error(sentence(&error));
                }
            }
        }
        Ok(Outcome::of(done, failed))
    }
}
