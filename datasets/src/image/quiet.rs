//! Decoders that give up by panicking: the panic becomes the image's error, and nobody else hears of it.

use std::any::Any;
use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind};

thread_local! {
    static DECODING: Cell<bool> = const { Cell::new(false) };
}

/// Runs a decoder; what it panics with is the error.
pub fn catch<T>(decode: impl FnOnce() -> T) -> Result<T, Box<dyn Any + Send>> {
    let before = DECODING.replace(true);
    let decoded = catch_unwind(AssertUnwindSafe(decode));
    DECODING.set(before);
    decoded
}

/// Keeps decoders that panic from writing to standard error; to be called once by a program. Other panics are reported
/// as before.
pub fn silence_decoder_panics() {
    let usual = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |info| {
        if !DECODING.get() {
            usual(info);
        }
    }));
}
