//! Any bytes as an ORC table.

use necropsy_base::{Abi, Memory, ReadError, VirtAddr, Why};
use necropsy_debuginfo::OrcTable;

struct Flat<'a>(&'a [u8]);

impl Memory for Flat<'_> {
    fn read(&self, at: VirtAddr, buf: &mut [u8]) -> Result<(), ReadError> {
        let found = usize::try_from(at.0).ok().and_then(|s| self.0.get(s..s.checked_add(buf.len())?));
        buf.copy_from_slice(found.ok_or(ReadError::kernel(at, Why::NotMapped))?);
        Ok(())
    }
    fn abi(&self) -> Abi {
        Abi::LE64
    }
}

/// One input.
pub fn run(data: &[u8]) {
    let Some((head, body)) = data.split_at_checked(4) else { return };
    let number = |i: usize| Abi::LE64.uint(&head[2 * i..2 * i + 2]);
    let hash = body.get(..20).and_then(|h| h.try_into().ok()).filter(|_| head[0] & 1 == 0);
    let Ok((table, _)) =
        OrcTable::new(&Flat(body), VirtAddr(0), VirtAddr(number(0)), number(1) as usize, hash)
    else {
        return;
    };
    for pc in [0, 1, 100, number(0), 0xffff_ffff_8100_0000, u64::MAX] {
        let _ = table.lookup(&Flat(body), VirtAddr(pc));
    }
    let _ = table.range(&Flat(body));
}
