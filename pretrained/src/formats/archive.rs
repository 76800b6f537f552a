//! The table of contents of a zip archive. Entries are used where they lie in the file, so only
//! stored ones are of use; nothing is ever unpacked or written.
//!
//! Read by hand and not by the `zip` crate: what is wanted is not the content of an entry but where it lies, and a
//! million entries must not cost more than their table.

use std::{borrow::Cow, collections::HashMap, ops::Range};

use crate::{
    error::{ErrorKind, Read},
    source::Source,
};

/// Entries that are looked at. A checkpoint has one per storage.
const MAX_ENTRIES: usize = 1_000_000;

/// The longest table of contents that is read: that of a million entries.
const MAX_TABLE: usize = 256 << 20;

/// The table of contents of an archive (its central directory), as it is written.
pub(crate) struct Table {
    bytes: Vec<u8>,
    /// How many entries it should have.
    count: u64,
}

/// Reads the table at the end of the file.
pub(crate) fn table(file: &Source) -> Read<Table> {
    let (range, count) = directory(file)?;
    if range.len() > MAX_TABLE {
        let what = format!("it is a zip archive with a table of contents of more than {} MB", MAX_TABLE >> 20);
        return Err(ErrorKind::Limit(what));
    }
    Ok(Table { bytes: file.read(range)?.into_owned(), count })
}

/// An entry of the central directory.
#[derive(Clone, Copy, Debug)]
struct Entry {
    header: u64,
    compressed: u64,
    size: u64,
    flags: u16,
    method: u16,
}

/// A zip archive.
pub(crate) struct Archive<'a> {
    file: &'a Source,
    entries: HashMap<&'a [u8], Entry>,
    /// In the order of the directory.
    names: Vec<&'a [u8]>,
}

impl<'a> Archive<'a> {
    /// Reads the entries of the table.
    pub fn new(file: &'a Source, table: &'a Table) -> Read<Self> {
        let mut rest = &table.bytes[..];
        let mut entries = HashMap::new();
        let mut names = Vec::new();
        while let Some(record) = rest.strip_prefix(b"PK\x01\x02") {
            if names.len() >= MAX_ENTRIES {
                let what = format!("it is a zip archive of more than {MAX_ENTRIES} entries");
                return Err(ErrorKind::Limit(what));
            }
            let field = |at: usize| u16_at(record, at);
            let name_len = usize::from(field(24)?);
            let extra_len = usize::from(field(26)?);
            let comment_len = usize::from(field(28)?);
            let name = record.get(42..42 + name_len).ok_or_else(damaged)?;
            let extra = record.get(42 + name_len..42 + name_len + extra_len).ok_or_else(damaged)?;
            let mut entry = Entry {
                header: u64::from(u32_at(record, 38)?),
                compressed: u64::from(u32_at(record, 16)?),
                size: u64::from(u32_at(record, 20)?),
                flags: field(4)?,
                method: field(6)?,
            };
            widen(&mut entry, extra)?;
            if entries.insert(name, entry).is_some() {
                let name = String::from_utf8_lossy(name);
                return Err(ErrorKind::malformed(format!("it is a zip archive with two {name:?}")));
            }
            names.push(name);
            let end = 42 + name_len + extra_len + comment_len;
            rest = record.get(end..).ok_or_else(damaged)?;
        }
        if names.len() as u64 != table.count {
            let what = format!("it is a zip archive that lists {} of {} entries", names.len(), table.count);
            return Err(ErrorKind::Malformed(what));
        }
        Ok(Self { file, entries, names })
    }

    /// All names, in the order of the directory.
    pub fn names(&self) -> &[&'a [u8]] {
        &self.names
    }

    /// Where the content of an entry lies in the file; `None` when there is no such entry.
    pub fn find(&self, name: &[u8]) -> Read<Option<Range<usize>>> {
        let Some(entry) = self.entries.get(name) else { return Ok(None) };
        let refuse = |how| {
            let entry = String::from_utf8_lossy(name).into_owned();
            Err(ErrorKind::ZipEntry { entry, how })
        };
        if entry.flags & 1 != 0 {
            return refuse("encrypted");
        }
        if entry.method != 0 || entry.compressed != entry.size {
            return refuse("compressed");
        }
        let short = || {
            let name = String::from_utf8_lossy(name);
            ErrorKind::truncated(format!("its entry {name:?} reaches beyond the end"))
        };
        let left = (self.file.len() as u64).checked_sub(entry.header).ok_or_else(short)?;
        let header = entry.header as usize;
        let local = self.file.read(header..header + left.min(30) as usize)?;
        let local = local.strip_prefix(b"PK\x03\x04").ok_or_else(damaged)?;
        let skip = 30 + u64::from(u16_at(local, 22)?) + u64::from(u16_at(local, 24)?);
        let start = entry.header + skip;
        let end = start.checked_add(entry.size).ok_or_else(short)?;
        if end > self.file.len() as u64 {
            return Err(short());
        }
        Ok(Some(start as usize..end as usize))
    }
}

/// Where the central directory is, and how many entries it has.
fn directory(file: &Source) -> Read<(Range<usize>, u64)> {
    let lost = || ErrorKind::truncated("it is a zip archive without the table at its end");
    // The record is 22 bytes and a comment of at most 65,535.
    let from = file.len().saturating_sub(22 + 65_535);
    let tail = &file.read(from..file.len())?[..];
    let fits = |at: &usize| {
        tail[*at..].starts_with(b"PK\x05\x06")
            && u16_at(tail, at + 20).is_ok_and(|comment| at + 22 + usize::from(comment) <= tail.len())
    };
    let at = (0..tail.len().saturating_sub(21)).rev().find(fits).ok_or_else(lost)?;
    let (mut count, mut size, mut offset) =
        (u64::from(u16_at(tail, at + 10)?), u64::from(u32_at(tail, at + 12)?), u64::from(u32_at(tail, at + 16)?));
    // Sizes beyond 32 bits are in a second record, which a locator just before this one points to.
    let locator = match (from + at).checked_sub(20) {
        Some(start) => file.read(start..start + 20)?,
        None => Cow::Borrowed(&[][..]),
    };
    if locator.starts_with(b"PK\x06\x07") {
        let start = usize::try_from(u64_at(&locator, 8)?)
            .ok()
            .filter(|start| file.len().checked_sub(56).is_some_and(|last| *start <= last));
        let start = start.ok_or_else(damaged)?;
        let wide = file.read(start..start + 56)?;
        let wide = wide.strip_prefix(b"PK\x06\x06").ok_or_else(damaged)?;
        (count, size, offset) = (u64_at(wide, 28)?, u64_at(wide, 36)?, u64_at(wide, 44)?);
    }
    let start = usize::try_from(offset).ok();
    let end = offset.checked_add(size).and_then(|end| usize::try_from(end).ok());
    let range = start.zip(end).filter(|&(_, end)| end <= from + at).ok_or_else(damaged)?;
    Ok((range.0..range.1, count))
}

/// Takes 64-bit sizes from the zip64 extra field, which holds those that are saturated, in this order.
fn widen(entry: &mut Entry, mut extra: &[u8]) -> Read<()> {
    const SATURATED: u64 = u32::MAX as u64;
    while extra.len() >= 4 {
        let (id, len) = (u16_at(extra, 0)?, usize::from(u16_at(extra, 2)?));
        let Some(field) = extra.get(4..4 + len) else { break };
        if id == 1 {
            let mut at = 0;
            for value in [&mut entry.size, &mut entry.compressed, &mut entry.header] {
                if *value == SATURATED {
                    *value = u64_at(field, at)?;
                    at += 8;
                }
            }
        }
        extra = &extra[4 + len..];
    }
    Ok(())
}

fn damaged() -> ErrorKind {
    ErrorKind::malformed("it is a zip archive with a broken table of contents")
}

fn u16_at(bytes: &[u8], at: usize) -> Read<u16> {
    let chunk = bytes.get(at..).and_then(|rest| rest.first_chunk()).ok_or_else(damaged)?;
    Ok(u16::from_le_bytes(*chunk))
}

fn u32_at(bytes: &[u8], at: usize) -> Read<u32> {
    let chunk = bytes.get(at..).and_then(|rest| rest.first_chunk()).ok_or_else(damaged)?;
    Ok(u32::from_le_bytes(*chunk))
}

fn u64_at(bytes: &[u8], at: usize) -> Read<u64> {
    let chunk = bytes.get(at..).and_then(|rest| rest.first_chunk()).ok_or_else(damaged)?;
    Ok(u64::from_le_bytes(*chunk))
}
