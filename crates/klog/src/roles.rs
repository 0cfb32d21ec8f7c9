//! What each report is to the crash: decided over all reports of one boot.

use std::collections::BTreeMap;

use crate::Role;
use crate::patterns::{Kind, Pattern};
use crate::report::Report;

/// An earlier report further back than this, of a lesser kind, is not why the kernel died.
const LONG_AGO: f64 = 120.0;
/// The same for a plain WARNING of another task: what it warned of either bites at once or is another matter. (Those of counters,
/// lists and locks have classes of their own and may bite later.)
const WARNED_LONG_AGO: f64 = 5.0;

/// Holds the reports of a boot until their roles are known.
#[derive(Default)]
pub(crate) struct Roles {
    boot: Vec<(Report, Kind)>,
    ready: Vec<Report>,
    precursors: BTreeMap<&'static str, usize>,
    release: Option<String>,
    /// For a log that is being written: nothing is held back.
    live: Option<Live>,
}

/// What is remembered of a log that is being written: when something last went wrong, and for how long that explains what follows.
#[derive(Clone, Copy, Default)]
struct Live {
    last: Option<(Option<f64>, f64)>,
}

impl Live {
    /// The role of the next report.
    fn role(&mut self, report: &Report, kind: Kind) -> Role {
        if kind == Kind::Precursor {
            return Role::Precursor;
        }
        let follows = self.last.is_some_and(|(then, long)| {
            report.time.zip(then).is_none_or(|(now, then)| (-1.0..=long).contains(&(now - then)))
        });
        let long = if report.class == "warning" { WARNED_LONG_AGO } else { LONG_AGO };
        self.last = Some((report.time, long));
        if follows { Role::Consequence } else { Role::Cause }
    }
}

impl Roles {
    /// One that holds nothing back.
    pub fn live() -> Roles {
        Roles { live: Some(Live::default()), ..Roles::default() }
    }

    /// A report is whole.
    pub fn add(&mut self, mut report: Report, pattern: &'static Pattern) {
        if report.release.is_none() {
            report.release.clone_from(&self.release);
        }
        if let Some(live) = &mut self.live {
            report.role = live.role(&report, pattern.kind);
            self.ready.push(report);
            return;
        }
        if pattern.kind == Kind::Precursor {
            self.precursors.insert(pattern.id, self.boot.len());
        }
        self.boot.push((report, pattern.kind));
    }

    /// Counts one more of a precursor that there is already; `false` if there is none.
    pub fn counted(&mut self, pattern: &'static Pattern, text: &str, line: u64) -> bool {
        let found = self.precursors.get(pattern.id).and_then(|i| self.boot.get_mut(*i));
        let Some((report, _)) = found else { return false };
        let title = crate::title::of_line(pattern, text);
        if title != report.title {
            return false;
        }
        report.count += 1;
        report.last_line = line;
        true
    }

    /// Adds a sign of trouble, or counts it where the same part has reported the same before.
    pub fn add_or_count(&mut self, report: Report, pattern: &'static Pattern) {
        let part = |r: &Report| r.hardware_error.as_ref().and_then(|h| h.part.clone());
        let same = |r: &Report| r.title == report.title && part(r) == part(&report);
        match self.boot.iter_mut().find(|(r, kind)| *kind == Kind::Precursor && same(r)) {
            Some((known, _)) => {
                known.count += 1;
                known.last_line = known.last_line.max(report.last_line);
            }
            None => self.add(report, pattern),
        }
    }

    /// A panic that another report of this boot has led to shortly before: it is no report of its own.
    pub fn took_panic(&mut self, pattern: &'static Pattern, seconds: Option<f64>) -> bool {
        let follows = pattern.titles.iter().any(|t| t.broken);
        let near =
            |r: &Report| seconds.zip(r.time).is_none_or(|(now, then)| (0.0..30.0).contains(&(now - then)));
        let found =
            self.boot.iter_mut().rev().map(|(r, k)| (r, k)).find(|(r, k)| **k != Kind::Precursor && near(r));
        match found {
            Some((report, _)) if follows => {
                report.panicked = true;
                true
            }
            _ => false,
        }
    }

    /// The kernel says its name: what follows is another life.
    pub fn booted(&mut self, release: Option<String>) {
        self.release = release;
    }

    /// Nothing more of this boot will come.
    pub fn end_of_boot(&mut self) {
        let mut boot = std::mem::take(&mut self.boot);
        self.precursors.clear();
        self.live = self.live.map(|_| Live::default());
        boot.sort_by_key(|(r, _)| r.first_line);
        assign(&mut boot);
        self.ready.extend(boot.into_iter().map(|(r, _)| r));
    }

    /// Holds no more reports back than that.
    pub fn bound(&mut self, held: usize) {
        if self.boot.len() > held {
            self.end_of_boot();
        }
    }

    /// What can be handed out.
    pub fn ready(&mut self) -> Vec<Report> {
        std::mem::take(&mut self.ready)
    }
}

/// The first that went wrong is the cause; what comes later follows, unless the first was long ago and of a lesser kind.
fn assign(boot: &mut [(Report, Kind)]) {
    let cause = primary(boot);
    for (i, (report, kind)) in boot.iter_mut().enumerate() {
        report.role = match (Some(i).cmp(&cause), *kind) {
            (_, Kind::Precursor) => Role::Precursor,
            (std::cmp::Ordering::Equal, _) => Role::Cause,
            (std::cmp::Ordering::Less, Kind::Weak) => Role::Precursor,
            (std::cmp::Ordering::Less, _) => Role::Context,
            (std::cmp::Ordering::Greater, Kind::Link) => Role::Consequence,
            (std::cmp::Ordering::Greater, _) => Role::Consequence,
        };
    }
}

/// Index of the report that the others follow from.
fn primary(boot: &[(Report, Kind)]) -> Option<usize> {
    let of = |kinds: &[Kind]| boot.iter().position(|(_, k)| kinds.contains(k));
    let first = of(&[Kind::Cause]).or_else(|| of(&[Kind::Weak])).or_else(|| of(&[Kind::Link]))?;
    // A link with nothing before it is the rest of a report whose beginning was lost: as good as one.
    let first = of(&[Kind::Link]).filter(|i| *i < first && boot[*i].0.frames.len() > 1).unwrap_or(first);
    let lesser = |r: &Report| {
        !r.panicked
            && matches!(r.class, "warning" | "hung-task" | "lock-misuse" | "deadlock" | "out-of-memory")
    };
    let deadly = |r: &Report| r.panicked || r.oops.is_some();
    let later = boot.iter().enumerate().skip(first + 1).find(|(_, (r, k))| {
        let since = r.time.zip(boot[first].0.time).map_or(0.0, |(now, then)| now - then);
        let other_task = r.pid.zip(boot[first].0.pid).is_some_and(|(a, b)| a != b);
        let plain = boot[first].0.class == "warning" && other_task;
        let long = if plain { WARNED_LONG_AGO } else { LONG_AGO };
        matches!(k, Kind::Cause | Kind::Link) && deadly(r) && since > long
    });
    later.filter(|_| lesser(&boot[first].0)).map(|(i, _)| i).or(Some(first))
}
