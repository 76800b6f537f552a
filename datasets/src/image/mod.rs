//! Image files to pixels: 8-bit RGB, upright.
//!
//! The pixels are those of PIL's `exif_transpose(Image.open(file).convert("RGB"))`, which the reference's own code
//! feeds its networks with, as far as the format allows: JPEG through the same decoder (libjpeg, accurate integer
//! DCT, smooth chroma upsampling), everything else through the `image` crate. Transparency is dropped, not
//! composited, and of animations and multi-page files the first picture counts.
//!
//! One difference is deliberate: 16-bit grey keeps its upper eight bits, as PIL itself does for 16-bit colour; PIL
//! would show everything above 255 as white.

mod directory;
mod jpeg;
mod jpeg_header;
mod kind;
mod pixels;
mod quiet;
mod tiff;

pub use quiet::silence_decoder_panics;

use ::image::metadata::Orientation;
use ::image::{DynamicImage, ImageDecoder, ImageError as Damage, ImageFormat, ImageReader, Limits, RgbImage};
use kind::Kind;
use std::borrow::Cow;
use std::ffi::OsStr;
use std::io::{Cursor, Read};
use std::path::Path;
use vovdet_files::ReadFault;

/// Extensions that count as images inside a folder.
const EXTENSIONS: [&str; 13] =
    ["bmp", "gif", "jfif", "jpe", "jpeg", "jpg", "pbm", "pgm", "png", "ppm", "tif", "tiff", "webp"];

/// Most pixels of an image: a 16384 x 16384 square, 805 MB of RGB.
pub const MAX_PIXELS: u64 = 1 << 28;

/// Most bytes of an image file.
pub const MAX_BYTES: u64 = 1 << 30;

/// Most bytes that a decoder may allocate: 16-bit RGBA of the largest image.
const MAX_ALLOC: u64 = MAX_PIXELS * 8 + (1 << 26);

/// Pixels that a byte of a file can stand for: deflate makes at most 1032 bytes of one, of eight pixels each. The other
/// compressions make less, but for WebP's, which can say "all of one colour" in no bits at all.
const PIXELS_PER_BYTE: u64 = 1032 * 8;

/// An image of so many pixels is decoded whatever its file's length.
const SMALL: u64 = 1 << 24;

/// Most scans of a JPEG. Each goes over the whole picture; encoders make about ten, optimisers some dozens.
const MAX_SCANS: usize = 200;

/// Why a file gave no image: a sentence to stand behind the file's name and a colon.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ImageError {
    /// The file cannot be read: it is not there, no regular file, or too large.
    #[error("{0}")]
    File(#[from] ReadFault),
    /// A name that stands for no image at all: a folder without images, a pattern that fits nothing.
    #[error("{0}")]
    NoImage(String),
    /// Zero bytes.
    #[error("is empty (0 bytes)")]
    Empty,
    /// Not an image at all, or of a kind that is not read.
    #[error("is {0}")]
    NotAnImage(String),
    /// The file ends before its picture does.
    #[error("is cut short: the file ends before the picture does; copy or download it again")]
    Truncated,
    /// A size beyond [`MAX_PIXELS`], refused before memory is spent.
    #[error("claims {0} x {1} pixels, more than the limit of 268 million")]
    TooManyPixels(u64, u64),
    /// A size that the file is too short for, refused before memory is spent.
    #[error("claims {0} x {1} pixels, which {2} bytes cannot hold: it is cut short, or made to exhaust memory")]
    TooShort(u64, u64, u64),
    /// A JPEG that would be decoded over and over.
    #[error("has {0} scans, more than the limit of {max}: it is made to exhaust time", max = MAX_SCANS)]
    TooManyScans(usize),
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

/// Whether a file's name says that it is an image.
pub fn has_image_extension(path: &Path) -> bool {
    let extension = path.extension().and_then(OsStr::to_str).map(str::to_ascii_lowercase);
    extension.is_some_and(|extension| EXTENSIONS.contains(&extension.as_str()))
}

/// Reads the image at `path`: 8-bit RGB, upright.
///
/// # Errors
/// When there is no readable, whole image of at most [`MAX_PIXELS`] pixels.
pub fn read(path: &Path) -> Result<RgbImage, ImageError> {
    Encoded::open(path)?.decode()
}

/// Reads the image at `path` as it is stored, and how its camera says it is to be turned.
///
/// # Errors
/// See [`read`].
pub fn read_stored(path: &Path) -> Result<(RgbImage, Orientation), ImageError> {
    Encoded::open(path)?.decode_stored()
}

/// Decodes an image file's bytes; the format follows from the content, never from a name.
///
/// # Errors
/// See [`read`].
pub fn decode(bytes: &[u8]) -> Result<RgbImage, ImageError> {
    Encoded::new(bytes)?.decode()
}

/// An image file in memory: its format and size are known, its pixels are not decoded yet.
#[derive(Debug)]
pub struct Encoded<'a> {
    bytes: Cow<'a, [u8]>,
    kind: Kind,
    size: (u32, u32),
    /// Bytes of memory that decoding takes per pixel, the picture itself included.
    cost: u64,
}

impl<'a> Encoded<'a> {
    /// Reads the file at `path`.
    ///
    /// # Errors
    /// When there is no regular file, or it is no image that could be decoded.
    pub fn open(path: &Path) -> Result<Self, ImageError> {
        let _span = tracing::debug_span!("open", path = %path.display()).entered();
        Self::new(vovdet_files::read_bounded(path, MAX_BYTES).map_err(|error| error.fault)?)
    }

    /// Takes everything that `reader` gives for an image file.
    ///
    /// # Errors
    /// See [`Encoded::open`].
    pub fn from_reader(reader: impl Read) -> Result<Self, ImageError> {
        Self::new(vovdet_files::read_all(reader, 0, MAX_BYTES)?)
    }

    /// Takes bytes for an image file.
    ///
    /// # Errors
    /// When they are of no format that is read, or claim a size that is refused.
    pub fn new(bytes: impl Into<Cow<'a, [u8]>>) -> Result<Self, ImageError> {
        let bytes = bytes.into();
        let kind = kind::of(&bytes)?;
        let (size, cost) = match kind {
            Kind::Jpeg => jpeg_size(&bytes)?,
            // Room for the picture as it is stored, mostly RGBA, besides the picture in RGB.
            Kind::Other(format) => (caught(|| other_size(&bytes, format))?, 7),
        };
        check_size(size.0.into(), size.1.into())?;
        let (pixels, length) = (u64::from(size.0) * u64::from(size.1), bytes.len() as u64);
        if pixels > SMALL && pixels > length.saturating_mul(PIXELS_PER_BYTE) && !kind.may_be_any_size() {
            return Err(ImageError::TooShort(size.0.into(), size.1.into(), length));
        }
        Ok(Self { bytes, kind, size, cost })
    }

    /// Width and height as they are stored, before the orientation turns them.
    pub fn size(&self) -> (u32, u32) {
        self.size
    }

    /// The file's length in bytes.
    pub fn length(&self) -> u64 {
        self.bytes.len() as u64
    }

    /// Width and height of the picture as [`Encoded::decode`] turns it.
    pub fn upright_size(&self) -> (u32, u32) {
        let orientation = match self.kind {
            Kind::Jpeg => {
                let exif = jpeg_header::read(&self.bytes).and_then(|header| header.exif);
                exif.map(|(start, end)| directory::orientation(&self.bytes[start..end]))
            }
            Kind::Other(ImageFormat::Tiff) => Some(directory::orientation(&self.bytes)),
            Kind::Other(format) => quiet::catch(|| {
                let decoder = ImageReader::with_format(Cursor::new(&self.bytes[..]), format).into_decoder();
                Some(directory::orientation(&decoder.ok()?.exif_metadata().ok()??))
            })
            .unwrap_or_default(),
        };
        let (width, height) = self.size;
        match orientation {
            Some(
                Orientation::Rotate90
                | Orientation::Rotate270
                | Orientation::Rotate90FlipH
                | Orientation::Rotate270FlipH,
            ) => (height, width),
            _ => (width, height),
        }
    }

    /// Bytes of memory that decoding takes, about, the picture and the file included.
    pub fn memory(&self) -> u64 {
        u64::from(self.size.0) * u64::from(self.size.1) * self.cost + self.bytes.len() as u64
    }

    /// The pixels: 8-bit RGB, upright.
    ///
    /// # Errors
    /// When the file is damaged.
    pub fn decode(self) -> Result<RgbImage, ImageError> {
        let (image, orientation) = self.decode_stored()?;
        let mut image = DynamicImage::ImageRgb8(image);
        image.apply_orientation(orientation);
        Ok(image.into_rgb8())
    }

    /// The pixels as they are stored: 8-bit RGB, and how to turn them upright.
    ///
    /// # Errors
    /// When the file is damaged.
    pub fn decode_stored(self) -> Result<(RgbImage, Orientation), ImageError> {
        let _span = tracing::debug_span!("decode", width = self.size.0, height = self.size.1).entered();
        caught(|| match self.kind {
            Kind::Jpeg => jpeg::decode(&self.bytes),
            Kind::Other(format) => decode_other(&self.bytes, format),
        })
    }
}

/// Runs a decoder; when it panics, what it said is the error.
fn caught<T>(decode: impl FnOnce() -> Result<T, ImageError>) -> Result<T, ImageError> {
    quiet::catch(decode).unwrap_or_else(|panic| Err(ImageError::Damaged(words_of(&*panic))))
}

/// The size of a JPEG, and the bytes per pixel that decoding it takes: those of a progressive one are kept as
/// coefficients of two bytes until all scans are read.
fn jpeg_size(bytes: &[u8]) -> Result<((u32, u32), u64), ImageError> {
    let header = jpeg_header::read(bytes).ok_or(ImageError::Truncated)?;
    if header.scans > MAX_SCANS {
        return Err(ImageError::TooManyScans(header.scans));
    }
    let cost = if header.scans > 1 { 3 + 2 * u64::from(header.components) } else { 3 };
    Ok(((header.width.into(), header.height.into()), cost))
}

fn other_size(bytes: &[u8], format: ImageFormat) -> Result<(u32, u32), ImageError> {
    let size = || {
        let directory = directory::Directory::first(bytes).filter(|_| format == ImageFormat::Tiff)?;
        Some((directory.number(directory::IMAGE_WIDTH)?, directory.number(directory::IMAGE_LENGTH)?))
    };
    match size() {
        Some(size) => Ok(size),
        None => ImageReader::with_format(Cursor::new(bytes), format).into_dimensions().map_err(reason),
    }
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
    if format == ImageFormat::Tiff
        && let Some(image) = tiff::decode(bytes)?
    {
        return Ok((image, directory::orientation(bytes)));
    }
    let mut reader = ImageReader::with_format(Cursor::new(bytes), format);
    let mut limits = Limits::default();
    limits.max_alloc = Some(MAX_ALLOC);
    reader.limits(limits);
    let mut decoder = reader.into_decoder().map_err(reason)?;
    let (width, height) = decoder.dimensions();
    check_size(width.into(), height.into())?;
    let orientation = match format {
        ImageFormat::Tiff => directory::orientation(bytes),
        // Metadata that cannot be read is no reason to refuse the picture.
        _ => decoder.exif_metadata().ok().flatten().map_or(Orientation::NoTransforms, |e| directory::orientation(&e)),
    };
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
