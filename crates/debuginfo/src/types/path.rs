//! Member paths: `a.b.c`, `x[3]`, through anonymous structs and unions.

use super::{MAX_DEPTH, Member, Type, TypeError, TypeId, Types};

/// How many members one look-up may see; anonymous structs that contain each other could go on for ever.
const MAX_MEMBERS: usize = 1 << 20;

/// Where a member lies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MemberPath {
    /// Bits from the start of the outermost struct.
    pub bit_offset: u64,
    /// Width of a bit-field; `None` for ordinary members.
    pub bit_size: Option<u32>,
    /// Type of the member.
    pub ty: TypeId,
}

impl MemberPath {
    /// Bytes from the start of the outermost struct; of a bit-field, the byte it begins in.
    pub fn offset(&self) -> u64 {
        self.bit_offset / 8
    }
}

pub(super) fn resolve<T: Types + ?Sized>(types: &T, ty: TypeId, path: &str) -> Result<MemberPath, TypeError> {
    let mut here = MemberPath { bit_offset: 0, bit_size: None, ty };
    let bad = || TypeError::BadPath(path.to_string());
    for part in path.split('.') {
        let (name, indices) = part.split_at(part.find('[').unwrap_or(part.len()));
        match name {
            "" if indices.is_empty() => return Err(bad()),
            "" => {}
            name => here = step(types, here, name)?,
        }
        for index in indices.split_inclusive(']') {
            let number = index.strip_prefix('[').and_then(|i| i.strip_suffix(']'));
            here = element(types, here, number.and_then(|n| n.parse().ok()).ok_or_else(bad)?)?;
        }
    }
    Ok(here)
}

/// From a struct to its member.
fn step<T: Types + ?Sized>(types: &T, from: MemberPath, name: &str) -> Result<MemberPath, TypeError> {
    let mut search = Search { types, name, left: MAX_MEMBERS };
    match search.within(from.ty, 0)? {
        Some(found) => Ok(MemberPath { bit_offset: add(from, found.bit_offset)?, ..found }),
        None => Err(TypeError::NoMember { of: types.name_of(from.ty), member: name.into() }),
    }
}

fn add(from: MemberPath, bits: u64) -> Result<u64, TypeError> {
    from.bit_offset.checked_add(bits).ok_or(TypeError::Damaged(from.ty))
}

/// From an array to its element.
fn element<T: Types + ?Sized>(types: &T, from: MemberPath, index: u64) -> Result<MemberPath, TypeError> {
    let (_, Type::Array { elem, len }) = types.strip(from.ty)? else {
        return Err(TypeError::NotArray { of: types.name_of(from.ty) });
    };
    // A flexible array has length 0 and any number of elements; so has an old-style [1] at the end, which this
    // cannot know.
    if len != 0 && index >= len {
        return Err(TypeError::Index { index, len });
    }
    let bits = types.size_of(elem)?.checked_mul(8).and_then(|bits| bits.checked_mul(index));
    let bits = bits.ok_or(TypeError::Damaged(from.ty))?;
    Ok(MemberPath { bit_offset: add(from, bits)?, bit_size: None, ty: elem })
}

struct Search<'a, T: ?Sized> {
    types: &'a T,
    name: &'a str,
    left: usize,
}

impl<T: Types + ?Sized> Search<'_, T> {
    /// The member in this struct, or in the anonymous ones in it, which may only nest [`MAX_DEPTH`] deep.
    fn within(&mut self, ty: TypeId, depth: usize) -> Result<Option<MemberPath>, TypeError> {
        if depth > MAX_DEPTH || self.left == 0 {
            return Err(TypeError::Endless(ty));
        }
        let members = match self.types.strip(ty)? {
            (_, Type::Struct { members, .. }) => members,
            _ if depth > 0 => return Ok(None),
            _ => {
                return Err(TypeError::NotStruct { of: self.types.name_of(ty), member: self.name.into() });
            }
        };
        self.left = self.left.saturating_sub(members.len() + 1);
        if let Some(m) = members.iter().find(|m| m.name.as_deref() == Some(self.name)) {
            return Ok(Some(MemberPath { bit_offset: m.bit_offset, bit_size: m.bit_size, ty: m.ty }));
        }
        for m in members.iter().filter(|m| m.name.is_none()) {
            if let Some(found) = self.within(m.ty, depth + 1)? {
                return shifted(m, found).map(Some);
            }
        }
        Ok(None)
    }
}

fn shifted(outer: &Member, found: MemberPath) -> Result<MemberPath, TypeError> {
    let bit_offset = outer.bit_offset.checked_add(found.bit_offset).ok_or(TypeError::Damaged(outer.ty))?;
    Ok(MemberPath { bit_offset, ..found })
}
