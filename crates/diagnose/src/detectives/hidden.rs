//! Modules and tasks that are there but not in the lists that show them.

use necropsy_kernel::census::{self, HiddenModule, HiddenSocket, HiddenTask, Way};
use necropsy_report::{Place, Related, bytes_text, terminal_safe};

use crate::integrity::{in_doubt, requested};
use crate::scenes::{self, address, doing};
use crate::{Case, Class, Detective, Findings, Hypothesis, present};

/// The command that shows what hides.
const SHOW: &str = "hidden";

pub const HIDDEN: Detective = Detective {
    id: "hidden",
    title: "modules, tasks and sockets that hide",
    doc: "Modules are counted by the list that lsmod shows, by sysfs, by the tree that addresses are looked up in, by the list of bug \
          tables, and, where nothing else explains the dump, by the descriptions in the memory that modules are loaded into; tasks by the \
          task list, the PID table, the lists of children and the run queues; where nothing else explains the dump, TCP sockets by the \
          descriptors of tasks and by the tables that ss and netstat show. What is live and missing from one of them was taken out.",
    examine,
};

const CLASS: Class = Class::HiddenModule;
/// Sockets that are shown one by one.
const SHOWN: usize = 6;

fn examine(case: &Case, found: &mut Findings) {
    let modules = case.hidden_modules();
    let open = case.is_open();
    // All tasks are read for the report anyway.
    let tasks = case.tasks().map(|tasks| census::hidden_tasks(&case.target, tasks)).unwrap_or_default();
    let sockets = case.tasks().filter(|_| open).map(|tasks| census::hidden_sockets(&case.target, tasks));
    let sockets = sockets.unwrap_or_default();
    if let Some(first) = modules.first() {
        found.hypotheses.push(module(case, first, modules));
    } else if let Some(first) = tasks.first() {
        found.hypotheses.push(task(case, first));
    } else if let Some(first) = sockets.first() {
        found.hypotheses.push(socket(case, first));
    }
    modules.iter().for_each(|m| seen(case, m, found));
    tasks.iter().for_each(|h| missing(h, found));
    sockets.iter().take(SHOWN).for_each(|s| unhashed(s, found));
    if !(modules.is_empty() && tasks.is_empty() && sockets.is_empty()) {
        in_doubt(case, CLASS, open, "something hides", found);
    }
}

fn module(case: &Case, first: &HiddenModule, all: &[HiddenModule]) -> Hypothesis {
    let name = terminal_safe(&first.module.name);
    let others = match all.len() {
        1 => String::new(),
        n => format!(" {} more hide like it.", n - 1),
    };
    let how = if first.unlinked { "It was taken out of the list" } else { "The list does not lead to it" };
    let statement = format!(
        "The module {name} is loaded and live, but the list of modules, which lsmod shows, does not have it. {how}; no code of the kernel \
         does so with a module that goes on running: somebody wanted it not to be seen.{others}"
    );
    let mut h =
        Hypothesis::new(CLASS, format!("the module {name} hides from the list of modules"), statement);
    h.culprit = Some(Place {
        confidence: Some(0.9),
        module: Some(name.clone()),
        address: Some(necropsy_report::Hex(first.module.base().0)),
        ..Place::default()
    });
    let other = |m: &HiddenModule| Related {
        role: "other culprit",
        function: None,
        module: Some(terminal_safe(&m.module.name)),
        task: None,
    };
    h.related = all.iter().skip(1).map(other).collect();
    h.requested = requested(case);
    h.advice = vec![
        format!("look at what it holds: struct module {:x}; its code begins at {:#x}", first.module.at.0, first.module.base().0),
        "take the machine from the network and keep its disks: what hides a module is rarely alone".into(),
        "reinstall from media that you trust; a kernel that loads signed modules only (module.sig_enforce=1, lockdown) would have refused it".into(),
    ];
    h.separate = Some("a module list damaged by a stray write would have links that fit nothing".into());
    h
}

fn seen(case: &Case, m: &HiddenModule, found: &mut Findings) {
    let name = terminal_safe(&m.module.name);
    let at = m.module.at;
    let ways: Vec<&str> = m.ways.iter().copied().map(Way::text).collect();
    // Each of the ways is another list that must be wrong if this is an error.
    let weight = 5.0 + ways.len() as f64;
    let claim = format!(
        "the module {name} (live, struct module at {at:#x}) is not in the list of modules, but in {}",
        ways.join(", in ")
    );
    let bears = [(CLASS, weight), (Class::RequestedCrash, -6.0)];
    found.add_to_all(&bears, format!("memory:*(struct module *){at:#x}"), SHOW.to_owned(), claim);
    if m.unlinked {
        let claim =
            format!("the link of {name} in the list is what list_del() leaves: it was taken out, not lost");
        found.add(CLASS, 1.0, format!("memory:((struct module *){at:#x})->list"), SHOW.to_owned(), claim);
    }
    let names = scenes::functions(&case.target, m);
    if !names.is_empty() {
        let claim = format!("its own symbol table names functions: {}", names.join(", "));
        found.add(CLASS, 0.3, format!("memory:((struct module *){at:#x})->kallsyms"), SHOW.to_owned(), claim);
    }
}

fn task(case: &Case, hidden: &HiddenTask) -> Hypothesis {
    let task = &hidden.task;
    let who = format!("{} ({})", bytes_text(&task.comm.0), task.pid);
    let statement = format!(
        "The task {who} lives, but {} does not have it; it is still in {}. The kernel adds and removes tasks everywhere at once: somebody \
         took it out so that it is not seen.",
        hidden.missing,
        hidden.found.join(" and ")
    );
    let mut h = Hypothesis::new(CLASS, format!("the task {who} hides from {}", hidden.missing), statement);
    h.task = Some(present::task_info(task, case.tasks().and_then(|tasks| tasks.running_on(task))));
    h.requested = requested(case);
    h.advice = vec![
        format!("look at what it does: bt {:x}", task.at.0),
        "look for the code that hid it: modules out of tree (mod -t)".into(),
    ];
    h.separate = Some("a task list damaged by a stray write would have links that fit nothing".into());
    h
}

fn missing(hidden: &HiddenTask, found: &mut Findings) {
    let task = &hidden.task;
    let claim = format!(
        "the task {} ({}) at {:#x}, alive, is not in {}, but in {}",
        bytes_text(&task.comm.0),
        task.pid,
        task.at.0,
        hidden.missing,
        hidden.found.join(" and ")
    );
    let weight = 5.0 + hidden.found.len() as f64;
    let bears = [(CLASS, weight), (Class::RequestedCrash, -6.0)];
    let source = format!("memory:((struct task_struct *){:#x})->tasks", task.at.0);
    found.add_to_all(&bears, source, SHOW.to_owned(), claim);
}

fn socket(case: &Case, hidden: &HiddenSocket) -> Hypothesis {
    let (who, address) = (bytes_text(&hidden.task.comm.0), address(hidden));
    let statement = format!(
        "The TCP socket {address} of {who} ({}) {}, but hangs in none of the chains that ss and netstat show. The kernel takes a socket out \
         only when it is closed: somebody did so earlier so that it is not seen.",
        hidden.task.pid,
        doing(hidden)
    );
    let mut h = Hypothesis::new(CLASS, format!("the TCP socket {address} of {who} hides"), statement);
    h.task =
        Some(present::task_info(&hidden.task, case.tasks().and_then(|tasks| tasks.running_on(&hidden.task))));
    h.requested = requested(case);
    h.advice = vec![
        format!("look at who has it: net -s {}", hidden.task.pid),
        "look for the code that hid it: modules out of tree (mod -t)".into(),
    ];
    h.separate = Some("a connection that was being closed at this moment would be in a closing state".into());
    h
}

fn unhashed(hidden: &HiddenSocket, found: &mut Findings) {
    let (sock, task) = (hidden.socket.sock, &hidden.task);
    let claim = format!(
        "the TCP socket {} (descriptor {} of {}, PID {}) {}, but its link into the table is empty or poisoned",
        address(hidden),
        hidden.fd,
        bytes_text(&task.comm.0),
        task.pid,
        doing(hidden)
    );
    let bears = [(CLASS, 4.5), (Class::RequestedCrash, -5.0)];
    let source = format!("memory:((struct sock *){:#x})->__sk_common.skc_node", sock.0);
    found.add_to_all(&bears, source, SHOW.to_owned(), claim);
}
