//! Scores COCO detections that are saved in a file. No libtorch is used.
//!
//! ```sh
//! cargo run --release --example evaluate_results -- instances_val.json results.json
//! ```

use anyhow::{Result, bail};
use std::path::Path;
use vovdet_datasets::coco::{CocoData, RawResults};
use vovdet_evaluation::metrics::coco::{Evaluation, FIGURES, Kind, Options, has_masks};

fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [annotations, detections] = &arguments[..] else { bail!("usage: evaluate_results ANNOTATIONS DETECTIONS") };
    let data = CocoData::read(Path::new(annotations))?;
    let results = data.results(RawResults::read(Path::new(detections))?, None)?;
    for note in data.notes.iter().chain(&results.notes) {
        eprintln!("{note}");
    }

    let mut kinds = vec![Kind::Bbox];
    if results.masks && has_masks(&data.coco) {
        kinds.push(Kind::Segm);
    }
    for kind in kinds {
        let evaluation = Evaluation::new(&data, &results, kind, &Options::default())?;
        for (figure, value) in FIGURES.iter().zip(evaluation.figures) {
            // -1: there is nothing that the figure could be about.
            println!("{kind} {:<6} {value:.4}", figure.name);
        }
    }
    Ok(())
}
