//! Writes the zip files that `torch.load(weights_only=True)` reads (spec: checkpoints §3).

use std::{borrow::Cow, fs::File, io::BufWriter, io::Write, path::Path};

use super::file::{check, check_len, write_whole};
use crate::{
    error::{Error, ErrorKind, Read, Result},
    layout::Layout,
    tensor::{Dtype, TensorData, TensorInfo},
};

/// Where PyTorch puts the data of each storage, for mapping them.
const ALIGNMENT: u64 = 64;

/// Names, types and shapes of the records.
const ROOT: &str = "archive";

/// Writes tensors as a PyTorch checkpoint, an ordered dictionary from names to tensors in the given
/// order, which appears under its name only when it is complete.
///
/// # Errors
/// When a name is there twice, data do not fit a shape, or the file cannot be written.
pub fn write_torch_zip(path: impl AsRef<Path>, tensors: &[TensorData<'_>]) -> Result<()> {
    let infos: Vec<_> = tensors.iter().map(TensorData::info).collect();
    write_torch_zip_with(path, &infos, |i| Ok(Cow::Borrowed(&tensors[i].bytes[..])))
}

/// As [`write_torch_zip`], with the data of one tensor at a time: `bytes(i)` gives those of
/// `tensors[i]` (contiguous in C order, little-endian) when they are written.
///
/// # Errors
/// As [`write_torch_zip`], and those of `bytes`.
pub fn write_torch_zip_with<'a>(
    path: impl AsRef<Path>,
    tensors: &[TensorInfo],
    mut bytes: impl FnMut(usize) -> std::io::Result<Cow<'a, [u8]>>,
) -> Result<()> {
    let path = path.as_ref();
    let checked = check(tensors).and_then(|()| pickle(tensors));
    let pickle = checked.map_err(|kind| Error::new(&path.display().to_string(), kind))?;
    write_whole(path, |file| {
        let mut zip = Zip { file, at: 0, directory: Vec::new(), entries: 0 };
        zip.entry("data.pkl", &pickle)?;
        zip.entry("byteorder", b"little")?;
        for (i, tensor) in tensors.iter().enumerate() {
            let bytes = bytes(i)?;
            check_len(tensor, &bytes)?;
            zip.entry(&format!("data/{i}"), &bytes)?;
        }
        zip.entry("version", b"3\n")?;
        zip.finish()
    })
}

/// The pickle, protocol 2, with the instructions and names that PyTorch's weights-only reader knows.
fn pickle(tensors: &[TensorInfo]) -> Read<Vec<u8>> {
    const EMPTY_ORDERED_DICT: &[u8] = b"ccollections\nOrderedDict\n)R";
    let mut out = b"\x80\x02".to_vec();
    out.extend(EMPTY_ORDERED_DICT);
    out.push(b'(');
    for (i, tensor) in tensors.iter().enumerate() {
        text(&mut out, &tensor.name)?;
        let (storage, typed) = storage_class(tensor.dtype);
        out.extend(if typed {
            &b"ctorch._utils\n_rebuild_tensor_v2\n("[..]
        } else {
            b"ctorch._utils\n_rebuild_tensor_v3\n("
        });
        out.push(b'(');
        text(&mut out, "storage")?;
        out.extend(format!("c{storage}\n").as_bytes());
        text(&mut out, &i.to_string())?;
        text(&mut out, "cpu")?;
        int(&mut out, if typed { tensor.numel() } else { tensor.byte_len() });
        out.extend(b"tQ");
        int(&mut out, 0);
        tuple(&mut out, &tensor.shape);
        tuple(&mut out, &Layout::c_strides(&tensor.shape));
        out.push(0x89);
        out.extend(EMPTY_ORDERED_DICT);
        if !typed {
            out.extend(format!("ctorch\n{}\n", tensor.dtype.name()).as_bytes());
        }
        out.extend(b"tR");
    }
    out.extend(b"u.");
    Ok(out)
}

/// The storage class of a type; types younger than the classes have bytes and a dtype of their own.
fn storage_class(dtype: Dtype) -> (&'static str, bool) {
    let class = match dtype {
        Dtype::F64 => "torch\nDoubleStorage",
        Dtype::F32 => "torch\nFloatStorage",
        Dtype::F16 => "torch\nHalfStorage",
        Dtype::BF16 => "torch\nBFloat16Storage",
        Dtype::I64 => "torch\nLongStorage",
        Dtype::I32 => "torch\nIntStorage",
        Dtype::I16 => "torch\nShortStorage",
        Dtype::I8 => "torch\nCharStorage",
        Dtype::U8 => "torch\nByteStorage",
        Dtype::Bool => "torch\nBoolStorage",
        Dtype::U64 | Dtype::U32 | Dtype::U16 => return ("torch.storage\nUntypedStorage", false),
    };
    (class, true)
}

fn text(out: &mut Vec<u8>, text: &str) -> Read<()> {
    let len = u32::try_from(text.len()).map_err(|_| ErrorKind::Unwritable("a name is longer than 4 GB".to_owned()))?;
    out.push(b'X');
    out.extend(len.to_le_bytes());
    out.extend(text.as_bytes());
    Ok(())
}

fn int(out: &mut Vec<u8>, n: usize) {
    if let Ok(n) = i32::try_from(n) {
        out.push(b'J');
        out.extend(n.to_le_bytes());
    } else {
        // LONG1 of nine bytes: the ninth keeps the sign positive.
        out.extend([0x8a, 9]);
        out.extend((n as u64).to_le_bytes());
        out.push(0);
    }
}

fn tuple(out: &mut Vec<u8>, values: &[usize]) {
    out.push(b'(');
    values.iter().for_each(|&n| int(out, n));
    out.push(b't');
}

/// A zip archive of stored entries, written front to back.
struct Zip<'f> {
    file: &'f mut BufWriter<File>,
    at: u64,
    directory: Vec<u8>,
    entries: u64,
}

impl Zip<'_> {
    fn entry(&mut self, name: &str, content: &[u8]) -> Read<()> {
        let name = format!("{ROOT}/{name}");
        let crc = crc32fast::hash(content);
        let len = content.len() as u64;
        let header = self.at;
        let wide = len >= SATURATED || header >= SATURATED;
        let mut extra = Vec::new();
        if wide {
            extra.extend(1u16.to_le_bytes());
            extra.extend(16u16.to_le_bytes());
            extra.extend(len.to_le_bytes());
            extra.extend(len.to_le_bytes());
        }
        // PyTorch pads with a field "FB" so that the content is aligned.
        let start = header + 30 + (name.len() + extra.len() + 4) as u64;
        let padding = (start.next_multiple_of(ALIGNMENT) - start) as u16;
        extra.extend(b"FB");
        extra.extend(padding.to_le_bytes());
        extra.resize(extra.len() + usize::from(padding), b'Z');

        let mut record = b"PK\x03\x04".to_vec();
        record.extend(common(wide, crc, len, name.len(), extra.len()));
        record.extend(name.as_bytes());
        record.extend(&extra);
        self.file.write_all(&record)?;
        self.file.write_all(content)?;
        self.at += record.len() as u64 + len;

        extra.clear();
        if wide {
            extra.extend(1u16.to_le_bytes());
            extra.extend(24u16.to_le_bytes());
            extra.extend(len.to_le_bytes());
            extra.extend(len.to_le_bytes());
            extra.extend(header.to_le_bytes());
        }
        self.directory.extend(b"PK\x01\x02\x2d\x00");
        self.directory.extend(common(wide, crc, len, name.len(), extra.len()));
        self.directory.extend([0; 10]);
        let offset = if wide { u32::MAX } else { header as u32 };
        self.directory.extend(offset.to_le_bytes());
        self.directory.extend(name.as_bytes());
        self.directory.extend(&extra);
        self.entries += 1;
        Ok(())
    }

    fn finish(self) -> Read<()> {
        let (start, len) = (self.at, self.directory.len() as u64);
        self.file.write_all(&self.directory)?;
        // The 64-bit end record and its locator are always there, as in PyTorch's own files.
        let mut end = b"PK\x06\x06".to_vec();
        end.extend(44u64.to_le_bytes());
        end.extend([0x2d, 0, 0x2d, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
        for n in [self.entries, self.entries, len, start] {
            end.extend(n.to_le_bytes());
        }
        end.extend(b"PK\x06\x07\0\0\0\0");
        end.extend((start + len).to_le_bytes());
        end.extend(1u32.to_le_bytes());
        end.extend(b"PK\x05\x06\0\0\0\0");
        let entries = u16::try_from(self.entries).unwrap_or(u16::MAX);
        end.extend(entries.to_le_bytes());
        end.extend(entries.to_le_bytes());
        for n in [len, start] {
            end.extend(u32::try_from(n).unwrap_or(u32::MAX).to_le_bytes());
        }
        end.extend([0, 0]);
        self.file.write_all(&end)?;
        Ok(())
    }
}

/// The value that sends a reader to the 64-bit field.
const SATURATED: u64 = u32::MAX as u64;

/// What local headers and directory entries share: version needed to extra field's length.
fn common(wide: bool, crc: u32, len: u64, name_len: usize, extra_len: usize) -> [u8; 26] {
    // Names are UTF-8 (flag 0x0800); the date is 1980-01-01, so that equal input gives equal files.
    const DATE: u32 = 0x0021_0000;
    let len = if wide { u32::MAX } else { len as u32 };
    let mut out = [0; 26];
    out[..2].copy_from_slice(&(if wide { 45u16 } else { 20 }).to_le_bytes());
    out[2..4].copy_from_slice(&0x0800u16.to_le_bytes());
    out[6..10].copy_from_slice(&DATE.to_le_bytes());
    out[10..14].copy_from_slice(&crc.to_le_bytes());
    out[14..18].copy_from_slice(&len.to_le_bytes());
    out[18..22].copy_from_slice(&len.to_le_bytes());
    out[22..24].copy_from_slice(&(name_len as u16).to_le_bytes());
    out[24..26].copy_from_slice(&(extra_len as u16).to_le_bytes());
    out
}
