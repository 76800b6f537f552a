//! Image files to pixels: 8-bit RGB, upright.
//!
//! The pixels are those of PIL's `exif_transpose(Image.open(file).convert("RGB"))`, which the reference's own code
//! feeds its networks with, as far as the format allows: JPEG through the same decoder (libjpeg, accurate integer
//! DCT, smooth chroma upsampling), everything else through the `image` crate. Transparency is dropped, not
//! composited, and of animations and multi-page files the first picture counts.
//!
//! One difference is deliberate: 16-bit grey keeps its upper eight bits, as PIL itself does for 16-bit colour; PIL
//! would show everything above 255 as white.

mod jpeg;
mod kind;
mod pixels;

use ::image::metadata::Orientation;
use ::image::{DynamicImage, ImageDecoder, ImageError as Damage, ImageFormat, ImageReader, Limits, RgbImage};
use kind::Kind;
use std::fs::File;
use std::io::{Cursor, Read};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;

/// Most pixels of an image: a 16384 x 16384 square, 805 MB of RGB.
pub const MAX_PIXELS: u64 = 1 << 28;

/// Most bytes of an image file.
const MAX_BYTES: u64 = 1 << 30;

/// Most bytes that a decoder may allocate: 16-bit RGBA of the largest image.
const MAX_ALLOC: u64 = MAX_PIXELS * 8 + (1 << 26);

/// Why a file gave no image: a sentence to stand behind the file's name and a colon.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ImageError {
    /// Nothing at that path.
    #[error("there is no such file")]
    Missing,
    /// A name that stands for no image at all: a folder without images, a pattern that fits nothing.
    #[error("{0}")]
    NoImage(String),
    /// The operating system refused.
    #[error("cannot be read: {0}")]
    Io(std::io::Error),
    /// Zero bytes.
    #[error("is empty (0 bytes)")]
    Empty,
    /// A file too large to be an image.
    #[error("is larger than 1 GB, too large for an image file")]
    FileTooLarge,
    /// Not an image at all, or of a kind that is not read.
    #[error("is {0}")]
    NotAnImage(String),
    /// The file ends before its picture does.
    #[error("is cut short: the file ends before the picture does; copy or download it again")]
    Truncated,
    /// A size beyond [`MAX_PIXELS`], refused before memory is spent.
    #[error("claims {0} x {1} pixels, more than the limit of 268 million")]
    TooManyPixels(u64, u64),
    /// A size with a zero.
    #[error("has no pixels ({0} x {1})")]
    NoPixels(u64, u64),
    /// Anything else that a decoder found.
    #[error("is damaged: {0}")]
    Damaged(String),
    /// A valid file of a sort that is not decoded.
    #[error("is a sort of image that is not supported ({0}); save it as PNG or JPEG")]
    Unsupported(String),
}

/// Reads the image at `path`.
///
/// # Errors
/// When there is no readable, whole image of at most [`MAX_PIXELS`] pixels.
pub fn read(path: &Path) -> Result<RgbImage, ImageError> {
    let file = File::open(path).map_err(|e| match e.kind() {
        std::io::ErrorKind::NotFound => ImageError::Missing,
        _ => ImageError::Io(e),
    })?;
    decode(&bytes_of(file)?)
}

/// Everything that `reader` gives, up to the limit for image files.
///
/// # Errors
/// When reading fails or does not end in time.
pub fn bytes_of(reader: impl Read) -> Result<Vec<u8>, ImageError> {
    let mut bytes = Vec::new();
    reader.take(MAX_BYTES + 1).read_to_end(&mut bytes).map_err(ImageError::Io)?;
    if bytes.len() as u64 > MAX_BYTES {
        return Err(ImageError::FileTooLarge);
    }
    Ok(bytes)
}

/// Decodes an image file's bytes; the format follows from the content, never from a name.
///
/// # Errors
/// See [`read`].
pub fn decode(bytes: &[u8]) -> Result<RgbImage, ImageError> {
    let decoded = catch_unwind(AssertUnwindSafe(|| match kind::of(bytes)? {
        Kind::Jpeg => jpeg::decode(bytes),
        Kind::Other(format) => decode_other(bytes, format),
    }));
    let (image, orientation) = decoded.unwrap_or_else(|panic| Err(ImageError::Damaged(words_of(&*panic))))?;
    let mut image = DynamicImage::ImageRgb8(image);
    image.apply_orientation(orientation);
    Ok(image.into_rgb8())
}

/// Refuses sizes that cannot or should not be decoded.
fn check_size(width: u64, height: u64) -> Result<(), ImageError> {
    match width.checked_mul(height) {
        Some(0) => Err(ImageError::NoPixels(width, height)),
        Some(pixels) if pixels <= MAX_PIXELS => Ok(()),
        _ => Err(ImageError::TooManyPixels(width, height)),
    }
}

fn decode_other(bytes: &[u8], format: ImageFormat) -> Result<(RgbImage, Orientation), ImageError> {
    let mut reader = ImageReader::with_format(Cursor::new(bytes), format);
    let mut limits = Limits::default();
    limits.max_alloc = Some(MAX_ALLOC);
    reader.limits(limits);
    let mut decoder = reader.into_decoder().map_err(reason)?;
    let (width, height) = decoder.dimensions();
    check_size(width.into(), height.into())?;
    // Metadata that cannot be read is no reason to refuse the picture.
    let orientation = decoder.orientation().unwrap_or(Orientation::NoTransforms);
    let image = DynamicImage::from_decoder(decoder).map_err(reason)?;
    Ok((pixels::to_rgb(image)?, orientation))
}

fn reason(error: Damage) -> ImageError {
    match error {
        Damage::IoError(e) if e.kind() == std::io::ErrorKind::UnexpectedEof => ImageError::Truncated,
        Damage::IoError(e) => ImageError::Damaged(e.to_string()),
        Damage::Limits(_) => ImageError::Damaged("decoding it would need more memory than the limit".into()),
        Damage::Unsupported(e) => ImageError::Unsupported(first_line(&e.to_string())),
        other if truncated(&other) => ImageError::Truncated,
        other => ImageError::Damaged(first_line(&other.to_string())),
    }
}

/// Whether an end of file is anywhere among the causes.
fn truncated(error: &Damage) -> bool {
    let mut cause: Option<&(dyn std::error::Error + 'static)> = Some(error);
    while let Some(e) = cause {
        let io = e.downcast_ref::<std::io::Error>();
        if io.is_some_and(|e| e.kind() == std::io::ErrorKind::UnexpectedEof) {
            return true;
        }
        cause = e.source();
    }
    false
}

fn first_line(text: &str) -> String {
    text.lines().next().unwrap_or_default().trim_end_matches('.').to_owned()
}

/// What a decoder that gave up by panicking said.
fn words_of(panic: &(dyn std::any::Any + Send)) -> String {
    let text = panic.downcast_ref::<String>().map(String::as_str).or_else(|| panic.downcast_ref::<&str>().copied());
    let text = text.unwrap_or("the decoder gave up");
    first_line(text.strip_prefix("libjpeg fatal error: ").unwrap_or(text))
}
