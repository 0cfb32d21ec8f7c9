//! Bytes written at places.

use necropsy_base::Abi;

/// A growing file.
pub(super) struct Out {
    pub(super) bytes: Vec<u8>,
    pub(super) marks: Vec<usize>,
    abi: Abi,
}

impl Out {
    /// An empty file.
    pub(super) fn new(abi: Abi) -> Self {
        Out { bytes: Vec::new(), marks: Vec::new(), abi }
    }

    /// Writes bytes at `at`; what lies before and was never written is zeros.
    pub(super) fn put(&mut self, at: usize, data: &[u8]) {
        let end = at + data.len();
        if self.bytes.len() < end {
            self.bytes.resize(end, 0);
        }
        self.bytes[at..end].copy_from_slice(data);
    }

    /// Writes a number of `size` bytes.
    pub(super) fn num(&mut self, at: usize, value: u64, size: usize) {
        let data = self.abi.bytes(value, size);
        self.put(at, &data);
    }

    /// Writes numbers one after the other; returns where they end.
    pub(super) fn nums(&mut self, mut at: usize, numbers: &[(u64, usize)]) -> usize {
        for (value, size) in numbers {
            self.num(at, *value, *size);
            at += size;
        }
        at
    }

    /// Remembers a place.
    pub(super) fn mark(&mut self, at: usize) {
        self.marks.push(at);
    }
}
