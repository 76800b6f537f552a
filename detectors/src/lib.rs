//! Object detectors on libtorch: backbones (VoVNet V1 and V2, ResNet, DenseNet and more), necks and heads that are built from a
//! [`ModelSpec`], filled from a checkpoint by strict loading, and run on images.
//!
//! ```no_run
//! use vovdet_detectors::{LoadOptions, load};
//! let checkpoint = vovdet_pretrained::Checkpoint::open("mask_rcnn.pth")?;
//! let (network, report) = load(None, &checkpoint, &LoadOptions::default())?;
//! let image = image::RgbImage::new(640, 480);
//! let input = network.spec().input.prepare(&image)?;
//! for detection in &network.as_detector().unwrap().predict(&[input])?.images[0] {
//!     println!("{:?} {}", detection.bbox, detection.score);
//! }
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

pub mod backbone;
mod classifier;
mod count;
mod detection;
mod error;
mod initialisation;
pub mod input;
pub mod layers;
mod load;
pub mod mask_rcnn;
pub mod neck;
mod network;
pub mod one_stage;
pub mod ops;
pub mod spec;

pub use classifier::Classifier;
pub use count::{Cost, Count, count, usual_size};
pub use detection::{Detection, Detector, Prediction, StageTimes};
pub use error::Error;
pub use input::{Geometry, Prepared};
pub use layers::{Layer, Layers, Parameter};
pub use load::{LoadOptions, LoadReport, Mismatch, Missing, SPEC_KEY, check, identify, load};
pub use network::{Model, Network, Precision};
pub use spec::ModelSpec;

/// The examples of the README compile.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
