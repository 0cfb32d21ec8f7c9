//! A verdict from a log alone: what the kernel itself reported, and no more certain than that can be.

use std::io::{self, Read};

use necropsy_kernel::locks::wait_function;
use necropsy_klog::{
    Report, Role, StackFrame, canonical, clean_title, function_name, never_to_blame, read_reports,
};
use necropsy_report::{
    Analysis, Event, Evidence, Fingerprint, FrameInfo, Hex, Hypothesis, Input, Place, Related, StackInfo,
    SystemInfo, TaskInfo, Verdict,
};

use crate::spinning::takes_spin_lock;
use crate::{advice, blame, log_reading};

/// Reports of one log that are looked at.
const MAX_REPORTS: usize = 4096;
/// A log proves less than memory does.
const CAP: f64 = 0.75;
/// A report with a part lost, or one that explains a crash only if nothing else does.
const LESS: f64 = 0.62;

/// A kernel's log and what was found in it.
pub struct LogCase {
    /// Where it is from.
    pub path: String,
    /// The reports, in order.
    pub reports: Vec<Report>,
    /// How many older ones were left out.
    pub dropped: usize,
}

impl LogCase {
    /// Reads a log of any form; `None` if nothing in it is the kernel's.
    pub fn read(log: impl Read, path: &str) -> io::Result<Option<LogCase>> {
        let (mut reports, mut dropped) = (Vec::new(), 0);
        let summary = read_reports(log, |report| {
            // The end of a log is what tells of the last death: of too many reports the oldest go.
            if reports.len() >= MAX_REPORTS {
                dropped += reports.drain(..MAX_REPORTS / 2).len();
            }
            reports.push(report);
        })?;
        Ok(summary.kernel.then(|| LogCase { path: path.to_owned(), reports, dropped }))
    }

    /// The verdict and all that led to it.
    pub fn analyse(&self) -> Analysis {
        // Of several boots the last one that died is what one asks about.
        let cause = self.reports.iter().rposition(|r| r.role == Role::Cause);
        let boot = cause.map_or(&self.reports[..], |i| &self.reports[i..]);
        let mut analysis = match boot.first().filter(|_| cause.is_some()) {
            Some(cause) => self.explained(cause, boot),
            None => self.unexplained(),
        };
        analysis.schema = 1;
        analysis.input = Input { path: self.path.clone(), kind: "log", ..Input::default() };
        analysis.timeline = self.timeline();
        advice::add(&mut analysis, None);
        if self.dropped > 0 {
            analysis
                .notes
                .push(format!("the log has too many reports: the first {} were left out", self.dropped));
        }
        analysis
    }

    /// All that was reported, and what followed.
    pub fn timeline(&self) -> Vec<Event> {
        let mut events: Vec<(u64, Event)> = Vec::new();
        for report in &self.reports {
            let mut event = report.message.clone();
            if report.count > 1 {
                event = format!("{event} ({} times)", report.count);
            }
            events.push((report.first_line, Event { seconds: report.time, event, role: report.role.name() }));
            for next in &report.followed_by {
                let event = Event { seconds: next.time, event: next.message.clone(), role: next.role.name() };
                events.push((next.line, event));
            }
        }
        events.sort_by_key(|(line, _)| *line);
        events.into_iter().map(|(_, event)| event).collect()
    }

    /// What a report says, as evidence with the lines that show it.
    pub fn evidence(&self, report: &Report, weight: f64) -> Evidence {
        Evidence {
            claim: format!("the kernel reported: {}", report.message),
            source: format!("log:{}", report.first_line),
            reproduce: Some(self.show(report.first_line, report.last_line)),
            weight,
        }
    }

    fn show(&self, first: u64, last: u64) -> String {
        let quoted = self.path.replace('\'', "'\\''");
        format!("sed -n '{first},{last}p' '{quoted}'")
    }

    fn explained(&self, cause: &Report, boot: &[Report]) -> Analysis {
        let before =
            self.reports.iter().filter(|r| r.role == Role::Precursor && r.first_line < cause.first_line);
        let reading = log_reading::reading(cause).or_else(|| log_reading::behind(cause, before));
        let class = reading.as_ref().map_or_else(|| class_of(cause, boot), |r| r.class);
        let confidence = match (class, cause.corrupted) {
            ("unknown", _) => 0.3,
            (_, true) => LESS,
            ("warning" | "out-of-memory" | "irq-storm", _) if !cause.panicked => LESS,
            _ => CAP,
        };
        let (mut culprit, victim) = places(cause, class);
        let mut evidence = self.all_evidence(cause, boot);
        if let Some(reading) = &reading {
            evidence.insert(1, Evidence { claim: reading.claim.clone(), ..self.evidence(cause, 2.0) });
            culprit = culprit.filter(|_| !reading.victim_only);
        }
        let mut statement = statement(cause, class, culprit.as_ref());
        statement += &reading.as_ref().map(|r| format!(" That means: {}.", r.claim)).unwrap_or_default();
        let advice = advice(cause, class);
        let supports = (0..evidence.len()).filter(|i| evidence[*i].weight > 0.0).collect();
        let against = (0..evidence.len()).filter(|i| evidence[*i].weight < 0.0).collect();
        let separate = Some("a dump: it shows the memory that the log only names".to_owned());
        let first =
            Hypothesis { class, statement: statement.clone(), confidence, supports, against, separate };
        let verdict = Verdict {
            class,
            title: cause.title.clone(),
            statement,
            confidence,
            requested: class == "requested-crash",
            culprit,
            victim,
            related: related(cause),
            task: task(cause),
            advice,
        };
        Analysis {
            system: system(cause, boot),
            hypotheses: std::iter::once(first).chain(runner_up(cause, class)).collect(),
            verdict,
            evidence,
            stacks: stacks(boot),
            fingerprint: Some(fingerprint(cause)),
            notes: cause.corruption.iter().map(|why| format!("the report is not whole: {why}")).collect(),
            ..Analysis::default()
        }
    }

    fn unexplained(&self) -> Analysis {
        let signs: Vec<Evidence> = self.reports.iter().map(|r| self.evidence(r, 0.0)).collect();
        let verdict = Verdict {
            class: "unknown",
            title: "no report of a crash in this log".into(),
            statement: "Nothing in this log says that the kernel failed. If the machine died, its last words were not kept."
                .into(),
            advice: vec!["look for a later log: serial console, pstore, netconsole, kdump".into()],
            ..Verdict::default()
        };
        Analysis { verdict, evidence: signs, ..Analysis::default() }
    }

    fn all_evidence(&self, cause: &Report, boot: &[Report]) -> Vec<Evidence> {
        let mut all = vec![self.evidence(cause, 3.0)];
        let at =
            |line: u64| (format!("log:{line}"), Some(self.show(cause.first_line, line.max(cause.last_line))));
        let mut add = |claim: String, weight: f64| {
            let (source, reproduce) = at(cause.first_line);
            all.push(Evidence { claim, source, reproduce, weight });
        };
        for detail in cause.details.iter().take(6) {
            add(format!("it said: {detail}"), 1.0);
        }
        if let Some(fault) = &cause.fault {
            let access = fault.access.unwrap_or("access");
            let address = fault.address.as_deref().unwrap_or("an unknown address");
            let meaning = fault.meaning.map(|m| format!(": {m}")).unwrap_or_default();
            add(format!("the failing {access} was at {address}{meaning}"), 1.0);
        }
        if let Some(trap) = cause.code.iter().find(|c| c.trap) {
            add(format!("the instruction was {}", trap.text), 0.5);
        }
        if let Some(place) = cause.object.as_ref().and_then(|o| o.place.as_ref()) {
            add(format!("the address is {place}"), 1.0);
        }
        if let Some(hardware) = &cause.hardware_error {
            let part = hardware.part.as_deref().unwrap_or("a part without a name");
            let kind = hardware.kind.as_deref().unwrap_or("an error");
            let errors = hardware.errors.join(", ");
            let errors = if errors.is_empty() { errors } else { format!(" ({errors})") };
            add(format!("{part} reported {kind}{errors}"), 1.0);
        }
        for link in cause.lockdep.iter().flat_map(|l| &l.chain).take(6) {
            let by = link.function.as_deref().unwrap_or("an unknown function");
            add(format!("link {} of the chain: {by} took {}", link.number, link.lock), 0.5);
        }
        if cause.taint.iter().any(|t| t == "D") && cause.oops != Some(1) {
            add("the kernel was tainted D: an oops came before this one and is not in this log".into(), -1.0);
        }
        if let Some(end) = cause.followed_by.iter().rev().find(|f| f.role == Role::Response) {
            let (source, reproduce) = at(end.line);
            all.push(Evidence { claim: format!("then: {}", end.message), source, reproduce, weight: 0.5 });
        }
        let signs =
            self.reports.iter().filter(|r| r.role == Role::Precursor && r.first_line < cause.first_line);
        all.extend(signs.rev().take(4).map(|r| self.evidence(r, 0.0)));
        all.extend(boot.iter().skip(1).take(4).map(|r| self.evidence(r, 0.0)));
        all
    }
}

/// Two tasks that each wait for a lock are more than two hung tasks.
fn class_of(cause: &Report, boot: &[Report]) -> &'static str {
    let waits = |r: &&Report| r.class == "hung-task" && lock_waited_for(r).is_some();
    let waiting: Vec<&Report> = boot.iter().filter(waits).collect();
    // The kernel itself has too many locks for that to say anything.
    let owner = |r: &'_ Report| culprit_frame(r).and_then(|f| f.module.clone());
    let same_owner = |a: &Report, b: &Report| owner(a).is_some() && owner(a) == owner(b);
    match &waiting[..] {
        [first, rest @ ..] if cause.class == "hung-task" && rest.iter().any(|r| same_owner(first, r)) => {
            "deadlock"
        }
        _ => cause.class,
    }
}

/// How a hung task takes the lock that it waits for.
fn lock_waited_for(report: &Report) -> Option<&str> {
    let takes = ["mutex_lock", "rwsem_down", "down_write", "down_read", "rt_mutex", "__down"];
    let names = report.frames.iter().take(8).map(|f| f.function.as_str());
    names.into_iter().find(|n| takes.iter().any(|t| n.contains(t)))
}

/// The frame of the function to blame: for a loop the one that runs, elsewhere the one in the title.
fn culprit_frame(report: &Report) -> Option<&StackFrame> {
    let name = |f: &StackFrame| canonical(&function_name(&f.function)).to_owned();
    let own = |f: &&StackFrame| report.function.as_deref() == Some(name(f).as_str());
    let runs = matches!(report.class, "soft-lockup" | "hard-lockup" | "rcu-stall");
    let by_title = || report.frames.iter().find(own);
    if report.class == "hung-task" {
        let waits = |f: &StackFrame| wait_function(&f.function).is_some() || blame::is_servant(&f.function);
        return report.frames.iter().find(|f| !f.stale && !waits(f)).or_else(by_title);
    }
    if !runs {
        // What does as it is told was called by whom to blame.
        let title = report.frames.iter().position(|f| own(&f))?;
        let told = |f: &&StackFrame| blame::is_servant(&f.function) || blame::is_machinery(&f.function);
        let caller = || report.frames.iter().skip(title).find(|f| !f.stale && !told(f));
        return report.frames.get(title).filter(|f| !told(f)).or_else(caller);
    }
    // An interrupt stopped the loop, and is none of it; but the loop itself may be in one, and is in the title then.
    let working = |f: &&StackFrame| !f.stale && !never_to_blame(&name(f)) && (f.on.is_none() || own(f));
    let found = report.frames.iter().find(working).or_else(by_title)?;
    Some(interrupted_holder(report, found).unwrap_or(found))
}

/// Where what runs in an interrupt spins on a lock, the code of the same module that it interrupted is what holds that.
fn interrupted_holder<'a>(report: &'a Report, spins: &StackFrame) -> Option<&'a StackFrame> {
    let at = report.frames.iter().position(|f| f == spins && f.on.is_some())?;
    let above = report.frames.get(at.checked_sub(1)?)?;
    let below = report.frames.iter().skip(at).filter(|f| f.on.is_none() && !f.stale);
    let own = below
        .filter(|f| f.module.is_some() && f.module == spins.module)
        .find(|f| f.function != spins.function);
    own.filter(|_| takes_spin_lock(&above.function))
}

/// Where the bug is, and where it was noticed.
fn places(report: &Report, class: &str) -> (Option<Place>, Option<Place>) {
    let frame = culprit_frame(report);
    let function = frame.map(|f| function_name(&f.function)).or(report.function.clone());
    let Some(function) = function else { return (None, None) };
    let place = |confidence: Option<f64>| Place {
        confidence,
        function: Some(function.clone()),
        module: frame.map_or_else(|| report.module.clone(), |f| f.module.clone()),
        offset: frame.map(|f| f.offset.clone()),
        address: frame.and_then(|f| hex(f.pc.as_deref()?)),
        ..Place::default()
    };
    match class {
        // The function that noticed has been written over; who wrote is not in the log.
        "stack-buffer-overflow"
        | "slab-corruption"
        | "page-corruption"
        | "list-corruption"
        | "refcount-bug" => (Some(place(Some(0.4))), Some(place(None))),
        "requested-crash" => (None, None),
        "use-after-free" | "kernel-stack-overflow" | "rcu-stall" => {
            (Some(place(Some(0.5))), Some(place(None)))
        }
        // What runs what others have queued is where the bad thing was found.
        _ if blame::is_dispatcher(&function) => (Some(place(Some(0.25))), Some(place(None))),
        _ if report.corrupted => (Some(place(Some(0.4))), Some(place(None))),
        _ => (Some(place(Some(0.65))), Some(place(None))),
    }
}

fn hex(text: &str) -> Option<Hex> {
    u64::from_str_radix(text.trim_start_matches("0x"), 16).ok().map(Hex)
}

fn task(report: &Report) -> Option<TaskInfo> {
    let pid = i32::try_from(report.pid?).ok()?;
    Some(TaskInfo { pid, comm: report.comm.clone().unwrap_or_default(), cpu: report.cpu.map(|c| c as usize) })
}

/// Who allocated and who freed the object.
fn related(report: &Report) -> Vec<Related> {
    let roles = [("llocated", "allocator"), ("reed by", "freer"), ("created at", "allocator")];
    let named = report.stacks.iter().filter_map(|s| {
        let role = roles.iter().find(|(word, _)| s.what.contains(word))?.1;
        let name = |f: &StackFrame| canonical(&function_name(&f.function)).to_owned();
        let frame = s.frames.iter().find(|f| !f.stale && !never_to_blame(&name(f)))?;
        Some(Related { role, function: Some(name(frame)), module: frame.module.clone(), task: None })
    });
    named.take(4).collect()
}

fn statement(report: &Report, class: &str, culprit: Option<&Place>) -> String {
    let who = report.comm.as_ref().map(|c| format!(" in task {c}")).unwrap_or_default();
    let pid = report.pid.map(|p| format!(" ({p})")).unwrap_or_default();
    let cpu = report.cpu.map(|c| format!(" on CPU {c}")).unwrap_or_default();
    let place = culprit.and_then(|p| p.function.as_ref()).map(|f| format!(" in {f}")).unwrap_or_default();
    let module =
        culprit.and_then(|p| p.module.as_ref()).map(|m| format!(" of module {m}")).unwrap_or_default();
    let end = if report.panicked { " The kernel panicked for it." } else { "" };
    let words = class.replace('-', " ");
    let part = report.hardware_error.as_ref().and_then(|h| h.part.as_ref());
    let part = part.map(|p| format!(" The part is {p}.")).unwrap_or_default();
    format!(
        "The first thing that went wrong is a {words}{place}{module}{who}{pid}{cpu}: {}.{part}{end}",
        report.message.trim_end_matches('.')
    )
}

fn advice(report: &Report, class: &str) -> Vec<String> {
    let mut advice = Vec::new();
    if !report.frames.is_empty() {
        advice.push("add source lines to the stacks: necropsy decode LOG --vmlinux FILE".to_owned());
    }
    let more = match class {
        "use-after-free" | "slab-corruption" | "list-corruption" | "double-free" | "refcount-bug" => {
            "boot with slub_debug=FZPU, or a kernel with KASAN, to see who freed the object"
        }
        "stack-buffer-overflow" => "analyse a dump: the bytes on the stack tell who wrote them",
        "hung-task" | "deadlock" => {
            "set kernel.hung_task_panic=1 and analyse the dump: it shows who owns the lock"
        }
        "machine-check" | "hardware-error" => "look at the machine's event log and replace what it names",
        "out-of-memory" => "compare the biggest tasks and unreclaimable slabs over time",
        _ => "enable kdump: a dump shows what the log cannot",
    };
    advice.push(more.to_owned());
    advice
}

/// What else it may have been.
fn runner_up(report: &Report, class: &str) -> Option<Hypothesis> {
    let (other, why, separate) = match class {
        "null-pointer-dereference" | "wild-pointer-dereference" => (
            "use-after-free",
            "The pointer may have been in an object that was freed and zeroed.",
            "the state of the object in a dump",
        ),
        "use-after-free" => {
            ("double-free", "The object may have been freed twice.", "who freed it: KASAN, or slub_debug=U")
        }
        "hung-task" => (
            "deadlock",
            "The task may wait for a lock whose owner waits for it.",
            "the owner of the lock in a dump",
        ),
        "soft-lockup" | "rcu-stall" => {
            ("deadlock", "The CPU may spin on a lock that is never released.", "the lock's owner in a dump")
        }
        "stack-buffer-overflow" => {
            ("bit-flip", "The canary may have lost a bit to broken memory.", "the canary's bytes in a dump")
        }
        "bug-assertion" | "warning" => (
            "slab-corruption",
            "Other code may have written over what was checked.",
            "the checked object in a dump",
        ),
        _ => return None,
    };
    let confidence = if report.corrupted { 0.15 } else { 0.1 };
    let (statement, separate) = (why.to_owned(), Some(separate.to_owned()));
    Some(Hypothesis {
        class: other,
        statement,
        confidence,
        supports: Vec::new(),
        against: Vec::new(),
        separate,
    })
}

fn system(cause: &Report, boot: &[Report]) -> SystemInfo {
    let any = |get: fn(&Report) -> Option<String>| get(cause).or_else(|| boot.iter().find_map(get));
    let panic = boot.iter().flat_map(|r| &r.followed_by).map(|f| &f.message);
    let panic = panic
        .chain(std::iter::once(&cause.message))
        .find_map(|m| m.strip_prefix("Kernel panic - not syncing: "));
    SystemInfo {
        release: any(|r| r.release.clone()),
        machine: any(|r| r.arch.map(str::to_owned)),
        uptime_seconds: cause.time.map(|t| t as u64),
        taint: cause.taint.clone(),
        panic: panic.map(str::to_owned),
        ..SystemInfo::default()
    }
}

fn stacks(boot: &[Report]) -> Vec<StackInfo> {
    let with_frames = boot.iter().filter(|r| !r.frames.is_empty()).take(16);
    with_frames.enumerate().map(|(i, r)| stack(r, i == 0)).collect()
}

fn stack(report: &Report, cause: bool) -> StackInfo {
    let frame = |f: &StackFrame| FrameInfo {
        pc: f.pc.as_deref().and_then(hex),
        function: Some(f.function.clone()),
        offset: Some(f.offset.clone()),
        module: f.module.clone(),
        trust: "log",
        ..FrameInfo::default()
    };
    let why = if cause { "the task of the first report" } else { "the task of a later report" };
    StackInfo {
        pid: report.pid.and_then(|p| i32::try_from(p).ok()).unwrap_or(-1),
        comm: report.comm.clone().unwrap_or_default(),
        cpu: report.cpu.map(|c| c as usize),
        why: Some(why.into()),
        complete: !report.corrupted,
        frames: report.frames.iter().map(frame).collect(),
        ..StackInfo::default()
    }
}

fn fingerprint(report: &Report) -> Fingerprint {
    let f = &report.fingerprint;
    Fingerprint {
        version: f.version,
        strict: f.strict.clone(),
        loose: f.loose.clone(),
        title: clean_title(&f.title),
        frames: f.frames.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FAULT: &str = "\
[   12.345678] BUG: kernel NULL pointer dereference, address: 0000000000000008
[   12.345679] #PF: supervisor write access in kernel mode
[   12.345680] Oops: 0002 [#1] PREEMPT SMP NOPTI
[   12.345681] CPU: 1 PID: 42 Comm: cat Tainted: G           OE      6.1.0-18-amd64 #1
[   12.345682] RIP: 0010:poke+0x12/0x34 [mine]
[   12.345683] Call Trace:
[   12.345684]  mine_write+0x12/0x34 [mine]
[   12.345685]  vfs_write+0x12/0x34
[   12.345686] Kernel panic - not syncing: Fatal exception
";

    fn analysis(log: &str) -> Analysis {
        LogCase::read(log.as_bytes(), "a.log").unwrap().unwrap().analyse()
    }

    #[test]
    fn a_fault_is_explained_and_no_more_certain_than_a_log_allows() {
        let a = analysis(FAULT);
        assert_eq!((a.verdict.class, a.verdict.confidence), ("null-pointer-dereference", CAP));
        let culprit = a.verdict.culprit.unwrap();
        assert_eq!((culprit.function.as_deref(), culprit.module.as_deref()), (Some("poke"), Some("mine")));
        assert_eq!(a.verdict.task.unwrap(), TaskInfo { pid: 42, comm: "cat".into(), cpu: Some(1) });
        assert_eq!(a.evidence[0].source, "log:1");
        assert_eq!(a.evidence[0].reproduce.as_deref(), Some("sed -n '1,9p' 'a.log'"));
        let roles: Vec<&str> = a.timeline.iter().map(|e| e.role).collect();
        assert_eq!(roles, ["cause", "consequence", "response"]);
        assert_eq!((a.input.kind, a.system.panic.as_deref()), ("log", Some("Fatal exception")));
        assert_eq!(a.stacks[0].frames.len(), 3);
    }

    #[test]
    fn two_tasks_of_one_module_that_wait_for_locks_are_a_deadlock() {
        let hung = |name: &str, at: u32| {
            format!(
                "[   {at}.000000] INFO: task {name}:1{at} blocked for more than 10 seconds.\n\
                 [   {at}.000001] Call Trace:\n[   {at}.000002]  schedule+0x5a/0xd0\n\
                 [   {at}.000003]  __mutex_lock.constprop.0+0x39d/0x720\n[   {at}.000004]  take_{name}+0x1/0x2 [m]\n"
            )
        };
        let a = analysis(&(hung("a", 31) + &hung("b", 32)));
        assert_eq!(
            (a.verdict.class, a.verdict.culprit.unwrap().function.as_deref()),
            ("deadlock", Some("take_a"))
        );
        assert_eq!(analysis(&hung("a", 31)).verdict.class, "hung-task");
    }

    #[test]
    fn what_an_interrupt_spins_for_is_held_by_the_code_below_it() {
        let log = "[   31.0] watchdog: BUG: soft lockup - CPU#1 stuck for 11s! [fold:1354]\n\
                   [   31.1] CPU: 1 PID: 1354 Comm: fold Tainted: G           OE     5.10.0 #1\n\
                   [   31.2] RIP: 0010:native_queued_spin_lock_slowpath+0x24/0x1e0\n\
                   [   31.3] Call Trace:\n[   31.4]  <IRQ>\n[   31.5]  _raw_spin_lock+0x1e/0x30\n\
                   [   31.6]  tick+0x11/0x40 [m]\n[   31.7]  call_timer_fn+0x29/0x100\n[   31.8]  __do_softirq+0xc5/0x279\n\
                   [   31.9]  </IRQ>\n[   32.0]  do_softirq_own_stack+0x37/0x50\n[   32.1]  irq_exit_rcu+0x92/0xc0\n\
                   [   32.2]  fold+0x2c/0x50 [m]\n[   32.3]  vfs_write+0xc4/0x270\n\
                   [   32.4] Kernel panic - not syncing: softlockup: hung tasks\n";
        let blamed = |log: &str| analysis(log).verdict.culprit.and_then(|c| c.function);
        assert_eq!(blamed(log).as_deref(), Some("fold"));
        assert_eq!(
            blamed(&log.replace("fold+0x2c/0x50 [m]", "fold+0x2c/0x50 [other]")).as_deref(),
            Some("tick")
        );
    }

    #[test]
    fn what_is_no_log_and_a_log_without_a_crash() {
        assert!(LogCase::read(&b"hello\nworld\n"[..], "x").unwrap().is_none());
        let a = analysis("[    0.000000] Linux version 6.1.0 (gcc) #1\n[    1.000000] all is well\n");
        assert_eq!(a.verdict.class, "unknown");
    }
}
