//! CPUs: which there are, and which one died.

use necropsy_base::MemoryExt;
use necropsy_target::Target;

/// The CPUs that exist. (Online ones are no measure: `panic()` takes the others offline as it stops them.)
pub fn present(t: &Target) -> Vec<usize> {
    let present = t
        .cpu_mask("__cpu_present_mask|cpu_present_bits")
        .unwrap_or_default();
    if present.is_empty() {
        t.cpus().iter().map(|c| c.0).collect()
    } else {
        present
    }
}

/// The CPU that panicked: `panic_cpu` (4.4 and later), `crashing_cpu` where a crash kernel was started.
pub fn panicked(t: &Target) -> Option<usize> {
    let read = |name: &str| {
        let cpu = t.memory().u32(t.symbol(name)?).ok()? as i32;
        usize::try_from(cpu)
            .ok()
            .filter(|cpu| t.cpus().iter().any(|c| c.0 == *cpu))
    };
    // `panic_cpu` is -1 until a panic; `crashing_cpu` too.
    read("panic_cpu").or_else(|| read("crashing_cpu"))
}

/// The scheduler's clock on `cpu`, in ns.
pub fn run_queue_clock(t: &Target, cpu: usize) -> Option<u64> {
    let at = t.percpu_member("runqueues", "rq", "clock", cpu).ok()?;
    t.memory().u64(at).ok()
}
