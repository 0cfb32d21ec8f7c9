//! Instructions that the kernel rewrites while it runs, by its own tables: static keys and static calls; probes; and what a function
//! looked like when it was built.
//!
//! `struct jump_entry` has addresses relative to its members since 4.19 (`code` has four bytes then), plain ones before;
//! `struct static_call_site` is relative since it exists, 5.10 (include/linux/jump_label.h, static_call_types.h). Probes hang in
//! `kprobe_table`, 64 hash chains of `struct kprobe` (kernel/kprobes.c).

use std::collections::HashMap;
use std::ops::Range;

use necropsy_base::{MemoryExt, VirtAddr};
use necropsy_target::{Load, Target};

use crate::containers::hlist;

/// Entries of one table; kernels have some thousands.
const MAX_ENTRIES: u64 = 1 << 18;
/// Flags in the low bits of the keys.
const FLAGS: u64 = 3;
/// Chains of `kprobe_table` (`KPROBE_TABLE_SIZE`).
const PROBE_CHAINS: u64 = 64;

/// What a rewritten place belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Patch {
    /// The static key at this address decides between a jump and nothing.
    Key(VirtAddr),
    /// The static call whose key is here.
    Call(VirtAddr),
    /// The kprobe at this address has put a trap or a jump there.
    Probe(VirtAddr),
}

/// The rewritten places.
#[derive(Debug, Default)]
pub struct Patches(HashMap<u64, Patch>);

#[derive(Load)]
#[kernel(name = "kprobe")]
struct Probe {
    addr: VirtAddr,
}

impl Patches {
    /// Reads the kernel's and its modules' tables.
    pub fn read(t: &Target) -> Patches {
        let mut found = Patches::default();
        let table = |a: &str, b: &str| Some((t.symbol(a)?, t.symbol(b)?.0.checked_sub(t.symbol(a)?.0)?));
        if let Some((at, size)) = table("__start___jump_table", "__stop___jump_table") {
            found.keys(t, at, size / t.size_of("jump_entry").unwrap_or(16).max(1));
        }
        if let Some((at, size)) = table("__start_static_call_sites", "__stop_static_call_sites") {
            found.calls(t, at, size / 8);
        }
        for m in &t.modules().list {
            let at = |name: &str| Some(m.at.offset(t.offset_of("module", name).ok()?));
            let member = |name: &str| t.memory().ptr(at(name)?).ok();
            let count = |name: &str| t.memory().u32(at(name)?).ok().map(u64::from);
            if let (Some(at), Some(n)) = (member("jump_entries"), count("num_jump_entries")) {
                found.keys(t, at, n);
            }
            if let (Some(at), Some(n)) = (member("static_call_sites"), count("num_static_call_sites")) {
                found.calls(t, at, n);
            }
        }
        found.probes(t);
        found
    }

    /// What the place at `at` belongs to.
    pub fn at(&self, at: VirtAddr) -> Option<Patch> {
        self.0.get(&at.0).copied()
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    fn keys(&mut self, t: &Target, table: VirtAddr, count: u64) {
        let relative = t.member_size("jump_entry", "code").is_none_or(|n| n == 4);
        let each = if relative { 16 } else { 24 };
        self.entries(t, table, count, each, |at, words| {
            let (code, key) = match relative {
                true => (at.wrapping_add(sign(words[0])), (at + 8).wrapping_add(words[1])),
                false => (words[0], words[2]),
            };
            (code, Patch::Key(VirtAddr(key & !FLAGS)))
        });
    }

    fn calls(&mut self, t: &Target, table: VirtAddr, count: u64) {
        self.entries(t, table, count, 8, |at, words| {
            let (site, key) = (sign(words[0]), sign(words[0] >> 32));
            (at.wrapping_add(site), Patch::Call(VirtAddr((at + 4).wrapping_add(key) & !FLAGS)))
        });
    }

    fn probes(&mut self, t: &Target) {
        let Some(table) = t.symbol("kprobe_table") else { return };
        let Ok(link) = t.offset_of("kprobe", "hlist") else { return };
        for chain in 0..PROBE_CHAINS {
            let head = table.offset(chain * u64::from(t.abi().word));
            for node in hlist(t, head).items {
                let probe = node.moved(-(link as i64));
                if let Ok(p) = t.load::<Probe>(probe) {
                    self.0.insert(p.addr.0, Patch::Probe(probe));
                }
            }
        }
    }

    /// Reads a table of entries of `each` bytes; `entry` takes its address and its words apart.
    fn entries(
        &mut self,
        t: &Target,
        table: VirtAddr,
        count: u64,
        each: u64,
        entry: impl Fn(u64, &[u64]) -> (u64, Patch),
    ) {
        if table.is_null() || count == 0 || count > MAX_ENTRIES {
            return;
        }
        let bytes = match t.memory().bytes(table, (count * each) as usize) {
            Ok(bytes) => bytes,
            Err(e) => return t.note(format!("which instructions the kernel rewrites is not known: {e}")),
        };
        for (i, raw) in bytes.chunks_exact(each as usize).enumerate() {
            let words: Vec<u64> = raw.chunks_exact(8).map(|w| t.abi().uint(w)).collect();
            let (at, what) = entry(table.0 + i as u64 * each, &words);
            self.0.insert(at, what);
        }
    }
}

/// The low half of a word as a signed number.
fn sign(word: u64) -> u64 {
    i64::from(word as u32 as i32) as u64
}

/// Whether `code` is what `built` became when the kernel was moved by `bias`: words of the instruction are addresses that moved along,
/// or, for per-CPU variables relative to the instruction, distances that shrank as much.
pub fn moved(built: &[u8], code: &[u8], bias: u64) -> bool {
    let mut done = 0;
    while let Some(first) = (done..code.len()).find(|i| built.get(*i) != code.get(*i)) {
        match moved_word(built, code, bias, done, first) {
            Some(end) => done = end,
            None => return false,
        }
    }
    true
}

/// The end of the word that `at` is in, if that word, which begins no earlier than `from`, only moved with the kernel.
pub fn moved_word(built: &[u8], code: &[u8], bias: u64, from: usize, at: usize) -> Option<usize> {
    let fields = [4usize, 8]
        .into_iter()
        .flat_map(|size| (at.saturating_sub(size - 1).max(from)..=at).map(move |start| start..start + size));
    fields.into_iter().find(|field| is_moved(built, code, field.clone(), bias)).map(|field| field.end)
}

fn is_moved(built: &[u8], code: &[u8], field: Range<usize>, bias: u64) -> bool {
    let mask = u64::MAX >> (64 - field.len() * 8);
    let value =
        |bytes: &[u8]| Some(bytes.get(field.clone())?.iter().rev().fold(0u64, |n, b| n << 8 | u64::from(*b)));
    match (value(built), value(code)) {
        (Some(a), Some(b)) => [bias, bias.wrapping_neg()].iter().any(|by| a.wrapping_add(*by) & mask == b),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_that_moved() {
        let bias = 0x1e00_0000;
        // mov $0x81234567,%rdi with a 32-bit address in it.
        let built = [0x48, 0xc7, 0xc7, 0x67, 0x45, 0x23, 0x81];
        let moved_to = (0x8123_4567u32 + bias as u32).to_le_bytes();
        let mut code = built;
        code[3..].copy_from_slice(&moved_to);
        assert!(moved(&built, &code, bias));
        // Two addresses in one instruction; a per-CPU variable relative to the instruction.
        let (built, code) =
            ([0x48, 0x81, 8, 0, 0, 0x83, 9, 0, 0, 0x81], [0x48, 0x81, 8, 0, 0, 0xa1, 9, 0, 0, 0x9f]);
        assert!(moved(&built, &code, bias) && !moved(&built, &code, bias + 1));
        assert!(moved(&[0x65, 8, 0, 0, 0x7f], &[0x65, 8, 0, 0, 0x61], bias));
        assert!(!moved(&[0xe8, 1, 2, 3, 4], &[0x0f, 0x1f, 0x44, 0, 0], bias));
        assert_eq!(sign(0xffff_fffe), u64::MAX - 1);
    }
}
