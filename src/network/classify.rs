//! `vovdet classify`: what an image shows.

use super::batches::{Answer, Answered};
use super::{images, model};
use anyhow::{Result, bail};
use serde::Serialize;
use vovdet::cli::Outcome;
use vovdet::cli::classify::{Classify, Lines};
use vovdet::cli::console::Console;
use vovdet::results::text::{Text, number};
use vovdet_detectors::Prepared;
use vovdet_detectors::spec::Task;

#[derive(Debug, Serialize)]
struct Line<'a> {
    image: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    classes: Option<Vec<Guess<'a>>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
}

#[derive(Debug, Serialize)]
struct Guess<'a> {
    label: &'a str,
    index: usize,
    probability: f32,
}

/// Does what was asked for.
pub fn run(args: &Classify, console: &Console) -> Result<Outcome> {
    if let Some(spec) = model::spec(&args.model)?
        && !matches!(spec.task, Task::Classify { .. })
    {
        bail!("{} is a detector, not a classifier: use `vovdet detect`", spec.name);
    }
    let model = model::load(&args.model, console, |_| ())?;
    let Some(classifier) = model.as_classifier() else {
        bail!("{} is a detector, not a classifier: use `vovdet detect`", model.spec().name);
    };
    let (mut done, mut failed) = (0, 0);
    let spec = model.spec();
    let network = |inputs: &[Prepared]| {
        let (probabilities, times) = classifier.classify(inputs)?;
        let ms = (times.batch + times.network + times.postprocess) / inputs.len() as f64;
        Ok(probabilities.into_iter().map(|probabilities| (probabilities, ms)).collect())
    };
    let form = args.shown();
    let mut text = Text::default();
    images::for_each(
        &args.images,
        console,
        &spec.input,
        false,
        network,
        |console, Answered { source, answer, .. }| {
            let image = source.name();
            let Answer { value: (probabilities, ms), size, decode_ms, prepare_ms, .. } = match answer {
                Ok(answer) => answer,
                Err(reason) => {
                    failed += 1;
                    console.error(format_args!("{image}: {reason}"));
                    if form == Lines::Jsonl {
                        console.json_line(&Line { image, classes: None, error: Some(reason) })?;
                    }
                    return Ok(());
                }
            };
            done += 1;
            let label = |index: usize| spec.classes.get(index).map_or("", |class| class.name.as_str());
            let guesses = best(&probabilities, args.top as usize);
            let guesses = guesses.map(|index| Guess { label: label(index), index, probability: probabilities[index] });
            let classes: Vec<_> = guesses.collect();
            match form {
                Lines::Jsonl => console.json_line(&Line { image, classes: Some(classes), error: None })?,
                Lines::Text => {
                    let words: Vec<_> = classes.iter().map(Guess::words).collect();
                    console.data(&text.line(&image, Some(size), &words.join(", "), decode_ms + prepare_ms + ms))?;
                }
            }
            Ok(())
        },
    )?;
    if done + failed == 0 {
        bail!("there are no images: the list of paths is empty");
    }
    if form == Lines::Text {
        console.data(&format!("{}, {failed} failed", number(done, "image", "images")))?;
    }
    Ok(Outcome::of(done, failed))
}

impl Guess<'_> {
    /// For people; a class without a name is named by its number.
    fn words(&self) -> String {
        let percent = 100.0 * self.probability;
        match self.label {
            "" => format!("class {} {percent:.1} %", self.index),
            label => format!("{label} {percent:.1} %"),
        }
    }
}

/// The `k` most probable classes, the first of equals first.
fn best(probabilities: &[f32], k: usize) -> impl Iterator<Item = usize> {
    let mut order: Vec<usize> = (0..probabilities.len()).collect();
    order.sort_by(|&a, &b| probabilities[b].total_cmp(&probabilities[a]));
    order.into_iter().take(k)
}
