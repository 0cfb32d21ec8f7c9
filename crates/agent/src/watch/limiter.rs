//! Which events are told and which are only counted.
//!
//! Of each fingerprint the first of a boot is told in full; then one that sums up, not more often than every few minutes. All
//! together there are not more than a burst and so many a minute.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// As many fingerprints are remembered.
const REMEMBERED: usize = 4096;
/// So many events of different kinds may be told at once …
const BURST: f64 = 30.0;
/// … and so many a second in the long run.
const RATE: f64 = 0.5;

/// What is known of a fingerprint.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Known {
    /// How often it came in this boot.
    pub count: u64,
    /// How often since it was last told.
    pub untold: u64,
    /// When it was last told, in seconds of the system's clock.
    pub told: f64,
    /// When it last came.
    pub seen: f64,
}

/// Decides.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Limiter {
    /// Seconds between two events of one fingerprint.
    #[serde(skip)]
    pub interval: f64,
    known: BTreeMap<String, Known>,
    #[serde(skip)]
    tokens: f64,
    #[serde(skip)]
    filled: f64,
}

/// What to do with an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Decision {
    /// Tell it in full.
    First,
    /// Tell it, and that it came before: how often in all, and how often untold.
    Again(u64, u64),
    /// Only count it.
    Count,
}

impl Default for Limiter {
    fn default() -> Limiter {
        Limiter { interval: 600.0, known: BTreeMap::new(), tokens: BURST, filled: 0.0 }
    }
}

impl Limiter {
    /// As it was in another run of this program.
    pub fn resumed(mut self, interval: f64) -> Limiter {
        (self.interval, self.tokens, self.filled) = (interval, BURST, 0.0);
        while self.known.len() > REMEMBERED {
            self.known.pop_last();
        }
        self
    }

    /// Another boot: what was known of the last one says nothing any more.
    pub fn reboot(&mut self) {
        self.known.clear();
    }

    /// Takes an event.
    pub fn take(&mut self, fingerprint: &str, now: f64) -> Decision {
        self.refill(now);
        if self.known.len() >= REMEMBERED && !self.known.contains_key(fingerprint) {
            self.forget();
        }
        let known = self.known.entry(fingerprint.to_owned()).or_default();
        known.count = known.count.saturating_add(1);
        known.seen = now;
        let told = known.told > 0.0;
        // A clock that was set back must not silence anything for long.
        let wait = told && (0.0..self.interval).contains(&(now - known.told));
        if wait || self.tokens < 1.0 {
            known.untold += 1;
            return Decision::Count;
        }
        self.tokens -= 1.0;
        let untold = std::mem::take(&mut known.untold);
        known.told = now;
        if told || untold > 0 { Decision::Again(known.count, untold) } else { Decision::First }
    }

    fn refill(&mut self, now: f64) {
        let passed = if self.filled == 0.0 { 0.0 } else { (now - self.filled).clamp(0.0, 3600.0) };
        self.tokens = (self.tokens + passed * RATE).min(BURST);
        self.filled = now;
    }

    fn forget(&mut self) {
        let oldest = self.known.iter().min_by(|a, b| a.1.seen.total_cmp(&b.1.seen)).map(|(k, _)| k.clone());
        if let Some(key) = oldest {
            self.known.remove(&key);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn first_then_sums() {
        let mut l = Limiter::default().resumed(600.0);
        assert_eq!(l.take("a", 1000.0), Decision::First);
        assert_eq!(l.take("a", 1001.0), Decision::Count);
        assert_eq!(l.take("a", 1002.0), Decision::Count);
        assert_eq!(l.take("a", 1700.0), Decision::Again(4, 2));
        l.reboot();
        assert_eq!(l.take("a", 1701.0), Decision::First);
    }

    #[test]
    fn many_kinds_are_bounded_and_none_is_forgotten_before_it_is_told() {
        let mut l = Limiter::default().resumed(600.0);
        let told = (0..10_000).filter(|i| l.take(&format!("{i}"), 5.0) == Decision::First).count();
        assert_eq!((told, l.known.len()), (30, REMEMBERED));
        assert_eq!(l.take("9999", 100.0), Decision::Again(2, 1));
    }
}
