//! What is of one crash belongs together: a dump, the records in pstore, the end of the journal.

use super::{Crash, Trace};
use crate::classes::class;

/// Between the death of a machine and the last of its traces: the dump is written, pstore's clock is the firmware's.
const WINDOW: f64 = 900.0;

/// What tells more comes first.
const ORDER: &[&str] = &["kdump", "pstore", "journal", "bert", "none"];

/// Crashes, oldest first.
pub fn crashes(mut traces: Vec<Trace>) -> Vec<Crash> {
    traces.sort_by_key(|t| ORDER.iter().position(|s| *s == t.source));
    let mut groups: Vec<Vec<Trace>> = Vec::new();
    for trace in traces {
        match groups.iter_mut().filter(|g| belongs(g, &trace)).min_by_key(|g| distance(g, &trace)) {
            Some(group) => group.push(trace),
            None => groups.push(vec![trace]),
        }
    }
    let mut crashes: Vec<Crash> = groups.into_iter().filter_map(joined).collect();
    crashes.sort_by_key(|c| c.time);
    crashes
}

/// Adds traces to crashes that are known: a record that was moved out of pstore later, a dump that was copied. What is left is new.
pub fn known(list: &mut [Crash], traces: Vec<Trace>) -> Vec<Trace> {
    let mut new = Vec::new();
    for trace in traces {
        match list.iter_mut().rev().find(|c| is_of(c, &trace)) {
            Some(crash) => {
                crash.sources.push(trace.source.to_owned());
                crash.keys.push(trace.key);
                crash.reports.extend(trace.reports);
                crash.dump = crash.dump.take().or(trace.dump);
                crash.complete = crash.complete.or(trace.complete);
            }
            None => new.push(trace),
        }
    }
    new
}

/// The same rule for a crash of the list. One without a class is not called anything else later: only what agrees is added.
fn is_of(crash: &Crash, trace: &Trace) -> bool {
    let near = (crash.time.as_second() - trace.time.as_second()).abs() as f64 <= WINDOW;
    let agrees = crash.fingerprint.is_some() && crash.fingerprint == trace.fingerprint
        || trace.class.as_deref() == Some(crash.class.as_str());
    near && agrees && trace.source != "none" && !crash.sources.iter().any(|s| s == trace.source)
}

/// Whether a trace is of the crash that others tell of. Two of one source are two crashes.
fn belongs(group: &[Trace], trace: &Trace) -> bool {
    let near = |t: &Trace| (t.time.as_second() - trace.time.as_second()).abs() as f64 <= WINDOW;
    let differ = |t: &Trace| match (&t.fingerprint, &trace.fingerprint, &t.class, &trace.class) {
        // A dump and its log may give one failure different classes; different functions are two failures only if the kinds differ, too.
        (Some(a), Some(b), Some(x), Some(y)) => a != b && x != y && y != "hardware-error",
        _ => false,
    };
    group.iter().all(|t| t.source != trace.source && !differ(t)) && group.iter().any(near)
}

/// Seconds between a trace and the nearest of a group.
fn distance(group: &[Trace], trace: &Trace) -> u64 {
    let seconds = group.iter().map(|t| t.time.as_second().abs_diff(trace.time.as_second()));
    seconds.min().unwrap_or(u64::MAX)
}

fn joined(group: Vec<Trace>) -> Option<Crash> {
    let first = group.first()?;
    let best = group.iter().find(|t| t.class.as_deref().is_some_and(|c| c != "unknown")).unwrap_or(first);
    Some(Crash {
        id: String::new(),
        time: group.iter().filter(|t| t.source != "bert").map(|t| t.time).min().unwrap_or(first.time),
        source: first.source.to_owned(),
        sources: group.iter().map(|t| t.source.to_owned()).collect(),
        keys: group.iter().map(|t| t.key.clone()).collect(),
        class: class(best.class.as_deref().unwrap_or("unknown")).to_owned(),
        title: best.title.clone().unwrap_or_else(|| "unknown".to_owned()),
        fingerprint: best.fingerprint.clone(),
        requested: group.iter().any(|t| t.requested),
        confidence: best.confidence,
        dump: group.iter().find_map(|t| t.dump.clone()),
        complete: group.iter().find_map(|t| t.complete),
        reports: group.iter().flat_map(|t| t.reports.clone()).collect(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::Timestamp;

    fn trace(source: &'static str, second: i64, class: &str) -> Trace {
        let at = Timestamp::from_second(1_700_000_000 + second).unwrap();
        let fingerprint = (!class.is_empty()).then(|| class.to_owned());
        Trace {
            source,
            key: format!("{source} {second}"),
            time: at,
            class: fingerprint.clone(),
            fingerprint,
            ..Trace::default()
        }
    }

    #[test]
    fn one_crash_of_three_traces_and_another() {
        let found = crashes(vec![
            trace("journal", -5, "deadlock"),
            trace("pstore", 0, "deadlock"),
            trace("kdump", 60, "deadlock"),
            trace("kdump", 90, "deadlock"),
            trace("pstore", 50_000, "warning"),
        ]);
        assert_eq!(found.len(), 3);
        let of = |n: usize| found[n].sources.iter().map(String::as_str).collect::<Vec<_>>();
        assert_eq!(
            (of(0), of(1), of(2)),
            (vec!["kdump", "pstore", "journal"], vec!["kdump"], vec!["pstore"])
        );
    }

    #[test]
    fn what_comes_later_is_added() {
        let mut list = crashes(vec![trace("kdump", 60, "deadlock")]);
        let later = vec![
            trace("pstore", 0, "deadlock"),
            trace("pstore", 5, "deadlock"),
            trace("journal", 0, "bit-flip"),
        ];
        assert_eq!(known(&mut list, later).len(), 2);
        assert_eq!(list[0].sources, ["kdump", "pstore"]);
        assert_eq!(list[0].keys.len(), 2);
    }

    #[test]
    fn silence_and_firmware() {
        let found = crashes(vec![trace("none", 0, ""), trace("kdump", 60, "deadlock")]);
        assert_eq!((found.len(), found[0].class.as_str()), (1, "deadlock"));
        let found = crashes(vec![trace("none", 0, "")]);
        assert_eq!((found.len(), found[0].class.as_str(), found[0].source.as_str()), (1, "unknown", "none"));
        // The nearest of those that it may be of.
        let found = crashes(vec![
            trace("bert", 500, "hardware-error"),
            trace("kdump", 60, "machine-check"),
            trace("kdump", 400, "deadlock"),
        ]);
        assert_eq!((found.len(), found[0].sources.len(), found[1].sources.len()), (2, 1, 2));
        assert_eq!(found[1].class, "deadlock");
        let found = crashes(vec![trace("bert", 0, "hardware-error"), trace("none", 0, "")]);
        assert_eq!((found.len(), found[0].source.as_str()), (1, "bert"));
        let found = crashes(vec![trace("kdump", 0, "deadlock"), trace("pstore", 10, "bit-flip")]);
        assert_eq!(found.len(), 2);
    }
}
