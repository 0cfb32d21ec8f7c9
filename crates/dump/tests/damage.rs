//! Cut and damaged files: an error or the right bytes, never a panic and never wrong bytes.
#![allow(clippy::unwrap_used)]

mod common;

use common::{machine, never_wrong, open_bytes, random};
use necropsy_base::{Abi, Endian, PhysAddr};
use necropsy_synth::dump::{Codec, ElfOptions, Image, KdumpOptions, Memory, Order, elf, flattened, kdump};
use proptest::prelude::*;

/// One file of every format for each byte order.
fn files() -> Vec<(Memory, Image)> {
    let mut out = Vec::new();
    for (abi, codec) in [(Abi::LE64, Codec::Zlib), (Abi::BE64, Codec::Raw), (Abi::LE32, Codec::Lzo)] {
        let memory = machine(abi, 60);
        let dump = kdump(&memory, &KdumpOptions { codec, ..Default::default() }).remove(0);
        for order in [Order::Forward, Order::Backward] {
            out.push((memory.clone(), flattened(&dump.bytes, 700, order)));
        }
        out.push((memory.clone(), dump));
        let options = ElfOptions { extended: true, ..Default::default() };
        out.push((memory.clone(), elf(&memory, &options)));
    }
    out
}

#[test]
fn cut_files_never_lie() {
    for (memory, image) in files() {
        let mut seed = 7;
        let len = image.bytes.len();
        let mut cuts: Vec<usize> =
            image.marks.iter().flat_map(|m| [m.saturating_sub(1), *m, m + 1]).collect();
        cuts.extend((0..200).map(|_| random(&mut seed) as usize % len));
        cuts.sort_unstable();
        cuts.dedup();
        for cut in cuts.into_iter().filter(|c| *c < len) {
            if let Ok(source) = open_bytes(vec![image.bytes[..cut].to_vec()]) {
                never_wrong(&source, &memory);
                // The last bytes of an ELF file may be the table of sections, which nobody needs.
                let whole = source.meta.complete && source.meta.format != "ELF";
                assert!(!whole, "{} cut at {cut} of {len} is called complete", source.meta.format);
            }
        }
    }
}

/// Uses everything a damaged dump offers.
fn exercise(bytes: Vec<u8>) {
    let Ok(source) = open_bytes(vec![bytes]) else {
        return;
    };
    let Some(mem) = source.physical else { return };
    let mut buf = vec![0; 70_000];
    for pfn in 0..64 {
        let _ = mem.read(PhysAddr(pfn * 4096), &mut buf[..4096]);
        let _ = mem.read(PhysAddr(pfn * 4096), &mut buf);
    }
    let _ = mem.read(PhysAddr(u64::MAX - 3), &mut buf);
    let mut at = PhysAddr(0);
    for _ in 0..1000 {
        let Some(run) = mem.present(at) else { break };
        assert!(run.end > at);
        at = run.end;
    }
    let _ = mem.ram().total();
}

/// Small files, so that most damage hits a header.
fn small(which: usize) -> Vec<u8> {
    let abi = [Abi::LE64, Abi::BE64, Abi::LE32, Abi { endian: Endian::Big, word: 4 }][which / 3 % 4];
    let memory = machine(abi, 40);
    let dump = || kdump(&memory, &KdumpOptions::default()).remove(0).bytes;
    match which % 3 {
        0 => dump(),
        1 => elf(&memory, &ElfOptions::default()).bytes,
        _ => flattened(&dump(), 4096, Order::Rewritten).bytes,
    }
}

#[test]
fn a_small_flattened_file_cannot_claim_endless_memory() {
    let memory = machine(Abi::LE64, 20);
    let mut bytes = flattened(&elf(&memory, &ElfOptions::default()).bytes, 4096, Order::Forward).bytes;
    bytes.truncate(bytes.len() - 16);
    bytes.extend([(1i64 << 50).to_be_bytes(), 1i64.to_be_bytes()].concat());
    bytes.push(7);
    bytes.extend([0xff; 16]);
    let error = open_bytes(vec![bytes]).err().unwrap().to_string();
    assert!(error.contains("damaged"), "{error}");
    // What is inside must have a signature: raw memory and flattened dumps are not unpacked from a flattened dump.
    for inner in [vec![0x90; 9000], flattened(&[1; 100], 10, Order::Forward).bytes] {
        assert!(open_bytes(vec![flattened(&inner, 4096, Order::Forward).bytes]).is_err());
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..Default::default() })]

    #[test]
    fn flipped_bytes_never_panic(which in 0usize..12, at in 0usize..16_384, value: u8) {
        let mut bytes = small(which);
        let at = at % bytes.len();
        bytes[at] ^= value;
        exercise(bytes);
    }

    #[test]
    fn flipped_header_bytes_never_panic(which in 0usize..12, at in 0usize..600, sub: bool, value: u8) {
        let mut bytes = small(which);
        let at = if sub { 4096 + at % 160 } else { at } % bytes.len();
        bytes[at] = value;
        exercise(bytes);
    }

    #[test]
    fn noise_behind_a_signature_never_panics(which in 0usize..4, mut noise in prop::collection::vec(any::<u8>(), 0..9000)) {
        let signature: &[u8] = [&b"KDUMP   \x06\0\0\0"[..], b"\x7fELF\x02\x01\x01", b"makedumpfile\0\0\0\0", b"\x90"][which];
        noise.splice(0..0, signature.iter().copied());
        exercise(noise);
    }
}
