//! One entry: six bytes, s16 offset of the stack pointer, s16 offset of the frame pointer, u16 of bit-fields.

use necropsy_base::Abi;

use super::OrcLayout;

/// What an offset is added to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Base {
    /// Not known; for the frame pointer: unchanged.
    Undefined,
    /// The previous frame's stack pointer.
    PrevSp,
    /// `rax`.
    Ax,
    /// `rdx`.
    Dx,
    /// `rdi`.
    Di,
    /// `rbp`.
    Bp,
    /// `rsp`.
    Sp,
    /// `r10`.
    R10,
    /// `r13`.
    R13,
    /// What lies at `rbp` plus the offset.
    BpIndirect,
    /// What lies at `rsp`; see [`super::SpIndirect`].
    SpIndirect,
    /// A number this layout does not have: the entry is damaged.
    Invalid(u8),
}

/// What lies at the previous stack pointer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum OrcKind {
    /// Nothing is known here.
    Undefined,
    /// The stack ends here.
    End,
    /// A return address, just below.
    Call,
    /// A full `pt_regs`.
    Regs,
    /// The frame the CPU pushes for an exception: the last five words of a `pt_regs`.
    RegsPartial,
}

/// How to find the caller.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OrcEntry {
    /// What [`OrcEntry::sp_offset`] is added to.
    pub sp: Base,
    /// Gives the previous stack pointer.
    pub sp_offset: i16,
    /// What [`OrcEntry::bp_offset`] is added to; the previous frame pointer lies there.
    pub bp: Base,
    /// Gives the place of the previous frame pointer.
    pub bp_offset: i16,
    /// What lies at the previous stack pointer.
    pub kind: OrcKind,
    /// Whether the previous frame was interrupted, so its pc is that of the next instruction, not behind a call.
    pub signal: bool,
}

impl OrcEntry {
    /// Decodes six bytes.
    pub fn decode(bytes: [u8; 6], layout: OrcLayout, abi: Abi) -> OrcEntry {
        let [s0, s1, b0, b1, f0, f1] = bytes;
        let flags = abi.uint(&[f0, f1]) as u16;
        let (kind, signal) = kind(flags, layout);
        OrcEntry {
            sp: base(flags & 15, layout),
            sp_offset: abi.int(&[s0, s1]) as i16,
            bp: base(flags >> 4 & 15, layout),
            bp_offset: abi.int(&[b0, b1]) as i16,
            kind,
            signal,
        }
    }
}

fn base(number: u16, layout: OrcLayout) -> Base {
    use Base::*;
    let bases = match layout {
        OrcLayout::V1 | OrcLayout::V2 | OrcLayout::V3 => {
            [Undefined, PrevSp, Dx, Di, Bp, Sp, R10, R13, BpIndirect, SpIndirect, Invalid(10)]
        }
        OrcLayout::V4 => [Undefined, Ax, Dx, Sp, Bp, Di, R10, R13, PrevSp, SpIndirect, BpIndirect],
    };
    bases.get(usize::from(number)).copied().unwrap_or(Invalid(number as u8))
}

fn kind(flags: u16, layout: OrcLayout) -> (OrcKind, bool) {
    let bit = |n: u16| flags >> n & 1 != 0;
    match layout {
        OrcLayout::V1 | OrcLayout::V2 => old_kind(flags, layout),
        OrcLayout::V3 | OrcLayout::V4 => match flags >> 8 & 7 {
            1 => (OrcKind::End, bit(11)),
            2 => (OrcKind::Call, bit(11)),
            3 => (OrcKind::Regs, bit(11)),
            4 => (OrcKind::RegsPartial, bit(11)),
            _ => (OrcKind::Undefined, bit(11)),
        },
    }
}

/// Up to 6.2 bit 10 is "end", which only entries without a stack pointer have, and interrupted frames are those with
/// registers. 6.3 made bit 10 "signal" and bit 11 "end". Both read right even if the layout was mistaken.
fn old_kind(flags: u16, layout: OrcLayout) -> (OrcKind, bool) {
    let (ten, eleven) = (flags >> 10 & 1 != 0, flags >> 11 & 1 != 0);
    if flags & 15 == 0 {
        let end = eleven || ten && layout == OrcLayout::V1;
        return (if end { OrcKind::End } else { OrcKind::Undefined }, false);
    }
    let kind = match flags >> 8 & 3 {
        0 => OrcKind::Call,
        1 => OrcKind::Regs,
        2 => OrcKind::RegsPartial,
        _ => OrcKind::Undefined,
    };
    let registers = matches!(kind, OrcKind::Regs | OrcKind::RegsPartial);
    (kind, if layout == OrcLayout::V2 { ten } else { registers })
}
