//! One file per format: from the bytes of a file to its index.

pub(crate) mod archive;
pub(crate) mod caffe;
pub(crate) mod legacy;
pub(crate) mod pkl;
pub(crate) mod safetensors;
pub(crate) mod torch_zip;
