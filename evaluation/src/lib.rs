//! Evaluation of detections: COCO and VOC data sets, the metrics of detections in them, comparison of two results, and a
//! page about one. Knows nothing of libtorch, so a program made of it starts at once.

mod error;
pub mod metrics;
pub mod report;

pub use error::{Error, Result};
