//! Who uses a file, in memory made for it: two threads with one table, a task of its own, a table that cannot be read.
#![allow(clippy::unwrap_used)]

mod made;

use necropsy_base::{Abi, VirtAddr};
use necropsy_kernel::Target;
use necropsy_kernel::tasks::Task;
use necropsy_kernel::vfs::{Use, users};
use necropsy_synth::memory::SparseMemory;
use necropsy_synth::names::BtfBuilder;

use made::{DATA, HEAP, memory, opened, words};

/// Bytes of a task, and where its members are.
const TASK: u64 = 0xa0;
const FILES: u64 = 0x40;
const FS: u64 = 0x48;
const MM: u64 = 0x50;

fn types() -> BtfBuilder {
    let mut b = BtfBuilder::new(Abi::LE64);
    let (byte, uint) = (b.int("char", 1, true), b.int("unsigned int", 4, false));
    let (ulong, pointer) = (b.int("unsigned long", 8, false), b.pointer(0));
    let name = b.array(byte, uint, 16);
    let entity = b.structure(false, "sched_entity", 8, &[("sum_exec_runtime", ulong, 0, 0)]);
    let at = |bytes: u64| (bytes * 8) as u32;
    let members = [
        ("pid", uint, at(0), 0),
        ("tgid", uint, at(4), 0),
        ("comm", name, at(8), 0),
        ("__state", uint, at(24), 0),
        ("exit_state", uint, at(28), 0),
        ("flags", uint, at(32), 0),
        ("stack", pointer, at(56), 0),
        ("files", pointer, at(FILES), 0),
        ("fs", pointer, at(FS), 0),
        ("mm", pointer, at(MM), 0),
        ("parent", pointer, at(88), 0),
        ("real_parent", pointer, at(96), 0),
        ("group_leader", pointer, at(104), 0),
        ("signal", pointer, at(112), 0),
        ("start_time", ulong, at(120), 0),
        ("utime", ulong, at(128), 0),
        ("stime", ulong, at(136), 0),
        ("prio", uint, at(144), 0),
        ("policy", uint, at(148), 0),
        ("se", entity, at(152), 0),
    ];
    b.structure(false, "task_struct", TASK as u32, &members);
    b.structure(false, "files_struct", 8, &[("fdt", pointer, 0, 0)]);
    b.structure(false, "fdtable", 16, &[("max_fds", uint, 0, 0), ("fd", pointer, 64, 0)]);
    let path = b.structure(false, "path", 16, &[("mnt", pointer, 0, 0), ("dentry", pointer, 64, 0)]);
    b.structure(false, "fs_struct", 32, &[("root", path, 0, 0), ("pwd", path, 128, 0)]);
    b.structure(false, "file", 16, &[("f_path", path, 0, 0)]);
    let qstr = b.structure(false, "qstr", 16, &[("len", uint, 32, 0), ("name", pointer, 64, 0)]);
    let members = [("d_parent", pointer, 0, 0), ("d_name", qstr, 64, 0), ("d_inode", pointer, 192, 0)];
    b.structure(false, "dentry", 32, &members);
    let members = [("i_mode", uint, 0, 0), ("i_sb", pointer, 64, 0), ("i_mapping", pointer, 128, 0)];
    b.structure(false, "inode", 24, &members);
    b.structure(false, "address_space", 8, &[("nrpages", ulong, 0, 0)]);
    let inner = b.structure(false, "vfsmount", 8, &[("mnt_root", pointer, 0, 0)]);
    let members = [("mnt_parent", pointer, 0, 0), ("mnt_mountpoint", pointer, 64, 0), ("mnt", inner, 128, 0)];
    b.structure(false, "mount", 24, &members);
    let members = [
        ("pgd", pointer, 0, 0),
        ("total_vm", ulong, 64, 0),
        ("mmap", pointer, 128, 0),
        ("exe_file", pointer, 192, 0),
    ];
    b.structure(false, "mm_struct", 32, &members);
    let members = [
        ("vm_start", ulong, 0, 0),
        ("vm_end", ulong, 64, 0),
        ("vm_next", pointer, 128, 0),
        ("vm_flags", ulong, 192, 0),
        ("vm_pgoff", ulong, 256, 0),
        ("vm_file", pointer, 320, 0),
        ("vm_mm", pointer, 384, 0),
    ];
    b.structure(false, "vm_area_struct", 56, &members);
    b
}

/// Where things are.
const MOUNT: u64 = DATA + 0x800;
const ROOT: u64 = DATA + 0x840;
/// A directory, a file in it, and the same file under a second name; dentries are 32 bytes.
const DIRECTORY: u64 = DATA + 0x860;
const LOG: u64 = DATA + 0x880;
const LINK: u64 = DATA + 0x8a0;
const ROOT_INODE: u64 = DATA + 0x900;
const DIRECTORY_INODE: u64 = DATA + 0x920;
const LOG_INODE: u64 = DATA + 0x940;
/// Open files: of the log, of its second name, and of the directory.
const LOG_FILE: u64 = DATA + 0x980;
const LINK_FILE: u64 = DATA + 0x990;
const DIRECTORY_FILE: u64 = DATA + 0x9a0;

fn dentry(m: &mut SparseMemory, at: u64, parent: u64, name: &str, inode: u64) {
    let text = at + 0x200;
    m.put(VirtAddr(text), name.as_bytes());
    words(m, at, &[parent, (name.len() as u64) << 32, text, inode]);
}

fn file(m: &mut SparseMemory, at: u64, dentry: u64) {
    words(m, at, &[MOUNT + 16, dentry]);
}

fn task(m: &mut SparseMemory, number: u64, files: u64, fs: u64, mm: u64) -> VirtAddr {
    let at = HEAP + number * TASK;
    words(m, at, &[number | number << 32]);
    words(m, at + FILES, &[files, fs, mm]);
    VirtAddr(at)
}

/// A table of files with these.
fn table(m: &mut SparseMemory, at: u64, files: &[u64]) -> u64 {
    words(m, at, &[at + 8, files.len() as u64, at + 24]);
    words(m, at + 24, files);
    at
}

fn machine() -> (Target, Vec<Task>) {
    let mut m = memory();
    words(&mut m, MOUNT, &[MOUNT, 0, ROOT]);
    dentry(&mut m, ROOT, ROOT, "/", ROOT_INODE);
    dentry(&mut m, DIRECTORY, ROOT, "var", DIRECTORY_INODE);
    dentry(&mut m, LOG, DIRECTORY, "log\x1b", LOG_INODE);
    dentry(&mut m, LINK, ROOT, "link", LOG_INODE);
    for (at, mode) in [(ROOT_INODE, 0o40755), (DIRECTORY_INODE, 0o40755), (LOG_INODE, 0o100_644)] {
        words(&mut m, at, &[mode, 0, 0]);
    }
    file(&mut m, LOG_FILE, LOG);
    file(&mut m, LINK_FILE, LINK);
    file(&mut m, DIRECTORY_FILE, DIRECTORY);
    let places = HEAP + 0x1000;
    words(&mut m, places, &[MOUNT + 16, ROOT, MOUNT + 16, DIRECTORY]);
    let shared = table(&mut m, HEAP + 0x1040, &[0, LOG_FILE, DIRECTORY_FILE]);
    let other = table(&mut m, HEAP + 0x1080, &[LINK_FILE]);
    let (space, area) = (HEAP + 0x10c0, HEAP + 0x1100);
    words(&mut m, space, &[0, 1, area, LINK_FILE]);
    // The list of mappings comes back to its beginning: what was read before that counts.
    words(&mut m, area, &[0x40_0000, 0x40_1000, area, 0, 0, LOG_FILE, space]);
    let wild = |n: u64| 0xffff_9999_0000_0000 + n;
    let all = [
        task(&mut m, 1, shared, places, 0),
        task(&mut m, 2, shared, places, 0),
        task(&mut m, 3, other, 0, space),
        task(&mut m, 4, 0, 0, 0),
        task(&mut m, 5, wild(0), places, wild(0x1000)),
    ];
    let t = opened(m, &types(), &[]);
    let tasks = all.iter().map(|at| t.load(*at).unwrap()).collect();
    (t, tasks)
}

fn found(inode: Option<u64>, name: &str) -> Vec<(i32, Vec<Use>)> {
    let (t, tasks) = machine();
    let found = users(&t, &tasks, inode.map(VirtAddr), name);
    found.into_iter().map(|u| (u.task.pid, u.uses)).collect()
}

#[test]
fn by_inode_and_by_every_name() {
    let log = [(1, vec![Use::Fd]), (2, vec![Use::Fd]), (3, vec![Use::Fd, Use::Mmap, Use::Exe])];
    assert_eq!(found(Some(LOG_INODE), ""), log);
    // A path means the inode behind it, under whatever name others have it.
    assert_eq!(found(None, "/link"), log);
    assert_eq!(found(None, "/var/log\\x1b"), log);
}

#[test]
fn directories_and_what_nobody_uses() {
    let cwd = [(1, vec![Use::Cwd, Use::Fd]), (2, vec![Use::Cwd, Use::Fd]), (5, vec![Use::Cwd])];
    assert_eq!(found(None, "/var"), cwd);
    let root = [1, 2, 5].map(|pid| (pid, vec![Use::Root]));
    assert_eq!(found(Some(ROOT_INODE), "/nosuch"), root);
    assert_eq!(found(None, "/nosuch"), []);
    // No inode at all is not the inode of everything that has none.
    assert_eq!(found(Some(0), ""), []);
}

#[test]
fn what_cannot_be_read_costs_one_note() {
    let (t, tasks) = machine();
    users(&t, &tasks, None, "/var");
    let notes = t.notes();
    // The loop of mappings, the wild table of files and the wild address space.
    assert!(
        matches!(&notes[..], [one] if one.starts_with("3 tables of tasks could not be read")),
        "{notes:?}"
    );
}
