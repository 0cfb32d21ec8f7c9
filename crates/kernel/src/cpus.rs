//! CPUs: which there are, and which one died.

use necropsy_base::MemoryExt;
use necropsy_target::CpuNoteKind;
use necropsy_target::Target;

/// What `panic_cpu` and `crashing_cpu` are until a panic.
const NOBODY: i32 = -1;

/// The CPUs that exist. (Online ones are no measure: `panic()` takes the others offline as it stops them.)
pub fn present(t: &Target) -> Vec<usize> {
    let present = t.cpu_mask("__cpu_present_mask|cpu_present_bits").unwrap_or_default();
    match (present.is_empty(), noted(t)) {
        (false, _) => present,
        (true, 0) => t.cpus().iter().map(|c| c.0).collect(),
        (true, count) => (0..count).collect(),
    }
}

/// How many CPUs the dump has registers of.
fn noted(t: &Target) -> usize {
    t.meta().cpus.iter().filter(|n| n.kind == CpuNoteKind::Prstatus).count()
}

/// The CPU that panicked: `panic_cpu` (4.4 and later), `crashing_cpu` where a crash kernel was started; where neither has a
/// name, the one whose stack shows it.
pub fn panicked(t: &Target) -> Option<usize> {
    let read = |name: &str| {
        let cpu = t.memory().u32(t.symbol(name)?).ok()? as i32;
        let found = usize::try_from(cpu).ok().filter(|cpu| t.cpus().iter().any(|c| c.0 == *cpu));
        if found.is_none() && cpu != NOBODY {
            t.note(format!("{name} is {cpu}: there is no such CPU"));
        }
        found
    };
    if t.symbol("panic_cpu").is_none() && t.symbol("crashing_cpu").is_none() {
        return present(t).into_iter().find(|cpu| panics(t, *cpu));
    }
    read("panic_cpu").or_else(|| read("crashing_cpu"))
}

/// Whether the stack of a CPU goes through `panic()`. The registers may be those of the code that failed, the end below them.
fn panics(t: &Target, cpu: usize) -> bool {
    const END: [&str; 4] = ["panic", "vpanic", "__crash_kexec", "crash_kexec"];
    let Some(regs) = t.cpu_regs(cpu).filter(|r| !t.arch().user_mode(r)) else { return false };
    let size = t.stack_size();
    let start = regs.get(t.arch().sp()).unwrap_or(0) & !(size - 1);
    let stack = t.running_stack(regs, start..start.saturating_add(size));
    stack.frames.iter().filter_map(|f| f.name()).any(|n| END.contains(&n))
}

/// The scheduler's clock on `cpu`, in ns.
pub fn run_queue_clock(t: &Target, cpu: usize) -> Option<u64> {
    let at = t.percpu_member("runqueues", "rq", "clock", cpu).ok()?;
    t.memory().u64(at).ok()
}
