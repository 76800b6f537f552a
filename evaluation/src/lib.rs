//! Evaluation without a network: COCO and VOC data sets, the metrics of detections in them, and the part of the command
//! line that works on files alone. Knows nothing of libtorch, so a program made of it starts at once.

pub mod cli;
pub mod metrics;
pub mod report;

pub use vovdet_datasets as data;
