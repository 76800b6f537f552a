//! Metrics of detections, and what is made of them.

pub mod coco;
pub mod compare;
pub mod journal;
pub mod provenance;
pub mod replay;
pub mod saved;
pub mod selection;
pub mod voc;

pub use vovdet_datasets::named;
