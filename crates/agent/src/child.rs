//! Child processes with limits: what reads dumps and debugging information may be fed with anything.

use std::io::{Read, Write};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use rustix::process::{Pid, Resource, Rlimit, prlimit};

/// What a child may use.
#[derive(Clone, Debug)]
pub struct Limits {
    /// It is killed after that.
    pub time: Duration,
    /// Bytes of address space.
    pub memory: u64,
    /// Bytes of its answer that are kept.
    pub output: u64,
}

impl Default for Limits {
    fn default() -> Limits {
        Limits { time: Duration::from_secs(60), memory: 8 << 30, output: 16 << 20 }
    }
}

/// What became of it.
pub struct Done {
    /// How it ended.
    pub status: ExitStatus,
    /// What it wrote, if its standard output was a pipe.
    pub output: Vec<u8>,
}

/// Runs a program to its end, or to the limit.
pub fn run(mut command: Command, input: &[u8], limits: &Limits) -> Result<Done> {
    let name = command.get_program().to_string_lossy().into_owned();
    let mut child = command.stdin(Stdio::piped()).spawn().with_context(|| name.clone())?;
    limit(&child, limits);
    let (stdin, stdout) = (child.stdin.take(), child.stdout.take());
    let most = limits.output;
    std::thread::scope(|scope| {
        // It may not read all, or not at all: neither matters here.
        scope.spawn(move || stdin.map(|mut s| s.write_all(input)));
        let reading = scope.spawn(move || {
            let mut output = Vec::new();
            if let Some(mut from) = stdout {
                let _ = from.by_ref().take(most).read_to_end(&mut output);
                // A child that says too much must not wait for somebody to listen.
                let _ = std::io::copy(&mut from, &mut std::io::sink());
            }
            output
        });
        let status = wait(&mut child, limits.time);
        let output = reading.join().unwrap_or_default();
        match status? {
            Some(status) => Ok(Done { status, output }),
            None => bail!("{name}: not done after {} s", limits.time.as_secs()),
        }
    })
}

/// Sets limits from outside: what little runs before is the program's own start.
fn limit(child: &Child, limits: &Limits) {
    let Some(pid) = i32::try_from(child.id()).ok().and_then(Pid::from_raw) else { return };
    let set = |resource, most: u64| {
        let _ = prlimit(Some(pid), resource, Rlimit { current: Some(most), maximum: Some(most) });
    };
    set(Resource::As, limits.memory);
    set(Resource::Cpu, limits.time.as_secs().max(1) * 2);
    set(Resource::Core, 0);
    set(Resource::Nofile, 256);
}

/// Waits for the end; kills it when the time is up.
fn wait(child: &mut Child, time: Duration) -> std::io::Result<Option<ExitStatus>> {
    let begun = Instant::now();
    let mut pause = Duration::from_millis(1);
    loop {
        if let Some(status) = child.try_wait()? {
            return Ok(Some(status));
        }
        if begun.elapsed() >= time {
            child.kill()?;
            child.wait()?;
            return Ok(None);
        }
        std::thread::sleep(pause);
        pause = (pause * 2).min(Duration::from_millis(50));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shell(script: &str) -> Command {
        let mut command = Command::new("/bin/sh");
        command.args(["-c", script]).stdout(Stdio::piped());
        command
    }

    #[test]
    fn answers_times_and_sizes() {
        let done = run(shell("cat; exit 3"), b"hello", &Limits::default()).unwrap();
        assert_eq!((done.output.as_slice(), done.status.code()), (&b"hello"[..], Some(3)));
        let short = Limits { time: Duration::from_millis(200), output: 10, ..Limits::default() };
        assert!(run(shell("exec sleep 100"), b"", &short).is_err());
        let loud = Limits { output: 10, ..Limits::default() };
        assert_eq!(
            run(shell("head -c 1000000 /dev/zero"), &vec![0; 1 << 20], &loud).unwrap().output.len(),
            10
        );
        let small = Limits { memory: 64 << 20, ..Limits::default() };
        assert!(
            !run(
                shell("sleep 0.2; x=$(head -c 200000000 /dev/zero | tr '\\0' x); test -n \"$x\""),
                b"",
                &small
            )
            .unwrap()
            .status
            .success()
        );
    }
}
