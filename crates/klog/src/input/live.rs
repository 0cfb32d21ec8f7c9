//! A log that is read while it is written: reports come when they are whole, not when the boot is over.

use super::Sink;
use super::lines::Lines;
use crate::{Detector, Limits, Record, Report};

/// Finds reports in a log as it grows, in bounded memory.
///
/// Whether a report was the first thing to go wrong is said by what came before it; what comes later does not change it any more.
///
/// ```
/// use necropsy_klog::{Limits, Live};
///
/// let mut live = Live::new(Limits::default());
/// let lines = b"4,1,1000000,-;kernel BUG at fs/x.c:12!\n4,2,1000001,-;RIP: 0010:my_open+0x12/0x34 [mine]\n";
/// assert!(live.take(lines).is_empty());
/// // Nothing has come for a while.
/// assert_eq!(live.settle(None)[0].title, "kernel BUG in my_open");
/// ```
pub struct Live {
    lines: Lines<Following>,
}

struct Following {
    detector: Detector,
}

impl Sink for Following {
    fn record(&mut self, record: Record) {
        self.detector.push(record);
    }
    fn skips(&self) -> bool {
        self.detector.is_idle()
    }
    fn boot(&mut self) {
        self.detector.boot();
    }
}

impl Live {
    /// One with nothing in it.
    pub fn new(limits: Limits) -> Live {
        Live { lines: Lines::new(Following { detector: Detector::live(limits) }) }
    }

    /// Takes whole lines; the reports that are known to be over.
    pub fn take(&mut self, lines: &[u8]) -> Vec<Report> {
        self.lines.take(lines);
        self.lines.sink.detector.ready()
    }

    /// Ends the reports that said nothing for so many seconds of the log's own time; all of them, if none are given: for a log that is
    /// silent, which has no time.
    pub fn settle(&mut self, silence: Option<f64>) -> Vec<Report> {
        if silence.is_none() {
            self.lines.release();
        }
        self.lines.sink.detector.settle(silence);
        self.lines.sink.detector.ready()
    }

    /// How many lines were taken.
    pub fn taken(&self) -> u64 {
        self.lines.number
    }

    /// Number of the first line of what is not over yet.
    pub fn first_open(&self) -> Option<u64> {
        self.lines.sink.detector.first_open().into_iter().chain(self.lines.held_line()).min()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kmsg(sequence: u64, micros: u64, text: &str) -> Vec<u8> {
        format!("4,{sequence},{micros},-;{text}\n").into_bytes()
    }

    #[test]
    fn a_report_is_over_when_it_says_no_more() {
        let mut live = Live::new(Limits::default());
        assert!(
            live.take(&kmsg(1, 1_000_000, "BUG: kernel NULL pointer dereference, address: 0000000000000008"))
                .is_empty()
        );
        assert!(live.take(&kmsg(2, 1_000_100, "RIP: 0010:poke+0x12/0x34 [mine]")).is_empty());
        // The last line may go on: it is held back.
        assert_eq!(live.first_open(), Some(1));
        for i in 0..9 {
            assert!(live.take(&kmsg(3 + i, 1_100_000 + i, "eth0: link up")).is_empty());
        }
        assert!(live.settle(Some(0.5)).is_empty());
        live.take(&kmsg(20, 1_700_000, "eth0: link up"));
        live.take(&kmsg(21, 1_700_001, "eth0: link up"));
        let reports = live.settle(Some(0.5));
        assert_eq!(reports[0].title, "BUG: unable to handle kernel NULL pointer dereference in poke");
        assert_eq!((reports[0].first_line, reports[0].role), (1, crate::Role::Cause));
        assert_eq!((live.settle(None).len(), live.first_open()), (0, None));
    }

    #[test]
    fn roles_follow_from_what_was_before() {
        let mut live = Live::new(Limits::default());
        let mut roles = Vec::new();
        let mut one = |seconds: u64, text: &str| {
            let mut found = live.take(&kmsg(seconds, seconds * 1_000_000, text));
            found.extend(live.settle(None));
            roles.extend(found.into_iter().map(|r| r.role.name()));
        };
        one(1, "Buffer I/O error on dev sda1, logical block 12, async page read");
        one(2, "kernel BUG at fs/x.c:12!");
        one(30, "BUG: soft lockup - CPU#1 stuck for 22s! [x:1]");
        one(9000, "kernel BUG at fs/y.c:13!");
        assert_eq!(roles, ["precursor", "cause", "consequence", "cause"]);
    }
}
