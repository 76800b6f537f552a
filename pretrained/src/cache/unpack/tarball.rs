//! Tar archives.

use super::Out;
use crate::cache::error::Fault;
use std::io::{self, Read};
use tar::Archive;

pub(super) fn unpack(file: impl Read, out: &mut Out) -> Result<(), Fault> {
    let damaged = |error: io::Error| Fault::Archive(format!("is damaged ({error})"));
    // What is passed over is unpacked all the same.
    let mut archive = Archive::new(Limited { inner: file, left: out.room().saturating_add(1) });
    for entry in archive.entries().map_err(damaged)? {
        let entry = entry.map_err(damaged)?;
        let name = String::from_utf8_lossy(&entry.path_bytes()).into_owned();
        let is_file = entry.header().entry_type().is_file();
        if let Some(path) = out.place(&name, is_file)? {
            out.write(&path, &name, entry)?;
        }
    }
    // The sum of a gzip file stands at its end, behind the end of the tar.
    io::copy(&mut archive.into_inner(), &mut io::sink()).map_err(damaged)?;
    Ok(())
}

/// A reader that fails when it has given so many bytes and there are more.
struct Limited<R> {
    inner: R,
    left: u64,
}

impl<R: Read> Read for Limited<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let n = self.inner.read(buffer)?;
        let left = self.left.checked_sub(n as u64);
        self.left = left.ok_or_else(|| io::Error::other("it unpacks to more than weights can"))?;
        Ok(n)
    }
}
