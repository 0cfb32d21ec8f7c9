//! Damaged dumps: whatever is wrong, the program ends, says so, and is not sure of anything else.

use std::collections::HashMap;
use std::ops::Range;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use necropsy_base::{Budget, MemoryExt, PhysAddr, PhysMem, RangeSet, ReadError, VirtAddr};
use necropsy_diagnose::{Case, CaseOptions};
use necropsy_dump::Source;
use necropsy_shell::{Context, Mode, run_line};
use necropsy_target::{Options, Target};

/// A small dump whose verdict is certain: so a wrong answer is noticed.
fn dump() -> Option<PathBuf> {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../corpus/6.1/stack_smash/vmcore");
    if !path.exists() {
        println!("skipped: hostile (no corpus/6.1/stack_smash)");
    }
    path.exists().then_some(path)
}

/// Numbers that look random and are the same every time.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, below: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % below.max(1)
    }
}

/// How often to go round: more of it with `NECROPSY_HOSTILE_ROUNDS`.
fn rounds() -> usize {
    std::env::var("NECROPSY_HOSTILE_ROUNDS").ok().and_then(|n| n.parse().ok()).unwrap_or(1)
}

/// Physical memory in which some bytes are wrong.
struct Damaged {
    inner: Arc<dyn PhysMem>,
    /// Where, and what to flip.
    flips: Vec<(u64, u8)>,
}

impl PhysMem for Damaged {
    fn read(&self, at: PhysAddr, buf: &mut [u8]) -> Result<(), ReadError> {
        self.inner.read(at, buf)?;
        for (place, mask) in &self.flips {
            if let Some(byte) = place.checked_sub(at.0).and_then(|i| buf.get_mut(usize::try_from(i).ok()?)) {
                *byte ^= mask;
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

/// Physical memory in which some pages hold something else.
struct Overwritten {
    inner: Arc<dyn PhysMem>,
    /// Their numbers, and what they hold: zeros, ones, or noise that grows from this seed.
    pages: HashMap<u64, u64>,
}

impl PhysMem for Overwritten {
    fn read(&self, at: PhysAddr, buf: &mut [u8]) -> Result<(), ReadError> {
        self.inner.read(at, buf)?;
        for (byte, here) in buf.iter_mut().zip(at.0..) {
            match self.pages.get(&(here / 4096)) {
                Some(seed) if seed % 4 == 0 => *byte = 0,
                Some(seed) if seed % 4 == 1 => *byte = 0xff,
                Some(seed) => *byte = Dice(seed ^ here | 1).roll(u64::MAX) as u8,
                None => {}
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

const COMMANDS: &[&str] = &["bt -a", "ps", "log", "mod", "sys", "foreach bt"];

/// Everything a user would do first; the class and culprit found, and whether anything was noted.
fn use_it(source: Source) -> Option<(String, Option<String>, bool)> {
    let budget = Budget::new(Some(Duration::from_secs(60)), u64::MAX);
    let target = Target::open(source, Options { budget, ..Options::default() }).ok()?;
    let cx = Context::new(target.clone(), "damaged".into());
    for line in COMMANDS {
        run_line(&cx, line, Mode::Json, &mut Vec::new(), &mut Vec::new());
    }
    let found = Case::open(
        target.clone(),
        CaseOptions { use_log: true, path: "damaged".into(), ..CaseOptions::default() },
    )
    .analyse();
    // A culprit that is only suspected is no wrong answer.
    let culprit =
        found.verdict.culprit.filter(|c| c.confidence.unwrap_or(0.0) >= 0.8).and_then(|c| c.function);
    Some((found.verdict.class.to_owned(), culprit, !target.notes().is_empty()))
}

/// The answer is the same as for the sound dump, or something says that it is not to be trusted.
fn same_or_noted(
    found: Option<(String, Option<String>, bool)>,
    sound: &(String, Option<String>, bool),
    what: &str,
) {
    let Some((class, culprit, noted)) = found else { return };
    let honest = noted || class == sound.0 && culprit == sound.1;
    assert!(honest, "{what}: {class} {culprit:?} without a note; the sound dump says {sound:?}");
}

#[test]
fn wrong_bytes_in_memory() {
    let Some(path) = dump() else { return };
    let open = || necropsy_dump::open(std::slice::from_ref(&path)).unwrap();
    let sound = use_it(open()).unwrap();
    let target = Target::open(open(), Options::default()).unwrap();
    let kernel = target.kernel().unwrap();
    let at = |name: &str| target.symbol(name).and_then(|a| kernel.to_phys(a).ok()).map(|p| p.0);
    let through = |name: &str| {
        let pointer = target.memory().ptr(target.symbol(name)?).ok()?;
        Some(kernel.to_phys(pointer).ok()?.0)
    };
    let task =
        target.symbol("init_task").map(|t| VirtAddr(t.0 + target.offset_of("task_struct", "tasks").unwrap()));
    let places = [
        Some(kernel.tables().root.0),
        at("__start_BTF"),
        // The types that are used most come first.
        at("__start_BTF").map(|btf| btf + 2048),
        at("__start_BTF").map(|btf| btf + 16384),
        at("__start_orc_unwind_ip"),
        at("__start_orc_unwind"),
        at("kallsyms_token_table"),
        at("kallsyms_token_index"),
        at("kallsyms_num_syms"),
        at("kallsyms_names"),
        at("kallsyms_offsets"),
        at("kallsyms_relative_base"),
        at("modules"),
        at("init_task"),
        at("panic_cpu"),
        at("__per_cpu_offset"),
        at("nr_cpu_ids"),
        at("tk_core"),
        at("linux_banner"),
        through("prb"),
        task.and_then(|t| kernel.to_phys(t).ok()).map(|p| p.0),
    ];
    let mut dice = Dice(0x9e37_79b9_7f4a_7c15);
    let places: Vec<u64> = places.into_iter().flatten().collect();
    for place in (0..rounds()).flat_map(|_| places.clone()) {
        for spread in [8, 64, 4096] {
            let flips = vec![(place + dice.roll(spread), 1 << dice.roll(8))];
            let source = open();
            let inner = source.physical.clone().unwrap();
            let what = format!("{flips:x?}");
            let physical: Option<Arc<dyn PhysMem>> = Some(Arc::new(Damaged { inner, flips }));
            same_or_noted(use_it(Source { physical, ..source }), &sound, &what);
        }
    }
}

#[test]
fn wrong_bytes_anywhere() {
    let Some(path) = dump() else { return };
    let open = || necropsy_dump::open(std::slice::from_ref(&path)).unwrap();
    let ram = open().physical.unwrap().ram().end().unwrap().0;
    let mut dice = Dice(0xdead_beef_cafe_f00d);
    for _ in 0..12 {
        // Dense damage: about one byte in 8 KiB, everywhere.
        let flips = (0..ram / 8192).map(|_| (dice.roll(ram), 1u8 << dice.roll(8))).collect();
        let source = open();
        let inner = source.physical.clone().unwrap();
        let physical: Option<Arc<dyn PhysMem>> = Some(Arc::new(Damaged { inner, flips }));
        use_it(Source { physical, ..source });
    }
}

#[test]
fn whole_pages_overwritten() {
    let Some(path) = dump() else { return };
    let open = || necropsy_dump::open(std::slice::from_ref(&path)).unwrap();
    let ram = open().physical.unwrap().ram().end().unwrap().0;
    let mut dice = Dice(0x0bad_cafe_dead_10cc);
    for count in (0..rounds()).flat_map(|_| [1, 16, 256, 4096]) {
        let pages = (0..count).map(|_| (dice.roll(ram / 4096), dice.roll(u64::MAX))).collect();
        let source = open();
        let inner = source.physical.clone().unwrap();
        let physical: Option<Arc<dyn PhysMem>> = Some(Arc::new(Overwritten { inner, pages }));
        use_it(Source { physical, ..source });
    }
}

#[test]
fn files_that_are_cut() {
    let Some(path) = dump() else { return };
    let bytes = std::fs::read(&path).unwrap();
    let dir = tempfile::tempdir().unwrap();
    let cut = dir.path().join("cut");
    let mut dice = Dice(42);
    let places = (0..24).map(|i| if i < 6 { dice.roll(1 << 16) } else { dice.roll(bytes.len() as u64) });
    for len in places.collect::<Vec<_>>() {
        std::fs::write(&cut, &bytes[..len as usize]).unwrap();
        if let Ok(source) = necropsy_dump::open(std::slice::from_ref(&cut)) {
            assert!(!source.meta.complete || !source.meta.notes.is_empty(), "cut at {len} and nothing said");
            use_it(source);
        }
    }
}

#[test]
fn a_dump_that_contradicts_itself_is_not_trusted() {
    let Some(path) = dump() else { return };
    let open = || necropsy_dump::open(std::slice::from_ref(&path)).unwrap();
    let target = Target::open(open(), Options::default()).unwrap();
    let kernel = target.kernel().unwrap();
    let comm = target.offset_of("task_struct", "comm").unwrap();
    let anchors = ["linux_banner", "init_task"].map(|name| {
        let at = target.symbol(name).unwrap().offset(if name == "init_task" { comm } else { 0 });
        kernel.to_phys(at).unwrap().0
    });
    // The kind of the first type (no kind has all bits set), and the size of the task's: the types behind, and the members at its end, are lost.
    let btf = target.symbol("__start_BTF").unwrap();
    let at = |address: VirtAddr| kernel.to_phys(address).unwrap().0;
    let task_size = target.size_of("task_struct").unwrap() as u32;
    let table =
        target.memory().bytes(btf, (target.symbol("__stop_BTF").unwrap().0 - btf.0) as usize).unwrap();
    let words: Vec<u32> = table.chunks_exact(4).map(|w| u32::from_le_bytes(w.try_into().unwrap())).collect();
    let task = words.windows(2).position(|w| w[0] >> 24 & 0x1f == 4 && w[1] == task_size).unwrap();
    let high = (31 - task_size.leading_zeros()) as usize;
    let types = [
        (at(btf.offset(24 + 7)), table[24 + 7] & 0x1f ^ 0x1f),
        (at(btf.offset((task * 4 + 4 + high / 8) as u64)), 1 << (high % 8)),
    ];
    for flip in anchors.map(|place| (place, 0x40)).into_iter().chain(types) {
        let source = open();
        let inner = source.physical.clone().unwrap();
        let physical: Option<Arc<dyn PhysMem>> = Some(Arc::new(Damaged { inner, flips: vec![flip] }));
        let target = Target::open(Source { physical, ..source }, Options::default()).unwrap();
        let found = Case::open(target, CaseOptions { use_log: true, ..CaseOptions::default() }).analyse();
        assert!(found.notes.iter().any(|n| n.starts_with("inconsistent:")), "{flip:x?} {:?}", found.notes);
        assert!(found.verdict.confidence <= 0.7, "{flip:x?} {}", found.verdict.confidence);
    }
}
