//! What a person runs: the command line, image files, and pictures of the results, without libtorch.
//!
//! The verbs that need a network are in `src/network/`, which the program `vovdet-network` is made of.

pub mod cli;
pub mod pictures;
pub mod render;
pub mod results;
