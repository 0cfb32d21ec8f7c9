//! Memory that remembers which of its pages were read.

use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use necropsy_base::{PhysAddr, PhysMem, RangeSet, ReadError};

/// A memory and a bit per page frame.
pub struct Recorder {
    inner: Arc<dyn PhysMem>,
    page: u64,
    seen: Vec<AtomicU64>,
    scanned: AtomicBool,
}

impl Recorder {
    /// Nothing read yet.
    pub fn new(inner: Arc<dyn PhysMem>, page: u64) -> Self {
        let end = inner.ram().end().map_or(0, |end| end.0);
        let words = end.div_ceil(page).div_ceil(64);
        Recorder {
            inner,
            page,
            seen: (0..words).map(|_| AtomicU64::new(0)).collect(),
            scanned: AtomicBool::new(false),
        }
    }

    /// The memory underneath.
    pub fn inner(&self) -> &Arc<dyn PhysMem> {
        &self.inner
    }
    /// Bytes per page.
    pub fn page_size(&self) -> u64 {
        self.page
    }
    /// Marks the pages of a range.
    pub fn mark(&self, at: PhysAddr, len: usize) {
        for pfn in at.0 / self.page..=at.0.saturating_add(len.max(1) as u64 - 1) / self.page {
            if let Some(word) = self.seen.get((pfn / 64) as usize) {
                word.fetch_or(1 << (pfn % 64), Ordering::Relaxed);
            }
        }
    }
    /// Whether a page frame was read.
    pub fn has(&self, pfn: u64) -> bool {
        let word = self.seen.get((pfn / 64) as usize);
        word.is_some_and(|w| w.load(Ordering::Relaxed) >> (pfn % 64) & 1 == 1)
    }
    /// Takes the mark off a page frame.
    pub fn forget(&self, pfn: u64) {
        if let Some(word) = self.seen.get((pfn / 64) as usize) {
            word.fetch_and(!(1 << (pfn % 64)), Ordering::Relaxed);
        }
    }
    /// How many page frames there are.
    pub fn frames(&self) -> u64 {
        self.seen.len() as u64 * 64
    }
    /// All marks, to go back to.
    pub fn marks(&self) -> Vec<u64> {
        self.seen.iter().map(|w| w.load(Ordering::Relaxed)).collect()
    }
    /// Goes back to earlier marks.
    pub fn restore(&self, marks: &[u64]) {
        for (word, mark) in self.seen.iter().zip(marks) {
            word.store(*mark, Ordering::Relaxed);
        }
    }
    /// Whether somebody asked since the last call what pages there are.
    pub fn take_scanned(&self) -> bool {
        self.scanned.swap(false, Ordering::Relaxed)
    }
}

impl PhysMem for Recorder {
    fn read(&self, at: PhysAddr, buf: &mut [u8]) -> Result<(), ReadError> {
        self.mark(at, buf.len());
        self.inner.read(at, buf)
    }
    fn ram(&self) -> &RangeSet<PhysAddr> {
        self.inner.ram()
    }
    fn present(&self, from: PhysAddr) -> Option<Range<PhysAddr>> {
        self.scanned.store(true, Ordering::Relaxed);
        self.inner.present(from)
    }
}
