//! What libtorch can do and tch does not wrap, behind safe functions. Knows nothing of detection.
//!
//! Every `unsafe` block of the project is in this crate, each with its reason.

#![allow(unsafe_code, reason = "this crate is where C++ is called, so that no other has to")]
#![warn(clippy::undocumented_unsafe_blocks)]

mod autograd;
mod conv;
mod copy;
mod ffi;
mod host;
mod system;

pub use autograd::with_backward;
pub use conv::{Activation, ConvGeometry, PackedConv};
pub use copy::copy_from_bytes;
pub use host::{Element, HostArray};
pub use system::{CudaStatus, cpu_capability, libtorch_path, load_cuda, torch_version, tune_allocator};

/// What libtorch said when a call failed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A libtorch exception, its message without the C++ backtrace.
    #[error("libtorch: {0}")]
    Torch(String),
    /// A shape, dtype or length that does not fit.
    #[error("{0}")]
    Mismatch(String),
}

impl From<tch::TchError> for Error {
    fn from(error: tch::TchError) -> Self {
        Self::Torch(error.to_string())
    }
}

/// The examples of the README compile and run.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
