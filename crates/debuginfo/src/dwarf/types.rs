//! DWARF as a table of types.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use gimli::{AttributeValue, constants as dw};
use necropsy_base::Abi;

use super::entries::{Entry, Ref, reference};
use super::units::Open;
use super::{DebugFile, DwarfError};
use crate::types::{Kind, MAX_DEPTH, Member, Name, Qualifier, Type, TypeError, TypeId, Types};

/// Types that have no entry of their own (the inner dimensions of an array, the prototype of a function) are numbered from here.
const MADE: u32 = 0x7000_0000;
/// Entries of the file of `dwz` have this bit.
const ALT: u32 = 0x8000_0000;
/// Members, enumerators and parameters of one type.
const MAX_PARTS: usize = 1 << 17;
/// Names for the number that an enum is made of.
const MAX_UNDERLYING: usize = 8;
/// Types kept decoded.
const MAX_KEPT: usize = 1 << 16;

/// The types of a file. A [`TypeId`] is the offset of an entry in `.debug_info`.
pub struct DwarfTypes {
    file: Arc<DebugFile>,
    known: Mutex<HashMap<u32, Result<Type, TypeError>>>,
    made: Mutex<Vec<Type>>,
}

impl DwarfTypes {
    /// The types of `file`. Nothing is read yet.
    pub fn new(file: Arc<DebugFile>) -> DwarfTypes {
        DwarfTypes { file, known: Mutex::default(), made: Mutex::default() }
    }

    /// The file.
    pub fn file(&self) -> &Arc<DebugFile> {
        &self.file
    }

    /// The type of a variable.
    pub fn of_global(&self, global: &super::Global) -> Option<TypeId> {
        let id = TypeId(u32::try_from(global.at).ok()?);
        match self.get(id).ok()? {
            Type::Var { ty, .. } => Some(ty),
            _ => None,
        }
    }

    fn read(&self, id: TypeId) -> Result<Type, TypeError> {
        let at = (id.0 & !ALT) as usize;
        let file = match (id.0 & ALT, &self.file.alt) {
            (0, _) => &self.file,
            (_, Some(alt)) => alt,
            (_, None) => return Err(TypeError::NoType(id)),
        };
        let alt = id.0 & ALT;
        let decode = Decode { types: self, alt };
        let found = file.at_info(at, &mut |open, entry| Ok(decode.entry(open, entry, id)));
        found.unwrap_or(Err(TypeError::Damaged(id)))
    }

    fn make(&self, ty: Type) -> TypeId {
        let mut made = self.made.lock().unwrap_or_else(PoisonError::into_inner);
        let index = made.iter().position(|t| *t == ty).unwrap_or_else(|| {
            made.push(ty);
            made.len() - 1
        });
        TypeId(MADE.saturating_add(index as u32))
    }
}

impl Types for DwarfTypes {
    fn get(&self, id: TypeId) -> Result<Type, TypeError> {
        match id.0 {
            0 => return Ok(Type::Void),
            MADE..ALT => {
                let made = self.made.lock().unwrap_or_else(PoisonError::into_inner);
                return made.get((id.0 - MADE) as usize).cloned().ok_or(TypeError::NoType(id));
            }
            _ => {}
        }
        if let Some(found) = self.known.lock().unwrap_or_else(PoisonError::into_inner).get(&id.0) {
            return found.clone();
        }
        let found = self.read(id);
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if known.len() >= MAX_KEPT {
            known.clear();
        }
        known.insert(id.0, found.clone());
        found
    }

    fn find(&self, kind: Kind, name: &str) -> Option<TypeId> {
        self.file.type_named(kind, name).filter(|at| *at < MADE).map(TypeId)
    }

    fn abi(&self) -> Abi {
        self.file.abi()
    }

    /// Without looking for the definition of what is only declared: that would need the index of all names.
    fn is_char(&self, id: TypeId) -> bool {
        let mut at = id;
        for _ in 0..MAX_DEPTH {
            match self.get(at) {
                Ok(Type::Typedef { to, .. } | Type::Qualified { to, .. }) => at = to,
                Ok(Type::Int { name, size, char_, .. }) => {
                    return char_ || size == 1 && name.ends_with("char");
                }
                _ => return false,
            }
        }
        false
    }
}

struct Decode<'t> {
    types: &'t DwarfTypes,
    alt: u32,
}

impl Decode<'_> {
    fn entry<'x>(&self, open: &Open<'x>, entry: &Entry<'x>, id: TypeId) -> Result<Type, TypeError> {
        let damaged = |_: DwarfError| TypeError::Damaged(id);
        let to = || self.target(open, entry);
        let size = number(entry, dw::DW_AT_byte_size);
        let qualified = |what| Ok(Type::Qualified { what, to: to() });
        match entry.tag() {
            dw::DW_TAG_base_type => Ok(base(open, entry, size.unwrap_or(0))),
            dw::DW_TAG_pointer_type | dw::DW_TAG_reference_type | dw::DW_TAG_rvalue_reference_type => {
                Ok(Type::Pointer(to()))
            }
            dw::DW_TAG_structure_type | dw::DW_TAG_class_type | dw::DW_TAG_union_type => {
                let union = entry.tag() == dw::DW_TAG_union_type;
                let name = name(open, entry);
                if let (Some(name), true) = (&name, entry.has_attr(dw::DW_AT_declaration)) {
                    let kind = if union { Kind::Union } else { Kind::Struct };
                    return Ok(Type::Fwd { name: name.clone(), kind });
                }
                let members = self.members(open, entry).map_err(damaged)?;
                Ok(Type::Struct { union, name, size: size.unwrap_or(0), members })
            }
            dw::DW_TAG_enumeration_type => self.enumeration(open, entry, size).map_err(damaged),
            dw::DW_TAG_array_type => self.array(open, entry).map_err(damaged),
            dw::DW_TAG_typedef => Ok(match name(open, entry) {
                Some(name) => Type::Typedef { name, to: to() },
                None => return Err(TypeError::Damaged(id)),
            }),
            dw::DW_TAG_const_type => qualified(Qualifier::Const),
            dw::DW_TAG_volatile_type | dw::DW_TAG_atomic_type => qualified(Qualifier::Volatile),
            dw::DW_TAG_restrict_type => qualified(Qualifier::Restrict),
            dw::DW_TAG_unspecified_type => Ok(Type::Void),
            dw::DW_TAG_subroutine_type => self.prototype(open, entry).map_err(damaged),
            dw::DW_TAG_subprogram => {
                let proto = self.prototype(open, entry).map_err(damaged)?;
                let name = name(open, entry).ok_or(TypeError::Damaged(id))?;
                Ok(Type::Func { name, proto: self.types.make(proto), linkage: linkage(entry) })
            }
            dw::DW_TAG_variable | dw::DW_TAG_formal_parameter => {
                let ty = self.along(open, entry);
                let name = name(open, entry).ok_or(TypeError::Damaged(id))?;
                Ok(Type::Var { name, ty, linkage: linkage(entry) })
            }
            _ => Err(TypeError::NoType(id)),
        }
    }

    /// The type that an entry is made of.
    fn target<'x>(&self, open: &Open<'x>, entry: &Entry<'x>) -> TypeId {
        let to = entry.attr_value(dw::DW_AT_type).and_then(|v| reference(&v));
        to.and_then(|to| type_id(open, to, self.alt)).unwrap_or(TypeId::VOID)
    }

    fn along<'x>(&self, open: &Open<'x>, entry: &Entry<'x>) -> TypeId {
        let alt = self.alt;
        let found = open.along_origins(entry, &move |open, entry| {
            type_id(open, reference(&entry.attr_value(dw::DW_AT_type)?)?, alt)
        });
        found.unwrap_or(TypeId::VOID)
    }

    fn members<'x>(&self, open: &Open<'x>, of: &Entry<'x>) -> Result<Vec<Member>, DwarfError> {
        let mut out = Vec::new();
        children(open, of, &mut |entry| {
            // Static members of other languages have no place in the struct.
            if entry.tag() != dw::DW_TAG_member || entry.has_attr(dw::DW_AT_external) {
                return;
            }
            let (bit_offset, bit_size) = place(entry);
            out.push(Member { name: name(open, entry), ty: self.target(open, entry), bit_offset, bit_size });
        })?;
        Ok(out)
    }

    fn enumeration<'x>(
        &self,
        open: &Open<'x>,
        of: &Entry<'x>,
        size: Option<u64>,
    ) -> Result<Type, DwarfError> {
        let name_of = name(open, of);
        if let (Some(name), true) = (&name_of, of.has_attr(dw::DW_AT_declaration)) {
            return Ok(Type::Fwd { name: name.clone(), kind: Kind::Enum });
        }
        let signed = underlying_sign(open, of, MAX_UNDERLYING);
        let mut values: Vec<(Name, i128)> = Vec::new();
        children(open, of, &mut |entry| {
            let value = entry.attr(dw::DW_AT_const_value);
            if let (Some(name), Some(attr)) = (name(open, entry), value) {
                let signed_value = attr.sdata_value().map(i128::from);
                let unsigned = attr.udata_value().map(i128::from);
                let value =
                    if signed == Some(false) { unsigned.or(signed_value) } else { signed_value.or(unsigned) };
                values.extend(value.map(|v| (name, v)));
            }
        })?;
        let signed = signed.unwrap_or_else(|| values.iter().any(|(_, v)| *v < 0));
        Ok(Type::Enum { name: name_of, size: size.unwrap_or(4), signed, values })
    }

    /// C's `a[2][3]` is one entry with two ranges here, an array of arrays there.
    fn array<'x>(&self, open: &Open<'x>, of: &Entry<'x>) -> Result<Type, DwarfError> {
        let mut lens = Vec::new();
        children(open, of, &mut |entry| {
            if entry.tag() == dw::DW_TAG_subrange_type {
                let upper = || number(entry, dw::DW_AT_upper_bound).map(|n| n.wrapping_add(1));
                lens.push(number(entry, dw::DW_AT_count).or_else(upper).unwrap_or(0));
            }
        })?;
        let mut elem = self.target(open, of);
        while lens.len() > 1 {
            let len = lens.pop().unwrap_or(0);
            elem = self.types.make(Type::Array { elem, len });
        }
        Ok(Type::Array { elem, len: lens.pop().unwrap_or(0) })
    }

    fn prototype<'x>(&self, open: &Open<'x>, of: &Entry<'x>) -> Result<Type, DwarfError> {
        let (mut params, mut variadic) = (Vec::new(), false);
        children(open, of, &mut |entry| match entry.tag() {
            dw::DW_TAG_formal_parameter => params.push((name(open, entry), self.along(open, entry))),
            dw::DW_TAG_unspecified_parameters => variadic = true,
            _ => {}
        })?;
        Ok(Type::FuncProto { ret: self.along(open, of), params, variadic })
    }
}

/// Whether the number that an enum is made of has a sign, where the compiler says what it is made of.
fn underlying_sign<'x>(open: &Open<'x>, of: &Entry<'x>, left: usize) -> Option<bool> {
    let to = reference(&of.attr_value(dw::DW_AT_type)?)?;
    let left = left.checked_sub(1)?;
    let found = open.at(to, &mut |open, entry| {
        Ok(match entry.tag() {
            dw::DW_TAG_base_type => match base(open, entry, 1) {
                Type::Int { signed, .. } => Some(signed),
                _ => None,
            },
            _ => underlying_sign(open, entry, left),
        })
    });
    found.ok().flatten()
}

/// The number of the type that a reference means.
pub(crate) fn type_id(open: &Open<'_>, to: Ref, alt: u32) -> Option<TypeId> {
    let (at, alt) = match to {
        Ref::Unit(at) => (at.to_debug_info_offset(&open.unit.header)?.0, alt),
        Ref::Info(at) => (at, alt),
        Ref::Alt(at) => (at, ALT),
    };
    u32::try_from(at).ok().filter(|at| *at < MADE).map(|at| TypeId(at | alt))
}

/// Calls `f` for each entry directly inside of `of`.
fn children<'x>(open: &Open<'x>, of: &Entry<'x>, f: &mut dyn FnMut(&Entry<'x>)) -> Result<(), DwarfError> {
    if !of.has_children() {
        return Ok(());
    }
    let mut cursor = open.unit.entries_at_offset(of.offset())?;
    // To the entry itself, then to its first child.
    if !cursor.next_entry()? || !cursor.next_entry()? {
        return Ok(());
    }
    for _ in 0..MAX_PARTS {
        let Some(entry) = cursor.current() else { break };
        f(entry);
        if cursor.next_sibling()?.is_none() {
            break;
        }
    }
    Ok(())
}

fn name<'x>(open: &Open<'x>, entry: &Entry<'x>) -> Option<Name> {
    open.name(entry).filter(|n| !n.is_empty()).map(|n| Name::from(n.as_str()))
}

fn number(entry: &Entry<'_>, at: gimli::DwAt) -> Option<u64> {
    entry.attr(at)?.udata_value()
}

/// 0 static, 1 global, 2 extern: as BTF has it.
fn linkage(entry: &Entry<'_>) -> u32 {
    match (entry.has_attr(dw::DW_AT_external), entry.has_attr(dw::DW_AT_declaration)) {
        (_, true) => 2,
        (true, false) => 1,
        (false, false) => 0,
    }
}

fn base<'x>(open: &Open<'x>, entry: &Entry<'x>, size: u64) -> Type {
    let name = name(open, entry).unwrap_or_else(|| Name::from("(nameless)"));
    let encoding = match entry.attr_value(dw::DW_AT_encoding) {
        Some(AttributeValue::Encoding(e)) => e,
        _ => dw::DW_ATE_unsigned,
    };
    let int = |signed, boolean, char_| Type::Int {
        name: name.clone(),
        size,
        signed,
        boolean,
        char_,
        bits: size.saturating_mul(8).min(255) as u8,
    };
    match encoding {
        dw::DW_ATE_float | dw::DW_ATE_complex_float => Type::Float { name, size },
        dw::DW_ATE_boolean => int(false, true, false),
        dw::DW_ATE_signed => int(true, false, false),
        dw::DW_ATE_signed_char => int(true, false, size == 1),
        dw::DW_ATE_unsigned_char => int(false, false, size == 1),
        _ => int(false, false, false),
    }
}

/// Where a member lies, in bits, and its width if it is a bit-field.
fn place(entry: &Entry<'_>) -> (u64, Option<u32>) {
    let bytes = number(entry, dw::DW_AT_data_member_location).unwrap_or(0);
    let start = bytes.saturating_mul(8);
    let Some(width) = number(entry, dw::DW_AT_bit_size).and_then(|n| u32::try_from(n).ok()) else {
        return (start, None);
    };
    if let Some(offset) = number(entry, dw::DW_AT_data_bit_offset) {
        return (
            offset.saturating_add(if entry.has_attr(dw::DW_AT_data_member_location) { start } else { 0 }),
            Some(width),
        );
    }
    // DWARF 2 and 3: bits from the most significant end of a storage unit. Little-endian machines count from the other.
    let unit = number(entry, dw::DW_AT_byte_size).unwrap_or(4).saturating_mul(8);
    let from_top = number(entry, dw::DW_AT_bit_offset).unwrap_or(0);
    (start.saturating_add(unit.saturating_sub(from_top).saturating_sub(u64::from(width))), Some(width))
}
