//! The task that died in a kernel without type information: as the report in the log names it.

use std::collections::BTreeMap;

use necropsy_base::VirtAddr;
use necropsy_target::{Bytes, LoadError, Partial, Target};

use super::{Task, Tasks};
use crate::{cpus, printk};

/// Names a report's header can end the task's name with.
const AFTER_COMM: [&str; 5] = [" Not tainted", " Tainted:", " Kdump:", " G ", "\n"];

/// All that can be known of tasks: the one that the panicking CPU ran.
pub(super) fn tasks(t: &Target) -> Option<Tasks> {
    let cpu = cpus::panicked(t)?;
    let log = printk::log(t).ok()?;
    let lines = log.records.iter().rev().map(|r| String::from_utf8_lossy(&r.text));
    let header = lines.filter_map(|line| header(&line)).find(|h| h.cpu.is_none_or(|n| n == cpu))?;
    let task = header.task(t, cpu);
    let note = "without type information only the task that died is known, as the log names it";
    Some(Tasks {
        current: BTreeMap::from([(cpu, task.at)]),
        all: vec![task],
        unlisted: Vec::new(),
        unnumbered: Vec::new(),
        whole: false,
        notes: vec![note.into()],
    })
}

/// `CPU: 0 PID: 1058 Comm: pkt_sender Tainted: …` (3.10 and later), `Pid: 1058, comm: pkt_sender Not tainted …` before.
#[derive(Debug, PartialEq, Eq)]
struct Header {
    cpu: Option<usize>,
    pid: i32,
    comm: String,
}

fn header(line: &str) -> Option<Header> {
    let number = |key: &str| -> Option<i32> {
        let rest = &line[line.find(key)? + key.len()..];
        rest[..rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len())].parse().ok()
    };
    let (pid, comm) = match number("PID: ") {
        Some(pid) => (pid, "Comm: "),
        None => (number("Pid: ")?, "comm: "),
    };
    let rest = &line[line.find(comm)? + comm.len()..];
    let end = AFTER_COMM.iter().filter_map(|mark| rest.find(mark)).min().unwrap_or(rest.len());
    let cpu = number("CPU: ").and_then(|n| usize::try_from(n).ok());
    Some(Header { cpu, pid, comm: rest[..end].to_owned() })
}

impl Header {
    /// The task, with its stack where the CPU's stack pointer is.
    fn task(self, t: &Target, cpu: usize) -> Task {
        let sp = t.cpu_regs(cpu).and_then(|regs| regs.get(t.arch().sp())).unwrap_or(0);
        let unknown = || LoadError::NoTypes;
        Task {
            at: VirtAddr(0),
            pid: self.pid,
            tgid: self.pid,
            comm: Bytes(self.comm.into_bytes()),
            state: 0,
            exit_state: 0,
            flags: 0,
            stack: VirtAddr(sp & !(t.stack_size() - 1)),
            sp: Partial(Err(unknown())),
            pc: Partial(Err(unknown())),
            fp: Partial(Err(unknown())),
            mm: VirtAddr(0),
            parent: VirtAddr(0),
            real_parent: VirtAddr(0),
            group_leader: VirtAddr(0),
            cpu: u32::try_from(cpu).ok(),
            on_cpu: Some(1),
            stack_canary: None,
            fault_address: Partial(Err(unknown())),
            trap: Partial(Err(unknown())),
            error_code: Partial(Err(unknown())),
            start_time: Partial(Err(unknown())),
            utime: Partial(Err(unknown())),
            stime: Partial(Err(unknown())),
            last_run: None,
            run_time: Partial(Err(unknown())),
            signal: VirtAddr(0),
            prio: Partial(Err(unknown())),
            policy: Partial(Err(unknown())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_of_many_kernels() {
        let told = |cpu, pid, comm: &str| Some(Header { cpu, pid, comm: comm.into() });
        for (line, expected) in [
            (
                "CPU: 0 PID: 1058 Comm: pkt_sender Tainted: G           O      5.10.223-fp #1",
                told(Some(0), 1058, "pkt_sender"),
            ),
            ("CPU: 3 UID: 0 PID: 1 Comm: init Not tainted 6.13.0 #1", told(Some(3), 1, "init")),
            (
                "CPU: 1 PID: 77 Comm: a name (x) Kdump: loaded Not tainted 3.10.0-1160.el7.x86_64 #1",
                told(Some(1), 77, "a name (x)"),
            ),
            ("Pid: 3310, comm: insmod Not tainted 2.6.32-754.el6.x86_64 #1", told(None, 3310, "insmod")),
            ("Kernel panic - not syncing: PID: none", None),
            ("CPU: 99999999999 PID: 99999999999 Comm: x", None),
        ] {
            assert_eq!(header(line), expected, "{line}");
        }
    }
}
