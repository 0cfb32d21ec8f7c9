//! Checked reads from a byte slice in the dump's byte order.

use crate::Abi;

/// A read past the end of the bytes at hand.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{want} bytes at {at:#x} are outside the {len:#x} bytes there are")]
pub struct OutOfBounds {
    /// Where the read began.
    pub at: usize,
    /// How much it wanted.
    pub want: usize,
    /// How much there is.
    pub len: usize,
}

/// A position in a byte slice; every read is checked and moves it on.
#[derive(Clone, Debug)]
pub struct Cursor<'a> {
    data: &'a [u8],
    at: usize,
    abi: Abi,
}

impl<'a> Cursor<'a> {
    /// A cursor at the first byte.
    pub fn new(data: &'a [u8], abi: Abi) -> Self {
        Cursor { data, at: 0, abi }
    }
    /// The same, from `at` on.
    pub fn at(data: &'a [u8], abi: Abi, at: usize) -> Self {
        Cursor { data, at, abi }
    }
    /// Where the next read begins.
    pub fn position(&self) -> usize {
        self.at
    }
    /// Moves to an absolute position; reading there is still checked.
    pub fn seek(&mut self, at: usize) {
        self.at = at;
    }
    /// Moves on without reading.
    pub fn skip(&mut self, bytes: usize) {
        self.at = self.at.saturating_add(bytes);
    }
    /// Moves on to the next multiple of `to` (a power of two).
    pub fn align(&mut self, to: usize) {
        self.at = self.at.saturating_add(to - 1) & !(to - 1);
    }
    /// How many bytes follow.
    pub fn remaining(&self) -> usize {
        self.data.len().saturating_sub(self.at)
    }
    /// The next `n` bytes.
    pub fn bytes(&mut self, n: usize) -> Result<&'a [u8], OutOfBounds> {
        let found = self.at.checked_add(n).and_then(|end| self.data.get(self.at..end));
        let found = found.ok_or(OutOfBounds { at: self.at, want: n, len: self.data.len() })?;
        self.at += n;
        Ok(found)
    }
    /// The next number of `size` bytes.
    pub fn uint(&mut self, size: usize) -> Result<u64, OutOfBounds> {
        let abi = self.abi;
        Ok(abi.uint(self.bytes(size)?))
    }
    /// A byte.
    pub fn u8(&mut self) -> Result<u8, OutOfBounds> {
        Ok(self.uint(1)? as u8)
    }
    /// 16 bits.
    pub fn u16(&mut self) -> Result<u16, OutOfBounds> {
        Ok(self.uint(2)? as u16)
    }
    /// 32 bits.
    pub fn u32(&mut self) -> Result<u32, OutOfBounds> {
        Ok(self.uint(4)? as u32)
    }
    /// 32 bits, signed.
    pub fn i32(&mut self) -> Result<i32, OutOfBounds> {
        Ok(self.uint(4)? as i32)
    }
    /// 64 bits.
    pub fn u64(&mut self) -> Result<u64, OutOfBounds> {
        self.uint(8)
    }
    /// A pointer or `unsigned long`.
    pub fn word(&mut self) -> Result<u64, OutOfBounds> {
        self.uint(usize::from(self.abi.word))
    }
}
