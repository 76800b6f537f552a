//! What a JPEG says before its pixels are decoded: its size, and how often the decoder will go over it.

/// The frame of a JPEG and its scans.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Header {
    pub width: u16,
    pub height: u16,
    pub components: u8,
    /// The block of EXIF, if there is one.
    pub exif: Option<(usize, usize)>,
    /// How many scans the decoder will read: 1 unless the file refines its picture scan by scan.
    pub scans: usize,
}

/// Reads the markers of a JPEG; `None` when it has no frame.
pub fn read(bytes: &[u8]) -> Option<Header> {
    let mut header: Option<(Header, bool)> = None;
    let mut exif = None;
    let mut at = 2;
    while let Some(marker) = next_marker(bytes, &mut at) {
        let segment = segment(bytes, at);
        match marker {
            // Start of image, restarts and the like have no segment.
            0x01 | 0xD0..=0xD8 => continue,
            0xD9 => break,
            // Start of frame; C4, C8 and CC are other things.
            0xC0..=0xC3 | 0xC5..=0xC7 | 0xC9..=0xCB | 0xCD..=0xCF if header.is_none() => {
                let &[_, h1, h0, w1, w0, components, ..] = segment? else { return None };
                let (width, height) = (u16::from_be_bytes([w1, w0]), u16::from_be_bytes([h1, h0]));
                let progressive = matches!(marker, 0xC2 | 0xC6 | 0xCA | 0xCE);
                header = Some((Header { width, height, components, exif: None, scans: 0 }, progressive));
            }
            0xDA => {
                let (header, progressive) = header.as_mut()?;
                header.scans += 1;
                let whole = segment?.first() == Some(&header.components);
                if whole && !*progressive {
                    break;
                }
            }
            0xE1 if exif.is_none() && segment.is_some_and(|segment| segment.starts_with(b"Exif\0\0")) => {
                exif = segment.map(|segment| (at + 2, at + 2 + segment.len()));
            }
            _ => {}
        }
        let Some(segment) = segment else { break };
        at += 2 + segment.len();
    }
    header.map(|(header, _)| Header { exif, ..header })
}

/// The next marker at or after `at`, which is left behind it. What is no marker is passed over, as are the bytes of a
/// scan, where 0xFF is followed by 0.
fn next_marker(bytes: &[u8], at: &mut usize) -> Option<u8> {
    loop {
        *at += memchr::memchr(0xFF, bytes.get(*at..)?)? + 1;
        match *bytes.get(*at)? {
            0x00 => {}
            // A second 0xFF is filling.
            0xFF => continue,
            marker => {
                *at += 1;
                return Some(marker);
            }
        }
    }
}

/// The segment whose length stands at `at`, without the length.
fn segment(bytes: &[u8], at: usize) -> Option<&[u8]> {
    let length = usize::from(u16::from_be_bytes(*bytes.get(at..)?.first_chunk()?));
    bytes.get(at + 2..(at + length).min(bytes.len()))
}
