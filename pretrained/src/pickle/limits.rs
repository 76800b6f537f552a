//! How much a pickle may ask for. Everything is counted before it is stored, so that a hostile file
//! of any size costs at most a few hundred megabytes, and an honest one never notices.

/// Values kept (items of lists, dictionaries and tuples, memo entries; a container counts four).
/// A checkpoint with an Adam state for 2,000 parameters keeps about 200,000.
pub(crate) const MAX_VALUES: usize = 4_000_000;

/// Values waiting on the stack. Python's pickler hands over long lists in batches of 1,000.
pub(crate) const MAX_STACK: usize = 1_000_000;

/// Text up to this many bytes is read as text; longer text can only stand for bytes.
pub(crate) const MAX_TEXT: usize = 64 * 1024;

/// Bytes that one value stands for when bytes are kept instead.
pub(crate) const VALUE: usize = 24;

/// The longest name of a class or key of a storage, in bytes.
pub(crate) const MAX_NAME: usize = 1_000;
