//! Memory made of the pages that a test puts there.

use std::collections::BTreeMap;

use necropsy_base::{Abi, Memory, ReadError, VirtAddr, Why};

const PAGE: u64 = 4096;

/// Virtual memory with holes: a page exists once something was put on it.
#[derive(Clone, Debug)]
pub struct SparseMemory {
    abi: Abi,
    pages: BTreeMap<u64, Vec<u8>>,
}

impl SparseMemory {
    /// Memory without any page.
    pub fn new(abi: Abi) -> Self {
        SparseMemory { abi, pages: BTreeMap::new() }
    }

    /// Writes bytes; pages they touch begin to exist, filled with zeros.
    pub fn put(&mut self, at: VirtAddr, bytes: &[u8]) -> &mut Self {
        for (address, byte) in (0..).map(|i| at.offset(i).0).zip(bytes) {
            let page = self.pages.entry(address / PAGE).or_insert_with(|| vec![0; PAGE as usize]);
            page[(address % PAGE) as usize] = *byte;
        }
        self
    }

    /// Writes a number of `size` bytes.
    pub fn put_uint(&mut self, at: VirtAddr, value: u64, size: usize) -> &mut Self {
        let bytes = self.abi.bytes(value, size);
        self.put(at, &bytes)
    }

    /// Takes away the page that `at` lies on.
    pub fn punch(&mut self, at: VirtAddr) -> &mut Self {
        self.pages.remove(&(at.0 / PAGE));
        self
    }
}

impl Memory for SparseMemory {
    fn read(&self, at: VirtAddr, buf: &mut [u8]) -> Result<(), ReadError> {
        let mut done = 0;
        while done < buf.len() {
            let here = at.offset(done as u64);
            let (page, start) = (here.0 / PAGE, (here.0 % PAGE) as usize);
            let n = (PAGE as usize - start).min(buf.len() - done);
            let bytes = self.pages.get(&page).ok_or(ReadError::kernel(here, Why::NotMapped))?;
            buf[done..done + n].copy_from_slice(&bytes[start..start + n]);
            done += n;
        }
        Ok(())
    }

    fn abi(&self) -> Abi {
        self.abi
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn holds_what_was_put_and_nothing_else() {
        let mut mem = SparseMemory::new(Abi::BE64);
        mem.put_uint(VirtAddr(0xffe), 0x0102_0304, 4);
        let mut buf = [0; 4];
        assert_eq!(mem.read(VirtAddr(0xffe), &mut buf), Ok(()));
        assert_eq!(buf, [1, 2, 3, 4]);
        mem.punch(VirtAddr(0x1000));
        let hole = ReadError::kernel(VirtAddr(0x1000), Why::NotMapped);
        assert_eq!(mem.read(VirtAddr(0xffe), &mut buf), Err(hole));
    }
}
