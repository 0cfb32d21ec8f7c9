//! Which of the four layouts of the flags a table has.

use necropsy_base::Abi;

/// Layout of the flags of an entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum OrcLayout {
    /// 4.14–6.2: kind in bits 8–9, end in 10.
    V1,
    /// 6.3: kind in bits 8–9, signal in 10, end in 11.
    V2,
    /// 6.4–7.0, and some older distribution kernels: kind in bits 8–10, signal in 11.
    V3,
    /// 7.1+: as V3, with the registers numbered anew.
    V4,
}

impl OrcLayout {
    /// By the first bytes of the hash in `__start_orc_header` (6.4+, some stable kernels before).
    pub fn from_hash(hash: &[u8; 20]) -> Option<OrcLayout> {
        match hash {
            [0xdb, 0x84, 0xae, 0xd4, ..] => Some(OrcLayout::V2),
            [0xfe, 0x5d, 0x32, 0xbf, ..] => Some(OrcLayout::V3),
            [0x13, 0x7c, 0x36, 0xad, ..] => Some(OrcLayout::V4),
            _ => None,
        }
    }
}

/// What a sample of flags looks like.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Shape {
    /// Entries whose bits 8–10 are 2, "call" since V3.
    new_calls: usize,
    /// Entries whose bits 8–10 are 0, "call" up to V2.
    old_calls: usize,
    /// Entries with bit 11, or with bit 10 and a stack pointer: V2 among the old ones.
    signals: usize,
    /// Calls with stack pointer base 5: the stack pointer up to V3.
    base_5: usize,
    /// Calls with stack pointer base 3: the stack pointer in V4.
    base_3: usize,
}

impl Shape {
    pub(super) fn add(&mut self, flags: u16) {
        match flags >> 8 & 7 {
            0 => self.old_calls += 1,
            2 => self.new_calls += 1,
            _ => {}
        }
        let old_signal = flags >> 11 != 0 || flags >> 10 & 1 != 0 && flags & 15 != 0;
        self.signals += usize::from(old_signal);
        self.base_5 += usize::from(flags & 15 == 5);
        self.base_3 += usize::from(flags & 15 == 3);
    }

    pub(super) fn of(chunk: &[u8], abi: Abi) -> Shape {
        let mut shape = Shape::default();
        for entry in chunk.chunks_exact(6) {
            shape.add(abi.uint_at(entry, 4, 2).unwrap_or(0) as u16);
        }
        shape
    }

    pub(super) fn join(&mut self, other: Shape) {
        self.new_calls += other.new_calls;
        self.old_calls += other.old_calls;
        self.signals += other.signals;
        self.base_5 += other.base_5;
        self.base_3 += other.base_3;
    }

    /// The layout that fits; `None` if the sample shows nothing.
    pub(super) fn layout(&self) -> Option<OrcLayout> {
        match self {
            s if s.new_calls + s.old_calls == 0 => None,
            s if s.new_calls > s.old_calls && s.base_3 > s.base_5 => Some(OrcLayout::V4),
            s if s.new_calls > s.old_calls => Some(OrcLayout::V3),
            s if s.signals > 0 => Some(OrcLayout::V2),
            _ => Some(OrcLayout::V1),
        }
    }

    /// Whether this contradicts what the header's hash says. V1 and V2 differ in a few entries that the sample may
    /// not hold.
    pub(super) fn contradicts(&self, hash: OrcLayout) -> Option<OrcLayout> {
        let old = |l| matches!(l, OrcLayout::V1 | OrcLayout::V2);
        self.layout().filter(|seen| *seen != hash && !(old(*seen) && old(hash)))
    }
}
