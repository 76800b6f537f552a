//! JPEG through libjpeg (mozjpeg's C sources, plain C), which decodes bit for bit as PIL's libjpeg-turbo does.
//!
//! libjpeg reports fatal errors by unwinding; the caller catches them.

use super::pixels::cmyk_to_rgb;
use super::{ImageError, check_size, directory};
use ::image::RgbImage;
use ::image::metadata::Orientation;
use mozjpeg::{ColorSpace, Decompress, Marker};
use std::cell::Cell;
use std::io::{self, BufRead, Read};

/// Decodes a JPEG; the orientation is its EXIF tag's.
pub fn decode(bytes: &[u8]) -> Result<(RgbImage, Orientation), ImageError> {
    let ended = Cell::new(false);
    let source = Source { bytes, ended: &ended };
    let header =
        Decompress::builder().with_markers(&[Marker::APP(1)]).from_reader(source).map_err(|e| match e.kind() {
            io::ErrorKind::UnexpectedEof => ImageError::Truncated,
            _ => ImageError::Damaged(e.to_string()),
        })?;
    let (width, height) = header.size();
    check_size(width as u64, height as u64)?;
    let orientation = header
        .markers()
        .find_map(|marker| Some(directory::orientation(marker.data.strip_prefix(b"Exif\0\0")?)))
        .unwrap_or(Orientation::NoTransforms);
    let inks = header.components().len() == 4;
    let colours = if inks { ColorSpace::JCS_CMYK } else { ColorSpace::JCS_RGB };
    let mut started = header.to_colorspace(colours).map_err(damaged)?;
    let pixels: Vec<u8> = if inks {
        let inks: Vec<[u8; 4]> = started.read_scanlines().map_err(damaged)?;
        inks.into_iter().flat_map(cmyk_to_rgb).collect()
    } else {
        started.read_scanlines().map_err(damaged)?
    };
    if ended.get() {
        return Err(ImageError::Truncated);
    }
    let (width, height) = (started.width() as u32, started.height() as u32);
    let image = RgbImage::from_raw(width, height, pixels);
    Ok((image.ok_or(ImageError::Truncated)?, orientation))
}

fn damaged(error: io::Error) -> ImageError {
    ImageError::Damaged(error.to_string())
}

/// Bytes that remember whether more was asked for than there is: libjpeg itself would go on with grey.
struct Source<'a> {
    bytes: &'a [u8],
    ended: &'a Cell<bool>,
}

impl Read for Source<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.bytes.read(buffer)
    }
}

impl BufRead for Source<'_> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        if self.bytes.is_empty() {
            self.ended.set(true);
        }
        Ok(self.bytes)
    }

    fn consume(&mut self, amount: usize) {
        self.bytes = &self.bytes[amount..];
    }
}
