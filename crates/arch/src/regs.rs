//! A set of registers of which some are known.

/// Room for every CPU's general registers and the few that `pt_regs` adds.
const MAX: usize = 48;

/// Register values by the index that [`crate::Arch::registers`] gives; each may be unknown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Regs {
    values: [u64; MAX],
    known: u64,
}

impl Default for Regs {
    fn default() -> Self {
        Regs { values: [0; MAX], known: 0 }
    }
}

impl Regs {
    /// Nothing known.
    pub fn new() -> Self {
        Self::default()
    }

    /// The value of a register, if known.
    pub fn get(&self, index: usize) -> Option<u64> {
        let known = index < MAX && self.known >> index & 1 == 1;
        known.then(|| self.values[index])
    }

    /// Sets a register.
    pub fn set(&mut self, index: usize, value: u64) {
        if index < MAX {
            self.values[index] = value;
            self.known |= 1 << index;
        }
    }

    /// Sets a register or forgets it.
    pub fn put(&mut self, index: usize, value: Option<u64>) {
        match value {
            Some(v) => self.set(index, v),
            None => self.forget(index),
        }
    }

    /// Forgets a register.
    pub fn forget(&mut self, index: usize) {
        if index < MAX {
            self.known &= !(1 << index);
        }
    }
}

/// Registers and the state around them, as an emulator sees a CPU.
#[derive(Clone, Debug, Default)]
pub struct CpuState {
    /// General registers.
    pub regs: Regs,
    /// Physical address of the page table root that was active.
    pub root: Option<u64>,
    /// Whether five page table levels were on.
    pub five_levels: bool,
    /// Address of the last page fault (CR2 on x86-64).
    pub fault_address: Option<u64>,
    /// Address of the interrupt descriptor table.
    pub idt: Option<u64>,
    /// Base of the GS segment: the per-CPU area on x86-64.
    pub gs_base: Option<u64>,
}
