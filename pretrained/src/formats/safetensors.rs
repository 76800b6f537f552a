//! Safetensors (spec: checkpoints §6).

use std::{collections::BTreeMap, fmt};

use safetensors::tensor::{Dtype as SafeDtype, Metadata, TensorInfo};
use serde::de::{Deserializer, Error as _, MapAccess, Visitor};

use crate::{
    error::{ErrorKind, Read},
    index::Index,
    layout::{Data, Layout},
    source::Source,
    tensor::Dtype,
    wrapper::MAX_TENSORS,
};

/// The longest header that is read; the format allows 100 MB, and 10,000 tensors need 1 MB.
const MAX_HEADER: usize = 32 << 20;

/// Reads the index.
pub(crate) fn index(file: &Source) -> Read<Index> {
    let data = data_start(file)?;
    let header: Header = serde_json::from_slice(&file.read(8..data)?)
        .map_err(|error| ErrorKind::malformed(format!("its header is wrong: {error}")))?;
    let Header { metadata, mut tensors } = header;
    tensors.sort_by_key(|(_, info)| info.data_offsets);
    // The crate's own checks: offsets in order, without holes or overlaps, lengths that fit shapes.
    let checked = Metadata::new(None, tensors.clone())
        .map_err(|error| ErrorKind::malformed(format!("its header is wrong: {error}")))?;
    let len = file.len() - data;
    if checked.data_len() > len {
        let what = format!("its header promises {} bytes of data, there are {len}", checked.data_len());
        return Err(ErrorKind::Truncated(what));
    }
    if checked.data_len() < len {
        let extra = len - checked.data_len();
        return Err(ErrorKind::malformed(format!("{extra} bytes at its end belong to no tensor")));
    }
    if tensors.is_empty() {
        return Err(ErrorKind::NoTensors { what: "its header lists none".to_owned() });
    }
    if tensors.len() > MAX_TENSORS {
        return Err(ErrorKind::Limit(format!("it has more than {MAX_TENSORS} tensors")));
    }
    let mut index = Index { metadata, ..Index::default() };
    let mut entries = Vec::with_capacity(tensors.len());
    for (name, info) in tensors {
        let refuse = |why: String| ErrorKind::tensor(&name, why);
        let dtype = dtype(info.dtype)
            .ok_or_else(|| refuse(format!("has elements of type {}, which is not read", info.dtype)))?;
        let (begin, end) = info.data_offsets;
        let strides = Layout::c_strides(&info.shape);
        let storage = (end - begin) / dtype.size();
        let range = Data::File(data + begin..data + end);
        let layout = Layout::new(range, storage, dtype.size(), info.shape, 0, strides, false).map_err(refuse)?;
        entries.push((name, dtype, layout));
    }
    index.fill(entries, file.len())?;
    Ok(index)
}

/// Where the header ends and the data begin.
fn data_start(file: &Source) -> Read<usize> {
    let short = || ErrorKind::truncated("it ends inside its header");
    if file.len() < 8 {
        return Err(short());
    }
    let len = u64::from_le_bytes(*file.read(0..8)?.first_chunk().ok_or_else(short)?);
    if len > MAX_HEADER as u64 {
        let what = format!("its header has {len} bytes (at most {MAX_HEADER} are read)");
        return Err(ErrorKind::Limit(what));
    }
    let end = 8 + len as usize;
    if end <= file.len() { Ok(end) } else { Err(short()) }
}

fn dtype(dtype: SafeDtype) -> Option<Dtype> {
    Some(match dtype {
        SafeDtype::F64 => Dtype::F64,
        SafeDtype::F32 => Dtype::F32,
        SafeDtype::F16 => Dtype::F16,
        SafeDtype::BF16 => Dtype::BF16,
        SafeDtype::I64 => Dtype::I64,
        SafeDtype::I32 => Dtype::I32,
        SafeDtype::I16 => Dtype::I16,
        SafeDtype::I8 => Dtype::I8,
        SafeDtype::U64 => Dtype::U64,
        SafeDtype::U32 => Dtype::U32,
        SafeDtype::U16 => Dtype::U16,
        SafeDtype::U8 => Dtype::U8,
        SafeDtype::BOOL => Dtype::Bool,
        _ => return None,
    })
}

/// The header as it is written: every entry once, in its order.
struct Header {
    metadata: BTreeMap<String, String>,
    tensors: Vec<(String, TensorInfo)>,
}

impl<'de> serde::Deserialize<'de> for Header {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(HeaderVisitor)
    }
}

struct HeaderVisitor;

impl<'de> Visitor<'de> for HeaderVisitor {
    type Value = Header;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object from names to tensors")
    }

    fn visit_map<M: MapAccess<'de>>(self, mut map: M) -> Result<Header, M::Error> {
        let mut metadata = None;
        let mut tensors = Vec::new();
        while let Some(name) = map.next_key::<String>()? {
            if name != "__metadata__" {
                tensors.push((name, map.next_value()?));
            } else if metadata.replace(map.next_value()?).is_some() {
                return Err(M::Error::custom("two entries __metadata__"));
            }
        }
        Ok(Header { metadata: metadata.unwrap_or_default(), tensors })
    }
}
