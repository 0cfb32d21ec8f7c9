//! Filling Rust structs from kernel structs by member name; see `necropsy_target_derive` for how to declare them.

use std::sync::Arc;

use necropsy_base::{Abi, ReadError, VirtAddr};
use necropsy_debuginfo::{Kind, Type, TypeId, Types};

use crate::{LoadError, Member, Target};

/// A Rust struct with a kernel struct behind it.
pub trait Load: Sized {
    /// Whether this kernel has the struct and the members that are not optional.
    fn resolves(t: &Target) -> Result<(), LoadError>;
    /// Reads the struct at `at`.
    fn load(t: &Target, at: VirtAddr) -> Result<Self, LoadError>;
}

/// What a `#[derive(Load)]` declared.
#[derive(Debug)]
pub struct Spec {
    /// Name of the kernel's struct or typedef; `a|b` for alternatives.
    pub name: &'static str,
    /// The members wanted.
    pub fields: &'static [FieldSpec],
}

/// One member wanted.
#[derive(Debug)]
pub struct FieldSpec {
    /// Its path; `a|b` for alternatives.
    pub paths: &'static str,
    /// A kernel without it is fine.
    pub optional: bool,
    /// Only its address is wanted.
    pub address: bool,
}

/// Where a member lies in this kernel, and what it is.
#[derive(Clone, Debug)]
pub struct Slot {
    /// Bytes from the start of the struct.
    pub offset: u64,
    /// Size in bytes.
    pub size: u64,
    /// Lowest bit and width, for bit-fields.
    pub bits: Option<(u32, u32)>,
    /// What the bytes mean.
    pub kind: SlotKind,
}

/// What the bytes of a member mean.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SlotKind {
    /// A number; whether it has a sign.
    Number(bool),
    /// An address.
    Pointer,
    /// `len` elements of `stride` bytes; the numbers in it have a sign or not.
    Array {
        /// Bytes from one element to the next.
        stride: u64,
        /// How many.
        len: u64,
        /// Whether elements are signed.
        signed: bool,
    },
    /// A struct or union.
    Struct,
}

/// A [`Spec`] resolved against one kernel.
#[derive(Debug)]
pub struct Plan {
    slots: Vec<Option<Slot>>,
    /// What to read, in as few reads as make sense.
    spans: Vec<(u64, usize)>,
}

/// Members closer together than this are read at once.
const GAP: u64 = 128;

impl Plan {
    pub(crate) fn resolve(types: &dyn Types, spec: &'static Spec) -> Result<Plan, LoadError> {
        let ty = find_struct(types, spec.name).ok_or_else(|| LoadError::NoStruct(spec.name.into()))?;
        let slots = spec
            .fields
            .iter()
            .map(|f| resolve_field(types, ty, spec.name, f))
            .collect::<Result<Vec<_>, _>>()?;
        let mut wanted: Vec<(u64, u64)> = (slots.iter().zip(spec.fields))
            .filter(|(_, f)| !f.address)
            .filter_map(|(s, _)| s.as_ref().map(|s| (s.offset, s.offset + s.size)))
            .filter(|(start, end)| end > start && end - start <= 1 << 16)
            .collect();
        wanted.sort_unstable();
        let mut spans: Vec<(u64, u64)> = Vec::new();
        for (start, end) in wanted {
            match spans.last_mut() {
                Some(last) if start <= last.1 + GAP => last.1 = last.1.max(end),
                _ => spans.push((start, end)),
            }
        }
        Ok(Plan { slots, spans: spans.into_iter().map(|(s, e)| (s, (e - s) as usize)).collect() })
    }
}

pub(crate) fn find_struct(types: &dyn Types, names: &str) -> Option<TypeId> {
    let kinds = [Kind::Struct, Kind::Union, Kind::Typedef];
    names.split('|').find_map(|n| kinds.iter().find_map(|k| types.find(*k, n)))
}

fn resolve_field(
    types: &dyn Types,
    ty: TypeId,
    of: &'static str,
    field: &'static FieldSpec,
) -> Result<Option<Slot>, LoadError> {
    match field.paths.split('|').find_map(|p| types.member(ty, p).ok()) {
        Some(m) => slot(types, m.ty, m.bit_offset, m.bit_size).map(Some),
        None if field.optional => Ok(None),
        None => Err(LoadError::NoMember { of, path: field.paths }),
    }
}

/// What a member of type `ty` at `bit_offset` is to a reader.
pub(crate) fn slot(
    types: &dyn Types,
    ty: TypeId,
    bit_offset: u64,
    bit_size: Option<u32>,
) -> Result<Slot, LoadError> {
    let (_, stripped) = types.strip(ty)?;
    let kind = match stripped {
        Type::Int { signed, .. } | Type::Enum { signed, .. } => SlotKind::Number(signed),
        Type::Pointer(_) => SlotKind::Pointer,
        Type::Array { elem, len } => {
            let signed = matches!(types.strip(elem)?.1, Type::Int { signed: true, .. });
            SlotKind::Array { stride: types.size_of(elem)?, len, signed }
        }
        _ => SlotKind::Struct,
    };
    let Some(width) = bit_size else {
        let size = types.size_of(ty).unwrap_or(0);
        return Ok(Slot { offset: bit_offset / 8, size, bits: None, kind });
    };
    // A bit-field: the bytes that hold it, and where in them it stands.
    let first = bit_offset / 8;
    let last = (bit_offset + u64::from(width)).div_ceil(8);
    let size = (last - first).min(8);
    let low = (bit_offset - first * 8) as u32;
    let low = match types.abi().endian {
        necropsy_base::Endian::Little => low,
        necropsy_base::Endian::Big => (size as u32 * 8).saturating_sub(low + width),
    };
    Ok(Slot { offset: first, size, bits: Some((low, width)), kind })
}

/// The bytes of one struct, being taken apart.
pub struct Fields<'t> {
    target: &'t Target,
    spec: &'static Spec,
    plan: Arc<Plan>,
    at: VirtAddr,
    bytes: Vec<u8>,
    failed: bool,
}

impl<'t> Fields<'t> {
    pub(crate) fn read(target: &'t Target, spec: &'static Spec, plan: Arc<Plan>, at: VirtAddr) -> Self {
        let mut bytes = vec![0; plan.spans.iter().map(|s| s.1).sum()];
        let mut rest = &mut bytes[..];
        let mut failed = false;
        for (offset, len) in &plan.spans {
            let (part, more) = std::mem::take(&mut rest).split_at_mut(*len);
            rest = more;
            failed |= target.memory().read(at.offset(*offset), part).is_err();
        }
        Fields { target, spec, plan, at, bytes, failed }
    }

    /// Address of the struct.
    pub fn at(&self) -> VirtAddr {
        self.at
    }
    /// The kernel it is from.
    pub fn target(&self) -> &'t Target {
        self.target
    }
    /// Byte order and pointer width.
    pub fn abi(&self) -> Abi {
        self.target.abi()
    }

    /// The value of the `index`th member.
    pub fn take<M: Member>(&self, index: usize) -> Result<M, LoadError> {
        M::take(self, index)
    }

    /// Where the `index`th member lies; `None` when this kernel has none.
    pub fn slot(&self, index: usize) -> Option<&Slot> {
        self.plan.slots.get(index).and_then(Option::as_ref)
    }

    /// The slot of a member that must be there.
    pub fn need(&self, index: usize) -> Result<&Slot, LoadError> {
        let path = self.path(index);
        self.slot(index).ok_or(LoadError::NoMember { of: self.spec.name, path })
    }

    /// The member's name, for messages.
    pub fn path(&self, index: usize) -> &'static str {
        self.spec.fields.get(index).map_or("?", |f| f.paths)
    }

    /// The bytes of a member.
    pub fn bytes(&self, index: usize) -> Result<Vec<u8>, LoadError> {
        let slot = self.need(index)?;
        let size = (slot.size as usize).min(1 << 16);
        if !self.failed
            && let Some(found) = self.in_spans(slot.offset, size)
        {
            return Ok(found.to_vec());
        }
        // Some part of the struct is missing: this member may still be there.
        let mut buf = vec![0; size];
        let read = self.target.memory().read(self.at.offset(slot.offset), &mut buf);
        read.map_err(|cause| self.unreadable(index, cause))?;
        Ok(buf)
    }

    fn in_spans(&self, offset: u64, size: usize) -> Option<&[u8]> {
        let mut before = 0;
        for (start, len) in &self.plan.spans {
            if offset >= *start && offset + size as u64 <= start + *len as u64 {
                let from = before + (offset - start) as usize;
                return self.bytes.get(from..from + size);
            }
            before += len;
        }
        None
    }

    /// A number, with its sign extended.
    pub fn number(&self, index: usize) -> Result<i128, LoadError> {
        let slot = self.need(index)?;
        let bytes = self.bytes(index)?;
        Ok(number(self.abi(), &bytes, slot))
    }

    /// The error of a value that does not fit.
    pub fn unfit(&self, index: usize, found: impl ToString, wanted: &'static str) -> LoadError {
        LoadError::Unfit {
            of: self.spec.name,
            path: self.path(index),
            at: self.at,
            found: found.to_string(),
            wanted,
        }
    }

    fn unreadable(&self, index: usize, cause: ReadError) -> LoadError {
        LoadError::Read { of: self.spec.name, path: self.path(index), at: self.at, cause }
    }
}

/// The number in `bytes`: bit-fields cut out, the sign extended.
pub(crate) fn number(abi: Abi, bytes: &[u8], slot: &Slot) -> i128 {
    let signed = matches!(slot.kind, SlotKind::Number(true));
    match slot.bits {
        Some((low, width)) => {
            let raw = abi.uint(bytes) >> low.min(63) & (u64::MAX >> (64 - width.clamp(1, 64)));
            let unused = 64 - width.clamp(1, 64);
            if signed { i128::from((raw << unused) as i64 >> unused) } else { i128::from(raw) }
        }
        None if signed => i128::from(abi.int(bytes)),
        None => i128::from(abi.uint(bytes)),
    }
}
