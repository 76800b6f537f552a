//! Metrics of detections, and what is made of them. Metrics know nothing of networks.

pub mod coco;
pub mod named;
pub mod provenance;
pub mod selection;
