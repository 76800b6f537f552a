//! `vovdet classify`: what an image shows.

use super::images::{Item, for_each_batch};
use super::model;
use anyhow::{Result, bail};
use serde::Serialize;
use vovdet::cli::Outcome;
use vovdet::cli::classify::Classify;
use vovdet::cli::console::Console;
use vovdet_detectors::{Classifier, Prepared};

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
    let model = model::load(&args.model, console, |_| ())?;
    let Some(classifier) = model.as_classifier() else {
        bail!("{} is a detector, not a classifier: use `vovdet detect`", model.spec().name);
    };
    let (mut done, mut failed) = (0, 0);
    let spec = model.spec();
    for_each_batch(&args.images, console, &spec.input, false, |console, items| {
        let mut inputs = Vec::new();
        let mut rest = Vec::new();
        for Item { source, ready, .. } in items {
            rest.push((source.name(), ready.map(|ready| inputs.push(ready.input))));
        }
        let mut answers = classify(classifier, &inputs).into_iter();
        for (image, ready) in rest {
            let answer = ready.and_then(|()| answers.next().unwrap_or_else(|| Err("no answer".into())));
            let line = match answer {
                Ok(probabilities) => {
                    done += 1;
                    let label = |index: usize| spec.classes.get(index).map_or("", |class| class.name.as_str());
                    let classes = best(&probabilities, args.top as usize)
                        .map(|index| Guess { label: label(index), index, probability: probabilities[index] })
                        .collect();
                    Line { image, classes: Some(classes), error: None }
                }
                Err(reason) => {
                    failed += 1;
                    console.error(format_args!("{image}: {reason}"));
                    Line { image, classes: None, error: Some(reason) }
                }
            };
            console.json_line(&line)?;
            console.step();
        }
        Ok(())
    })?;
    if done + failed == 0 {
        bail!("there are no images: the list of paths is empty");
    }
    Ok(Outcome::of(done, failed))
}

/// Probabilities per input; when a batch fails, its images are tried one by one.
fn classify(classifier: &Classifier, inputs: &[Prepared]) -> Vec<Result<Vec<f32>, String>> {
    if inputs.is_empty() {
        return Vec::new();
    }
    match classifier.classify(inputs) {
        Ok((probabilities, _)) => probabilities.into_iter().map(Ok).collect(),
        Err(e) if inputs.len() == 1 => vec![Err(e.to_string())],
        Err(_) => inputs.iter().flat_map(|input| classify(classifier, std::slice::from_ref(input))).collect(),
    }
}

/// The `k` most probable classes, the first of equals first.
fn best(probabilities: &[f32], k: usize) -> impl Iterator<Item = usize> {
    let mut order: Vec<usize> = (0..probabilities.len()).collect();
    order.sort_by(|&a, &b| probabilities[b].total_cmp(&probabilities[a]));
    order.into_iter().take(k)
}
