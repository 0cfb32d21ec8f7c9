//! Is the code of a file the code that ran? For kernels that tell no build ID.

use necropsy_base::{FileOff, Store};

use crate::elf::File;

const PAGE: u64 = 4096;
const SAMPLES: u64 = 64;
/// Fewer pages than this say nothing.
const ENOUGH: u64 = 8;
/// A kernel patches its code when it boots (alternatives, static keys, function tracing: calls become no-ops) and when it
/// is moved: some bytes in a hundred differ (4 % on Debian's 5.10, 6.1, 6.12 and 7.2). Code of two builds has shifted: few
/// bytes are the same (2 to 18 % among these four).
const SAME_PERCENT: u64 = 85;

/// How much of the code is the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TextMatch {
    /// Bytes that are the same.
    pub same: u64,
    /// Bytes compared.
    pub compared: u64,
}

impl TextMatch {
    /// Whether it is the same code, but for what kernels patch when they boot.
    pub fn is_same(self) -> bool {
        self.same.saturating_mul(100) >= self.compared.saturating_mul(SAME_PERCENT)
    }
}

/// Compares pages of `.text`, spread evenly, with memory. `read` gets addresses as they are in the file and fills the
/// buffer from the dump (it knows how far the kernel was moved), or says that it cannot. `None` if too little could be
/// compared.
pub fn same_text(file: &File, store: &dyn Store, read: &dyn Fn(u64, &mut [u8]) -> bool) -> Option<TextMatch> {
    const NOBITS: u32 = 8;
    let text = file.section(".text").filter(|s| s.kind != NOBITS)?;
    let pages = text.size / PAGE;
    let count = pages.min(SAMPLES);
    let (mut ours, mut theirs) = (vec![0; PAGE as usize], vec![0; PAGE as usize]);
    let (mut compared, mut same) = (0, 0);
    for at in (0..count).map(|i| i * pages / count * PAGE) {
        let place = FileOff(text.offset.0.checked_add(at)?);
        if store.read_at(place, &mut ours).is_ok() && read(text.address.wrapping_add(at), &mut theirs) {
            compared += PAGE;
            same += ours.iter().zip(&theirs).filter(|(a, b)| a == b).count() as u64;
        }
    }
    (compared >= ENOUGH * PAGE).then_some(TextMatch { same, compared })
}
