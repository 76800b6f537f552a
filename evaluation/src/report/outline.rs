//! Outlines of masks as SVG paths.

use hotcoco::{Annotation, COCO};
use std::fmt::Write;
use vovdet_datasets::mask::{Patch, outlines};

/// Most pixels of a mask's rectangle that is outlined: a mask may claim any size.
const MOST_PIXELS: usize = 1 << 26;

/// The outline of an annotation's mask, holes included; none where there is no mask, or one of a size that cannot be.
pub fn path(coco: &COCO, annotation: &Annotation) -> Option<String> {
    annotation.segmentation.as_ref()?;
    let patch = Patch::new(&coco.ann_to_rle(annotation)?, MOST_PIXELS)?;
    let mut text = String::new();
    for line in outlines(&patch) {
        for (index, (x, y)) in line.iter().enumerate() {
            // Writing to a String cannot fail.
            let _ = write!(text, "{}{x} {y}", if index == 0 { "M" } else { "L" });
        }
        text.push('Z');
    }
    (!text.is_empty()).then_some(text)
}
