//! Finds objects in an image, with the library alone.
//!
//! ```sh
//! cargo run --release --example detect_image -- cells.png                 # nuclei, with the built-in model
//! cargo run --release --example detect_image -- photo.jpg mask_rcnn.pth   # a checkpoint, whose model is found out
//! ```

use anyhow::{Context, Result, bail};
use std::path::Path;
use vovdet_datasets::image;
use vovdet_detectors::{LoadOptions, load};
use vovdet_pretrained::{Checkpoint, models};

const BUILT_IN: &str = "nuclei_mask_rcnn_vovnet27_slim";

fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let (path, checkpoint) = match &arguments[..] {
        [image] => (image, Checkpoint::from_bytes(BUILT_IN, models::find(BUILT_IN).context(BUILT_IN)?)?),
        [image, weights] => (image, Checkpoint::open(weights)?),
        _ => bail!("usage: detect_image IMAGE [WEIGHTS]"),
    };
    // 8-bit RGB, upright; limits are checked before memory is spent.
    let picture = image::read(Path::new(path))?;

    let options = LoadOptions { score: Some(0.5), ..LoadOptions::default() };
    let (network, report) = load(None, &checkpoint, &options)?;
    eprintln!("{}: {} of {} parameters", network.spec().name, report.applied, report.applied + report.missing.len());
    let detector = network.as_detector().context("these are the weights of a classifier")?;

    // Resized and normalised as the spec says; several images make one batch.
    let input = network.spec().input.prepare(&picture)?;
    for found in detector.predict(&[input])?.images.iter().flatten() {
        let class = &network.spec().classes[found.label].name;
        let pixels = found.mask.as_ref().map_or(0, hotcoco::mask::area);
        println!("{class} {:.3} at {:.1?}, mask of {pixels} pixels", found.score, found.bbox);
    }
    Ok(())
}
