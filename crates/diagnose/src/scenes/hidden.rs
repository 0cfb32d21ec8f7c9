//! What lives and is missing where the kernel lists it: modules, tasks, sockets, by several ways to find each.

use necropsy_kernel::census::{self, HiddenModule, HiddenSocket, HiddenTask, Way};
use necropsy_kernel::net::Endpoint;
use necropsy_report::{Hex, HiddenInfo, bytes_text, terminal_safe};
use necropsy_target::Target;

use crate::Case;

/// So many functions of a hidden module are named.
const FUNCTIONS: usize = 8;

/// All that hides, looked for in all memory of modules.
pub fn hidden(case: &Case) -> Vec<HiddenInfo> {
    let t = &case.target;
    let mut found: Vec<HiddenInfo> = census::hidden_modules(t, true).iter().map(|m| module(t, m)).collect();
    if let Some(tasks) = case.tasks() {
        found.extend(census::hidden_tasks(t, tasks).iter().map(task));
        found.extend(census::hidden_sockets(t, tasks).iter().map(socket));
    }
    found
}

fn module(t: &Target, hidden: &HiddenModule) -> HiddenInfo {
    let mut remarks = Vec::new();
    if hidden.unlinked {
        remarks.push("its link is what list_del() leaves: it was taken out, not lost".into());
    }
    let functions = functions(t, hidden);
    if !functions.is_empty() {
        remarks.push(format!("its own symbol table names functions: {}", functions.join(", ")));
    }
    HiddenInfo {
        kind: "module",
        name: terminal_safe(&hidden.module.name),
        at: Hex(hidden.module.at.0),
        missing_in: "the list of modules".into(),
        found_in: hidden.ways.iter().copied().map(|way| Way::text(way).to_owned()).collect(),
        remarks,
    }
}

/// The first functions that a hidden module's own symbol table names.
pub(crate) fn functions(t: &Target, hidden: &HiddenModule) -> Vec<String> {
    let all = hidden.module.symbols(t).iter().filter(|s| s.kind.eq_ignore_ascii_case(&b't'));
    all.take(FUNCTIONS).map(|s| terminal_safe(&s.name)).collect()
}

fn task(hidden: &HiddenTask) -> HiddenInfo {
    HiddenInfo {
        kind: "task",
        name: format!("{} ({})", bytes_text(&hidden.task.comm.0), hidden.task.pid),
        at: Hex(hidden.task.at.0),
        missing_in: hidden.missing.into(),
        found_in: hidden.found.iter().map(|way| (*way).to_owned()).collect(),
        remarks: Vec::new(),
    }
}

fn socket(hidden: &HiddenSocket) -> HiddenInfo {
    HiddenInfo {
        kind: "socket",
        name: address(hidden),
        at: Hex(hidden.socket.sock.0),
        missing_in: "the tables that ss and netstat show".into(),
        found_in: vec![format!(
            "descriptor {} of {}, PID {}",
            hidden.fd,
            bytes_text(&hidden.task.comm.0),
            hidden.task.pid
        )],
        remarks: vec![format!("it {}, and its link is empty or poisoned", doing(hidden))],
    }
}

/// `0.0.0.0:7070`, or where the socket is.
pub(crate) fn address(socket: &HiddenSocket) -> String {
    match &socket.socket.endpoint {
        Endpoint::Internet { source: (address, port), .. } => format!("{address}:{port}"),
        _ => format!("at {:#x}", socket.socket.sock.0),
    }
}

pub(crate) fn doing(socket: &HiddenSocket) -> &'static str {
    if socket.listens { "listens" } else { "is connected" }
}
