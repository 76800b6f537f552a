//! What the shim's functions have in common: they return null, or a message that we free.

use crate::Error;
use std::ffi::{CStr, c_char};

/// libtorch's `at::Tensor`, which tch's `C_tensor` is, behind a pointer.
#[repr(C)]
pub(crate) struct Tensor {
    _opaque: [u8; 0],
}

/// Takes a C string of the shim over and frees it.
pub(crate) fn take_string(raw: *mut c_char) -> String {
    // SAFETY: the shim returns strings made by strdup, NUL-terminated and owned by us; they are freed exactly once.
    unsafe {
        let text = CStr::from_ptr(raw).to_string_lossy().into_owned();
        libc::free(raw.cast());
        text
    }
}

/// An error, if the shim gave a message.
pub(crate) fn check(message: *mut c_char) -> Result<(), Error> {
    if message.is_null() { Ok(()) } else { Err(Error::Torch(take_string(message))) }
}

/// The tensor that a function of the shim made.
pub(crate) fn finish(message: *mut c_char, out: *mut Tensor) -> Result<tch::Tensor, Error> {
    check(message)?;
    if out.is_null() {
        // The message itself could not be allocated.
        return Err(Error::Torch("no result".into()));
    }
    // SAFETY: the shim has stored a new at::Tensor, which is handed to tch exactly once.
    Ok(unsafe { tch::Tensor::from_ptr(out.cast()) })
}

/// The string that a function of the shim made; empty when it failed.
pub(crate) fn finish_string(message: *mut c_char, out: *mut c_char) -> String {
    if check(message).is_err() || out.is_null() { String::new() } else { take_string(out) }
}
