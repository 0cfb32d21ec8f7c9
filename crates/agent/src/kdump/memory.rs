//! What is known of a machine's memory: how much, what is reserved, and how large a dump of it would be.

use std::ops::Range;

use super::meminfo::{self, Resource};
use super::pages::Census;
use super::{System, estimate};

/// Kernels round the memory they have up to this before they look for a range of `crashkernel=` (kernel/crash_reserve.c,
/// `parse_crashkernel_mem`; kernel/crash_core.c before 6.9): firmware keeps a little of it.
const ROUNDED: u64 = 128 << 20;

impl System {
    /// Ranges of physical memory, where they can be seen.
    pub fn iomem(&self) -> Option<&[Resource]> {
        self.iomem.get_or_init(|| meminfo::iomem(&self.root.text("/proc/iomem")?)).as_deref()
    }

    /// Whether the firmware keeps the memory of a crashed kernel: fadump, on POWER.
    pub fn fadump(&self) -> bool {
        ["/sys/kernel/fadump/enabled", "/sys/kernel/fadump_enabled"]
            .iter()
            .any(|f| self.root.number(f) == Some(1))
    }

    /// Bytes that are reserved for the capture kernel.
    pub fn reserved(&self) -> Option<u64> {
        let number = |path| self.root.number(path).and_then(|n| u64::try_from(n).ok());
        if self.fadump() {
            return number("/sys/kernel/fadump/mem_reserved");
        }
        number("/sys/kernel/kexec_crash_size").or_else(|| {
            let ranges = self.iomem()?.iter().filter(|r| r.name == "Crash kernel");
            Some(ranges.map(Resource::len).fold(0, u64::saturating_add))
        })
    }

    /// Physical memory: what the firmware gave, or what the kernel has for use and what it reserved.
    pub fn physical_memory(&self) -> Option<u64> {
        let ram = |all: &[Resource]| {
            all.iter().filter(|r| is_ram(r)).map(Resource::len).fold(0, u64::saturating_add)
        };
        let seen = self.iomem().map(ram).filter(|n| *n > 0);
        seen.or_else(|| Some(self.memory?.total.saturating_add(self.reserved().unwrap_or(0))))
    }

    /// Physical memory as ranges of `crashkernel=` see it.
    pub fn rounded_memory(&self) -> Option<u64> {
        let memory = self.physical_memory()?;
        Some(memory.checked_next_multiple_of(ROUNDED).unwrap_or(memory))
    }

    /// How large a dump of now would be.
    pub fn expected_dump(&self) -> Option<&estimate::Estimate> {
        self.expected.get_or_init(|| self.estimate()).as_ref()
    }

    fn estimate(&self) -> Option<estimate::Estimate> {
        let writer = estimate::Writer {
            level: self.config.as_ref().map_or(Some(31), |c| c.level).unwrap_or(0),
            compressed: self.config.as_ref().is_some_and(|c| c.compressed),
        };
        let free = self.memory.map_or(0, |m| m.free);
        let by_pages = self.census().map(|(census, size)| estimate::by_pages(&census, size, free, writer));
        by_pages.or_else(|| Some(estimate::by_meminfo(&self.memory?, writer)))
    }

    /// All pages that a capture kernel would see, and their size: memory without what is reserved for itself.
    fn census(&self) -> Option<(Census, u64)> {
        let size = self.page_size()?;
        let ranges = frames(self.iomem()?, size);
        let flags = self.root.open("/proc/kpageflags").ok()?;
        Some((Census::of(flags, &ranges)?, size))
    }

    /// Only of this machine it is known; elsewhere some kinds of machines have but one.
    fn page_size(&self) -> Option<u64> {
        if self.root.is_live() {
            return u64::try_from(rustix::param::page_size()).ok();
        }
        matches!(self.machine.as_deref(), Some("x86_64" | "s390x")).then_some(4096)
    }
}

/// Memory proper, and what was added to it: `System RAM (kmem)`.
fn is_ram(r: &Resource) -> bool {
    r.top && r.name.starts_with("System RAM")
}

/// Page frames of memory that are not the capture kernel's.
fn frames(all: &[Resource], size: u64) -> Vec<Range<u64>> {
    let whole = |r: &Resource| r.start.div_ceil(size)..r.end.saturating_add(1) / size;
    let mut reserved: Vec<Range<u64>> = all.iter().filter(|r| r.name == "Crash kernel").map(whole).collect();
    // There are one or two.
    reserved.truncate(64);
    reserved.sort_unstable_by_key(|r| r.start);
    let mut found = Vec::new();
    for ram in all.iter().filter(|r| is_ram(r)).map(whole) {
        let mut at = ram.start;
        for hole in reserved.iter().filter(|h| h.start < ram.end && h.end > ram.start) {
            found.push(at..hole.start.max(at));
            at = at.max(hole.end);
        }
        found.push(at..ram.end.max(at));
    }
    found.retain(|r| !r.is_empty());
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_without_the_reservation() {
        let text = "00000000-00000fff : Reserved\n00001000-0009fbff : System RAM\n00100000-3fffffff : System RAM\n  \
                    01000000-01ffffff : Kernel code\n  30000000-37ffffff : Crash kernel\n  38000000-38ffffff : Crash kernel\n\
                    100000000-13fffffff : System RAM (kmem)\n";
        let all = meminfo::iomem(text).unwrap();
        assert_eq!(frames(&all, 4096), [1..0x9f, 0x100..0x30000, 0x39000..0x40000, 0x100000..0x140000]);
        assert_eq!(frames(&meminfo::iomem("0-ffffffffffffffff : System RAM\n").unwrap(), 4096).len(), 1);
    }
}
