//! Bytes in the order of a machine.

use necropsy_base::Abi;

/// Bytes being written.
#[derive(Clone, Debug)]
pub(super) struct Out {
    pub(super) abi: Abi,
    pub(super) bytes: Vec<u8>,
}

impl Out {
    pub(super) fn new(abi: Abi) -> Self {
        Out { abi, bytes: Vec::new() }
    }
    pub(super) fn len(&self) -> usize {
        self.bytes.len()
    }
    pub(super) fn uint(&mut self, value: u64, size: usize) -> &mut Self {
        let bytes = self.abi.bytes(value, size);
        self.raw(&bytes)
    }
    pub(super) fn u8(&mut self, value: u8) -> &mut Self {
        self.raw(&[value])
    }
    pub(super) fn u16(&mut self, value: u16) -> &mut Self {
        self.uint(value.into(), 2)
    }
    pub(super) fn u32(&mut self, value: u32) -> &mut Self {
        self.uint(value.into(), 4)
    }
    pub(super) fn word(&mut self, value: u64) -> &mut Self {
        self.uint(value, self.abi.word.into())
    }
    pub(super) fn raw(&mut self, bytes: &[u8]) -> &mut Self {
        self.bytes.extend_from_slice(bytes);
        self
    }
    pub(super) fn align(&mut self, to: usize) -> &mut Self {
        while !self.bytes.len().is_multiple_of(to) {
            self.bytes.push(0);
        }
        self
    }
}
