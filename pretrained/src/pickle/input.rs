//! The bytes of a pickle, taken front to back.

use super::Value;
use crate::error::{ErrorKind, Read};

/// The bytes still to be read.
pub(super) struct Input<'a> {
    pub bytes: &'a [u8],
    pub at: usize,
}

impl<'a> Input<'a> {
    pub fn take(&mut self, n: usize) -> Read<&'a [u8]> {
        let end = self.at.checked_add(n).filter(|&end| end <= self.bytes.len());
        let Some(end) = end else {
            return Err(ErrorKind::truncated(format!(
                "its pickle needs {n} more bytes at byte {}, and {} are left",
                self.at,
                self.bytes.len().saturating_sub(self.at)
            )));
        };
        let taken = &self.bytes[self.at..end];
        self.at = end;
        Ok(taken)
    }

    pub fn array<const N: usize>(&mut self) -> Read<[u8; N]> {
        let mut array = [0; N];
        array.copy_from_slice(self.take(N)?);
        Ok(array)
    }

    pub fn u8(&mut self) -> Read<u8> {
        Ok(self.array::<1>()?[0])
    }

    pub fn u32(&mut self) -> Read<usize> {
        Ok(u32::from_le_bytes(self.array()?) as usize)
    }

    pub fn u64(&mut self) -> Read<usize> {
        let n = u64::from_le_bytes(self.array()?);
        usize::try_from(n).map_err(|_| ErrorKind::truncated(format!("its pickle asks for {n} bytes")))
    }

    /// The bytes up to the next newline, which is consumed.
    pub fn line(&mut self) -> Read<&'a [u8]> {
        let rest = &self.bytes[self.at..];
        let Some(len) = rest.iter().position(|&b| b == b'\n') else {
            return Err(ErrorKind::truncated("its pickle ends inside a line of text"));
        };
        self.at += len + 1;
        Ok(&rest[..len])
    }
}

/// An integer of LONG1 or LONG4.
pub(super) fn long(bytes: &[u8]) -> Value<'_> {
    if bytes.len() > 8 {
        return Value::Big(bytes);
    }
    let fill = if bytes.last().is_some_and(|&b| b >= 0x80) { 0xFF } else { 0 };
    let mut wide = [fill; 8];
    wide[..bytes.len()].copy_from_slice(bytes);
    Value::Int(i64::from_le_bytes(wide))
}

/// Text of the file.
pub(super) fn utf8(bytes: &[u8]) -> Read<&str> {
    std::str::from_utf8(bytes).map_err(|_| ErrorKind::malformed("a text in its pickle is not UTF-8"))
}
