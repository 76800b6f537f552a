//! A pickle machine that builds only data.
//!
//! Pickle is a small program for a stack machine; Python's own machine imports and calls whatever
//! the program names. This one has no way to call anything: the few constructors that checkpoints
//! need (ordered dictionaries, tensors, numpy arrays) have a fixed meaning, every other class becomes
//! an inert [`Object`] that remembers its name and arguments, and names that could run code end the
//! reading. Values live in one flat [`Heap`] and refer to each other by index, so a pickle can be as
//! deep or as cyclic as it likes: nothing here recurses.

mod construct;
mod globals;
mod input;
mod limits;
mod machine;
mod numpy;
mod opcodes;
mod text;
mod value;

pub(crate) use globals::{Meaning, StorageClass};
use limits::MAX_VALUES;
pub(crate) use machine::{Persistent, run};
pub(crate) use numpy::{Array, scalar_summary};
pub(crate) use text::latin1_bytes;
pub(crate) use value::{Heap, Node, Object, Storage, Tensor, Value};
