//! Dotted names on tch's paths.

use tch::nn;

/// What tch's [`nn::Path`] lacks: several levels at once, and the name of the place itself.
pub trait PathExt<'a> {
    /// The place one level (or several, `layers.0`) below.
    fn at(&self, dotted: &str) -> nn::Path<'a>;

    /// The dotted name of this place; empty at the root.
    fn name(&self) -> String;
}

impl<'a> PathExt<'a> for nn::Path<'a> {
    fn at(&self, dotted: &str) -> nn::Path<'a> {
        // `Path::sub` refuses a dot inside a name.
        dotted.split('.').fold(self.set_group(0), |path, part| path.sub(part))
    }

    fn name(&self) -> String {
        self.components().collect::<Vec<_>>().join(".")
    }
}
