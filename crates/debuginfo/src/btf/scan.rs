//! The one pass over the type section: where each entry begins.

use necropsy_base::{Abi, Endian};

use super::BtfError;
use super::header::Header;

// Kinds of entries, include/uapi/linux/btf.h; nothing added between 6.0 (ENUM64) and 7.2.
pub(super) const INT: u8 = 1;
pub(super) const PTR: u8 = 2;
pub(super) const ARRAY: u8 = 3;
pub(super) const STRUCT: u8 = 4;
pub(super) const UNION: u8 = 5;
pub(super) const ENUM: u8 = 6;
pub(super) const FWD: u8 = 7;
pub(super) const TYPEDEF: u8 = 8;
pub(super) const VOLATILE: u8 = 9;
pub(super) const CONST: u8 = 10;
pub(super) const RESTRICT: u8 = 11;
pub(super) const FUNC: u8 = 12;
pub(super) const FUNC_PROTO: u8 = 13;
pub(super) const VAR: u8 = 14;
pub(super) const DATASEC: u8 = 15;
pub(super) const FLOAT: u8 = 16;
pub(super) const DECL_TAG: u8 = 17;
pub(super) const TYPE_TAG: u8 = 18;
pub(super) const ENUM64: u8 = 19;

/// Bytes of every entry before what is particular to its kind: name, info, size or type.
pub(super) const COMMON: usize = 12;

/// A kernel has 100,000 types, its own limit is 2^20 (BTF_MAX_TYPE).
const MAX_TYPES: usize = 1 << 24;

/// Kind and count of what follows, out of the info word: count in bits 0–15 and kind in 24–28, since 7.1 0–23 and
/// 24–30; older kernels refuse anything but 0 in the bits between.
pub(super) fn kind_and_count(info: u32) -> (u8, u32) {
    ((info >> 24 & 0x7f) as u8, info & 0x00ff_ffff)
}

/// Sizes of what follows the common part: once, and per counted element.
type Sizes = [Option<(u8, u8)>; 128];

fn sizes(bytes: &[u8], header: &Header) -> Sizes {
    let mut sizes = [None; 128];
    // The layout section (7.1+): per kind u8 once, u8 each, u16 flags. It only adds what this program does not know.
    let layout = bytes.get(header.layout.clone()).unwrap_or_default();
    for (slot, entry) in sizes.iter_mut().zip(layout.chunks_exact(4)) {
        *slot = entry.first().copied().zip(entry.get(1).copied());
    }
    for (slot, kind) in sizes.iter_mut().zip(0u8..) {
        *slot = known(kind).or(*slot);
    }
    sizes[0] = None;
    sizes
}

fn known(kind: u8) -> Option<(u8, u8)> {
    match kind {
        INT | VAR | DECL_TAG => Some((4, 0)),
        ARRAY => Some((12, 0)),
        STRUCT | UNION | DATASEC | ENUM64 => Some((0, 12)),
        ENUM | FUNC_PROTO => Some((0, 8)),
        PTR | FWD | TYPEDEF | VOLATILE | CONST | RESTRICT | FUNC | FLOAT | TYPE_TAG => Some((0, 0)),
        _ => None,
    }
}

/// Where each entry begins, and what stopped the pass, if anything did.
pub(super) fn scan(bytes: &[u8], header: &Header, abi: Abi, first: u32) -> (Vec<u32>, Option<BtfError>) {
    let sizes = sizes(bytes, header);
    let section = bytes.get(header.types.clone()).unwrap_or_default();
    let start = header.types.start as u32;
    let swap = abi.endian == Endian::Big;
    // An average entry takes some 35 bytes.
    let mut offsets = Vec::with_capacity(section.len() / 32);
    let mut at = 0usize;
    while at < section.len() {
        let id = first.saturating_add(offsets.len() as u32);
        match entry_size(section, at, swap, &sizes, id) {
            Ok(_) if offsets.len() >= MAX_TYPES => return (offsets, Some(BtfError::CutOff { id })),
            Ok(size) => {
                offsets.push(start + at as u32);
                at += size;
            }
            Err(e) => return (offsets, Some(e)),
        }
    }
    (offsets, None)
}

fn entry_size(section: &[u8], at: usize, swap: bool, sizes: &Sizes, id: u32) -> Result<usize, BtfError> {
    let cut_off = BtfError::CutOff { id };
    let Some(word) = section.get(at + 4..at + 8).and_then(|w| w.try_into().ok()) else {
        return Err(cut_off);
    };
    let info = if swap { u32::from_be_bytes(word) } else { u32::from_le_bytes(word) };
    let (kind, count) = kind_and_count(info);
    let Some((once, each)) = sizes.get(usize::from(kind)).copied().flatten() else {
        return Err(BtfError::UnknownKind { id, kind });
    };
    let size = COMMON + usize::from(once) + usize::from(each) * count as usize;
    if size > section.len() - at { Err(cut_off) } else { Ok(size) }
}
