//! The stacks that each CPU has for interrupts and exceptions (arch/x86/include/asm/cpu_entry_area.h, arch/x86/kernel/irq_64.c).

use std::ops::Range;

use necropsy_base::{MemoryExt, VirtAddr};
use necropsy_target::Target;

use crate::cpus;

/// Names of exception stacks, and the members of the struct that holds them.
const EXCEPTIONS: [(&str, &str); 5] = [
    ("DOUBLEFAULT", "DF_stack"),
    ("NMI", "NMI_stack"),
    ("DEBUG", "DB_stack"),
    ("MCE", "MCE_stack"),
    ("VC", "VC_stack"),
];

/// None is larger.
const MAX_SIZE: u64 = 1 << 20;

/// A kind of stack, with that of each CPU.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stacks {
    /// `IRQ`, `NMI` ...
    pub name: &'static str,
    /// Bytes of each.
    pub size: u64,
    /// CPUs with the lowest address of their stack.
    pub bases: Vec<(usize, VirtAddr)>,
}

impl Stacks {
    /// Where a CPU's stack lies.
    pub fn of_cpu(&self, cpu: usize) -> Option<Range<u64>> {
        let base = self.bases.iter().find(|(c, _)| *c == cpu)?.1;
        Some(base.0..base.0.checked_add(self.size)?)
    }
}

/// Interrupt stacks. The top of a CPU's is in a per-CPU variable: `pcpu_hot` from 6.2 to 6.14, one of its own else.
pub fn irq(t: &Target) -> Stacks {
    let size = t.stack_size();
    let top = |cpu: usize| {
        let hot = t.percpu_member("pcpu_hot", "pcpu_hot", "hardirq_stack_ptr", cpu).ok();
        let at = hot.or_else(|| t.percpu_symbol("hardirq_stack_ptr", cpu))?;
        t.memory().ptr(at).ok().filter(|p| !p.is_null())
    };
    // It points at the end, or at the last word.
    let base = |top: VirtAddr| {
        let page = VirtAddr(top.0.saturating_sub(1) & !(t.page_size() - 1));
        page.offset(t.page_size()).moved(-(size as i64))
    };
    let bases = cpus::present(t).into_iter().filter_map(|cpu| Some((cpu, base(top(cpu)?)))).collect();
    Stacks { name: "IRQ", size, bases }
}

/// Exception stacks.
pub fn exceptions(t: &Target) -> Vec<Stacks> {
    let Some(symbol) = t.arch().exception_stacks() else { return Vec::new() };
    let stacks = |(name, member): (&'static str, &str)| {
        let (offset, size) =
            (t.offset_of(symbol, member).ok()?, t.member_size(symbol, member).filter(|n| *n <= MAX_SIZE)?);
        let base = |cpu: usize| {
            let all = t.memory().ptr(t.percpu_symbol(symbol, cpu)?).ok().filter(|p| !p.is_null())?;
            Some((cpu, all.offset(offset)))
        };
        Some(Stacks { name, size, bases: cpus::present(t).into_iter().filter_map(base).collect() })
    };
    EXCEPTIONS.into_iter().filter_map(stacks).collect()
}
