//! The dumps of real kernels, where the corpus is at hand.
#![allow(clippy::unwrap_used, clippy::print_stdout)]

use std::path::{Path, PathBuf};
use std::time::Instant;

use necropsy_base::{PhysAddr, PhysMem};
use necropsy_dump::{CpuNoteKind, Machine, open, scan_vmcoreinfo};

/// `NECROPSY_CORPUS`, or the corpus beside the workspace; nothing if there is none.
fn vmcores() -> Vec<PathBuf> {
    let beside = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/corpus");
    let root = std::env::var_os("NECROPSY_CORPUS").map_or(beside, PathBuf::from);
    let list = |dir: &Path| std::fs::read_dir(dir).into_iter().flatten().flatten().map(|e| e.path());
    let mut found: Vec<PathBuf> = list(&root).flat_map(|kernel| list(&kernel).collect::<Vec<_>>()).collect();
    found.iter_mut().for_each(|dir| dir.push("vmcore"));
    found.retain(|file| file.exists());
    found.sort();
    if found.is_empty() {
        println!("skipped: corpus (no vmcore under {})", root.display());
    }
    found
}

/// Reads all pages that are there, `step` bytes at a time; gives their number.
fn read_all(mem: &dyn PhysMem, step: u64) -> u64 {
    let (mut at, mut pages) = (PhysAddr(0), 0);
    let mut buf = vec![0; step as usize];
    while let Some(run) = mem.present(at) {
        let mut here = run.start;
        while here < run.end {
            let n = step.min(run.end.0 - here.0);
            mem.read(here, &mut buf[..n as usize]).unwrap();
            here = here.offset(n);
        }
        pages += (run.end.0 - run.start.0) / 4096;
        at = run.end;
    }
    pages
}

#[test]
fn every_dump_opens_and_every_page_reads() {
    for file in vmcores() {
        let start = Instant::now();
        let source = open(std::slice::from_ref(&file)).unwrap();
        let opened = start.elapsed();
        let meta = &source.meta;
        let info = meta.vmcoreinfo.as_ref().unwrap();
        assert!(info.symbol("init_uts_ns").is_some() && !info.truncated(), "{}", file.display());
        assert_eq!(info.osrelease(), meta.uts.as_ref().map(|u| u.release.as_str()));
        assert_eq!(meta.phys_base, info.number("phys_base"));
        assert_eq!(meta.cpus.iter().filter(|c| c.kind == CpuNoteKind::Prstatus).count(), 2);
        assert_eq!((meta.machine, meta.page_size, meta.complete), (Some(Machine::X86_64), 4096, true));
        assert_eq!(meta.notes, [""; 0]);
        let mem = source.physical.unwrap();
        let start = Instant::now();
        let pages = read_all(mem.as_ref(), 4096);
        let single = start.elapsed();
        let start = Instant::now();
        assert_eq!(read_all(mem.as_ref(), 4 << 20), pages);
        println!(
            "{}: {}, open {opened:?}, {pages} pages: one by one {single:?}, in bulk {:?}; {} ranges of RAM, {} MiB",
            file.display(),
            meta.format,
            start.elapsed(),
            mem.ram().len(),
            mem.ram().total() >> 20,
        );
    }
}

/// What analysing a crash costs here: 2,500 pages, far from each other.
#[test]
fn scattered_pages_and_the_scan_for_vmcoreinfo() {
    for file in vmcores() {
        let source = open(std::slice::from_ref(&file)).unwrap();
        let mem = source.physical.unwrap();
        let runs = std::iter::successors(mem.present(PhysAddr(0)), |r| mem.present(r.end));
        let pages: Vec<u64> = runs.flat_map(|r| (r.start.0..r.end.0).step_by(4096)).collect();
        let start = Instant::now();
        for i in 0..2500 {
            mem.read(PhysAddr(pages[i * 7919 % pages.len()]), &mut [0; 64]).unwrap();
        }
        let scattered = start.elapsed();
        let start = Instant::now();
        let found = scan_vmcoreinfo(mem.as_ref());
        println!("{}: 2500 pages {scattered:?}, scan {:?}", file.display(), start.elapsed());
        let known = source.meta.vmcoreinfo.unwrap();
        assert!(found.iter().any(|f| f.symbol("init_uts_ns") == known.symbol("init_uts_ns")));
    }
}
