//! Changes inside a protocol buffer that keep the lengths around them right.

use super::Random;

/// Messages inside each other that are gone into: net, layer, blob, shape.
const MAX_DEPTH: usize = 4;

/// A field as it is in the file: its tag, its length if it has one, its value.
struct Field<'a> {
    tag: u64,
    value: &'a [u8],
}

/// A message with one of its fields, or a field of one of its messages, changed by `mutate`, left
/// out, doubled, moved or renumbered; nothing if it is no message.
pub(crate) fn change(
    message: &[u8],
    depth: usize,
    random: &mut Random,
    mutate: &mut dyn FnMut(&mut Vec<u8>, &mut Random),
) -> Option<Vec<u8>> {
    let fields = fields(message)?;
    if fields.is_empty() {
        return None;
    }
    let at = random.below(fields.len());
    let Field { tag, value } = fields[at];
    let mut changed = Vec::with_capacity(message.len() + 16);
    let what = random.below(8);
    for (i, field) in fields.iter().enumerate() {
        if i != at {
            write(&mut changed, field.tag, field.value);
            continue;
        }
        match what {
            0 => {}
            1 => {
                write(&mut changed, tag, value);
                write(&mut changed, tag, value);
            }
            2 => {
                let other = &fields[random.below(fields.len())];
                write(&mut changed, other.tag, other.value);
            }
            3 => write(&mut changed, (random.below(12) as u64) << 3 | (tag & 7), value),
            _ => {
                let inside = (tag & 7 == 2 && depth < MAX_DEPTH).then(|| change(value, depth + 1, random, mutate));
                let value = inside.flatten().unwrap_or_else(|| {
                    let mut value = value.to_vec();
                    mutate(&mut value, random);
                    value
                });
                write(&mut changed, tag, &value);
            }
        }
    }
    Some(changed)
}

fn write(message: &mut Vec<u8>, tag: u64, value: &[u8]) {
    write_varint(message, tag);
    if tag & 7 == 2 {
        write_varint(message, value.len() as u64);
    }
    message.extend_from_slice(value);
}

fn write_varint(message: &mut Vec<u8>, mut n: u64) {
    while n >= 0x80 {
        message.push(n as u8 | 0x80);
        n >>= 7;
    }
    message.push(n as u8);
}

fn fields(mut message: &[u8]) -> Option<Vec<Field<'_>>> {
    let mut fields = Vec::new();
    while !message.is_empty() {
        let (tag, rest) = varint(message)?;
        let (start, len) = match tag & 7 {
            0 => (rest, rest.len() - varint(rest)?.1.len()),
            1 => (rest, 8),
            2 => varint(rest).map(|(len, rest)| (rest, usize::try_from(len).unwrap_or(usize::MAX)))?,
            5 => (rest, 4),
            _ => return None,
        };
        let (value, rest) = start.split_at_checked(len)?;
        fields.push(Field { tag, value });
        message = rest;
    }
    Some(fields)
}

fn varint(bytes: &[u8]) -> Option<(u64, &[u8])> {
    let mut value = 0;
    for (i, byte) in bytes.iter().enumerate().take(10) {
        value |= u64::from(byte & 0x7f) << (7 * i);
        if *byte < 0x80 {
            return Some((value, &bytes[i + 1..]));
        }
    }
    None
}
