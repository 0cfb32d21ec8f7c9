//! Jumps and calls in the kernel's own code that lead into a module.
//!
//! The linker cannot have made them: modules come later. What the kernel itself puts there is known by its tables (static calls) or goes
//! to code that belongs to no module (ftrace and BPF trampolines, kprobe slots). Found by looking for the bytes of a near jump or call
//! (x86-64: e8, e9, 0f 8x) whose target lies in a module, and then decoding the function from its start to see whether an instruction begins
//! there; at the entries of functions also jumps through registers and memory.

use std::ops::Range;

use necropsy_arch::{Flow, Insn, Op, Operand};
use necropsy_base::{MemoryExt, Near, VirtAddr};
use necropsy_target::Target;
use rayon::prelude::*;

use super::Stream;
use crate::patched::{Patch, Patches};

/// How much is read at once, and how much of the next piece with it.
const PIECE: u64 = 1 << 18;
const OVERLAP: u64 = 16;
/// Hooks listed; a kernel with more of them is not worth listing.
const MAX: usize = 64;
/// How many bytes of a function are its entry: landing pad, ftrace site, and a jump by a register.
const ENTRY: usize = 32;
/// How many instructions of an entry are looked at.
const ENTRY_INSNS: usize = 5;

/// A transfer into a module.
#[derive(Clone, Debug)]
pub struct Hook {
    /// The instruction.
    pub at: VirtAddr,
    /// The function it stands in.
    pub function: Near,
    /// Where it leads.
    pub target: VirtAddr,
    /// Whether it stands before anything that the function does.
    pub entry: bool,
    /// Whether it comes back.
    pub call: bool,
}

/// What the kernel's code leads to that it should not.
#[derive(Clone, Debug, Default)]
pub struct Hooks {
    /// The transfers.
    pub found: Vec<Hook>,
    /// Bytes of code that were looked at.
    pub bytes: u64,
    /// Bytes of code that the dump has not.
    pub missing: u64,
}

/// Looks through all of the kernel's code for transfers into `foreign` code.
pub fn hooks(t: &Target, foreign: &[Range<u64>], patches: &Patches) -> Hooks {
    let mut all = Hooks::default();
    if foreign.is_empty() {
        return all;
    }
    let Some(text) = t.symbol("_stext").zip(t.symbol("_etext")) else { return all };
    let starts: Vec<u64> = (text.0.0..text.1.0).step_by(PIECE as usize).collect();
    let pieces: Vec<Hooks> =
        starts.par_iter().map(|start| piece(t, *start, text.1.0, foreign, patches)).collect();
    for piece in pieces {
        all.found.extend(piece.found);
        (all.bytes, all.missing) = (all.bytes + piece.bytes, all.missing + piece.missing);
    }
    all.found.truncate(MAX);
    all
}

fn piece(t: &Target, start: u64, end: u64, foreign: &[Range<u64>], patches: &Patches) -> Hooks {
    let mut found = Hooks::default();
    if t.budget().step().is_err() {
        return found;
    }
    let size = PIECE.min(end - start);
    let mut code = vec![0; (size + OVERLAP.min(end - start - size)) as usize];
    found.missing = t.page_size() * read_pages(t, start, &mut code);
    found.bytes = size - found.missing.min(size);
    let near = near_transfers(&code, size as usize, start, foreign);
    let candidates = near.filter_map(|(at, target)| hook(t, at, target, patches));
    found.found.extend(candidates.take(MAX));
    let taken: Vec<u64> = found.found.iter().map(|h| h.function.start.0).collect();
    let entries = starts(t, start..start + size).into_iter().filter(|at| !taken.contains(at));
    let indirect = entries.filter_map(|at| entry(t, at, code.get((at - start) as usize..)?, foreign));
    found.found.extend(indirect.take(MAX));
    found
}

/// Reads what is there; the number of pages that are not.
fn read_pages(t: &Target, start: u64, code: &mut [u8]) -> u64 {
    if t.memory().read(VirtAddr(start), code).is_ok() {
        return 0;
    }
    let page = t.page_size() as usize;
    let parts = code.chunks_mut(page).zip((start..).step_by(page));
    parts.filter_map(|(part, at)| t.memory().read(VirtAddr(at), part).err()).count() as u64
}

/// Places whose bytes can be read as a near jump or call into foreign code, and where that leads.
fn near_transfers<'a>(
    code: &'a [u8],
    size: usize,
    start: u64,
    foreign: &'a [Range<u64>],
) -> impl Iterator<Item = (VirtAddr, VirtAddr)> + 'a {
    let to = move |i: usize, opcode: usize| {
        let field = code.get(i + opcode..i + opcode + 4)?;
        let distance = i32::from_le_bytes([field[0], field[1], field[2], field[3]]);
        let next = start + (i + opcode + 4) as u64;
        Some(next.wrapping_add(i64::from(distance) as u64))
    };
    let inside = |at: &u64| foreign.iter().any(|r| r.contains(at));
    memchr::memchr3_iter(0xe8, 0xe9, 0x0f, code).filter(move |i| *i < size).filter_map(move |i| {
        let opcode = match code[i] {
            0x0f if code.get(i + 1).is_some_and(|b| b & 0xf0 == 0x80) => 2,
            0x0f => return None,
            _ => 1,
        };
        Some((VirtAddr(start + i as u64), VirtAddr(to(i, opcode).filter(inside)?)))
    })
}

/// The transfer at `at`, if an instruction begins there and the kernel did not put it there itself.
fn hook(t: &Target, at: VirtAddr, target: VirtAddr, patches: &Patches) -> Option<Hook> {
    if matches!(patches.at(at), Some(Patch::Call(_) | Patch::Probe(_))) {
        return None;
    }
    let function = t.near(at)?;
    // Trampolines of static calls: a jump that the kernel points where it wants. The same for the dispatchers of BPF.
    if ["__SCT__", "bpf_dispatcher_", "__bpf_dispatcher"].iter().any(|p| function.name.starts_with(p)) {
        return None;
    }
    let stream = Stream::of(t, &function)?;
    let insn = stream.insns.iter().find(|i| i.at == at)?;
    let call = match insn.flow {
        Flow::Call(Some(to)) if to == target => true,
        Flow::Jump(Some(to)) | Flow::Branch(to) if to == target => false,
        _ => return None,
    };
    let before = stream.insns.iter().take_while(|i| i.at < at);
    let entry = before.clone().count() <= 2 && before.into_iter().all(does_nothing);
    Some(Hook { at, function, target, entry, call })
}

/// Whether an instruction changes nothing: landing pads and no-ops.
fn does_nothing(insn: &Insn) -> bool {
    insn.flow == Flow::Next && insn.writes == 0 && matches!(insn.op, Op::Other)
}

/// Where functions begin in a range, by the symbol table.
fn starts(t: &Target, range: Range<u64>) -> Vec<u64> {
    let Some(table) = t.kallsyms() else { return Vec::new() };
    let first = table.at(range.start).unwrap_or(0);
    let addresses = (first..table.len()).map_while(|i| table.address(i).filter(|a| *a < range.end));
    let mut starts: Vec<u64> = addresses.filter(|a| range.contains(a)).collect();
    starts.dedup();
    starts
}

/// A jump at the entry of a function through a register that was loaded with an address of foreign code, or through memory that has one.
fn entry(t: &Target, at: u64, code: &[u8], foreign: &[Range<u64>]) -> Option<Hook> {
    let code = &code[..code.len().min(ENTRY)];
    // A 64-bit constant (REX.W b8+r) or a jump through memory (ff /4): all others need no decoding.
    let constant = |w: &[u8]| w[0] & 0xf8 == 0x48 && w[1] & 0xf8 == 0xb8;
    if !code.windows(2).take(12).any(|w| constant(w) || w[0] == 0xff && w[1] & 0x38 == 0x20) {
        return None;
    }
    let inside = |to: &u64| foreign.iter().any(|r| r.contains(to));
    let (mut held, mut place, mut offset) = (None, None, 0);
    for _ in 0..ENTRY_INSNS {
        let insn = t.arch().disassemble(code.get(offset..)?, VirtAddr(at + offset as u64))?;
        offset += usize::from(insn.len);
        let leads = match (insn.flow, insn.op) {
            (Flow::Jump(None), _) if insn.mem.is_some_and(|m| m.base.is_none() && m.index.is_none()) => {
                insn.mem.and_then(|m| t.memory().word(VirtAddr(m.disp)).ok())
            }
            (Flow::Jump(None) | Flow::Return, _) => held,
            (Flow::Next, Op::Move { src: Operand::Imm(n), .. }) => {
                held = Some(n);
                place = Some(insn.at);
                None
            }
            (Flow::Next, _) => None,
            _ => return None,
        };
        if let Some(target) = leads.filter(inside) {
            let (at, function) = (place.unwrap_or(insn.at), t.near(VirtAddr(at))?);
            return Some(Hook { at, function, target: VirtAddr(target), entry: true, call: false });
        }
        if insn.flow != Flow::Next {
            return None;
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn near_transfers_into_foreign_code() {
        // jmp, je and call; the first two lead into the range.
        let mut code = vec![0x90; 32];
        code[3..8].copy_from_slice(&[0xe9, 0xf8, 0x0f, 0, 0]);
        code[10..16].copy_from_slice(&[0x0f, 0x84, 0x10, 0x10, 0, 0]);
        code[20..25].copy_from_slice(&[0xe8, 0, 0, 0, 0]);
        let foreign = 0x2000..0x3000;
        let ranges = std::slice::from_ref(&foreign);
        let found: Vec<_> = near_transfers(&code, 32, 0x1000, ranges).collect();
        assert_eq!(found, [(VirtAddr(0x1003), VirtAddr(0x2000)), (VirtAddr(0x100a), VirtAddr(0x2020))]);
        assert_eq!(near_transfers(&code, 4, 0x1000, ranges).count(), 1);
    }
}
