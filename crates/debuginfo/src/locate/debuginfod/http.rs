//! One file over HTTP. A thread of its own reads, so that a server that falls silent can be given up at any time.

use std::io::Read;
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::time::{Duration, Instant};

use ureq::tls::{RootCerts, TlsConfig};

use super::{Answer, Debuginfod, ServerError, Sink};

/// Bytes that must come in within the timeout.
const LEAST: u64 = 100 * 1024;
const BLOCK: usize = 256 * 1024;
/// Blocks on their way from the reader.
const AHEAD: usize = 8;
const AGENT: &str = concat!("necropsy/", env!("CARGO_PKG_VERSION"));

/// What the reader says.
enum Event {
    /// The file begins; its size, if the server says.
    Begin(Option<u64>),
    Block(Vec<u8>),
    End,
    Absent,
    Failed(ServerError),
}

impl Debuginfod {
    /// Passes the bytes at an address to `sink`.
    pub(super) fn transfer(&self, address: &str, sink: &mut Sink) -> Result<Answer, ServerError> {
        let (sender, events) = sync_channel(AHEAD);
        let (address, max_size) = (address.to_owned(), self.max_size);
        // The thread ends when the server does, or when nobody listens any more.
        std::thread::Builder::new()
            .name("debuginfod".into())
            .spawn(move || read(&address, max_size, &sender))?;
        self.receive(&events, sink)
    }

    fn receive(&self, events: &Receiver<Event>, sink: &mut Sink) -> Result<Answer, ServerError> {
        let (mut done, mut total) = (0_u64, None);
        let mut patience = Patience::new(self.timeout, self.max_time);
        loop {
            match patience.next(events)? {
                Event::Begin(size) if size.is_some_and(|s| s > self.max_size) => return Err(self.too_large()),
                Event::Begin(size) => total = size,
                Event::Block(bytes) => {
                    done = done.saturating_add(bytes.len() as u64);
                    if done > self.max_size {
                        return Err(self.too_large());
                    }
                    sink(&bytes, total)?;
                    patience.came(bytes.len() as u64);
                }
                Event::End if total.is_some_and(|t| t != done) => {
                    return Err(ServerError::Refuses(format!("sent {done} bytes of {}", total.unwrap_or(0))));
                }
                Event::End => return Ok(Answer::Sent),
                Event::Absent => return Ok(Answer::Absent),
                Event::Failed(e) => return Err(e),
            }
        }
    }

    fn too_large(&self) -> ServerError {
        ServerError::Refuses(format!("the file has more than {} bytes", self.max_size))
    }
}

/// How long to wait: a server must send `LEAST` bytes in each window of time.
struct Patience {
    window: Option<Duration>,
    window_end: Option<Instant>,
    end: Option<Instant>,
    came: u64,
}

impl Patience {
    fn new(window: Option<Duration>, max_time: Option<Duration>) -> Patience {
        let after = |time: Option<Duration>| Instant::now().checked_add(time?);
        Patience { window, window_end: after(window), end: after(max_time), came: 0 }
    }

    fn came(&mut self, bytes: u64) {
        self.came = self.came.saturating_add(bytes);
        if self.came >= LEAST {
            self.came = 0;
            self.window_end = self.window.and_then(|w| Instant::now().checked_add(w));
        }
    }

    fn next(&self, events: &Receiver<Event>) -> Result<Event, ServerError> {
        let gone = || ServerError::Silent("the transfer ended early".into());
        let Some(deadline) = self.window_end.into_iter().chain(self.end).min() else {
            return events.recv().map_err(|_| gone());
        };
        match events.recv_timeout(deadline.saturating_duration_since(Instant::now())) {
            Ok(event) => Ok(event),
            Err(RecvTimeoutError::Timeout) => Err(ServerError::Silent("it is too slow, given up".into())),
            Err(RecvTimeoutError::Disconnected) => Err(gone()),
        }
    }
}

/// Asks the server and sends what comes; stops when nobody listens.
fn read(address: &str, max_size: u64, to: &SyncSender<Event>) {
    let last = match answer(address, max_size, to) {
        Ok(last) => last,
        Err(e) => Event::Failed(e),
    };
    let _ = to.send(last);
}

fn answer(address: &str, max_size: u64, to: &SyncSender<Event>) -> Result<Event, ServerError> {
    let silent = |e: ureq::Error| ServerError::Silent(e.to_string());
    let request = agent().get(address).header("X-DEBUGINFOD-MAXSIZE", max_size.to_string());
    let response = request.call().map_err(silent)?;
    match response.status().as_u16() {
        200 => {}
        404 => return Ok(Event::Absent),
        status => return Err(ServerError::Refuses(format!("HTTP status {status}"))),
    }
    let header = |name: &str| response.headers().get(name)?.to_str().ok()?.trim().parse().ok();
    let size = header("x-debuginfod-size").or_else(|| header("content-length"));
    let mut listening = to.send(Event::Begin(size)).is_ok();
    let mut body = response.into_body().into_reader();
    while listening {
        let mut block = Vec::with_capacity(BLOCK);
        let read = body.by_ref().take(BLOCK as u64).read_to_end(&mut block);
        read.map_err(|e| ServerError::Silent(e.to_string()))?;
        if block.is_empty() {
            break;
        }
        listening = to.send(Event::Block(block)).is_ok();
    }
    Ok(Event::End)
}

fn agent() -> ureq::Agent {
    let tls = TlsConfig::builder().root_certs(RootCerts::PlatformVerifier).build();
    ureq::Agent::config_builder().tls_config(tls).user_agent(AGENT).http_status_as_error(false).build().into()
}
