//! The bytes of a file on disk: mapped, or unpacked when the whole file is compressed (`.ko.xz`, `.ko.zst`, `.ko.gz`).

use std::fs::File;
use std::io::{Error, ErrorKind, Read, Result};
use std::ops::Deref;
use std::path::Path;

use memmap2::Mmap;
use necropsy_base::{FileOff, IoError, Store};

use crate::mapping::map;

/// Compressed files that unpack to more are refused; the largest module with debugging information has some 100 MB.
const MAX_UNPACKED: u64 = 4 << 30;

/// Memory that the dictionary of an xz file may ask for; `xz -9` needs 65 MiB.
const MAX_XZ_KIB: u32 = 512 << 10;

/// The bytes of a file.
pub struct FileBytes(Held);

enum Held {
    Mapped(Mmap),
    Owned(Vec<u8>),
}

impl FileBytes {
    /// Opens a file; one that is compressed as a whole is unpacked into memory.
    pub fn open(path: &Path) -> Result<FileBytes> {
        let file = File::open(path)?;
        let meta = file.metadata()?;
        if !meta.is_file() {
            return Err(Error::new(ErrorKind::InvalidInput, "not a regular file"));
        }
        if meta.len() == 0 {
            return Ok(FileBytes(Held::Owned(Vec::new())));
        }
        let mapped = map(&file)?;
        Ok(FileBytes(match unpack(&mapped)? {
            Some(bytes) => Held::Owned(bytes),
            None => Held::Mapped(mapped),
        }))
    }
}

impl From<Vec<u8>> for FileBytes {
    fn from(bytes: Vec<u8>) -> FileBytes {
        FileBytes(Held::Owned(bytes))
    }
}

impl Deref for FileBytes {
    type Target = [u8];
    fn deref(&self) -> &[u8] {
        match &self.0 {
            Held::Mapped(map) => map,
            Held::Owned(bytes) => bytes,
        }
    }
}

impl Store for FileBytes {
    fn read_at(&self, off: FileOff, buf: &mut [u8]) -> std::result::Result<(), IoError> {
        let end = IoError::End { at: off.0, len: self.len() };
        let start = usize::try_from(off.0).ok();
        let found = start.and_then(|s| self.get(s..s.checked_add(buf.len())?)).ok_or(end)?;
        buf.copy_from_slice(found);
        Ok(())
    }
    fn len(&self) -> u64 {
        self.deref().len() as u64
    }
}

/// The contents of a compressed file; `None` when it is none.
fn unpack(bytes: &[u8]) -> Result<Option<Vec<u8>>> {
    if bytes.starts_with(b"\xfd7zXZ\0") {
        return all(lzma_rust2::XzReader::new_mem_limit(bytes, true, MAX_XZ_KIB)).map(Some);
    }
    if bytes.starts_with(b"\x28\xb5\x2f\xfd") {
        return all(zstd::Decoder::new(bytes)?).map(Some);
    }
    if bytes.starts_with(b"\x1f\x8b") {
        return gunzip(bytes).map(Some);
    }
    Ok(None)
}

fn all(reader: impl Read) -> Result<Vec<u8>> {
    let mut out = Vec::new();
    reader.take(MAX_UNPACKED).read_to_end(&mut out)?;
    if out.len() as u64 == MAX_UNPACKED {
        return Err(Error::new(ErrorKind::InvalidData, "it unpacks to more than 4 GiB"));
    }
    Ok(out)
}

/// The last four bytes say how long it is; a wrong length is an error, not a guess.
fn gunzip(bytes: &[u8]) -> Result<Vec<u8>> {
    let damaged = || Error::new(ErrorKind::InvalidData, "damaged gzip");
    let size = bytes.last_chunk::<4>().map(|b| u32::from_le_bytes(*b)).ok_or_else(damaged)? as usize;
    // Deflate cannot do better than 1032 to 1.
    if size / 1032 > bytes.len() {
        return Err(damaged());
    }
    let mut out = vec![0; size];
    let found = libdeflater::Decompressor::new().gzip_decompress(bytes, &mut out).map_err(|_| damaged())?;
    out.truncate(found);
    Ok(out)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    fn file(bytes: &[u8]) -> tempfile::NamedTempFile {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all(bytes).unwrap();
        file
    }

    #[test]
    fn plain_and_empty_files() {
        assert_eq!(&*FileBytes::open(file(b"some bytes").path()).unwrap(), b"some bytes");
        assert!(FileBytes::open(file(b"").path()).unwrap().is_empty());
        assert!(FileBytes::open(Path::new("/")).is_err());
    }

    #[test]
    fn compressed_files() {
        let text = b"penguin ".repeat(1000);
        let mut gz = vec![0; 10_000];
        let level = libdeflater::CompressionLvl::default();
        let n = libdeflater::Compressor::new(level).gzip_compress(&text, &mut gz).unwrap();
        let zst = zstd::encode_all(&text[..], 1).unwrap();
        let mut xz = lzma_rust2::XzWriter::new(Vec::new(), lzma_rust2::XzOptions::with_preset(1)).unwrap();
        xz.write_all(&text).unwrap();
        for packed in [gz[..n].to_vec(), zst, xz.finish().unwrap()] {
            assert_eq!(&*FileBytes::open(file(&packed).path()).unwrap(), text);
            // Cut short, it is an error.
            assert!(FileBytes::open(file(&packed[..packed.len() / 2]).path()).is_err());
        }
    }
}
