//! What commands that show tasks share: the line that names one, and going through those that are asked for.

use necropsy_debuginfo::locate::{hex, packages};
use necropsy_kernel::system;
use necropsy_kernel::tasks::Task;
use necropsy_report::{Hex, bytes_text};

use crate::{Args, CommandError, Context, Sink};

/// What a command does with one task.
pub type Show = fn(&Context, &Task, &Args, &mut dyn Sink) -> Result<(), CommandError>;

/// Shows each task that the arguments name, with an empty line between them; without arguments the selected one.
pub fn each_task(cx: &Context, args: &Args, show: Show, out: &mut dyn Sink) -> Result<(), CommandError> {
    if args.rest.is_empty() {
        return show(cx, &cx.current()?, args, out);
    }
    let mut first = true;
    for word in &args.rest {
        for task in cx.find_tasks(word)? {
            if !std::mem::take(&mut first) {
                out.heading("")?;
            }
            show(cx, task, args, out)?;
        }
    }
    Ok(())
}

/// `PID: 1571     TASK: ffff89709fb720c0  CPU: 1    COMMAND: "drv_test"`.
pub fn task_line(pid: i32, task: Option<Hex>, cpu: usize, comm: &str) -> String {
    format!("PID: {pid:<8} TASK: {:016x}  CPU: {cpu:<4} COMMAND: \"{comm}\"", task.map_or(0, |t| t.0))
}

/// The same for a loaded task.
pub fn of_task(task: &Task, cpu: usize) -> String {
    task_line(task.pid, Some(Hex(task.at.0)), cpu, &bytes_text(&task.comm.0))
}

/// What to install so that a command can name source lines.
pub fn debuginfo_hint(cx: &Context) -> String {
    let t = &cx.target;
    let (release, id) = (t.release(), t.kernel_build_id());
    let banner = system::banner(t).unwrap_or_default();
    let kernel = packages::Kernel { release: &release, banner: &banner, build_id: id.as_deref() };
    let advice = packages::advice(&kernel);
    let package = match advice.packages.first() {
        Some(package) => format!("{package} ({})", advice.distribution.name()),
        None => "the kernel's debug package".into(),
    };
    let id = id.map(|id| format!(", build ID {}", hex(&id))).unwrap_or_default();
    format!("they need debug information: {package}{id}; `necropsy debuginfo` says more")
}

/// The same for the code at `at`: a module's own file is what is missing there.
pub fn debuginfo_hint_for(cx: &Context, at: necropsy_base::VirtAddr) -> String {
    match cx.target.modules().holding(at) {
        Some(m) => {
            let name = necropsy_report::terminal_safe(&m.name);
            format!(
                "they need the file {name}.ko with debug information (--debug-dir DIR, or mod -s {name} FILE)"
            )
        }
        None => debuginfo_hint(cx),
    }
}
