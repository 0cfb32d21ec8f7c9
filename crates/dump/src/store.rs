//! Files as stores.

use std::fs::File;
use std::io::{Error, ErrorKind};
use std::os::unix::fs::FileExt;
use std::path::Path;

use necropsy_base::{FileOff, IoError, Store};

/// A file read with `pread`: no shared position, no page faults that kill when the file shrinks.
pub struct FileStore {
    file: File,
    len: u64,
}

impl FileStore {
    /// Opens a regular file or block device.
    pub fn open(path: &Path) -> std::io::Result<Self> {
        let file = File::open(path)?;
        let meta = file.metadata()?;
        if meta.is_dir() {
            return Err(Error::new(ErrorKind::IsADirectory, "it is a directory; give the dump file in it"));
        }
        Ok(FileStore { len: length(&file, meta.len())?, file })
    }
}

/// Block devices have no length of their own; their end is found by seeking.
fn length(mut file: &File, stated: u64) -> std::io::Result<u64> {
    use std::io::{Seek, SeekFrom};
    if stated > 0 {
        return Ok(stated);
    }
    file.seek(SeekFrom::End(0))
}

impl Store for FileStore {
    fn read_at(&self, off: FileOff, buf: &mut [u8]) -> Result<(), IoError> {
        let end = off.0.checked_add(buf.len() as u64);
        if end.is_none_or(|end| end > self.len) {
            return Err(IoError::End { at: off.0, len: self.len });
        }
        match self.file.read_exact_at(buf, off.0) {
            // The file shrank since it was opened.
            Err(e) if e.kind() == ErrorKind::UnexpectedEof => Err(IoError::End { at: off.0, len: self.len }),
            other => Ok(other?),
        }
    }

    fn len(&self) -> u64 {
        self.len
    }
}
