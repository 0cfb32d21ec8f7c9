//! A CPU that makes no progress, and no watchdog said so.

use necropsy_arch::Flow;
use necropsy_base::MemoryExt;
use necropsy_kernel::cpus;
use necropsy_report::{Place, Related, TaskInfo};
use necropsy_target::unwind::Frame;

use crate::spinning::{OnCpu, takes_spin_lock};
use crate::suspect::{named, place_in};
use crate::waiting::Ending;
use crate::{Case, Class, Detective, Findings, Hypothesis, blame, busy_wait, code, present};

use super::lockup::seconds_stuck;

pub const STUCK_CPU: Detective = Detective {
    id: "stuck-cpu",
    title: "a CPU that makes no progress, though no watchdog said so",
    doc: "Somebody asked for the dump, pressed the NMI button, or took it from outside. Each CPU that is in the kernel is looked at: has its \
          run queue's clock stood still while others went on (it takes no timer interrupts), or has its watchdog's thread not run for long \
          (it does not schedule)? What it runs is named.",
    examine,
};

/// A CPU that others left behind by so many seconds takes no interrupts.
const BEHIND: u64 = 5;
/// `RFLAGS.IF`: interrupts are on.
const INTERRUPTS: u64 = 1 << 9;

/// How a CPU is stuck.
struct Stuck<'a> {
    on: &'a OnCpu,
    /// The frame that the CPU was in.
    frame: usize,
    seconds: u64,
    class: Class,
}

fn examine(case: &Case, found: &mut Findings) {
    if !matches!(Ending::of(case), Ending::Stopped | Ending::Alive) || is_reported(case) {
        return;
    }
    let worst = case
        .spinning()
        .cpus
        .iter()
        .filter_map(|on| stuck(case, on))
        .max_by_key(|s| (s.class == Class::HardLockup, s.seconds));
    let Some(worst) = worst else { return };
    let Some((index, sure)) = blame::culprit(&case.target, &worst.on.stack.frames, worst.frame) else {
        return;
    };
    let waits = busy_wait::awaited_in(&case.target, &worst.on.stack.frames, worst.frame).is_some();
    let sure = if waits { sure.min(busy_wait::SURE) } else { sure };
    let place = place_in(&case.target, &worst.on.stack.frames, index, sure);
    found.hypotheses.push(hypothesis(&worst, &place));
    tell(case, &worst, &place, found);
}

/// A watchdog that ended the kernel has its own detective.
fn is_reported(case: &Case) -> bool {
    let watchdogs = [
        "watchdog_timer_fn",
        "watchdog_overflow_callback",
        "watchdog_hardlockup_check",
        "rcu_sched_clock_irq",
        "rcu_check_callbacks",
    ];
    case.crash().is_some_and(|crash| crash.frame(&watchdogs).is_some())
}

fn stuck<'a>(case: &Case, on: &'a OnCpu) -> Option<Stuck<'a>> {
    let t = &case.target;
    let frames = &on.stack.frames;
    // What ended or stopped the CPU stands above what it was doing.
    let frame = frames.iter().position(|f| f.trap.is_some()).map_or(0, |i| i + 1);
    let interrupted =
        frames.get(frame).filter(|f| on.task.pid != 0 && f.pc.is_some_and(|pc| t.is_text(pc)))?;
    // Who waits for a spin lock is the matter of the detective of spin locks; who waits for another CPU's answer is that one's victim.
    if crate::crash::base_name(interrupted).is_some_and(|n| takes_spin_lock(n) || blame::awaits_answer(n)) {
        return None;
    }
    let clocks: Vec<u64> =
        cpus::present(t).into_iter().filter_map(|cpu| cpus::run_queue_clock(t, cpu)).collect();
    let own = cpus::run_queue_clock(t, on.cpu)?;
    let behind = clocks.iter().max()?.saturating_sub(own) / 1_000_000_000;
    if behind >= BEHIND {
        return Some(Stuck { on, frame, seconds: behind, class: Class::HardLockup });
    }
    let threshold = t.symbol("watchdog_thresh").and_then(|at| t.memory().u32(at).ok()).filter(|s| *s > 0)?;
    let seconds = seconds_stuck(t, on.cpu).filter(|s| *s >= u64::from(threshold))?;
    Some(Stuck { on, frame, seconds, class: Class::SoftLockup })
}

fn hypothesis(stuck: &Stuck<'_>, place: &Place) -> Hypothesis {
    let (on, who) = (stuck.on, named(place));
    let what = match stuck.class {
        Class::HardLockup => "took no timer interrupt",
        _ => "did not schedule",
    };
    let mut h = Hypothesis::new(
        stuck.class,
        format!("CPU {} {what} for {} s: {who}", on.cpu, stuck.seconds),
        format!("CPU {} {what} for {} s. It runs {who}, in task {}.", on.cpu, stuck.seconds, on.who()),
    );
    h.victim = Some(place.clone());
    h.culprit = Some(place.clone());
    let task: TaskInfo = present::task_info(&on.task, Some(on.cpu));
    h.related = vec![Related {
        role: "owner",
        function: place.function.clone(),
        module: place.module.clone(),
        task: Some(task.clone()),
    }];
    h.task = Some(task);
    h.advice = vec![
        format!("read the loop that it stands in: dis {}", place.function.as_deref().unwrap_or("FUNCTION")),
        "look at what the other CPUs were doing: bt -a".into(),
        "softlockup_panic=1 and, with hardware that counts cycles, nmi_watchdog=1 notice this by themselves"
            .into(),
    ];
    h.separate = Some("whether it still moves: a second dump would tell".into());
    h
}

fn tell(case: &Case, stuck: &Stuck<'_>, place: &Place, found: &mut Findings) {
    let (t, class, cpu) = (&case.target, stuck.class, stuck.on.cpu);
    let frame = &stuck.on.stack.frames[stuck.frame];
    let bears = [(class, 3.5), (Class::Nmi, -2.5), (Class::RequestedCrash, -4.0)];
    let (claim, source, proof) = match class {
        Class::HardLockup => (
            format!("the clock of CPU {cpu}'s run queue stands {} s behind the others", stuck.seconds),
            format!("memory:runqueues of CPU {cpu}"),
            "runq -t".to_owned(),
        ),
        _ => (
            format!("CPU {cpu} has not run its watchdog's task for {} s", stuck.seconds),
            format!("memory:watchdog_touch_ts of CPU {cpu}"),
            format!("p watchdog_touch_ts:{cpu}"),
        ),
    };
    found.add_to_all(&bears, source, proof, claim);
    let claim = format!("it runs {} in task {}", named(place), stuck.on.who());
    found.add(class, 0.5, "stack", format!("bt {}", stuck.on.task.pid), claim);
    if interrupts_off(t, stuck) {
        let claim =
            format!("interrupts are off there: {}", frame.pc.map(|pc| t.describe(pc)).unwrap_or_default());
        found.add(
            class,
            if class == Class::HardLockup { 1.0 } else { 0.0 },
            "stack",
            format!("bt -c {cpu}"),
            claim,
        );
    }
    if loops(t, frame) {
        let claim = format!("{} is inside of a loop", frame.pc.map(|pc| t.describe(pc)).unwrap_or_default());
        found.add(class, 1.0, "text", format!("dis {}", frame.name().unwrap_or_default()), claim);
    }
}

fn interrupts_off(t: &necropsy_target::Target, stuck: &Stuck<'_>) -> bool {
    let flags = t.arch().registers().iter().position(|name| *name == "rflags");
    let above = stuck.frame.checked_sub(1).and_then(|i| stuck.on.stack.frames[i].trap.as_ref());
    flags.zip(above).and_then(|(flags, regs)| regs.get(flags)).is_some_and(|flags| flags & INTERRUPTS == 0)
}

fn loops(t: &necropsy_target::Target, frame: &Frame) -> bool {
    let (Some(pc), Some(function)) = (frame.pc, frame.function.as_ref()) else { return false };
    let insns = code::function(t, function);
    let around = code::innermost_loop(&insns, pc);
    around.is_some_and(|range| !insns.iter().any(|i| range.contains(&i.at) && matches!(i.flow, Flow::Return)))
}
