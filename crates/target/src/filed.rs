//! Symbols of a vmlinux, for kernels whose own table names only code.

use std::collections::HashMap;

use necropsy_base::{Near, VirtAddr};
use necropsy_debuginfo::ElfSymbol;

/// Symbols by address and by name.
#[derive(Default)]
pub(crate) struct Filed {
    by_address: Vec<(u64, u64, String)>,
    by_name: HashMap<String, u64>,
}

impl Filed {
    /// Those of `symbols` that have an address in the image; moved by `bias`.
    pub fn new(symbols: &[ElfSymbol], bias: u64) -> Filed {
        let mut filed = Filed::default();
        for s in symbols {
            // Per-CPU variables are offsets and do not move; undefined symbols are nowhere.
            let moved = if s.value >> 63 == 1 { s.value.wrapping_add(bias) } else { s.value };
            if s.kind == b'U' || s.kind.eq_ignore_ascii_case(&b'n') && s.size == 0 && s.name.starts_with('.')
            {
                continue;
            }
            filed.by_name.entry(s.name.clone()).or_insert(moved);
            if s.value >> 63 == 1 {
                filed.by_address.push((moved, s.size, s.name.clone()));
            }
        }
        filed.by_address.sort();
        filed
    }

    pub fn address(&self, name: &str) -> Option<VirtAddr> {
        self.by_name.get(name).copied().map(VirtAddr)
    }

    /// The symbol that covers `at`: of those that begin last before it, one with a size first.
    pub fn near(&self, at: VirtAddr) -> Option<Near> {
        let after = self.by_address.partition_point(|s| s.0 <= at.0);
        let start = self.by_address[..after].last()?.0;
        let first = self.by_address[..after].partition_point(|s| s.0 < start);
        let same = &self.by_address[first..after];
        let best = same.iter().find(|s| s.1 > 0).or(same.first())?;
        let next = self.by_address.get(after).map(|s| s.0 - start);
        Some(Near { name: best.2.clone(), start: VirtAddr(start), size: next, module: None })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn symbol(name: &str, value: u64, size: u64, kind: u8) -> ElfSymbol {
        ElfSymbol { name: name.into(), value, size, kind, section: 1 }
    }

    #[test]
    fn moved_symbols() {
        let base = 0xffff_ffff_8100_0000;
        let filed = Filed::new(
            &[
                symbol("b", base + 64, 8, b'D'),
                symbol("a", base, 32, b'T'),
                symbol("label", base, 0, b't'),
                symbol("percpu", 0x100, 8, b'D'),
                symbol("gone", 0, 0, b'U'),
            ],
            0x2000,
        );
        assert_eq!(filed.address("a"), Some(VirtAddr(base + 0x2000)));
        assert_eq!(filed.address("percpu"), Some(VirtAddr(0x100)));
        assert_eq!(filed.address("gone"), None);
        let near = filed.near(VirtAddr(base + 0x2010)).unwrap();
        assert_eq!((near.name.as_str(), near.size), ("a", Some(64)));
        assert!(filed.near(VirtAddr(base)).is_none());
    }
}
