//! The operations between networks and detections, shared by all detectors: boxes, NMS, anchors, RoIAlign, masks.
//!
//! Each works on plain slices with rayon; RoIAlign has a second form in tensor code for CUDA.

pub mod anchors;
pub mod boxes;
pub mod mask;
pub mod nms;
pub mod priors;
pub mod roi_align;
