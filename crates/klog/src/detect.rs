//! From records to reports: what begins one, what belongs to it, where it ends.

use std::collections::VecDeque;

use crate::patterns::{Kind, MATCHER, Pattern};
use crate::report::{self, Followed, Report};
use crate::roles::Roles;
use crate::{Caller, Record, Role, details};

/// What bounds the memory of a detector.
#[derive(Clone, Debug)]
pub struct Limits {
    /// Lines of one report.
    pub lines: usize,
    /// Bytes of one report.
    pub bytes: usize,
    /// Reports that are collected at the same time, and details that wait for theirs.
    pub open: usize,
    /// Lines that say nothing to the report before it is over.
    pub quiet: usize,
    /// Reports of one boot whose roles are decided together.
    pub boot: usize,
}

impl Default for Limits {
    fn default() -> Limits {
        Limits { lines: 4000, bytes: 1 << 20, open: 16, quiet: 300, boot: 128 }
    }
}

/// A line of a report.
#[derive(Clone, Debug)]
pub(crate) struct Line {
    pub number: u64,
    pub text: String,
}

/// Which lines belong together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Context {
    Caller(Caller),
    Tagged,
    Bare,
}

impl Context {
    fn of(record: &Record) -> Context {
        match record.caller {
            Some(caller) => Context::Caller(caller),
            None if record.tagged => Context::Tagged,
            None => Context::Bare,
        }
    }
}

/// A report that is being collected.
pub(crate) struct Collected {
    pub pattern: &'static Pattern,
    /// Index of the line that the pattern is of; what stands before it belongs to the report, too.
    pub head: usize,
    pub first: u64,
    pub seconds: Option<f64>,
    pub caller: Option<Caller>,
    pub lines: Vec<Line>,
    /// From here on the lines may belong to another report: they do not decide the title.
    pub cut: Option<usize>,
    /// The last line that says something.
    pub last: u64,
    pub details: Vec<(&'static str, String)>,
    pub followed: Vec<Followed>,
    pub panicked: bool,
    pub frames: usize,
    pub truncated: bool,
    context: Context,
    bytes: usize,
    quiet: usize,
    last_seconds: Option<f64>,
    /// When it last said something.
    said: Option<f64>,
    all_cpus: bool,
    ended: bool,
    over: bool,
}

/// Families of patterns that tell of one error in several lines.
const GATHERED: &[&str] = &["ghes", "bert", "aer", "mce.amd", "pcieport"];
/// Those that say more than what came before them in the same error.
const WORSE: &[&str] = &["ghes.ce", "aer.fatal", "aer.bus"];
/// Lines of others that may stand between those of one hardware error.
const BETWEEN: usize = 8;

/// After the line that ends a report not many more are looked at.
const AFTER_END: usize = 24;

struct Waiting {
    context: Context,
    line: Line,
    pattern: &'static Pattern,
    at: u64,
}

/// Finds reports in records, one by one, in bounded memory.
///
/// ```
/// use necropsy_klog::{Detector, Record};
///
/// let mut detector = Detector::default();
/// for (i, text) in ["kernel BUG at fs/x.c:12!", "RIP: 0010:my_open+0x12/0x34 [mine]"].iter().enumerate() {
///     detector.push(Record { line: i as u64 + 1, text: text.to_string(), ..Record::default() });
/// }
/// let reports = detector.finish();
/// assert_eq!(reports[0].title, "kernel BUG in my_open");
/// ```
#[derive(Default)]
pub struct Detector {
    limits: Limits,
    open: Vec<Collected>,
    /// What hardware says in several lines before anything has gone wrong.
    gathered: Option<Collected>,
    waiting: VecDeque<Waiting>,
    roles: Roles,
    /// How many records came in.
    seen: u64,
    /// The time of the last one.
    now: Option<f64>,
}

impl Detector {
    /// One with other limits.
    pub fn new(limits: Limits) -> Detector {
        Detector { limits, ..Detector::default() }
    }

    /// One for a log that is being written: hands out each report as soon as it is over, with the role that is known by then.
    pub fn live(limits: Limits) -> Detector {
        Detector { limits, roles: Roles::live(), ..Detector::default() }
    }

    /// Ends the reports that said nothing for so many seconds, by the times of the records; all, if none are given.
    pub fn settle(&mut self, silence: Option<f64>) {
        let now = self.now;
        let silent = |c: &Collected| match (silence, now, c.said) {
            (None, ..) => true,
            (Some(wait), Some(now), Some(said)) => now - said > wait,
            _ => false,
        };
        if self.gathered.as_ref().is_some_and(silent) {
            self.end_gathering();
        }
        self.open.iter_mut().filter(|c| silent(c)).for_each(|c| c.over = true);
        self.close_finished();
    }

    /// Number of the first line of what is being collected.
    pub fn first_open(&self) -> Option<u64> {
        self.open.iter().chain(&self.gathered).map(|c| c.first).min()
    }

    /// Whether nothing is being collected: then only lines that may match a pattern need be pushed.
    pub fn is_idle(&self) -> bool {
        self.open.is_empty() && self.gathered.is_none()
    }

    /// Takes the next record.
    pub fn push(&mut self, record: Record) {
        self.seen += 1;
        self.now = record.seconds.or(self.now);
        let context = Context::of(&record);
        let found = (!record.foreign).then(|| MATCHER.find_within(&record.text)).flatten();
        let mut record = record;
        if let Some((_, at @ 1..)) = found {
            record.text.drain(..at);
        }
        let found = found.map(|(pattern, _)| pattern);
        if found.is_some_and(|p| p.id == "boot") {
            self.reboot(&record);
            return;
        }
        let line = Line { number: record.line, text: record.text };
        let fact = Fact { context, line, seconds: record.seconds, caller: record.caller };
        if self.gathers(&fact, found) {
            return;
        }
        match found.map(|p| (p, p.kind)) {
            Some((pattern, Kind::Cause | Kind::Weak)) => self.begins(fact, pattern),
            Some((pattern, Kind::Link)) => self.links(fact, pattern),
            Some((pattern, Kind::Detail)) => self.detail(fact, pattern),
            Some((pattern, Kind::Precursor)) => self.precursor(fact, pattern),
            Some((_, Kind::Context | Kind::Response)) | None => self.adds(&fact),
        }
        self.close_finished();
        self.roles.bound(self.limits.boot);
    }

    /// The reports that are ready; the rest come with [`Detector::finish`].
    pub fn ready(&mut self) -> Vec<Report> {
        self.roles.ready()
    }

    /// The input is over: the remaining reports.
    pub fn finish(mut self) -> Vec<Report> {
        self.end_gathering();
        self.open.iter_mut().for_each(|c| c.over = true);
        self.close_finished();
        self.roles.end_of_boot();
        self.roles.ready()
    }

    /// Another boot begins, as the log's own form says: what comes has nothing to do with what was.
    pub fn boot(&mut self) {
        self.end_gathering();
        self.open.iter_mut().for_each(|c| c.over = true);
        self.close_finished();
        self.waiting.clear();
        self.roles.end_of_boot();
    }

    fn reboot(&mut self, record: &Record) {
        self.boot();
        let release = record.text.split(' ').nth(2).map(str::to_owned);
        self.roles.booted(release);
    }

    fn begins(&mut self, fact: Fact, pattern: &'static Pattern) {
        if let Some(open) = self.open_in(fact.context) {
            let fresh = open.frames == 0 && open.lines.len() < 9 && open.pattern.id != pattern.id;
            if fresh
                && open.pattern.kind == Kind::Cause
                && pattern.kind == Kind::Cause
                && !open.pattern.id.starts_with("fallback")
            {
                open.follow(pattern, &fact);
                self.adds(&fact);
                return;
            }
            if pattern.kind == Kind::Weak && pattern.id == "netdev.ref" {
                self.adds(&fact);
                return;
            }
        }
        // What only explains a crash if nothing else does may be printed in the middle of another report.
        let within = pattern.kind == Kind::Weak
            && self.open_in(fact.context).is_some_and(|c| c.pattern.kind == Kind::Cause);
        if within {
            self.adds(&fact);
        } else {
            self.cut_others(&fact);
            self.open.iter_mut().filter(|c| c.context == fact.context).for_each(|c| c.over = true);
            self.close_finished();
        }
        let mut new = Collected::new(pattern, &fact);
        if let Some(group) = self.gathered.take_if(|g| g.goes_on(&fact)) {
            (new.first, new.seconds, new.head) = (group.first, group.seconds, group.lines.len());
            (new.lines, new.bytes) = (group.lines, group.bytes);
        }
        for waiting in self.waiting.iter().filter(|w| w.context == fact.context && self.seen - w.at <= 12) {
            new.first = new.first.min(waiting.line.number);
            new.details.push((waiting.pattern.id, waiting.line.text.clone()));
        }
        self.waiting.retain(|w| w.context != fact.context);
        new.take(&fact, &self.limits);
        if self.open.len() >= self.limits.open {
            self.open[0].over = true;
            self.close_finished();
        }
        self.open.push(new);
    }

    /// What comes after a second report may not be the first one's: without callers nobody can tell.
    fn cut_others(&mut self, fact: &Fact) {
        for open in &mut self.open {
            if open.context == fact.context && !matches!(open.context, Context::Caller(_)) {
                open.cut.get_or_insert(open.lines.len());
            }
        }
    }

    fn links(&mut self, fact: Fact, pattern: &'static Pattern) {
        let panics = pattern.id.starts_with("panic");
        let recent = |c: &Collected| {
            let gap = fact.seconds.zip(c.last_seconds).map_or(0.0, |(now, then)| now - then);
            c.pattern.kind != Kind::Precursor && gap < 30.0
        };
        if let Some(open) = self.open.iter_mut().rev().find(|c| c.context == fact.context && recent(c)) {
            open.follow(pattern, &fact);
            open.panicked |= panics;
            open.take(&fact, &self.limits);
        } else if let Some(open) = self.open.iter_mut().rev().find(|c| panics && recent(c)) {
            // A CPU that panics for a report of another: the report has its end, not its lines.
            open.panicked = true;
            open.follow(pattern, &fact);
            open.last = open.last.max(fact.line.number);
        } else if !self.roles.took_panic(pattern, fact.seconds) {
            self.begins(fact, pattern);
        }
    }

    fn detail(&mut self, fact: Fact, pattern: &'static Pattern) {
        if pattern.id == "fault.inject" {
            self.cut_others(&fact);
        }
        if let Some(open) = self.open_in(fact.context) {
            open.details.push((pattern.id, fact.line.text.clone()));
            open.details.truncate(64);
        } else {
            if self.waiting.len() >= self.limits.open {
                self.waiting.pop_front();
            }
            let (context, at) = (fact.context, self.seen);
            self.waiting.push_back(Waiting { context, line: fact.line.clone(), pattern, at });
        }
        self.adds(&fact);
    }

    /// Takes a line of a hardware error that is being told; whether that is all there is to do with it.
    fn gathers(&mut self, fact: &Fact, found: Option<&'static Pattern>) -> bool {
        let Some(group) = self.gathered.as_mut() else { return false };
        if !group.goes_on(fact) {
            group.quiet += 1;
            if group.quiet > BETWEEN || found.is_some() {
                self.end_gathering();
            }
            return false;
        }
        // What was before this boot is nothing that went wrong in it, however bad it was.
        let now = found.filter(|_| group.pattern.id != "bert");
        if now.is_some_and(|p| p.kind == Kind::Cause) {
            return false; // it was worse than it looked: `begins` takes what there is
        }
        if let Some(worse) = now.filter(|p| WORSE.contains(&p.id) && p.id != group.pattern.id) {
            (group.pattern, group.head) = (worse, group.lines.len());
        }
        group.take(fact, &self.limits);
        if group.over {
            self.end_gathering();
        }
        true
    }

    fn end_gathering(&mut self) {
        if let Some(group) = self.gathered.take() {
            let pattern = group.pattern;
            self.roles.add_or_count(report::build(group), pattern);
        }
    }

    fn precursor(&mut self, fact: Fact, pattern: &'static Pattern) {
        self.adds(&fact);
        if GATHERED.iter().any(|family| pattern.id.starts_with(family)) {
            self.end_gathering();
            let mut group = Collected::new(pattern, &fact);
            group.take(&fact, &self.limits);
            self.gathered = Some(group);
            return;
        }
        if self.roles.counted(pattern, &fact.line.text, fact.line.number) {
            return;
        }
        let mut one = Collected::new(pattern, &fact);
        one.take(&fact, &self.limits);
        self.roles.add(report::build(one), pattern);
    }

    fn adds(&mut self, fact: &Fact) {
        let limits = &self.limits;
        for open in &mut self.open {
            if open.wants(fact) {
                open.take(fact, limits);
            } else {
                open.quiet += 1;
                open.over |= open.quiet > 8 * limits.quiet;
            }
        }
    }

    fn open_in(&mut self, context: Context) -> Option<&mut Collected> {
        self.open.iter_mut().rev().find(|c| c.context == context)
    }

    fn close_finished(&mut self) {
        let mut i = 0;
        while i < self.open.len() {
            if self.open[i].over {
                let done = self.open.remove(i);
                let pattern = done.pattern;
                self.roles.add(report::build(done), pattern);
            } else {
                i += 1;
            }
        }
    }
}

/// One record as the collecting sees it.
struct Fact {
    context: Context,
    line: Line,
    seconds: Option<f64>,
    caller: Option<Caller>,
}

impl Collected {
    fn new(pattern: &'static Pattern, fact: &Fact) -> Collected {
        Collected {
            pattern,
            head: 0,
            first: fact.line.number,
            seconds: fact.seconds,
            caller: fact.caller,
            lines: Vec::new(),
            cut: None,
            last: fact.line.number,
            details: Vec::new(),
            followed: Vec::new(),
            panicked: pattern.id.starts_with("panic"),
            frames: 0,
            truncated: false,
            context: fact.context,
            bytes: 0,
            quiet: 0,
            last_seconds: fact.seconds,
            said: fact.seconds,
            all_cpus: false,
            ended: false,
            over: false,
        }
    }

    /// Whether a line tells more of the hardware error that this one tells.
    fn goes_on(&self, fact: &Fact) -> bool {
        let near = fact.seconds.zip(self.last_seconds).is_none_or(|(now, then)| (now - then).abs() < 2.0);
        let first = self.lines.first().map_or("", |l| l.text.as_str());
        near && self.context == fact.context && details::hardware_continues(first, &fact.line.text)
    }

    fn follow(&mut self, pattern: &Pattern, fact: &Fact) {
        let role = if pattern.id.starts_with("panic") { Role::Response } else { Role::Consequence };
        let (line, time, message) = (fact.line.number, fact.seconds, report::short(&fact.line.text));
        if self.followed.len() < 32 {
            self.followed.push(Followed { line, time, message, role });
        }
    }

    /// Whether a line is this report's.
    fn wants(&self, fact: &Fact) -> bool {
        let other_cpu = self.all_cpus && matches!(fact.caller, Some(Caller::Cpu(_)));
        self.context == fact.context || other_cpu
    }

    fn take(&mut self, fact: &Fact, limits: &Limits) {
        let gap = fact
            .seconds
            .zip(self.last_seconds)
            .is_some_and(|(now, then)| !(-1.0..=60.0).contains(&(now - then)));
        if gap && !self.lines.is_empty() {
            self.over = true;
            return;
        }
        if self.lines.len() >= limits.lines || self.bytes >= limits.bytes {
            (self.truncated, self.over) = (true, true);
            return;
        }
        self.last_seconds = fact.seconds.or(self.last_seconds);
        let text = &fact.line.text;
        self.all_cpus |= text.contains("Sending NMI from CPU");
        if self.cuts(text) {
            self.cut.get_or_insert(self.lines.len());
        }
        if report::says_something(text) {
            self.frames += usize::from(report::is_frame(text));
            (self.last, self.quiet) = (fact.line.number, 0);
            self.said = fact.seconds.or(self.said);
        } else {
            self.quiet += 1;
            self.over |= self.quiet > if self.ended { AFTER_END } else { limits.quiet };
        }
        self.ended |= text.starts_with("---[ end ");
        self.bytes += text.len();
        self.lines.push(fact.line.clone());
    }

    /// A panic after a whole report prints the same stack again, and oopses often make lockdep complain.
    fn cuts(&self, text: &str) -> bool {
        let enough = if self.pattern.id.starts_with("kmsan") { 16 } else { 22 };
        let again = text.contains("Kernel panic - not syncing")
            || text.contains("possible circular locking dependency");
        again && self.lines.len() > enough
    }
}
