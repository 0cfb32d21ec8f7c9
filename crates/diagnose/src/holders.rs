//! Who holds a pointer: the data of modules, word by word.

use std::ops::Range;

use necropsy_base::{MemoryExt, VirtAddr};
use necropsy_target::{Module, Target};

/// No module has more data.
const MAX_DATA: u64 = 64 << 20;

/// A word of a module's data.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Holder {
    /// Where it is.
    pub at: VirtAddr,
    /// The module.
    pub module: String,
    /// What it holds.
    pub value: u64,
}

/// The words in the data of modules that `wanted` accepts.
pub fn in_modules(t: &Target, wanted: impl Fn(u64) -> bool) -> Vec<Holder> {
    let mut out = Vec::new();
    for module in &t.modules().list {
        for range in data(module) {
            scan(t, &range, &mut |at, value| {
                if wanted(value) {
                    out.push(Holder { at, module: module.name.clone(), value });
                }
            });
        }
    }
    out
}

/// A module's regions but for its code.
fn data(module: &Module) -> Vec<Range<u64>> {
    let mut out = Vec::new();
    for region in &module.regions {
        let code = module.text.iter().filter(|t| t.start < region.end && t.end > region.start);
        let end_of_code = code.map(|t| t.end).max().unwrap_or(region.start);
        if end_of_code < region.end {
            out.push(end_of_code..region.end.min(end_of_code.saturating_add(MAX_DATA)));
        }
    }
    out
}

/// Calls `see` for each word of a range; a page that is missing is left out.
pub fn scan(t: &Target, range: &Range<u64>, see: &mut dyn FnMut(VirtAddr, u64)) {
    let (word, page) = (usize::from(t.abi().word.max(1)), t.page_size());
    let mut at = range.start.next_multiple_of(word as u64);
    while at < range.end {
        let end = (at / page + 1).saturating_mul(page).min(range.end);
        if let Ok(bytes) = t.memory().bytes(VirtAddr(at), (end - at) as usize) {
            let words = bytes.chunks_exact(word).enumerate();
            words.for_each(|(i, w)| see(VirtAddr(at + (i * word) as u64), t.abi().uint(w)));
        }
        at = end;
    }
}
