//! A page about an evaluation that a person would rather look at than read a log: one file without anything to fetch.

mod analysis;
pub mod coco;
pub mod data;
mod gallery;
mod outcome;
mod outline;
mod page;
mod pictures;
pub mod voc;

pub use page::{FILE, write};
pub use pictures::Gallery;
