//! Metrics of detections, and what is made of them.

pub mod coco;
pub mod compare;
pub mod journal;
pub mod named;
pub mod provenance;
pub mod saved;
pub mod selection;
pub mod voc;
