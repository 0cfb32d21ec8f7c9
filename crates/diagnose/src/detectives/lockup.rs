//! A CPU that made no progress, noticed by a watchdog.

use necropsy_base::{MemoryExt, VirtAddr};
use necropsy_kernel::timers::{self, HrTimer};
use necropsy_kernel::{cpus, rcu};
use necropsy_target::Target;
use necropsy_target::unwind::Frame;

use crate::busy_wait::{self, Awaited};
use crate::crash::{Crash, base_name};
use crate::device_reads;
use crate::endless_list::{self, Circle};
use crate::findings::{self, place};
use crate::registers_of::{self, Register};
use crate::spinning::takes_spin_lock;
use crate::suspect::{named, place_in, place_of};
use crate::timeline::first_event;
use crate::{Case, Class, Detective, Findings, Hypothesis, blame, code, present};
use necropsy_report::{Place, Related};

pub const LOCKUP: Detective = Detective {
    id: "lockup",
    title: "a CPU that made no progress",
    doc: "The panic was called by one of the kernel's watchdogs, in an interrupt. What that interrupt found running is what did not \
          let the CPU go on: the function is named, whether it stands in a loop is read from its code, and since when the CPU has \
          not scheduled from the watchdog's own time stamp. A loop that walks a list which runs in a circle cannot end: who walks is not \
          to blame then.",
    examine,
};

/// A watchdog: the functions that call the panic, and what it watches.
struct Watchdog {
    class: Class,
    reporters: &'static [&'static str],
    what: &'static str,
    patterns: &'static [&'static str],
}

/// kernel/watchdog.c, kernel/watchdog_hld.c, kernel/watchdog_perf.c, kernel/rcu/tree_stall.h (4.x to 7.x).
const WATCHDOGS: &[Watchdog] = &[
    Watchdog {
        class: Class::SoftLockup,
        reporters: &["watchdog_timer_fn"],
        what: "did not schedule",
        patterns: &["soft"],
    },
    Watchdog {
        class: Class::HardLockup,
        reporters: &["watchdog_overflow_callback", "watchdog_hardlockup_check"],
        what: "took no timer interrupt",
        patterns: &["hard", "hard.ppc"],
    },
    Watchdog {
        class: Class::RcuStall,
        reporters: &[
            "panic_on_rcu_stall",
            "print_cpu_stall",
            "check_cpu_stall",
            "rcu_sched_clock_irq",
            "rcu_check_callbacks",
        ],
        what: "kept an RCU grace period from ending",
        patterns: &["rcu.self", "rcu.other", "rcu.csd", "rcu.starved", "rcu.timer"],
    },
];

const PANIC: &[&str] = &["panic", "vpanic", "nmi_panic"];

/// Functions in which a CPU has nothing to do.
const IDLE: &[&str] = &[
    "default_idle",
    "native_safe_halt",
    "pv_native_safe_halt",
    "acpi_idle_enter",
    "acpi_safe_halt",
    "intel_idle",
    "mwait_idle",
    "default_idle_call",
    "cpuidle_enter_state",
    "do_idle",
    "arch_cpu_idle",
];

fn examine(case: &Case, found: &mut Findings) {
    let Some(crash) = case.crash() else { return };
    for dog in WATCHDOGS {
        if let Some(reporter) = reporter(crash, dog) {
            return examine_stuck(case, crash, dog, reporter, found);
        }
    }
}

/// The frame of the watchdog: it called the panic.
fn reporter(crash: &Crash, dog: &Watchdog) -> Option<usize> {
    let frames = &crash.stack.frames;
    let is = |f: &Frame, names: &[&str]| base_name(f).is_some_and(|n| names.contains(&n));
    let panic = frames.iter().rposition(|f| is(f, PANIC))?;
    // What is between the two, if anything, is part of the report.
    frames.iter().enumerate().skip(panic + 1).take(3).find(|(_, f)| is(f, dog.reporters)).map(|(i, _)| i)
}

/// What the watchdog's interrupt found running.
fn interrupted(crash: &Crash, reporter: usize) -> Option<usize> {
    let frames = crash.stack.frames.iter().enumerate().skip(reporter);
    let entry = frames.clone().find(|(_, f)| f.trap.is_some())?.0;
    (entry + 1 < crash.stack.frames.len()).then_some(entry + 1)
}

fn examine_stuck(case: &Case, crash: &Crash, dog: &Watchdog, reporter: usize, found: &mut Findings) {
    let (t, frames) = (&case.target, &crash.stack.frames);
    let watchdog = frames[reporter].name().unwrap_or_default().to_owned();
    let stuck = interrupted(crash, reporter);
    let names: Vec<&str> =
        stuck.map_or_else(Vec::new, |k| frames[k..].iter().filter_map(base_name).collect());
    let waits = names.first().is_some_and(|n| takes_spin_lock(n));
    let idle = names.iter().take(3).any(|n| IDLE.contains(n));
    let asks = names.first().is_some_and(|n| blame::awaits_answer(n));
    // Who waits for a lock is a victim of who holds it.
    let first = stuck.map(|k| k + names.iter().take_while(|n| takes_spin_lock(n)).count());
    let (index, sure) = match first.and_then(|k| blame::culprit(t, frames, k)).filter(|_| !idle) {
        Some((index, _)) if waits || asks => (Some(index), 0.4),
        Some((index, sure)) => (Some(index), sure),
        None => (None, 0.0),
    };
    let awaited = stuck.filter(|_| !waits && !asks).and_then(|k| busy_wait::awaited_in(t, frames, k));
    // Of a register its device is told.
    let awaited = awaited.filter(|a| registers_of::register(t, a.word).is_none());
    let circle = stuck.filter(|_| !waits && !asks).and_then(|k| endless_list::walked_in(t, frames, k));
    // Who should have changed what it waits for may be to blame, or who made a circle of what it walks.
    let sure = if awaited.is_some() { sure.min(busy_wait::SURE) } else { sure };
    let sure = if circle.is_some() { sure.min(0.3) } else { sure };
    let mut culprit = index.map(|i| place_in(t, frames, i, sure));
    let victim = culprit.clone();
    let who = culprit.as_ref().map_or_else(|| "an unknown function".to_owned(), named);
    let since = seconds_stuck(t, crash.cpu).filter(|_| dog.class == Class::SoftLockup);
    let long = since.map(|s| format!(" for {s} s")).unwrap_or_default();
    let mut title = format!("CPU {} {}{long}: {who}", crash.cpu, dog.what);
    let mut statement = format!(
        "CPU {} {}{long}; {watchdog} noticed it and ended the kernel. Its interrupt found {who} running in task {} ({}).",
        crash.cpu,
        dog.what,
        necropsy_report::bytes_text(&crash.task.comm.0),
        crash.task.pid
    );
    let elsewhere = if idle || asks || names.is_empty() { elsewhere(case, crash.cpu, dog) } else { None };
    // The task that is stuck, not the one that was running where it was noticed.
    let stuck_task = elsewhere.as_ref().and_then(|b| b.related.task.clone());
    let blocker = if let Some(b) = elsewhere {
        let own = if asks { "waits until others have answered it" } else { "was not the one that was stuck" };
        statement = format!("{watchdog} ended the kernel on CPU {}, which {own}.", crash.cpu);
        title = format!("CPU {} {}: {}", b.cpu, dog.what, named(&b.place));
        Some(b)
    } else if waits {
        blocker(case, crash.cpu)
    } else {
        None
    };
    if let Some(b) = &blocker {
        statement += &b.text;
        found.add(dog.class, 2.5, b.source.clone(), b.reproduce.clone(), b.claim.clone());
        found.add(dog.class, 0.0, "stack", b.stack.clone(), b.stands.clone());
        culprit = Some(b.place.clone());
    } else if waits {
        statement += " It waits for a lock: whoever holds that is to blame, and is not known.";
    } else if asks {
        statement +=
            " It waits until another CPU answers its interrupt: that one is to blame, and is not known.";
    } else if idle {
        statement = format!(
            "{watchdog} ended the kernel on CPU {}, which was idle: another CPU is the one that {}.",
            crash.cpu, dog.what
        );
    }
    if let Some((word, by)) = awaited.zip(stuck).filter(|_| blocker.is_none()) {
        let (told, left_by) = wait_of(t, &word, &frames[by], dog.class, found);
        statement += &told;
        culprit = left_by.or(culprit);
    }
    let polled = stuck.filter(|_| !waits && !asks && blocker.is_none()).and_then(|by| {
        let at = device_reads::polled(t, frames[by].pc?, frames.get(by.checked_sub(1)?)?.trap.as_ref()?)?;
        Some((at, registers_of::register(t, at)?, by))
    });
    if let Some((at, register, by)) = polled {
        statement += &device_wait(at, &register, &frames[by], dog.class, found);
    }
    if let Some((circle, walker)) = circle.zip(stuck).filter(|_| blocker.is_none()) {
        let (told, made_by) = round(t, &circle, &frames[walker], dog.class, found);
        statement += &told;
        culprit = made_by.or(culprit);
    }
    let mut h = Hypothesis::new(dog.class, title, statement);
    h.victim = victim;
    h.culprit = culprit;
    h.task = stuck_task;
    h.related = blocker.into_iter().map(|b| b.related).collect();
    h.advice = vec![
        format!(
            "read the loop that it stands in: dis {}",
            index.and_then(|i| frames[i].name()).unwrap_or("FUNCTION")
        ),
        "look at what the other CPUs were doing: bt -a".into(),
    ];
    h.separate = Some(
        "whether the loop ends by itself with time (slow) or waits for something that cannot come (stuck)"
            .into(),
    );
    found.hypotheses.push(h);

    let claim = format!(
        "{watchdog} called the panic, in an interrupt of {}",
        stuck.and_then(|k| frames[k].pc).map_or_else(|| "unknown code".into(), |pc| t.describe(pc))
    );
    found.add(dog.class, 4.0, "stack", "bt".to_owned(), claim);
    if let Some(s) = since {
        let claim = format!("CPU {} has not run its watchdog's task for {s} s", crash.cpu);
        let source = format!("memory:watchdog_touch_ts of CPU {}", crash.cpu);
        let reproduce = format!("p watchdog_touch_ts:{}", crash.cpu);
        found.add(dog.class, if s >= 5 { 1.5 } else { -1.0 }, source, reproduce, claim);
    }
    if let Some(k) = stuck.filter(|_| !idle) {
        looping(t, dog.class, &frames[k], found);
    }
    if let Some((line, text)) = first_event(case.log(), dog.patterns) {
        found.add(dog.class, 0.5, format!("log:{line}"), "log".to_owned(), format!("the log says: {text}"));
    }
}

/// A circle in words, and who made it, if there is just one who can.
fn round(
    t: &Target,
    circle: &Circle,
    walker: &Frame,
    class: Class,
    found: &mut Findings,
) -> (String, Option<Place>) {
    let name = |at: VirtAddr| t.describe(at).replace("+0x0", "");
    let (from, to, before) = (name(circle.from), name(circle.to), name(circle.before));
    let function = walker.name().unwrap_or_default();
    let claim = format!(
        "the list that {function} walks runs in a circle of {}: the entry at {:#x} leads to {:#x}, which has {:#x} before it",
        circle.links.len(),
        circle.from.0,
        circle.to.0,
        circle.before.0
    );
    found.add(class, 1.0, format!("memory:{:#x}", circle.to.0), format!("rd {:x} 2", circle.to.0), claim);
    let claim = format!("the entry at {:#x} leads to {:#x}", circle.from.0, circle.to.0);
    found.add(class, 0.2, format!("memory:{:#x}", circle.from.0), format!("rd {:x} 2", circle.from.0), claim);
    let told = format!(
        " The list that it walks has no end: {from} leads to {to}, which comes behind {before}. Who added an entry that was in it already, or \
         freed one without taking it out, is to blame."
    );
    let start = walker.function.as_ref().map_or(VirtAddr(0), |f| f.start);
    let [one] = endless_list::writers(t, circle.before, start)[..] else { return (told, None) };
    let culprit = place(t, one, Some(0.6));
    let claim = format!(
        "{} is the only function of its module that writes to {before} by its address",
        named(&culprit)
    );
    let reproduce = culprit.function.as_ref().map(|f| format!("dis {f}"));
    found.add(class, 0.3, format!("text:{}", t.describe(one)), reproduce, claim);
    (format!("{told} Only {} adds to it.", named(&culprit)), Some(culprit))
}

/// A wait in words, and who left the word changed halfway, if there is just one who can.
fn wait_of(
    t: &Target,
    word: &Awaited,
    by: &Frame,
    class: Class,
    found: &mut Findings,
) -> (String, Option<Place>) {
    let name = t.describe(word.word).replace("+0x0", "");
    let size = usize::from(word.size).clamp(1, 8);
    let holds = t.memory().uint(word.word, size).map(|n| format!(", which is {n:#x}")).unwrap_or_default();
    let function = by.name().unwrap_or_default();
    let claim = format!("the loop of {function} only waits until {name} changes");
    found.add(class, 0.2, format!("text:{function}"), format!("dis {function}"), claim);
    let proof = format!("rd -{} {:x} 1", 8 * size.next_power_of_two(), word.word.0);
    let claim = format!("that is at {:#x}{holds}", word.word.0);
    found.add(class, 0.1, format!("memory:{:#x}", word.word.0), proof, claim);
    let told = format!(" The loop only waits until {name}{holds}, changes.");
    let losers = busy_wait::losers(t, word.word);
    let [loser] = &losers[..] else { return (told, None) };
    let culprit = place(t, loser.taken, Some(busy_wait::SURE));
    let who = named(&culprit);
    let claim = format!(
        "{who} changes {name} at {} and can come to its return at {} without changing it back",
        t.describe(loser.taken),
        t.describe(loser.left)
    );
    let proof = format!("dis {:x}", loser.function.start.0);
    found.add(class, 0.5, format!("text:{}", loser.function.name), proof, claim);
    (format!("{told} {who} can return with it changed halfway."), Some(culprit))
}

/// What the loop waits for is up to a device.
fn device_wait(at: VirtAddr, register: &Register, by: &Frame, class: Class, found: &mut Findings) -> String {
    let function = by.name().unwrap_or_default();
    let claim = format!("the loop of {function} reads a register of a device");
    found.add(class, 0.2, format!("text:{function}"), format!("dis {function}"), claim);
    let (at, phys, of) = (at.0, register.phys, &register.of);
    let claim = format!("that is at {at:#x}, physical {phys:#x}: of {of}");
    found.add(class, 0.1, format!("memory:page tables of {at:#x}"), format!("vtop {at:x}"), claim);
    format!(
        " The loop reads a register of {of} again and again: if it has no other end, a device that is gone or hangs keeps it for ever. Drivers \
         must give up after some time (readl_poll_timeout)."
    )
}

/// The CPU that another one's watchdog complains of: of a grace period one that holds it up, else one whose clock stands still.
fn elsewhere(case: &Case, own: usize, dog: &Watchdog) -> Option<Blocker> {
    let t = &case.target;
    let held_up = || {
        let period = rcu::grace_period(t).map_err(|e| t.note(format!("RCU: {e}"))).ok()?;
        period.cpus.into_iter().find(|cpu| *cpu != own)
    };
    let (stuck, why, source, reproduce) = match if dog.class == Class::RcuStall { held_up() } else { None } {
        Some(cpu) => (
            cpu,
            "has not passed through a quiescent state, by its bit in RCU's tree".to_owned(),
            "memory:rcu_state",
            "p rcu_state.node[0].qsmask".to_owned(),
        ),
        None => {
            let (cpu, behind) = most_behind(t)?;
            let why = format!("has not moved its run queue's clock for {behind} s");
            (cpu, why, "memory:runqueues", format!("bt -c {cpu}"))
        }
    };
    let on = case.spinning().cpus.iter().find(|c| c.cpu == stuck)?;
    let frames = &on.stack.frames;
    // An interrupt that stopped the CPU stands above what it was doing.
    let from = frames.iter().position(|f| f.trap.is_some()).map_or(0, |i| i + 1);
    let (index, sure) = blame::culprit(t, frames, from)?;
    let most = if busy_wait::awaited_in(t, frames, from).is_some() { busy_wait::SURE } else { 1.0 };
    let dispatched = timer_of(t, stuck, &frames[index]);
    let (place, doing) = match &dispatched {
        Some(timer) => (
            findings::place(t, timer.function, Some(0.75)),
            format!(
                "it does not come out of the interrupt of timers, where the timer at {:#x} is run by",
                timer.at.0
            ),
        ),
        None => (place_in(t, frames, index, most.min(0.9 * sure)), "it runs".to_owned()),
    };
    let who = named(&place);
    let (stands, stack) = match &dispatched {
        Some(timer) => (
            format!("the timer at {:#x}, which it runs, has the function {who}", timer.at.0),
            format!("struct hrtimer.function {:x}", timer.at.0),
        ),
        None => (format!("its task {} stands in {who}", on.who()), format!("bt {}", on.task.pid)),
    };
    Some(Blocker {
        cpu: stuck,
        text: format!(" CPU {stuck} {why}: {doing} {who}, in task {}.", on.who()),
        claim: format!("CPU {stuck} {why}"),
        stack,
        stands,
        source: source.into(),
        reproduce: Some(reproduce),
        related: Related {
            role: "owner",
            function: place.function.clone(),
            module: place.module.clone(),
            task: Some(present::task_info(&on.task, Some(stuck))),
        },
        place,
    })
}

/// The high-resolution timer that a CPU runs, where it stands in what runs them: one that is started again without being moved on never ends.
pub(super) fn timer_of(t: &Target, cpu: usize, frame: &Frame) -> Option<HrTimer> {
    let runs = ["__hrtimer_run_queues", "hrtimer_interrupt", "hrtimer_run_queues"];
    base_name(frame).filter(|n| runs.contains(n))?;
    timers::running(t, cpu)
}

/// The CPU whose run queue's clock is furthest behind the others, and by how many seconds, if that is long.
fn most_behind(t: &Target) -> Option<(usize, u64)> {
    let clocks = cpus::present(t).into_iter().filter_map(|cpu| Some((cpu, cpus::run_queue_clock(t, cpu)?)));
    let clocks: Vec<(usize, u64)> = clocks.collect();
    let newest = clocks.iter().map(|c| c.1).max()?;
    let (cpu, oldest) = clocks.into_iter().min_by_key(|c| c.1)?;
    let behind = (newest - oldest) / 1_000_000_000;
    (behind >= 5).then_some((cpu, behind))
}

/// Who holds the lock that a CPU spins on.
struct Blocker {
    /// The CPU that is kept or keeps others.
    cpu: usize,
    place: Place,
    related: Related,
    text: String,
    claim: String,
    source: String,
    reproduce: Option<String>,
    /// Where its task stands, and the command that shows it.
    stands: String,
    stack: String,
}

/// The last in the chain: a holder that does not spin itself.
fn blocker(case: &Case, cpu: usize) -> Option<Blocker> {
    let (t, spinning) = (&case.target, case.spinning());
    let last = spinning.end(spinning.of_cpu(cpu)?);
    let (hold, lock) = (spinning.holds.get(last)?.as_ref()?, spinning.spins.get(last)?.lock);
    let (on, frame) = spinning.place(hold)?;
    // What runs below the function that took the lock is what keeps it; an interrupt that stopped the CPU is not.
    let below = &on.stack.frames[..=hold.frame];
    let from = below.iter().rposition(|f| f.trap.is_some()).map_or(0, |i| i + 1);
    let (index, sure) = blame::culprit(t, &on.stack.frames, from.min(hold.frame))?;
    let place = place_of(t, &on.stack.frames[index], 0.9 * sure);
    let (who, name) = (named(&place), frame.name().unwrap_or("an unknown function"));
    let state = if hold.asleep { "sleeps".to_owned() } else { format!("runs on CPU {}", on.cpu) };
    let (taken, name_of) = (t.describe(hold.taken), t.describe(lock).replace("+0x0", ""));
    Some(Blocker {
        cpu,
        text: format!(
            " It waits for a lock ({name_of}) that task {} holds: that one {state}, in {who}, and does not give it back.",
            on.who()
        ),
        claim: format!(
            "{name}, on the stack of {}, took the lock {name_of} at {taken} and has not come to the unlock",
            on.who()
        ),
        stack: format!("bt {}", on.task.pid),
        stands: format!("{} {state}, in {who}", on.who()),
        source: format!("text:{name}"),
        reproduce: Some(format!("locks {:x}", lock.0)),
        related: Related {
            role: "owner",
            function: place.function.clone(),
            module: place.module.clone(),
            task: Some(present::task_info(&on.task, Some(on.cpu))),
        },
        place,
    })
}

/// Whether the code that was interrupted is a loop, and one that calls nothing.
fn looping(t: &Target, class: Class, frame: &Frame, found: &mut Findings) {
    let (Some(pc), Some(function)) = (frame.pc, frame.function.as_ref()) else { return };
    let insns = code::function(t, function);
    let Some(range) = code::innermost_loop(&insns, pc) else { return };
    let inside = insns.iter().filter(|i| range.contains(&i.at));
    let calls = inside.clone().filter(|i| matches!(i.flow, necropsy_arch::Flow::Call(_))).count();
    let what = if calls == 0 {
        "which calls nothing and cannot schedule"
    } else {
        "which also calls other functions"
    };
    let (name, start) = (&function.name, function.start.0);
    let claim = format!(
        "{name}+{:#x} is inside of a loop from {name}+{:#x} to {name}+{:#x}, {what}",
        pc.0 - start,
        range.start().0 - start,
        range.end().0 - start
    );
    found.add(class, 1.0, format!("text:{name}"), format!("dis {name}"), claim);
}

/// Seconds since the CPU last ran the task that its watchdog waits for: `watchdog_touch_ts` counts units of 2^30 ns
/// (kernel/watchdog.c, `get_timestamp`), as the run queue's clock does in ns.
pub(super) fn seconds_stuck(t: &Target, cpu: usize) -> Option<u64> {
    let touched = t.memory().u64(t.percpu_symbol("watchdog_touch_ts", cpu)?).ok()?;
    let clock = t.memory().u64(t.percpu_member("runqueues", "rq", "clock", cpu).ok()?).ok()?;
    let now = (clock >> 30).checked_sub(touched)?;
    (touched > 0 && now < 1 << 20).then_some(now)
}
