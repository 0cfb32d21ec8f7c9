//! Which functions were handed a buffer of a frame, and which of them writes through it.

use necropsy_arch::{Access, Flow, Insn, Op, Operand};
use necropsy_base::{Near, VirtAddr};
use necropsy_target::Target;
use necropsy_target::unwind::{self, Frame, is_indirect_thunk};

use super::canary::frame_operand;
use crate::{blame, code};

/// A call that passes an address inside of the frame.
pub struct Handed {
    /// The function called.
    pub callee: Near,
    /// Where the call stands.
    pub call: VirtAddr,
    /// Which argument, from 0.
    pub argument: usize,
    /// The address.
    pub address: u64,
    /// Whether the function stores through that argument.
    pub writes: bool,
    /// An instruction of it that does: one in a loop, if there is one.
    pub store: Option<VirtAddr>,
    /// Whether it does so in a loop.
    pub loops: bool,
    /// Whether it only does what it is told.
    pub servant: bool,
    /// Whether no other function writes there.
    pub alone: bool,
}

/// Every call of the function that passes an address inside of its frame, below the canary.
pub fn handed(t: &Target, smashed: &Frame, insns: &[Insn], slot: Option<u64>) -> Vec<Handed> {
    let Some(cfa) = unwind::frame_address(t, smashed) else { return Vec::new() };
    let slot = slot.unwrap_or(cfa);
    let inside = |a: u64| a < slot && slot - a <= 1 << 14;
    let mut held = [None::<u64>; 64];
    let mut found = Vec::new();
    for insn in insns {
        if let Flow::Call(Some(target)) = insn.flow {
            for (argument, reg) in t.arch().argument_registers().iter().enumerate() {
                let Some(address) = held[*reg].filter(|a| inside(*a)) else { continue };
                let Some(callee) =
                    t.near(target).filter(|n| n.start == target && !is_indirect_thunk(&n.name))
                else {
                    continue;
                };
                found.push(describe(t, callee, insn.at, argument, address));
            }
        }
        found.extend(copied_here(smashed, insn, &held).filter(|h| inside(h.address)));
        follow(t, smashed, cfa, insn, &mut held);
    }
    // Instrumentation (`__fentry__`, KASAN's checks) and the check itself write nothing.
    found.retain(|h| !h.callee.name.starts_with("__asan_") && h.callee.name != "__stack_chk_fail");
    let writers: Vec<VirtAddr> = found.iter().filter(|h| h.writes).map(|h| h.callee.start).collect();
    for h in &mut found {
        h.alone = writers.iter().all(|w| *w == h.callee.start);
    }
    found
}

/// An instruction of the function itself that writes to a place in the frame that depends on data: a string instruction, or
/// a store with an index. That is how a copy looks that the compiler put in line.
fn copied_here(smashed: &Frame, insn: &Insn, held: &[Option<u64>; 64]) -> Option<Handed> {
    let m = insn.mem.filter(|m| matches!(m.access, Access::Write | Access::ReadWrite))?;
    if !insn.string && m.index.is_none() {
        return None;
    }
    let address = held[m.base? & 63]?;
    let callee = smashed.function.clone()?;
    Some(Handed {
        callee,
        call: insn.at,
        argument: 0,
        address,
        writes: true,
        store: Some(insn.at),
        loops: true,
        servant: true,
        alone: true,
    })
}

/// Keeps track of the registers that hold addresses inside of the frame.
fn follow(t: &Target, smashed: &Frame, cfa: u64, insn: &Insn, held: &mut [Option<u64>; 64]) {
    let frame_register = |r: usize| unwind::register_at(t, cfa, insn.at, r);
    let new = match insn.op {
        Op::Move { dst, src: Operand::Reg(src) } => {
            let value = if src == t.arch().sp() || src == t.arch().fp() {
                frame_register(src)
            } else {
                held[src & 63]
            };
            Some((dst, value.or(held[src & 63])))
        }
        Op::Address { dst } => Some((dst, frame_operand(t, smashed, insn).or_else(|| relative(insn, held)))),
        Op::Add { dst, by } => Some((dst, held[dst & 63].map(|a| a.wrapping_add(by)))),
        Op::And { dst, mask } => Some((dst, held[dst & 63].map(|a| a & mask))),
        _ => None,
    };
    let preserved = t.arch().preserved_registers();
    for (r, value) in held.iter_mut().enumerate() {
        let lost = insn.changes(r) || matches!(insn.flow, Flow::Call(_)) && preserved >> r & 1 == 0;
        if lost {
            *value = None;
        }
    }
    if let Some((dst, value)) = new {
        held[dst & 63] = value;
    }
}

fn relative(insn: &Insn, held: &[Option<u64>; 64]) -> Option<u64> {
    let m = insn.mem.filter(|m| m.index.is_none())?;
    Some(held[m.base? & 63]?.wrapping_add(m.disp))
}

fn describe(t: &Target, callee: Near, call: VirtAddr, argument: usize, address: u64) -> Handed {
    let servant = blame::is_servant(&callee.name);
    let Stores { writes, store, loops } = if servant {
        Stores { writes: writes_by_name(&callee.name, argument), store: None, loops: true }
    } else {
        stores_through(t, &callee, argument)
    };
    Handed { callee, call, argument, address, writes, store, loops, servant, alone: false }
}

/// Copy functions write to their first argument (`sprintf` and its kin too), `copy_to_user` to none of the kernel's.
fn writes_by_name(name: &str, argument: usize) -> bool {
    let reads =
        name.contains("to_user") || name.contains("cmp") || name.contains("len") || name.contains("chr");
    argument == 0 && !reads || name.contains("scanf") && argument >= 2
}

/// How a function writes through an argument.
#[derive(Default)]
struct Stores {
    writes: bool,
    store: Option<VirtAddr>,
    loops: bool,
}

/// Whether a function stores through one of its arguments, or hands it to one that does; and whether in a loop.
fn stores_through(t: &Target, callee: &Near, argument: usize) -> Stores {
    let Some(start) = t.arch().argument_registers().get(argument) else { return Stores::default() };
    let insns = code::function(t, callee);
    let mut alias = 1u64 << start;
    let (mut writes, mut loops) = (Vec::new(), Vec::new());
    for insn in &insns {
        let through = insn.mem.is_some_and(|m| {
            let of = |r: Option<usize>| r.is_some_and(|r| alias >> r & 1 == 1);
            matches!(m.access, Access::Write | Access::ReadWrite) && (of(m.base) || of(m.index))
        });
        if through {
            writes.push(insn.at);
        }
        match insn.flow {
            Flow::Branch(to) | Flow::Jump(Some(to)) if to <= insn.at && to >= callee.start => {
                loops.push(to..insn.at)
            }
            Flow::Call(Some(target)) | Flow::Jump(Some(target)) if passes_on(t, alias, target) => {
                writes.push(insn.at);
            }
            _ => {}
        }
        let keeps = match insn.op {
            Op::Move { dst, src: Operand::Reg(src) } if alias >> src & 1 == 1 => Some(dst),
            Op::Address { dst }
                if insn
                    .mem
                    .is_some_and(|m| [m.base, m.index].iter().flatten().any(|r| alias >> r & 1 == 1)) =>
            {
                Some(dst)
            }
            Op::Add { dst, .. } if alias >> dst & 1 == 1 => Some(dst),
            _ => None,
        };
        if matches!(insn.flow, Flow::Call(_)) {
            alias &= t.arch().preserved_registers();
        }
        alias &= !insn.writes;
        if let Some(dst) = keeps {
            alias |= 1 << dst;
        }
    }
    let looping = writes.iter().find(|at| loops.iter().any(|l| l.contains(at)));
    let store = looping.or(writes.first()).copied();
    Stores { writes: store.is_some(), store, loops: !loops.is_empty() }
}

/// Whether the pointer goes on to a copy function that writes to it.
fn passes_on(t: &Target, alias: u64, target: VirtAddr) -> bool {
    let Some(callee) = t.near(target).filter(|n| n.start == target && blame::is_servant(&n.name)) else {
        return false;
    };
    let arguments = t.arch().argument_registers().iter().enumerate();
    arguments.filter(|(_, r)| alias >> **r & 1 == 1).any(|(i, _)| writes_by_name(&callee.name, i))
}

/// Where the buffer begins that the writer was given.
pub fn buffer(handed: &[Handed], writer: &Handed) -> u64 {
    let same = handed.iter().filter(|h| h.callee.start == writer.callee.start && h.writes);
    same.map(|h| h.address).min().unwrap_or(writer.address)
}

/// The one that most likely wrote past the end: it writes through the argument, rather in a loop, and its buffer is the
/// nearest below the canary.
pub fn writer(handed: &[Handed], slot: Option<u64>) -> Option<&Handed> {
    let near = |h: &Handed| slot.map_or(0, |s| s.wrapping_sub(h.address));
    handed.iter().filter(|h| h.writes).min_by_key(|h| (!h.loops, near(h)))
}
