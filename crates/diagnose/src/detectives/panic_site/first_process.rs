//! How the first process ended, out of its exit code.
//!
//! `do_exit()` panics before it stores the code in the task: a signal's is in `signal_struct.group_exit_code` (or the log), that of
//! `exit_group()` is the argument of the system call, in the registers of user space (kernel/exit.c, kernel/signal.c).

use necropsy_base::MemoryExt;
use necropsy_target::Target;
use necropsy_target::unwind::End;

use crate::Case;
use crate::crash::Crash;

/// How it ended, and where that is written.
pub struct Ended {
    /// `signal 11 (SIGSEGV)`.
    pub how: String,
    /// Where the code is from.
    pub source: String,
    /// The command that shows it.
    pub reproduce: String,
}

/// What is known about the first process's end.
pub fn ended(case: &Case, crash: &Crash) -> Option<Ended> {
    by_group(&case.target, crash).or_else(|| by_call(&case.target, crash)).or_else(|| by_log(case))
}

fn by_group(t: &Target, crash: &Crash) -> Option<Ended> {
    let at = crash.task.signal.offset(t.offset_of("signal_struct", "group_exit_code").ok()?);
    let code = t.memory().u32(at).ok().filter(|code| *code != 0)?;
    Some(Ended {
        how: told(code),
        source: format!("memory:((struct signal_struct *){:#x})->group_exit_code", crash.task.signal.0),
        reproduce: format!("struct signal_struct.group_exit_code {:x}", crash.task.signal.0),
    })
}

/// The status that the program gave to `exit_group()` or `exit()`.
fn by_call(t: &Target, crash: &Crash) -> Option<Ended> {
    let exits = |n: &str| n.ends_with("sys_exit_group") || n.ends_with("sys_exit");
    let called = crash.stack.frames.iter().filter_map(|f| f.name()).any(exits);
    let End::User(regs) = &crash.stack.end else { return None };
    let status = regs.get(*t.arch().argument_registers().first()?).filter(|_| called)?;
    let how = told(((status & 0xff) << 8) as u32);
    Some(Ended { how, source: "stack".into(), reproduce: "bt".into() })
}

fn by_log(case: &Case) -> Option<Ended> {
    let (line, text) = case.log().iter().enumerate().rev().find_map(|(i, (_, text))| {
        Some((i + 1, text.split("Attempted to kill init! exitcode=0x").nth(1)?.trim().to_owned()))
    })?;
    let code = u32::from_str_radix(text.get(..8)?, 16).ok()?;
    Some(Ended { how: told(code), source: format!("log:{line}"), reproduce: "log".into() })
}

/// An exit code as `wait()` gives it.
fn told(code: u32) -> String {
    let core = if code & 0x80 != 0 { ", with a core dump" } else { "" };
    match (code & 0x7f, code >> 8 & 0xff) {
        (0, status) => format!("it exited with status {status} (exit code {code:#010x})"),
        (signal, _) => {
            format!("it was killed by signal {signal}{}{core} (exit code {code:#010x})", signal_name(signal))
        }
    }
}

fn signal_name(number: u32) -> String {
    const NAMES: &[(u32, &str)] = &[
        (1, "SIGHUP"),
        (2, "SIGINT"),
        (3, "SIGQUIT"),
        (4, "SIGILL: bytes that are no instruction"),
        (5, "SIGTRAP"),
        (6, "SIGABRT: it gave up by itself"),
        (7, "SIGBUS: memory that cannot be there, or a failing disk or memory behind it"),
        (8, "SIGFPE"),
        (9, "SIGKILL"),
        (11, "SIGSEGV: a bad pointer in the program"),
        (13, "SIGPIPE"),
        (15, "SIGTERM"),
        (31, "SIGSYS"),
    ];
    NAMES.iter().find(|(n, _)| *n == number).map(|(_, name)| format!(" ({name})")).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exit_codes_in_words() {
        assert_eq!(told(0x300), "it exited with status 3 (exit code 0x00000300)");
        assert!(told(0x0b).starts_with("it was killed by signal 11 (SIGSEGV"));
        assert!(told(0x8b).contains("with a core dump"));
        assert!(told(0x7f00).contains("status 127"));
    }
}
