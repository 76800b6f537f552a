//! The sorts of TIFF that the `image` crate does not read: palettes, grey of 2 and 4 bits, and grey in floating-point
//! or wide whole numbers.

use super::directory::{self, Directory};
use super::{ImageError, MAX_ALLOC, check_size};
use ::image::RgbImage;
use std::borrow::Cow;
use std::io::Cursor;
use tiff::decoder::{Decoder, DecodingResult, Limits};
use tiff::{ColorType, TiffError};

const RGB_PALETTE: u32 = 3;
const BLACK_IS_ZERO: u16 = 1;
const UNSIGNED: u32 = 1;

/// Decodes such a file; `None` when it is of another sort.
///
/// # Errors
/// When it is damaged.
pub fn decode(bytes: &[u8]) -> Result<Option<RgbImage>, ImageError> {
    let Some(directory) = Directory::first(bytes) else { return Ok(None) };
    let number = |tag, default| directory.number(tag).unwrap_or(default);
    let palette = number(directory::PHOTOMETRIC, 0) == RGB_PALETTE;
    let ours = palette
        || matches!(number(directory::BITS_PER_SAMPLE, 1), 2 | 4 | 32 | 64)
        || number(directory::SAMPLE_FORMAT, UNSIGNED) != UNSIGNED;
    if !ours || number(directory::SAMPLES_PER_PIXEL, 1) != 1 {
        return Ok(None);
    }
    let mut bytes = Cow::Borrowed(bytes);
    let mut colours = Vec::new();
    if palette {
        let missing = || ImageError::Damaged("it has a palette without colours".into());
        colours = directory.shorts(directory::COLOUR_MAP).ok_or_else(missing)?;
        // The decoder refuses palettes. As grey it gives the numbers of the colours.
        let (at, grey) = directory.short_as(directory::PHOTOMETRIC, BLACK_IS_ZERO).ok_or_else(missing)?;
        bytes.to_mut()[at..at + 2].copy_from_slice(&grey);
    }
    let mut limits = Limits::default();
    limits.decoding_buffer_size = MAX_ALLOC as usize;
    limits.intermediate_buffer_size = MAX_ALLOC as usize;
    let mut decoder = Decoder::new(Cursor::new(&bytes[..])).map_err(reason)?.with_limits(limits);
    let (width, height) = decoder.dimensions().map_err(reason)?;
    check_size(width.into(), height.into())?;
    let ColorType::Gray(bits) = decoder.colortype().map_err(reason)? else { return Ok(None) };
    let decoded = decoder.read_image().map_err(reason)?;
    let colour: Box<dyn Fn(u8) -> [u8; 3]> = if palette {
        let count = colours.len() / 3;
        // Reds, then greens, then blues, in 16 bits of which PIL takes the upper eight.
        let high = move |plane: usize, index: u8| {
            let index = usize::from(index);
            if index < count { colours[plane * count + index].to_be_bytes()[0] } else { 0 }
        };
        Box::new(move |index| [high(0, index), high(1, index), high(2, index)])
    } else {
        let scale = if bits < 8 { 255 / ((1_u8 << bits) - 1) } else { 1 };
        Box::new(move |grey| [grey * scale; 3])
    };
    let pixels: Vec<u8> = match decoded {
        DecodingResult::U8(samples) if bits < 8 => {
            let row = (width as usize * usize::from(bits)).div_ceil(8);
            let unpacked = samples.chunks(row.max(1)).flat_map(|row| unpack(row, bits, width as usize));
            unpacked.flat_map(colour).collect()
        }
        DecodingResult::U8(samples) => samples.into_iter().flat_map(colour).collect(),
        // A palette of 16 bits has no more colours than its map.
        DecodingResult::U16(samples) if palette => {
            samples.into_iter().flat_map(|index| colour(u8::try_from(index).unwrap_or(u8::MAX))).collect()
        }
        // PIL's way from its modes F and I to L: cut off below 0 and above 255, no rounding. So does Rust's `as`.
        DecodingResult::F32(samples) => samples.into_iter().flat_map(|v| [v as u8; 3]).collect(),
        DecodingResult::F64(samples) => samples.into_iter().flat_map(|v| [v as u8; 3]).collect(),
        DecodingResult::U32(samples) => samples.into_iter().flat_map(|v| [v.min(255) as u8; 3]).collect(),
        DecodingResult::I8(samples) => samples.into_iter().flat_map(|v| [v.max(0) as u8; 3]).collect(),
        DecodingResult::I16(samples) => samples.into_iter().flat_map(|v| [v.clamp(0, 255) as u8; 3]).collect(),
        DecodingResult::I32(samples) => samples.into_iter().flat_map(|v| [v.clamp(0, 255) as u8; 3]).collect(),
        _ => return Err(ImageError::Unsupported(format!("TIFF grey of {bits} bits"))),
    };
    RgbImage::from_raw(width, height, pixels).map(Some).ok_or(ImageError::Truncated)
}

/// The samples of a row that is packed into bytes, the first in the highest bits.
fn unpack(row: &[u8], bits: u8, width: usize) -> impl Iterator<Item = u8> {
    let per_byte = 8 / bits;
    let mask = (1 << bits) - 1;
    row.iter().flat_map(move |byte| (0..per_byte).rev().map(move |place| byte >> (place * bits) & mask)).take(width)
}

fn reason(error: TiffError) -> ImageError {
    match error {
        TiffError::IoError(e) if e.kind() == std::io::ErrorKind::UnexpectedEof => ImageError::Truncated,
        TiffError::LimitsExceeded => ImageError::Damaged("decoding it would need more memory than the limit".into()),
        TiffError::UnsupportedError(e) => ImageError::Unsupported(e.to_string()),
        other => ImageError::Damaged(other.to_string()),
    }
}
