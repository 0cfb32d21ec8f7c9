//! First inputs for the fuzz targets: small, sound files made by the writers.

use std::path::Path;

use anyhow::Result;
use necropsy_base::{Abi, VirtAddr};
use necropsy_synth::dump::{
    Codec, ElfOptions, KdumpOptions, Memory, Note, Order, Page, elf, flattened, kdump,
};
use necropsy_synth::names::{BtfBuilder, KallsymsBuilder, OrcSpec, orc_bytes};

/// Writes them to `fuzz/corpus/`.
pub fn run(root: &Path) -> Result<()> {
    let write = |target: &str, name: &str, bytes: &[u8]| -> Result<()> {
        let dir = root.join("fuzz/corpus").join(target);
        std::fs::create_dir_all(&dir)?;
        Ok(std::fs::write(dir.join(name), bytes)?)
    };
    let memory = machine();
    for (name, codec) in
        [("zlib", Codec::Zlib), ("lzo", Codec::Lzo), ("snappy", Codec::Snappy), ("zstd", Codec::Zstd)]
    {
        let files = kdump(&memory, &KdumpOptions { codec, ..KdumpOptions::default() });
        write("dump", name, &files[0].bytes)?;
        write("dump", &format!("flattened-{name}"), &flattened(&files[0].bytes, 2048, Order::Forward).bytes)?;
    }
    write("dump", "elf", &elf(&memory, &ElfOptions::default()).bytes)?;
    write("btf", "kernel", &btf())?;
    write("kallsyms", "kernel", &kallsyms())?;
    for layout in 1..=4 {
        write("orc", &format!("layout-{layout}"), &orc(layout))?;
    }
    for (name, options) in [("dwarf4", "-gdwarf-4"), ("dwarf5", "-gdwarf-5"), ("compressed", "-gz=zlib")] {
        write("dwarf", name, &compiled(root, options)?)?;
    }
    Ok(())
}

/// The sample of the DWARF tests as a relocatable file.
fn compiled(root: &Path, option: &str) -> Result<Vec<u8>> {
    let out = std::env::temp_dir().join(format!("necropsy-seed-{}.o", std::process::id()));
    let dir = root.join("crates/debuginfo/tests/dwarf");
    let status = std::process::Command::new("gcc")
        .current_dir(&dir)
        .args(["-O2", "-g", option, "-fno-pie"])
        .arg(format!("-ffile-prefix-map={}=.", dir.display()))
        .args(["-c", "sample.c", "-o"])
        .arg(&out)
        .status()?;
    anyhow::ensure!(status.success(), "gcc failed");
    let bytes = std::fs::read(&out)?;
    std::fs::remove_file(&out)?;
    Ok(bytes)
}

fn machine() -> Memory {
    let page = |i: u8| match i % 3 {
        0 => Page::Data(vec![i; 4096]),
        1 => Page::Filtered,
        _ => Page::Hole,
    };
    Memory {
        abi: Abi::LE64,
        machine: "x86_64",
        elf_machine: 62,
        page_size: 4096,
        pages: (0..6).map(page).collect(),
        notes: vec![Note { name: "CORE", kind: 1, data: vec![0; 336] }],
        vmcoreinfo: "OSRELEASE=6.1.0\nPAGESIZE=4096\nSYMBOL(_stext)=ffffffff81000000\n".into(),
    }
}

fn btf() -> Vec<u8> {
    let mut b = BtfBuilder::new(Abi::LE64);
    let int = b.int("int", 4, true);
    let array = b.array(int, int, 4);
    let inner = b.structure(false, "s", 20, &[("a", array, 0, 0), ("b", int, 128, 3)]);
    b.structure(true, "u", 20, &[("m", inner, 0, 0)]);
    b.typedef("a", inner);
    b.build()
}

fn kallsyms() -> Vec<u8> {
    let mut b = KallsymsBuilder::new(Abi::LE64);
    let at = 0xffff_ffff_8000_0000;
    b.symbols = (0..300).map(|i| (at + 16 * i, 'T', format!("function_{i}"))).collect();
    b.symbols[0].2 = "_stext".into();
    b.build(VirtAddr(at)).bytes
}

fn orc(layout: u8) -> Vec<u8> {
    let entry = |kind| OrcSpec { sp: "SP", sp_offset: 8, bp: "UNDEFINED", bp_offset: 0, kind, signal: false };
    let entries = [(0x1000, entry("CALL")), (0x1010, entry("REGS")), (0x1020, entry("CALL"))];
    let (places, table) = orc_bytes(Abi::LE64, layout, VirtAddr(0), &entries);
    // The target takes two numbers before the tables: where the second begins, and how many entries there are.
    let head = [Abi::LE64.bytes(places.len() as u64, 2), Abi::LE64.bytes(entries.len() as u64, 2)].concat();
    [head, places, table].concat()
}
