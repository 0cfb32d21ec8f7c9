//! Writes ORC tables in all four layouts.

use necropsy_base::{Abi, VirtAddr};

use super::out::Out;

/// An entry in words; registers and kinds by the names the kernel's header gives them.
#[derive(Clone, Copy, Debug)]
pub struct OrcSpec {
    /// Base of the stack pointer: `UNDEFINED`, `SP`, `BP`, `PREV_SP`, `SP_INDIRECT` …
    pub sp: &'static str,
    /// Its offset.
    pub sp_offset: i16,
    /// Base of the frame pointer.
    pub bp: &'static str,
    /// Its offset.
    pub bp_offset: i16,
    /// `UNDEFINED`, `END`, `CALL`, `REGS`, `REGS_PARTIAL`.
    pub kind: &'static str,
    /// Whether the frame was interrupted; not written in layout 1.
    pub signal: bool,
}

const OLD: [&str; 10] =
    ["UNDEFINED", "PREV_SP", "DX", "DI", "BP", "SP", "R10", "R13", "BP_INDIRECT", "SP_INDIRECT"];
const NEW: [&str; 11] =
    ["UNDEFINED", "AX", "DX", "SP", "BP", "DI", "R10", "R13", "PREV_SP", "SP_INDIRECT", "BP_INDIRECT"];

fn register(layout: u8, name: &str) -> u16 {
    let names: &[&str] = if layout == 4 { &NEW } else { &OLD };
    names.iter().position(|n| *n == name).unwrap_or_else(|| panic!("layout {layout} has no {name}")) as u16
}

fn flags(layout: u8, e: &OrcSpec) -> u16 {
    let end = u16::from(e.kind == "END");
    let signal = u16::from(e.signal);
    let old = ["CALL", "REGS", "REGS_PARTIAL"].iter().position(|k| *k == e.kind).unwrap_or(0) as u16;
    let kinds = ["UNDEFINED", "END", "CALL", "REGS", "REGS_PARTIAL"];
    let new = kinds.iter().position(|k| *k == e.kind).unwrap_or(0) as u16;
    let upper = match layout {
        1 => (old << 8) | (end << 10),
        2 => (old << 8) | (signal << 10) | (end << 11),
        _ => (new << 8) | (signal << 11),
    };
    register(layout, e.sp) | (register(layout, e.bp) << 4) | upper
}

/// The two tables, for places at `ip`: distances of the pcs from their own places, and entries.
pub fn orc_bytes(abi: Abi, layout: u8, ip: VirtAddr, entries: &[(u64, OrcSpec)]) -> (Vec<u8>, Vec<u8>) {
    let (mut places, mut table) = (Out::new(abi), Out::new(abi));
    for (pc, entry) in entries {
        let here = ip.0 + places.len() as u64;
        places.u32(pc.wrapping_sub(here) as u32);
        table.u16(entry.sp_offset as u16).u16(entry.bp_offset as u16).u16(flags(layout, entry));
    }
    (places.bytes, table.bytes)
}
