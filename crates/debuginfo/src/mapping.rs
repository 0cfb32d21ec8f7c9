//! The one place with `unsafe`: a file mapped into memory.
#![allow(unsafe_code)]

use std::fs::File;
use std::io;

use memmap2::{Advice, Mmap};

/// Maps a file for reading. Only for files with debugging information: of hundreds of megabytes a few pages are touched.
///
/// Should another program cut the file short meanwhile, reading past its new end kills this process, as it does gdb.
pub(crate) fn map(file: &File) -> io::Result<Mmap> {
    // SAFETY: the mapping is private and read-only, and its bytes are only ever looked at as bytes: whatever another
    // program writes into the file, each of them has some value. Packages replace such files, they do not rewrite them.
    let map = unsafe { Mmap::map(file)? };
    // Read-ahead would pull in megabytes around each unit that is looked at.
    map.advise(Advice::Random)?;
    Ok(map)
}
