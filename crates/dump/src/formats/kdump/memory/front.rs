//! The pages that a thread read last, before the cache that all threads share.
//!
//! Most reads are a few bytes of a page that was just read: a member of the same struct, the next entry of a page table. Found here, they
//! cost no lock and write to no memory of another CPU.

use std::cell::RefCell;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use necropsy_base::Why;

/// Pages that a thread keeps, one per page frame number modulo this.
const SLOTS: usize = 64;

/// A page of the memory of that number, and its own.
type Slot = Option<(u64, u64, Arc<[u8]>)>;

thread_local! {
    static FRONT: RefCell<[Slot; SLOTS]> = const { RefCell::new([const { None }; SLOTS]) };
}

/// A number that no other memory has.
pub(super) fn number() -> u64 {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    NEXT.fetch_add(1, Ordering::Relaxed)
}

/// Gives page `pfn` of a memory to `look`; `read` gets it if this thread has not read it lately.
pub(super) fn with(
    memory: u64,
    pfn: u64,
    read: impl FnOnce() -> Result<Arc<[u8]>, Why>,
    look: impl FnOnce(&[u8]),
) -> Result<(), Why> {
    FRONT.with(|front| {
        let mut front = match front.try_borrow_mut() {
            Ok(front) => front,
            Err(_) => return read().map(|page| look(&page)),
        };
        match front.get_mut(pfn as usize % SLOTS) {
            Some(Some((m, p, page))) if (*m, *p) == (memory, pfn) => look(page),
            Some(slot) => look(&slot.insert((memory, pfn, read()?)).2),
            None => {}
        }
        Ok(())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_memory_has_its_own_pages() {
        let (one, two) = (number(), number());
        let mut reads = 0;
        let mut first = |memory: u64, pfn: u64| {
            let mut byte = 0;
            let read = || {
                reads += 1;
                Ok([memory as u8, pfn as u8].into())
            };
            with(memory, pfn, read, |page| byte = page[0] * 16 + page[1]).map(|()| byte)
        };
        let of = |memory: u64, pfn: u8| Ok(memory as u8 * 16 + pfn);
        for _ in 0..3 {
            assert_eq!(first(one, 1), of(one, 1));
        }
        assert_eq!((first(two, 1), first(one, 1), first(one, 2)), (of(two, 1), of(one, 1), of(one, 2)));
        assert_eq!(reads, 4);
        assert_eq!(with(one, 9, || Err(Why::Lost), |_| ()), Err(Why::Lost));
    }
}
