//! Data sets: what is in the images.

pub mod category;
pub mod coco;
