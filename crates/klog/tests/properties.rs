//! Whatever is cut off or lost, the reports that are whole are still found, and nothing panics or grows without bound.

#![allow(clippy::unwrap_used)]

use std::fmt::Write;

use necropsy_klog::{Detector, Limits, Record, Report, reports};
use proptest::prelude::*;

/// Three reports of different kinds, with other lines between them; each is whole between these lines.
fn log() -> (Vec<String>, Vec<(usize, usize, &'static str)>) {
    let parts: &[(&[&str], &str)] = &[
        (
            &[
                "BUG: KASAN: slab-use-after-free in take_it+0x12/0x34 [mine]",
                "Read of size 8 at addr ffff888100a3c108 by task cat/42",
                "",
                "CPU: 1 PID: 42 Comm: cat Not tainted 6.1.0 #1",
                "Call Trace:",
                " <TASK>",
                " dump_stack_lvl+0x1/0x2",
                " take_it+0x12/0x34 [mine]",
                " vfs_read+0x12/0x34",
                " </TASK>",
                "",
                "Freed by task 41:",
                " kfree+0x12/0x34",
                " drop_it+0x12/0x34 [mine]",
            ],
            "KASAN: slab-use-after-free Read in take_it",
        ),
        (
            &[
                "WARNING: CPU: 0 PID: 7 at fs/x.c:12 check_it+0x12/0x34",
                "Modules linked in: mine(OE) other",
                "CPU: 0 PID: 7 Comm: sh Not tainted 6.1.0 #1",
                "RIP: 0010:check_it+0x12/0x34",
                "Call Trace:",
                " open_it+0x12/0x34",
            ],
            "WARNING in check_it",
        ),
        (
            &[
                "INFO: task dd:99 blocked for more than 120 seconds.",
                "Call Trace:",
                " __schedule+0x1/0x2",
                " schedule+0x1/0x2",
                " write_it+0x12/0x34",
            ],
            "INFO: task hung in write_it",
        ),
    ];
    let (mut lines, mut whole) = (Vec::new(), Vec::new());
    for (i, (text, title)) in parts.iter().enumerate() {
        for n in 0..5 {
            lines.push(format!("[  {}.{n:06}] eth0: link is up", 100 + 100 * i));
        }
        let first = lines.len();
        lines.extend(text.iter().enumerate().map(|(n, l)| format!("[  {}.{n:06}] {l}", 150 + 100 * i)));
        whole.push((first, lines.len(), *title));
    }
    (lines, whole)
}

fn titles(found: &[Report]) -> Vec<&str> {
    found.iter().map(|r| r.title.as_str()).collect()
}

#[test]
fn all_are_found() {
    let (lines, whole) = log();
    let found = reports(lines.join("\n").as_bytes());
    assert_eq!(titles(&found), whole.iter().map(|w| w.2).collect::<Vec<_>>());
    assert_eq!((found[0].first_line, found[0].stacks.len()), (6, 2));
}

#[test]
fn an_old_warning_of_another_task_is_not_the_cause() {
    let log = |at: u32, pid: u32| {
        let warning = "[   10.000000] WARNING: CPU: 0 PID: 7 at fs/x.c:12 check_it+0x12/0x34\n[   10.000001] Call Trace:\n[   10.000002]  check_it+0x12/0x34\n";
        format!(
            "{warning}[   {at}.000000] BUG: kernel NULL pointer dereference, address: 0000000000000008\n\
             [   {at}.000001] Oops: 0000 [#1] SMP\n[   {at}.000002] CPU: 0 PID: {pid} Comm: sh Tainted: G W 6.1.0 #1\n\
             [   {at}.000003] RIP: 0010:use_it+0x1/0x2\n[   {at}.000004] Call Trace:\n[   {at}.000005]  open_it+0x1/0x2\n\
             [   {at}.000006] Kernel panic - not syncing: Fatal exception\n"
        )
    };
    let cause = |log: String| {
        let found = reports(log.as_bytes());
        found.into_iter().find(|r| r.role == necropsy_klog::Role::Cause).unwrap().title
    };
    assert!(cause(log(18, 9)).contains("use_it"));
    assert!(cause(log(11, 9)).contains("check_it"), "at once");
    assert!(cause(log(18, 7)).contains("check_it"), "the same task");
}

#[test]
fn any_line_may_be_missing() {
    let (lines, whole) = log();
    for gone in 0..lines.len() {
        let rest: Vec<&str> =
            lines.iter().enumerate().filter(|(i, _)| *i != gone).map(|(_, l)| l.as_str()).collect();
        let found = reports(rest.join("\n").as_bytes());
        for (_, _, title) in whole.iter().filter(|(first, end, _)| !(*first..*end).contains(&gone)) {
            assert!(
                titles(&found).contains(title),
                "without line {gone}, {title} is not found: {:?}",
                titles(&found)
            );
        }
    }
}

#[test]
fn any_byte_may_be_the_last_or_the_first() {
    let (lines, whole) = log();
    let text = lines.join("\n");
    let mut starts = vec![0];
    starts.extend(text.match_indices('\n').map(|(at, _)| at + 1));
    starts.push(text.len() + 1);
    for cut in 0..text.len() {
        let (head, tail) = text.as_bytes().split_at(cut);
        let (head, tail) = (reports(head), reports(tail));
        for (first, end, title) in &whole {
            assert!(starts[*end] - 1 > cut || titles(&head).contains(title), "cut after byte {cut}");
            assert!(starts[*first] < cut || titles(&tail).contains(title), "cut before byte {cut}");
        }
    }
}

#[test]
fn a_report_without_an_end_is_bounded() {
    let mut detector = Detector::new(Limits { lines: 100, ..Limits::default() });
    let mut longest = 0;
    for i in 0..10_000u64 {
        let text = if i == 0 { "kernel BUG at fs/x.c:12!".into() } else { format!(" f{i}+0x1/0x2") };
        detector.push(Record { line: i + 1, text, ..Record::default() });
    }
    for report in detector.finish() {
        longest = longest.max(report.stacks.iter().map(|s| s.frames.len()).sum());
        assert!(report.corrupted);
    }
    assert!((50..=100).contains(&longest), "{longest}");
}

#[test]
fn endless_reports_are_handed_over_as_they_come() {
    let mut detector = Detector::default();
    let mut got = 0;
    for i in 0..2_000u64 {
        detector.push(Record {
            line: i + 1,
            text: format!("WARNING: CPU: 0 PID: 1 at a.c:{i} f{i}+0x1/0x2"),
            ..Record::default()
        });
        got += detector.ready().len();
    }
    assert!(got > 1_500, "{got}");
}

/// Lines that look like a kernel's, mixed at random.
fn line() -> impl Strategy<Value = String> {
    let known: Vec<&'static str> =
        necropsy_klog::PATTERNS.iter().flat_map(|p| p.examples.iter().copied()).collect();
    let pieces = prop_oneof![
        3 => proptest::sample::select(known).prop_map(str::to_owned),
        2 => "[ -~]{0,60}",
        2 => " [a-z_]{1,12}\\+0x[0-9a-f]{1,4}/0x[0-9a-f]{1,4}( \\[[a-z]{1,8}\\])?",
        1 => proptest::sample::select(vec!["Call Trace:", "Code: 48 <0f> 0b", "Modules linked in: a(OE) b", "RIP: 0010:x+0x1/0x2", "Freed by task 1:"]).prop_map(str::to_owned),
        1 => ".{0,40}",
    ];
    let prefix = prop_oneof![
        Just(String::new()),
        (0u32..1000, 0u32..4).prop_map(|(s, t)| format!("[{s:5}.000000][    T{t}] ")),
        Just("<4>".to_owned())
    ];
    (prefix, pieces).prop_map(|(prefix, text)| prefix + &text)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, ..ProptestConfig::default() })]

    #[test]
    fn anything_goes(lines in proptest::collection::vec(line(), 0..60)) {
        let text = lines.join("\n");
        let found = reports(text.as_bytes());
        for r in &found {
            prop_assert!(r.first_line <= r.last_line && r.last_line <= lines.len() as u64 + text.matches('\n').count() as u64);
            prop_assert!(r.title.len() <= 160 && !r.title.contains('\n'));
            let mut json = String::new();
            write!(json, "{}", serde_json::to_string(r).unwrap()).unwrap();
        }
        prop_assert!(found.windows(2).all(|w| w[0].role != necropsy_klog::Role::Cause || w[1].role != necropsy_klog::Role::Cause || text.contains("Linux version")));
    }

    #[test]
    fn any_bytes(bytes in proptest::collection::vec(any::<u8>(), 0..2000)) {
        reports(&bytes);
    }
}
