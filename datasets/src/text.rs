//! Text files as people have them: with a byte order mark, or in UTF-16.

use crate::{Error, Result};
use std::path::Path;

/// Most bytes of a text file that is read whole: lists, labels and annotations of one image are far smaller.
const MAX_BYTES: u64 = 1 << 28;

/// UTF-8's byte order mark.
const MARK: &[u8] = b"\xEF\xBB\xBF";

/// Reads a text file.
///
/// # Errors
/// When it cannot be read, or is neither UTF-8 nor UTF-16 with its mark.
pub fn read(path: &Path) -> Result<String> {
    decoded(vovdet_files::read_bounded(path, MAX_BYTES)?).map_err(|what| Error::content(path, what))
}

/// Bytes without UTF-8's byte order mark.
pub fn unmarked(bytes: &[u8]) -> &[u8] {
    bytes.strip_prefix(MARK).unwrap_or(bytes)
}

fn decoded(bytes: Vec<u8>) -> Result<String, &'static str> {
    let utf16 = |join: fn([u8; 2]) -> u16| {
        let (pairs, rest) = bytes[2..].as_chunks::<2>();
        let text = char::decode_utf16(pairs.iter().map(|pair| join(*pair))).collect::<Result<String, _>>();
        text.ok().filter(|_| rest.is_empty()).ok_or("is UTF-16 text that breaks off")
    };
    match bytes[..] {
        [0xFF, 0xFE, ..] => utf16(u16::from_le_bytes),
        [0xFE, 0xFF, ..] => utf16(u16::from_be_bytes),
        _ => match std::str::from_utf8(unmarked(&bytes)) {
            Ok(text) => Ok(text.to_owned()),
            Err(_) => Err("is not UTF-8 text: save it as UTF-8"),
        },
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn marks_are_no_text() {
        let utf16 = |join: fn(u16) -> [u8; 2], mark: &[u8]| {
            [mark, &"é1".encode_utf16().flat_map(join).collect::<Vec<_>>()].concat()
        };
        for bytes in [
            "é1".as_bytes().to_vec(),
            [MARK, "é1".as_bytes()].concat(),
            utf16(u16::to_le_bytes, b"\xFF\xFE"),
            utf16(u16::to_be_bytes, b"\xFE\xFF"),
        ] {
            assert_eq!(decoded(bytes.clone()).unwrap(), "é1", "{bytes:?}");
        }
        assert!(decoded(b"caf\xE9".to_vec()).unwrap_err().contains("UTF-8"));
        assert!(decoded(b"\xFF\xFEa".to_vec()).is_err());
    }
}
