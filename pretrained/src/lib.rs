//! Checkpoint files of detectors: PyTorch (legacy and zip), pickles of numpy arrays, safetensors, Caffe.
//!
//! [`Checkpoint::open`] recognises the format by the content and reads only the index. A
//! file cannot run code, exhaust memory or bring the program down, whatever it says; one that cannot
//! be read is refused with one sentence that says why.
//!
//! It speaks by typed errors and by `tracing`: spans `open`, `read` (one tensor) and `fetch`, events for what is odd.
//!
//! [`catalogue`] knows the weights that others published, [`cache`] fetches and keeps them.

pub mod cache;
pub mod catalogue;
mod checkpoint;
pub mod classes;
mod error;
mod format;
mod formats;
mod index;
mod layout;
pub mod models;
pub mod naming;
mod pickle;
mod printable;
mod protobuf;
mod resolve;
mod source;
mod summary;
mod tensor;
mod wrapper;
mod write;

pub use checkpoint::Checkpoint;
pub use error::{Error, ErrorKind, Result};
pub use format::Format;
pub use formats::caffe::{CaffeConvolution, CaffeLayer, CaffeNet, CaffeNormalize, CaffeParams, CaffePriorBox};
pub use printable::printable;
pub use tensor::{Dtype, TensorData, TensorInfo};
pub use wrapper::{Ignored, Wrapper};
pub use write::{write_safetensors, write_safetensors_with, write_torch_zip, write_torch_zip_with};
