//! Who it was: task, CPU, kernel, machine.

use crate::report::Report;

/// Reads a line that says who was running where.
pub(super) fn read(report: &mut Report, text: &str) {
    if let Some((head, tail)) = text.split_once(" Comm: ").filter(|(h, _)| h.contains("CPU: ")) {
        cpu_line(report, head, tail);
    } else if let Some(rest) = text.strip_prefix("Pid: ") {
        old_cpu_line(report, rest);
    } else if let Some(name) = text.trim_start().strip_prefix("Hardware name: ") {
        report.hardware.get_or_insert_with(|| name.trim().to_owned());
    } else if let Some(tail) = text.split_once("by task ").map(|(_, t)| t) {
        by_task(report, tail);
    } else if let Some(list) = text.strip_prefix("Tainted: [") {
        named_taint(report, list);
    } else if let Some(rest) = text.strip_prefix("Process ") {
        arm_process(report, rest);
    } else if let Some(n) = text.split_once(" [#").and_then(|(_, t)| t.split(']').next()) {
        report.oops = report.oops.or(n.parse().ok());
    }
}

/// `CPU: 1 UID: 0 PID: 298 Comm: NAME Tainted: G        W  6.1.0-18 #1 …`: the name may hold anything.
fn cpu_line(report: &mut Report, head: &str, tail: &str) {
    let number = |key: &str| {
        let (_, rest) = head.rsplit_once(key)?;
        rest.split_ascii_whitespace().next()?.parse::<i64>().ok()
    };
    let first = report.hardware.is_none() && report.release.is_none();
    if !first {
        return;
    }
    if report.pid.is_none() {
        report.cpu = number("CPU: ").and_then(|c| u32::try_from(c).ok()).or(report.cpu);
    }
    let (comm, rest, tainted) = match (tail.rfind(" Not tainted "), tail.rfind(" Tainted: ")) {
        (Some(at), None) => (&tail[..at], &tail[at + " Not tainted ".len()..], false),
        (_, Some(at)) => (&tail[..at], &tail[at + " Tainted: ".len()..], true),
        _ => return,
    };
    // The line may be another task's: that of the watchdog that noticed.
    if report.pid.is_none() {
        report.pid = number("PID: ");
        report.comm = Some(comm.trim_end_matches(" Kdump: loaded").to_owned());
    }
    let mut words = rest.split_ascii_whitespace().peekable();
    if tainted {
        while let Some(letters) = words.next_if(|w| w.len() <= 3 && w.bytes().all(|b| b.is_ascii_uppercase()))
        {
            report.taint.extend(letters.chars().filter(|c| *c != 'G').map(String::from));
        }
    }
    report.release = words.next().map(str::to_owned);
}

/// `Pid: 123, comm: NAME Not tainted 3.10.0 #1`.
fn old_cpu_line(report: &mut Report, rest: &str) {
    let Some((pid, tail)) = rest.split_once(", comm: ") else { return };
    report.pid = report.pid.or(pid.trim().parse().ok());
    let comm = tail.split(" Not tainted").next().and_then(|t| t.split(" Tainted").next());
    report.comm = report.comm.take().or(comm.map(|c| c.trim().to_owned()));
}

/// `… by task NAME/PID`.
fn by_task(report: &mut Report, tail: &str) {
    let Some((comm, pid)) = tail.rsplit_once('/') else { return };
    let digits: String = pid.chars().take_while(char::is_ascii_digit).collect();
    if report.pid.is_none() {
        report.pid = digits.parse().ok();
        report.comm = Some(comm.to_owned()).filter(|_| report.pid.is_some());
    }
}

/// `Tainted: [W]=WARN, [O]=OOT_MODULE`.
fn named_taint(report: &mut Report, list: &str) {
    let letters =
        list.split('[').filter_map(|part| part.split_once("]=").map(|(letter, _)| letter.to_owned()));
    for letter in letters.filter(|l| l.len() == 1) {
        if !report.taint.contains(&letter) && report.taint.len() < 32 {
            report.taint.push(letter);
        }
    }
}

/// `Process NAME (pid: 123, stack limit = 0x…)`.
fn arm_process(report: &mut Report, rest: &str) {
    let Some((comm, tail)) = rest.rsplit_once(" (pid: ") else { return };
    let digits: String = tail.chars().take_while(char::is_ascii_digit).collect();
    report.pid = report.pid.or(digits.parse().ok());
    report.comm.get_or_insert_with(|| comm.to_owned());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_may_hold_anything() {
        let mut r = Report::default();
        read(&mut r, "CPU: 1 UID: 0 PID: 298 Comm: a: Tainted: b/c Not tainted 6.12.23 #0");
        assert_eq!((r.cpu, r.pid), (Some(1), Some(298)));
        let mut r = Report::default();
        read(
            &mut r,
            "CPU: 185 PID: 11718 Comm: dbus daemon Kdump: loaded Tainted: G        W  OE   4.20.0-rc2+ #4",
        );
        assert_eq!((r.comm.as_deref(), r.release.as_deref()), (Some("dbus daemon"), Some("4.20.0-rc2+")));
        assert_eq!(r.taint, ["W", "O", "E"]);
        read(&mut r, "Tainted: [W]=WARN, [L]=SOFTLOCKUP");
        assert_eq!(r.taint, ["W", "O", "E", "L"]);
    }
}
