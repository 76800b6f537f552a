//! Batches through a detector.

use vovdet_detectors::{Detection, Detector, Prediction, Prepared, StageTimes};

/// An answer per input. When a batch fails (for want of memory, say), its images are tried one by one.
pub fn predict(detector: &dyn Detector, inputs: &[Prepared]) -> Vec<Result<(Vec<Detection>, StageTimes), String>> {
    if inputs.is_empty() {
        return Vec::new();
    }
    match detector.predict(inputs) {
        Ok(Prediction { images, times }) => {
            let share = share(times, inputs.len());
            images.into_iter().map(|detections| Ok((detections, share))).collect()
        }
        Err(e) if inputs.len() == 1 => vec![Err(e.to_string())],
        Err(_) => inputs.iter().flat_map(|input| predict(detector, std::slice::from_ref(input))).collect(),
    }
}

/// An image's part of a batch's time.
fn share(times: StageTimes, images: usize) -> StageTimes {
    let part = |ms: f64| ms / images as f64;
    StageTimes { batch: part(times.batch), network: part(times.network), postprocess: part(times.postprocess) }
}
