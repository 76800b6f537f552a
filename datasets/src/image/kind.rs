//! What a file is, by its first bytes.

use super::ImageError;
use ::image::ImageFormat;

/// Which decoder reads it.
#[derive(Debug, Clone, Copy)]
pub enum Kind {
    /// libjpeg.
    Jpeg,
    /// The `image` crate.
    Other(ImageFormat),
}

impl Kind {
    /// Whether a picture of any size may be a file of a few bytes.
    pub fn may_be_any_size(self) -> bool {
        matches!(self, Self::Other(ImageFormat::WebP))
    }
}

/// Recognised, but not decoded here: what it is and what to do.
const UNSUPPORTED: [(usize, &[u8], &str); 12] = [
    (4, b"ftypavi", "an AVIF image, which is not supported; save it as PNG or JPEG"),
    (4, b"ftyphei", "a HEIC photograph, which is not supported; save it as PNG or JPEG"),
    (4, b"ftypmif1", "a HEIF image, which is not supported; save it as PNG or JPEG"),
    (4, b"ftyp", "a video (MP4 or QuickTime); extract its frames as images first"),
    (0, b"\x1a\x45\xdf\xa3", "a video (Matroska or WebM); extract its frames as images first"),
    (0, b"\x00\x00\x00\x0cJXL ", "a JPEG XL image, which is not supported; save it as PNG or JPEG"),
    (0, b"\x00\x00\x00\x0cjP  ", "a JPEG 2000 image, which is not supported; save it as PNG or JPEG"),
    (0, b"8BPS", "a Photoshop file; export it as PNG or JPEG"),
    (0, b"%PDF", "a PDF document, not an image; convert its pages to PNG first"),
    (0, b"PK\x03\x04", "a zip archive (or a PyTorch checkpoint), not an image; unpack an archive first"),
    (0, b"\x1f\x8b", "gzip-compressed, not an image; unpack it first"),
    (0, b"version https://git-lfs", "a Git LFS pointer, not the file itself; run `git lfs pull`"),
];

/// The kind of an image file.
///
/// # Errors
/// When it is none that is read; the message says what it looks like.
pub fn of(bytes: &[u8]) -> Result<Kind, ImageError> {
    if bytes.is_empty() {
        return Err(ImageError::Empty);
    }
    if bytes.starts_with(b"\xff\xd8\xff") {
        return Ok(Kind::Jpeg);
    }
    if let Some((.., what)) =
        UNSUPPORTED.iter().find(|(at, magic, _)| bytes[(*at).min(bytes.len())..].starts_with(magic))
    {
        return Err(ImageError::NotAnImage((*what).into()));
    }
    match ::image::guess_format(bytes) {
        Ok(format) if format.reading_enabled() => Ok(Kind::Other(format)),
        Ok(format) => Err(ImageError::Unsupported(format!("{format:?}"))),
        Err(_) => Err(ImageError::NotAnImage(description(bytes))),
    }
}

/// What a file without a known signature looks like.
fn description(bytes: &[u8]) -> String {
    let head = &bytes[..bytes.len().min(512)];
    let text = String::from_utf8_lossy(head).trim_start_matches('\u{feff}').trim_start().to_ascii_lowercase();
    if text.starts_with("<!doctype html") || text.starts_with("<html") {
        return "a web page, not an image; download the image itself".into();
    }
    if text.starts_with("<svg") || text.starts_with("<?xml") && text.contains("<svg") {
        return "an SVG drawing, which is not supported; export it as PNG".into();
    }
    if head.iter().all(|b| matches!(b, 9 | 10 | 13 | 32..=126 | 128..)) {
        return "a text file, not an image".into();
    }
    let start: Vec<_> = head.iter().take(8).map(|b| format!("{b:02x}")).collect();
    format!("not an image in a known format (it starts with the bytes {})", start.join(" "))
}
