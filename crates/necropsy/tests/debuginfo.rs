//! `necropsy debuginfo`: on real dumps, with made-up files, and against a real debuginfod.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use necropsy_base::Abi;
use necropsy_synth::names::{ElfBuilder, elf_note};
use serde_json::Value;

/// A dump and the directory of the module that died in it.
fn case() -> (PathBuf, PathBuf) {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../corpus/6.1/null_deref_kdump")
        .canonicalize()
        .unwrap();
    (dir.join("vmcore"), dir)
}

/// The program with an environment of its own: no servers but those that a test names.
fn necropsy(home: &Path, args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_necropsy"));
    command.args(args).env("HOME", home);
    [
        "DEBUGINFOD_URLS",
        "DEBUGINFOD_CACHE_PATH",
        "XDG_CACHE_HOME",
        "DEBUGINFOD_TIMEOUT",
        "DEBUGINFOD_MAXSIZE",
    ]
    .iter()
    .for_each(|name| _ = command.env_remove(name));
    command
}

/// The dump alone in a directory, that is without the module beside it.
fn alone(dir: &Path) -> String {
    let dump = dir.join("vmcore");
    std::os::unix::fs::symlink(case().0, &dump).unwrap();
    dump.display().to_string()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

fn json(run: &Output) -> Value {
    serde_json::from_slice(&run.stdout).unwrap_or_else(|e| panic!("{e}: {}", text(&run.stderr)))
}

fn file<'a>(answer: &'a Value, name: &str) -> &'a Value {
    answer["files"].as_array().unwrap().iter().find(|f| f["name"] == name).unwrap()
}

/// A small ELF file with a build ID and a section that looks like debugging information.
fn elf(build_id: &str) -> Vec<u8> {
    let id: Vec<u8> =
        build_id.as_bytes().chunks(2).map(|c| u8::from_str_radix(&text(c), 16).unwrap()).collect();
    let mut elf = ElfBuilder::new(Abi::LE64, 2, 62);
    elf.section(".notes", 7, 0, &elf_note(Abi::LE64, "GNU", 3, &id));
    elf.section(".debug_info", 1, 0, b"dwarf").build()
}

#[test]
fn what_is_missing_and_what_to_install() {
    let dir = tempfile::tempdir().unwrap();
    let dump = alone(dir.path());
    let run = necropsy(dir.path(), &["debuginfo", &dump]).output().unwrap();
    let said = text(&run.stdout);
    assert_eq!(run.status.code(), Some(3), "{said}");
    assert!(said.contains("3b43fad5034874490492495d552c0af6a5fab235  missing"), "{said}");
    assert!(said.contains("apt install linux-image-6.1.0-56-cloud-amd64-dbg=6.1.192-2"), "{said}");
    assert!(said.contains("Not from the kernel's tree: regmon."), "{said}");
    // With the directory of the module, that one is there.
    let run = necropsy(dir.path(), &["debuginfo", &dump, "--format", "json", "--debug-dir"])
        .arg(case().1)
        .output()
        .unwrap();
    let answer = json(&run);
    let module = file(&answer, "regmon");
    assert_eq!((module["status"].as_str(), module["how"].as_str()), (Some("found"), Some("directory given")));
    assert_eq!(module["known_by"], "same build ID");
    assert_eq!((run.status.code(), answer["complete"].as_bool()), (Some(3), Some(false)));
    // Nothing but the dump: nothing is looked for.
    let args = ["debuginfo", &dump, "--no-debuginfo", "--format", "json"];
    let answer = json(&necropsy(dir.path(), &args).output().unwrap());
    assert!(answer["files"].as_array().unwrap().iter().all(|f| f["status"] == "missing"));
}

#[test]
fn everything_found_and_wrong_files() {
    let dir = tempfile::tempdir().unwrap();
    let dump = alone(dir.path());
    let args = ["debuginfo", &dump, "--no-debuginfod", "--format", "json"];
    let answer = json(&necropsy(dir.path(), &args).output().unwrap());
    let files = dir.path().join("files");
    std::fs::create_dir(&files).unwrap();
    for file in answer["files"].as_array().unwrap() {
        let name = file["name"].as_str().unwrap();
        let name = if name == "vmlinux" { name.into() } else { format!("{name}.ko.debug") };
        std::fs::write(files.join(name), elf(file["build_id"].as_str().unwrap())).unwrap();
    }
    let files_arg = files.display().to_string();
    let all = ["debuginfo", &dump, "--debug-dir", &files_arg];
    let run = necropsy(dir.path(), &all).output().unwrap();
    assert_eq!(run.status.code(), Some(0), "{}", text(&run.stdout));
    // A module of another build, found by searching, is refused and said.
    std::fs::write(files.join("loop.ko.debug"), elf(&"ab".repeat(20))).unwrap();
    let run = necropsy(dir.path(), &[&all[..], &["--format", "json"]].concat()).output().unwrap();
    let answer = json(&run);
    let wrong = file(&answer, "loop");
    assert_eq!((run.status.code(), wrong["status"].as_str()), (Some(3), Some("refused")));
    assert!(wrong["refused"][0]["reason"].as_str().unwrap().contains(&"ab".repeat(20)));
    let run = necropsy(dir.path(), &["-s", "-c", "sym panic", "--debug-dir", &files_arg, "--", &dump]);
    let said = text(&{ run }.output().unwrap().stderr);
    assert!(said.contains("is not the module loop that was loaded"), "{said}");
    // A vmlinux that was given must be the one.
    let wrong = dir.path().join("other-vmlinux");
    std::fs::write(&wrong, elf(&"cd".repeat(20))).unwrap();
    let wrong = wrong.display().to_string();
    for args in [["debuginfo", &dump, "--vmlinux", &wrong], ["analyze", &dump, "--vmlinux", &wrong]] {
        let run = necropsy(dir.path(), &args).output().unwrap();
        let said = text(&run.stderr);
        assert_eq!(run.status.code(), Some(1), "{said}");
        assert!(said.contains(&"cd".repeat(20)) && said.contains("3b43fad5034874490492495d552c0af6a5fab235"));
    }
    let right = files.join("vmlinux").display().to_string();
    let run = necropsy(dir.path(), &[&dump, &right, "-s", "-c", "sym panic"]).output().unwrap();
    assert_eq!(run.status.code(), Some(0), "{}", text(&run.stderr));
}

/// A debuginfod over a directory; it ends with the test.
struct Server {
    child: Child,
    port: u16,
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Server {
    /// Starts one; `None` if it is not installed, which CI does not accept.
    fn start(files: &Path, home: &Path) -> Option<Server> {
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let started = Command::new("debuginfod")
            .args(["-F", "-p", &port.to_string(), "-d"])
            .arg(home.join("index.sqlite"))
            .arg(files)
            .env("HOME", home)
            .env_remove("DEBUGINFOD_URLS")
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn();
        match started {
            Ok(child) => Some(Server { child, port }),
            Err(e) if std::env::var_os("NECROPSY_REQUIRE_TOOLS").is_some() => panic!("debuginfod: {e}"),
            Err(e) => {
                println!("skipped: debuginfod ({e})");
                None
            }
        }
    }

    /// Waits until it has indexed a build ID.
    fn wait_for(&self, build_id: &str) {
        let start = Instant::now();
        while !self.has(build_id).unwrap_or(false) {
            assert!(start.elapsed() < Duration::from_secs(60), "debuginfod does not index {build_id}");
            std::thread::sleep(Duration::from_millis(100));
        }
    }

    fn has(&self, build_id: &str) -> std::io::Result<bool> {
        let mut stream = TcpStream::connect(("127.0.0.1", self.port))?;
        stream.set_read_timeout(Some(Duration::from_secs(5)))?;
        write!(stream, "GET /buildid/{build_id}/debuginfo HTTP/1.0\r\n\r\n")?;
        let mut head = [0; 12];
        stream.read_exact(&mut head)?;
        Ok(head.ends_with(b"200"))
    }

    fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }
}

#[test]
fn files_from_a_real_debuginfod() {
    const MODULE: &str = "dd4734fd5156757b80f261dc8e80168773d804d8";
    let dir = tempfile::tempdir().unwrap();
    let dump = alone(dir.path());
    let served = dir.path().join("served");
    std::fs::create_dir(&served).unwrap();
    std::fs::copy(case().1.join("regmon.ko"), served.join("regmon.ko")).unwrap();
    let Some(server) = Server::start(&served, dir.path()) else { return };
    server.wait_for(MODULE);
    let ask = |extra: &[&str]| {
        let args = [&["debuginfo", &dump, "--format", "json"], extra].concat();
        let run = necropsy(dir.path(), &args).env("DEBUGINFOD_URLS", server.url()).output().unwrap();
        assert!(run.stderr.is_empty(), "no progress where there is no terminal: {}", text(&run.stderr));
        json(&run)
    };
    assert_eq!(file(&ask(&["--no-debuginfod"]), "regmon")["status"], "missing");
    assert!(!dir.path().join(".cache").exists(), "off means off");
    let answer = ask(&[]);
    let module = file(&answer, "regmon");
    assert_eq!((&module["status"], &module["how"]), (&"found".into(), &"debuginfod".into()), "{answer}");
    let path = PathBuf::from(module["path"].as_str().unwrap());
    assert_eq!(path, dir.path().join(".cache/debuginfod_client").join(MODULE).join("debuginfo"));
    assert_eq!(std::fs::read(&path).unwrap(), std::fs::read(served.join("regmon.ko")).unwrap());
    assert_eq!(file(&answer, "vmlinux")["status"], "missing");
    let kernel = answer["build_id"].as_str().unwrap();
    let nobody = path.parent().unwrap().parent().unwrap().join(kernel).join("debuginfo");
    assert_eq!(std::fs::metadata(nobody).unwrap().len(), 0, "remembered as elfutils does");
    // From then on from the cache, without the server, for us and for elfutils' own client.
    let url = server.url();
    drop(server);
    let args = ["debuginfo", &dump, "--format", "json"];
    let run = necropsy(dir.path(), &args).env("DEBUGINFOD_URLS", &url).output().unwrap();
    let answer = json(&run);
    assert_eq!(file(&answer, "regmon")["how"], "debuginfod's cache");
    assert_eq!(answer["notes"].as_array().unwrap().len(), 0, "known to be nowhere: not asked again");
    let theirs = Command::new("debuginfod-find")
        .args(["debuginfo", MODULE])
        .env("HOME", dir.path())
        .env("DEBUGINFOD_URLS", &url)
        .env_remove("DEBUGINFOD_CACHE_PATH")
        .env_remove("XDG_CACHE_HOME")
        .output();
    if let Ok(theirs) = theirs {
        assert_eq!(text(&theirs.stdout).trim(), path.display().to_string(), "{}", text(&theirs.stderr));
    }
    // A server that is gone is said once, not per module.
    let empty = tempfile::tempdir().unwrap();
    let run = necropsy(empty.path(), &args).env("DEBUGINFOD_URLS", &url).output().unwrap();
    let notes = json(&run)["notes"].to_string();
    assert!(notes.contains(&url), "{notes}");
}
