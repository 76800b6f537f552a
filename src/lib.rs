//! What a person runs: the command line, image files, and pictures of the results, around the networks of
//! `vovdet-detectors`.

pub mod cli;
pub mod data;
pub mod render;
