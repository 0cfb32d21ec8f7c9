//! One entry of the table as a [`Type`].

use necropsy_base::{Cursor, OutOfBounds};

use super::Btf;
use super::scan::*;
use crate::types::{Kind, Member, Name, Qualifier, SecVar, Type, TypeError, TypeId};

/// The common part of an entry.
#[derive(Clone, Copy)]
pub(super) struct Entry {
    pub(super) name: u32,
    pub(super) kind: u8,
    count: u32,
    flag: bool,
    /// Size in bytes or the type referred to, by kind.
    rest: u32,
}

impl Btf {
    fn cursor(&self, id: TypeId) -> Option<Cursor<'_>> {
        let index = id.0.checked_sub(self.first)? as usize;
        let section = self.bytes.get(..self.header.types.end)?;
        Some(Cursor::at(section, self.abi, *self.offsets.get(index)? as usize))
    }

    /// The common part of a type of this table, the base's left out.
    pub(super) fn entry(&self, id: TypeId) -> Option<Entry> {
        entry(&mut self.cursor(id)?).ok()
    }

    /// Whether a type of this table is of a kind that can be looked for.
    pub(super) fn is(&self, kind: Kind, id: TypeId) -> bool {
        let Some(entry) = self.entry(id) else { return false };
        match kind {
            Kind::Any => true,
            Kind::Struct => entry.kind == STRUCT,
            Kind::Union => entry.kind == UNION,
            // An enum without values is a declaration.
            Kind::Enum => matches!(entry.kind, ENUM | ENUM64) && entry.count > 0,
            Kind::Typedef => entry.kind == TYPEDEF,
            Kind::Int => entry.kind == INT,
            Kind::Float => entry.kind == FLOAT,
            Kind::Func => entry.kind == FUNC,
            Kind::Var => entry.kind == VAR,
            Kind::DataSec => entry.kind == DATASEC,
        }
    }

    /// A type of this table, the base's left out.
    pub(super) fn decode(&self, id: TypeId) -> Result<Type, TypeError> {
        let mut c = self.cursor(id).ok_or(TypeError::NoType(id))?;
        self.decode_at(&mut c).map_err(|_| TypeError::Damaged(id))
    }

    fn decode_at(&self, c: &mut Cursor<'_>) -> Result<Type, OutOfBounds> {
        let e = entry(c)?;
        let (name, to, size) = (self.name(e.name), TypeId(e.rest), u64::from(e.rest));
        Ok(match e.kind {
            INT => int(name, size, c.u32()?),
            FLOAT => Type::Float { name, size },
            PTR => Type::Pointer(to),
            ARRAY => array(c)?,
            STRUCT | UNION => Type::Struct {
                union: e.kind == UNION,
                name: some(name),
                size,
                members: self.list(c, e.count, |c| self.one_member(c, e.flag))?,
            },
            ENUM | ENUM64 => self.enumeration(c, e, name)?,
            FWD => Type::Fwd { name, kind: if e.flag { Kind::Union } else { Kind::Struct } },
            TYPEDEF => Type::Typedef { name, to },
            CONST => Type::Qualified { what: Qualifier::Const, to },
            VOLATILE => Type::Qualified { what: Qualifier::Volatile, to },
            RESTRICT => Type::Qualified { what: Qualifier::Restrict, to },
            TYPE_TAG => Type::Qualified { what: Qualifier::TypeTag(name), to },
            FUNC => Type::Func { name, proto: to, linkage: e.count },
            FUNC_PROTO => self.proto(c, e.count, to)?,
            VAR => Type::Var { name, ty: to, linkage: c.u32()? },
            DATASEC => Type::DataSec { name, size, vars: self.list(c, e.count, sec_var)? },
            DECL_TAG => Type::DeclTag { name, to, component: c.i32()? },
            kind => Type::Unknown { kind },
        })
    }

    /// `count` elements; no more memory than bytes are left for them.
    fn list<'a, T>(
        &self,
        c: &mut Cursor<'a>,
        count: u32,
        mut one: impl FnMut(&mut Cursor<'a>) -> Result<T, OutOfBounds>,
    ) -> Result<Vec<T>, OutOfBounds> {
        let mut all = Vec::with_capacity((count as usize).min(c.remaining() / 8));
        for _ in 0..count {
            all.push(one(c)?);
        }
        Ok(all)
    }

    fn one_member(&self, c: &mut Cursor<'_>, sized: bool) -> Result<Member, OutOfBounds> {
        let (name, ty, at) = (some(self.name(c.u32()?)), TypeId(c.u32()?), c.u32()?);
        // With the flag the offset carries the width of a bit-field in its top byte, 0 for ordinary members.
        let (bits, at) = if sized { (at >> 24, at & 0x00ff_ffff) } else { (0, at) };
        Ok(Member { name, ty, bit_offset: u64::from(at), bit_size: (bits > 0).then_some(bits) })
    }

    fn enumeration(&self, c: &mut Cursor<'_>, e: Entry, name: Name) -> Result<Type, OutOfBounds> {
        if e.count == 0 && !name.is_empty() {
            return Ok(Type::Fwd { name, kind: Kind::Enum });
        }
        let values = self.list(c, e.count, |c| {
            let name = self.name(c.u32()?);
            let low = c.u32()?;
            let high = if e.kind == ENUM64 { Some(c.u32()?) } else { None };
            Ok((name, enum_value(low, high, e.flag)))
        })?;
        Ok(Type::Enum { name: some(name), size: u64::from(e.rest), signed: e.flag, values })
    }

    fn proto(&self, c: &mut Cursor<'_>, count: u32, ret: TypeId) -> Result<Type, OutOfBounds> {
        let mut params = self.list(c, count, |c| Ok((some(self.name(c.u32()?)), TypeId(c.u32()?))))?;
        // A last parameter without name and type stands for `...`.
        let variadic = matches!(params.last(), Some((None, TypeId::VOID)));
        if variadic {
            params.pop();
        }
        Ok(Type::FuncProto { ret, params, variadic })
    }
}

fn entry(c: &mut Cursor<'_>) -> Result<Entry, OutOfBounds> {
    let (name, info, rest) = (c.u32()?, c.u32()?, c.u32()?);
    let (kind, count) = kind_and_count(info);
    Ok(Entry { name, kind, count, flag: info >> 31 != 0, rest })
}

fn some(name: Name) -> Option<Name> {
    (!name.is_empty()).then_some(name)
}

/// The word behind INT: bits 0–7 width, 16–23 offset, 24 signed, 25 char, 26 bool.
fn int(name: Name, size: u64, word: u32) -> Type {
    let flag = |bit: u32| word >> bit & 1 != 0;
    Type::Int { name, size, signed: flag(24), char_: flag(25), boolean: flag(26), bits: word as u8 }
}

fn array(c: &mut Cursor<'_>) -> Result<Type, OutOfBounds> {
    let (elem, _index, len) = (TypeId(c.u32()?), c.u32()?, u64::from(c.u32()?));
    Ok(Type::Array { elem, len })
}

fn sec_var(c: &mut Cursor<'_>) -> Result<SecVar, OutOfBounds> {
    Ok(SecVar { var: TypeId(c.u32()?), offset: u64::from(c.u32()?), size: u64::from(c.u32()?) })
}

fn enum_value(low: u32, high: Option<u32>, signed: bool) -> i128 {
    match (high, signed) {
        (None, true) => i128::from(low as i32),
        (None, false) => i128::from(low),
        (Some(high), signed) => {
            let both = u64::from(high) << 32 | u64::from(low);
            if signed { i128::from(both as i64) } else { i128::from(both) }
        }
    }
}
