//! Which member lies at an offset.

use super::{MAX_DEPTH, Type, TypeId, Types};

/// A member found by its place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MemberAt {
    /// How C names it from the outermost struct: `a.b[3].c`.
    pub path: String,
    /// Its type.
    pub ty: TypeId,
    /// Bytes from the member's start to the offset asked for: 0, unless it lies in the middle of a number.
    pub rest: u64,
}

/// More members than any struct has.
const MAX_MEMBERS: usize = 1 << 14;

/// The innermost member of `ty` at `offset`: what a load of `size` bytes from there reads. In a union the first alternative counts
/// that has a member of that size there, a pointer before others. `None` in padding and outside.
pub(super) fn find<T: Types + ?Sized>(types: &T, ty: TypeId, offset: u64, size: u64) -> Option<MemberAt> {
    let mut left = MAX_MEMBERS;
    within(types, ty, offset, size, 0, &mut left)
}

fn within<T: Types + ?Sized>(
    types: &T,
    ty: TypeId,
    offset: u64,
    size: u64,
    depth: usize,
    left: &mut usize,
) -> Option<MemberAt> {
    if depth > MAX_DEPTH {
        return None;
    }
    let (_, stripped) = types.strip(ty).ok()?;
    match stripped {
        Type::Struct { members, .. } => {
            let mut best: Option<(u8, MemberAt)> = None;
            for member in members {
                *left = left.checked_sub(1)?;
                let start = member.bit_offset / 8;
                let here = offset.checked_sub(start);
                let Some(here) = here.filter(|h| *h < extent(types, member.ty, member.bit_size)) else {
                    continue;
                };
                let Some(found) = within(types, member.ty, here, size, depth + 1, left) else { continue };
                let rank = rank(types, &found, size);
                let path = joined(member.name.as_deref(), &found.path);
                if best.as_ref().is_none_or(|(r, _)| rank > *r) {
                    best = Some((rank, MemberAt { path, ..found }));
                }
            }
            best.map(|(_, found)| found)
        }
        Type::Array { elem, len } => {
            let stride = types.size_of(elem).ok().filter(|s| *s > 0)?;
            let index = offset / stride;
            if len > 0 && index >= len {
                return None;
            }
            let found = within(types, elem, offset % stride, size, depth + 1, left)?;
            let path = if found.path.is_empty() || found.path.starts_with('[') {
                format!("[{index}]{}", found.path)
            } else {
                format!("[{index}].{}", found.path)
            };
            Some(MemberAt { path, ..found })
        }
        _ => Some(MemberAt { path: String::new(), ty, rest: offset }),
    }
}

/// Bytes that a member takes; a flexible array has no end.
fn extent<T: Types + ?Sized>(types: &T, ty: TypeId, bits: Option<u32>) -> u64 {
    match (bits, types.strip(ty)) {
        (Some(bits), _) => u64::from(bits.div_ceil(8)) + 1,
        (None, Ok((_, Type::Array { len: 0, .. }))) => u64::MAX,
        _ => types.size_of(ty).unwrap_or(0),
    }
}

/// How well a member fits a load of `size` bytes.
fn rank<T: Types + ?Sized>(types: &T, found: &MemberAt, size: u64) -> u8 {
    let fits = found.rest == 0 && types.size_of(found.ty).ok() == Some(size);
    let pointer = matches!(types.strip(found.ty), Ok((_, Type::Pointer(_))));
    u8::from(fits) * 2 + u8::from(fits && pointer)
}

fn joined(name: Option<&str>, rest: &str) -> String {
    match (name, rest) {
        (Some(name), "") => name.to_owned(),
        (Some(name), rest) if rest.starts_with('[') => format!("{name}{rest}"),
        (Some(name), rest) => format!("{name}.{rest}"),
        (None, rest) => rest.to_owned(),
    }
}
