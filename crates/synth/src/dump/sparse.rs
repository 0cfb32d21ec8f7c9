//! Dumps of large machines in sparse files.

use std::fs::File;
use std::io::{Result, Seek, SeekFrom, Write};

use necropsy_base::Abi;

use super::{Codec, KdumpOptions, Memory, Page, kdump};

/// Writes a dump of a machine with `ram` bytes of which only the `dumped` pages (in order) are in the dump, each
/// filled with the low byte of its page frame number. Only these pages take room on the disk.
pub fn sparse_kdump(file: &mut File, ram: u64, dumped: &[u64]) -> Result<u64> {
    let block = 4096u64;
    let pages = ram / block;
    let bitmap = pages.div_ceil(8).next_multiple_of(block);
    let text = "OSRELEASE=6.1.0-test\nPAGESIZE=4096\nSYMBOL(init_uts_ns)=ffffffff82000000\n";
    file.write_all(&header(text, pages, bitmap / block))?;
    let bitmaps = 3 * block;
    // All of it is RAM: the first bitmap is a hole in the file but for one byte, to stay sparse.
    write(file, bitmaps, &[0xff])?;
    for pfn in dumped {
        let same = dumped.iter().filter(|p| **p / 8 == pfn / 8).fold(0, |byte, p| byte | 1u8 << (p % 8));
        write(file, bitmaps + bitmap + pfn / 8, &[same])?;
    }
    let table = bitmaps + 2 * bitmap;
    let data = table + 24 * dumped.len() as u64;
    for (i, pfn) in (0..).zip(dumped) {
        let at = data + i * block;
        let desc = [at.to_le_bytes(), block.to_le_bytes(), [0; 8]].concat();
        write(file, table + 24 * i, &desc)?;
        write(file, at, &[*pfn as u8; 4096])?;
    }
    file.set_len(data + dumped.len() as u64 * block)?;
    Ok(2 * bitmap)
}

/// The first three blocks: those of a small dump with the sizes of the large one.
fn header(text: &str, pages: u64, bitmap_blocks: u64) -> Vec<u8> {
    let memory = Memory {
        abi: Abi::LE64,
        machine: "x86_64",
        elf_machine: 62,
        page_size: 4096,
        pages: vec![Page::Hole],
        notes: Vec::new(),
        vmcoreinfo: text.into(),
    };
    let small = kdump(&memory, &KdumpOptions { codec: Codec::Raw, ..KdumpOptions::default() });
    let mut bytes = small.into_iter().next().map(|i| i.bytes).unwrap_or_default();
    bytes.truncate(2 * 4096);
    bytes.resize(3 * 4096, 0);
    for (at, value) in [(432, 2u64), (436, 2 * bitmap_blocks), (440, pages)] {
        bytes[at..at + 4].copy_from_slice(&value.to_le_bytes()[..4]);
    }
    bytes[4096 + 96..4096 + 104].copy_from_slice(&pages.to_le_bytes());
    bytes
}

fn write(file: &mut File, at: u64, data: &[u8]) -> Result<()> {
    file.seek(SeekFrom::Start(at))?;
    file.write_all(data)
}
