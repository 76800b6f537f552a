//! What goes into a detector: image files, where they come from, the ids that a data set gives them, and the pipeline
//! that reads them beside the network.

pub mod annotations;
pub mod image;
pub mod pipeline;
pub mod sources;
