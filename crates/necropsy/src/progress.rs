//! How far a download is: a line on the terminal, and nothing where there is none.

use std::io::{IsTerminal, Write};
use std::sync::Mutex;
use std::time::{Duration, Instant};

use necropsy_debuginfo::locate::{Download, Listener};

const EVERY: Duration = Duration::from_millis(100);
const WIDTH: u64 = 30;

/// Draws downloads on standard error, if that is a terminal.
pub fn bar() -> Option<Listener> {
    if !std::io::stderr().is_terminal() {
        return None;
    }
    let last = Mutex::new(None::<Instant>);
    Some(Box::new(move |download| {
        let mut last = last.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        if download.over || last.is_none_or(|at| at.elapsed() >= EVERY) {
            *last = Some(Instant::now());
            let line = if download.over { String::new() } else { line(download) };
            let _ = write!(std::io::stderr(), "\r\x1b[K{line}");
        }
    }))
}

fn line(d: &Download) -> String {
    let id: String = d.build_id.chars().take(12).collect();
    let mib = |bytes: u64| bytes >> 20;
    match d.total.filter(|t| *t > 0) {
        Some(total) => {
            let done = d.done.min(total);
            let full = (u128::from(done) * u128::from(WIDTH) / u128::from(total)) as usize;
            let bar: String = (0..WIDTH as usize).map(|i| if i < full { '#' } else { '.' }).collect();
            format!("debuginfod {id} [{bar}] {} of {} MiB", mib(done), mib(total))
        }
        None => format!("debuginfod {id} {} MiB", mib(d.done)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines() {
        let mut d = Download { build_id: "ab".repeat(20), done: 1 << 20, total: Some(2 << 20), over: false };
        assert_eq!(line(&d), "debuginfod abababababab [###############...............] 1 of 2 MiB");
        d.done = 3 << 20;
        assert!(line(&d).contains("[##############################] 2 of 2 MiB"));
        d.total = None;
        assert_eq!(line(&d), "debuginfod abababababab 3 MiB");
    }
}
