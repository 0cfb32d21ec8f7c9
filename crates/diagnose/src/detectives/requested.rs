//! A person or a tool asked for the dump.

use crate::crash::base_name;
use crate::timeline::{first_event, timeline};
use crate::{Case, Class, Detective, Findings, Hypothesis};
use necropsy_report::Event;

pub const REQUESTED: Detective = Detective {
    id: "requested",
    title: "a crash that was asked for",
    doc: "The panicking task's stack goes through `sysrq_handle_crash`: somebody wrote `c` to /proc/sysrq-trigger or pressed the \
          keys. Up to 5.x the handler crashed by a NULL pointer on purpose, so this outweighs the NULL pointer.",
    examine,
};

/// Programs of clusters that shut their own machine out when they lose the others (sbd, Pacemaker, Oracle Clusterware, Veritas, HPE).
const CLUSTERS: &[&str] = &[
    "sbd",
    "pacemakerd",
    "pacemaker-fence",
    "stonithd",
    "corosync",
    "fenced",
    "cssdagent",
    "cssdmonitor",
    "ocssd.bin",
    "had",
    "hashadow",
    "cmcld",
];

fn examine(case: &Case, found: &mut Findings) {
    let Some(crash) = case.crash() else { return };
    let Some((index, _)) = crash.frame(&["sysrq_handle_crash"]) else { return };
    let names: Vec<&str> = crash.stack.frames[index..].iter().filter_map(base_name).collect();
    let comm = necropsy_report::bytes_text(&crash.task.comm.0);
    let how = if names.contains(&"write_sysrq_trigger") {
        format!("task {comm} ({}) wrote `c` to /proc/sysrq-trigger", crash.task.pid)
    } else {
        "the crash key (SysRq c) was pressed or sent over a console".to_owned()
    };
    if CLUSTERS.contains(&comm.as_str()) {
        fenced(&comm, crash.task.pid, found);
    }
    let before = reported_before(case);
    let statement = match &before {
        None => format!("Nothing failed: {how}, and the kernel did what it was asked for."),
        Some(e) => format!(
            "Nothing failed at that moment: {how}, and the kernel did what it was asked for. But before that it had reported: {}.",
            e.event
        ),
    };
    let mut h = Hypothesis::new(Class::RequestedCrash, "crash requested through SysRq", statement);
    h.requested = true;
    h.advice = vec![
        "find out who asked, and why: the reason (a hang, a test) is not in the panic".into(),
        "bt -a".into(),
    ];
    if before.is_some() {
        h.advice.insert(0, "read what was reported before, and who was running then: log".into());
    }
    found.hypotheses.push(h);
    if let Some(e) = before {
        let at = e.seconds.map(|s| format!(", {s:.6} s after boot")).unwrap_or_default();
        let claim = format!("before that the log says{at}: {}", e.event);
        found.add(Class::RequestedCrash, 0.0, "log", "log".to_owned(), claim);
    }
    found.add_to_all(
        &[(Class::RequestedCrash, 5.5), (Class::NullPointerDereference, -7.0)],
        "stack",
        "bt".to_owned(),
        format!("the stack of the task that panicked goes through sysrq_handle_crash: {how}"),
    );
    if let Some((line, text)) = first_event(case.log(), &["sysrq"]) {
        found.add(
            Class::RequestedCrash,
            0.5,
            format!("log:{line}"),
            "log".to_owned(),
            format!("the log says: {text}"),
        );
    }
}

/// The first failure that the log has before somebody asked.
fn reported_before(case: &Case) -> Option<Event> {
    let events = timeline(case.log());
    events.into_iter().find(|e| e.role == "cause" && !e.event.starts_with("sysrq"))
}

/// The one who asked is a program that shuts machines out of a cluster.
fn fenced(comm: &str, pid: i32, found: &mut Findings) {
    let mut h = Hypothesis::new(
        Class::Fencing,
        format!("{comm} shut the machine out of its cluster"),
        format!(
            "The task {comm} ({pid}), which watches over a cluster, asked for the crash: the machine had lost the others or its disks, or was \
             too slow to answer."
        ),
    );
    h.requested = true;
    h.advice = vec![
        "look at the cluster's logs on the other machines, its network and its heartbeat disk".into(),
        "look whether the machine was too busy to answer: bt -a, ps -m".into(),
    ];
    found.hypotheses.push(h);
    let claim = format!("who asked for the crash is {comm}, a program that shuts machines out of clusters");
    let bears = [(Class::Fencing, 6.0), (Class::RequestedCrash, -2.0)];
    found.add_to_all(&bears, "stack", format!("ps {pid}"), claim);
}
