//! Tables of function pointers that belong to the kernel alone: system calls, traps, and all that is read-only.
//!
//! System calls: `sys_call_table`, `ia32_sys_call_table`, `x32_sys_call_table`, `compat_sys_call_table` (arm64). Since 6.9 x86 makes the
//! calls by a switch in code (`x64_sys_call`); the table remains for tracing. Traps: `idt_table`, 256 `struct gate_struct` (x86).
//! Read-only data was made by the linker, long before any module was loaded: no pointer in it leads into one.

use std::ops::Range;

use necropsy_base::{MemoryExt, VirtAddr};
use necropsy_target::{Load, Target};
use rayon::prelude::*;

/// Names of the tables of system calls.
const SYSCALLS: &[&str] =
    &["sys_call_table", "ia32_sys_call_table", "x32_sys_call_table", "compat_sys_call_table"];
/// No table of system calls is longer.
const MAX_CALLS: u64 = 2048;
/// Vectors of x86.
const VECTORS: u64 = 256;
/// How much read-only data is read at once.
const PIECE: u64 = 1 << 18;
/// Pointers that are listed.
const MAX: usize = 64;

/// An entry that leads where it must not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Strange {
    /// The table, or the object that the pointer is in.
    pub table: String,
    /// Which entry; for other objects how many bytes from its start.
    pub index: u64,
    /// Where the pointer is.
    pub at: VirtAddr,
    /// Where it leads.
    pub target: VirtAddr,
}

/// Entries of the tables of system calls that are no function of the kernel.
pub fn strange_calls(t: &Target) -> Vec<Strange> {
    SYSCALLS
        .iter()
        .filter_map(|name| Some((*name, t.symbol(name)?)))
        .flat_map(|(n, at)| calls(t, n, at))
        .collect()
}

/// The entries of a table of system calls, up to the last that is one: behind it, up to the next symbol, stand zeroes, or what has no symbol.
pub fn system_calls(t: &Target, table: VirtAddr) -> Vec<VirtAddr> {
    let word = u64::from(t.abi().word);
    let count = t.near(table).and_then(|n| n.size).map_or(0, |size| size / word).min(MAX_CALLS);
    let Ok(bytes) = t.memory().bytes(table, (count * word) as usize) else { return Vec::new() };
    let entry = |raw: &[u8]| VirtAddr(t.abi().uint(raw));
    let mut entries: Vec<VirtAddr> = bytes.chunks_exact(word as usize).map(entry).collect();
    let end = entries.iter().rposition(|target| is_call(t, *target)).map_or(0, |i| i + 1);
    entries.truncate(end);
    entries
}

fn calls(t: &Target, name: &str, table: VirtAddr) -> Vec<Strange> {
    let word = u64::from(t.abi().word);
    let entries = system_calls(t, table).into_iter().enumerate();
    let strange = entries.filter(|(_, target)| !target.is_null() && !begins_function(t, *target));
    let entry = |(i, target): (usize, VirtAddr)| Strange {
        table: name.to_owned(),
        index: i as u64,
        at: table.offset(i as u64 * word),
        target,
    };
    strange.map(entry).collect()
}

/// Whether a function that serves a system call begins there: `__x64_sys_read`, `sys_ni_syscall`, `compat_sys_ioctl`.
fn is_call(t: &Target, at: VirtAddr) -> bool {
    begins_function(t, at) && t.near(at).is_some_and(|n| n.name.to_ascii_lowercase().contains("sys_"))
}

/// Whether a function of the kernel itself begins there.
fn begins_function(t: &Target, at: VirtAddr) -> bool {
    t.kernel_text().iter().any(|r| r.contains(&at.0)) && t.near(at).is_some_and(|n| n.start == at)
}

#[derive(Load)]
#[kernel(name = "gate_struct")]
struct Gate {
    offset_low: u16,
    offset_middle: u16,
    offset_high: u32,
}

/// Gates of the interrupt table that do not lead into the kernel's code.
pub fn strange_gates(t: &Target) -> Vec<Strange> {
    let (Some(table), Ok(size)) = (t.symbol("idt_table"), t.size_of("gate_struct")) else {
        return Vec::new();
    };
    let gate = |vector: u64| {
        let at = table.offset(vector * size);
        let g: Gate = t.load(at).ok()?;
        let target =
            u64::from(g.offset_low) | u64::from(g.offset_middle) << 16 | u64::from(g.offset_high) << 32;
        let text = t.kernel_text().iter().any(|r| r.contains(&target));
        (target != 0 && !text).then(|| Strange {
            table: "idt_table".into(),
            index: vector,
            at,
            target: VirtAddr(target),
        })
    };
    (0..VECTORS).filter_map(gate).collect()
}

/// Pointers in the kernel's read-only data that lead into `foreign` code.
pub fn strange_pointers(t: &Target, foreign: &[Range<u64>]) -> Vec<Strange> {
    let bounds = t.symbol("__start_rodata").zip(t.symbol("__end_rodata"));
    let Some((start, end)) = bounds.filter(|(start, end)| start < end && !foreign.is_empty()) else {
        return Vec::new();
    };
    let starts: Vec<u64> = (start.0..end.0).step_by(PIECE as usize).collect();
    let mut all: Vec<Strange> =
        starts.par_iter().flat_map_iter(|at| in_piece(t, *at..end.0.min(at + PIECE), foreign)).collect();
    all.truncate(MAX);
    all
}

fn in_piece(t: &Target, piece: Range<u64>, foreign: &[Range<u64>]) -> Vec<Strange> {
    let (low, high) = (foreign.iter().map(|r| r.start).min(), foreign.iter().map(|r| r.end).max());
    let (Some(low), Some(high), Ok(())) = (low, high, t.budget().step()) else { return Vec::new() };
    let Ok(bytes) = t.memory().bytes(VirtAddr(piece.start), (piece.end - piece.start) as usize) else {
        return Vec::new();
    };
    let words = bytes.chunks_exact(8).map(|raw| t.abi().uint(raw)).zip((piece.start..).step_by(8));
    let leads = words.filter(|(to, _)| (low..high).contains(to) && foreign.iter().any(|r| r.contains(to)));
    leads.filter_map(|(to, at)| strange(t, VirtAddr(at), VirtAddr(to))).collect()
}

fn strange(t: &Target, at: VirtAddr, target: VirtAddr) -> Option<Strange> {
    let object = t.near(at)?;
    Some(Strange { index: at.0 - object.start.0, table: object.name, at, target })
}
