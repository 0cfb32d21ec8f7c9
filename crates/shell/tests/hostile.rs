//! Damaged memory: every command ends without a panic and in bounded time, whatever lies behind the pointers.
//!
//! The damage is done behind the dump's decompression, so that it reaches types, lists, tasks and stacks, and not just
//! the reader of the file.

// The lint's exception for tests does not reach their helpers.
#![allow(clippy::expect_used)]

use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use necropsy_base::{PhysAddr, PhysMem, RangeSet, ReadError};
use necropsy_shell::{Context, Mode, run_line};
use necropsy_target::{Options, Target};

const LINES: &[&str] = &[
    "ps",
    "ps -c",
    "ps -m",
    "ps -r",
    "ps -g",
    "ps -a",
    "foreach bt -F",
    "foreach bt -e",
    "foreach bt -T",
    "bt -a",
    "bt -v",
    "foreach task -R pid,comm,se,mm",
    "task",
    "p init_task",
    "p runqueues:a",
    "p *init_task.group_leader",
    "struct -o task_struct",
    "struct mm_struct",
    "struct task_struct init_task 3",
    "list -H modules -o module.list -s module.name",
    "list task_struct.tasks -s task_struct.comm -h init_task",
    "sym -M",
    "sym -q vfs_",
    "dis vfs_read",
    "vtop -c 1 401000",
    "fault",
    "hidden",
    "locks",
    "object -m init_task",
    "usage",
    "kmem -i",
    "kmem -s",
    "kmem -S",
    "kmem -F",
    "kmem -n",
    "kmem -v",
    "kmem -V",
    "kmem -z",
    "kmem -g",
    "kmem -p",
    "kmem -m flags,lru",
    "kmem init_task",
    "foreach vm -p",
    "foreach vm -v",
    "swap",
    "rd -s init_task 200",
    "mod",
    "sys",
    "log -d",
    "foreach files",
    "files -d 1000",
    "fuser /",
    "mount",
    "net",
    "net -a",
    "foreach net -s",
    "foreach net -S",
    "dev",
    "dev -p",
    "dev -d",
    "dev -D",
    "ipcs -sMq",
    "bpf -p",
    "bpf -m",
    "irq",
    "irq -a",
    "irq -s",
    "irq -b",
    "timer -r",
    "timer",
    "runq -g",
    "runq -m",
    "foreach sig -g",
    "tree -t xarray -r pid_namespace.idr init_pid_ns",
    "waitq log_wait",
    "search -k ffff888000000000",
    "mach -c",
    "help -r",
    "bt -E",
    "foreach bt -FF",
    "whatis vfs_write",
    "x /64a init_task",
    "x /20s linux_banner",
    "gdb p init_task.fs",
    "rd -SS init_task 200",
    "sym -l",
    "sbitmapq init_task",
    "json ps",
];

/// What is damaged.
#[derive(Clone, Copy, Debug)]
enum Damage {
    /// One word in so many.
    Words(u64),
    /// All of one page in so many.
    Pages(u64),
}

/// Memory at pseudo-random places reads as something else, always the same for one seed.
struct Damaged {
    inner: Arc<dyn PhysMem>,
    seed: u64,
    damage: Damage,
}

/// SplitMix64.
fn mix(n: u64) -> u64 {
    let mut z = n.wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ z >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ z >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ z >> 31
}

impl Damaged {
    /// What a damaged word reads as: noise, a small number, all ones, or an address near the real one.
    fn word(&self, at: u64) -> Option<[u8; 8]> {
        let dice = mix(at ^ mix(self.seed));
        let page = mix((at / 4096) ^ mix(self.seed));
        let (hit, kind) = match self.damage {
            Damage::Words(rate) => (dice.is_multiple_of(rate), dice >> 60),
            Damage::Pages(rate) => (page.is_multiple_of(rate), page >> 60),
        };
        hit.then(|| match kind {
            0..4 => mix(dice),
            4..8 => dice >> 40 & 0xfff,
            8..10 => u64::MAX,
            10..12 => 0,
            // Somewhere in the kernel's image, and among the pages that are mapped in a row.
            12..14 => 0xffff_ffff_8000_0000 | dice >> 20 & 0x3fff_fff8,
            _ => 0xffff_8880_0000_0000 | dice >> 20 & 0x1fff_fff8,
        })
        .map(u64::to_le_bytes)
    }
}

impl PhysMem for Damaged {
    fn read(&self, at: PhysAddr, buf: &mut [u8]) -> Result<(), ReadError> {
        self.inner.read(at, buf)?;
        for (i, byte) in buf.iter_mut().enumerate() {
            let here = at.0.wrapping_add(i as u64);
            if let Some(word) = self.word(here & !7) {
                *byte = word[(here & 7) as usize];
            }
        }
        Ok(())
    }
    fn ram(&self) -> &RangeSet<PhysAddr> {
        self.inner.ram()
    }
    fn present(&self, from: PhysAddr) -> Option<Range<PhysAddr>> {
        self.inner.present(from)
    }
}

/// A dump of each kernel in `corpus/`.
fn dumps() -> Vec<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../corpus");
    let list = |dir: &Path| -> Vec<PathBuf> {
        let entries = std::fs::read_dir(dir).into_iter().flatten().flatten();
        entries.map(|e| e.path()).collect()
    };
    let vmcore =
        |kernel: &PathBuf| list(kernel).iter().map(|s| s.join("vmcore")).filter(|p| p.is_file()).min();
    let mut found: Vec<PathBuf> = list(&root).iter().filter(|p| p.is_dir()).filter_map(vmcore).collect();
    found.sort();
    found
}

#[test]
fn damaged_memory_is_survived() {
    let dumps = dumps();
    if dumps.is_empty() {
        println!("skipped: hostile (no dump in corpus/)");
        return;
    }
    let (mut opened, mut typed, mut answered) = (0, 0, 0);
    let words = [20_000, 200_000, 1_000_000, 5_000_000].map(Damage::Words);
    let pages = [64, 512, 4096].map(Damage::Pages);
    let all: Vec<Damage> = words.into_iter().chain(pages).collect();
    // More of it with NECROPSY_HOSTILE_ROUNDS.
    let rounds = std::env::var("NECROPSY_HOSTILE_ROUNDS").ok().and_then(|n| n.parse().ok()).unwrap_or(1);
    let cases = (0..rounds).flat_map(|_| dumps.iter().flat_map(|d| all.iter().map(move |r| (d, *r))));
    for (n, (path, damage)) in (0..).zip(cases) {
        let mut source = necropsy_dump::open(std::slice::from_ref(path)).expect("the dump opens");
        let inner = source.physical.take().expect("it has memory");
        source.physical = Some(Arc::new(Damaged { inner, seed: n, damage }));
        let Ok(target) = Target::open(source, Options::default()) else {
            continue;
        };
        opened += 1;
        typed += usize::from(target.types().is_ok());
        let cx = Context::new(target, "vmcore".into());
        for line in LINES {
            let (start, mut out) = (Instant::now(), Vec::new());
            run_line(&cx, line, Mode::Text, &mut out, &mut Vec::new());
            answered += usize::from(!out.is_empty());
            let name = path.display();
            assert!(
                start.elapsed() < Duration::from_secs(20),
                "{line} takes too long ({name}, {damage:?}, {n})"
            );
            assert!(
                !out.contains(&0x1b),
                "{line} lets an escape character through ({name}, {damage:?}, {n})"
            );
        }
    }
    // Otherwise nothing was tested.
    let enough = opened >= 8 && typed >= 6 && answered >= 300;
    assert!(enough, "only {opened} kernels opened, {typed} with types, {answered} answers");
    println!("{opened} damaged kernels, {typed} with types, {answered} answers");
}
