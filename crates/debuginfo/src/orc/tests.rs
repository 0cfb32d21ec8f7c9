use necropsy_base::{Abi, VirtAddr, Why};
use necropsy_synth::memory::SparseMemory;
use necropsy_synth::names::{OrcSpec, orc_bytes};

use super::*;

const TEXT: u64 = 0xffff_ffff_8100_0000;
const IP: VirtAddr = VirtAddr(0xffff_ffff_8200_0000);
const ENTRIES: VirtAddr = VirtAddr(0xffff_ffff_8300_0000);
const HASHES: [Option<[u8; 4]>; 4] =
    [None, Some([0xdb, 0x84, 0xae, 0xd4]), Some([0xfe, 0x5d, 0x32, 0xbf]), Some([0x13, 0x7c, 0x36, 0xad])];

const CALL: OrcSpec =
    OrcSpec { sp: "SP", sp_offset: 8, bp: "UNDEFINED", bp_offset: 0, kind: "CALL", signal: false };
const FRAME: OrcSpec = OrcSpec { sp: "BP", sp_offset: 16, bp: "PREV_SP", bp_offset: -16, ..CALL };
const REGS: OrcSpec = OrcSpec { kind: "REGS", signal: true, sp_offset: 0, ..CALL };
const IRET: OrcSpec = OrcSpec { kind: "REGS_PARTIAL", signal: true, sp_offset: -24, ..CALL };
const END: OrcSpec = OrcSpec { sp: "UNDEFINED", kind: "END", sp_offset: 0, ..CALL };
const NONE: OrcSpec = OrcSpec { sp: "UNDEFINED", kind: "UNDEFINED", sp_offset: 0, ..CALL };
const SWITCH: OrcSpec = OrcSpec { sp: "SP_INDIRECT", sp_offset: 8, ..CALL };

/// One of each, and enough calls around them that a sample shows what is ordinary.
fn entries() -> Vec<(u64, OrcSpec)> {
    let special = [FRAME, REGS, IRET, END, NONE, SWITCH];
    let all = (0..40).map(|i| special.get(i).copied().unwrap_or(CALL));
    all.enumerate().map(|(i, e)| (TEXT + 16 * i as u64, e)).collect()
}

fn memory(abi: Abi, layout: u8, entries: &[(u64, OrcSpec)]) -> SparseMemory {
    let (places, table) = orc_bytes(abi, layout, IP, entries);
    let mut mem = SparseMemory::new(abi);
    mem.put(IP, &places).put(ENTRIES, &table);
    mem
}

fn hash(prefix: [u8; 4]) -> [u8; 20] {
    let mut hash = [7; 20];
    hash[..4].copy_from_slice(&prefix);
    hash
}

fn layout(number: u8) -> OrcLayout {
    [OrcLayout::V1, OrcLayout::V2, OrcLayout::V3, OrcLayout::V4][usize::from(number) - 1]
}

#[test]
fn all_layouts_by_shape_and_by_hash() {
    for abi in [Abi::LE64, Abi::BE64] {
        for number in 1..=4 {
            let mem = memory(abi, number, &entries());
            for header in [None, HASHES[usize::from(number) - 1].map(hash)] {
                let (table, notes) = OrcTable::new(&mem, IP, ENTRIES, 40, header).unwrap();
                assert_eq!((table.layout(), notes.len()), (layout(number), 0), "{number} {header:?}");
                assert_eq!(table.range(&mem), Ok(VirtAddr(TEXT)..VirtAddr(TEXT + 16 * 39)));
            }
        }
    }
}

#[test]
fn entries_mean_the_same_in_all_layouts() {
    for number in 1..=4 {
        let mem = memory(Abi::LE64, number, &entries());
        let table = OrcTable::with_layout(IP, ENTRIES, 40, layout(number));
        let at = |i: u64| {
            let e = table.lookup(&mem, VirtAddr(TEXT + 16 * i + 7)).unwrap().unwrap();
            (e.sp, e.sp_offset, e.bp, e.bp_offset, e.kind, e.signal)
        };
        use {Base::*, OrcKind as K};
        assert_eq!(at(0), (Bp, 16, PrevSp, -16, K::Call, false));
        assert_eq!(at(1), (Sp, 0, Undefined, 0, K::Regs, true));
        assert_eq!(at(2), (Sp, -24, Undefined, 0, K::RegsPartial, true));
        assert_eq!(at(3), (Undefined, 0, Undefined, 0, K::End, false));
        assert_eq!(at(4), (Undefined, 0, Undefined, 0, K::Undefined, false));
        assert_eq!(at(5), (SpIndirect, 8, Undefined, 0, K::Call, false));
        assert_eq!(at(39), (Sp, 8, Undefined, 0, K::Call, false));
    }
}

#[test]
fn lookup_takes_the_last_entry_at_or_before() {
    let specs = [(TEXT, CALL), (TEXT + 4, FRAME), (TEXT + 4, REGS), (TEXT + 9, END)];
    let mem = memory(Abi::LE64, 3, &specs);
    let table = OrcTable::with_layout(IP, ENTRIES, 4, OrcLayout::V3);
    let kind = |pc| table.lookup(&mem, VirtAddr(pc)).unwrap().map(|e| e.kind);
    assert_eq!(kind(TEXT - 1), None);
    assert_eq!(kind(TEXT + 3), Some(OrcKind::Call));
    assert_eq!(kind(TEXT + 4), Some(OrcKind::Regs));
    assert_eq!(kind(TEXT + 8), Some(OrcKind::Regs));
    assert_eq!(kind(TEXT + 900), Some(OrcKind::End));
}

#[test]
fn contradictions_and_disorder_are_noted() {
    let mem = memory(Abi::LE64, 3, &entries());
    let (table, notes) = OrcTable::new(&mem, IP, ENTRIES, 40, HASHES[3].map(hash)).unwrap();
    assert_eq!((table.layout(), notes.len()), (OrcLayout::V4, 1), "{notes:?}");
    let (table, notes) = OrcTable::new(&mem, IP, ENTRIES, 40, Some([0; 20])).unwrap();
    assert_eq!((table.layout(), notes.len()), (OrcLayout::V3, 1), "{notes:?}");
    let backwards: Vec<_> = entries().into_iter().rev().collect();
    let mem = memory(Abi::LE64, 1, &backwards);
    let (_, notes) = OrcTable::new(&mem, IP, ENTRIES, 40, None).unwrap();
    assert!(notes.iter().any(|n| n.contains("not sorted")), "{notes:?}");
}

#[test]
fn a_mistaken_old_layout_still_finds_ends() {
    // 6.3 without a header and without an interrupted frame in the sample is taken for 6.2.
    let mem = memory(Abi::LE64, 2, &[(TEXT, CALL), (TEXT + 8, END)]);
    let table = OrcTable::with_layout(IP, ENTRIES, 2, OrcLayout::V1);
    assert_eq!(table.entry(&mem, 1).unwrap().kind, OrcKind::End);
}

#[test]
fn missing_tables_are_errors() {
    let mem = SparseMemory::new(Abi::LE64);
    let error = |count| OrcTable::new(&mem, IP, ENTRIES, count, None).err();
    assert_eq!(error(0), Some(OrcError::Count(0)));
    assert_eq!(error(1 << 30), Some(OrcError::Count(1 << 30)));
    assert!(matches!(error(5), Some(OrcError::Read(e)) if e.why == Why::NotMapped));
    let table =
        OrcTable::with_layout(IP, ENTRIES, 5, OrcLayout::V1).with_sp_indirect(SpIndirect::AddThenLoad);
    assert_eq!(table.sp_indirect(), SpIndirect::AddThenLoad);
    assert!(table.lookup(&mem, VirtAddr(TEXT)).is_err());
}

#[test]
fn every_entry_decodes() {
    for flags in 0..=u16::MAX {
        let [low, high] = flags.to_le_bytes();
        for number in 1..=4 {
            OrcEntry::decode([0, 0x80, 0xff, 0x7f, low, high], layout(number), Abi::LE64);
        }
    }
}
