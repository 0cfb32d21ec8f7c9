//! What lockdep says about the order of locks (kernel/locking/lockdep.c): what was wanted, what was held, and the chain of
//! earlier acquisitions that contradicts it.

use schemars::JsonSchema;
use serde::Serialize;

use crate::blame::function_name;
use crate::detect::Line;
use crate::{FrameRole, parse_frames};

/// Locks and the order in which they were taken.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Lockdep {
    /// What the task was about to take.
    pub wanted: Option<LockUse>,
    /// What it held.
    pub held: Vec<LockUse>,
    /// The existing order, as the kernel prints it: the newest link first.
    pub chain: Vec<Link>,
    /// `Chain exists of`: the first was taken before the second, that before the third …
    pub order: Vec<String>,
    /// `Possible unsafe locking scenario`: what each CPU does, in the order of time.
    pub scenario: Vec<Step>,
}

/// A lock and who took it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, JsonSchema)]
pub struct LockUse {
    /// The lock's class: `&bdev->bd_mutex`.
    pub lock: String,
    /// The function that took it, or was about to.
    pub function: Option<String>,
}

/// A link of the chain: this lock was once taken while the next one's was held.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Link {
    /// Its number.
    pub number: u32,
    /// The lock's class.
    pub lock: String,
    /// The function that took it: the first that is no part of locking.
    pub function: Option<String>,
}

/// A step of the scenario.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Step {
    /// The CPU of the scenario, not of the machine.
    pub cpu: u32,
    /// `lock(&a)`.
    pub does: String,
}

/// More locks than any task holds, more links than a chain that a person can follow.
const MANY: usize = 64;

/// Reads the lines of a report of lockdep; `None` where they hold nothing of it.
pub(super) fn of(lines: &[Line]) -> Option<Lockdep> {
    let mut reader = Reader::default();
    lines.iter().for_each(|l| reader.read(&l.text));
    (reader.found != Lockdep::default()).then_some(reader.found)
}

/// Lockdep itself, and functions that only take a lock for their caller.
const LOCKING: &[&str] = &[
    "__lock_acquire",
    "check_prev_add",
    "check_prevs_add",
    "validate_chain",
    "lock_sock",
    "lock_sock_nested",
    "lock_sock_fast",
    "rtnl_lock",
    "rtnl_lock_killable",
    "inode_lock",
    "console_lock",
    "percpu_down_read",
    "percpu_down_write",
    "cpus_read_lock",
];

#[derive(Default, Clone, Copy, PartialEq)]
enum Part {
    #[default]
    Before,
    Wanted,
    Held,
    Chain,
    Order,
    Scenario,
}

#[derive(Default)]
struct Reader {
    found: Lockdep,
    part: Part,
}

/// Lines that say what comes next.
const PARTS: &[(&str, Part)] = &[
    ("is trying to acquire", Part::Wanted),
    ("is trying to lock", Part::Wanted),
    ("already holding", Part::Held),
    ("locks held by", Part::Held),
    ("lock held by", Part::Held),
    ("existing dependency chain", Part::Chain),
    ("Chain exists of", Part::Order),
    ("unsafe locking scenario", Part::Scenario),
    ("stack backtrace:", Part::Before),
];

impl Reader {
    fn read(&mut self, text: &str) {
        let trimmed = text.trim();
        if let Some((_, part)) = PARTS.iter().find(|(words, _)| trimmed.contains(words)) {
            self.part = *part;
            return;
        }
        match self.part {
            Part::Wanted if self.found.wanted.is_none() => self.found.wanted = lock_use(trimmed),
            Part::Held => self.held(trimmed),
            Part::Chain => self.chain(trimmed),
            Part::Order => self.order(trimmed),
            Part::Scenario => self.scenario(text),
            _ => {}
        }
    }

    fn held(&mut self, text: &str) {
        let found = lock_use(text).filter(|l| !self.found.held.contains(l) && self.found.held.len() < MANY);
        self.found.held.extend(found);
    }

    fn chain(&mut self, text: &str) {
        if let Some((number, lock)) = link(text) {
            if self.found.chain.len() < MANY {
                self.found.chain.push(Link { number, lock, function: None });
            }
        } else if let Some(last) = self.found.chain.last_mut().filter(|l| l.function.is_none()) {
            let frame = parse_frames(text).find(|f| f.role == FrameRole::Call && f.reliable);
            let name = frame.map(|f| function_name(f.name(text)));
            last.function =
                name.filter(|n| !crate::blame::never_to_blame(n) && !LOCKING.contains(&n.as_str()));
        }
    }

    fn order(&mut self, text: &str) {
        if text.is_empty() {
            self.part = Part::Before;
        } else {
            let names = text.split("-->").map(str::trim).filter(|n| !n.is_empty());
            self.found.order.extend(names.map(str::to_owned).take(MANY));
        }
    }

    /// The column says which CPU: the second's begins in the middle of the line.
    fn scenario(&mut self, text: &str) {
        let does = text.trim();
        if does.contains("DEADLOCK") {
            self.part = Part::Before;
        } else if (does.starts_with("lock(") || does.starts_with("rlock(") || does.starts_with("sync("))
            && self.found.scenario.len() < MANY
        {
            let indent = text.len() - text.trim_start().len();
            let step = Step { cpu: u32::from(indent > 16), does: does.trim_end_matches(';').to_owned() };
            self.found.scenario.push(step);
        } else if does == "<Interrupt>" && self.found.scenario.len() < MANY {
            self.found.scenario.push(Step { cpu: 0, does: does.to_owned() });
        }
    }
}

/// `ffff8880 (&a->lock){+.+.}-{3:3}, at: take_it+0x12/0x34`, perhaps behind ` #0: `.
fn lock_use(text: &str) -> Option<LockUse> {
    let lock = super::object::lock(text)?;
    let at = text.split_once("at: ").map(|(_, at)| at.trim());
    let word = at.and_then(|at| at.split_ascii_whitespace().find(|w| w.contains("+0x")));
    let name = word.and_then(|w| w.split('+').next()).map(function_name);
    Some(LockUse { lock, function: name.filter(|n| !n.is_empty()) })
}

/// `-> #1 (&a->lock){+.+.}-{3:3}:`.
fn link(text: &str) -> Option<(u32, String)> {
    let (number, rest) = text.strip_prefix("-> #")?.split_once(' ')?;
    Some((number.parse().ok()?, super::object::lock(rest)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    const LOG: &str = "\
WARNING: possible circular locking dependency detected
6.1.0 #1 Tainted: G           OE
------------------------------------------------------
jt-commit/812 is trying to acquire lock:
ffffffffc0403000 (inode_lock){+.+.}-{3:3}, at: commit_it+0x23/0x60 [jtable]

but task is already holding lock:
ffffffffc0403060 (&j->lock){+.+.}-{3:3}, at: commit_it+0x17/0x60 [jtable]

which lock already depends on the new lock.

the existing dependency chain (in reverse order) is:

-> #1 (&j->lock){+.+.}-{3:3}:
       __mutex_lock+0x9c/0x7c0
       update_it+0x33/0x60 [jtable]
       kthread+0xe6/0x110

-> #0 (inode_lock){+.+.}-{3:3}:
       __lock_acquire+0x1200/0x1d60
       lock_acquire+0xc5/0x2b0
       __mutex_lock+0x9c/0x7c0
       commit_it+0x23/0x60 [jtable]

other info that might help us debug this:

 Possible unsafe locking scenario:

       CPU0                    CPU1
       ----                    ----
  lock(&j->lock);
                               lock(inode_lock);
                               lock(&j->lock);
  lock(inode_lock);

 *** DEADLOCK ***

1 lock held by jt-commit/812:
 #0: ffffffffc0403060 (&j->lock){+.+.}-{3:3}, at: commit_it+0x17/0x60 [jtable]

stack backtrace:
CPU: 0 PID: 812 Comm: jt-commit Tainted: G           OE      6.1.0 #1
Call Trace:
 dump_stack_lvl+0x5b/0x77
 commit_it+0x23/0x60 [jtable]
";

    #[test]
    fn the_whole_chain() {
        let report = crate::reports(LOG.as_bytes()).remove(0);
        let found = report.lockdep.unwrap();
        let used = |lock: &str, by: &str| LockUse { lock: lock.into(), function: Some(by.into()) };
        assert_eq!(found.wanted, Some(used("inode_lock", "commit_it")));
        assert_eq!(found.held, [used("&j->lock", "commit_it")]);
        let links: Vec<_> =
            found.chain.iter().map(|l| (l.number, l.lock.as_str(), l.function.as_deref())).collect();
        assert_eq!(links, [(1, "&j->lock", Some("update_it")), (0, "inode_lock", Some("commit_it"))]);
        let steps: Vec<_> = found.scenario.iter().map(|s| (s.cpu, s.does.as_str())).collect();
        assert_eq!(
            steps,
            [(0, "lock(&j->lock)"), (1, "lock(inode_lock)"), (1, "lock(&j->lock)"), (0, "lock(inode_lock)")]
        );
        assert_eq!(report.title, "possible deadlock in commit_it");
    }

    #[test]
    fn chains_of_three() {
        let lines = ["Chain exists of:", "  &a --> &b/1 --> &c", "", "&d"];
        let lines: Vec<Line> = lines.iter().map(|t| Line { number: 1, text: (*t).into() }).collect();
        assert_eq!(of(&lines).unwrap().order, ["&a", "&b/1", "&c"]);
        assert_eq!(of(&[Line { number: 1, text: "(&x){+.+.}".into() }]), None);
    }
}
