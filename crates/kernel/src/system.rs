//! The machine and its kernel in a few facts.

use necropsy_base::{MemoryExt, VirtAddr};
use necropsy_target::{Bytes, Load, LoadError, Partial, Target};

/// What `uname` says.
#[derive(Clone, Debug, Load)]
#[kernel(name = "new_utsname")]
pub struct Uts {
    /// Host name.
    pub nodename: Bytes<65>,
    /// Kernel release.
    pub release: Bytes<65>,
    /// Build.
    pub version: Bytes<65>,
    /// CPU.
    pub machine: Bytes<65>,
}

/// `uname` of the dead kernel.
pub fn uts(t: &Target) -> Result<Uts, LoadError> {
    let at = t.need_symbol("init_uts_ns")?;
    t.load(at.offset(t.offset_of("uts_namespace", "name")?))
}

/// The kernel's clocks when it died.
#[derive(Clone, Copy, Debug)]
pub struct Clock {
    /// Seconds since 1970.
    pub date: u64,
    /// Seconds since boot.
    pub uptime: u64,
}

#[derive(Load)]
#[kernel(name = "timekeeper")]
struct Timekeeper {
    xtime_sec: u64,
    ktime_sec: Partial<u64>,
    offs_boot: Partial<i64>,
}

/// Wall clock and time since boot, from the core timekeeper: no tick rate needs to be guessed.
pub fn clock(t: &Target) -> Result<Clock, LoadError> {
    let raw: Timekeeper = t.load(timekeeper(t)?)?;
    let suspended = raw.offs_boot.get().map_or(0, |ns| ns / 1_000_000_000);
    let uptime = raw.ktime_sec.get().map_or(0, |s| s.saturating_add_signed(suspended));
    Ok(Clock { date: raw.xtime_sec, uptime })
}

/// `tk_core` is an anonymous struct of a sequence count and the timekeeper up to 6.12; `struct tk_data` after, in an array
/// of them since 6.17 (kernel/time/timekeeping.c).
fn timekeeper(t: &Target) -> Result<VirtAddr, LoadError> {
    let at = t.symbol("tk_core").or_else(|| t.symbol("timekeeper_data"));
    let at = at.ok_or_else(|| LoadError::NoSymbol("tk_core".into()))?;
    Ok(at.offset(t.offset_of("tk_data", "timekeeper").unwrap_or_else(|_| behind_count(t))))
}

/// Where the timekeeper stands behind a sequence count: how large that is depends on whether it knows its lock (lockdep, real-time).
fn behind_count(t: &Target) -> u64 {
    let size = t.size_of("seqcount_raw_spinlock").or_else(|_| t.size_of("seqcount"));
    size.unwrap_or(8).next_multiple_of(8)
}

/// The three load averages.
pub fn load_average(t: &Target) -> Result<[f64; 3], LoadError> {
    let at = t.need_symbol("avenrun")?;
    let mut load = [0.0; 3];
    for (i, value) in load.iter_mut().enumerate() {
        let word = t.memory().word(at.offset(i as u64 * u64::from(t.abi().word)))?;
        *value = word as f64 / 2048.0; // FIXED_1, include/linux/sched/loadavg.h
    }
    Ok(load)
}

#[derive(Load)]
#[kernel(name = "pglist_data")]
struct Node {
    node_present_pages: u64,
}

/// Bytes of memory the kernel had: the present pages of its nodes.
pub fn memory_bytes(t: &Target) -> Option<u64> {
    let pages = nodes(t).into_iter().filter_map(|at| Some(t.load::<Node>(at).ok()?.node_present_pages));
    let bytes = pages.sum::<u64>().saturating_mul(t.page_size());
    let dumped = || Some(t.phys()?.ram().total());
    if bytes > 0 { Some(bytes) } else { dumped() }
}

/// The `struct pglist_data` of all NUMA nodes.
pub(crate) fn nodes(t: &Target) -> Vec<VirtAddr> {
    let Some(table) = t.symbol("node_data") else {
        return t.symbol("contig_page_data").into_iter().collect();
    };
    let word = u64::from(t.abi().word);
    let entry = |i: u64| t.memory().ptr(table.offset(i * word)).ok().filter(|p| t.arch().is_kernel(*p));
    let count = t.near(table).and_then(|n| n.size).map_or(1, |size| size / word).clamp(1, 1024);
    (0..count).map_while(entry).collect()
}

/// The kernel's command line.
pub fn command_line(t: &Target) -> Option<String> {
    let at = t.memory().ptr(t.symbol("saved_command_line")?).ok()?;
    Some(t.memory().cstr(at, 4096).ok()?.escape_ascii().to_string())
}

/// CPU frequency in MHz, where the kernel measured it (`cpu_khz`, x86: what /proc/cpuinfo begins with).
pub fn mhz(t: &Target) -> Option<u32> {
    let khz = t.memory().u32(t.symbol("cpu_khz").or_else(|| t.symbol("tsc_khz"))?).ok()?;
    (khz > 0).then_some(khz / 1000)
}

/// `linux_banner`: `Linux version …`, from memory, or as the first words of the log.
pub fn banner(t: &Target) -> Option<String> {
    const BEGIN: &[u8] = b"Linux version ";
    let text = t.symbol("linux_banner").and_then(|at| t.memory().cstr(at, 1024).ok());
    let logged = || {
        let records = crate::printk::log(t).ok()?.records;
        records.into_iter().take(64).map(|r| r.text).find(|text| text.starts_with(BEGIN))
    };
    let text = text.filter(|text| text.starts_with(BEGIN)).or_else(logged)?;
    Some(String::from_utf8_lossy(&text).trim_end().to_owned())
}
