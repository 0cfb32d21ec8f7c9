//! Kernels that tell no build ID: banner, release, twin, code.

use super::*;
use crate::FileBytes;
use crate::elf::File;

const BANNER: &str =
    "Linux version 3.10.0-1160.el7.x86_64 (mockbuild@kbuilder) (gcc 4.8.5) #1 SMP Mon Oct 19";

fn old_kernel() -> Wanted {
    Wanted { banner: Some(format!("{BANNER}\n")), ..kernel(None) }
}

fn with_banner(id: &[u8], banner: &str) -> Elf {
    let data =
        format!("Linux version %s\0junk\0Linux version \0Linux version 3 (a) # SMP\n\0{banner}\n\0more");
    elf(Some(id)).with(".rodata", data.as_bytes())
}

#[test]
fn a_banner_decides() {
    let tree = Tree::new();
    let path = tree.put("vmlinux", &with_banner(&ID, BANNER).dwarf().bytes());
    let mut search = Search::default();
    search.files = vec![path.clone()];
    let found = search.find(&old_kernel());
    assert_eq!(short(&found), Some((&*path, How::Given, Identity::Banner, true)));
    let other = BANNER.replace("#1", "#2");
    tree.put("vmlinux", &with_banner(&ID, &other).dwarf().bytes());
    let why = search.find(&old_kernel()).wrong_given().unwrap().why.to_string();
    assert!(why.contains("#1 SMP") && why.contains("#2 SMP"), "{why}");
    // Nothing to compare: taken because it was given, and said.
    tree.put("vmlinux", &elf(Some(&ID)).dwarf().bytes());
    assert_eq!(short(&search.find(&old_kernel())).map(|f| f.2), Some(Identity::Unchecked));
    let mut search = Search::default();
    search.dirs = vec![tree.at("")];
    let found = search.find(&old_kernel());
    assert!(found.file.is_none() && matches!(found.refused[0].why, Mismatch::Incomparable));
}

#[test]
fn a_stripped_kernel_tells_the_build_id() {
    let tree = Tree::new();
    let debug = format!("usr/lib/debug/boot/vmlinux-{RELEASE}.debug");
    let debug = tree.put(&debug, &elf(Some(&OTHER)).dwarf().bytes());
    let found = tree.system().find(&old_kernel());
    assert_eq!(short(&found), Some((&*debug, How::UsrLibDebug, Identity::Place, true)));
    // Now there is the kernel itself: the file with the debugging information is of another build.
    let boot = tree.put(&format!("boot/vmlinux-{RELEASE}"), &with_banner(&ID, BANNER).bytes());
    let found = tree.system().find(&old_kernel());
    assert_eq!(short(&found), Some((&*boot, How::Boot, Identity::Banner, false)));
    assert!(found.refused.iter().any(|r| r.path == debug), "{:?}", found.refused);
    tree.put(&format!("usr/lib/debug/boot/vmlinux-{RELEASE}.debug"), &elf(Some(&ID)).dwarf().bytes());
    let found = tree.system().find(&old_kernel());
    assert_eq!(short(&found), Some((&*debug, How::UsrLibDebug, Identity::Banner, true)));
}

#[test]
fn a_release_decides_for_modules() {
    let tree = Tree::new();
    let with = |release: &str| {
        let info = format!("license=GPL\0vermagic={release} SMP mod_unload modversions \0");
        elf(Some(&ID)).with(".modinfo", info.as_bytes()).dwarf().bytes()
    };
    let mut search = Search::default();
    let path = tree.put("bad.ko", &with(RELEASE));
    search.dump_dirs = vec![tree.at("")];
    let found = search.find(&module("bad", None));
    assert_eq!(short(&found), Some((&*path, How::DumpDir, Identity::Release, true)));
    tree.put("bad.ko", &with("6.1.0-49-amd64"));
    let found = search.find(&module("bad", None));
    let why = found.refused[0].why.to_string();
    assert!(found.file.is_none() && why.contains("6.1.0-49") && why.contains("6.1.0-50"), "{why}");
}

#[test]
fn code_is_compared_but_for_what_boot_patches() {
    let code: Vec<u8> = (0..40 * 4096_u32).map(|i| (i.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
    let mut builder = ElfBuilder::new(Abi::LE64, 2, 62);
    builder.section(".text", 1, 0xffff_ffff_8100_0000, &code);
    let store = FileBytes::from(builder.build());
    let file = File::open(&store).unwrap();
    let compare = |memory: &[u8]| {
        same_text(&file, &store, &|at, buf| {
            let start = (at - 0xffff_ffff_8100_0000) as usize;
            memory.get(start..start + buf.len()).map(|found| buf.copy_from_slice(found)).is_some()
        })
    };
    assert_eq!(compare(&code).unwrap(), TextMatch { same: 40 * 4096, compared: 40 * 4096 });
    let mut patched = code.clone();
    patched.chunks_mut(50).for_each(|c| c.iter_mut().take(5).for_each(|b| *b = 0x90));
    let found = compare(&patched).unwrap();
    assert!(found.is_same() && found.same < found.compared, "{found:?}");
    let shifted: Vec<u8> = code[16..].iter().chain(&[0; 16]).copied().collect();
    assert!(!compare(&shifted).unwrap().is_same());
    // Too few pages can be read.
    assert_eq!(compare(&code[..7 * 4096]), None);
    assert_eq!(compare(&[]), None);
}

#[test]
fn hex_both_ways() {
    assert_eq!(from_hex("00abFF\n"), Some(vec![0, 0xab, 0xff]));
    assert_eq!(hex(&[0, 0xab, 0xff]), "00abff");
    assert!(["", "a", "0g", "äö", "+1"].iter().all(|bad| from_hex(bad).is_none()));
}
