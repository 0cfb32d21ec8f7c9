//! Limits on long work: cancel flag, deadline, steps, progress.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// The work was stopped before it was done.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Exhausted {
    /// Somebody pressed Ctrl-C or the caller gave up.
    #[error("interrupted")]
    Cancelled,
    /// The time allowed is over.
    #[error("out of time")]
    Deadline,
    /// More steps than any healthy structure needs.
    #[error("gave up after {0} steps")]
    Steps(u64),
}

/// Told now and then how far long work has come.
pub trait Progress: Send + Sync {
    /// `done` of `total` (0: unknown) units of `what`.
    fn report(&self, what: &str, done: u64, total: u64);
}

/// A limit shared by all clones; checked by every shared iterator and parallel loop.
#[derive(Clone)]
pub struct Budget(Arc<Inner>);

struct Inner {
    cancelled: AtomicBool,
    /// How much work is under way that must not be cut short.
    shielded: AtomicU32,
    deadline: Option<Instant>,
    steps: AtomicU64,
    max_steps: u64,
    progress: Option<Box<dyn Progress>>,
}

impl Default for Budget {
    fn default() -> Self {
        Budget::new(None, u64::MAX)
    }
}

impl Budget {
    /// A budget of at most `time` and `steps`.
    pub fn new(time: Option<Duration>, steps: u64) -> Self {
        Self::build(time, steps, None)
    }

    /// The same, with somebody to tell about progress.
    pub fn with_progress(time: Option<Duration>, steps: u64, progress: Box<dyn Progress>) -> Self {
        Self::build(time, steps, Some(progress))
    }

    fn build(time: Option<Duration>, max_steps: u64, progress: Option<Box<dyn Progress>>) -> Self {
        let deadline = time.and_then(|t| Instant::now().checked_add(t));
        let (cancelled, shielded, steps) = (AtomicBool::new(false), AtomicU32::new(0), AtomicU64::new(0));
        Budget(Arc::new(Inner { cancelled, shielded, deadline, steps, max_steps, progress }))
    }

    /// Makes every further [`Budget::step`] fail, until [`Budget::resume`].
    pub fn cancel(&self) {
        self.0.cancelled.store(true, Ordering::Relaxed);
    }

    /// Takes [`Budget::cancel`] back: the next piece of work may begin.
    pub fn resume(&self) {
        self.0.cancelled.store(false, Ordering::Relaxed);
    }

    /// Whether somebody wants the work to end; not told to work that is [whole](Budget::whole).
    pub fn is_cancelled(&self) -> bool {
        self.0.cancelled.load(Ordering::Relaxed) && self.0.shielded.load(Ordering::Relaxed) == 0
    }

    /// Does something that is not cut short by [`Budget::cancel`]: short work whose result is kept for later.
    pub fn whole<R>(&self, work: impl FnOnce() -> R) -> R {
        let _shield = Shield::new(&self.0.shielded);
        work()
    }

    /// Counts one step of work; the clock is looked at every 1,024 steps.
    pub fn step(&self) -> Result<(), Exhausted> {
        if self.is_cancelled() {
            return Err(Exhausted::Cancelled);
        }
        // Nobody asks how many: all threads would count in one place.
        if self.0.deadline.is_none() && self.0.max_steps == u64::MAX {
            return Ok(());
        }
        let n = self.0.steps.fetch_add(1, Ordering::Relaxed);
        if n >= self.0.max_steps {
            return Err(Exhausted::Steps(self.0.max_steps));
        }
        match self.0.deadline {
            Some(end) if n.is_multiple_of(1024) && Instant::now() > end => Err(Exhausted::Deadline),
            _ => Ok(()),
        }
    }

    /// Passes progress on to whoever listens.
    pub fn progress(&self, what: &str, done: u64, total: u64) {
        if let Some(p) = &self.0.progress {
            p.report(what, done, total);
        }
    }
}

/// Counts one in [`Inner::shielded`] for as long as it lives.
struct Shield<'a>(&'a AtomicU32);

impl<'a> Shield<'a> {
    fn new(count: &'a AtomicU32) -> Self {
        count.fetch_add(1, Ordering::Relaxed);
        Shield(count)
    }
}

impl Drop for Shield<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ends_by_steps_and_by_cancel() {
        let b = Budget::new(None, 2);
        assert_eq!((b.step(), b.step(), b.step()), (Ok(()), Ok(()), Err(Exhausted::Steps(2))));
        let b = Budget::default();
        b.clone().cancel();
        assert_eq!(b.step(), Err(Exhausted::Cancelled));
        assert_eq!(b.whole(|| b.step()), Ok(()));
        assert!(b.is_cancelled());
        b.resume();
        assert_eq!(b.step(), Ok(()));
        let b = Budget::new(Some(Duration::ZERO), u64::MAX);
        std::thread::sleep(Duration::from_millis(1));
        assert_eq!(b.step(), Err(Exhausted::Deadline));
    }
}
