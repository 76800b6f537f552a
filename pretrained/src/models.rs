//! The small models that ship with the program, inside it: one file to copy, nothing to configure.

/// Name and bytes (safetensors with the spec in its metadata) of every bundled model.
const BUNDLED: [(&str, &[u8]); 1] =
    [("nuclei_mask_rcnn_vovnet27_slim", include_bytes!("../models/nuclei_mask_rcnn_vovnet27_slim.safetensors"))];

/// Names of the bundled models.
pub fn names() -> impl Iterator<Item = &'static str> {
    BUNDLED.iter().map(|model| model.0)
}

/// The bytes of a bundled model: a safetensors file.
pub fn find(name: &str) -> Option<&'static [u8]> {
    BUNDLED.iter().find(|model| model.0 == name).map(|model| model.1)
}
