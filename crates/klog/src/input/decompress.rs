//! gzip, zlib, xz and zstd, by their first bytes.

use std::io::{self, Cursor, Read};

/// The input as it was before it was compressed.
pub fn decompressed<'a>(mut input: impl Read + 'a) -> io::Result<Box<dyn Read + 'a>> {
    let mut magic = [0; 6];
    let mut got = 0;
    while got < magic.len() {
        match input.read(&mut magic[got..])? {
            0 => break,
            n => got += n,
        }
    }
    let whole = Cursor::new(magic[..got].to_vec()).chain(input);
    Ok(match &magic[..got] {
        [0x1f, 0x8b, ..] => Box::new(Whole(flate2::read::MultiGzDecoder::new(whole))),
        [0x78, 0x01 | 0x5e | 0x9c | 0xda, ..] => Box::new(Whole(flate2::read::ZlibDecoder::new(whole))),
        [0xfd, b'7', b'z', b'X', b'Z', 0] => Box::new(Whole(lzma_rust2::XzReader::new(whole, true))),
        [0x28, 0xb5, 0x2f, 0xfd, ..] => Box::new(Whole(zstd::Decoder::new(whole)?)),
        _ => Box::new(whole),
    })
}

/// A log that was cut off is read to where it was cut.
struct Whole<R>(R);

impl<R: Read> Read for Whole<R> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        match self.0.read(buf) {
            Err(e) if e.kind() != io::ErrorKind::Interrupted => Ok(0),
            other => other,
        }
    }
}
