//! Plain pickles of numpy arrays: detectron2's model zoo, Detectron (spec: checkpoints §5).

use crate::{
    error::{ErrorKind, Read},
    index::Index,
    pickle::{Persistent, run},
    wrapper,
};

/// Reads the index.
pub(crate) fn index(file: &[u8], at: Option<&[&str]>) -> Read<Index> {
    let pickle = run(file, 0, Persistent::None)?;
    let state = wrapper::find(&pickle.heap, pickle.value, true, at)?;
    let no_storages = |_: &_| Err(ErrorKind::malformed("a tensor in it has a storage elsewhere"));
    Index::of_state_dict(state, &pickle.heap, file, false, no_storages)
}
