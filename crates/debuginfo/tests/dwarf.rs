//! DWARF as real compilers write it: a C file compiled in every form that kernels and modules come in.

#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;

use necropsy_debuginfo::dwarf::{FrameState, Held, Placement, Why};
use necropsy_debuginfo::{DebugFile, DwarfTypes, Kind, Type, Types};

const SOURCE: &str = include_str!("dwarf/sample.c");

fn line_with(mark: &str) -> u32 {
    SOURCE.lines().position(|l| l.contains(mark)).unwrap() as u32 + 1
}

/// Compiles the sample; `None` where the compiler does not know an option.
fn compile(dir: &Path, name: &str, options: &[&str]) -> Option<PathBuf> {
    let source = dir.join("sample.c");
    std::fs::write(&source, SOURCE).unwrap();
    let out = dir.join(name);
    let status = Command::new("gcc")
        .current_dir(dir)
        .args(["-O2", "-fno-pie", "-no-pie", "-fcf-protection=none"])
        .args(options)
        .args(["sample.c", "-o"])
        .arg(&out)
        .output()
        .expect("gcc is needed for this test");
    status.status.success().then_some(out)
}

fn symbol(file: &DebugFile, name: &str) -> (u64, u64) {
    let found = file.symbols().into_iter().find(|s| s.name == name).unwrap();
    (found.value, found.size)
}

/// All addresses of `outer` where `twice` is inlined.
fn check_lines(file: &DebugFile, start: u64, size: u64) {
    let mut inlined = 0;
    for address in start..start + size {
        let Some(place) = file.place(address).unwrap() else { continue };
        let frames = place.frames();
        assert_eq!(frames.last().unwrap().function.as_deref(), Some("outer"));
        let line = place.line.as_ref().unwrap();
        assert_eq!(line.file, "sample.c");
        assert!(line.line <= SOURCE.lines().count() as u32);
        if let [inner, outer] = &frames[..] {
            inlined += 1;
            assert_eq!(inner.function.as_deref(), Some("twice"));
            assert!(inner.inlined && !outer.inlined);
            assert_eq!(outer.line.as_ref().unwrap().line, line_with("CALL"));
        }
    }
    assert!(inlined > 0, "twice() is nowhere");
    assert!(file.place(start.wrapping_sub(0x10_0000)).unwrap().is_none());
    let stores = file.addresses_of("sample.c", line_with("TWICE"));
    assert!(stores.iter().any(|(at, _)| (start..start + size).contains(&at.0)), "{stores:?}");
}

fn check_types(file: Arc<DebugFile>) {
    let types = DwarfTypes::new(file.clone());
    let node = types.find(Kind::Struct, "node").expect("struct node");
    let at = |path| types.member(node, path).map(|m| (m.bit_offset, m.bit_size)).unwrap();
    assert_eq!(types.size_of(node), Ok(88));
    assert_eq!(at("at.y"), (96, None));
    assert_eq!(at("at.flag"), (128, Some(3)));
    assert_eq!(at("at.rest"), (131, Some(5)));
    assert_eq!(at("grid[1][2]"), ((32 + 8 * 5) * 8, None));
    assert_eq!(types.name_of(types.find(Kind::Typedef, "node_t").unwrap()), "node_t");
    let Type::Enum { values, signed: false, .. } =
        types.get(types.find(Kind::Enum, "color").unwrap()).unwrap()
    else {
        panic!("enum color");
    };
    assert_eq!(values.iter().map(|(n, v)| (n.as_str(), *v)).collect::<Vec<_>>(), [("RED", 0), ("GREEN", 5)]);
    assert!(types.contradiction(node).is_none());
    let [first] = &file.globals("first")[..] else { panic!("first") };
    assert_eq!(types.name_of(types.of_global(first).unwrap()), "node_t");
    assert_eq!(first.address, Some(symbol(&file, "first").0));
    assert!(types.find(Kind::Struct, "nothing").is_none());
}

#[test]
fn linked_files() {
    let dir = tempfile::tempdir().unwrap();
    let forms: &[&[&str]] = &[
        &["-gdwarf-4"],
        &["-gdwarf-5"],
        &["-gdwarf-5", "-gz=zlib"],
        &["-gdwarf-4", "-gz=zlib-gnu"],
        &["-gdwarf-5", "-gz=zstd"],
        &["-gdwarf-5", "-fdebug-types-section"],
    ];
    let mut checked = 0;
    for (i, form) in forms.iter().enumerate() {
        let Some(path) = compile(dir.path(), &format!("linked{i}"), form) else { continue };
        let file = Arc::new(DebugFile::open(&path, None).unwrap());
        assert!(file.has_dwarf());
        let (start, size) = symbol(&file, "outer");
        check_lines(&file, start, size);
        if !form.contains(&"-fdebug-types-section") {
            check_types(file);
        }
        checked += 1;
    }
    assert!(checked >= 3);
}

#[test]
fn without_ranges_units_are_scanned() {
    let dir = tempfile::tempdir().unwrap();
    let path = compile(dir.path(), "linked", &["-gdwarf-5"]).unwrap();
    let stripped = dir.path().join("noaranges");
    let status = Command::new("objcopy")
        .args(["--remove-section", ".debug_aranges"])
        .args([&path, &stripped])
        .status()
        .expect("objcopy comes with gcc");
    assert!(status.success());
    let file = DebugFile::open(&stripped, None).unwrap();
    let (start, size) = symbol(&file, "outer");
    check_lines(&file, start, size);
}

#[test]
fn split_units() {
    let dir = tempfile::tempdir().unwrap();
    for version in ["-gdwarf-4", "-gdwarf-5"] {
        let path = compile(dir.path(), "split", &[version, "-gsplit-dwarf"]).unwrap();
        let file = Arc::new(DebugFile::open(&path, None).unwrap());
        let (start, size) = symbol(&file, "outer");
        check_lines(&file, start, size);
        // Its part gone, the lines are still there, and the rest is an error with a name.
        let dwo = std::fs::read_dir(dir.path()).unwrap().map(|e| e.unwrap().path());
        let dwo: Vec<PathBuf> = dwo.filter(|p| p.extension().is_some_and(|e| e == "dwo")).collect();
        dwo.iter().for_each(|p| std::fs::remove_file(p).unwrap());
        let file = DebugFile::open(&path, None).unwrap();
        let error = file.place(start).unwrap_err().to_string();
        assert!(error.contains(".dwo"), "{error}");
    }
}

#[test]
fn relocatable_files_are_placed() {
    let dir = tempfile::tempdir().unwrap();
    for form in [
        &["-gdwarf-5", "-c"][..],
        &["-gdwarf-4", "-c", "-gz=zlib"],
        &["-gdwarf-5", "-c", "-ffunction-sections"],
    ] {
        let path = compile(dir.path(), "sample.o", form).unwrap();
        let text = 0xffff_ffff_c041_6000;
        let section =
            if form.len() == 3 && form[2] == "-ffunction-sections" { ".text.outer" } else { ".text" };
        let placed: Placement =
            [(section.to_owned(), text), (".data".to_owned(), 0xffff_ffff_c042_0000)].into();
        let file = Arc::new(DebugFile::open(&path, Some(&placed)).unwrap());
        let (offset, size) = symbol(&file, "outer");
        check_lines(&file, text + offset, size);
        let [first] = &file.globals("first")[..] else { panic!("first") };
        assert!(first.address.is_some_and(|at| at >> 16 == 0xffff_ffff_c042), "{first:?}");
    }
}

#[test]
fn common_entries_moved_by_dwz() {
    let dir = tempfile::tempdir().unwrap();
    let a = compile(dir.path(), "a", &["-gdwarf-5"]).unwrap();
    let b = compile(dir.path(), "b", &["-gdwarf-5", "-DOTHER"]).unwrap();
    let ran = Command::new("dwz").current_dir(dir.path()).arg("-m").arg("common").args([&a, &b]).output();
    let Ok(ran) = ran else {
        assert!(std::env::var_os("NECROPSY_REQUIRE_TOOLS").is_none(), "dwz is not installed");
        return;
    };
    assert!(ran.status.success(), "{}", String::from_utf8_lossy(&ran.stderr));
    let file = DebugFile::open(&a, None).unwrap();
    let link = file.alt_link().expect("a link to the common file");
    assert!(link.path.ends_with("common"));
    let alt = DebugFile::open(&dir.path().join("common"), None).unwrap();
    assert_eq!(alt.build_id(), Some(link.build_id));
    let file = Arc::new(file.with_alt(Arc::new(alt)));
    let (start, size) = symbol(&file, "outer");
    check_lines(&file, start, size);
    let types = DwarfTypes::new(file.clone());
    let [first] = &file.globals("first")[..] else { panic!("first") };
    assert_eq!(types.size_of(types.of_global(first).unwrap()), Ok(88));
}

/// At the start of a function: arguments in their registers, memory that counts.
struct Entry {
    cfa: u64,
}

impl FrameState for Entry {
    fn register(&self, number: u16) -> Option<u64> {
        // rsi is DWARF register 4, rdi 5.
        [(4, 7), (5, 0xffff_0000)].iter().find(|(n, _)| *n == number).map(|(_, v)| *v)
    }
    fn read(&self, at: u64, buf: &mut [u8]) -> bool {
        buf.iter_mut().zip(at..).for_each(|(b, at)| *b = at as u8);
        true
    }
    fn cfa(&self) -> Option<u64> {
        Some(self.cfa)
    }
    fn bias(&self) -> u64 {
        0
    }
    fn entry_register(&self, number: u16) -> Option<u64> {
        self.register(number)
    }
}

#[test]
#[cfg(target_arch = "x86_64")]
fn arguments_and_locals() {
    let dir = tempfile::tempdir().unwrap();
    for version in ["-gdwarf-4", "-gdwarf-5"] {
        let path = compile(dir.path(), "linked", &[version]).unwrap();
        let file = Arc::new(DebugFile::open(&path, None).unwrap());
        let (start, size) = symbol(&file, "outer");
        let at = |address| file.variables(address, &Entry { cfa: 0x1000 }).unwrap().unwrap();
        let first = at(start);
        let outer = first.scopes.last().unwrap();
        assert_eq!(outer.0.as_deref(), Some("outer"));
        let value = |name: &str| outer.1.iter().find(|v| v.name == name).map(|v| v.place.clone()).unwrap();
        assert_eq!(value("node"), Ok(Held::Number(0xffff_0000)));
        assert_eq!(value("count"), Ok(Held::Number(7)));
        assert!(
            matches!(value("buffer"), Ok(Held::Memory(at)) if (0xf00..0x1000).contains(&at)),
            "{outer:?}"
        );
        assert!(outer.1.iter().filter(|v| v.argument).count() == 2);
        // Later the arguments' registers are used for other things: what they held at the start is all that is described.
        let mut entry_values = 0;
        for address in start..start + size {
            let all = at(address);
            let outer = all.scopes.last().unwrap();
            let node = outer.1.iter().find(|v| v.name == "node").unwrap();
            assert_eq!(node.place, Ok(Held::Number(0xffff_0000)), "{address:#x}");
            entry_values += 1;
        }
        assert!(entry_values > 10);
        // What main passes is told by the description of its call.
        let (main, size) = symbol(&file, "main");
        let passed = (main..main + size + 1).find_map(|pc| file.passed(pc, 4, &Entry { cfa: 0 }));
        assert_eq!(passed, Some(5), "{version}");
    }
}

#[test]
fn what_is_not_there_says_why() {
    let dir = tempfile::tempdir().unwrap();
    let path = compile(dir.path(), "linked", &["-gdwarf-5"]).unwrap();
    let file = Arc::new(DebugFile::open(&path, None).unwrap());
    let (start, size) = symbol(&file, "outer");
    struct Nothing;
    impl FrameState for Nothing {
        fn register(&self, _: u16) -> Option<u64> {
            None
        }
        fn read(&self, _: u64, _: &mut [u8]) -> bool {
            false
        }
        fn cfa(&self) -> Option<u64> {
            None
        }
        fn bias(&self) -> u64 {
            0
        }
        fn entry_register(&self, _: u16) -> Option<u64> {
            None
        }
    }
    let mut seen = Vec::new();
    for address in start..start + size {
        let found = file.variables(address, &Nothing).unwrap().unwrap();
        seen.extend(found.scopes.into_iter().flat_map(|s| s.1).filter_map(|v| v.place.err()));
    }
    assert!(seen.contains(&Why::NoCfa));
    assert!(seen.contains(&Why::OptimisedOut));
    assert!(seen.iter().any(|w| matches!(w, Why::Register(_))));
}

#[test]
fn damage_is_an_answer() {
    let dir = tempfile::tempdir().unwrap();
    let path = compile(dir.path(), "linked", &["-gdwarf-5"]).unwrap();
    let good = std::fs::read(&path).unwrap();
    let file = DebugFile::open(&path, None).unwrap();
    let (start, size) = symbol(&file, "outer");
    let sections: Vec<_> =
        file.elf().sections.iter().filter(|s| s.name.starts_with(".debug")).cloned().collect();
    let mut state = 1u64;
    for round in 0..400 {
        let mut bytes = good.clone();
        for _ in 0..1 + round % 8 {
            state = state.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
            let section = &sections[(state >> 33) as usize % sections.len()];
            let at = section.offset.0 + (state >> 17) % section.size.max(1);
            bytes[at as usize] ^= 1 << (state & 7);
        }
        let Ok(file) = DebugFile::from_bytes(path.clone(), bytes.into(), None) else { continue };
        let file = Arc::new(file);
        for address in (start..start + size).step_by(7) {
            let _ = file.place(address);
            let _ = file.variables(address, &Entry { cfa: 0x1000 });
        }
        let types = DwarfTypes::new(file.clone());
        if let Some(node) = types.find(Kind::Struct, "node") {
            let _ = (types.size_of(node), types.member(node, "grid[1][2]"), types.contradiction(node));
        }
        let _ = file.globals("first");
        let _ = file.addresses_of("sample.c", 9);
    }
}

#[test]
fn an_enum_made_of_itself() {
    use necropsy_base::Abi;
    use necropsy_synth::names::ElfBuilder;
    // compile_unit with children; enumeration_type: name (string), byte_size (data1), type (ref4).
    let abbreviations = [1, 0x11, 1, 0, 0, 2, 0x04, 0, 0x03, 0x08, 0x0b, 0x0b, 0x49, 0x13, 0, 0, 0];
    let entries = [&[1u8, 2][..], b"e\0", &[4, 13, 0, 0, 0, 0]].concat();
    let header = [5, 0, 1, 8, 0, 0, 0, 0];
    let length = (header.len() + entries.len()) as u32;
    let info = [&length.to_le_bytes()[..], &header, &entries].concat();
    assert_eq!(info[13], 2, "the reference is to the enum itself");
    let mut elf = ElfBuilder::new(Abi::LE64, 2, 62);
    elf.section(".debug_abbrev", 1, 0, &abbreviations).section(".debug_info", 1, 0, &info);
    let file = Arc::new(DebugFile::from_bytes("made".into(), elf.build().into(), None).unwrap());
    let types = DwarfTypes::new(file);
    let id = types.find(Kind::Enum, "e").expect("enum e");
    assert!(matches!(types.get(id), Ok(Type::Enum { size: 4, signed: false, .. })));
}

#[test]
fn damaged_sections_and_other_machines_are_told() {
    let dir = tempfile::tempdir().unwrap();
    let path = compile(dir.path(), "linked", &["-gdwarf-5", "-gz=zlib"]).unwrap();
    let mut bytes = std::fs::read(&path).unwrap();
    let file = DebugFile::open(&path, None).unwrap();
    let (start, _) = symbol(&file, "outer");
    let info = file.elf().section(".debug_info").unwrap();
    let at = info.offset.0 as usize + 24;
    bytes[at..at + 8].fill(0xff);
    let file = DebugFile::from_bytes(path, bytes.into(), None).unwrap();
    assert!(file.place(start).is_err() || file.place(start).unwrap().is_none_or(|p| p.scopes.is_empty()));
    assert_eq!(file.damaged_sections(), [".debug_info"]);

    let path = compile(dir.path(), "sample.o", &["-c"]).unwrap();
    let mut bytes = std::fs::read(&path).unwrap();
    bytes[18] = 22; // e_machine: S/390
    let error = DebugFile::from_bytes(path, bytes.into(), None).err().expect("refused").to_string();
    assert!(error.contains("machine 22"), "{error}");
}
