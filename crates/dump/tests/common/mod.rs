//! A small machine, and the check that a dump of it tells the truth.
#![allow(dead_code, clippy::unwrap_used, clippy::expect_used, clippy::print_stdout)]

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use necropsy_base::{Abi, FileOff, IoError, PhysAddr, PhysMem, Store, Why};
use necropsy_dump::{OpenError, Source, open_stores};
use necropsy_synth::dump::{Memory, Note, Page};

/// Bytes in memory that count how much of them is read.
pub struct Bytes(pub Vec<u8>, pub AtomicU64);

impl Store for Bytes {
    fn read_at(&self, off: FileOff, buf: &mut [u8]) -> Result<(), IoError> {
        let end = off.0.checked_add(buf.len() as u64).filter(|end| *end <= self.len());
        let end = end.ok_or(IoError::End { at: off.0, len: self.len() })?;
        buf.copy_from_slice(&self.0[off.0 as usize..end as usize]);
        self.1.fetch_add(buf.len() as u64, Ordering::Relaxed);
        Ok(())
    }
    fn len(&self) -> u64 {
        self.0.len() as u64
    }
}

/// Opens files that lie in memory.
pub fn open_bytes(files: Vec<Vec<u8>>) -> Result<Source, OpenError> {
    let stores = files.into_iter().map(|f| Arc::new(Bytes(f, AtomicU64::new(0))) as Arc<dyn Store>).collect();
    open_stores(stores, &["test".into()])
}

/// A pseudo-random sequence that is the same every time.
pub fn random(seed: &mut u64) -> u64 {
    *seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
    *seed >> 33
}

pub const INFO: &str = "OSRELEASE=6.1.0-test\nBUILD-ID=0123456789abcdef0123456789abcdef01234567\nPAGESIZE=4096\n\
    SYMBOL(init_uts_ns)=ffffffff82000000\nSYMBOL(_stext)=ffffffff81000000\nSYMBOL(swapper_pg_dir)=ffffffff82400000\n\
    OFFSET(list_head.next)=0\nSIZE(list_head)=16\nNUMBER(phys_base)=-16777216\nNUMBER(KERNEL_IMAGE_SIZE)=1073741824\n\
    NUMBER(VMALLOC_START)=0xffffc90000000000\nNUMBER(pgtable_l5_enabled)=0\nLENGTH(free_area.free_list)=5\n\
    KERNELOFFSET=1000000\nCRASHTIME=1700000000\n";

/// A machine of `count` pages: RAM with holes, left-out pages, pages of zeros, pages that do not compress.
pub fn machine(abi: Abi, count: usize) -> Memory {
    let mut seed = count as u64;
    let pages = (0..count).map(|pfn| page(pfn, &mut seed)).collect();
    let (machine, elf_machine) = match (abi.word, abi == Abi::BE64) {
        (8, true) => ("s390x", 22),
        (8, false) => ("x86_64", 62),
        _ => ("armv7l", 40),
    };
    let note = |name, kind, len: usize| Note { name, kind, data: (0..len).map(|i| i as u8).collect() };
    let notes = vec![note("CORE", 1, 336), note("CORE", 2, 20), note("CORE", 1, 336), note("QEMU", 0, 440)];
    Memory { abi, machine, elf_machine, page_size: 4096, pages, notes, vmcoreinfo: INFO.into() }
}

fn page(pfn: usize, seed: &mut u64) -> Page {
    match (pfn / 7 + pfn % 5) % 6 {
        0 if pfn % 40 > 30 => Page::Hole,
        1 => Page::Filtered,
        2 => Page::Data(vec![0; 4096]),
        3 => Page::Data((0..4096).map(|_| random(seed) as u8).collect()),
        _ => {
            let mut data: Vec<u8> = (0..300 + pfn % 97).map(|_| random(seed) as u8).collect();
            data.resize(4096, pfn as u8);
            Page::Data(data)
        }
    }
}

/// Every page reads as what it is; reasons are right.
pub fn check(source: &Source, memory: &Memory, filtered: Why) {
    let mem = source.physical.as_deref().unwrap();
    for (pfn, page) in memory.pages.iter().enumerate() {
        let at = PhysAddr((pfn * memory.page_size) as u64);
        let mut buf = vec![0x55; memory.page_size];
        let got = mem.read(at, &mut buf);
        match page {
            Page::Data(data) => {
                got.unwrap();
                assert!(buf == *data, "page {pfn}");
            }
            Page::Filtered => assert_eq!(got.unwrap_err().why, filtered, "page {pfn}"),
            Page::Hole => assert_eq!(got.unwrap_err().why, Why::Hole, "page {pfn}"),
        }
        assert_eq!(mem.ram().contains(at), *page != Page::Hole, "page {pfn}");
    }
    check_present(mem, memory);
    check_bulk(mem, memory);
    let all = memory.pages.len() as u64 * 4096;
    for range in [0..all, 0..u64::MAX, 3 * 4096 + 100..40 * 4096 + 8, 9 * 4096..9 * 4096, all..all + 4096] {
        check_scan(mem, memory, range);
    }
}

/// A scan shows every page that is there, once, in order, and of the first and the last what is asked for.
fn check_scan(mem: &dyn PhysMem, memory: &Memory, range: std::ops::Range<u64>) {
    let mut found = Vec::new();
    mem.each_present(PhysAddr(range.start)..PhysAddr(range.end), &mut |at, bytes| {
        assert!(!bytes.is_empty());
        found.extend(bytes.iter().zip(at.0..).map(|(byte, at)| (at, *byte)));
    });
    let mut wanted = Vec::new();
    for (page, start) in memory.pages.iter().zip((0..).step_by(4096)) {
        if let Page::Data(data) = page {
            wanted.extend(
                data.iter().zip(start..).map(|(b, at)| (at, *b)).filter(|(at, _)| range.contains(at)),
            );
        }
    }
    assert!(found == wanted, "{range:x?}");
}

fn check_present(mem: &dyn PhysMem, memory: &Memory) {
    let (mut at, mut found) = (PhysAddr(0), Vec::new());
    while let Some(run) = mem.present(at) {
        assert!(run.start >= at && run.end > run.start);
        found.extend(run.start.0 / 4096..run.end.0 / 4096);
        at = run.end;
    }
    let there = memory.pages.iter().enumerate().filter(|(_, p)| matches!(p, Page::Data(_)));
    assert_eq!(found, there.map(|(pfn, _)| pfn as u64).collect::<Vec<_>>());
}

/// Large reads give what small ones give, and fail at the same address.
fn check_bulk(mem: &dyn PhysMem, memory: &Memory) {
    for start in (0..memory.pages.len()).step_by(11) {
        let mut buf = vec![0; 20 * 4096 + 100];
        let got = mem.read(PhysAddr(start as u64 * 4096), &mut buf);
        let pages = (start..start + 21).map(|pfn| memory.pages.get(pfn));
        match pages.clone().position(|p| !matches!(p, Some(Page::Data(_)))) {
            Some(bad) => assert_eq!(got.unwrap_err().at, (start + bad) as u64 * 4096),
            None => {
                got.unwrap();
                let data: Vec<&[u8]> = pages
                    .flatten()
                    .filter_map(|p| if let Page::Data(d) = p { Some(&d[..]) } else { None })
                    .collect();
                assert!(data.concat().starts_with(&buf));
            }
        }
    }
}

/// After damage, a read gives the right bytes or an error.
pub fn never_wrong(source: &Source, memory: &Memory) {
    let Some(mem) = source.physical.as_deref() else {
        return;
    };
    let mut buf = vec![0; 4096];
    for (pfn, page) in memory.pages.iter().enumerate() {
        if mem.read(PhysAddr(pfn as u64 * 4096), &mut buf).is_ok() {
            assert!(matches!(page, Page::Data(d) if *d == buf), "page {pfn} came out wrong");
        }
    }
    mem.each_present(PhysAddr(0)..PhysAddr(u64::MAX), &mut |at, bytes| {
        for (at, bytes) in (at.0..).step_by(4096).zip(bytes.chunks(4096)) {
            let page = memory.pages.get(at as usize / 4096);
            assert!(
                matches!(page, Some(Page::Data(d)) if d.starts_with(bytes)),
                "{at:#x} came out wrong in a scan"
            );
        }
    });
    let _ = (mem.ram().total(), mem.present(PhysAddr(0)));
}
