//! Zip archives.

use super::{ENTRIES, Out};
use crate::cache::error::Fault;
use std::fs::File;
use std::io::BufReader;
use zip::ZipArchive;

pub(super) fn unpack(file: File, out: &mut Out) -> Result<(), Fault> {
    let damaged = |error: zip::result::ZipError| Fault::Archive(format!("is damaged ({error})"));
    let mut archive = ZipArchive::new(BufReader::new(file)).map_err(damaged)?;
    if archive.len() > ENTRIES {
        return Err(Fault::Archive(format!("holds more than {ENTRIES} entries")));
    }
    for index in 0..archive.len() {
        let entry = archive.by_index(index).map_err(damaged)?;
        let name = entry.name().map_err(damaged)?.into_owned();
        if let Some(path) = out.place(&name, entry.is_file() && !entry.is_symlink())? {
            out.write(&path, &name, entry)?;
        }
    }
    Ok(())
}
