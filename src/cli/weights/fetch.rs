//! `vovdet weights fetch`.

use crate::cli::console::Console;
use crate::cli::{Outcome, Run, official, sentence};
use anyhow::{Result, bail};
use clap::Args;
use std::path::PathBuf;
use vovdet_pretrained::cache::Fetch as How;

/// Fetch official weights into the cache, or check those that are there; prints where they are.
#[derive(Debug, Args)]
#[command(after_long_help = "\
The cache is the folder VOVDET_CACHE, else vovdet/weights in the user's cache folder. A transfer that broke off goes on
where it ended. What came is checked: length and SHA-256 where they are published, and against the first time ever after.

Environment: VOVDET_CACHE, VOVDET_WEIGHTS_MIRROR (all files from http://host/folder/FILE), VOVDET_OFFLINE=1,
VOVDET_TIMEOUT_S (seconds without a byte, 30), SSL_CERT_FILE, HTTPS_PROXY and its like.

Examples:
  vovdet weights fetch mask_rcnn_vovnet39_fpn
  vovdet weights fetch refinedet320_vgg16@refinedet.voc0712 --from models.zip")]
pub struct Fetch {
    /// Names as `vovdet weights list` shows them; the name of a model alone stands for the one marked *.
    #[arg(value_name = "NAME", required = true)]
    names: Vec<String>,
    /// Take this file, downloaded by other means, instead of the network; it must fit the model.
    #[arg(long, value_name = "FILE")]
    pub from: Option<PathBuf>,
    /// Fetch again and accept what comes, although it is not what it was the first time.
    #[arg(long)]
    repin: bool,
    /// Do not use the network.
    #[arg(long)]
    offline: bool,
}

impl Run for Fetch {
    fn run(&self, console: &Console) -> Result<Outcome> {
        self.run_fitting(console, &|_, _| Ok(()))
    }
}

impl Fetch {
    /// Does it; a file that is handed over is kept only if it `fits` the entry.
    ///
    /// # Errors
    /// When nothing could be done.
    pub fn run_fitting(&self, console: &Console, fits: &official::Fits) -> Result<Outcome> {
        if self.from.is_some() && self.names.len() > 1 {
            bail!("--from is one file: give one NAME with it");
        }
        let (mut done, mut failed) = (0, 0);
        for name in &self.names {
            match self.one(name, console, fits) {
                Ok(path) => {
                    done += 1;
                    console.data(&path.display().to_string())?;
                }
                Err(error) => {
                    failed += 1;
                    console.error(sentence(&error));
                }
            }
        }
        Ok(Outcome::of(done, failed))
    }

    fn one(&self, name: &str, console: &Console, fits: &official::Fits) -> Result<PathBuf> {
        let how = How { from: self.from.as_deref(), repin: self.repin };
        official::fetch(official::entry(name)?, how, fits, console, self.offline)
    }
}
