//! Files that appear whole or not at all, reads with a limit, and a guard against writing over what is read.
//!
//! * [`write_file`] writes beside the file's place, syncs and renames. What is unfinished when the program ends is
//!   removed, once the program has called [`clean_up`].
//! * [`read_bounded`] reads regular files only, up to a limit; a named pipe would block for ever and a device never end.
//! * [`OverwriteGuard`] knows files by their identity in the file system, whatever path leads to them.

mod folder;
mod hash;
mod overwrite;
mod read;
mod unfinished;
mod write;

pub use folder::{make_folder, try_folder, write_folder};
pub use hash::sha256;
pub use overwrite::{Overwrite, OverwriteGuard};
pub use read::{ReadError, ReadFault, open, read_all, read_bounded};
pub use unfinished::{CleanUp, before_leaving, clean_up, leave, nothing_before_leaving};
pub use write::{write_file, write_file_unsynced};
