//! Follows the kernel's log, and tells what it reports as it happens.
//!
//! One thread reads, recognises and remembers (`follow`); one tells others, with as much patience as it takes (`tell`); one answers
//! Prometheus (`http`); one looks at kdump from time to time. An event is first written to the outbox, then to the file of JSON
//! lines, then the position in the log and all counters are saved in one step; only then it is told. So whoever is killed at any
//! moment finds it again, and finds it once.

mod config;
mod decode;
mod event;
mod follow;
mod gauges;
mod http;
mod limiter;
mod notice;
mod notify;
mod outbox;
#[cfg(test)]
mod overrun;
mod ring;
mod scrub;
mod sequence;
mod shared;
mod source;
mod state;
mod tell;

use std::io::Write;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use anyhow::{Context, Result};

pub use config::{Config, Webhook};
pub use event::Event;
pub(crate) use source::{CHUNK, Got, Log, Source};
pub(crate) use state::{Alive, FILE as STATE_FILE};

use follow::Follower;
use shared::Shared;

/// Runs until the source ends, or a signal asks it to stop.
pub fn run(config: Config, journal: Box<dyn Write + Send>) -> Result<()> {
    config.check()?;
    std::fs::create_dir_all(&config.state_dir).with_context(|| config.state_dir.display().to_string())?;
    let (stop, writer) = stop_signals()?;
    let source = Source::open(&config.source).with_context(|| config.source.display().to_string())?;
    let shared = Arc::new(Shared::open(config, journal)?);
    let server = match shared.config.listen {
        Some(address) => Some(http::Server::bind(address).with_context(|| address.to_string())?),
        None => None,
    };
    let stopping = Arc::new(AtomicBool::new(false));
    let alarm = || Ok::<_, std::io::Error>(Alarm(writer.try_clone()?));
    let mut threads = vec![tell::start(shared.clone(), stopping.clone(), alarm()?)?];
    threads.push(gauges::start(shared.clone(), stopping.clone(), alarm()?)?);
    if let Some(server) = server {
        server.start(shared.clone())?;
    }
    notify::ready();
    let result = Follower::new(source, shared.clone()).run(&stop);
    notify::stopping();
    stopping.store(true, Ordering::SeqCst);
    shared.wake();
    let sound: Vec<bool> = threads.into_iter().map(|t| t.join().is_ok()).collect();
    result?;
    anyhow::ensure!(sound.iter().all(|s| *s), "a part of the watcher has failed");
    Ok(())
}

/// Ends the program when a thread that others rely on panics: whoever started it starts it again.
struct Alarm(std::os::unix::net::UnixStream);

impl Drop for Alarm {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let _ = self.0.write_all(b"!");
        }
    }
}

/// A socket that can be read when a signal asks to stop.
fn stop_signals() -> Result<(std::os::unix::net::UnixStream, std::os::unix::net::UnixStream)> {
    use signal_hook::consts::{SIGINT, SIGTERM};
    let (reader, writer) = std::os::unix::net::UnixStream::pair()?;
    for signal in [SIGTERM, SIGINT] {
        signal_hook::low_level::pipe::register(signal, writer.try_clone()?)?;
    }
    Ok((reader, writer))
}
