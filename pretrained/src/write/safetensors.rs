//! Writes safetensors.

use std::{borrow::Cow, collections::BTreeMap, io::Write, path::Path};

use serde::ser::{Serialize, SerializeMap, Serializer};

use super::file::{check, check_len, write_whole};
use crate::{
    error::{Error, ErrorKind, Read, Result},
    tensor::{Dtype, TensorData, TensorInfo},
};

/// Writes tensors and text metadata as a safetensors file, which appears under its name only when it
/// is complete.
///
/// Larger element types come first, in the given order otherwise, so that every tensor is aligned to
/// its elements.
///
/// # Errors
/// When a name is there twice, data do not fit a shape, or the file cannot be written.
pub fn write_safetensors(
    path: impl AsRef<Path>,
    tensors: &[TensorData<'_>],
    metadata: &BTreeMap<String, String>,
) -> Result<()> {
    let infos: Vec<_> = tensors.iter().map(TensorData::info).collect();
    write_safetensors_with(path, &infos, metadata, |i| Ok(Cow::Borrowed(&tensors[i].bytes[..])))
}

/// As [`write_safetensors`], with the data of one tensor at a time: `bytes(i)` gives those of
/// `tensors[i]` (contiguous in C order, little-endian) when they are written.
///
/// # Errors
/// As [`write_safetensors`], and those of `bytes`.
pub fn write_safetensors_with<'a>(
    path: impl AsRef<Path>,
    tensors: &[TensorInfo],
    metadata: &BTreeMap<String, String>,
    mut bytes: impl FnMut(usize) -> std::io::Result<Cow<'a, [u8]>>,
) -> Result<()> {
    let path = path.as_ref();
    let mut order: Vec<usize> = (0..tensors.len()).collect();
    order.sort_by_key(|&i| std::cmp::Reverse(tensors[i].dtype.size()));
    let header = || -> Read<Vec<u8>> {
        check(tensors)?;
        if tensors.iter().any(|tensor| tensor.name == "__metadata__") {
            let what = "no tensor can be called \"__metadata__\"";
            return Err(ErrorKind::Unwritable(what.to_owned()));
        }
        let header = Header { tensors, order: &order, metadata };
        let mut json = serde_json::to_vec(&header).map_err(|error| ErrorKind::Unwritable(error.to_string()))?;
        // Padded so that the data start at a multiple of 8.
        json.resize(json.len().next_multiple_of(8), b' ');
        Ok(json)
    };
    let header = header().map_err(|kind| Error::new(&path.display().to_string(), kind))?;
    write_whole(path, |file| {
        file.write_all(&(header.len() as u64).to_le_bytes())?;
        file.write_all(&header)?;
        for &i in &order {
            let bytes = bytes(i)?;
            check_len(&tensors[i], &bytes)?;
            file.write_all(&bytes)?;
        }
        Ok(())
    })
}

struct Header<'a> {
    tensors: &'a [TensorInfo],
    order: &'a [usize],
    metadata: &'a BTreeMap<String, String>,
}

#[derive(serde::Serialize)]
struct Entry<'a> {
    dtype: &'static str,
    shape: &'a [usize],
    data_offsets: [usize; 2],
}

impl Serialize for Header<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        if !self.metadata.is_empty() {
            map.serialize_entry("__metadata__", self.metadata)?;
        }
        let mut at = 0;
        for &i in self.order {
            let tensor = &self.tensors[i];
            let data_offsets = [at, at + tensor.byte_len()];
            at = data_offsets[1];
            let dtype = code(tensor.dtype);
            map.serialize_entry(&tensor.name, &Entry { dtype, shape: &tensor.shape, data_offsets })?;
        }
        map.end()
    }
}

fn code(dtype: Dtype) -> &'static str {
    match dtype {
        Dtype::F64 => "F64",
        Dtype::F32 => "F32",
        Dtype::F16 => "F16",
        Dtype::BF16 => "BF16",
        Dtype::I64 => "I64",
        Dtype::I32 => "I32",
        Dtype::I16 => "I16",
        Dtype::I8 => "I8",
        Dtype::U64 => "U64",
        Dtype::U32 => "U32",
        Dtype::U16 => "U16",
        Dtype::U8 => "U8",
        Dtype::Bool => "BOOL",
    }
}
