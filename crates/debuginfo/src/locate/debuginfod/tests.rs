use std::collections::HashMap;
use std::io::{BufRead, BufReader, Write};
use std::net::TcpListener;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::*;

const ID: [u8; 4] = [0xab, 1, 2, 3];

/// A server that gives one answer to everybody, and counts.
struct Server {
    url: String,
    asked: Arc<AtomicUsize>,
}

fn serve(answer: Vec<u8>, hold: bool) -> Server {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let asked = Arc::new(AtomicUsize::new(0));
    let count = asked.clone();
    std::thread::spawn(move || {
        let mut held = Vec::new();
        for mut stream in listener.incoming().flatten() {
            count.fetch_add(1, Ordering::SeqCst);
            let mut lines = BufReader::new(stream.try_clone().unwrap()).lines().map_while(Result::ok);
            let first = lines.next().unwrap();
            assert!(first.starts_with("GET /buildid/ab010203/debuginfo HTTP/1.1"), "{first}");
            lines.find(String::is_empty);
            stream.write_all(&answer).unwrap();
            if hold {
                held.push(stream);
            }
        }
    });
    Server { url, asked }
}

fn ok(body: &[u8]) -> Vec<u8> {
    let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\nConnection: close\r\n\r\n", body.len());
    [head.as_bytes(), body].concat()
}

fn status(status: &str) -> Vec<u8> {
    format!("HTTP/1.1 {status}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n").into_bytes()
}

fn client(servers: &[&Server], cache: &Path) -> Debuginfod {
    Debuginfod::new(servers.iter().map(|s| s.url.clone()).collect(), Some(cache.into()))
}

fn asked(server: &Server) -> usize {
    server.asked.load(Ordering::SeqCst)
}

#[test]
fn a_file_is_fetched_and_kept() {
    let dir = tempfile::tempdir().unwrap();
    let body = b"elf".repeat(300_000);
    let (without, with) = (serve(status("404 Not Found"), false), serve(ok(&body), false));
    let mut client = client(&[&without, &with], dir.path());
    let seen = Arc::new(Mutex::new(Vec::new()));
    let kept = seen.clone();
    client.progress = Some(Box::new(move |d| kept.lock().unwrap().push(d.clone())));
    assert_eq!(client.cached(&ID), Cached::Unknown);
    let path = client.fetch(&ID, &|_| true).unwrap().unwrap();
    assert_eq!(path, dir.path().join("ab010203/debuginfo"));
    assert_eq!(std::fs::read(&path).unwrap(), body);
    assert_eq!(client.cached(&ID), Cached::Hit(path.clone()));
    let seen = seen.lock().unwrap();
    assert!(seen.len() > 2 && seen[0].done < seen[1].done);
    let last = seen.last().unwrap();
    assert_eq!((last.over, last.done, last.total), (true, 900_000, Some(900_000)));
    assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o400);
    assert_eq!(std::fs::read_dir(path.parent().unwrap()).unwrap().count(), 1, "nothing else is left");
}

#[test]
fn that_nobody_has_it_is_remembered() {
    let dir = tempfile::tempdir().unwrap();
    let without = serve(status("404 Not Found"), false);
    assert_eq!(client(&[&without], dir.path()).fetch(&ID, &|_| true).unwrap(), None);
    let again = client(&[&without], dir.path());
    assert_eq!(again.cached(&ID), Cached::Absent);
    assert_eq!(again.fetch(&ID, &|_| true).unwrap(), None);
    assert_eq!(asked(&without), 1);
    // For as long as the cache says.
    std::fs::write(dir.path().join("cache_miss_s"), "0\n").unwrap();
    assert_eq!(again.cached(&ID), Cached::Unknown);
    let with = serve(ok(b"late"), false);
    assert!(client(&[&with], dir.path()).fetch(&ID, &|_| true).unwrap().is_some());
}

#[test]
fn servers_that_fail_are_named_and_not_remembered_as_lacking() {
    let dir = tempfile::tempdir().unwrap();
    let broken = serve(status("500 Oops"), false);
    let cut =
        serve(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\nConnection: close\r\n\r\nshort".to_vec(), false);
    let client_ = client(&[&broken, &cut], dir.path());
    let said = client_.fetch(&ID, &|_| true).unwrap_err().to_string();
    assert!(said.contains(&broken.url) && said.contains("500") && said.contains(&cut.url), "{said}");
    assert_eq!(client_.cached(&ID), Cached::Unknown);
    // What is not the file is not kept.
    let wrong = serve(ok(b"something else"), false);
    let client_ = client(&[&wrong], dir.path());
    let said = client_.fetch(&ID, &|path| std::fs::read(path).unwrap() == b"elf").unwrap_err().to_string();
    assert!(said.contains("not the file"), "{said}");
    assert_eq!(client_.cached(&ID), Cached::Unknown);
    // Nobody listens there.
    let gone = Debuginfod::new(vec!["http://127.0.0.1:1/".into()], Some(dir.path().into()));
    assert!(gone.fetch(&ID, &|_| true).is_err());
    assert!(gone.fetch(&ID, &|_| true).unwrap_err().to_string().contains("did not answer before"));
}

#[test]
fn a_silent_server_is_given_up_and_not_asked_again() {
    let dir = tempfile::tempdir().unwrap();
    let head = b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\nbegin".to_vec();
    for answer in [Vec::new(), head] {
        let slow = serve(answer, true);
        let mut client = client(&[&slow], dir.path());
        client.timeout = Some(Duration::from_millis(300));
        assert!(client.fetch(&ID, &|_| true).unwrap_err().to_string().contains("too slow"));
        assert!(client.fetch(&[9; 20], &|_| true).is_err());
        assert_eq!(asked(&slow), 1);
        client.timeout = None;
        client.max_time = Some(Duration::from_millis(100));
        client.silent.lock().unwrap().clear();
        assert!(client.fetch(&ID, &|_| true).unwrap_err().to_string().contains("too slow"));
    }
}

#[test]
fn too_large_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let chunked = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nabcde\r\n0\r\n\r\n".to_vec();
    for answer in [ok(b"abcde"), chunked] {
        let server = serve(answer, true);
        let mut client = client(&[&server], dir.path());
        client.max_size = 4;
        assert!(client.fetch(&ID, &|_| true).unwrap_err().to_string().contains("more than 4 bytes"));
        client.max_size = 5;
        assert!(client.fetch(&ID, &|_| true).unwrap().is_some());
    }
}

#[test]
fn the_environment_says() {
    let vars: HashMap<&str, &str> = HashMap::from([
        ("DEBUGINFOD_URLS", "ima:enforcing https://a.example/  http://b.example ima:ignore"),
        ("DEBUGINFOD_TIMEOUT", "0"),
        ("DEBUGINFOD_MAXTIME", "7"),
        ("DEBUGINFOD_MAXSIZE", "1000"),
        ("XDG_CACHE_HOME", "/xdg"),
        ("HOME", "/nowhere"),
    ]);
    let client = Debuginfod::from_env(|name| vars.get(name).map(OsString::from));
    assert_eq!(client.urls, ["https://a.example/", "http://b.example"]);
    assert_eq!((client.timeout, client.max_time), (None, Some(Duration::from_secs(7))));
    assert_eq!((client.max_size, client.cache), (1000, Some("/xdg/debuginfod_client".into())));
    let cache = |vars: &[(&str, &str)]| {
        Debuginfod::from_env(|name| vars.iter().find(|v| v.0 == name).map(|v| v.1.into())).cache
    };
    assert_eq!(cache(&[("HOME", "/h")]), Some("/h/.cache/debuginfod_client".into()));
    assert_eq!(cache(&[("HOME", "/h"), ("DEBUGINFOD_CACHE_PATH", "/c")]), Some("/c".into()));
    assert_eq!(cache(&[]), None);
    let nowhere = Debuginfod::from_env(|_| None);
    assert_eq!(nowhere.fetch(&ID, &|_| true).unwrap(), None, "no server, no network, no cache");
}
