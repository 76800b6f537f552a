//! Batches through a network.

use vovdet_detectors::{Detection, Detector, Error, Prediction, Prepared, StageTimes};

/// An answer per input, in order. When a batch fails (for want of memory, say), its images are tried one by one.
pub fn answers<A>(inputs: &[Prepared], run: &impl Fn(&[Prepared]) -> Result<Vec<A>, Error>) -> Vec<Result<A, String>> {
    match run(inputs) {
        Ok(answers) => {
            let answers = answers.into_iter().map(Ok);
            let none = std::iter::repeat_with(|| Err("the network gave no answer".into()));
            answers.chain(none).take(inputs.len()).collect()
        }
        Err(e) if inputs.len() == 1 => vec![Err(e.to_string())],
        Err(_) => inputs.iter().flat_map(|input| self::answers(std::slice::from_ref(input), run)).collect(),
    }
}

/// The detections of a batch, each image with its share of the time.
///
/// # Errors
/// See [`Detector::predict`].
pub fn detect(detector: &dyn Detector, inputs: &[Prepared]) -> Result<Vec<(Vec<Detection>, StageTimes)>, Error> {
    let Prediction { images, times } = detector.predict(inputs)?;
    let share = share(times, inputs.len());
    Ok(images.into_iter().map(|detections| (detections, share)).collect())
}

/// An image's part of a batch's time.
fn share(times: StageTimes, images: usize) -> StageTimes {
    let part = |ms: f64| ms / images as f64;
    StageTimes { batch: part(times.batch), network: part(times.network), postprocess: part(times.postprocess) }
}
