//! A function's instructions, and whether they fit what the kernel knows about the function.
//!
//! The unwind table has an entry for each place where the stack changes, always between two instructions; jumps inside of the function
//! go to instructions, calls to functions. Compilers keep to that, damaged bytes do not: one that changes the length of an instruction
//! puts all that follow out of step for a while.

use std::collections::HashSet;

use necropsy_arch::{Flow, Insn, Op};
use necropsy_base::{Near, VirtAddr};
use necropsy_debuginfo::OrcTable;
use necropsy_debuginfo::orc::Base;
use necropsy_target::Target;

/// No function is longer.
const MAX_FUNCTION: u64 = 1 << 16;
/// How many bytes before and after a place one flipped bit is looked for.
const BEFORE: usize = 16;
const AFTER: usize = 16;

/// The instructions of a function.
pub struct Stream {
    /// The function.
    pub function: Near,
    /// Its bytes.
    pub code: Vec<u8>,
    /// Its instructions in order.
    pub insns: Vec<Insn>,
    /// Offsets of bytes that are no instruction.
    pub undecodable: Vec<usize>,
}

/// A bit that, flipped back, makes a function consistent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Repair {
    /// The byte.
    pub at: VirtAddr,
    /// Its bit.
    pub bit: u8,
    /// What stands there.
    pub found: u8,
    /// How many contradictions there are as it is.
    pub broken: usize,
}

/// A place where a function contradicts what is known about it, or itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Contradiction {
    /// Bytes from the function's start.
    pub offset: u64,
    /// What does not fit.
    pub text: String,
}

impl Stream {
    /// Decodes a function from its start.
    pub fn of(t: &Target, function: &Near) -> Option<Stream> {
        let size = function.size.unwrap_or(0).min(MAX_FUNCTION) as usize;
        let mut code = vec![0; size];
        t.memory().read(function.start, &mut code).ok()?;
        Some(Stream::decode(t, function.clone(), code))
    }

    fn decode(t: &Target, function: Near, code: Vec<u8>) -> Stream {
        let (mut insns, mut undecodable, mut at) = (Vec::new(), Vec::new(), 0);
        while at < code.len() {
            match t.arch().disassemble(&code[at..], function.start.offset(at as u64)) {
                Some(insn) => {
                    at += usize::from(insn.len.max(1));
                    insns.push(insn);
                }
                None => {
                    undecodable.push(at);
                    at += 1;
                }
            }
        }
        Stream { function, code, insns, undecodable }
    }

    /// Whether an instruction begins at `at`.
    pub fn begins(&self, at: VirtAddr) -> bool {
        self.insns.binary_search_by_key(&at, |i| i.at).is_ok()
    }

    /// Whether `at` is in the middle of an instruction.
    pub fn is_inside(&self, at: VirtAddr) -> bool {
        let after = self.insns.partition_point(|i| i.at <= at);
        after.checked_sub(1).is_some_and(|i| self.insns[i].at != at && at < self.insns[i].next())
    }

    /// Places where the instructions contradict the unwind table, the symbols or themselves.
    pub fn contradictions(&self, t: &Target) -> Vec<Contradiction> {
        let end = self.function.start.offset(self.code.len() as u64);
        let inside = |at: VirtAddr| at >= self.function.start && at < end;
        let begins: HashSet<u64> = self.insns.iter().map(|i| i.at.0).collect();
        let at = |offset: u64, text: String| Contradiction { offset, text };
        let mut wrong: Vec<Contradiction> =
            self.undecodable.iter().map(|o| at(*o as u64, format!("no instruction at +{o:#x}"))).collect();
        for place in self.unwind_places(t) {
            if inside(place) && !begins.contains(&place.0) {
                let offset = place.0 - self.function.start.0;
                let text = format!(
                    "the unwind table has the stack change at +{offset:#x}, inside of an instruction"
                );
                wrong.push(at(offset, text));
            }
        }
        for insn in &self.insns {
            let offset = insn.at.0 - self.function.start.0;
            let text = match insn.flow {
                Flow::Branch(to) | Flow::Jump(Some(to)) if inside(to) && !begins.contains(&to.0) => {
                    format!("the jump at +{offset:#x} goes into an instruction")
                }
                Flow::Branch(to) if !inside(to) && !t.is_text(to) => {
                    format!("the branch at +{offset:#x} goes to {to:#x}, where no code is")
                }
                Flow::Call(Some(to)) | Flow::Jump(Some(to)) if !inside(to) && !t.is_text(to) => {
                    format!("the transfer at +{offset:#x} goes to {to:#x}, where no code is")
                }
                _ => continue,
            };
            wrong.push(at(offset, text));
        }
        wrong.extend(self.stack_changes(t));
        wrong
    }

    /// The places of the function where the unwind table has a new entry.
    fn unwind_places(&self, t: &Target) -> Vec<VirtAddr> {
        self.unwind(t).into_iter().map(|(at, _)| at).collect()
    }

    /// The unwind table's entries for the function: place, and distance of the caller's stack if it is told from the stack pointer.
    fn unwind(&self, t: &Target) -> Vec<(VirtAddr, Option<i64>)> {
        let Some(table) = self.table(t) else { return Vec::new() };
        let (start, end) = (self.function.start, self.function.start.offset(self.code.len() as u64));
        let (mut low, mut high) = (0, table.len());
        while low < high {
            let middle = low + (high - low) / 2;
            match table.place(t.memory(), middle) {
                Ok(at) if at < start => low = middle + 1,
                Ok(_) => high = middle,
                Err(_) => return Vec::new(),
            }
        }
        let places = (low..table.len()).map_while(|i| {
            let at = table.place(t.memory(), i).ok().filter(|at| *at < end)?;
            let entry = table.entry(t.memory(), i).ok()?;
            let from_sp = entry.sp == Base::Sp;
            Some((at, from_sp.then_some(i64::from(entry.sp_offset))))
        });
        places.take(self.code.len()).collect()
    }

    /// Before the first jump: what pushes and subtractions do to the stack against what the unwind table says.
    fn stack_changes(&self, t: &Target) -> Vec<Contradiction> {
        let table = self.unwind(t);
        // Parts that were split off begin with the stack as it was where they were cut.
        let Some(mut depth) = self.depth_at_start(t) else { return Vec::new() };
        let straight: Vec<&Insn> =
            self.insns.iter().take_while(|i| matches!(i.flow, Flow::Next | Flow::Call(_))).collect();
        for (i, insn) in straight.iter().enumerate() {
            let Some(change) = stack_change(t, insn) else { break };
            depth += change;
            // What is pushed only to be popped into a register (the flags) is not worth an entry to the compiler.
            let popped = straight.get(i + 1).is_some_and(|next| stack_change(t, next).is_none());
            match table.iter().rev().find(|(at, _)| *at <= insn.next()) {
                Some((_, Some(distance))) if *distance != depth && !popped => {
                    let offset = insn.at.0 - self.function.start.0;
                    let text =
                        format!("what +{offset:#x} does to the stack is not what the unwind table says");
                    return vec![Contradiction { offset, text }];
                }
                Some((_, Some(_))) | None => {}
                Some((_, None)) => break,
            }
        }
        Vec::new()
    }

    fn depth_at_start(&self, t: &Target) -> Option<i64> {
        let entry = self.table(t)?.lookup(t.memory(), self.function.start).ok()??;
        (entry.sp == Base::Sp).then_some(i64::from(entry.sp_offset))
    }

    fn table<'t>(&self, t: &'t Target) -> Option<&'t OrcTable> {
        match t.modules().holding(self.function.start) {
            Some(module) => module.orc(t),
            None => t.orc(),
        }
    }

    /// Every bit around `place` that, flipped, leaves a function without contradictions.
    pub fn repairs(&self, t: &Target, place: VirtAddr) -> Vec<Repair> {
        let broken = self.contradictions(t).len();
        let Some(at) = place.0.checked_sub(self.function.start.0).map(|o| o as usize) else {
            return Vec::new();
        };
        if broken == 0 || at >= self.code.len() {
            return Vec::new();
        }
        let window = at.saturating_sub(BEFORE)..(at + AFTER).min(self.code.len());
        let tries = window.flat_map(|byte| (0..8).map(move |bit| (byte, bit)));
        let good = tries.filter(|(byte, bit)| {
            let mut code = self.code.clone();
            code[*byte] ^= 1 << bit;
            let fixed = Stream::decode(t, self.function.clone(), code);
            // It must be code at the place of the trouble, too.
            fixed.begins(place) && fixed.contradictions(t).is_empty()
        });
        let repair = |(byte, bit): (usize, u8)| Repair {
            at: self.function.start.offset(byte as u64),
            bit,
            found: self.code[byte],
            broken,
        };
        good.map(repair).collect()
    }
}

/// By how much an instruction moves the stack pointer down; `None` if that cannot be told.
fn stack_change(t: &Target, insn: &Insn) -> Option<i64> {
    let sp = t.arch().sp();
    match insn.op {
        _ if !insn.changes(sp) || matches!(insn.flow, Flow::Call(_)) => Some(0),
        Op::Add { dst, by } if dst == sp => Some((by as i64).wrapping_neg()),
        // A push; a pop changes another register, too, and never stands before the first jump.
        Op::Other if insn.writes == 1 << sp => Some(8),
        _ => None,
    }
}
