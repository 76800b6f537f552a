//! Counts a network's work by walking its own forward code: while a count runs, a layer records itself and answers with
//! an empty map of the right shape instead of computing one.

use crate::Error;
use std::cell::RefCell;
use tch::Tensor;

/// What one layer does for one input.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Work {
    /// Address of the layer's weight, which tells its name ([`crate::Parameter`]).
    pub(crate) weight: usize,
    /// Multiply-adds of the convolution or linear layer.
    pub macs: u64,
    /// Elements that its normalisation writes.
    pub norm: u64,
}

thread_local! {
    static TALLY: RefCell<Option<Vec<Work>>> = const { RefCell::new(None) };
}

/// Runs `forward` without arithmetic and returns what its layers would have done, in their order.
///
/// # Errors
/// Those of `forward`.
pub(crate) fn walk(forward: impl FnOnce() -> Result<(), Error>) -> Result<Vec<Work>, Error> {
    TALLY.set(Some(Vec::new()));
    let outcome = tch::no_grad(forward);
    let works = TALLY.take().unwrap_or_default();
    outcome.map(|()| works)
}

/// Whether a count runs on this thread.
pub(super) fn counting() -> bool {
    TALLY.with_borrow(Option::is_some)
}

/// Records a layer.
pub(super) fn record(weight: &Tensor, macs: u64, norm: u64) {
    let work = Work { weight: weight.data_ptr() as usize, macs, norm };
    TALLY.with_borrow_mut(|tally| tally.iter_mut().for_each(|works| works.push(work)));
}

/// Records a 1x1 convolution that code computes in its own way, at this many pixels.
pub(crate) fn side_work(weight: &Tensor, pixels: i64) {
    if counting() {
        record(weight, weight.numel() as u64 * pixels as u64, 0);
    }
}

/// Records a normalisation that stands alone, on input `x`.
pub(super) fn norm(weight: &Tensor, x: &Tensor) {
    if counting() {
        record(weight, 0, x.numel() as u64);
    }
}
