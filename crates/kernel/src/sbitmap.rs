//! Scalable bitmaps: which bits of a `struct sbitmap_queue` are set (include/linux/sbitmap.h).
//!
//! A bit is in use if it is set in its word and not in `cleared`, which collects bits that were given back (since 5.0). Words say
//! how many bits they have up to 5.16; afterwards all but the last are full. `alloc_hint` and `round_robin` moved from the queue
//! into the bitmap in 5.13; waiters have counts of their own up to 6.1.

use necropsy_base::{MemoryExt, VirtAddr};
use necropsy_target::{At, Load, LoadError, Target};

/// No healthy bitmap has more words: tag sets have at most 10,240 bits.
const MAX_WORDS: u64 = 1 << 16;
/// `SBQ_WAIT_QUEUES`.
const WAITERS: u64 = 8;

/// A queue, as it says itself.
#[derive(Load)]
#[kernel(name = "sbitmap_queue")]
pub struct Queue {
    /// The bitmap.
    pub sb: At,
    /// Waiters that one wake-up wakes.
    pub wake_batch: u32,
    /// The wait queue that is next.
    pub wake_index: u32,
    /// The wait queues.
    pub ws: VirtAddr,
    /// How many of them have waiters.
    pub ws_active: Option<u32>,
    /// Whether bits are taken in turn.
    #[kernel(any = "round_robin|sb.round_robin")]
    pub round_robin: Option<u8>,
    /// The least depth that anybody asked for.
    pub min_shallow_depth: Option<u32>,
    /// Each CPU's hint where a bit is free: a per-CPU pointer.
    #[kernel(any = "alloc_hint|sb.alloc_hint")]
    pub alloc_hint: Option<VirtAddr>,
}

#[derive(Load)]
#[kernel(name = "sbitmap")]
struct Bitmap {
    depth: u32,
    shift: u32,
    map_nr: u32,
    map: VirtAddr,
}

#[derive(Load)]
#[kernel(name = "sbitmap_word")]
struct Word {
    depth: Option<u64>,
    word: u64,
    cleared: Option<u64>,
}

#[derive(Load)]
#[kernel(name = "sbq_wait_state")]
struct Waiter {
    wait_cnt: Option<i32>,
    #[kernel(path = "wait.head.next")]
    first: VirtAddr,
    #[kernel(path = "wait.head")]
    head: At,
}

/// The bits of a bitmap.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Bits {
    /// How many there are.
    pub depth: u32,
    /// In each word.
    pub per_word: u64,
    /// Words.
    pub words: u32,
    /// Those in use, by number.
    pub set: Vec<u64>,
    /// How many were given back and not yet collected.
    pub cleared: u64,
}

/// A queue's bits.
pub fn bits(t: &Target, queue: &Queue) -> Result<Bits, LoadError> {
    let sb: Bitmap = t.load(queue.sb.0)?;
    let per_word = 1u64 << sb.shift.min(6);
    let mut bits = Bits { depth: sb.depth, per_word, words: sb.map_nr, ..Bits::default() };
    let stride = t.size_of("sbitmap_word")?;
    for index in 0..u64::from(sb.map_nr).min(MAX_WORDS) {
        if t.budget().step().is_err() {
            break;
        }
        let word: Word = t.load(sb.map.offset(index * stride))?;
        let first = index * per_word;
        let here = word.depth.unwrap_or_else(|| u64::from(sb.depth).saturating_sub(first)).min(per_word);
        let given_back = word.cleared.unwrap_or(0);
        let used = |bits: u64| (0..here).filter(move |b| bits >> b & 1 == 1);
        bits.set.extend(used(word.word & !given_back).map(|b| first + b));
        bits.cleared += used(given_back).count() as u64;
    }
    Ok(bits)
}

/// The hint of each CPU.
pub fn hints(t: &Target, queue: &Queue) -> Vec<u32> {
    let hint = |at: VirtAddr, cpu: usize| t.memory().u32(t.percpu(at, cpu)?).ok();
    let of = |at: VirtAddr| t.cpus().iter().filter_map(|(cpu, _)| hint(at, *cpu)).collect();
    queue.alloc_hint.filter(|at| !at.is_null()).map(of).unwrap_or_default()
}

/// The wait queues: their counts where they have some, and whether anybody waits.
pub fn waiters(t: &Target, queue: &Queue) -> Result<Vec<(Option<i32>, bool)>, LoadError> {
    let stride = t.size_of("sbq_wait_state")?;
    let one = |i: u64| {
        let waiter: Waiter = t.load(queue.ws.offset(i * stride))?;
        Ok((waiter.wait_cnt, waiter.first != waiter.head.0))
    };
    (0..WAITERS).map(one).collect()
}
