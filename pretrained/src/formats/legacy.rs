//! Legacy streams of PyTorch before 1.6: five pickles, then raw storages (spec: checkpoints §2).

use std::{collections::HashMap, ops::Range};

use crate::{
    error::{ErrorKind, Read},
    index::Index,
    pickle::{Heap, Persistent, Storage, Value, run},
    sniff::LEGACY_MAGIC,
    wrapper,
};

/// The only version there ever was (torch/serialization.py, PROTOCOL_VERSION).
const VERSION: i64 = 1001;

/// Reads the index.
pub(crate) fn index(file: &[u8], at: Option<&[&str]>) -> Read<Index> {
    let magic = run(file, 0, Persistent::None)?;
    if !matches!(magic.value, Value::Big(bytes) if bytes == LEGACY_MAGIC) {
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
    let state = wrapper::find(&object.heap, object.value, false, at)?;
    let keys = run(file, object.end, Persistent::None)?;
    let storages = storages(file, &object.heap, &keys.heap, keys.value, keys.end)?;
    Index::of_state_dict(state, &object.heap, file, false, |storage| {
        storages
            .get(storage.key)
            .cloned()
            .ok_or_else(|| ErrorKind::malformed(format!("the data of its storage {:?} are missing", storage.key)))
    })
}

/// Where the data of each storage are: one section per key, in the order of the key list.
fn storages<'a>(
    file: &'a [u8],
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
        let count = file.get(at..).and_then(|rest| rest.first_chunk()).ok_or_else(short)?;
        let count = u64::from_le_bytes(*count);
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
