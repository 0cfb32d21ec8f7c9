//! Compression of pages.

use std::cell::RefCell;

use libdeflater::Decompressor as Deflate;
use necropsy_base::Why;

/// Bits of a header's `status` and a page's `flags` (makedumpfile diskdump_mod.h).
const ZLIB: u32 = 0x1;
const LZO: u32 = 0x2;
const SNAPPY: u32 = 0x4;
const ZSTD: u32 = 0x20;
/// The dump was cut by ENOSPC.
pub(super) const INCOMPLETE: u32 = 0x8;
/// Unused parts of vmemmap are left out.
const NO_VMEMMAP: u32 = 0x10;
/// All bits any version sets in `status`.
pub(super) const KNOWN_STATUS: u32 = ZLIB | LZO | SNAPPY | ZSTD | INCOMPLETE | NO_VMEMMAP;
const METHODS: u32 = ZLIB | LZO | SNAPPY | ZSTD;

/// Decompressors are costly to make; each thread keeps its own.
#[derive(Default)]
struct Tools {
    deflate: Option<Deflate>,
    zstd: Option<zstd::bulk::Decompressor<'static>>,
}

thread_local! {
    static TOOLS: RefCell<Tools> = RefCell::default();
}

/// Name of the compression in a header's `status`.
pub(super) fn name(status: u32) -> &'static str {
    match status & METHODS {
        0 => "uncompressed",
        ZLIB => "zlib",
        LZO => "lzo",
        SNAPPY => "snappy",
        ZSTD => "zstd",
        _ => "mixed",
    }
}

/// Fills `page` from its bytes in the file; anything but exactly one page is corrupt.
pub(super) fn decode(flags: u32, data: &[u8], page: &mut [u8]) -> Result<(), Why> {
    let size = page.len();
    let got = match flags & METHODS {
        0 if data.len() == size => {
            page.copy_from_slice(data);
            Some(size)
        }
        LZO => lzo::decompress_into(data, page).ok(),
        SNAPPY => snappy(data, page),
        method @ (ZLIB | ZSTD) => with_tools(|tools| tools.decode(method, data, page)),
        _ => None,
    };
    if got == Some(size) { Ok(()) } else { Err(Why::Corrupt) }
}

fn with_tools<R>(run: impl FnOnce(&mut Tools) -> R) -> R {
    TOOLS.with(|tools| match tools.try_borrow_mut() {
        Ok(mut tools) => run(&mut tools),
        Err(_) => run(&mut Tools::default()),
    })
}

fn snappy(data: &[u8], page: &mut [u8]) -> Option<usize> {
    snap::raw::Decoder::new().decompress(data, page).ok()
}

impl Tools {
    fn decode(&mut self, method: u32, data: &[u8], page: &mut [u8]) -> Option<usize> {
        if method == ZLIB {
            let deflate = self.deflate.get_or_insert_with(Deflate::new);
            return deflate.zlib_decompress(data, page).ok();
        }
        if self.zstd.is_none() {
            self.zstd = zstd::bulk::Decompressor::new().ok();
        }
        self.zstd.as_mut()?.decompress_to_buffer(data, page).ok()
    }
}
