//! Text in old pickles: quoted strings with escapes, latin-1 bytes.
//!
//! The escapes are Python's own (`string-escape`, `raw-unicode-escape`), which no crate reads; latin-1 is encoding_rs's.

use std::borrow::Cow;

use encoding_rs::mem;

/// Bytes as latin-1 text.
pub(super) fn latin1(bytes: &[u8]) -> Cow<'_, str> {
    mem::decode_latin1(bytes)
}

/// The bytes that the characters of UTF-8 text stand for, or `None` when one is above 255.
pub(crate) fn latin1_bytes(text: &[u8]) -> Option<Vec<u8>> {
    if !mem::is_utf8_latin1(text) {
        return None;
    }
    let mut bytes = vec![0; text.len()];
    let len = mem::convert_utf8_to_latin1_lossy(text, &mut bytes);
    bytes.truncate(len);
    Some(bytes)
}

/// The content of a quoted Python 2 string line (opcode STRING), still with its escapes.
pub(super) fn unquote(line: &[u8]) -> Option<&[u8]> {
    let line = line.trim_ascii();
    let (&first, rest) = line.split_first()?;
    let (&last, inner) = rest.split_last()?;
    (first == last && matches!(first, b'\'' | b'"')).then_some(inner)
}

/// Python 2's `string-escape`.
pub(super) fn unescape(escaped: &[u8]) -> Option<Vec<u8>> {
    let mut out = Vec::with_capacity(escaped.len());
    let mut rest = escaped;
    while let Some((&byte, tail)) = rest.split_first() {
        rest = tail;
        if byte != b'\\' {
            out.push(byte);
            continue;
        }
        let (&kind, tail) = rest.split_first()?;
        rest = tail;
        let plain = match kind {
            b'\\' | b'\'' | b'"' => kind,
            b'n' => b'\n',
            b'r' => b'\r',
            b't' => b'\t',
            b'a' => 7,
            b'b' => 8,
            b'v' => 11,
            b'f' => 12,
            b'x' => {
                let value = number(rest.get(..2)?, 16)?;
                rest = &rest[2..];
                value as u8
            }
            b'0'..=b'7' => {
                let more = rest.iter().take(2).take_while(|b| (b'0'..=b'7').contains(b)).count();
                let value = u32::from(kind - b'0') * 8u32.pow(more as u32)
                    + if more > 0 { number(&rest[..more], 8)? } else { 0 };
                rest = &rest[more..];
                u8::try_from(value & 0xFF).ok()?
            }
            // The newline of a continued line.
            b'\n' => continue,
            other => {
                out.push(b'\\');
                other
            }
        };
        out.push(plain);
    }
    Some(out)
}

/// Python's `raw-unicode-escape` (opcode UNICODE), as UTF-8.
pub(super) fn raw_unicode(line: &[u8]) -> Option<Vec<u8>> {
    let mut out = String::with_capacity(line.len());
    let mut rest = line;
    while let Some((&byte, tail)) = rest.split_first() {
        rest = tail;
        let digits = match (byte, rest.first()) {
            (b'\\', Some(b'u')) => 4,
            (b'\\', Some(b'U')) => 8,
            _ => {
                out.push(char::from(byte));
                continue;
            }
        };
        let value = number(rest.get(1..=digits)?, 16)?;
        out.push(char::from_u32(value)?);
        rest = &rest[digits + 1..];
    }
    Some(out.into_bytes())
}

fn number(digits: &[u8], radix: u32) -> Option<u32> {
    digits
        .iter()
        .try_fold(0u32, |value, &digit| value.checked_mul(radix)?.checked_add(char::from(digit).to_digit(radix)?))
}
