//! Completion and "did you mean" on a real dump.

// The lints' exceptions for tests do not reach their helpers.
#![allow(clippy::expect_used, clippy::print_stdout)]

use std::path::Path;

use necropsy_shell::{Context, Mode, complete, run_line};
use necropsy_target::{Options, Target};

fn open() -> Option<Context> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../corpus/6.1/stack_smash/vmcore");
    if !path.exists() {
        println!("skipped: names (no corpus/6.1/stack_smash)");
        return None;
    }
    let target = Target::open(necropsy_dump::open(&[path]).expect("the dump opens"), Options::default());
    Some(Context::new(target.expect("the kernel opens"), "vmcore".into()))
}

#[test]
fn words_are_completed() {
    let Some(cx) = open() else { return };
    let cases = [
        ("wha", "whatis"),
        ("  wha", "whatis"),
        ("help wai", "waitq"),
        ("task_str", "task_struct"),
        ("struct task_str", "task_struct"),
        ("p (struct task_str", "task_struct"),
        ("struct task_struct.com", "comm"),
        ("struct task_struct.pid,com", "comm"),
        ("struct task_struct.se.vrun", "vruntime"),
        ("task_struct.real_par", "real_parent"),
        ("p init_task.com", "comm"),
        ("p init_task.se.vrun", "vruntime"),
        ("p init_task.group_leader->com", "comm"),
        ("p 1 + ((struct task_struct *)0xffff888000000000)->com", "comm"),
        ("p &init_task.com", "comm"),
        ("task -R pid,com", "comm"),
        ("list task_struct.tas", "tasks"),
        ("p init_ta", "init_task"),
        ("rd init_ta", "init_task"),
        ("mod -s netp", "netpkt"),
        ("mod n", "netpkt"),
        ("bt 1", "1"),
        ("foreach ker", "kernel"),
        ("foreach user sig", "sig"),
        ("set swapp", "swapper/0"),
        ("bt swapper/", "0"),
    ];
    for (typed, wanted) in cases {
        let (at, found) = complete(&cx, typed);
        assert!(found.iter().any(|f| f == wanted), "{typed}: {found:?}");
        assert!(found.iter().all(|f| f.starts_with(&typed[at..])), "{typed}: {found:?}");
    }
    for typed in ["", "p ", "p nothing_is_called_so", "p ((((", "struct x.y.z", "p é.", "rd é"] {
        assert!(complete(&cx, typed).1.len() <= 200, "{typed}");
    }
}

#[test]
fn wrong_names_are_corrected() {
    let Some(cx) = open() else { return };
    let cases = [
        ("kmme -i", "did you mean kmem?"),
        ("task_strct.pid init_task", "did you mean task_struct.pid?"),
        ("p init_tsak", "did you mean init_task?"),
        ("p init_task.comn", "did you mean comm?"),
        ("p (struct task_strct *)0", "did you mean task_struct?"),
        ("struct task_struct.comn init_task", "did you mean comm?"),
        ("struct task_strct", "did you mean task_struct?"),
        ("sym vfs_raed", "did you mean vfs_read?"),
        ("mod -s netpkr", "did you mean netpkt?"),
    ];
    for (line, meant) in cases {
        let mut err = Vec::new();
        assert!(!run_line(&cx, line, Mode::Text, &mut Vec::new(), &mut err), "{line}");
        let err = String::from_utf8_lossy(&err).into_owned();
        assert!(err.contains(meant) && err.lines().count() == 1, "{line}: {err}");
    }
}
