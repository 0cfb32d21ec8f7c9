//! Machine checks as the kernel recorded them.
//!
//! `mces_seen`, one `struct mce` per CPU (in a `struct mce_hw_err` since 6.14): the worst that the CPU saw in the last machine check
//! (arch/x86/kernel/cpu/mce/core.c). The bits of `MCi_STATUS` and the codes are Intel's (SDM vol. 3, 17.3 and 17.9), AMD's are the same
//! where they are used here.

use necropsy_base::VirtAddr;
use necropsy_target::{Load, Target};

/// A recorded machine check.
#[derive(Clone, Debug, Load)]
#[kernel(name = "mce")]
pub struct Mce {
    /// Where the record is.
    #[kernel(this)]
    pub at: VirtAddr,
    /// `MCi_STATUS`.
    pub status: u64,
    /// `MCi_MISC`.
    pub misc: u64,
    /// `MCi_ADDR`.
    pub addr: u64,
    /// `MCG_STATUS`.
    pub mcgstatus: u64,
    /// The instruction, if known.
    pub ip: u64,
    /// The bank of registers that reported.
    pub bank: u8,
    /// The CPU, as the kernel counts since 5.x.
    #[kernel(any = "extcpu|cpu")]
    pub cpu: u32,
}

/// `MCI_STATUS_VAL`, `_UC`, `_ADDRV`, `_PCC`.
const VALID: u64 = 1 << 63;
const UNCORRECTED: u64 = 1 << 61;
const HAS_ADDRESS: u64 = 1 << 58;
const CONTEXT_CORRUPT: u64 = 1 << 57;

/// The records of all CPUs that have one.
pub fn seen(t: &Target) -> Vec<Mce> {
    let inner = t.offset_of("mce_hw_err", "m").unwrap_or(0);
    let of = |cpu: usize| t.load::<Mce>(t.percpu_symbol("mces_seen", cpu)?.offset(inner)).ok();
    let all = t.cpus().iter().filter_map(|(cpu, _)| of(*cpu));
    all.filter(|m| m.status & VALID != 0).collect()
}

/// The record that the handler has on its stack: of a machine check that cannot be survived nothing else is kept. It is known by what
/// it must hold: a valid status, a check in progress, a bank and a CPU that exist.
pub fn on_stack(t: &Target, from: VirtAddr) -> Option<Mce> {
    const REACH: u64 = 4096;
    const IN_PROGRESS: u64 = 4;
    let real = |m: &Mce| {
        m.status & VALID != 0
            && m.mcgstatus & IN_PROGRESS != 0
            && m.mcgstatus >> 4 == 0
            && m.bank < 64
            && t.cpus().iter().any(|(cpu, _)| *cpu == m.cpu as usize)
    };
    let places = (0..REACH).step_by(8).map(|offset| from.offset(offset));
    places.map_while(|at| t.load::<Mce>(at).ok()).find(real)
}

impl Mce {
    /// Whether the hardware could not correct it.
    pub fn is_uncorrected(&self) -> bool {
        self.status & UNCORRECTED != 0
    }

    /// The physical address, if it has one.
    pub fn address(&self) -> Option<u64> {
        (self.status & HAS_ADDRESS != 0).then_some(self.addr)
    }

    /// What kind of error the code says it is.
    pub fn kind(&self) -> &'static str {
        let code = self.status & 0xffff;
        match code & !0x1000 {
            0x0001 => "an error that is not classified",
            0x0002 => "a parity error in the microcode's memory",
            0x0003 => "an error signalled from outside of the CPU",
            0x0005 => "a parity error inside of the CPU",
            0x0400 => "the CPU's internal timer ran out",
            c if c & 0xfff0 == 0x0010 => "an error in the translation buffer (TLB)",
            c if c & 0xff80 == 0x0080 => "an error of the memory controller or the memory",
            c if c & 0xff00 == 0x0100 => "an error in a cache",
            c if c & 0xf800 == 0x0800 => "an error on the bus or the interconnect",
            c if c & 0xfc00 == 0x0400 => "an internal error of the CPU",
            _ => "an error that only the maker of the CPU can decode",
        }
    }

    /// In words.
    pub fn text(&self) -> String {
        let sure = if self.is_uncorrected() { ", not corrected" } else { ", corrected" };
        let context = if self.status & CONTEXT_CORRUPT != 0 { ", the CPU's state is lost" } else { "" };
        let address = self.address().map(|a| format!(", at physical address {a:#x}")).unwrap_or_default();
        format!("CPU {}, bank {}: {}{sure}{context}{address}", self.cpu, self.bank, self.kind())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_in_words() {
        let mce = |status| Mce {
            at: VirtAddr(0),
            status,
            misc: 0,
            addr: 0x1000,
            mcgstatus: 4,
            ip: 0,
            bank: 7,
            cpu: 1,
        };
        let m = mce(0xbe00_0000_0080_0400);
        assert!(m.is_uncorrected() && m.address() == Some(0x1000));
        assert_eq!(m.kind(), "the CPU's internal timer ran out");
        assert_eq!(mce(VALID | 0x009f).kind(), "an error of the memory controller or the memory");
        assert_eq!(mce(VALID | 0x0135).kind(), "an error in a cache");
        assert_eq!(mce(VALID | 0x0e0b).kind(), "an error on the bus or the interconnect");
    }
}
