//! Ctrl-C ends whatever a command is doing, and what later commands need is whole.

// The lints' exceptions for tests do not reach their helpers.
#![allow(clippy::expect_used, clippy::print_stdout)]

use std::path::Path;
use std::time::{Duration, Instant};

use necropsy_base::Budget;
use necropsy_shell::{Context, Mode, run_line};
use necropsy_target::{Options, Target};

/// What takes longest.
const LINES: &[&str] = &[
    "search deadbeefdeadbeef",
    "search -p deadbeefdeadbeef",
    "search -t deadbeefdeadbeef",
    "kmem -s",
    "kmem -S",
    "kmem -i",
    "kmem -p",
    "kmem -v",
    "foreach bt -FF",
    "foreach files",
    "foreach vm",
    "foreach task",
    "ps -m",
    "log",
    "mod",
    "sym -l",
    "dev -p",
    "net -a",
    "tree -t xarray -r pid_namespace.idr init_pid_ns",
    "fuser /",
];
/// How long it may take to notice, on a busy machine.
const SOON: Duration = Duration::from_millis(1500);

fn open() -> Option<Context> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../corpus/6.1/null_deref_kdump/vmcore");
    if !path.exists() {
        println!("skipped: interrupt (no corpus/6.1/null_deref_kdump)");
        return None;
    }
    let options = Options { budget: Budget::default(), ..Options::default() };
    let target = Target::open(necropsy_dump::open(&[path]).expect("the dump opens"), options);
    Some(Context::new(target.expect("the kernel opens"), "vmcore".into()))
}

fn answer(cx: &Context, line: &str) -> (String, String) {
    let (mut out, mut err) = (Vec::new(), Vec::new());
    run_line(cx, line, Mode::Text, &mut out, &mut err);
    (String::from_utf8_lossy(&out).into_owned(), String::from_utf8_lossy(&err).into_owned())
}

#[test]
fn commands_end_soon_and_later_ones_are_whole() {
    let (Some(interrupted), Some(fresh)) = (open(), open()) else { return };
    let mut stopped = 0;
    for line in LINES {
        let budget = interrupted.target.budget().clone();
        let cancel = std::thread::spawn(move || {
            std::thread::sleep(Duration::from_millis(3));
            budget.cancel();
            Instant::now()
        });
        let (_, err) = answer(&interrupted, line);
        let end = Instant::now();
        let late = end.saturating_duration_since(cancel.join().expect("the thread ends"));
        assert!(late < SOON, "{line} goes on for {late:?}");
        stopped += usize::from(err.contains("interrupted: the answer is not complete"));
        interrupted.target.budget().resume();
    }
    // The others were done before.
    assert!(stopped > LINES.len() / 4, "only {stopped} commands were interrupted");
    for line in LINES {
        assert_eq!(answer(&interrupted, line), answer(&fresh, line), "{line} after it was interrupted");
    }
}

#[test]
fn a_command_that_begins_too_late_does_nothing() {
    let Some(cx) = open() else { return };
    cx.target.budget().cancel();
    let (out, err) = answer(&cx, "ps");
    assert!(out.is_empty() && err.contains("interrupted"), "{out}{err}");
    let mut json = Vec::new();
    run_line(&cx, "ps", Mode::Json, &mut json, &mut Vec::new());
    assert!(String::from_utf8_lossy(&json).contains(r#""kind":"interrupted""#));
}
