//! Writers: safetensors and PyTorch's zip.

mod file;
mod safetensors;
mod torch_zip;

pub use safetensors::{write_safetensors, write_safetensors_with};
pub use torch_zip::{write_torch_zip, write_torch_zip_with};
