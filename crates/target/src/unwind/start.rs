//! Where unwinding begins: a sleeping task's saved stack pointer, or the registers of a CPU.

use std::ops::Range;

use necropsy_arch::{CpuState, Regs};
use necropsy_base::{Abi, Cursor, MemoryExt, VirtAddr};
use necropsy_debuginfo::{Kind, OrcTable, Type};
use necropsy_dump::CpuNoteKind;

use super::calls::{call_before, call_sites};
use super::step::{Next, State};
use super::{End, Stack, Trust, unwind, unwind_return};
use crate::Target;

/// `NT_PRSTATUS` (include/uapi/linux/elf.h).
const NT_PRSTATUS: u64 = 1;

impl Target {
    /// Whether the kernel has an unwind table, and it is used.
    pub(super) fn has_orc(&self) -> bool {
        self.methods().orc && self.orc().is_some()
    }

    /// The kernel's unwind table.
    pub fn orc(&self) -> Option<&OrcTable> {
        self.orc.get_or_init(|| self.find_orc()).as_ref()
    }

    fn find_orc(&self) -> Option<OrcTable> {
        let bounds = |a: &str, b: &str| Some((self.symbol(a)?, self.symbol(b)?));
        let (ip, ip_end) = bounds("__start_orc_unwind_ip", "__stop_orc_unwind_ip")?;
        let (entries, _) = bounds("__start_orc_unwind", "__stop_orc_unwind")?;
        let count = usize::try_from(ip_end.0.checked_sub(ip.0)? / 4).ok()?;
        let hash = bounds("__start_orc_header", "__stop_orc_header")
            .filter(|(a, b)| b.0.wrapping_sub(a.0) >= 20)
            .and_then(|(a, _)| self.memory.bytes(a, 20).ok()?.try_into().ok());
        match OrcTable::new(self.memory.as_ref(), ip, entries, count, hash) {
            Ok((table, notes)) => {
                notes.into_iter().for_each(|n| self.note(n));
                Some(table)
            }
            Err(e) => {
                self.note(format!("no unwind table (ORC): {e}"));
                None
            }
        }
    }

    /// Size of a kernel stack (`THREAD_SIZE`).
    pub fn stack_size(&self) -> u64 {
        let size =
            self.types().ok().and_then(|types| types.size_of(types.find(Kind::Union, "thread_union")?).ok());
        size.filter(|n| n.is_power_of_two() && (4096..=1 << 20).contains(n)).unwrap_or(16384)
    }

    /// The registers that were saved for `cpu`: by the kernel itself when it crashed, or by who made the dump.
    pub fn cpu_regs(&self, cpu: usize) -> Option<Regs> {
        let saved = self.crash_note(cpu).filter(|r| self.arch.plausible(r) || self.arch.user_mode(r));
        saved.or_else(|| self.noted_regs(cpu))
    }

    /// The registers of `cpu` by the notes of the dump's file alone.
    pub fn noted_regs(&self, cpu: usize) -> Option<Regs> {
        let notes = || self.meta.cpus.iter().filter(|n| n.kind == CpuNoteKind::Prstatus);
        let regs = match self.note_of(cpu, notes().count()) {
            Some(n) => notes().nth(n).and_then(|n| self.arch.prstatus(&n.data)),
            None => self.crash_note(cpu),
        };
        regs.or_else(|| Some(self.cpu_state(cpu)?.regs))
    }

    /// Which of the file's `count` notes is `cpu`'s. Emulators write one for each CPU that there is, `/proc/vmcore` has none for CPUs
    /// that saved nothing (`merge_note_headers_elf64` in fs/proc/vmcore.c), so that those behind an offline CPU move up.
    fn note_of(&self, cpu: usize, count: usize) -> Option<usize> {
        if count >= self.cpus().len() || self.cpu_state(cpu).is_some() {
            return Some(cpu);
        }
        let masks = ["__cpu_present_mask|cpu_present_bits", "__cpu_online_mask|cpu_online_bits"];
        let cpus = masks.iter().find_map(|m| self.cpu_mask(m).ok().filter(|cpus| cpus.len() == count))?;
        cpus.iter().position(|c| *c == cpu)
    }

    /// What an emulator saw of `cpu` when it made the dump.
    pub fn cpu_state(&self, cpu: usize) -> Option<CpuState> {
        let note = self.meta.cpus.iter().filter(|n| n.kind == CpuNoteKind::Qemu).nth(cpu)?;
        self.arch.qemu_state(&note.data)
    }

    /// The kernel's own note: per-CPU `crash_notes`, filled by `crash_save_cpu` (kernel/crash_core.c).
    fn crash_note(&self, cpu: usize) -> Option<Regs> {
        let base = self.memory.ptr(self.symbol("crash_notes")?).ok()?;
        let note = self.memory.bytes(self.percpu(base, cpu)?, 512).ok()?;
        prstatus_in(&note, self.abi).and_then(|desc| self.arch.prstatus(desc))
    }

    /// The stack of a task that is not running; `sp` is its saved stack pointer.
    pub fn sleeping_stack(&self, sp: VirtAddr, bounds: Range<u64>) -> Stack {
        let mut frame = vec![0; self.arch.switched_out_size()];
        let lost = |why: End| Stack { frames: Vec::new(), end: why, breaks: Vec::new() };
        if !bounds.contains(&sp.0) {
            return lost(if bounds.is_empty() || bounds.start == 0 {
                End::NoStack
            } else {
                End::Lost(format!("the saved stack pointer {sp:#x} is outside of the task's stack"))
            });
        }
        if let Err(e) = self.memory.read(sp, &mut frame) {
            return lost(End::Lost(format!("the stack cannot be read: {e}")));
        }
        if let Some(regs) = self.switched_inline(sp) {
            return unwind_return(self, regs, None, bounds);
        }
        match self.arch.switched_out(&frame, sp) {
            Some(regs) => {
                let slot = sp.offset(frame.len() as u64 - 8);
                let mut stack = self.switched_stack(regs, Some(slot), bounds);
                if let Some(first) = stack.frames.first_mut() {
                    first.slot = Some(slot);
                }
                stack
            }
            None => lost(End::Lost("unwinding is not supported on this CPU yet".into())),
        }
    }

    /// Up to 4.8 the scheduler itself switched stacks, in the middle of a function: it pushed the flags and its frame pointer, and
    /// goes on behind its call of `__switch_to` (arch/x86/include/asm/switch_to.h).
    fn switched_inline(&self, sp: VirtAddr) -> Option<Regs> {
        const SCHEDULERS: [&str; 3] = ["__schedule", "schedule", "thread_return"];
        if self.symbol("__switch_to_asm").is_some() || self.arch.switched_out_size() == 0 {
            return None;
        }
        let switch = self.symbol("__switch_to")?;
        let functions = SCHEDULERS.iter().filter_map(|name| self.near(self.symbol(name)?));
        let mut sites = functions.flat_map(|f| call_sites(self, &f));
        let pc = sites.find(|site| site.to == Some(switch))?.returns;
        let fp = self.memory.u64(sp).ok()?;
        let mut regs = Regs::new();
        regs.set(self.arch.pc(), pc.0);
        regs.set(self.arch.sp(), sp.0.wrapping_add(16));
        regs.set(self.arch.fp(), fp);
        Some(regs)
    }

    /// The stack of a task that is not running, from the registers that the context switch kept in the task.
    pub fn saved_stack(&self, pc: VirtAddr, sp: VirtAddr, fp: VirtAddr, bounds: Range<u64>) -> Stack {
        let mut regs = Regs::new();
        regs.set(self.arch.pc(), pc.0);
        regs.set(self.arch.sp(), sp.0);
        regs.set(self.arch.fp(), fp.0);
        self.switched_stack(regs, None, bounds)
    }

    /// A task that was switched out stands behind the call of the switch; one that never ran, at the start of a function.
    fn switched_stack(&self, regs: Regs, slot: Option<VirtAddr>, bounds: Range<u64>) -> Stack {
        let called = regs.get(self.arch.pc()).is_some_and(|pc| call_before(self, VirtAddr(pc)).is_some());
        if called {
            unwind_return(self, regs, slot, bounds)
        } else {
            unwind(self, regs, Trust::Context, bounds)
        }
    }

    /// The stack of a running task from the registers of its CPU.
    ///
    /// A kernel that dies in an exception saves the registers of the *interrupted* code for the dump; the frames of the
    /// handler lie below them and are looked for.
    pub fn running_stack(&self, regs: Regs, bounds: Range<u64>) -> Stack {
        if self.arch.user_mode(&regs) {
            return Stack { frames: Vec::new(), end: End::User(Box::new(regs)), breaks: Vec::new() };
        }
        match self.handler_above(&regs, &bounds) {
            Some(handler) => {
                let slot = VirtAddr(handler.get(self.arch.sp()).unwrap_or(8).wrapping_sub(8));
                unwind_return(self, handler, Some(slot), bounds)
            }
            None => unwind(self, regs, Trust::Context, bounds),
        }
    }

    /// The stack of a running task whose CPU's registers nobody saved: looked for on the stack itself.
    pub fn searched_stack(&self, bounds: Range<u64>) -> Stack {
        match super::recover::search(self, &bounds) {
            Some((frames, end)) => Stack { frames, end, breaks: Vec::new() },
            None => {
                let why =
                    "the dump holds no registers of this CPU, and its stack does not show where it stood"
                        .into();
                Stack { frames: Vec::new(), end: End::Lost(why), breaks: Vec::new() }
            }
        }
    }

    /// The innermost frame of the handler that interrupted `regs`, if its chain leads to exactly these registers through
    /// calls that all fit. It lies below them on the same stack, or on a stack of its own (NMI).
    fn handler_above(&self, regs: &Regs, bounds: &Range<u64>) -> Option<Regs> {
        let sp = regs.get(self.arch.sp())?;
        let below = if bounds.contains(&sp) { bounds.start.max(sp.saturating_sub(4096))..sp } else { 0..0 };
        std::iter::once(below).chain(self.exception_stacks()).find_map(|range| self.handler_in(range, regs))
    }

    fn handler_in(&self, range: Range<u64>, regs: &Regs) -> Option<Regs> {
        let mut words = vec![0; range.end.checked_sub(range.start)?.min(1 << 16) as usize / 8 * 8];
        let low = range.end - words.len() as u64;
        self.memory.read(VirtAddr(low), &mut words).ok()?;
        for (i, word) in words.chunks_exact(8).enumerate() {
            let pc = VirtAddr(self.abi.uint(word));
            if !self.is_text(pc.moved(-1)) || call_before(self, pc).is_none() {
                continue;
            }
            let state = super::recover::at_slot(self, VirtAddr(low.wrapping_add(i as u64 * 8)), pc);
            if self.leads_to(state.clone(), regs) {
                return Some(state.regs);
            }
        }
        None
    }

    /// The stacks that exceptions switch to, of all CPUs.
    fn exception_stacks(&self) -> Vec<Range<u64>> {
        let Some(name) = self.arch.exception_stacks() else { return Vec::new() };
        let members = self.array_members(name);
        let of_cpu = |cpu: usize| self.memory.ptr(self.percpu_symbol(name, cpu)?).ok();
        let bases = self.cpus().iter().filter_map(|(cpu, _)| of_cpu(*cpu)).filter(|at| !at.is_null());
        bases
            .flat_map(|at| {
                members.iter().map(move |m| at.0.saturating_add(m.start)..at.0.saturating_add(m.end))
            })
            .collect()
    }

    /// Where the arrays in a struct lie.
    fn array_members(&self, name: &str) -> Vec<Range<u64>> {
        let Ok(types) = self.types() else { return Vec::new() };
        let found = types.find(Kind::Struct, name).and_then(|ty| types.get(ty).ok());
        let Some(Type::Struct { members, .. }) = found else { return Vec::new() };
        let arrays = members.iter().filter(|m| m.name.as_ref().is_some_and(|n| n.ends_with("_stack")));
        let place = |offset: u64, size: u64| offset / 8..offset / 8 + size;
        arrays.filter_map(|m| Some(place(m.bit_offset, types.size_of(m.ty).ok()?))).collect()
    }

    /// Whether both are the same moment: a loop that was interrupted before at the same place has other values in its registers.
    fn same_context(&self, found: &Regs, wanted: &Regs) -> bool {
        let same = |r: usize| found.get(r) == wanted.get(r);
        let agree = |r: usize| same(r) || found.get(r).is_none() || wanted.get(r).is_none();
        let preserved = (0..64).filter(|r| self.arch.preserved_registers() >> r & 1 == 1);
        same(self.arch.pc())
            && same(self.arch.sp())
            && self.arch.argument_registers().iter().copied().chain(preserved).all(agree)
    }

    fn leads_to(&self, mut state: State, wanted: &Regs) -> bool {
        for _ in 0..32 {
            match state.step(self) {
                Next::Caller(caller) => {
                    if caller.check(self).is_err() || !super::recover::fits(self, &state, &caller) {
                        return false;
                    }
                    state = *caller;
                }
                Next::Trap(found, _) => {
                    return self.same_context(&found, wanted);
                }
                _ => return false,
            }
        }
        false
    }
}

/// The descriptor of the first `NT_PRSTATUS` in a run of ELF notes.
fn prstatus_in(notes: &[u8], abi: Abi) -> Option<&[u8]> {
    let mut c = Cursor::new(notes, abi);
    for _ in 0..8 {
        let (name, desc, kind) = (c.u32().ok()? as usize, c.u32().ok()? as usize, c.u32().ok()?);
        if name == 0 || name > 16 {
            return None;
        }
        c.skip(name.next_multiple_of(4));
        let bytes = c.bytes(desc).ok()?;
        if u64::from(kind) == NT_PRSTATUS {
            return Some(bytes);
        }
        c.align(4);
    }
    None
}
