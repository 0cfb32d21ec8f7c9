//! What decompression alone costs: every page of a kdump-compressed dump once, in the order of the file, on one thread, and nothing else.
//!
//! The yardstick of `benches/scans`. It shares no code with the reader: the table of pages is read straight from the file, and each page
//! goes to the same libraries (libdeflate, zstd, lzo, snappy).
#![allow(clippy::print_stdout)]

use std::error::Error;

/// Bytes of a page's descriptor: offset u64, size u32, flags u32, page flags u64.
const DESC: usize = 24;

fn number<const N: usize>(bytes: &[u8], at: usize) -> Option<u64> {
    let mut word = [0; 8];
    word[..N].copy_from_slice(bytes.get(at..at + N)?);
    Some(u64::from_le_bytes(word))
}

fn main() -> Result<(), Box<dyn Error>> {
    let path = std::env::args_os().nth(1).ok_or("usage: decompress VMCORE")?;
    let file = std::fs::read(path)?;
    if !file.starts_with(b"KDUMP   ") {
        return Err("no kdump-compressed dump".into());
    }
    // struct disk_dump_header of 64-bit machines: the sizes of a block, of the sub header and of the bitmaps.
    let field = |at| number::<4>(&file, at).ok_or("the header is cut");
    let (block, sub, bitmaps) = (field(428)? as usize, field(432)? as usize, field(436)? as usize);
    let mut table = (1 + sub + bitmaps) * block;
    let (mut page, mut end, mut pages, mut failed, mut sum) = (vec![0; block], usize::MAX, 0u64, 0u64, 0u64);
    let mut deflate = libdeflater::Decompressor::new();
    let mut zstd = zstd::bulk::Decompressor::new()?;
    let mut zeros = None;
    while table + DESC <= end.min(file.len()) {
        let word = |at, size| if size == 8 { number::<8>(&file, at) } else { number::<4>(&file, at) };
        let (Some(offset), Some(size), Some(flags)) =
            (word(table, 8), word(table + 8, 4), word(table + 12, 4))
        else {
            break;
        };
        table += DESC;
        // The table ends where the first page's bytes begin.
        end = end.min(offset as usize);
        if zeros == Some(offset) {
            pages += 1;
            continue;
        }
        let Some(data) = file.get(offset as usize..(offset + size) as usize) else {
            failed += 1;
            continue;
        };
        let done = match flags & 0x27 {
            0 => {
                page.copy_from_slice(data);
                true
            }
            1 => deflate.zlib_decompress(data, &mut page).is_ok(),
            2 => lzo::decompress_into(data, &mut page).is_ok(),
            4 => snap::raw::Decoder::new().decompress(data, &mut page).is_ok(),
            _ => zstd.decompress_to_buffer(data, &mut page).is_ok(),
        };
        (pages, failed) = (pages + u64::from(done), failed + u64::from(!done));
        sum = sum.wrapping_add(u64::from(page[0]) ^ u64::from(page[block / 2]));
        // One page of zeros stands for all.
        if zeros.is_none() && page.iter().all(|b| *b == 0) {
            zeros = Some(offset);
        }
    }
    println!("{pages} pages of {block} bytes, {failed} failed, sum {sum:x}");
    Ok(())
}
