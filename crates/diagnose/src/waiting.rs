//! What the detectives of deadlocks and hung tasks share: how the kernel came to its end, and waits in words.

use necropsy_base::MemoryExt;
use necropsy_kernel::locks::{Wait, Waits, is_scheduler, wait_function};
use necropsy_report::{Place, Related, TaskInfo};
use necropsy_target::Target;
use necropsy_target::unwind::Frame;

use crate::crash::{Crash, base_name};
use crate::findings::place;
use crate::{Case, blame};

/// How the kernel came to its end, as far as it matters to tasks that wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// The hung task detector panicked.
    HungTask,
    /// Somebody asked for the dump, or a watchdog saw that nothing moves: waiting may be why.
    Stopped,
    /// Nobody panicked: the dump was taken from outside.
    Alive,
    /// Something else: an exception, a check that failed.
    Other,
}

/// Where the hung task detector panics (kernel/hung_task.c).
const DETECTOR: &[&str] =
    &["watchdog", "check_hung_uninterruptible_tasks", "check_hung_task", "hung_task_info", "hung_task_panic"];
/// Who ends a kernel because nothing moves, or on request.
const STOPPED: &[&str] = &[
    "sysrq_handle_crash",
    "watchdog_timer_fn",
    "watchdog_overflow_callback",
    "watchdog_hardlockup_check",
    "unknown_nmi_error",
    "rcu_sched_clock_irq",
    "rcu_check_callbacks",
    "wq_watchdog_timer_fn",
];

impl Ending {
    /// How this kernel ended.
    pub fn of(case: &Case) -> Ending {
        let Some(crash) = case.crash() else { return Ending::Alive };
        let by = |names| crash.frame(names).is_some();
        match () {
            () if by(STOPPED) => Ending::Stopped,
            () if crash.trap(&case.target).is_none() && by(DETECTOR) && is_detector(crash) => {
                Ending::HungTask
            }
            () => Ending::Other,
        }
    }
}

/// `watchdog` is a common name: the thread tells whose it is. It alone calls `panic()` there.
fn is_detector(crash: &Crash) -> bool {
    let frames = &crash.stack.frames;
    let above = crash.frame(&["panic", "vpanic"]).map_or(0, |(i, _)| i + 1);
    let by = frames.iter().skip(above).find_map(|f| base_name(f).filter(|n| !blame::is_machinery(n)));
    crash.task.comm.0 == b"khungtaskd" && by.is_some_and(|n| DETECTOR.contains(&n))
}

/// After how many ns the hung task detector speaks up; its default where it is switched off or not there.
pub fn patience(t: &Target) -> u64 {
    const DEFAULT: u64 = 120;
    let set = t.symbol("sysctl_hung_task_timeout_secs").and_then(|at| t.memory().word(at).ok());
    set.filter(|s| *s > 0).unwrap_or(DEFAULT).saturating_mul(1_000_000_000)
}

/// The frame to blame for a wait: who called for it, or whom nobody vouches for behind that.
pub fn blamed<'a>(t: &Target, wait: &'a Wait) -> Option<(&'a Frame, f64)> {
    let (index, sure) = blame::culprit(t, &wait.stack.frames, wait.caller)?;
    Some((wait.stack.frames.get(index)?, sure))
}

/// The frame that says what a task is at: the first that is neither the scheduler nor a function that waits.
pub fn busy_with(frames: &[Frame]) -> Option<&Frame> {
    let waits = |f: &&Frame| f.name().is_some_and(|n| is_scheduler(n) || wait_function(n).is_some());
    let first = frames.iter().take_while(waits).count();
    let (index, _) = blame::nearest(frames, first)?;
    frames.get(index)
}

/// A frame as a place.
pub fn frame_place(t: &Target, frame: &Frame, confidence: Option<f64>) -> Option<Place> {
    let offset = frame.offset().map(|o| format!("{o:#x}"));
    let address = frame.pc.map(|pc| necropsy_report::Hex(pc.0));
    Some(Place { offset, address, ..place(t, frame.place()?, confidence) })
}

/// `function [module]`.
pub fn named(frame: &Frame) -> String {
    let module = frame.module().map(|m| format!(" [{m}]")).unwrap_or_default();
    format!("{}{module}", base_name(frame).unwrap_or("?"))
}

/// `comm (pid)`.
pub fn who(wait: &Wait) -> String {
    format!("{} ({})", wait.comm, wait.pid)
}

/// The task of a wait.
pub fn task_info(wait: &Wait) -> TaskInfo {
    TaskInfo { pid: wait.pid, comm: wait.comm.clone(), cpu: None }
}

/// Somebody else who is in it.
pub fn related(t: &Target, role: &'static str, wait: &Wait) -> Related {
    let frame = blamed(t, wait).map(|(f, _)| f);
    Related {
        role,
        function: frame.and_then(Frame::name).map(str::to_owned),
        module: frame.and_then(Frame::module).map(str::to_owned),
        task: Some(task_info(wait)),
    }
}

/// What a wait is for: the lock by its name, or the kind of thing.
pub fn what(waits: &Waits, wait: &Wait) -> String {
    match (waits.lock(wait), &wait.function) {
        (Some(lock), _) => lock.text(),
        (None, Some(function)) => format!("{} in {function}", wait.kind.text()),
        (None, None) => wait.kind.text().to_owned(),
    }
}

/// `, for 12.3 s`.
pub fn how_long(wait: &Wait) -> String {
    wait.waited.map(|ns| format!(", for {:.1} s", ns as f64 / 1e9)).unwrap_or_default()
}
