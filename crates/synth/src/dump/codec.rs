//! Compression of pages.

/// How pages are compressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Codec {
    /// Not at all.
    Raw,
    /// zlib.
    Zlib,
    /// LZO1X.
    Lzo,
    /// Snappy.
    Snappy,
    /// Zstandard.
    Zstd,
}

impl Codec {
    /// All of them.
    pub const ALL: [Codec; 5] = [Codec::Raw, Codec::Zlib, Codec::Lzo, Codec::Snappy, Codec::Zstd];

    /// The bit in the header's status and in page flags.
    pub fn bit(self) -> u64 {
        match self {
            Codec::Raw => 0,
            Codec::Zlib => 0x1,
            Codec::Lzo => 0x2,
            Codec::Snappy => 0x4,
            Codec::Zstd => 0x20,
        }
    }

    /// The page as it is stored and its flags: as makedumpfile does, raw if compression saves nothing.
    pub fn store(self, page: &[u8]) -> (Vec<u8>, u64) {
        match self.compress(page).filter(|c| c.len() < page.len()) {
            Some(data) => (data, self.bit()),
            None => (page.to_vec(), 0),
        }
    }

    fn compress(self, page: &[u8]) -> Option<Vec<u8>> {
        match self {
            Codec::Raw => None,
            Codec::Zlib => zlib(page),
            Codec::Lzo => Some(lzo(page)),
            Codec::Snappy => snap::raw::Encoder::new().compress_vec(page).ok(),
            Codec::Zstd => zstd::bulk::compress(page, 1).ok(),
        }
    }
}

fn zlib(page: &[u8]) -> Option<Vec<u8>> {
    let mut encoder = libdeflater::Compressor::new(libdeflater::CompressionLvl::default());
    let mut out = vec![0; encoder.zlib_compress_bound(page.len())];
    let n = encoder.zlib_compress(page, &mut out).ok()?;
    out.truncate(n);
    Some(out)
}

/// LZO1X by hand (Documentation/staging/lzo.rst): literals, then one match of distance 1 for the run at the end.
fn lzo(page: &[u8]) -> Vec<u8> {
    let last = page.last().copied().unwrap_or(0);
    let run = page.iter().rev().take_while(|b| **b == last).count();
    // The run's first byte is a literal for the match to repeat; a short run is not worth a match.
    let repeated = if run > 64 { run - 1 } else { 0 };
    let literals = &page[..page.len() - repeated];
    let mut out = Vec::new();
    if literals.len() <= 238 {
        out.push(17 + literals.len() as u8);
    } else {
        out.push(0);
        length(&mut out, literals.len() - 18);
    }
    out.extend_from_slice(literals);
    if repeated > 0 {
        out.push(0x20);
        length(&mut out, repeated - 33);
        out.extend([0, 0]);
    }
    out.extend([17, 0, 0]);
    out
}

/// Zeros stand for 255 each, a last byte other than zero for itself.
fn length(out: &mut Vec<u8>, n: usize) {
    out.resize(out.len() + (n - 1) / 255, 0);
    out.push(((n - 1) % 255 + 1) as u8);
}
