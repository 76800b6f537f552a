//! The wire format of protocol buffers, which Caffe models are written in: the fields of one message, in their order,
//! where they lie in the file. Groups, which Caffe does not use, are skipped without recursion.
//!
//! Read by hand and not by prost: a generated reader copies every blob into memory and has no limits.

use std::ops::Range;

use crate::error::{ErrorKind, Read};

/// Groups inside each other that are skipped; protobuf's own limit.
const MAX_GROUPS: usize = 100;

/// A field of a message.
pub(crate) struct Field {
    pub number: u32,
    pub value: Value,
}

/// The value of a field, by its wire type.
pub(crate) enum Value {
    Varint(u64),
    Fixed32([u8; 4]),
    Fixed64([u8; 8]),
    /// A message, a text or packed numbers: a range of the file.
    Len(Range<usize>),
}

/// Reads the fields of a message.
pub(crate) struct Fields<'a> {
    file: &'a [u8],
    at: usize,
    end: usize,
    /// The message is the whole file, so what reaches beyond it was cut off.
    whole: bool,
}

impl<'a> Fields<'a> {
    /// The fields of the message that is the whole file.
    pub fn of_file(file: &'a [u8]) -> Self {
        Self::of_start(file, file.len())
    }

    /// The fields of the message that is a file of `file_len` bytes, as far as its first bytes go.
    pub fn of_start(start: &'a [u8], file_len: usize) -> Self {
        Self { file: start, at: 0, end: file_len, whole: true }
    }

    /// The fields of a message inside the file.
    pub fn of(file: &'a [u8], message: Range<usize>) -> Self {
        Self { file, at: message.start, end: message.end, whole: false }
    }

    /// Where the next field begins.
    pub fn position(&self) -> usize {
        self.at
    }

    /// The next field; nothing at the end.
    pub fn next(&mut self) -> Read<Option<Field>> {
        while self.at < self.end {
            let start = self.at;
            let (number, wire) = self.tag()?;
            match wire {
                3 => self.skip_group(number)?,
                4 => return Err(broken(start, "a group ends that was not begun")),
                _ => return Ok(Some(Field { number, value: self.value(wire, start)? })),
            }
        }
        Ok(None)
    }

    /// The next number of a field of packed varints; nothing at the end.
    pub fn next_varint(&mut self) -> Read<Option<u64>> {
        if self.at < self.end { self.varint().map(Some) } else { Ok(None) }
    }

    fn tag(&mut self) -> Read<(u32, u8)> {
        let start = self.at;
        let tag = u32::try_from(self.varint()?).map_err(|_| broken(start, "a field has an impossible number"))?;
        match tag >> 3 {
            0 => Err(broken(start, "a field has the number 0")),
            number => Ok((number, (tag & 7) as u8)),
        }
    }

    fn value(&mut self, wire: u8, start: usize) -> Read<Value> {
        Ok(match wire {
            0 => Value::Varint(self.varint()?),
            1 => Value::Fixed64(self.fixed(start)?),
            2 => {
                let len = usize::try_from(self.varint()?).unwrap_or(usize::MAX);
                let begin = self.at;
                self.at = begin.checked_add(len).filter(|&end| end <= self.end).ok_or_else(|| self.beyond(start))?;
                Value::Len(begin..self.at)
            }
            5 => Value::Fixed32(self.fixed(start)?),
            _ => return Err(broken(start, &format!("a field has the wire type {wire}, which does not exist"))),
        })
    }

    fn skip_group(&mut self, number: u32) -> Read<()> {
        let mut open = vec![number];
        while let Some(&innermost) = open.last() {
            let start = self.at;
            if start == self.end {
                return Err(self.beyond(start));
            }
            let (number, wire) = self.tag()?;
            match wire {
                3 if open.len() == MAX_GROUPS => {
                    let what = format!("it has more than {MAX_GROUPS} groups inside each other (at byte {start})");
                    return Err(ErrorKind::Limit(what));
                }
                3 => open.push(number),
                4 if number == innermost => {
                    open.pop();
                }
                4 => return Err(broken(start, "a group ends that is not the innermost one")),
                _ => {
                    self.value(wire, start)?;
                }
            }
        }
        Ok(())
    }

    fn varint(&mut self) -> Read<u64> {
        let start = self.at;
        let mut value = 0u64;
        for shift in (0..64).step_by(7) {
            let byte = self.file.get(..self.end.min(self.file.len())).and_then(|file| file.get(self.at));
            let Some(&byte) = byte else { return Err(self.beyond(start)) };
            self.at += 1;
            value |= u64::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                return Ok(value);
            }
        }
        Err(broken(start, "a number has more than 10 bytes"))
    }

    fn fixed<const N: usize>(&mut self, start: usize) -> Read<[u8; N]> {
        let bytes =
            self.file.get(self.at..self.end).and_then(|rest| rest.first_chunk()).ok_or_else(|| self.beyond(start))?;
        self.at += N;
        Ok(*bytes)
    }

    fn beyond(&self, start: usize) -> ErrorKind {
        if self.whole {
            return ErrorKind::truncated(format!("the field at byte {start} reaches beyond the end of the file"));
        }
        broken(start, "a field reaches beyond the message that it is in")
    }
}

fn broken(at: usize, what: &str) -> ErrorKind {
    ErrorKind::malformed(format!("it is a Caffe model in which {what} (at byte {at})"))
}

/// The bytes of a repeated number of `size` bytes (4 or 8) in a message, which may be in several pieces or written one by
/// one.
pub(crate) fn numbers(message: &[u8], field: u32, size: usize) -> Read<Vec<u8>> {
    // Packed or not, no number is shorter in the message than by itself.
    let mut bytes = Vec::with_capacity(message.len());
    let mut fields = Fields::of(message, 0..message.len());
    while let Some(Field { number, value }) = fields.next()? {
        match value {
            _ if number != field => {}
            Value::Len(range) => bytes.extend_from_slice(&message[range]),
            Value::Fixed32(value) if size == 4 => bytes.extend(value),
            Value::Fixed64(value) if size == 8 => bytes.extend(value),
            _ => {}
        }
    }
    Ok(bytes)
}
