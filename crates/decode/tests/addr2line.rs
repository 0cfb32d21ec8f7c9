//! Logs about a program of our own, decoded and compared with what `addr2line` says.

#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::path::Path;
use std::process::Command;
use std::sync::Arc;

use necropsy_debuginfo::DebugFile;
use necropsy_debuginfo::locate::Search;
use necropsy_decode::{Decoder, Facts};

const SOURCE: &str = "
static volatile int sink;
static inline __attribute__((always_inline)) int helper(int *p) { return *p + 1; }
__attribute__((noinline)) int leaf(int *p)
{
	sink = helper(p);
	return sink * 3;
}
__attribute__((noinline)) int caller(int *p)
{
	int a = leaf(p);
	a += leaf(p + 1);
	return a;
}
int main(void) { int x[2] = {0}; return caller(x); }
int _start(void) { return main(); }
";

fn compile(dir: &Path, out: &str, options: &[&str]) {
    std::fs::write(dir.join("prog.c"), SOURCE).unwrap();
    let status = Command::new("gcc")
        .current_dir(dir)
        .args(["-O2", "-g", "-fno-pie", "-no-pie", "-nostdlib", "-fcf-protection=none"])
        .args(options)
        .args(["prog.c", "-o", out])
        .status()
        .expect("gcc is needed for this test");
    assert!(status.success());
}

/// `addr2line -i`: file names without directories.
fn addr2line(file: &Path, section: Option<&str>, address: u64) -> String {
    let mut command = Command::new("addr2line");
    command.arg("-i").arg("-e").arg(file);
    if let Some(section) = section {
        command.args(["-j", section]);
    }
    let out = command.arg(format!("{address:#x}")).output().expect("addr2line comes with gcc");
    let text = String::from_utf8(out.stdout).unwrap();
    let short = |l: &str| l.rsplit('/').next().unwrap().split(' ').next().unwrap().to_owned();
    text.lines().map(short).collect::<Vec<_>>().join(" ")
}

fn decode(search: Search, facts: Facts, log: &[&str]) -> Vec<String> {
    let mut decoder = Decoder::new(Arc::new(search), facts);
    let one = |line: &&str| {
        let mut out = Vec::new();
        decoder.line(line.as_bytes(), &mut out);
        String::from_utf8(out).unwrap()
    };
    log.iter().map(one).collect()
}

#[test]
fn every_instruction_of_a_kernel() {
    let dir = tempfile::tempdir().unwrap();
    compile(dir.path(), "vmlinux", &[]);
    let file = dir.path().join("vmlinux");
    let symbols = DebugFile::open(&file, None).unwrap().symbols();
    for name in ["leaf", "caller"] {
        let s = symbols.iter().find(|s| s.name == name).unwrap();
        for offset in 1..s.size {
            let frame = format!("{name}+{offset:#x}/{:#x}", s.size);
            let (call, pc) = (format!(" {frame}"), format!("RIP: 0010:{frame}"));
            let mut search = Search::default();
            search.files = vec![file.clone()];
            let out = decode(search, Facts::default(), &[&call, &pc]);
            let (before, at) =
                (addr2line(&file, None, s.value + offset - 1), addr2line(&file, None, s.value + offset));
            assert_eq!(out[0], format!("{call} ({before})"));
            assert_eq!(out[1], format!("{pc} ({at})"));
        }
    }
}

#[test]
fn a_module_by_name_by_offset_and_by_address() {
    let dir = tempfile::tempdir().unwrap();
    compile(dir.path(), "bad_driver.ko", &["-c"]);
    let file = dir.path().join("bad_driver.ko");
    let symbols = DebugFile::open(&file, None).unwrap().symbols();
    let s = symbols.iter().find(|s| s.name == "caller").unwrap();
    let search = || {
        let mut search = Search::default();
        search.dirs = vec![dir.path().to_path_buf()];
        search
    };
    let base = 0xffff_ffff_c041_6000u64;
    for offset in 1..s.size {
        let want = addr2line(&file, Some(".text"), s.value + offset - 1);
        let frame = format!("[    1.5]  caller+{offset:#x}/{:#x} [bad_driver]", s.size);
        let raw = format!("[    1.5]  [<{:016x}>]", base + s.value + offset);
        let listed = format!("bad_driver 16384 0 - Live {base:#x} (OE)");
        let out = decode(search(), Facts::default(), &[&frame, &listed, &raw]);
        assert_eq!(out[0], frame.replace(" [bad", &format!(" ({want}) [bad")));
        assert_eq!(out[1], listed);
        assert_eq!(out[2], format!("{raw} caller+{offset:#x} ({want}) [bad_driver]"));
    }
}

#[test]
fn what_does_not_fit_stays_as_it_is() {
    let dir = tempfile::tempdir().unwrap();
    compile(dir.path(), "vmlinux", &[]);
    let search = || {
        let mut search = Search::default();
        search.files = vec![dir.path().join("vmlinux")];
        search
    };
    let log = [
        "plain text, also with a + 0x12/0x34",
        " leaf+0x4/0x9999",
        " nothing+0x4/0x10",
        " leaf+0x4/0x20 [other]",
        "[<00000000deadbeef>] (hashed)",
        "\u{fc}ml\u{e4}ut leaf",
        "",
    ];
    assert_eq!(decode(search(), Facts::default(), &log), log);
    // Bytes that are no UTF-8 stay, too.
    let mut decoder = Decoder::new(Arc::new(search()), Facts::default());
    let line = b"\xff\xfe leaf+0x1/0x9999 \x80";
    let mut out = Vec::new();
    decoder.line(line, &mut out);
    assert_eq!(out, line);
}

#[test]
fn the_trace_of_arm64_begins_with_the_program_counter() {
    let dir = tempfile::tempdir().unwrap();
    compile(dir.path(), "vmlinux", &[]);
    let file = dir.path().join("vmlinux");
    let s = DebugFile::open(&file, None).unwrap().symbols().into_iter().find(|s| s.name == "caller").unwrap();
    let mut search = Search::default();
    search.files = vec![file.clone()];
    let offset = (1..s.size)
        .find(|o| addr2line(&file, None, s.value + o) != addr2line(&file, None, s.value + o - 1))
        .expect("two lines");
    let frame = format!("caller+{offset:#x}/{:#x}", s.size);
    let (pc, call) = (format!("pc : {frame}"), format!(" {frame}"));
    let out = decode(search, Facts::default(), &[&pc, &call, &call]);
    let (at, before) =
        (addr2line(&file, None, s.value + offset), addr2line(&file, None, s.value + offset - 1));
    assert_eq!(out, [format!("{pc} ({at})"), format!("{call} ({at})"), format!("{call} ({before})")]);
}
