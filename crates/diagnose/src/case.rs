//! What the detectives look at.

use std::sync::{Arc, OnceLock};

use necropsy_kernel::census::{self, HiddenModule};
use necropsy_kernel::locks::Waits;
use necropsy_kernel::patched::Patches;
use necropsy_kernel::tasks::Tasks;
use necropsy_report::{Analysis, Input};
use necropsy_target::Target;

use crate::crash::{Crash, log_lines};
use crate::spinning::Spinning;
use crate::{Class, DETECTIVES, Findings, LogCase, advice, drawing, fingerprint, judge, present, timeline};

/// How to look at a dump.
#[derive(Clone, Default)]
pub struct CaseOptions {
    /// Whether the dump's own log counts.
    pub use_log: bool,
    /// Path of the dump, for the report.
    pub path: String,
    /// A log beside the dump.
    pub beside: Option<Arc<LogCase>>,
}

/// An opened dump and what was found in it so far.
pub struct Case {
    /// The kernel.
    pub target: Arc<Target>,
    /// How to look at it.
    pub options: CaseOptions,
    crash: OnceLock<Option<Crash>>,
    log: OnceLock<Vec<(f64, String)>>,
    tasks: OnceLock<Option<Tasks>>,
    waits: OnceLock<Waits>,
    spinning: OnceLock<Spinning>,
    hidden: OnceLock<Vec<HiddenModule>>,
    patches: OnceLock<Patches>,
}

impl Case {
    /// A case on a dump.
    pub fn open(target: Arc<Target>, options: CaseOptions) -> Case {
        let (crash, log, tasks, waits, spinning, hidden, patches) = Default::default();
        Case { target, options, crash, log, tasks, waits, spinning, hidden, patches }
    }

    /// The task that panicked; `None` when no CPU did.
    pub fn crash(&self) -> Option<&Crash> {
        self.crash.get_or_init(|| Crash::find(&self.target)).as_ref()
    }

    /// The log's lines; none when the log does not count.
    pub fn log(&self) -> &[(f64, String)] {
        let read = || if self.options.use_log { log_lines(&self.target) } else { Vec::new() };
        self.log.get_or_init(read)
    }

    /// All tasks; `None` if they cannot be read, which is noted.
    pub fn tasks(&self) -> Option<&Tasks> {
        let t = &self.target;
        let read = || Tasks::read(t).map_err(|e| t.note(format!("tasks: {e}"))).ok();
        self.tasks.get_or_init(read).as_ref()
    }

    /// The blocked tasks and what they wait for.
    pub fn waits(&self) -> &Waits {
        let read = || self.tasks().map(|tasks| Waits::read(&self.target, tasks)).unwrap_or_default();
        self.waits.get_or_init(read)
    }

    /// What could not be read of the locks that tasks wait for.
    pub fn lock_notes(&self) -> &[String] {
        &self.waits().notes
    }

    /// The CPUs that spin on locks.
    pub(crate) fn spinning(&self) -> &Spinning {
        self.spinning.get_or_init(|| Spinning::read(self))
    }

    /// Whether nothing that failed by itself explains the dump: somebody asked for it, or it was taken from outside. That is when
    /// looking far and wide is worth the time.
    pub fn is_open(&self) -> bool {
        self.crash().is_none_or(Crash::is_requested)
    }

    /// Modules that are loaded and not in the list of modules; looked for in all memory of modules if the case is open.
    pub fn hidden_modules(&self) -> &[HiddenModule] {
        self.hidden.get_or_init(|| census::hidden_modules(&self.target, self.is_open()))
    }

    /// Where the kernel rewrites its own code.
    pub fn patches(&self) -> &Patches {
        self.patches.get_or_init(|| Patches::read(&self.target))
    }

    /// The verdict and all that led to it.
    pub fn analyse(&self) -> Analysis {
        let t = &self.target;
        let mut findings = Findings::default();
        for detective in DETECTIVES {
            (detective.examine)(self, &mut findings);
        }
        self.options.beside.iter().for_each(|log| beside(log, &mut findings));
        let figures = std::mem::take(&mut findings.figures);
        let judged = judge::judge(self, findings);
        let tasks = self.tasks();
        tasks.iter().flat_map(|tasks| &tasks.notes).for_each(|n| t.note(n.clone()));
        let mut system = present::system_info(t, tasks);
        system.panic = timeline::panic_line(self.log());
        let (verdict, hypotheses, evidence) = judged;
        let stacks: Vec<_> = self.crash().map(|c| self.crash_stack(c)).into_iter().collect();
        let fingerprint = fingerprint::of(&verdict, self.crash());
        let meta = t.meta();
        let timeline = self.timeline();
        let drawn = figures.into_iter().filter(|(class, _)| class.slug() == verdict.class).map(|(_, f)| f);
        let figures = drawn.chain(drawing::cpus(self, &verdict, &timeline)).collect();
        let mut analysis = Analysis {
            schema: 1,
            input: Input {
                path: self.options.path.clone(),
                kind: "vmcore",
                format: Some(meta.format.clone()),
                complete: Some(meta.complete),
                dump_level: meta.dump_level,
            },
            system,
            verdict,
            hypotheses,
            evidence,
            timeline,
            log: timeline::excerpt(self.log()),
            registers: self.registers(),
            stacks,
            figures,
            fingerprint: Some(fingerprint),
            notes: t.notes(),
            ..Analysis::default()
        };
        advice::add(&mut analysis, Some(t));
        analysis
    }

    /// The dump's own log, and what a log beside it has that this one has not.
    fn timeline(&self) -> Vec<necropsy_report::Event> {
        let mut events = timeline::timeline(self.log());
        let more = self.options.beside.iter().flat_map(|log| log.timeline());
        let more: Vec<_> = more.filter(|e| !events.iter().any(|have| have.event == e.event)).collect();
        events.extend(more);
        events.sort_by(|a, b| a.seconds.unwrap_or(f64::MAX).total_cmp(&b.seconds.unwrap_or(f64::MAX)));
        events
    }

    /// Those of the code that an exception interrupted for good.
    fn registers(&self) -> Vec<necropsy_report::RegisterInfo> {
        let trap = self.crash().and_then(|c| c.trap(&self.target));
        trap.map(|trap| present::identified(&self.target, self.tasks(), trap.regs)).unwrap_or_default()
    }

    fn crash_stack(&self, crash: &Crash) -> necropsy_report::StackInfo {
        let mut info = present::stack_info(&self.target, &crash.task, crash.cpu, &crash.stack, true);
        info.why = Some("the task that panicked".into());
        info
    }
}

/// What a log beside the dump reports: it speaks for the class that it names.
fn beside(log: &LogCase, findings: &mut Findings) {
    for report in log.reports.iter().filter(|r| r.role == necropsy_klog::Role::Cause) {
        let fact = log.evidence(report, 1.0);
        let class = Class::ALL.iter().find(|c| c.slug() == report.class);
        let bears: Vec<(Class, f64)> = class.map(|c| (*c, fact.weight)).into_iter().collect();
        findings.add_to_all(&bears, fact.source, fact.reproduce, fact.claim);
    }
}
