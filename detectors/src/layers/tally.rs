//! A network's work, counted by walking its own forward code.

use std::sync::{Arc, Mutex, PoisonError};

/// What one layer does for one input.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Work {
    /// Dotted name of the layer.
    pub layer: String,
    /// Multiply-adds of the convolution or linear layer.
    pub macs: u64,
    /// Elements that its normalisation writes.
    pub norm: u64,
}

/// Where the layers of one network write down their work; clones share one list.
#[derive(Debug, Clone, Default)]
pub struct Tally(Arc<Mutex<Vec<Work>>>);

impl Tally {
    /// Adds a layer's work.
    pub(crate) fn add(&self, layer: &str, macs: u64, norm: u64) {
        let work = Work { layer: layer.to_owned(), macs, norm };
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(work);
    }

    /// What has been recorded so far, in the order in which the layers ran.
    pub fn take(&self) -> Vec<Work> {
        std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}
