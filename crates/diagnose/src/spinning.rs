//! CPUs that spin on a lock, and who holds it.
//!
//! A spin lock does not say who has it. But the function that took it still stands on a stack: its code calls the lock function
//! with this very address before the place it has come to, and no unlock of it in between. The address is worked out from
//! the code and the registers that the stack preserves.

use necropsy_arch::{Flow, Insn, Op, Operand, Regs};
use necropsy_base::{MemoryExt, VirtAddr};
use necropsy_kernel::tasks::{self, Task};
use necropsy_target::Target;
use necropsy_target::unwind::{self, Frame, Stack};

use crate::Case;
use crate::code::{self, Trace};
use crate::crash::base_name;

/// Functions that wait for a spin lock or a rwlock: what they are called by wants it.
const SLOW: &[&str] = &[
    "native_queued_spin_lock_slowpath",
    "queued_spin_lock_slowpath",
    "__pv_queued_spin_lock_slowpath",
    "queued_read_lock_slowpath",
    "queued_write_lock_slowpath",
    "ticket_spin_lock",
    "do_raw_spin_lock",
    "virt_spin_lock",
];

/// Stacks of more tasks than this are not searched for a holder that sleeps.
const MAX_SLEEPERS: usize = 2048;

/// Whether a function waits for, or takes, a spin lock or rwlock for its caller.
pub fn takes_spin_lock(name: &str) -> bool {
    let name = name.split('.').next().unwrap_or(name);
    let raw = name.trim_start_matches('_');
    SLOW.contains(&name)
        || ["raw_spin_lock", "raw_read_lock", "raw_write_lock", "spin_lock", "read_lock", "write_lock"]
            .iter()
            .any(|begin| raw.strip_prefix(begin).is_some_and(is_variant))
}

/// What may follow the name of a lock function.
fn is_variant(rest: &str) -> bool {
    matches!(rest, "" | "_irq" | "_irqsave" | "_bh" | "_nested" | "_irqsave_nested" | "_nest_lock")
}

fn gives_spin_lock(name: &str) -> bool {
    let raw = name.split('.').next().unwrap_or(name).trim_start_matches('_');
    ["raw_spin_unlock", "raw_read_unlock", "raw_write_unlock", "spin_unlock", "read_unlock", "write_unlock"]
        .iter()
        .any(|begin| raw.starts_with(begin))
        || raw.ends_with("queued_spin_unlock")
}

/// What a CPU was doing.
pub struct OnCpu {
    /// The CPU.
    pub cpu: usize,
    /// Its task.
    pub task: Task,
    /// Its stack.
    pub stack: Stack,
    regs: Vec<Regs>,
}

impl OnCpu {
    fn new(t: &Target, cpu: usize, task: Task, stack: Stack) -> OnCpu {
        let regs = unwind::registers(t, &stack);
        OnCpu { cpu, task, stack, regs }
    }

    /// `comm (pid)`.
    pub fn who(&self) -> String {
        format!("{} ({})", self.task.comm_text(), self.task.pid)
    }
}

/// A CPU that spins on a lock.
pub struct Spin {
    /// Index of the CPU in [`Spinning::cpus`].
    pub on: usize,
    /// Index of the frame that wants the lock.
    pub frame: usize,
    /// The lock.
    pub lock: VirtAddr,
}

/// A frame that took a lock and has not given it back.
pub struct Hold {
    /// Index in [`Spinning::cpus`], or in [`Spinning::sleepers`].
    pub on: usize,
    /// Whether the holder sleeps.
    pub asleep: bool,
    /// Index of the frame.
    pub frame: usize,
    /// The call that took it.
    pub taken: VirtAddr,
}

/// All CPUs, those that spin, and who holds what they spin on.
#[derive(Default)]
pub struct Spinning {
    /// What each CPU was doing.
    pub cpus: Vec<OnCpu>,
    /// Tasks that hold a spin lock and sleep.
    pub sleepers: Vec<OnCpu>,
    /// Those that spin.
    pub spins: Vec<Spin>,
    /// For each spin the holder of its lock, if the code proves one.
    pub holds: Vec<Option<Hold>>,
}

impl Spinning {
    /// Looks at every CPU. Nothing is searched when none spins.
    pub fn read(case: &Case) -> Spinning {
        let t = &case.target;
        let Some(all) = case.tasks() else { return Spinning::default() };
        let mut found = Spinning::default();
        for (cpu, at) in &all.current {
            let Some(task) = all.at(*at) else { continue };
            let own = case.crash().filter(|c| c.cpu == *cpu);
            let stack = own.map_or_else(|| tasks::stack(t, task, Some(*cpu)), |c| c.stack.clone());
            found.cpus.push(OnCpu::new(t, *cpu, task.clone(), stack));
        }
        found.spins = (0..found.cpus.len()).filter_map(|on| spin(t, &found.cpus[on], on)).collect();
        let holds: Vec<Option<Hold>> = found.spins.iter().map(|s| found.holder(t, s)).collect();
        found.holds = holds;
        found.sleeping_holders(case);
        found
    }

    fn holder(&self, t: &Target, spin: &Spin) -> Option<Hold> {
        let others = self.cpus.iter().enumerate().filter(|(i, _)| *i != spin.on);
        let other = others.into_iter().find_map(|(on, c)| held(t, c, spin.lock, 0).map(|h| (on, h)));
        // The same CPU last: a lock that it took before, further up its stack.
        let own = || held(t, &self.cpus[spin.on], spin.lock, spin.frame).map(|h| (spin.on, h));
        other.or_else(own).map(|(on, (frame, taken))| Hold { on, asleep: false, frame, taken })
    }

    /// A spin lock's holder must not sleep; where it does, that is the bug.
    fn sleeping_holders(&mut self, case: &Case) {
        let t = &case.target;
        let Some(all) = case.tasks().filter(|all| all.all.len() <= MAX_SLEEPERS) else { return };
        for i in 0..self.spins.len() {
            if self.holds[i].is_some() {
                continue;
            }
            let sleeping = all.all.iter().filter(|task| all.running_on(task).is_none() && task.pid != 0);
            for task in sleeping {
                let sleeper = OnCpu::new(t, all.cpu_of(task), task.clone(), tasks::stack(t, task, None));
                if let Some((frame, taken)) = held(t, &sleeper, self.spins[i].lock, 0) {
                    self.holds[i] = Some(Hold { on: self.sleepers.len(), asleep: true, frame, taken });
                    self.sleepers.push(sleeper);
                    break;
                }
            }
        }
    }

    /// Where a hold is.
    pub fn place(&self, hold: &Hold) -> Option<(&OnCpu, &Frame)> {
        let on = if hold.asleep { self.sleepers.get(hold.on) } else { self.cpus.get(hold.on) }?;
        Some((on, on.stack.frames.get(hold.frame)?))
    }

    /// The spin of a CPU.
    pub fn of_cpu(&self, cpu: usize) -> Option<usize> {
        self.spins.iter().position(|s| self.cpus[s.on].cpu == cpu)
    }

    /// From one spin to the next: that of the CPU that holds its lock.
    fn next(&self, spin: usize) -> Option<usize> {
        let hold = self.holds[spin].as_ref().filter(|h| !h.asleep)?;
        self.spins.iter().position(|s| s.on == hold.on)
    }

    /// The spins that wait for each other in a circle, from this one's chain; empty if it ends.
    pub fn cycle(&self, spin: usize) -> Vec<usize> {
        let mut path = vec![spin];
        while let Some(next) = path.last().and_then(|last| self.next(*last)) {
            if let Some(at) = path.iter().position(|s| *s == next) {
                return path.split_off(at);
            }
            path.push(next);
        }
        Vec::new()
    }

    /// The last spin of the chain from this one: its holder does not spin.
    pub fn end(&self, spin: usize) -> usize {
        let mut at = spin;
        for _ in 0..self.spins.len() {
            match self.next(at) {
                Some(next) => at = next,
                None => break,
            }
        }
        at
    }
}

/// The lock that a CPU spins on, if it does.
fn spin(t: &Target, on: &OnCpu, index: usize) -> Option<Spin> {
    let frames = &on.stack.frames;
    let is = |f: &Frame| base_name(f).is_some_and(takes_spin_lock);
    let first = frames.iter().position(is)?;
    // The first that spins, where the CPU stands: at the top, or where an interrupt found it.
    let stands_there = first == 0 || frames[first - 1].trap.is_some() || frames[first].exact;
    let caller = frames.iter().enumerate().skip(first).find(|(_, f)| !is(f)).map(|(i, _)| i)?;
    stands_there.then_some(())?;
    let lock = passed(t, on, caller)?;
    // A lock that nobody holds is not spun on.
    (t.memory().u32(lock).ok()? != 0).then_some(Spin { on: index, frame: caller, lock })
}

/// The first argument of the call that a frame is in.
fn passed(t: &Target, on: &OnCpu, frame: usize) -> Option<VirtAddr> {
    let (insns, call) = call_of(t, on.stack.frames.get(frame)?)?;
    let trace = Trace::new(t, &insns, insns.get(call)?.at, on.regs.get(frame)?)?;
    argument(&trace, call)
}

/// The code of a frame's function, and the index of the call it is in.
fn call_of(t: &Target, frame: &Frame) -> Option<(Vec<Insn>, usize)> {
    let back = frame.pc.filter(|_| !frame.exact)?;
    let near = t.near(back.moved(-1))?;
    let insns = code::function(t, &near);
    let call = insns.iter().position(|i| i.next() == back)?;
    Some((insns, call))
}

fn argument(trace: &Trace<'_>, call: usize) -> Option<VirtAddr> {
    let first = *trace.t.arch().argument_registers().first()?;
    trace.value(first, call, 0).filter(|v| trace.t.arch().is_kernel(VirtAddr(*v))).map(VirtAddr)
}

/// The frame, from `above` on, that took `lock` and has not given it back, with the call that took it.
fn held(t: &Target, on: &OnCpu, lock: VirtAddr, above: usize) -> Option<(usize, VirtAddr)> {
    let frames = on.stack.frames.iter().enumerate().skip(above);
    frames.into_iter().find_map(|(i, f)| Some((i, took(t, on, i, f, lock)?)))
}

fn took(t: &Target, on: &OnCpu, index: usize, frame: &Frame, lock: VirtAddr) -> Option<VirtAddr> {
    if base_name(frame).is_none_or(takes_spin_lock) {
        return None;
    }
    let pc = frame.pc?;
    let near = t.near(if frame.exact { pc } else { pc.moved(-1) })?;
    let insns = code::function(t, &near);
    let here = match frame.exact {
        true => insns.iter().position(|i| i.at == pc)?,
        false => insns.iter().position(|i| i.next() == pc)?,
    };
    let trace = Trace::new(t, &insns, insns[here].at, on.regs.get(index)?)?;
    let last = (0..here).rev().find_map(|i| step(&trace, i, lock))?;
    last.taken.then_some(insns[last.at].at)
}

/// A spin lock that a frame of a stack took and has not given back.
pub struct Held {
    /// The frame.
    pub frame: usize,
    /// The lock.
    pub lock: VirtAddr,
    /// The call that took it.
    pub taken: VirtAddr,
}

/// The first spin lock held by the frames from `above` on.
pub fn lock_held(t: &Target, task: &Task, cpu: usize, stack: &Stack, above: usize) -> Option<Held> {
    let on = OnCpu::new(t, cpu, task.clone(), stack.clone());
    (above..stack.frames.len().min(above + MAX_FRAMES)).find_map(|i| {
        let frame = &on.stack.frames[i];
        locks_before(t, &on, i, frame)?
            .into_iter()
            .find_map(|lock| Some(Held { frame: i, lock, taken: took(t, &on, i, frame, lock)? }))
    })
}

/// How many frames are looked at for locks.
const MAX_FRAMES: usize = 32;

/// The locks that a frame's function took before the place it has come to.
fn locks_before(t: &Target, on: &OnCpu, index: usize, frame: &Frame) -> Option<Vec<VirtAddr>> {
    let (insns, here) = call_of(t, frame)?;
    let trace = Trace::new(t, &insns, insns.get(here)?.at, on.regs.get(index)?)?;
    let takes = |i: &usize| match insns[*i].flow {
        Flow::Call(Some(to)) => t.near(to).is_some_and(|n| takes_spin_lock(&n.name)),
        _ => false,
    };
    Some((0..here).filter(takes).filter_map(|i| argument(&trace, i)).collect())
}

/// A place that takes or gives the lock.
struct Step {
    at: usize,
    taken: bool,
}

fn step(trace: &Trace<'_>, i: usize, lock: VirtAddr) -> Option<Step> {
    let insn = &trace.insns[i];
    let step = |taken| Some(Step { at: i, taken });
    if let Flow::Call(Some(to)) = insn.flow {
        let near = trace.t.near(to)?;
        return match () {
            () if takes_spin_lock(&near.name) && argument(trace, i) == Some(lock) => step(true),
            () if gives_spin_lock(&near.name) && argument(trace, i) == Some(lock) => step(false),
            () => None,
        };
    }
    // An unlock that was inlined: `movb $0, (lock)`.
    let gives =
        matches!(insn.op, Op::Store { src: Operand::Imm(0) }) && insn.mem.is_some_and(|m| m.size == 1);
    let at = insn.mem.filter(|_| gives).and_then(|m| trace.address(&m, i, 0))?;
    if VirtAddr(at) == lock { step(false) } else { None }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lock_functions_by_name() {
        for name in [
            "_raw_spin_lock",
            "_raw_spin_lock_irqsave",
            "native_queued_spin_lock_slowpath.part.0",
            "_raw_read_lock_bh",
        ] {
            assert!(takes_spin_lock(name), "{name}");
        }
        for name in [
            "_raw_spin_unlock",
            "spin_lock_init",
            "_raw_spin_trylock",
            "mutex_lock",
            "raw_spin_rq_lock_nested",
        ] {
            assert!(!takes_spin_lock(name), "{name}");
        }
        assert!(gives_spin_lock("_raw_spin_unlock_irqrestore") && !gives_spin_lock("_raw_spin_lock"));
    }
}
