//! The code of the kernel and of modules against the files they were loaded from.
//!
//! A kernel rewrites its own code: alternatives, retpolines, return thunks, paravirtual calls, lock prefixes, constants known at boot,
//! landing pads that nobody needs, and the sites of ftrace, static keys, static calls and probes. The file has the tables of all but the
//! last (sections `.altinstructions`, `.retpoline_sites`, `.return_sites`, `.call_sites`, `.ibt_endbr_seal`, `.parainstructions`,
//! `.smp_locks`, `runtime_*`; 5.10 to 7.x); sites of ftrace are known by what stands there.

use std::ops::Range;

use necropsy_arch::{Flow, Insn};
use necropsy_base::{MemoryExt, VirtAddr};
use necropsy_target::{Debug, Module, Target};

use super::linked::Linked;
use crate::patched::{Patches, moved, moved_word};

/// Tables of places, each four bytes relative to itself, and how many bytes at each place may change.
const SITES: &[(&str, u64)] = &[
    (".retpoline_sites", 16),
    (".return_sites", 8),
    (".call_sites", 8),
    (".ibt_endbr_seal", 4),
    (".smp_locks", 1),
    (".cfi_sites", 16),
];
/// Sections of constants that are known at boot only (include/asm-generic/runtime-const.h, 6.11).
const RUNTIME: &str = "runtime_";
/// Functions whose code other parts of the kernel write (ftrace's own call sites, dispatchers of BPF, trampolines of static calls).
const WRITTEN: &[&str] =
    &["ftrace_", "bpf_dispatcher_", "__SCT__", "optprobe_template_", "arch_rethook_", "__static_call_"];
/// Entries of one table at most.
const MAX_ENTRIES: usize = 1 << 20;
/// Length of a site of ftrace.
const FTRACE: u64 = 5;
/// Longest instruction, for looking back.
const LONGEST: u64 = 16;
/// Differences that are listed.
const MAX: usize = 256;

/// A place that differs and that nothing of the kernel's explains.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    /// The first byte.
    pub at: VirtAddr,
    /// What was built, from there on.
    pub built: Vec<u8>,
    /// What stands there.
    pub found: Vec<u8>,
}

impl Difference {
    /// The bit, if exactly one differs.
    pub fn one_bit(&self) -> Option<(VirtAddr, u8)> {
        let xor: Vec<u8> = self.built.iter().zip(&self.found).map(|(a, b)| a ^ b).collect();
        let bits: u32 = xor.iter().map(|b| b.count_ones()).sum();
        let byte = xor.iter().position(|b| *b != 0).filter(|_| bits == 1)?;
        Some((self.at.offset(byte as u64), xor[byte].trailing_zeros() as u8))
    }
}

/// Code as it was built, and the places that the kernel rewrites by its tables.
pub struct Built<'a> {
    t: &'a Target,
    code: Code<'a>,
    /// What to add to addresses of the file.
    bias: u64,
    patches: &'a Patches,
    /// Sorted, at addresses of the file.
    explained: Vec<Range<u64>>,
    /// Sites of ftrace, sorted.
    traced: Vec<u64>,
}

/// Where the code is taken from.
enum Code<'a> {
    Kernel(&'a Debug),
    Module(Linked),
}

impl Code<'_> {
    fn at(&self, address: u64, len: usize) -> Option<&[u8]> {
        match self {
            Code::Kernel(debug) => debug.file.code_at(address, len),
            Code::Module(linked) => linked.at(address, len),
        }
    }
}

impl<'a> Built<'a> {
    /// Links a module's file as the kernel did when it loaded the module; `None` if the module's place or machine is not known.
    pub fn of_module(
        t: &'a Target,
        module: &Module,
        debug: &Debug,
        patches: &'a Patches,
    ) -> Option<Built<'a>> {
        let linked = Linked::new(t, &module.regions, &debug.file)?;
        let (mut explained, mut traced) = linked.rewritten(t, &debug.file, SITES);
        explained.sort_by_key(|r| r.start);
        traced.sort_unstable();
        Some(Built { t, code: Code::Module(linked), bias: 0, patches, explained, traced })
    }

    /// The addresses that there is code for.
    pub fn ranges(&self) -> Vec<Range<u64>> {
        match &self.code {
            Code::Kernel(_) => Vec::new(),
            Code::Module(linked) => linked.ranges(),
        }
    }

    /// Reads the tables of the kernel's file.
    pub fn new(t: &'a Target, debug: &'a Debug, patches: &'a Patches) -> Built<'a> {
        let mut explained = Vec::new();
        for (name, len) in SITES {
            explained.extend(relative_sites(debug, name).into_iter().map(|at| at..at + len));
        }
        let sections = debug.file.elf().sections.iter().map(|s| s.name.clone());
        for name in sections.filter(|name| name.starts_with(RUNTIME)) {
            explained.extend(relative_sites(debug, &name).into_iter().map(|at| at..at + 8));
        }
        explained.extend(alternatives(t, debug));
        explained.extend(paravirt(debug));
        explained.sort_by_key(|r| r.start);
        let (code, bias) = (Code::Kernel(debug), debug.bias);
        Built { t, code, bias, patches, explained, traced: ftrace_sites(debug) }
    }

    /// What differs in a range of memory, and is not explained.
    pub fn differences(&self, range: Range<u64>) -> Vec<Difference> {
        const PAGE: u64 = 4096;
        let mut all = Vec::new();
        let mut start = range.start;
        while start < range.end && all.len() < MAX && self.t.budget().step().is_ok() {
            let end = (start / PAGE + 1).saturating_mul(PAGE).min(range.end);
            all.extend(self.in_page(start, end));
            start = end;
        }
        all.truncate(MAX);
        all
    }

    fn in_page(&self, start: u64, end: u64) -> Vec<Difference> {
        let mut found = vec![0; (end - start) as usize];
        let file = start.wrapping_sub(self.bias);
        let Some(built) = self.code.at(file, found.len()) else { return Vec::new() };
        if self.t.memory().read(VirtAddr(start), &mut found[..built.len()]).is_err()
            || *built == found[..built.len()]
        {
            return Vec::new();
        }
        self.grouped(self.unexplained(built, &found[..built.len()], start))
    }

    /// Addresses of bytes that differ, and neither moved with the kernel nor are in its tables.
    fn unexplained(&self, built: &[u8], found: &[u8], start: u64) -> Vec<u64> {
        let (mut all, mut i) = (Vec::new(), 0);
        while i < built.len() {
            if built[i] == found[i] {
                i += 1;
                continue;
            }
            match moved_word(built, found, self.bias, 0, i) {
                Some(end) => i = end,
                None => {
                    let at = start + i as u64;
                    all.extend((!self.is_explained(at.wrapping_sub(self.bias))).then_some(at));
                    i += 1;
                }
            }
        }
        all
    }

    fn is_explained(&self, file: u64) -> bool {
        let after = self.explained.partition_point(|r| r.start <= file);
        self.explained[after.saturating_sub(8)..after].iter().any(|r| r.contains(&file))
    }

    /// Bytes that differ, by the instruction that they are in; those that the kernel rewrites left out.
    fn grouped(&self, differ: Vec<u64>) -> Vec<Difference> {
        let (mut all, mut done) = (Vec::new(), 0);
        for at in differ {
            if at < done {
                continue;
            }
            let (start, len) = self.instruction(at).unwrap_or((at, 1));
            done = (start + len).max(at + 1);
            let file = start.wrapping_sub(self.bias);
            let Some(built) = self.code.at(file, len as usize) else { continue };
            let Ok(found) = self.t.memory().bytes(VirtAddr(start), built.len()) else { continue };
            let difference = Difference { at: VirtAddr(start), built: built.to_vec(), found };
            if !self.is_legitimate(&difference) {
                all.push(difference);
            }
        }
        all
    }

    /// The instruction as it was built that the byte at `at` is in.
    fn instruction(&self, at: u64) -> Option<(u64, u64)> {
        // Sites of ftrace, most of all there are, are known: the rest of the function need not be decoded.
        let file = at.wrapping_sub(self.bias);
        let after = self.traced.partition_point(|site| *site <= file);
        if let Some(site) = after.checked_sub(1).map(|i| self.traced[i]).filter(|site| file - site < FTRACE) {
            return Some((site.wrapping_add(self.bias), FTRACE));
        }
        let near = self.t.near(VirtAddr(at))?;
        let (start, arch) = (near.start.0, self.t.arch());
        let code = self.code.at(start.wrapping_sub(self.bias), (at - start + LONGEST) as usize)?;
        let mut offset = 0;
        while start + offset as u64 <= at {
            let insn = arch.disassemble(code.get(offset..)?, VirtAddr(start + offset as u64));
            let len = insn.map_or(1, |i| usize::from(i.len.max(1)));
            if start + (offset + len) as u64 > at {
                return Some((start + offset as u64, len as u64));
            }
            offset += len;
        }
        None
    }

    fn is_legitimate(&self, d: &Difference) -> bool {
        moved(&d.built, &d.found, self.bias)
            || self.is_moved_data(d)
            || self.is_patched(d)
            || self.is_ftrace_site(d)
            || self.t.near(d.at).is_some_and(|n| WRITTEN.iter().any(|w| n.name.starts_with(w)))
    }

    /// What the kernel writes at a place of its tables is up to five bytes long: a jump of a probe covers several instructions.
    fn is_patched(&self, d: &Difference) -> bool {
        const JUMP: i64 = 5;
        (1 - JUMP..d.built.len() as i64).any(|i| self.patches.at(d.at.moved(i)).is_some())
    }

    /// Addresses in data between code, or in code that is not 64-bit: they do not end where instructions seem to.
    fn is_moved_data(&self, d: &Difference) -> bool {
        const AROUND: u64 = 3;
        let (start, len) = (d.at.0.wrapping_sub(AROUND), d.built.len() + 2 * AROUND as usize);
        let built = self.code.at(start.wrapping_sub(self.bias), len);
        let found = self.t.memory().bytes(VirtAddr(start), len);
        built
            .zip(found.ok())
            .is_some_and(|(built, found)| built.len() == len && moved(built, &found, self.bias))
    }

    /// A call of `__fentry__` or a no-op in its place became the other, or a call of a trampoline.
    fn is_ftrace_site(&self, d: &Difference) -> bool {
        let arch = self.t.arch();
        let (Some(built), Some(found)) = (arch.disassemble(&d.built, d.at), arch.disassemble(&d.found, d.at))
        else {
            return false;
        };
        let nop = |i: &Insn| i.flow == Flow::Next && i.writes == 0 && i.len == 5;
        let fentry = |to: VirtAddr| {
            self.t
                .near(to.offset(self.bias))
                .is_some_and(|n| matches!(n.name.as_str(), "__fentry__" | "mcount"))
                || self.t.near(to).is_some_and(|n| n.name == "__fentry__")
        };
        let site = nop(&built) || matches!(built.flow, Flow::Call(Some(to)) if fentry(to));
        let traced = match found.flow {
            Flow::Call(Some(to)) | Flow::Jump(Some(to)) => {
                self.t.modules().text_of(to).is_none() && !self.t.image().contains(&to.0)
                    || self.t.near(to).is_some_and(|n| n.name.starts_with("ftrace_"))
            }
            _ => nop(&found),
        };
        site && traced
    }
}

/// A table of `int`s, each the distance from itself to a place in the code; addresses of the file.
fn relative_sites(debug: &Debug, section: &str) -> Vec<u64> {
    let Some((address, bytes)) = table(debug, section) else { return Vec::new() };
    let entries = bytes.chunks_exact(4).take(MAX_ENTRIES).zip((address..).step_by(4));
    entries.map(|(raw, at)| at.wrapping_add(signed(raw))).collect()
}

fn table<'a>(debug: &'a Debug, section: &str) -> Option<(u64, &'a [u8])> {
    let section = debug.file.elf().section(section)?;
    let bytes = debug.file.code_at(section.address, section.size as usize)?;
    Some((section.address, bytes))
}

fn signed(raw: &[u8]) -> u64 {
    let word = raw.iter().rev().fold(0u32, |n, b| n << 8 | u32::from(*b));
    i64::from(word as i32) as u64
}

/// `__mcount_loc`: addresses of the calls of `__fentry__` or the no-ops in their place. The kernel frees it after boot; the file keeps it,
/// with zeroes where addresses are left to the relocations.
fn ftrace_sites(debug: &Debug) -> Vec<u64> {
    let bounds = debug.file.symbol("__start_mcount_loc").zip(debug.file.symbol("__stop_mcount_loc"));
    let bytes = bounds.and_then(|(start, end)| {
        let size = usize::try_from(end.checked_sub(start)?).ok()?;
        debug.file.code_at(start, size.min(MAX_ENTRIES * 8))
    });
    let words = bytes.unwrap_or_default().chunks_exact(8);
    let mut sites: Vec<u64> =
        words.map(|raw| raw.iter().rev().fold(0, |n, b| n << 8 | u64::from(*b))).collect();
    sites.retain(|site| *site != 0);
    sites.sort_unstable();
    sites
}

/// `struct alt_instr`: where, and how many bytes; its other members came and went.
fn alternatives(t: &Target, debug: &Debug) -> Vec<Range<u64>> {
    let layout = (
        t.size_of("alt_instr"),
        t.offset_of("alt_instr", "instr_offset"),
        t.offset_of("alt_instr", "instrlen"),
    );
    let (Ok(size), Ok(place), Ok(len)) = layout else { return Vec::new() };
    let Some((address, bytes)) = table(debug, ".altinstructions").filter(|_| (9..64).contains(&size)) else {
        return Vec::new();
    };
    let entries = bytes.chunks_exact(size as usize).take(MAX_ENTRIES).zip((address..).step_by(size as usize));
    let range = |(raw, at): (&[u8], u64)| {
        let place_at = place as usize;
        let start = (at + place).wrapping_add(signed(raw.get(place_at..place_at + 4)?));
        Some(start..start.wrapping_add(u64::from(*raw.get(len as usize)?)))
    };
    entries.filter_map(range).collect()
}

/// `struct paravirt_patch_site` (up to 6.7): the address, a type, and how many bytes.
fn paravirt(debug: &Debug) -> Vec<Range<u64>> {
    let Some((_, bytes)) = table(debug, ".parainstructions") else { return Vec::new() };
    // The last entry is not padded.
    let entries = bytes.chunks(16).filter(|raw| raw.len() >= 10).take(MAX_ENTRIES);
    let range = |raw: &[u8]| {
        let start = raw[..8].iter().rev().fold(0u64, |n, b| n << 8 | u64::from(*b));
        start..start.wrapping_add(u64::from(raw[9]))
    };
    entries.map(range).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_bit() {
        let d = |built: &[u8], found: &[u8]| Difference {
            at: VirtAddr(16),
            built: built.to_vec(),
            found: found.to_vec(),
        };
        assert_eq!(d(&[0x41, 0x54], &[0x61, 0x54]).one_bit(), Some((VirtAddr(16), 5)));
        assert_eq!(d(&[1, 0x54], &[1, 0x55]).one_bit(), Some((VirtAddr(17), 0)));
        assert_eq!(d(&[0x41], &[0x42]).one_bit(), None);
        assert_eq!(signed(&[0xfe, 0xff, 0xff, 0xff]), u64::MAX - 1);
    }
}
