//! /proc/meminfo and /proc/iomem.

/// Memory by its use, in bytes. What the kernel does not say is zero, but for the total.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct MemInfo {
    pub total: u64,
    pub free: u64,
    pub buffers: u64,
    pub cached: u64,
    pub swap_cached: u64,
    pub anonymous: u64,
    pub huge: u64,
    pub slab: u64,
    pub stacks: u64,
    pub page_tables: u64,
    pub percpu: u64,
}

impl MemInfo {
    /// Reads it; `None` if it does not say the total.
    pub fn of(text: &str) -> Option<MemInfo> {
        let mut m = MemInfo::default();
        for line in text.lines() {
            let Some((name, rest)) = line.split_once(':') else { continue };
            let Some(kib) = rest.split_ascii_whitespace().next().and_then(|n| n.parse::<u64>().ok()) else {
                continue;
            };
            let field = match name {
                "MemTotal" => &mut m.total,
                "MemFree" => &mut m.free,
                "Buffers" => &mut m.buffers,
                "Cached" => &mut m.cached,
                "SwapCached" => &mut m.swap_cached,
                "AnonPages" => &mut m.anonymous,
                "Hugetlb" => &mut m.huge,
                "Slab" => &mut m.slab,
                "KernelStack" => &mut m.stacks,
                "PageTables" => &mut m.page_tables,
                "Percpu" => &mut m.percpu,
                _ => continue,
            };
            *field = kib.saturating_mul(1024);
        }
        (m.total > 0).then_some(m)
    }
}

/// A range of /proc/iomem.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Resource {
    /// First address.
    pub start: u64,
    /// Last address.
    pub end: u64,
    /// What it is.
    pub name: String,
    /// Whether it lies in none of the others.
    pub top: bool,
}

impl Resource {
    /// Its size.
    pub fn len(&self) -> u64 {
        (self.end - self.start).saturating_add(1)
    }
}

/// The ranges of /proc/iomem; none where the kernel hides the addresses (it shows zeros to those without CAP_SYS_ADMIN).
pub fn iomem(text: &str) -> Option<Vec<Resource>> {
    let parse = |line: &str| {
        let (range, name) = line.split_once(" : ")?;
        let (start, end) = range.trim().split_once('-')?;
        let (start, end) = (u64::from_str_radix(start, 16).ok()?, u64::from_str_radix(end, 16).ok()?);
        let top = !line.starts_with(' ');
        (end >= start).then(|| Resource { start, end, name: name.trim().to_owned(), top })
    };
    let all: Vec<Resource> = text.lines().take(100_000).filter_map(parse).collect();
    all.iter().any(|r| r.end > 0).then_some(all)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_files() {
        let m =
            MemInfo::of("MemTotal: 2048 kB\nMemFree: 1024 kB\nHugePages_Total: 3\nx\nCached: z\n").unwrap();
        assert_eq!((m.total, m.free, m.cached), (2 << 20, 1 << 20, 0));
        assert_eq!(MemInfo::of("MemFree: 1 kB"), None);
        let ranges = iomem("00001000-0009ffff : System RAM\n  00010000-0001ffff : Crash kernel\n").unwrap();
        assert_eq!((ranges[0].len(), ranges[1].top), (0x9f000, false));
        assert_eq!(iomem("00000000-00000000 : System RAM\n"), None);
        assert_eq!(iomem("2-1 : x\nffffffffffffffff-0 : y\n"), None);
    }
}
