//! CPUs that spin on each other's locks.

use necropsy_target::Target;

use crate::spinning::{Spin, Spinning};
use crate::suspect::{named, place_in};
use crate::waiting::Ending;
use crate::{Case, Class, Detective, Findings, Hypothesis, blame, present};
use necropsy_report::{Place, Related};

pub const SPIN_LOCK: Detective = Detective {
    id: "spin-lock",
    title: "CPUs that spin on each other's locks",
    doc: "A CPU stands in a function that takes a spin lock or rwlock; the lock's address is worked out from the code that called \
          it. Another frame, of any CPU, took that very lock by its code and has not come to the unlock: it holds the lock. Where \
          this leads in a circle, none of the CPUs can ever go on. A circle of one is a lock taken twice.",
    examine,
};

const CLASS: Class = Class::Deadlock;

fn examine(case: &Case, found: &mut Findings) {
    // An exception or a failed check ended it: who spins then is a bystander.
    if Ending::of(case) == Ending::Other && !by_watchdog(case) {
        return;
    }
    let spinning = case.spinning();
    let circle = (0..spinning.spins.len()).map(|s| spinning.cycle(s)).find(|c| !c.is_empty());
    let Some(circle) = circle else { return };
    let members: Vec<&Spin> = circle.iter().filter_map(|i| spinning.spins.get(*i)).collect();
    found.hypotheses.push(hypothesis(case, spinning, &members, &circle));
    for (spin, i) in members.iter().zip(&circle) {
        edge(&case.target, spinning, spin, *i, found);
    }
}

fn by_watchdog(case: &Case) -> bool {
    let names = ["watchdog_timer_fn", "watchdog_overflow_callback", "watchdog_hardlockup_check", "nmi_panic"];
    case.crash().is_some_and(|c| c.frame(&names).is_some())
}

/// Where a spin's lock was wanted.
fn wanted(t: &Target, spinning: &Spinning, spin: &Spin) -> Option<Place> {
    let frames = &spinning.cpus.get(spin.on)?.stack.frames;
    let (index, sure) = blame::culprit(t, frames, spin.frame)?;
    Some(place_in(t, frames, index, sure))
}

fn hypothesis(case: &Case, spinning: &Spinning, members: &[&Spin], circle: &[usize]) -> Hypothesis {
    let t = &case.target;
    let places: Vec<Place> = members.iter().filter_map(|s| wanted(t, spinning, s)).collect();
    let names: Vec<String> = places.iter().map(named).collect();
    let lock = |s: &Spin| t.describe(s.lock).replace("+0x0", "");
    let (title, statement) = match members {
        [one] => {
            let (on, who) = (&spinning.cpus[one.on], names.first().cloned().unwrap_or_default());
            (
                format!("deadlock: {who} takes spin lock {}, which its own CPU holds already", lock(one)),
                format!(
                    "CPU {} spins in {who} on spin lock {}, in task {}. The lock was taken further up the same stack and not given back: the CPU waits for itself, for ever.",
                    on.cpu,
                    lock(one),
                    on.who()
                ),
            )
        }
        _ => {
            let told = members.iter().zip(&names).map(|(s, who)| {
                let on = &spinning.cpus[s.on];
                format!("CPU {} (task {}) spins in {who} on {}", on.cpu, on.who(), lock(s))
            });
            (
                format!("deadlock: {} spin on each other's locks", names.join(", ")),
                format!(
                    "{}; each of these locks is held by the next of them. None of these CPUs can ever go on: the functions take the locks in different orders.",
                    told.collect::<Vec<_>>().join("; ")
                ),
            )
        }
    };
    let mut h = Hypothesis::new(CLASS, title, statement);
    // The CPU that was noticed first, if it is one of them.
    let first =
        case.crash().and_then(|c| members.iter().position(|s| spinning.cpus[s.on].cpu == c.cpu)).unwrap_or(0);
    h.culprit = places.get(first).cloned().map(|p| Place { confidence: Some(0.9), ..p });
    h.victim = h.culprit.clone().map(|p| Place { confidence: None, ..p });
    if let ([one], Some(holder)) = (members, interrupted_holder(t, spinning, members, circle)) {
        let (who, spins) = (named(&holder), names.first().cloned().unwrap_or_default());
        h.title =
            format!("deadlock: {who} holds spin lock {} while an interrupt of its CPU wants it", lock(one));
        h.statement = format!(
            "{who} took spin lock {} and was interrupted; what ran in the interrupt on the same CPU, {spins}, wants the lock too, in task {}. \
             The CPU waits for itself, for ever: the lock must be taken with interrupts (_irqsave) or softirqs (_bh) off.",
            lock(one),
            spinning.cpus[one.on].who()
        );
        h.culprit = Some(holder);
    }
    let others = members.iter().zip(&places).enumerate().filter(|(i, _)| *i != first);
    h.related = others
        .map(|(_, (s, p))| Related {
            role: "other culprit",
            function: p.function.clone(),
            module: p.module.clone(),
            task: Some(present::task_info(&spinning.cpus[s.on].task, Some(spinning.cpus[s.on].cpu))),
        })
        .collect();
    h.task = members
        .get(first)
        .map(|s| present::task_info(&spinning.cpus[s.on].task, Some(spinning.cpus[s.on].cpu)));
    h.advice = vec![
        match members.len() {
            1 => "do not take the lock again on this path, or give it back before".into(),
            _ => "take the locks in one order everywhere".into(),
        },
        "see what each CPU was doing: bt -a".into(),
        "a kernel with CONFIG_PROVE_LOCKING names the orders at the first chance, without a hang".into(),
    ];
    h
}

/// Who holds a lock that its own CPU wants, if an interrupt came between: it let that happen.
fn interrupted_holder(t: &Target, spinning: &Spinning, members: &[&Spin], circle: &[usize]) -> Option<Place> {
    let (spin, hold) = (members.first()?, spinning.holds.get(*circle.first()?)?.as_ref()?);
    let frames = &spinning.cpus.get(spin.on)?.stack.frames;
    let between = frames.get(spin.frame..hold.frame).filter(|_| !hold.asleep && hold.on == spin.on)?;
    between.iter().any(|f| f.trap.is_some()).then(|| place_in(t, frames, hold.frame, 0.85))
}

/// Who spins on what, and who holds it.
fn edge(t: &Target, spinning: &Spinning, spin: &Spin, index: usize, found: &mut Findings) {
    let on = &spinning.cpus[spin.on];
    let who = wanted(t, spinning, spin).map_or_else(|| "unknown code".into(), |p| named(&p));
    let bears = [(CLASS, 3.5), (Class::SoftLockup, -3.5), (Class::HardLockup, -3.5), (Class::RcuStall, -3.5)];
    let claim = format!(
        "CPU {} spins in {who} on the lock at {:#x} ({})",
        on.cpu,
        spin.lock.0,
        t.describe(spin.lock).replace("+0x0", "")
    );
    found.add_to_all(&bears, format!("memory:{:#x}", spin.lock.0), format!("locks {:x}", spin.lock.0), claim);
    let Some((holder, frame)) = spinning.holds[index].as_ref().and_then(|h| spinning.place(h)) else {
        return;
    };
    let taken = spinning.holds[index].as_ref().map(|h| h.taken);
    let at = taken.map_or_else(String::new, |at| t.describe(at));
    let name = frame.name().unwrap_or("an unknown function");
    let claim = format!(
        "the lock at {:#x} is held on CPU {} by {name}, which took it at {at} and has not come to the unlock",
        spin.lock.0, holder.cpu
    );
    found.add_to_all(&bears, format!("text:{name}"), format!("locks {:x}", spin.lock.0), claim);
}
