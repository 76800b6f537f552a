//! What a person runs: the command line, image files, and pictures of the results, around the networks of
//! `vovdet-detectors`.

pub mod cli;
pub mod render;

pub use vovdet_datasets as data;
