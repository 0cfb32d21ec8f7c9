//! What the log says happened when.

use necropsy_klog::{Event, events};

fn found(log: &[(f64, String)]) -> Vec<Event> {
    events(log.iter().map(|(s, text)| (Some(*s), text.as_str())))
}

/// The events of the log.
pub fn timeline(log: &[(f64, String)]) -> Vec<necropsy_report::Event> {
    let event = |e: Event| necropsy_report::Event { seconds: e.seconds, event: e.text, role: e.role.name() };
    found(log).into_iter().map(event).collect()
}

/// What `panic()` said.
pub fn panic_line(log: &[(f64, String)]) -> Option<String> {
    const START: &str = "Kernel panic - not syncing: ";
    log.iter().rev().find_map(|(_, line)| line.strip_prefix(START)).map(str::to_owned)
}

/// The line with the first event of one of these kinds, and its number.
pub fn first_event(log: &[(f64, String)], ids: &[&str]) -> Option<(usize, String)> {
    found(log).into_iter().find(|e| ids.contains(&e.id)).map(|e| (e.line, e.text))
}
