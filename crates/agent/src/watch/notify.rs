//! sd_notify(3): tells systemd that the service is ready, and that it lives.

use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::time::{Duration, Instant};

/// Ready.
pub fn ready() {
    send("READY=1\nSTATUS=Following the kernel's log");
}

/// About to end.
pub fn stopping() {
    send("STOPPING=1");
}

fn send(text: &str) {
    let Some(path) = std::env::var_os("NOTIFY_SOCKET") else { return };
    let bytes = std::os::unix::ffi::OsStrExt::as_bytes(path.as_os_str());
    let address = match bytes.strip_prefix(b"@") {
        Some(name) => SocketAddr::from_abstract_name(name),
        None => SocketAddr::from_pathname(&path),
    };
    // A service manager that does not listen is no reason to stop.
    if let (Ok(address), Ok(socket)) = (address, UnixDatagram::unbound()) {
        let _ = socket.send_to_addr(text.as_bytes(), &address);
    }
}

/// Says regularly that the service lives, if systemd asked for it (`WatchdogSec=`).
pub struct Watchdog {
    every: Option<Duration>,
    last: Instant,
}

impl Watchdog {
    /// As often as `WATCHDOG_USEC` asks, twice.
    pub fn from_env() -> Watchdog {
        let asked =
            std::env::var("WATCHDOG_USEC").ok().and_then(|t| t.parse::<u64>().ok()).filter(|n| *n > 0);
        Watchdog { every: asked.map(|n| Duration::from_micros(n / 2)), last: Instant::now() }
    }

    /// Says so, if it is time.
    pub fn feed(&mut self) {
        if self.every.is_some_and(|e| self.last.elapsed() >= e) {
            send("WATCHDOG=1");
            self.last = Instant::now();
        }
    }

    /// How long it can wait.
    pub fn pause(&self) -> Option<Duration> {
        self.every.map(|e| e.saturating_sub(self.last.elapsed()))
    }
}
