//! `/metrics`, and nothing else: HTTP/1.1, a request per connection.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use super::gauges;
use super::shared::Shared;
use crate::metrics::exposition;

/// No request is larger.
const REQUEST: u64 = 8 << 10;
/// So many are answered at the same time.
const CLIENTS: usize = 8;
/// Who is slower is not waited for.
const PATIENCE: Duration = Duration::from_secs(5);

/// A bound address.
pub struct Server {
    listener: TcpListener,
}

impl Server {
    /// Takes the address.
    pub fn bind(address: SocketAddr) -> io::Result<Server> {
        Ok(Server { listener: TcpListener::bind(address)? })
    }

    /// Answers until the program ends.
    pub fn start(self, shared: Arc<Shared>) -> io::Result<()> {
        let busy = Arc::new(AtomicUsize::new(0));
        let accept = move || {
            for stream in self.listener.incoming() {
                let Ok(stream) = stream else {
                    // Out of files: another moment may be better.
                    std::thread::sleep(Duration::from_millis(100));
                    continue;
                };
                if busy.fetch_add(1, Ordering::SeqCst) >= CLIENTS {
                    busy.fetch_sub(1, Ordering::SeqCst);
                    continue;
                }
                let (shared, done) = (shared.clone(), busy.clone());
                let answer = move || {
                    let _ = answer(stream, &shared);
                    done.fetch_sub(1, Ordering::SeqCst);
                };
                if std::thread::Builder::new().stack_size(256 << 10).spawn(answer).is_err() {
                    busy.fetch_sub(1, Ordering::SeqCst);
                }
            }
        };
        std::thread::Builder::new().name("http".to_owned()).stack_size(256 << 10).spawn(accept)?;
        Ok(())
    }
}

fn answer(stream: TcpStream, shared: &Shared) -> io::Result<()> {
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    let mut reader = BufReader::new((&stream).take(REQUEST));
    let mut first = String::new();
    reader.read_line(&mut first)?;
    let mut line = String::new();
    while reader.read_line(&mut line)? > 2 {
        line.clear();
    }
    let mut words = first.split_ascii_whitespace();
    let (status, body) = match (words.next(), words.next().map(|p| p.split('?').next().unwrap_or(p))) {
        (Some("GET" | "HEAD"), Some("/metrics")) => ("200 OK", exposition(&gauges::all(shared))),
        (Some("GET" | "HEAD"), Some("/")) => ("200 OK", "necropsy: see /metrics\n".to_owned()),
        (Some("GET" | "HEAD"), Some(_)) => ("404 Not Found", String::new()),
        _ => ("405 Method Not Allowed", String::new()),
    };
    let head = format!(
        "HTTP/1.1 {status}\r\nContent-Type: text/plain; version=0.0.4; charset=utf-8\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
        body.len()
    );
    let mut out = &stream;
    out.write_all(head.as_bytes())?;
    if !first.starts_with("HEAD") {
        out.write_all(body.as_bytes())?;
    }
    out.flush()
}
