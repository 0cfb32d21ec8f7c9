//! What is in an initramfs: the names of its files.
//!
//! It is one or more cpio archives in the `newc` form, one behind the other, the last one compressed
//! (Documentation/driver-api/early-userspace/buffer-format.rst).

use std::collections::BTreeSet;
use std::io::{self, BufReader, Read, Seek, SeekFrom};

/// Nothing larger is unpacked.
const LARGEST: u64 = 2 << 30;
/// No archive has more files.
const FILES: usize = 200_000;
/// Nor longer names, all together.
const NAMES: usize = 64 << 20;
/// Archives of microcode, of early modules, and what else the kernel is to find before it unpacks the rest.
const ARCHIVES: usize = 16;

/// The files of an initramfs.
#[derive(Clone, Debug, Default)]
pub struct Contents {
    /// Their paths, without a leading `/`.
    pub files: BTreeSet<String>,
    /// Bytes of all names.
    names: usize,
}

impl Contents {
    /// Whether there is a module, `-` and `_` being the same.
    pub fn has_module(&self, name: &str) -> bool {
        let name = name.replace('-', "_");
        self.modules().any(|m| m == name)
    }

    /// Names of the modules in it.
    pub fn modules(&self) -> impl Iterator<Item = String> + '_ {
        self.files.iter().filter_map(|f| {
            let file = f.rsplit('/').next()?;
            let (name, kind) = file.split_once(".ko")?;
            matches!(kind, "" | ".xz" | ".zst" | ".gz").then(|| name.replace('-', "_"))
        })
    }

    /// Whether there is a program of that name.
    pub fn has_program(&self, name: &str) -> bool {
        self.files.iter().any(|f| f.rsplit('/').next() == Some(name) && f.contains("bin/"))
    }
}

/// Reads the names of all files.
pub fn contents(mut file: impl Read + Seek) -> io::Result<Contents> {
    let mut found = Contents::default();
    let mut start = 0;
    // The uncompressed archive of microcode comes first.
    for _ in 0..ARCHIVES {
        file.seek(SeekFrom::Start(start))?;
        let mut magic = [0; 6];
        file.read_exact(&mut magic)?;
        file.seek(SeekFrom::Start(start))?;
        if !is_cpio(&magic) {
            let unpacked = necropsy_klog::decompressed(&mut file)?;
            archives(BufReader::new(unpacked.take(LARGEST)), &mut found)?;
            return Ok(found);
        }
        let mut counted = Counted { input: BufReader::new((&mut file).take(LARGEST)), read: 0 };
        archive(&mut counted, &mut found)?;
        let mut byte = [0];
        // The next one begins behind the zeros.
        while counted.read(&mut byte)? == 1 && byte[0] == 0 {}
        if byte[0] == 0 {
            return Ok(found);
        }
        start += counted.read - 1;
    }
    Err(broken("too many archives"))
}

fn is_cpio(magic: &[u8]) -> bool {
    magic.starts_with(b"070701") || magic.starts_with(b"070702")
}

struct Counted<R> {
    input: R,
    read: u64,
}

impl<R: Read> Read for Counted<R> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let n = self.input.read(buf)?;
        self.read += n as u64;
        Ok(n)
    }
}

/// All archives of a stream.
fn archives(input: impl Read, found: &mut Contents) -> io::Result<()> {
    archive(&mut Counted { input, read: 0 }, found)
}

fn archive(input: &mut Counted<impl Read>, found: &mut Contents) -> io::Result<()> {
    while found.files.len() < FILES {
        let mut header = [0; 110];
        input.read_exact(&mut header)?;
        if !is_cpio(&header) {
            return Err(broken("no cpio archive"));
        }
        let field = |i: usize| {
            let text = std::str::from_utf8(&header[6 + 8 * i..14 + 8 * i]).ok()?;
            u64::from_str_radix(text, 16).ok()
        };
        let (Some(size), Some(name)) = (field(6), field(11)) else {
            return Err(broken("no number in a header"));
        };
        if name > 4096 {
            return Err(broken("a name that is too long"));
        }
        let padded_name = (110 + name).next_multiple_of(4) - 110;
        let mut text = vec![0; padded_name as usize];
        input.read_exact(&mut text)?;
        text.truncate(name.saturating_sub(1) as usize);
        let text = String::from_utf8_lossy(&text).into_owned();
        if text == "TRAILER!!!" {
            return Ok(());
        }
        let skip = size.next_multiple_of(4);
        let skipped = io::copy(&mut input.take(skip), &mut io::sink())?;
        if skipped < skip {
            return Err(broken("cut short"));
        }
        found.names += text.len();
        if found.names > NAMES {
            return Err(broken("too many names"));
        }
        found.files.insert(text.trim_start_matches("./").trim_start_matches('/').to_owned());
    }
    Err(broken("too many files"))
}

fn broken(what: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, what.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cpio(names: &[&str]) -> Vec<u8> {
        let mut out = Vec::new();
        for name in names.iter().chain(&["TRAILER!!!"]) {
            let data = if name.starts_with("TRAILER") { &b""[..] } else { &b"12345"[..] };
            let mut fields = [0u64; 13];
            (fields[6], fields[11]) = (data.len() as u64, name.len() as u64 + 1);
            out.extend(b"070701");
            fields.iter().for_each(|f| out.extend(format!("{f:08x}").bytes()));
            out.extend(name.bytes().chain([0]));
            out.resize(out.len().next_multiple_of(4), 0);
            out.extend(data);
            out.resize(out.len().next_multiple_of(4), 0);
        }
        out
    }

    #[test]
    fn microcode_then_the_rest() {
        let mut all = cpio(&["kernel/x86/microcode/a.bin"]);
        all.resize(all.len() + 512, 0);
        all.extend(cpio(&[
            "./usr/lib/modules/6/kernel/fs/ext4.ko.xz",
            "usr/bin/makedumpfile",
            "lib/virtio-blk.ko",
        ]));
        let found = contents(io::Cursor::new(&all)).unwrap();
        assert!(found.has_module("ext4") && found.has_module("virtio_blk") && !found.has_module("xfs"));
        assert!(found.has_program("makedumpfile") && found.files.len() == 4);
        for cut in 0..all.len().min(400) {
            let _ = contents(io::Cursor::new(&all[..cut]));
        }
    }
}
