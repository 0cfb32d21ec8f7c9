//! What a value has to do with the registers of a device: whether it is what follows if they answered all ones, as nothing on a bus does.
//!
//! Registers are memory that ioremap() mapped (or ioread32() and the like were asked for). They are not in a dump: what was read there is worked
//! out from what the code made of it.

use std::cell::Cell;

use necropsy_arch::{Access, Flow, Insn, MemOperand, Op, Operand, Regs, narrowed, shifted};
use necropsy_base::{Near, VirtAddr};
use necropsy_kernel::vmalloc::{Area, Kind, areas};
use necropsy_target::Target;
use necropsy_target::unwind::{Stack, registers};

use crate::code::{self, MAX_DEPTH, Trace};

/// Functions that read a register whose address is their first argument, and how many bytes (lib/iomap.c).
const ACCESSORS: &[(&str, u8)] = &[
    ("ioread8", 1),
    ("ioread16", 2),
    ("ioread16be", 2),
    ("ioread32", 4),
    ("ioread32be", 4),
    ("ioread64", 8),
    ("ioread64be", 8),
];
/// Arguments of a function that are worked out.
const ARGUMENTS: usize = 4;
/// Functions that are entered or left on the way.
const FUNCTIONS: usize = 4;
/// A function that reads for others is short.
const SHORT: usize = 256;
/// Steps backwards in all.
const STEPS: usize = 10_000;
/// Reads of a loop that waits.
const READS: usize = 32;
/// So many bits must be left of all ones, or all that were read: fewer are what many values give.
const ONES: u32 = 16;

/// A register of a device that was read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DeviceRead {
    /// The address that it is mapped at.
    pub at: VirtAddr,
    /// How many bytes.
    pub size: u8,
    /// The instruction that read them, or the call of the function that does.
    pub by: VirtAddr,
}

impl DeviceRead {
    /// What it gives when nobody answers.
    pub fn all_ones(&self) -> u64 {
        match self.size {
            8.. => u64::MAX,
            n => (1 << (u32::from(n) * 8)) - 1,
        }
    }
}

/// A value that depends on a device: what it is if the device answered all ones.
pub type Supposed = (u64, DeviceRead);

/// The mapped registers of all devices, and the stack whose code is looked at.
pub struct DeviceReads<'s> {
    t: &'s Target,
    stack: &'s Stack,
    regs: Vec<Regs>,
    areas: Vec<Area>,
    steps: Cell<usize>,
}

/// The register that the loop around `pc` reads: the address that it is mapped at.
pub fn polled(t: &Target, pc: VirtAddr, regs: &Regs) -> Option<VirtAddr> {
    let insns = code::function(t, &t.near(pc)?);
    let inside = code::innermost_loop(&insns, pc)?;
    let round: Vec<&Insn> = insns.iter().filter(|i| inside.contains(&i.at)).collect();
    // What the loop changes may have any value where it reads; the rest is as it was found.
    let mut kept = regs.clone();
    (0..64).filter(|r| round.iter().any(|i| i.changes(*r))).for_each(|r| kept.forget(r));
    let reads = round.iter().filter(|i| i.flow == Flow::Next);
    let reads = reads.filter_map(|i| Some((i, i.mem.filter(|m| m.access == Access::Read)?))).take(READS);
    let mut addresses = reads.filter_map(|(i, mem)| {
        let trace = Trace::new(t, &insns, i.at, &kept)?;
        trace.address(&mem, trace.at, 0).map(VirtAddr)
    });
    let devices: Vec<Area> = areas(t).ok()?.items.into_iter().filter(|a| a.kind == Kind::Device).collect();
    let is_register = |at: &VirtAddr| devices.iter().any(|a| a.start <= *at && *at < a.end);
    addresses.find(is_register)
}

/// A function on the stack or called from there, with what its registers held.
struct Place<'t, 'c> {
    trace: &'c Trace<'t>,
    /// The frame, if it has one.
    frame: Option<usize>,
    /// How many more functions may be entered.
    left: usize,
}

impl<'s> DeviceReads<'s> {
    /// For a stack; `None` where no device has mapped registers.
    pub fn new(t: &'s Target, stack: &'s Stack) -> Option<DeviceReads<'s>> {
        let mut areas = areas(t).ok()?.items;
        areas.retain(|a| a.kind == Kind::Device);
        (!areas.is_empty()).then(|| DeviceReads {
            t,
            stack,
            regs: registers(t, stack),
            areas,
            steps: Cell::new(0),
        })
    }

    /// The registers of a frame.
    pub fn registers(&self, frame: usize) -> Option<&Regs> {
        let interrupted = frame.checked_sub(1).and_then(|i| self.stack.frames[i].trap.as_ref());
        interrupted.or(self.regs.get(frame))
    }

    /// Whether an address is one of a device's registers.
    pub fn is_register(&self, at: u64) -> bool {
        let after = self.areas.partition_point(|a| a.start.0 <= at);
        let area = after.checked_sub(1).and_then(|i| self.areas.get(i));
        area.is_some_and(|a| at - a.start.0 < a.mapped(self.t.page_size()))
    }

    /// What a register of the CPU holds before instruction `before` of a frame's function, if that depends on a device.
    pub fn value(&self, trace: &Trace<'_>, frame: usize, reg: usize, before: usize) -> Option<Supposed> {
        self.follow(&Place { trace, frame: Some(frame), left: FUNCTIONS }, reg, before, 0)
    }

    /// The address that an operand names, if that depends on a device.
    pub fn address(
        &self,
        trace: &Trace<'_>,
        frame: usize,
        mem: &MemOperand,
        before: usize,
    ) -> Option<Supposed> {
        self.address_at(&Place { trace, frame: Some(frame), left: FUNCTIONS }, mem, before, 0)
    }

    /// What an operand that is compared holds, if that comes from a device.
    pub fn operand(&self, trace: &Trace<'_>, frame: usize, operand: Operand, at: usize) -> Option<Supposed> {
        match operand {
            Operand::Reg(reg) => self.value(trace, frame, reg, at),
            Operand::Mem => self.read(trace, &trace.insns[at].mem?, at, 0),
            Operand::Imm(_) => None,
        }
    }

    /// What an instruction reads from a device.
    fn read(&self, trace: &Trace<'_>, mem: &MemOperand, at: usize, depth: usize) -> Option<Supposed> {
        let reads = matches!(mem.access, Access::Read | Access::ReadWrite);
        let address = reads.then(|| trace.address(mem, at, depth + 1)).flatten()?;
        let read = DeviceRead { at: VirtAddr(address), size: mem.size, by: trace.insns[at].at };
        (matches!(mem.size, 1 | 2 | 4 | 8) && self.is_register(address)).then(|| (read.all_ones(), read))
    }

    fn follow(&self, place: &Place<'_, '_>, reg: usize, before: usize, depth: usize) -> Option<Supposed> {
        self.steps.set(self.steps.get() + 1);
        if depth > MAX_DEPTH || self.steps.get() > STEPS || self.t.budget().step().is_err() {
            return None;
        }
        let trace = place.trace;
        let definition = trace.definition(reg, before);
        if trace.changed_in_loop(reg, definition, before) {
            return None;
        }
        let Some(i) = definition else { return self.passed(place, reg) };
        let insn = &trace.insns[i];
        let before_it = |reg| self.follow(place, reg, i, depth + 1);
        match insn.op {
            _ if matches!(insn.flow, Flow::Call(_)) => {
                (Some(reg) == self.t.arch().return_register()).then(|| self.returned(place, i)).flatten()
            }
            Op::Move { src: Operand::Reg(from), .. } => before_it(from),
            Op::Move { src: Operand::Mem, .. } => self.read(trace, &insn.mem?, i, depth),
            Op::Address { .. } => self.address_at(place, &insn.mem?, i, depth + 1),
            Op::Add { dst, by } => map(before_it(dst), |v| v.wrapping_add(by)),
            Op::And { dst, mask } => map(before_it(dst), |v| v & mask).filter(is_telling),
            Op::Shift { dst, by, wide } => map(before_it(dst), |v| shifted(v, by, wide)).filter(is_telling),
            Op::Sum { dst, src: Operand::Reg(src), wide } => {
                map(self.sum(place, [dst, src], i, depth), |v| narrowed(v, wide))
            }
            Op::Sum { dst, src: Operand::Mem, wide } => {
                use necropsy_base::MemoryExt;
                let mem = insn.mem.filter(|m| matches!(m.size, 1 | 2 | 4 | 8))?;
                let at = trace.address(&mem, i, depth + 1)?;
                let other = self.t.memory().uint(VirtAddr(at), usize::from(mem.size)).ok()?;
                map(before_it(dst), |v| narrowed(v.wrapping_add(other), wide))
            }
            _ => None,
        }
    }

    /// The sum of two registers, one of which depends on a device.
    fn sum(&self, place: &Place<'_, '_>, of: [usize; 2], at: usize, depth: usize) -> Option<Supposed> {
        let way = |[one, other]: [usize; 2]| {
            let (value, read) = self.follow(place, one, at, depth + 1)?;
            Some((value.wrapping_add(place.trace.value(other, at, depth + 1)?), read))
        };
        way(of).or_else(|| way([of[1], of[0]]))
    }

    fn address_at(
        &self,
        place: &Place<'_, '_>,
        mem: &MemOperand,
        at: usize,
        depth: usize,
    ) -> Option<Supposed> {
        if mem.percpu {
            return None;
        }
        let known = |reg: Option<usize>| reg.map_or(Some(0), |r| place.trace.value(r, at, depth + 1));
        let follow = |reg: Option<usize>| self.follow(place, reg?, at, depth + 1);
        let scale = u64::from(mem.scale.max(1));
        let by_index = || {
            let (index, read) = follow(mem.index)?;
            Some((known(mem.base)?.wrapping_add(index.wrapping_mul(scale)), read))
        };
        let by_base = || {
            let (base, read) = follow(mem.base)?;
            Some((base.wrapping_add(known(mem.index)?.wrapping_mul(scale)), read))
        };
        map(by_index().or_else(by_base), |v| v.wrapping_add(mem.disp))
    }

    /// What a call returned: by a function that reads registers for others, or by one of the driver's own that does.
    fn returned(&self, place: &Place<'_, '_>, call: usize) -> Option<Supposed> {
        let insn = &place.trace.insns[call];
        let Flow::Call(Some(to)) = insn.flow else { return None };
        let entry = self.arguments(place.trace, call);
        self.result(to, &entry, insn.at, place.left)
    }

    /// What registers hold arguments where a function is called or jumped to.
    fn arguments(&self, trace: &Trace<'_>, at: usize) -> Regs {
        let mut entry = Regs::new();
        for reg in self.t.arch().argument_registers().iter().take(ARGUMENTS) {
            entry.put(*reg, trace.value(*reg, at, 0));
        }
        entry
    }

    /// What the function at `to` returns that was called at `by`.
    fn result(&self, to: VirtAddr, entry: &Regs, by: VirtAddr, left: usize) -> Option<Supposed> {
        let left = left.checked_sub(1)?;
        let near = self.t.near(to).filter(|n| n.start == to)?;
        if let Some((_, size)) = ACCESSORS.iter().find(|(name, _)| *name == near.name) {
            let at = entry.get(*self.t.arch().argument_registers().first()?)?;
            let read = DeviceRead { at: VirtAddr(at), size: *size, by };
            return self.is_register(at).then(|| (read.all_ones(), read));
        }
        let insns = code::function(self.t, &near);
        (insns.len() <= SHORT).then_some(())?;
        let nothing = Regs::new();
        let result = self.t.arch().return_register()?;
        let end = |i: usize| {
            let flow = insns[i].flow;
            matches!(flow, Flow::Jump(Some(_)) | Flow::Return).then_some(())?;
            let trace = Trace::new(self.t, &insns, insns[i].at, &nothing)?.entered_with(entry);
            match flow {
                Flow::Jump(Some(on)) if !self.is_return(on) && self.is_outside(&near, on) => {
                    self.result(on, &self.arguments(&trace, i), insns[i].at, left)
                }
                Flow::Jump(Some(on)) if !self.is_return(on) => None,
                Flow::Return | Flow::Jump(Some(_)) => {
                    self.follow(&Place { trace: &trace, frame: None, left }, result, i, 0)
                }
                _ => None,
            }
        };
        (0..insns.len()).find_map(end)
    }

    fn is_return(&self, to: VirtAddr) -> bool {
        self.t.near(to).is_some_and(|n| n.name.contains("return_thunk"))
    }

    fn is_outside(&self, near: &Near, to: VirtAddr) -> bool {
        to < near.start || near.size.is_none_or(|size| to.0 - near.start.0 >= size)
    }

    /// What the caller passed in an argument's register.
    fn passed(&self, place: &Place<'_, '_>, reg: usize) -> Option<Supposed> {
        let (frame, left) = (place.frame?, place.left.checked_sub(1)?);
        self.t.arch().argument_registers().contains(&reg).then_some(())?;
        let call = code::call_in(self.t, self.stack.frames.get(frame + 1)?)?;
        let insns = code::function(self.t, &call.function);
        let at = insns.iter().position(|i| i.at == call.at)?;
        let trace = Trace::new(self.t, &insns, call.at, self.registers(frame + 1)?)?;
        self.follow(&Place { trace: &trace, frame: Some(frame + 1), left }, reg, at, 0)
    }
}

/// Whether what was made of all ones still tells that they were.
fn is_telling((value, read): &Supposed) -> bool {
    value.count_ones() >= ONES.min(u32::from(read.size) * 8)
}

fn map(of: Option<Supposed>, change: impl Fn(u64) -> u64) -> Option<Supposed> {
    of.map(|(value, read)| (change(value), read))
}

#[cfg(test)]
mod tests {
    use necropsy_synth::functions::{Functions, TEXT, near_jump};
    use necropsy_target::unwind::End;

    use super::*;

    const REGISTERS: u64 = 0xffff_c900_0010_0000;

    fn area() -> Area {
        let nothing = VirtAddr(0);
        let (start, end) = (VirtAddr(REGISTERS), VirtAddr(REGISTERS + 0x3000));
        let vm = Some(VirtAddr(1));
        Area {
            at: nothing,
            start,
            end,
            kind: Kind::Device,
            vm,
            flags: 1,
            pages: 0,
            page_array: nothing,
            caller: nothing,
        }
    }

    /// A card's address is kept in a variable: what the register `reg` of the CPU holds at the last instruction of `code`, if a device
    /// answered all ones. `read` is a helper that adds its arguments and jumps to ioread32(); the call of it is the code's own.
    fn supposed(code: &[u8], reg: &str, regs: &[(&str, u64)]) -> Option<(u64, u64)> {
        let mut made = Functions::default();
        made.function(0x100, "take", code);
        // mov %esi,%esi; add %rsi,%rdi; jmp ioread32
        made.function(
            0x180,
            "read",
            &[&[0x89, 0xf6, 0x48, 0x01, 0xf7][..], &near_jump(0xe9, TEXT + 0x185, TEXT + 0x1c0)].concat(),
        );
        made.function(0x1c0, "ioread32", &[0x8b, 0x07, 0xc3]);
        made.function(0x200, "next", &[0xc3]);
        let t = crate::made::kernel(made);
        let names = t.arch().registers();
        let index = |name: &str| names.iter().position(|r| *r == name).unwrap();
        let mut held = Regs::new();
        regs.iter().for_each(|(name, value)| held.set(index(name), *value));
        let stack = Stack { frames: Vec::new(), end: End::Thread, breaks: Vec::new() };
        let reads =
            DeviceReads { t: &t, stack: &stack, regs: Vec::new(), areas: vec![area()], steps: Cell::new(0) };
        let insns = code::function(&t, &t.near(VirtAddr(TEXT + 0x100)).unwrap());
        let last = insns.iter().rposition(|i| i.flow == Flow::Return).unwrap();
        let trace = Trace::new(&t, &insns, insns[last].at, &held).unwrap();
        reads.value(&trace, 0, index(reg), last).map(|(value, read)| (value, read.at.0 - REGISTERS))
    }

    #[test]
    fn what_follows_from_all_ones() {
        // mov 0x10(%rbx),%edx; shl $4,%rdx; add %rcx,%rdx; ret
        let code = [0x8b, 0x53, 0x10, 0x48, 0xc1, 0xe2, 0x04, 0x48, 0x01, 0xca, 0xc3];
        assert_eq!(
            supposed(&code, "rdx", &[("rbx", REGISTERS), ("rcx", 0x1000)]),
            Some((0xf_ffff_fff0 + 0x1000, 0x10))
        );
        // The same from memory that is no device's, and from behind the device's.
        assert_eq!(supposed(&code, "rdx", &[("rbx", 0xffff_8880_0000_0000), ("rcx", 0)]), None);
        assert_eq!(supposed(&code, "rdx", &[("rbx", REGISTERS + 0x2000 - 0x10), ("rcx", 0)]), None);
        // mov 0x10(%rbx),%eax; and $mask,%eax; lea 0x8(,%rax,8),%rax; ret
        let masked = |mask: u32| {
            let lea = [0x48, 0x8d, 0x04, 0xc5, 8, 0, 0, 0, 0xc3];
            let code = [&[0x8b, 0x43, 0x10, 0x25][..], &mask.to_le_bytes(), &lea].concat();
            supposed(&code, "rax", &[("rbx", REGISTERS)])
        };
        assert_eq!(masked(0xffff), Some((0x8_0000, 0x10)));
        // What is left of a few bits may come from many values.
        assert_eq!(masked(3), None);
    }

    #[test]
    fn read_by_a_helper() {
        // mov %rbx,%rdi; mov $0x28,%esi; call read; mov %eax,%edx; ret
        let call = near_jump(0xe8, TEXT + 0x108, TEXT + 0x180);
        let code = [&[0x48, 0x89, 0xdf, 0xbe, 0x28, 0, 0, 0][..], &call, &[0x89, 0xc2, 0xc3]].concat();
        assert_eq!(supposed(&code, "rdx", &[("rbx", REGISTERS)]), Some((0xffff_ffff, 0x28)));
        assert_eq!(supposed(&code, "rdx", &[("rbx", 0xffff_8880_0000_0000)]), None);
        // What another call returned is not the device's.
        let call = near_jump(0xe8, TEXT + 0x108, TEXT + 0x200);
        let code = [&[0x48, 0x89, 0xdf, 0xbe, 0x28, 0, 0, 0][..], &call, &[0x89, 0xc2, 0xc3]].concat();
        assert_eq!(supposed(&code, "rdx", &[("rbx", REGISTERS)]), None);
    }
}
