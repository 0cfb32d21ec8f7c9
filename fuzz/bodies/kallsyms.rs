//! Any bytes as the memory kallsyms lies in: by keys, which the first bytes give, and by shape.

use necropsy_base::{Abi, Memory, ReadError, VirtAddr, Why};
use necropsy_debuginfo::{Kallsyms, Keys};

const AT: u64 = 0xffff_ffff_8000_0000;

struct Flat<'a>(&'a [u8]);

impl Memory for Flat<'_> {
    fn read(&self, at: VirtAddr, buf: &mut [u8]) -> Result<(), ReadError> {
        let start = at.0.checked_sub(AT).and_then(|s| usize::try_from(s).ok());
        let found = start.and_then(|s| self.0.get(s..s.checked_add(buf.len())?));
        buf.copy_from_slice(found.ok_or(ReadError::kernel(at, Why::NotMapped))?);
        Ok(())
    }
    fn abi(&self) -> Abi {
        Abi::LE64
    }
}

fn ask(k: &Kallsyms) {
    for i in (0..k.len().min(2000)).step_by(11) {
        let _ = (k.symbol(i), k.aliases(i), k.next_address(i));
    }
    let _ = (k.at(AT), k.at(u64::MAX), k.by_name("_stext"), k.percpu_absolute());
}

/// One input.
pub fn run(data: &[u8]) {
    let mem = Flat(data);
    let anchor = [("_stext", AT)];
    let key = |i: usize| data.get(2 * i..2 * i + 2).map(|b| VirtAddr(AT + Abi::LE64.uint(b)));
    let image = VirtAddr(AT)..VirtAddr(AT + data.len() as u64);
    for anchors in [&anchor[..], &[]] {
        if let Ok(k) = Kallsyms::find(&mem, image.clone(), anchors) {
            ask(&k);
        }
        let (Some(names), Some(num_syms), Some(token_table), Some(token_index)) =
            (key(0), key(1), key(2), key(3))
        else {
            return;
        };
        let (offsets, relative_base, addresses) = (key(4), key(5), key(6));
        let keys = Keys { names, num_syms, token_table, token_index, offsets, relative_base, addresses };
        if let Ok(k) = Kallsyms::from_keys(&mem, &keys, anchors) {
            ask(&k);
        }
    }
}
