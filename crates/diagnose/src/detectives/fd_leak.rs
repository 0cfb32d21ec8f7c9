//! A process that opens files and never closes them.

use necropsy_kernel::descriptors::{self, OpenFiles};
use necropsy_kernel::tasks::Task;

use crate::waiting::Ending;
use crate::{Case, Class, Detective, Findings, Hypothesis, present};

pub const FD_LEAK: Detective = Detective {
    id: "fd-leak",
    title: "a process that opens files and never closes them",
    doc: "Memory ran out, somebody asked for the dump, or tasks hang: then the files that each process has open are counted. One that has \
          most of all files, thousands of them, or as many as it may, leaks them. That is a bug of the program, not of the kernel.",
    examine,
};

/// Fewer are no leak.
const MANY: u64 = 1000;
/// So many take memory that counts: file, inode and name of each are about 1 KiB.
const VERY_MANY: u64 = 50_000;

fn examine(case: &Case, found: &mut Findings) {
    let t = &case.target;
    let no_memory = case.crash().is_some_and(|c| c.panic_caller(t, &["out_of_memory"]).is_some());
    if !no_memory && !matches!(Ending::of(case), Ending::Stopped | Ending::Alive) {
        return;
    }
    let all = descriptors::all_open(t).unwrap_or(0);
    // Files of all processes together: cheap to ask first.
    if all < MANY {
        return;
    }
    let Some((task, open)) = most(case) else { return };
    let full = open.limit.is_some_and(|limit| open.count >= limit / 10 * 9);
    if open.count < MANY || open.count < all / 2 || !(full || open.count > VERY_MANY) {
        return;
    }
    report(task, open, all, full, found);
}

/// The process that has most files open.
fn most(case: &Case) -> Option<(&Task, OpenFiles)> {
    let leaders = case.tasks()?.all.iter().filter(|task| task.pid == task.tgid && !task.mm.is_null());
    let open = leaders.filter_map(|task| Some((task, descriptors::open_files(&case.target, task).ok()??)));
    open.max_by_key(|(_, open)| open.count)
}

fn report(task: &Task, open: OpenFiles, all: u64, full: bool, found: &mut Findings) {
    const CLASS: Class = Class::FdLeak;
    let who = format!("{} ({})", task.comm_text(), task.pid);
    let limit = open.limit.map(|n| format!(" It may have {n}.")).unwrap_or_default();
    let mut h = Hypothesis::new(
        CLASS,
        format!("{who} leaks open files: it has {}", open.count),
        format!(
            "Process {who} has {} of {all} open files.{limit} Nobody in the kernel is to blame for that.",
            open.count
        ),
    );
    h.task = Some(present::task_info(task, None));
    h.advice = vec!["find out what the program opens and does not close: files of the same kind".into()];
    found.hypotheses.push(h);
    let weight = if open.count > VERY_MANY { 4.0 } else { 2.4 };
    found.add(
        CLASS,
        weight + if full { 0.3 } else { 0.0 },
        format!("memory:*(struct fdtable *){:#x}", open.table.0),
        format!("files {}", task.pid),
        format!("{who} has {} files open, of {all} in all", open.count),
    );
}
