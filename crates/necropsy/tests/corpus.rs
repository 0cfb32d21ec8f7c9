//! Every dump of the corpus: the verdict is what was really done, and every stack reaches its end.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use necropsy_diagnose::{Case, CaseOptions, DETECTIVES, Findings};
use necropsy_kernel::tasks::{Tasks, stack};
use necropsy_target::unwind::{End, Trust};
use necropsy_target::{Options, Target};
use serde_json::Value;

/// Classes that have a detective: the verdict on these must be right; on others it must be `unknown`.
const KNOWN: &[&str] = &[
    "null-pointer-dereference",
    "null-function-call",
    "stack-buffer-overflow",
    "requested-crash",
    "use-after-free",
    "soft-lockup",
    "deadlock",
    "hung-task",
];

/// Detectives whose kind of death no dump here died of: `lab/` makes such dumps, `lab/check.py` looks at the verdicts; of locks there
/// is made memory in `necropsy-diagnose`, too.
const IN_THE_LAB: &[&str] = &[
    "assertion",
    "bit-flip",
    "control-flow",
    "data-race",
    "deadlock",
    "device-gone",
    "divide",
    "double-fault",
    "double-free",
    "fd-leak",
    "firmware",
    "global-overflow",
    "guarded",
    "hidden",
    "hung-task",
    "irq-storm",
    "kasan",
    "kasan-fault",
    "kernel-text",
    "list-corruption",
    "lock-misuse",
    "lost-disk",
    "memory-leak",
    "out-of-memory",
    "page-corruption",
    "page-table",
    "panic-call",
    "panic-site",
    "rcu-reader",
    "refcount-bug",
    "return-address",
    "slab-corruption",
    "slab-overflow",
    "sleep-atomic",
    "spin-lock",
    "stack-end",
    "stack-overflow",
    "stuck-cpu",
    "table-hook",
    "ubsan",
    "uninitialised-use",
    "unloaded-module",
    "wild-pointer",
    "workqueue-stall",
];

/// Each dump with its truth.
fn cases() -> Vec<(PathBuf, Value)> {
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../corpus");
    let entries = |dir: &Path| {
        std::fs::read_dir(dir).into_iter().flatten().flatten().map(|e| e.path()).collect::<Vec<_>>()
    };
    let mut found = Vec::new();
    for case in entries(&root).iter().filter(|p| p.is_dir()).flat_map(|kernel| entries(kernel)) {
        let (dump, truth) = (case.join("vmcore"), case.join("truth.json"));
        if let (true, Ok(text)) = (dump.exists(), std::fs::read_to_string(truth)) {
            found.push((dump, serde_json::from_str(&text).unwrap()));
        }
    }
    if found.is_empty() {
        println!("skipped: corpus (no dump in corpus/)");
    }
    found.sort_by(|a, b| a.0.cmp(&b.0));
    found
}

fn open(path: &Path) -> Arc<Target> {
    Target::open(necropsy_dump::open(&[path.to_path_buf()]).unwrap(), Options::default()).unwrap()
}

fn base(name: &str) -> &str {
    name.split('.').next().unwrap_or(name)
}

#[test]
fn verdicts_are_true() {
    for (path, truth) in cases() {
        for use_log in [true, false] {
            let what = format!("{} (log: {use_log})", path.display());
            let found = Case::open(
                open(&path),
                CaseOptions { use_log, path: what.clone(), ..CaseOptions::default() },
            )
            .analyse()
            .verdict;
            let classes: Vec<&str> =
                truth["classes"].as_array().unwrap().iter().filter_map(Value::as_str).collect();
            if !classes.iter().any(|c| KNOWN.contains(c)) {
                assert_eq!(found.class, "unknown", "{what}: {}", found.title);
                continue;
            }
            assert!(classes.contains(&found.class), "{what}: {} instead of {classes:?}", found.title);
            let bugs = truth["bugs"].as_array().cloned().unwrap_or_default();
            let culprits: Vec<&str> = (bugs.iter().filter(|b| b["role"] == "culprit"))
                .filter_map(|b| b["function"].as_str())
                .collect();
            let named = found.culprit.as_ref().and_then(|c| c.function.as_deref()).map(base);
            assert!(culprits.is_empty() || named.is_some_and(|n| culprits.contains(&n)), "{what}: {named:?}");
            if truth["task_matters"].as_bool().unwrap_or(true) {
                let task = found.task.unwrap();
                assert_eq!(Some(i64::from(task.pid)), truth["first_report"]["pid"].as_i64(), "{what}");
                assert_eq!(Some(task.comm.as_str()), truth["first_report"]["comm"].as_str(), "{what}");
            }
        }
    }
}

/// A detective is shown to be right on a dump of its kind, and to keep quiet on others.
#[test]
fn every_detective_has_a_case_for_and_one_against() {
    let cases = cases();
    if cases.is_empty() {
        return;
    }
    for detective in DETECTIVES {
        assert!(!detective.title.is_empty() && detective.doc.len() > 80, "{}", detective.id);
        let speaks = |path: &Path| {
            let case = Case::open(open(path), CaseOptions::default());
            let mut found = Findings::default();
            (detective.examine)(&case, &mut found);
            !found.hypotheses.is_empty()
        };
        let spoke = cases.iter().filter(|(path, _)| speaks(path)).count();
        let needed = usize::from(!IN_THE_LAB.contains(&detective.id));
        assert!(
            spoke >= needed && spoke < cases.len(),
            "{} spoke on {spoke} of {} dumps",
            detective.id,
            cases.len()
        );
    }
}

#[test]
fn every_stack_reaches_its_end() {
    for (path, _) in cases() {
        let t = open(&path);
        let tasks = Tasks::read(&t).unwrap();
        let nameless = t.symbol("runqueues").is_none(); // KALLSYMS_ALL=n: which is said
        if tasks.notes.iter().any(|n| n.contains("pages that the kernel was using were left out")) {
            assert!(tasks.all.len() > 5, "{}", path.display());
            continue; // a makedumpfile older than the kernel: what is missing is said, the rest is shown
        }
        if t.types().is_err() {
            // No type information: the task that died, which the notes say is all there is.
            let [dead] = &tasks.all[..] else { panic!("{}: {} tasks", path.display(), tasks.all.len()) };
            assert!(stack(&t, dead, tasks.running_on(dead)).end.is_complete(), "{}", path.display());
            assert!(tasks.notes.iter().any(|n| n.contains("without type information")), "{:?}", tasks.notes);
            continue;
        }
        assert!(
            tasks.all.len() > 20 && (nameless || tasks.notes.is_empty()),
            "{}: {:?}",
            path.display(),
            tasks.notes
        );
        for task in tasks.all.iter().filter(|task| tasks.running_on(task).is_none()) {
            let found = stack(&t, task, None);
            let gone = matches!(found.end, End::NoStack) && task.exit_state != 0;
            let what = format!("{}: {} {}", path.display(), task.pid, task.comm_text());
            assert!(
                gone || found.end.is_complete() && found.breaks.is_empty(),
                "{what}: {:?} {:?}",
                found.end,
                found.breaks
            );
            assert!(found.frames.iter().all(|f| f.trust <= Trust::FramePointer), "{what}");
        }
    }
}

#[test]
fn known_functions_are_on_the_crashed_stack() {
    for (path, truth) in cases() {
        let t = open(&path);
        let case = Case::open(t, CaseOptions::default());
        let Some(crash) = case.crash() else { continue };
        let mut shown = crash.stack.frames.iter().filter_map(|f| f.name()).map(base);
        // Where an overflow took several return addresses with it, the stack says that frames may be missing.
        let gap = crash.stack.frames.iter().any(|f| f.trust == Trust::Inferred && f.function.is_none());
        let wanted = truth.get("true_stack").or(truth.get("expected_frames")).and_then(Value::as_array);
        for function in wanted.into_iter().flatten().filter_map(Value::as_str) {
            let rest = shown.clone();
            if !shown.any(|s| s == function) {
                assert!(gap, "{}: {function} is missing", path.display());
                shown = rest;
            }
        }
    }
}
