//! Legacy streams of PyTorch before 1.6: five pickles, then raw storages (spec: checkpoints §2).

use std::{collections::HashMap, ops::Range};

use crate::{
    error::{ErrorKind, Read},
    index::Index,
    pickle::{Heap, Persistent, Storage, Value, run},
    source::Source,
    wrapper,
};

/// The only version there ever was (torch/serialization.py, PROTOCOL_VERSION).
const VERSION: i64 = 1001;

/// The number that these files begin with, little-endian (torch/serialization.py, MAGIC_NUMBER).
const MAGIC: [u8; 10] = [0x6c, 0xfc, 0x9c, 0x46, 0xf9, 0x20, 0x6a, 0xa8, 0x50, 0x19];

/// Bytes that are read at first: the pickles of 5,000 tensors.
const FIRST: usize = 1 << 20;

/// Reads the index.
pub(crate) fn index(source: &Source, at: Option<&[&str]>) -> Read<Index> {
    source.parse(0..source.len(), FIRST, |part| {
        let file = part.bytes;
        let magic = run(file, 0, Persistent::None)?;
        if !matches!(magic.value, Value::Big(bytes) if bytes == MAGIC) {
            return Err(ErrorKind::malformed("it begins like a PyTorch file, with the wrong magic number"));
        }
        let version = run(file, magic.end, Persistent::None)?;
        if !matches!(version.value, Value::Int(VERSION)) {
            return Err(ErrorKind::malformed(format!(
                "it is not of the legacy protocol version {VERSION}, the only one there is"
            )));
        }
        let system = run(file, version.end, Persistent::None)?;
        let object = run(file, system.end, Persistent::Torch)?;
        // What is wrong with the model comes first, however the list of storages goes on.
        let state = match wrapper::find(&object.heap, object.value, false, at) {
            Ok(state) => state,
            Err(kind) => return Ok(Err(kind)),
        };
        let keys = run(file, object.end, Persistent::None)?;
        let read = || {
            let storages = storages(source, &object.heap, &keys.heap, keys.value, keys.end)?;
            Index::of_state_dict(state, &object.heap, part, source.len(), false, |storage| {
                storages.get(storage.key).cloned().ok_or_else(|| {
                    ErrorKind::malformed(format!("the data of its storage {:?} are missing", storage.key))
                })
            })
        };
        Ok(read())
    })
}

/// Where the data of each storage are: one section per key, in the order of the key list.
fn storages<'a>(
    file: &Source,
    heap: &Heap<'a>,
    keys: &Heap<'a>,
    list: Value<'a>,
    mut at: usize,
) -> Read<HashMap<&'a str, Range<usize>>> {
    let mut named: HashMap<&str, &Storage<'_>> = HashMap::new();
    for storage in &heap.storages {
        let first = named.entry(storage.key).or_insert(storage);
        if first.class != storage.class || first.numel != storage.numel {
            let what = format!("the storage {:?} has two types or lengths", storage.key);
            return Err(ErrorKind::malformed(what));
        }
    }
    let odd = || ErrorKind::malformed("its list of storages is not a list of names");
    let mut found = HashMap::with_capacity(named.len());
    for &key in keys.as_sequence(list).ok_or_else(odd)? {
        let key = match key {
            Value::Str(key) => key,
            Value::Bytes(key) => std::str::from_utf8(key).map_err(|_| odd())?,
            _ => return Err(odd()),
        };
        let Some(storage) = named.get(key) else {
            let key: String = key.chars().take(40).collect();
            return Err(ErrorKind::malformed(format!("no tensor uses its storage {key:?}")));
        };
        let short = || ErrorKind::truncated(format!("the data of its storage {key:?} are incomplete"));
        if file.len() - at < 8 {
            return Err(short());
        }
        let count = u64::from_le_bytes(*file.read(at..at + 8)?.first_chunk().ok_or_else(short)?);
        if count != storage.numel as u64 {
            return Err(ErrorKind::malformed(format!(
                "its storage {key:?} should have {} elements and has {count}",
                storage.numel
            )));
        }
        let start = at + 8;
        let end = storage
            .numel
            .checked_mul(storage.class.size)
            .and_then(|len| start.checked_add(len))
            .filter(|&end| end <= file.len())
            .ok_or_else(short)?;
        if found.insert(key, start..end).is_some() {
            return Err(ErrorKind::malformed(format!("its storage {key:?} is listed twice")));
        }
        at = end;
    }
    Ok(found)
}
