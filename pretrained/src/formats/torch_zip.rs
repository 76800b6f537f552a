//! The zip files of PyTorch since 1.6 (spec: checkpoints §3).

use super::archive::{self, Archive};
use crate::{
    error::{ErrorKind, Read},
    index::Index,
    pickle::{Persistent, Storage, run},
    source::Source,
    wrapper,
};

/// Bytes of `data.pkl` that are read at first: those of 200,000 tensors.
const FIRST: usize = 64 << 20;

/// Reads the index.
pub(crate) fn index(source: &Source, at: Option<&[&str]>) -> Read<Index> {
    let table = archive::table(source)?;
    let archive = Archive::new(source, &table)?;
    let root = root(&archive)?;
    let record = |name: &str| {
        let name = [root, b"/", name.as_bytes()].concat();
        archive.find(&name)
    };
    if record("constants.pkl")?.is_some() {
        return Err(ErrorKind::TorchScript);
    }
    let big_endian = match record("byteorder")? {
        None => false,
        Some(range) => match &source.read(range.start..range.end.min(range.start + 8))?[..] {
            b"little" => false,
            b"big" => true,
            _ => return Err(ErrorKind::malformed("its byte order is not \"little\" or \"big\"")),
        },
    };
    let locate = |storage: &Storage<'_>| {
        let Some(range) = record(&format!("data/{}", storage.key))? else {
            let what = format!("the data of its storage {:?} are missing", storage.key);
            return Err(ErrorKind::Malformed(what));
        };
        if storage.numel.checked_mul(storage.class.size) != Some(range.len()) {
            return Err(ErrorKind::malformed(format!(
                "its storage {:?} should have {} elements and has {} bytes",
                storage.key,
                storage.numel,
                range.len()
            )));
        }
        Ok(range)
    };
    source.parse(record("data.pkl")?.unwrap_or_default(), FIRST, |part| {
        let pickle = run(part.bytes, 0, Persistent::Torch)?;
        let read = || {
            let state = wrapper::find(&pickle.heap, pickle.value, false, at)?;
            Index::of_state_dict(state, &pickle.heap, part, source.len(), big_endian, locate)
        };
        Ok(read())
    })
}

/// The folder that all records are in: the one of `data.pkl`, the shortest when there are several.
fn root<'a>(archive: &Archive<'a>) -> Read<&'a [u8]> {
    let folders = archive.names().iter().filter_map(|name| name.strip_suffix(b"/data.pkl"));
    if let Some(root) = folders.min_by_key(|root| root.len()) {
        return Ok(root);
    }
    let inside = archive.names().iter().find(|name| {
        [&b".pth"[..], b".pt", b".pkl", b".safetensors", b".caffemodel"].iter().any(|end| name.ends_with(end))
    });
    let hint = match inside {
        Some(name) => {
            let name = String::from_utf8_lossy(name);
            format!("; unpack it and use {name:?}")
        }
        None => String::new(),
    };
    Err(ErrorKind::ZipWithoutPickle { hint })
}
