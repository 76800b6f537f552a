//! The first directory of a TIFF block, where TIFF files and EXIF keep their tags.
//!
//! By hand, not through an EXIF crate: one number of the first directory is wanted, whatever is wrong with the rest, and
//! the palettes of TIFF files are found the same way.

use ::image::metadata::Orientation;

/// Tags of TIFF 6.0.
pub const IMAGE_WIDTH: u16 = 256;
pub const IMAGE_LENGTH: u16 = 257;
pub const BITS_PER_SAMPLE: u16 = 258;
pub const PHOTOMETRIC: u16 = 262;
const ORIENTATION: u16 = 274;
pub const SAMPLES_PER_PIXEL: u16 = 277;
pub const COLOUR_MAP: u16 = 320;
pub const SAMPLE_FORMAT: u16 = 339;

const SHORT: u16 = 3;
const LONG: u16 = 4;

/// A directory: entries of 12 bytes.
pub struct Directory<'a> {
    bytes: &'a [u8],
    big_endian: bool,
    entries: std::ops::Range<usize>,
}

/// Where a tag's values are.
struct Entry {
    kind: u16,
    count: usize,
    at: usize,
}

impl<'a> Directory<'a> {
    /// The first directory of a block that begins with `II` or `MM`.
    pub fn first(bytes: &'a [u8]) -> Option<Self> {
        let big_endian = match bytes.get(..2)? {
            b"II" => false,
            b"MM" => true,
            _ => return None,
        };
        let mut directory = Self { bytes, big_endian, entries: 0..0 };
        if directory.u16(2)? != 42 {
            return None;
        }
        let at = directory.u32(4)? as usize;
        let count = usize::from(directory.u16(at)?);
        directory.entries = at + 2..at + 2 + 12 * count;
        Some(directory)
    }

    fn u16(&self, at: usize) -> Option<u16> {
        let pair = *self.bytes.get(at..)?.first_chunk()?;
        Some(if self.big_endian { u16::from_be_bytes(pair) } else { u16::from_le_bytes(pair) })
    }

    fn u32(&self, at: usize) -> Option<u32> {
        let four = *self.bytes.get(at..)?.first_chunk()?;
        Some(if self.big_endian { u32::from_be_bytes(four) } else { u32::from_le_bytes(four) })
    }

    fn entry(&self, tag: u16) -> Option<Entry> {
        let at = self.entries.clone().step_by(12).find(|at| self.u16(*at) == Some(tag))?;
        let (kind, count) = (self.u16(at + 2)?, self.u32(at + 4)? as usize);
        let size = match kind {
            SHORT => 2,
            LONG => 4,
            _ => return None,
        };
        // Values that fit stand in the entry itself.
        let inside = count.checked_mul(size)? <= 4;
        Some(Entry { kind, count, at: if inside { at + 8 } else { self.u32(at + 8)? as usize } })
    }

    /// The first value of a tag of whole numbers.
    pub fn number(&self, tag: u16) -> Option<u32> {
        let entry = self.entry(tag).filter(|entry| entry.count > 0)?;
        if entry.kind == SHORT { self.u16(entry.at).map(u32::from) } else { self.u32(entry.at) }
    }

    /// The values of a tag of short numbers.
    pub fn shorts(&self, tag: u16) -> Option<Vec<u16>> {
        let entry = self.entry(tag).filter(|entry| entry.kind == SHORT)?;
        let end = entry.at.checked_add(entry.count.checked_mul(2)?).filter(|end| *end <= self.bytes.len())?;
        (entry.at..end).step_by(2).map(|at| self.u16(at)).collect()
    }

    /// Where in the block the first value of a short number stands, and its two bytes for `value`.
    pub fn short_as(&self, tag: u16, value: u16) -> Option<(usize, [u8; 2])> {
        let entry = self.entry(tag).filter(|entry| entry.kind == SHORT && entry.count > 0)?;
        Some((entry.at, if self.big_endian { value.to_be_bytes() } else { value.to_le_bytes() }))
    }
}

/// The orientation that a block of EXIF asks for: a short or a long number, of several the first, as PIL reads it.
pub fn orientation(block: &[u8]) -> Orientation {
    let block = block.strip_prefix(b"Exif\0\0").unwrap_or(block);
    let number = Directory::first(block).and_then(|directory| directory.number(ORIENTATION));
    let known = number.and_then(|number| Orientation::from_exif(u8::try_from(number).ok()?));
    known.unwrap_or(Orientation::NoTransforms)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    /// A block with the orientation as the given type, count and four bytes of value.
    fn block(kind: u16, count: u32, value: [u8; 4]) -> Vec<u8> {
        let mut block = b"II\x2a\0\x08\0\0\0\x01\0\x12\x01".to_vec();
        block.extend(kind.to_le_bytes());
        block.extend(count.to_le_bytes());
        block.extend(value);
        block.extend([0; 4]);
        block
    }

    /// Expected values: PIL 13's `exif_transpose`, which turns all of the first group and none of the second.
    #[test]
    fn orientations_as_pil_takes_them() {
        for turned in [block(SHORT, 1, [6, 0, 0, 0]), block(LONG, 1, [6, 0, 0, 0]), block(SHORT, 2, [6, 0, 1, 0])] {
            assert_eq!(orientation(&turned), Orientation::Rotate90);
        }
        for not in [block(SHORT, 1, [9, 0, 0, 0]), block(7, 1, [6, 0, 0, 0]), block(LONG, 1, [6, 0, 1, 0])] {
            assert_eq!(orientation(&not), Orientation::NoTransforms);
        }
        let whole = block(LONG, 2, [26, 0, 0, 0]);
        for length in 0..whole.len() {
            assert_eq!(orientation(&whole[..length]), Orientation::NoTransforms);
        }
    }
}
