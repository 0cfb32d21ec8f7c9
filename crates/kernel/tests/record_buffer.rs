//! The log of kernels up to 5.9, laid out by hand: records behind each other in one buffer (3.5 and later), characters in a ring
//! before.
#![allow(clippy::unwrap_used)]

use std::sync::Arc;

use necropsy_arch::x86_64::X86_64;
use necropsy_base::{Abi, VirtAddr};
use necropsy_debuginfo::Btf;
use necropsy_kernel::{Target, printk};
use necropsy_synth::memory::SparseMemory;
use necropsy_synth::names::BtfBuilder;
use necropsy_target::VmcoreInfo;

const VARS: u64 = 0xffff_ffff_8200_0000;
const BUFFER: u64 = 0xffff_ffff_8300_0000;
const SIZE: u64 = 256;
const INFO: &str = "SYMBOL(log_buf)=ffffffff82000000\nSYMBOL(log_buf_len)=ffffffff82000008\n\
    SYMBOL(log_first_idx)=ffffffff82000010\nSYMBOL(log_next_idx)=ffffffff82000018\nSIZE(printk_log)=16\n\
    OFFSET(printk_log.ts_nsec)=0\nOFFSET(printk_log.len)=8\nOFFSET(printk_log.text_len)=10\n\
    OFFSET(printk_log.dict_len)=12\n";

/// `struct printk_log` and what follows it, padded to a multiple of 4.
fn record(m: &mut SparseMemory, abi: Abi, at: u64, ns: u64, level: u8, text: &[u8], dict: &[u8]) -> u64 {
    let len = (16 + text.len() + dict.len()).next_multiple_of(4) as u64;
    let here = VirtAddr(BUFFER + at);
    m.put_uint(here, ns, 8);
    for (offset, number) in [(8, len), (10, text.len() as u64), (12, dict.len() as u64)] {
        m.put_uint(here.offset(offset), number, 2);
    }
    // `u8 facility; u8 flags:5, level:3`: the level stands in the upper bits on little-endian machines.
    let packed = if abi == Abi::BE64 { level } else { level << 5 };
    m.put(here.offset(14), &[3, packed]);
    m.put(here.offset(16), text).put(here.offset(16 + text.len() as u64), dict);
    at + len
}

fn target(abi: Abi, first: u64, next: u64, fill: impl FnOnce(&mut SparseMemory)) -> Target {
    target_told(INFO, abi, first, next, fill)
}

/// The same for another VMCOREINFO.
fn target_told(info: &str, abi: Abi, first: u64, next: u64, fill: impl FnOnce(&mut SparseMemory)) -> Target {
    let mut m = SparseMemory::new(abi);
    m.put(VirtAddr(BUFFER), &[0; SIZE as usize]);
    m.put_uint(VirtAddr(VARS), BUFFER, usize::from(abi.word));
    for (offset, number) in [(8, SIZE), (16, first), (24, next)] {
        m.put_uint(VirtAddr(VARS + offset), number, 4);
    }
    fill(&mut m);
    let types = Btf::parse(BtfBuilder::new(abi).build(), abi, None).unwrap();
    Target::from_parts(&X86_64, Arc::new(m), Arc::new(types))
        .with_vmcoreinfo(VmcoreInfo::from_text(info.as_bytes()))
}

#[test]
fn records_are_read_around_the_end_of_the_buffer() {
    for abi in [Abi::LE64, Abi::BE64] {
        let t = target(abi, 160, 28, |m| {
            let at = record(m, abi, 160, 1_500_000_000, 6, b"first", b"SUBSYSTEM=pci\0DEVICE=+pci:0000");
            let at = record(m, abi, at, 2_000_000_000, 3, b"second", b"");
            assert!(at < SIZE, "what follows is a length of 0: go on at the start");
            record(m, abi, 0, 3_000_000_000, 2, b"third, at 0", b"");
        });
        let log = printk::log(&t).unwrap();
        let texts: Vec<_> =
            log.records.iter().map(|r| String::from_utf8_lossy(&r.text).into_owned()).collect();
        assert_eq!(texts, ["first", "second", "third, at 0"], "{abi:?}");
        assert_eq!(
            (log.records[0].level, log.records[0].facility, log.records[0].nanoseconds),
            (6, 3, 1_500_000_000)
        );
        let dictionary = [("SUBSYSTEM", b"pci".to_vec()), ("DEVICE", b"+pci:0000".to_vec())];
        assert_eq!(log.records[0].dictionary, dictionary);
    }
}

#[test]
fn a_buffer_of_zeros_or_of_garbage_ends() {
    let empty = target(Abi::LE64, 16, 99, |_| ());
    assert_eq!(printk::log(&empty).unwrap().records, []);
    let wild = target(Abi::LE64, 0, 7, |m| drop(m.put(VirtAddr(BUFFER), &[0xff; SIZE as usize]).clone()));
    assert!(printk::log(&wild).unwrap().records.len() <= 1);
    let loops = target(Abi::LE64, 0, 5, |m| {
        record(m, Abi::LE64, 0, 1, 1, b"again", b"");
    });
    assert!(printk::log(&loops).unwrap().records.len() <= 2);
}

/// 3.5 to 3.10, and enterprise kernels of that age: the struct was called `log`.
#[test]
fn records_under_their_older_name() {
    let info = INFO.replace("printk_log", "log");
    let t = target_told(&info, Abi::LE64, 0, 24, |m| {
        record(m, Abi::LE64, 0, 7_000, 1, b"old name", b"");
    });
    let log = printk::log(&t).unwrap();
    assert_eq!(log.records.len(), 1);
    assert_eq!((log.records[0].text.as_slice(), log.records[0].level), (&b"old name"[..], 1));
}

const RING: &str = "SYMBOL(log_buf)=ffffffff82000000\nSYMBOL(log_buf_len)=ffffffff82000008\n\
    SYMBOL(log_end)=ffffffff82000010\nSYMBOL(logged_chars)=ffffffff82000018\n";

/// `log_end` counts on over the end of the ring.
fn ring(text: &[u8], before: u64, logged: u64) -> Target {
    let end = before + text.len() as u64;
    target_told(RING, Abi::LE64, end, logged, |m| {
        for (at, byte) in (before..).zip(text) {
            m.put(VirtAddr(BUFFER + at % SIZE), &[*byte]);
        }
    })
}

#[test]
fn a_ring_of_characters() {
    let text = b"<6>[    0.000000] Linux version 2.6.32\n<0>[   12.345678] Kernel panic\nwithout a prefix\n<30>daemon";
    // Begun anew after one turn: the text goes over the end of the ring.
    for before in [0, 3 * SIZE - 40] {
        let log = printk::log(&ring(text, before, text.len() as u64)).unwrap();
        let lines: Vec<_> =
            log.records.iter().map(|r| (r.nanoseconds, r.level, r.facility, r.text.as_slice())).collect();
        let expected: [(u64, u8, u8, &[u8]); 4] = [
            (0, 6, 0, b"Linux version 2.6.32"),
            (12_345_678_000, 0, 0, b"Kernel panic"),
            (0, 4, 0, b"without a prefix"),
            (0, 6, 3, b"daemon"),
        ];
        assert_eq!(lines, expected);
    }
    // Cleared, or with wild numbers, it is short but ends.
    assert_eq!(printk::log(&ring(text, 0, 0)).unwrap().records, []);
    assert!(printk::log(&ring(text, 1 << 31, 1 << 31)).unwrap().records.len() <= 5);
}
