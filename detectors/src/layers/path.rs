//! What tch's paths lack.

use tch::{Tensor, nn};

/// What tch's [`nn::Path`] lacks: several levels at once, the name of the place itself, and variables whose memory is not
/// written before a checkpoint fills it.
pub trait PathExt<'a> {
    /// The place one level (or several, `layers.0`) below.
    fn at(&self, dotted: &str) -> nn::Path<'a>;

    /// The dotted name of this place; empty at the root.
    fn name(&self) -> String;

    /// A trainable variable whose values are undefined until something fills them. tch's own layers always draw their
    /// weights, which would cost more than reading a checkpoint, and again for every model that a file is compared with.
    fn uninitialised(&self, name: &str, shape: &[i64]) -> Tensor;
}

impl<'a> PathExt<'a> for nn::Path<'a> {
    fn at(&self, dotted: &str) -> nn::Path<'a> {
        // `Path::sub` refuses a dot inside a name.
        match dotted.split_once('.') {
            Some((first, rest)) => self.sub(first).at(rest),
            None => self.sub(dotted),
        }
    }

    fn name(&self) -> String {
        self.components().collect::<Vec<_>>().join(".")
    }

    fn uninitialised(&self, name: &str, shape: &[i64]) -> Tensor {
        self.add(name, Tensor::empty(shape, (self.kind(), self.device())), true)
    }
}
