//! What commands answer on real dumps, as text and as JSON, compared with recorded answers.
//!
//! `NECROPSY_BLESS=1 cargo test -p necropsy-shell --test golden` records them anew; look at the difference before committing it.

// The lint's exception for tests does not reach their helpers.
#![allow(clippy::expect_used)]

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use necropsy_debuginfo::locate::Search;
use necropsy_shell::{COMMANDS, Context, Mode, Sources, row_types, run_line};
use necropsy_target::{Options, Target};

/// At least one line for every command; addresses differ between dumps, so symbols stand for them.
const LINES: &[&str] = &[
    "alias",
    "ascii 62696c2f7273752f",
    "bt",
    "bt -a",
    "bt -E",
    "bt -sx 1",
    "bt -t 1",
    "bt -z",
    "bpf",
    "btop 512a000",
    "dev",
    "dev -p",
    "dev -i",
    "dev -d",
    "dev -V",
    "dis -x do_syscall_64 8",
    "dis -il do_syscall_64 8",
    "dis -l parse_header",
    "dis -s copy_field",
    "down",
    "eval -b 0xf0f0 + 0x10K",
    "exit",
    "extend gcore.so",
    "fault",
    "files 1",
    "foreach UN bt",
    "foreach active set",
    "foreach gleader kernel ps -S",
    "frame 1",
    "frame parse_header",
    "fuser /",
    "gdb p init_task.comm",
    "gdb x/4xg linux_banner",
    "help sym",
    "hidden",
    "help -r",
    "info locals",
    "info registers",
    "info symbol init_task",
    "ipcs",
    "ipcs -M",
    "irq -s",
    "irq -b",
    "json ps -s 1",
    "json -s swap",
    "kmem -f",
    "kmem -g 1000",
    "kmem -h",
    "kmem -i",
    "kmem -n",
    "kmem -o",
    "kmem -p 1000",
    "kmem -s task_struct",
    "kmem -S task_struct",
    "kmem -v",
    "kmem -z",
    "kmem init_task",
    "list *copy_field+8",
    "list netpkt.c:24",
    "list -H modules -o module.list -s module.state",
    "locks",
    "locks 1",
    "log -m",
    "mach",
    "mach -m",
    "mod",
    "mount",
    "net",
    "net -a",
    "net -s 1",
    "object init_task",
    "p init_task.comm",
    "p *init_task.thread_pid",
    "px saved_command_line",
    "p no_such_variable",
    "p/t init_task.prio",
    "print/o init_task.prio",
    "ptype list_head",
    "ps",
    "ps -t 1",
    "pte 8000000001234567",
    "ptob 0x512a",
    "ptov 1000",
    "rd -a linux_banner",
    "rd -32 init_task 16",
    "rd 0 4",
    "repeat -1 p jiffies",
    "runq",
    "runq -g",
    "sbitmapq 1000",
    "search -s linux_banner -l 64 -c Linux",
    "search -T init_task",
    "set",
    "sig -g 1",
    "sig -s a00",
    "struct -o list_head",
    "struct task_struct.pid,comm,prio init_task",
    "swap",
    "sym do_syscall_64+4",
    "sym -q vfs_wri",
    "sym -m netpkt",
    "sys",
    "sys -t",
    "sys -i",
    "sys -c 59",
    "task -R pid,comm,se.vruntime 1",
    "timer",
    "timer -r -C 0",
    "tree -t xarray -r pid_namespace.idr init_pid_ns",
    "up 2",
    "usage",
    "vm 1",
    "vm -f 8100073",
    "vtop linux_banner",
    "waitq log_wait",
    "whatis vfs_write",
    "whatis -r 56",
    "wr 0 1",
    "x/2s linux_banner",
    "x /3a init_task.tasks",
];

/// Lines of an answer that are kept; of longer ones the rest is a number and a sum.
const KEPT: usize = 120;

fn dumps() -> Vec<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../corpus");
    let list = |dir: &Path| -> Vec<PathBuf> {
        let entries = std::fs::read_dir(dir).into_iter().flatten().flatten();
        entries.map(|e| e.path()).collect()
    };
    let scenarios = list(&root).into_iter().filter(|p| p.is_dir()).flat_map(|k| list(&k));
    let files = scenarios.filter(|p| p.is_dir()).flat_map(|s| list(&s));
    let is_dump = |p: &PathBuf| {
        let name = p.file_name().map(|n| n.to_string_lossy().into_owned());
        name.is_some_and(|n| n.starts_with("vmcore") && !n.ends_with(".txt"))
    };
    let mut found: Vec<PathBuf> = files.filter(is_dump).collect();
    found.sort();
    found
}

fn open(path: &Path) -> Context {
    let source =
        necropsy_dump::open(&[path.to_path_buf()]).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    // The modules of the scenarios lie beside the dumps, with their sources; a vmlinux does not.
    let dir = path.parent().expect("a dump lies in a scenario").to_path_buf();
    let mut search = Search::default();
    search.dump_dirs = vec![dir.clone()];
    let options = Options { search: Some(Arc::new(search)), ..Options::default() };
    let target = Target::open(source, options);
    let target: Arc<Target> = target.unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    Context::new(target, "vmcore".into()).with_sources(Sources::new(&[dir], Vec::new(), ""))
}

/// An answer as text with its errors, and as JSON.
fn answer(cx: &Context, line: &str) -> String {
    let (mut text, mut err, mut json) = (Vec::new(), Vec::new(), Vec::new());
    run_line(cx, line, Mode::Text, &mut text, &mut err);
    run_line(cx, line, Mode::Json, &mut json, &mut Vec::new());
    let root = concat!(env!("CARGO_MANIFEST_DIR"), "/../../");
    let part = |bytes: &[u8]| shortened(&String::from_utf8_lossy(bytes).replace(root, ""));
    format!(
        "> {line}\n{}--- errors and notes\n{}--- JSON\n{}",
        part(&text),
        part(&err),
        shortened(&pretty(&json).replace(root, ""))
    )
}

fn pretty(json: &[u8]) -> String {
    let value: serde_json::Value = serde_json::from_slice(json).expect("every answer is JSON");
    serde_json::to_string_pretty(&value).expect("a value can be written") + "\n"
}

fn shortened(text: &str) -> String {
    let lines: Vec<&str> = text.lines().collect();
    let mut out: String = lines.iter().take(KEPT).fold(String::new(), |mut out, line| {
        let _ = writeln!(out, "{line}");
        out
    });
    if lines.len() > KEPT {
        // FNV-1a: enough to notice that something changed.
        let sum = text
            .bytes()
            .fold(0xcbf2_9ce4_8422_2325u64, |h, b| (h ^ u64::from(b)).wrapping_mul(0x0100_0000_01b3));
        let _ = writeln!(out, "[... {} more lines, {sum:016x}]", lines.len() - KEPT);
    }
    out
}

/// `6.1/abba/vmcore` and `bt -a`: `golden/6.1-abba/bt_-a.txt`.
fn golden(dump: &Path, line: &str) -> PathBuf {
    let scenario = dump.parent().expect("a dump lies in a scenario");
    let name = |p: &Path| p.file_name().map(|n| n.to_string_lossy().into_owned()).unwrap_or_default();
    let kernel = scenario.parent().expect("a scenario lies in a kernel's directory");
    let plain = |c: char| if c.is_ascii_alphanumeric() || "-_.,".contains(c) { c } else { '_' };
    let file: String = line.chars().map(plain).collect();
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/golden")
        .join(format!("{}-{}", name(kernel), name(scenario)))
        .join(file + ".txt")
}

#[test]
fn every_command_has_a_line() {
    for c in COMMANDS {
        let has = LINES.iter().any(|l| l.split(' ').next() == Some(c.name()));
        assert!(has, "no golden line for {}", c.name());
    }
}

/// Lines whose rows are compared with the schema, beside those above.
const MORE: &[&str] = &[
    "ascii",
    "bpf -PM",
    "bpf -p 1 -s",
    "bpf -m 1 -s",
    "bt -f 1",
    "bt -F 1",
    "bt -r 1",
    "bt -T 1",
    "bt -e 1",
    "bt -v",
    "bt -g 1",
    "dis -lx vfs_read 4",
    "files -c 1",
    "files -d 1000",
    "files -p 1000",
    "foreach files",
    "foreach net -s",
    "foreach ps",
    "foreach sig",
    "foreach task -R pid",
    "foreach vm -p",
    "foreach vtop 400000",
    "info line vfs_read",
    "info frame",
    "info args",
    "ipcs -q",
    "ipcs -s",
    "irq 1",
    "irq -a",
    "irq -d",
    "kmem -F",
    "kmem -m flags,lru",
    "kmem -V",
    "list task_struct.tasks -s task_struct.comm -h init_task",
    "list -r -H modules -s module",
    "log -s",
    "mach -c",
    "mach -c -m",
    "mod -t",
    "mount -f",
    "net -N 1000",
    "net -S 1",
    "p runqueues:a",
    "ps -a",
    "ps -c 1",
    "ps -g",
    "ps -l",
    "ps -p 1",
    "ps -r 1",
    "ps -S",
    "ps -t",
    "ps -y 0",
    "rd -SS init_task 20",
    "runq -m",
    "runq -t",
    "runq -T",
    "runq -d",
    "runq -c 0",
    "search -x 2 -T init_task",
    "set -v",
    "set radix 10",
    "sig",
    "sig -l",
    "struct list_head",
    "struct list_head.next",
    "struct list_head.next -o",
    "struct -r list_head modules",
    "struct task_struct init_task",
    "sym -l",
    "sym -M",
    "task",
    "tree -t xarray -r pid_namespace.idr init_pid_ns -s pid.level",
    "tree -t maple -r mm_struct.mm_mt init_mm",
    "vm -p 1",
    "vm -v 1",
    "vm -m 1",
    "vm -R 1 1",
    "vtop -c 1 400000",
    "whatis 1000",
    "whatis task_struct",
    "whatis jiffies",
];

/// Commands that run others, whose rows are theirs.
const ANY: &[&str] = &["gdb", "json", "repeat"];

#[test]
fn rows_are_those_of_the_schema() {
    let mut strange = BTreeSet::new();
    for cx in dumps().iter().map(|dump| open(dump)) {
        for line in LINES.iter().chain(MORE) {
            let Some((command, shape, types)) = row_types(&cx, line) else { continue };
            assert!(command.shapes().contains(&shape), "{line}: {shape:?} is not among its shapes");
            let known: Vec<_> = command.rows().iter().map(|row| (row.id)()).collect();
            let other = types.iter().filter(|t| !known.contains(t) && !ANY.contains(&command.name()));
            strange.extend(other.map(|t| format!("{line}: {t}")));
        }
    }
    assert!(strange.is_empty(), "rows that their commands' schemas do not have: {strange:#?}");
}

#[test]
fn answers_are_as_recorded() {
    let dumps = dumps();
    if dumps.is_empty() {
        println!("skipped: golden (no dump in corpus/)");
        return;
    }
    let bless = std::env::var_os("NECROPSY_BLESS").is_some();
    let mut wrong = Vec::new();
    for dump in &dumps {
        let cx = open(dump);
        for line in LINES {
            let (path, found) = (golden(dump, line), answer(&cx, line));
            if bless {
                std::fs::create_dir_all(path.parent().expect("has a directory")).expect("can be made");
                std::fs::write(&path, found).expect("can be written");
            } else if std::fs::read_to_string(&path).ok().as_deref() != Some(&found) {
                wrong.push(format!("{}\n{found}", path.display()));
            }
        }
    }
    let first = wrong.first().map(String::as_str).unwrap_or_default();
    assert!(
        wrong.is_empty(),
        "{} answers differ from the recorded ones (NECROPSY_BLESS=1 records them anew); the first:\n{first}",
        wrong.len()
    );
}
