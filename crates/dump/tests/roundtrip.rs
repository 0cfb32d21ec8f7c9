//! What is written is what is read: all formats, codecs and byte orders.
#![allow(clippy::unwrap_used, clippy::print_stdout)]

mod common;

use common::{INFO, check, machine, open_bytes};
use necropsy_base::{Abi, Endian, PhysAddr, Why};
use necropsy_dump::{CpuNoteKind, FORMATS, Machine, Source};
use necropsy_synth::dump::{Codec, ElfOptions, KdumpOptions, Order, Page, elf, flattened, kdump};

const ABIS: [Abi; 4] = [Abi::LE64, Abi::BE64, Abi::LE32, Abi { endian: Endian::Big, word: 4 }];

fn check_meta(source: &Source, abi: Abi) {
    let meta = &source.meta;
    assert_eq!((meta.abi, meta.page_size, meta.complete), (abi, 4096, true), "{:?}", meta.notes);
    assert_eq!(meta.vmcoreinfo.as_ref().map(|i| i.text()), Some(INFO));
    let kinds: Vec<_> = meta.cpus.iter().map(|c| (c.cpu, c.kind, c.data.len())).collect();
    let cpu = |n, kind, len| (n, kind, len);
    use CpuNoteKind::{Prstatus, Qemu};
    assert_eq!(kinds, [cpu(0, Prstatus, 336), cpu(1, Prstatus, 336), cpu(0, Qemu, 440)]);
    let pid = 16 + 2 * usize::from(abi.word);
    let bytes = [pid as u8, pid as u8 + 1, pid as u8 + 2, pid as u8 + 3];
    assert_eq!(meta.cpus[0].pid, Some(abi.uint(&bytes) as i32));
}

#[test]
fn kdump_in_every_codec_and_order() {
    for abi in ABIS {
        for codec in Codec::ALL {
            for packed in [false, true] {
                let mut memory = machine(abi, 300);
                if packed && abi.word == 4 {
                    memory.machine = "i686";
                }
                let options = KdumpOptions { codec, packed: packed && abi.word == 4, ..Default::default() };
                let source = open_bytes(vec![kdump(&memory, &options).remove(0).bytes]).unwrap();
                check_meta(&source, abi);
                check(&source, &memory, Why::Filtered(31));
                let name = format!("{codec:?}").to_lowercase().replace("raw", "uncompressed");
                assert_eq!(source.meta.format, format!("kdump-compressed ({name})"));
                assert_eq!(source.meta.phys_base, Some(-16_777_216));
                assert_eq!(source.meta.timestamp, Some((1_700_000_000, 123_456)));
            }
        }
    }
}

#[test]
fn kdump_in_every_version() {
    for version in 0..=6 {
        let memory = machine(Abi::LE64, 200);
        let diskdump = version < 2;
        let options = KdumpOptions { version, diskdump, ..Default::default() };
        let source = open_bytes(vec![kdump(&memory, &options).remove(0).bytes]).unwrap();
        let level = if version == 0 { None } else { Some(31) };
        assert_eq!(source.meta.dump_level, level);
        assert_eq!(source.meta.vmcoreinfo.is_some(), version >= 3);
        assert_eq!(source.meta.cpus.len(), if version >= 4 { 3 } else { 0 });
        check(&source, &memory, Why::Filtered(level.unwrap_or(0)));
    }
}

#[test]
fn split_dumps_in_any_order_and_with_a_part_missing() {
    for version in [2, 6] {
        let memory = machine(Abi::LE64, 500);
        let options = KdumpOptions { version, parts: 3, ..Default::default() };
        let mut files: Vec<Vec<u8>> = kdump(&memory, &options).into_iter().map(|i| i.bytes).collect();
        files.swap(0, 2);
        let source = open_bytes(files.clone()).unwrap();
        assert!(source.meta.complete, "{:?}", source.meta.notes);
        check(&source, &memory, Why::Filtered(31));
        let source = open_bytes(files[..2].to_vec()).unwrap();
        assert!(!source.meta.complete);
        let error = source.physical.unwrap().read(PhysAddr(0), &mut [0; 8]).unwrap_err();
        assert_eq!(error.why, Why::Lost);
        assert!(open_bytes(vec![files[0].clone(), files[0].clone()]).is_err());
    }
}

#[test]
fn incomplete_dump_says_which_pages_are_lost() {
    let mut memory = machine(Abi::LE64, 100);
    memory.pages = (0..100).map(|i| Page::Data(vec![i + 1; 4096])).collect();
    let options = KdumpOptions { lost_from: Some(60), ..Default::default() };
    let source = open_bytes(vec![kdump(&memory, &options).remove(0).bytes]).unwrap();
    assert!(!source.meta.complete && !source.meta.notes.is_empty());
    let mem = source.physical.unwrap();
    let mut buf = vec![0; 100 * 4096];
    mem.read(PhysAddr(0), &mut buf[..60 * 4096]).unwrap();
    let error = mem.read(PhysAddr(0), &mut buf).unwrap_err();
    assert_eq!((error.at, error.why), (60 * 4096, Why::Lost));
}

#[test]
fn elf_in_every_class_and_place() {
    for abi in ABIS {
        for bits in 0..4 {
            let memory = machine(abi, 200);
            let options =
                ElfOptions { extended: bits & 1 != 0, headers_last: bits & 2 != 0, ..Default::default() };
            let source = open_bytes(vec![elf(&memory, &options).bytes]).unwrap();
            check_meta(&source, abi);
            check(&source, &memory, Why::ZeroOrFiltered);
            assert_eq!(source.meta.format, "ELF");
        }
    }
    let memory = machine(Abi::LE64, 50);
    let options =
        ElfOptions { incomplete: true, virtual_offset: Some(0xffff_8880_0000_0000), ..Default::default() };
    let source = open_bytes(vec![elf(&memory, &options).bytes]).unwrap();
    assert!(!source.meta.complete);
    assert_eq!(source.meta.machine, Some(Machine::X86_64));
    let segment = source.meta.segments.last().unwrap();
    assert_eq!(segment.vaddr, segment.paddr + 0xffff_8880_0000_0000);
}

#[test]
fn flattened_is_the_same_as_plain() {
    let memory = machine(Abi::LE64, 200);
    let plain = kdump(&memory, &KdumpOptions::default()).remove(0).bytes;
    let core = elf(&memory, &ElfOptions::default()).bytes;
    for order in [Order::Forward, Order::Backward, Order::Rewritten] {
        for piece in [333, 4096, 100_000] {
            let source = open_bytes(vec![flattened(&plain, piece, order).bytes]).unwrap();
            assert_eq!(source.meta.format, "flattened kdump-compressed (zlib)");
            check_meta(&source, Abi::LE64);
            check(&source, &memory, Why::Filtered(31));
            let source = open_bytes(vec![flattened(&core, piece, order).bytes]).unwrap();
            assert_eq!(source.meta.format, "flattened ELF");
            check(&source, &memory, Why::ZeroOrFiltered);
        }
    }
}

/// Puts VMCOREINFO into memory as the kernel keeps it, and decoys before it.
fn with_info_in_memory(memory: &mut necropsy_synth::dump::Memory) {
    let mut page = |pfn: usize, data: &[u8]| {
        let mut bytes = data.to_vec();
        bytes.resize(4096, 0);
        memory.pages[pfn] = Page::Data(bytes);
    };
    page(3, b"OSRELEASE=%s\nSYMBOL(a)=1\nSYMBOL(b)=1\nSYMBOL(c)=1\n");
    page(4, b"OSRELEASE=but nothing else\n");
    page(9, INFO.as_bytes());
    let mut note = [11u32.to_le_bytes(), (INFO.len() as u32).to_le_bytes(), [0; 4]].concat();
    note.extend(b"VMCOREINFO\0\0");
    note.extend(INFO.as_bytes());
    page(12, &note);
}

#[test]
fn vmcoreinfo_is_found_without_a_note() {
    let mut memory = machine(Abi::LE64, 100);
    memory.vmcoreinfo.clear();
    with_info_in_memory(&mut memory);
    let source = open_bytes(vec![kdump(&memory, &KdumpOptions::default()).remove(0).bytes]).unwrap();
    assert_eq!(source.meta.vmcoreinfo.unwrap().text(), INFO);
    let source = open_bytes(vec![elf(&memory, &ElfOptions::default()).bytes]).unwrap();
    assert_eq!(source.meta.vmcoreinfo.unwrap().text(), INFO);
}

#[test]
fn raw_memory_is_known_by_its_vmcoreinfo() {
    let mut memory = machine(Abi::LE64, 64);
    let bytes = |p: &Page| {
        if let Page::Data(d) = p { d.clone() } else { vec![0; 4096] }
    };
    memory.pages = memory.pages.iter().map(|p| Page::Data(bytes(p))).collect();
    with_info_in_memory(&mut memory);
    memory.pages[0] = Page::Data(vec![0x80; 4096]);
    let raw: Vec<u8> = memory.pages.iter().flat_map(bytes).collect();
    let source = open_bytes(vec![raw]).unwrap();
    assert_eq!((source.meta.format.as_str(), source.meta.abi), ("raw", Abi::LE64));
    assert_eq!(source.meta.machine, Some(Machine::X86_64));
    assert_eq!(source.meta.vmcoreinfo.as_ref().unwrap().text(), INFO);
    check(&source, &memory, Why::Hole);
}

#[test]
fn other_files_are_refused_with_what_they_are() {
    let say = |bytes: &[u8]| open_bytes(vec![bytes.to_vec()]).err().unwrap().to_string();
    for (bytes, what) in [
        (&b""[..], "empty"),
        (b"hello\n", "a text file"),
        (b"\x1f\x8b\x08\0\0\0", "gzip"),
        (b"\x80\x81\0\0\0\0\0\0\0\0", "unknown data"),
    ] {
        let message = say(bytes);
        assert!(message.contains(what), "{message}");
        assert!(FORMATS.iter().all(|f| message.contains(f.name())), "{message}");
    }
    let mut program = elf(&machine(Abi::LE64, 4), &ElfOptions::default()).bytes;
    program[16] = 2;
    assert!(say(&program).contains("vmlinux"));
    assert!(open_bytes(Vec::new()).is_err());
}

#[test]
fn a_core_without_physical_addresses_reads_by_virtual_ones() {
    use necropsy_base::VirtAddr;
    let memory = machine(Abi::LE64, 50);
    let base = 0xffff_8880_0000_0000;
    let options = ElfOptions { virtual_offset: Some(base), ..Default::default() };
    let mut bytes = elf(&memory, &options).bytes;
    let count = usize::from(bytes[56]);
    for i in 0..count {
        bytes[64 + 56 * i + 24..64 + 56 * i + 32].fill(0xff);
    }
    let source = open_bytes(vec![bytes]).unwrap();
    assert!(source.physical.is_none());
    let mem = source.virtual_.unwrap();
    for (pfn, page) in memory.pages.iter().enumerate() {
        let mut buf = vec![0; 4096];
        let at = VirtAddr(base + pfn as u64 * 4096);
        match (mem.read(at, &mut buf), page) {
            (Ok(()), Page::Data(data)) => assert!(buf == *data),
            (Err(e), Page::Filtered) => assert_eq!((e.at, e.why), (at.0, Why::ZeroOrFiltered)),
            (Err(e), Page::Hole) => assert_eq!(e.why, Why::Hole),
            other => panic!("{:?} at {at}", other.0),
        }
    }
}

#[test]
fn a_flattened_dump_from_a_broken_pipe_is_incomplete() {
    let memory = machine(Abi::LE64, 200);
    let plain = kdump(&memory, &KdumpOptions::default()).remove(0).bytes;
    let mut bytes = flattened(&plain, 4096, Order::Forward).bytes;
    bytes.truncate(bytes.len() / 2);
    let source = open_bytes(vec![bytes]).unwrap();
    assert!(!source.meta.complete);
    assert!(source.meta.notes.iter().any(|n| n.contains("flattened")), "{:?}", source.meta.notes);
    common::never_wrong(&source, &memory);
}

#[test]
fn at_level_one_missing_pages_are_zeros() {
    let mut memory = common::machine(Abi::LE64, 40);
    memory.pages[3] = Page::Filtered;
    let options = KdumpOptions { level: 1, ..KdumpOptions::default() };
    let source = common::open_bytes(vec![kdump(&memory, &options)[0].bytes.clone()]).unwrap();
    let mem = source.physical.unwrap();
    let mut buf = vec![1; 4096];
    mem.read(PhysAddr(3 * 4096), &mut buf).unwrap();
    assert!(buf.iter().all(|b| *b == 0));
}
