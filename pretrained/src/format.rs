//! Formats of checkpoints, and how a file's first bytes tell its format or what it is instead.

use std::fmt;

use infer::MatcherType;

use crate::{
    error::{ErrorKind, Read},
    formats::caffe,
};

/// How a checkpoint is stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Format {
    /// `torch.save` before PyTorch 1.6: pickles, then raw data.
    TorchLegacy,
    /// `torch.save` since PyTorch 1.6: a zip archive.
    TorchZip,
    /// A plain pickle of numpy arrays (detectron2, Detectron).
    Pickle,
    /// Safetensors.
    Safetensors,
    /// A binary Caffe model (`.caffemodel`).
    Caffe,
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::TorchLegacy => "PyTorch (legacy stream)",
            Self::TorchZip => "PyTorch (zip)",
            Self::Pickle => "pickle of numpy arrays",
            Self::Safetensors => "safetensors",
            Self::Caffe => "Caffe",
        })
    }
}

/// Files of machine learning that are not read: offset and bytes of their mark, what they are, what to do. General
/// kinds of files (pictures, archives, documents) are recognised by the crate infer, which does not know these.
const FOREIGN: [(usize, &[u8], &str, &str); 4] = [
    (0, b"\x89HDF\r\n\x1a\n", "an HDF5 file (Keras, or a .caffemodel.h5)", "convert it to .pth or safetensors"),
    (0, b"\x93NUMPY", "a single numpy array (.npy)", "save a dictionary from names to tensors"),
    (4, b"TFL3", "a TensorFlow Lite model", "use the PyTorch weights"),
    (0, b"GGUF", "a GGUF file (language models)", "use the PyTorch or safetensors weights"),
];

impl Format {
    /// The format of a file by its first bytes, of which `bytes` has at least 64 KB if there are as many.
    ///
    /// # Errors
    /// What the file is instead.
    pub(crate) fn detect(bytes: &[u8], file_len: usize) -> Read<Self> {
        let at = |offset: usize, mark: &[u8]| bytes.get(offset..).is_some_and(|rest| rest.starts_with(mark));
        if bytes.is_empty() {
            return Err(ErrorKind::Empty);
        }
        // First of all, since the length of the header may begin with any mark: 640 bytes look like a pickle's PROTO.
        if bytes.get(8) == Some(&b'{') && bytes[..8].ends_with(&[0, 0, 0]) {
            return Ok(Format::Safetensors);
        }
        if at(0, b"PK\x03\x04") || at(0, b"PK\x05\x06") {
            return Ok(Format::TorchZip);
        }
        // PROTO 2…5, at 4 and 5 a FRAME with its length, then an integer of ten bytes.
        if let [0x80, 2..=5, 0x8a, 10, ..] | [0x80, 4..=5, 0x95, _, _, _, _, _, _, _, _, 0x8a, 10, ..] = bytes {
            return Ok(Format::TorchLegacy);
        }
        if at(257, b"ustar") {
            return Err(ErrorKind::OldTar);
        }
        if let Some(&(_, _, what, advice)) = FOREIGN.iter().find(|(offset, mark, ..)| at(*offset, mark)) {
            return Err(ErrorKind::Foreign { what, advice });
        }
        if at(0, b"version https://git-lfs") {
            return Err(ErrorKind::LfsPointer);
        }
        // Pickles: PROTO 2…5, or a dictionary at protocol 0 or 1.
        let plain = matches!(bytes, [0x80, 2..=5, ..]);
        if plain || at(0, b"(dp") || at(0, b"}q") || at(0, b"ccollections\nOrderedDict\n") {
            return Ok(Format::Pickle);
        }
        // ONNX: field 1 (version, a small number), field 2 (producer's name) or 7 (graph).
        if let [0x08, 1..=20, 0x12 | 0x3a, ..] = bytes {
            let (what, advice) = ("an ONNX model", "use the PyTorch weights that it was exported from");
            return Err(ErrorKind::Foreign { what, advice });
        }
        if is_web_page(bytes) {
            return Err(ErrorKind::Html);
        }
        let text = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes).trim_ascii_start();
        if ["name:", "layer {", "layer{", "layers {", "layers{", "input:"]
            .iter()
            .any(|start| text.starts_with(start.as_bytes()))
        {
            let (what, advice) = ("a Caffe network without weights (prototxt)", "give the path of its .caffemodel");
            return Err(ErrorKind::Foreign { what, advice });
        }
        if caffe::is_net(bytes, file_len) {
            return Ok(Format::Caffe);
        }
        if let Some(kind) = other_kind(bytes) {
            return Err(kind);
        }
        if bytes.len() < 16 {
            return Err(ErrorKind::truncated(format!("its length is {}", bytes.len())));
        }
        let start: Vec<_> = bytes.iter().take(8).map(|byte| format!("{byte:02x}")).collect();
        Err(ErrorKind::Unrecognised(start.join(" ")))
    }
}

/// Whether these are the first bytes of a web page: no checkpoint begins with `<`.
pub(crate) fn is_web_page(start: &[u8]) -> bool {
    start.strip_prefix(b"\xef\xbb\xbf").unwrap_or(start).trim_ascii_start().first() == Some(&b'<')
}

/// What a file is that begins like no checkpoint: a picture, an archive, a text and so on.
fn other_kind(start: &[u8]) -> Option<ErrorKind> {
    let give = "give the path of a checkpoint";
    if let Some(found) = infer::get(start) {
        let (what, advice) = match (found.extension(), found.matcher_type()) {
            ("gz", _) => ("compressed with gzip", "unpack it first (gunzip)"),
            ("bz2", _) => ("compressed with bzip2", "unpack it first (bunzip2)"),
            ("xz", _) => ("compressed with xz", "unpack it first (unxz)"),
            ("zst", _) => ("compressed with zstd", "unpack it first (unzstd)"),
            ("7z", _) => ("a 7z archive", "unpack it first"),
            ("rar", _) => ("a RAR archive", "unpack it first"),
            ("pdf", _) => ("a PDF document", give),
            ("jpg", _) => ("a picture (JPEG)", give),
            ("png", _) => ("a picture (PNG)", give),
            (_, MatcherType::Image) => ("a picture", give),
            (_, MatcherType::Video) => ("a video", give),
            (_, MatcherType::Audio) => ("a sound file", give),
            (_, MatcherType::Archive) => ("an archive or compressed", "unpack it first"),
            (_, MatcherType::Book | MatcherType::Doc) => ("a document", give),
            (_, MatcherType::Font) => ("a font", give),
            (_, MatcherType::App) => ("a program", give),
            _ => return text(start),
        };
        return Some(ErrorKind::Foreign { what, advice });
    }
    text(start)
}

/// That a file is text, with the beginning of it.
fn text(start: &[u8]) -> Option<ErrorKind> {
    const SHOWN: usize = 40;
    // A character may be cut at the end of what was read.
    let text = match str::from_utf8(start) {
        Ok(text) => text,
        Err(error) if error.error_len().is_none() => str::from_utf8(&start[..error.valid_up_to()]).ok()?,
        Err(_) => return None,
    };
    let readable = |c: char| !c.is_control() || c.is_whitespace();
    if !text.chars().all(readable) {
        return None;
    }
    let line = text.trim_start_matches('\u{feff}').trim().lines().next().unwrap_or_default();
    let more = if line.chars().nth(SHOWN).is_some() { "…" } else { "" };
    Some(ErrorKind::Text(line.chars().take(SHOWN).collect::<String>() + more))
}
