//! Byte order and pointer width of the dead machine.

/// Order of the bytes in a word.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Endian {
    /// Least significant byte first (x86, arm64, riscv, ppc64le).
    Little,
    /// Most significant byte first (s390x, older ppc64).
    Big,
}

/// How numbers lie in memory: byte order and size of a pointer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Abi {
    /// Order of the bytes in a word.
    pub endian: Endian,
    /// Size of a pointer and of `long` in bytes: 4 or 8.
    pub word: u8,
}

impl Abi {
    /// 64-bit little-endian: x86-64, arm64, riscv64, ppc64le.
    pub const LE64: Abi = Abi { endian: Endian::Little, word: 8 };
    /// 64-bit big-endian: s390x, ppc64.
    pub const BE64: Abi = Abi { endian: Endian::Big, word: 8 };
    /// 32-bit little-endian: arm, i386.
    pub const LE32: Abi = Abi { endian: Endian::Little, word: 4 };

    /// The unsigned number in `bytes` (at most 8 are used).
    #[inline]
    pub fn uint(&self, bytes: &[u8]) -> u64 {
        // Words and halves are most of what is ever read.
        match (bytes.first_chunk::<8>(), bytes.first_chunk::<4>(), self.endian) {
            (Some(word), _, Endian::Little) => u64::from_le_bytes(*word),
            (Some(word), _, Endian::Big) => u64::from_be_bytes(*word),
            (_, Some(half), Endian::Little) if bytes.len() == 4 => u32::from_le_bytes(*half).into(),
            (_, Some(half), Endian::Big) if bytes.len() == 4 => u32::from_be_bytes(*half).into(),
            _ => self.folded(bytes),
        }
    }

    fn folded(self, bytes: &[u8]) -> u64 {
        let fold = |n: u64, b: &u8| n << 8 | u64::from(*b);
        let bytes = &bytes[..bytes.len().min(8)];
        match self.endian {
            Endian::Little => bytes.iter().rev().fold(0, fold),
            Endian::Big => bytes.iter().fold(0, fold),
        }
    }

    /// The signed number in `bytes` (at most 8 are used).
    pub fn int(&self, bytes: &[u8]) -> i64 {
        let unused = 64 - 8 * bytes.len().clamp(1, 8) as u32;
        (self.uint(bytes) << unused) as i64 >> unused
    }

    /// A number of `size` bytes at `at` in `data`, if it lies inside.
    pub fn uint_at(&self, data: &[u8], at: usize, size: usize) -> Option<u64> {
        data.get(at..at.checked_add(size)?).map(|b| self.uint(b))
    }

    /// The low `size` bytes of `value` in this byte order.
    pub fn bytes(&self, value: u64, size: usize) -> Vec<u8> {
        let le = value.to_le_bytes();
        let mut out = le[..size.min(8)].to_vec();
        if self.endian == Endian::Big {
            out.reverse();
        }
        out
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_in_both_orders() {
        assert_eq!(Abi::LE64.uint(&[1, 2]), 0x201);
        assert_eq!(Abi::BE64.uint(&[1, 2]), 0x102);
        for abi in [Abi::LE64, Abi::BE64] {
            for n in 0..=10 {
                let bytes: Vec<u8> = (1..=n).collect();
                assert_eq!(abi.uint(&bytes), abi.folded(&bytes), "{n}");
            }
        }
        assert_eq!(Abi::BE64.int(&[0xff, 0xfe]), -2);
        assert_eq!(Abi::LE32.uint_at(&[0, 1, 0, 0, 0], 1, 4), Some(1));
        assert_eq!(Abi::LE32.uint_at(&[0, 1], 1, 4), None);
        assert_eq!(Abi::BE64.bytes(0x102, 2), [1, 2]);
    }
}
