//! A page about an evaluation that a person would rather look at than read a log: one file without anything to fetch.

mod analysis;
pub mod coco;
mod confusion;
pub mod data;
mod errors;
mod facts;
mod gallery;
mod outcome;
mod outline;
mod page;
mod pictures;
mod thresholds;
pub mod voc;

pub use page::{file, write};
pub use pictures::Gallery;
