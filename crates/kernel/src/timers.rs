//! Timers: the wheels of each CPU and the high-resolution ones (kernel/time/timer.c, kernel/time/hrtimer.c).

use necropsy_base::{MemoryExt, VirtAddr};
use necropsy_target::{ArrayAt, At, Load, LoadError, Target};

use crate::containers;

/// Names of the wheels, by their number: one without `NO_HZ`, two since 4.8, three since 6.9.
const TWO: [&str; 2] = ["BASE_STD", "BASE_DEF"];
const THREE: [&str; 3] = ["BASE_LOCAL", "BASE_GLOBAL", "BASE_DEF"];
/// No wheel has more slots.
const MAX_SLOTS: u64 = 4096;

/// A wheel of a CPU.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wheel {
    /// The CPU.
    pub cpu: usize,
    /// Its name.
    pub name: &'static str,
    /// Its `struct timer_base`.
    pub at: VirtAddr,
    /// Its timers, the next first.
    pub timers: Vec<Timer>,
}

/// A timer of a wheel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timer {
    /// When, in jiffies.
    pub expires: u64,
    /// Its `struct timer_list`.
    pub at: VirtAddr,
    /// What it calls.
    pub function: VirtAddr,
}

#[derive(Load)]
#[kernel(name = "timer_base")]
struct Base {
    vectors: ArrayAt,
}

#[derive(Load)]
#[kernel(name = "timer_list")]
struct RawTimer {
    expires: u64,
    function: VirtAddr,
}

/// The wheels of a CPU.
pub fn wheels(t: &Target, cpu: usize) -> Result<Vec<Wheel>, LoadError> {
    let first =
        t.percpu_symbol("timer_bases", cpu).ok_or_else(|| LoadError::NoSymbol("timer_bases".into()))?;
    let size = t.size_of("timer_base")?;
    let bases = t.percpu_type("timer_bases").and_then(|ty| ty.size().ok()).map_or(2, |all| all / size);
    let entry = t.offset_of("timer_list", "entry")?;
    let names: &[&'static str] = if bases >= 3 { &THREE } else { &TWO };
    let wheel = |(i, name): (usize, &&'static str)| {
        let at = first.offset(i as u64 * size);
        let base: Base = t.load(at)?;
        let (mut timers, mut problem) = (Vec::new(), None);
        for slot in base.vectors.iter().take(MAX_SLOTS as usize) {
            let walk = containers::hlist(t, slot);
            problem = problem.or(walk.problem);
            for node in walk.items {
                let at = node.moved(-(entry as i64));
                let raw: RawTimer = t.load(at)?;
                timers.push(Timer { expires: raw.expires, at, function: raw.function });
            }
        }
        timers.sort_by_key(|timer| (timer.expires, timer.at));
        // One note, not one for each slot of a wheel that is not in the dump.
        if let Some(problem) = problem {
            t.note(format!("timers of {name}: {problem}"));
        }
        Ok(Wheel { cpu, name, at, timers })
    };
    names.iter().take(bases.clamp(1, 3) as usize).enumerate().map(wheel).collect()
}

/// A clock of the high-resolution timers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Clock {
    /// Its number.
    pub number: usize,
    /// Its `struct hrtimer_clock_base`.
    pub at: VirtAddr,
    /// The function that tells its time.
    pub get_time: VirtAddr,
    /// Its timers, the next first.
    pub timers: Vec<HrTimer>,
    /// The one whose function runs, or was the last to run in an interrupt that has not ended.
    pub running: Option<HrTimer>,
}

/// A high-resolution timer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HrTimer {
    /// When at the earliest, in ns of its clock.
    pub soft_expires: i64,
    /// When, in ns of its clock.
    pub expires: i64,
    /// Its `struct hrtimer`.
    pub at: VirtAddr,
    /// What it calls.
    pub function: VirtAddr,
}

#[derive(Load)]
#[kernel(name = "hrtimer_cpu_base")]
struct CpuBase {
    clock_base: ArrayAt,
}

#[derive(Load)]
#[kernel(name = "hrtimer_clock_base")]
struct ClockBase {
    active: At,
    get_time: Option<VirtAddr>,
    running: Option<VirtAddr>,
}

#[derive(Load)]
#[kernel(name = "hrtimer")]
struct RawHrTimer {
    #[kernel(path = "node.expires")]
    expires: i64,
    #[kernel(path = "_softexpires")]
    soft: i64,
    function: VirtAddr,
}

/// The high-resolution timer that runs on a CPU, if one does.
pub fn running(t: &Target, cpu: usize) -> Option<HrTimer> {
    clocks(t, cpu).ok()?.1.into_iter().find_map(|clock| clock.running)
}

/// The clocks of a CPU, with the address of its `struct hrtimer_cpu_base`.
pub fn clocks(t: &Target, cpu: usize) -> Result<(VirtAddr, Vec<Clock>), LoadError> {
    let at =
        t.percpu_symbol("hrtimer_bases", cpu).ok_or_else(|| LoadError::NoSymbol("hrtimer_bases".into()))?;
    let base: CpuBase = t.load(at)?;
    let node = t.offset_of("hrtimer", "node.node|node")?;
    let root = t.offset_of("timerqueue_head", "rb_root.rb_root.rb_node|rb_root.rb_node|head.rb_node")?;
    let clock = |(number, at): (usize, VirtAddr)| {
        let base: ClockBase = t.load(at)?;
        let top = t.memory().ptr(base.active.0.offset(root))?;
        let timer = |at: VirtAddr| -> Result<HrTimer, LoadError> {
            let raw: RawHrTimer = t.load(at)?;
            Ok(HrTimer { soft_expires: raw.soft, expires: raw.expires, at, function: raw.function })
        };
        let all = containers::rbtree(t, top)?.or_note(t, "timers").into_iter();
        let timers = all.map(|found| timer(found.moved(-(node as i64)))).collect::<Result<Vec<_>, _>>()?;
        let running = base.running.filter(|at| !at.is_null()).and_then(|at| timer(at).ok());
        Ok(Clock { number, at, get_time: base.get_time.unwrap_or_default(), timers, running })
    };
    let clocks: Result<Vec<Clock>, LoadError> =
        base.clock_base.iter().take(16).enumerate().map(clock).collect();
    Ok((at, clocks?))
}
