//! Plain pickles of numpy arrays: detectron2's model zoo, Detectron (spec: checkpoints §5).

use crate::{
    error::{ErrorKind, Read},
    index::Index,
    pickle::{Persistent, run},
    source::Source,
    wrapper,
};

/// Bytes that are read at first: more than any file of the model zoos has, since index and data alternate.
const FIRST: usize = 512 << 20;

/// Reads the index.
pub(crate) fn index(source: &Source, at: Option<&[&str]>) -> Read<Index> {
    source.parse(0..source.len(), FIRST, |part| {
        let pickle = run(part.bytes, 0, Persistent::None)?;
        let read = || {
            let state = wrapper::find(&pickle.heap, pickle.value, true, at)?;
            let no_storages = |_: &_| Err(ErrorKind::malformed("a tensor in it has a storage elsewhere"));
            Index::of_state_dict(state, &pickle.heap, part, source.len(), false, no_storages)
        };
        Ok(read())
    })
}
