//! BTF: the kernel's own description of its types (kernel/bpf/btf.c, include/uapi/linux/btf.h; vmlinux since 5.2,
//! modules since 5.11).
//!
//! Opening makes one pass over the type section to learn where each entry begins; entries are decoded when asked
//! for, and the index by name is built at the first [`Types::find`].

mod decode;
mod header;
mod scan;
#[cfg(test)]
mod tests;

use std::sync::{Arc, OnceLock};

use necropsy_base::Abi;

use crate::name_index::{NameIndex, Poly};
use crate::types::{Kind, Name, Type, TypeError, TypeId, Types};
use header::Header;

/// How many tables may be split off one another; kernels have two: vmlinux and the module.
const MAX_BASES: u32 = 8;

/// Why bytes are not BTF.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BtfError {
    /// The first bytes are not those of BTF in this byte order.
    #[error("not BTF: magic {0:#06x} instead of 0xeb9f")]
    Magic(u16),
    /// A version other than 1.
    #[error("BTF version {0}")]
    Version(u8),
    /// Too few bytes for a header, or a header that claims to be too short.
    #[error("BTF header of {0} bytes")]
    ShortHeader(usize),
    /// A section outside of the bytes.
    #[error("BTF {section} section {start:#x}..{end:#x} of {len:#x} bytes")]
    Section {
        /// `type`, `string` or `layout`.
        section: &'static str,
        /// Its first byte.
        start: u64,
        /// The byte after its last.
        end: u64,
        /// How many bytes there are.
        len: usize,
    },
    /// An entry of a kind that neither this program nor the table's layout section knows: nothing after it can be
    /// found.
    #[error("BTF type {id} has unknown kind {kind}")]
    UnknownKind {
        /// Its number.
        id: u32,
        /// Its kind.
        kind: u8,
    },
    /// An entry that the section ends in.
    #[error("BTF type {id} is cut off")]
    CutOff {
        /// Its number.
        id: u32,
    },
    /// The base of split BTF must be complete, or all numbers are off.
    #[error("base BTF is damaged: {0}")]
    DamagedBase(Box<BtfError>),
    /// A base of a base of a base.
    #[error("BTF split too many times")]
    TooManyBases,
}

/// A table of types in BTF.
///
/// In cache lines of its own: all threads read it all the time, and how often it is shared is counted right before it.
#[repr(align(128))]
pub struct Btf {
    bytes: Arc<Vec<u8>>,
    abi: Abi,
    header: Header,
    base: Option<Arc<Btf>>,
    /// How many bases there are below.
    bases: u32,
    /// Number of the first type of this table: one more than the base's last.
    first: u32,
    /// Offset of the first string: the length of the base's strings.
    first_string: u32,
    /// Where in `bytes` the type `first + i` begins.
    offsets: Vec<u32>,
    damage: Option<BtfError>,
    by_name: OnceLock<NameIndex>,
}

impl Btf {
    /// Opens a table. Split BTF, as modules have it, needs the table it was split off as `base`.
    ///
    /// Damage in the middle does not fail: the types before it are there, and [`Btf::damage`] tells.
    pub fn parse(bytes: Vec<u8>, abi: Abi, base: Option<Arc<Btf>>) -> Result<Btf, BtfError> {
        let header = Header::parse(&bytes, abi)?;
        let mut btf = Btf {
            bytes: Arc::new(bytes),
            abi,
            header,
            bases: 0,
            first: 1,
            first_string: 0,
            offsets: Vec::new(),
            damage: None,
            by_name: OnceLock::new(),
            base: None,
        };
        btf.found(base)?;
        (btf.offsets, btf.damage) = scan::scan(&btf.bytes, &btf.header, abi, btf.first);
        Ok(btf)
    }

    /// Total length from the first bytes (24 or more, as many as there are) of a table.
    pub fn size_in_header(head: &[u8], abi: Abi) -> Option<u64> {
        Header::size(head, abi)
    }

    fn found(&mut self, base: Option<Arc<Btf>>) -> Result<(), BtfError> {
        let Some(base) = base else { return Ok(()) };
        if let Some(damage) = &base.damage {
            return Err(BtfError::DamagedBase(Box::new(damage.clone())));
        }
        self.bases = base.bases + 1;
        if self.bases > MAX_BASES {
            return Err(BtfError::TooManyBases);
        }
        self.first = base.len() as u32;
        self.first_string = base.first_string.saturating_add(base.header.strings.len() as u32);
        self.base = Some(base);
        Ok(())
    }

    /// How many types there are, `void` and the base's included: ids are below.
    pub fn len(&self) -> usize {
        self.first as usize + self.offsets.len()
    }

    /// Whether there is nothing but `void`.
    pub fn is_empty(&self) -> bool {
        self.len() <= 1
    }

    /// What stopped the pass over the types, if it did not reach the end.
    pub fn damage(&self) -> Option<&BtfError> {
        self.damage.as_ref()
    }

    /// The table this one was split off.
    pub fn base(&self) -> Option<&Arc<Btf>> {
        self.base.as_ref()
    }

    /// All ids of this table, the base's left out.
    pub fn own_ids(&self) -> impl Iterator<Item = TypeId> + use<> {
        (self.first..self.len() as u32).map(TypeId)
    }

    /// Ids and names of the entries of one kind in this table, the base's left out; nameless entries too.
    pub fn named(&self, kind: Kind) -> impl Iterator<Item = (TypeId, Name)> + '_ {
        let ids = self.own_ids().filter(move |id| self.is(kind, *id));
        ids.map(|id| (id, self.entry(id).map(|e| self.name(e.name)).unwrap_or_else(|| Name::from(""))))
    }

    /// The functions of this table, the base's left out.
    pub fn funcs(&self) -> impl Iterator<Item = (TypeId, Name)> + '_ {
        self.named(Kind::Func)
    }

    /// The variables of this table, the base's left out: kernels describe only per-CPU ones.
    pub fn vars(&self) -> impl Iterator<Item = (TypeId, Name)> + '_ {
        self.named(Kind::Var)
    }

    /// Bytes from the start to the end of a string of this table, the base's left out.
    fn own_string(&self, offset: u32) -> Option<(usize, usize)> {
        let strings = self.header.strings.clone();
        let start = strings.start.checked_add(offset.checked_sub(self.first_string)? as usize)?;
        let tail = self.bytes.get(start..strings.end)?;
        Some((start, memchr::memchr(0, tail).unwrap_or(tail.len())))
    }

    /// The string at an offset, which may lie in the base. A loop, not recursion.
    fn string(&self, offset: u32) -> (&Arc<Vec<u8>>, usize, usize) {
        let mut table = self;
        while let (true, Some(base)) = (offset < table.first_string, &table.base) {
            table = base;
        }
        let (start, len) = table.own_string(offset).unwrap_or((0, 0));
        (&table.bytes, start, len)
    }

    fn name(&self, offset: u32) -> Name {
        let (table, start, len) = self.string(offset);
        Name::new(table, start, len)
    }

    fn text(&self, offset: u32) -> &[u8] {
        let (table, start, len) = self.string(offset);
        table.get(start..start + len).unwrap_or_default()
    }

    /// The table that holds a type.
    fn holder(&self, id: TypeId) -> &Btf {
        let mut table = self;
        while let (true, Some(base)) = (id.0 < table.first, &table.base) {
            table = base;
        }
        table
    }

    fn index(&self) -> &NameIndex {
        self.by_name.get_or_init(|| {
            let entries = self.own_ids().filter_map(|id| Some((id, self.entry(id)?)));
            let named = entries.filter(|(_, e)| e.name != 0 && e.kind != scan::DECL_TAG);
            NameIndex::build(named.map(|(id, e)| (id.0, Poly::of(self.text(e.name)))), self.offsets.len())
        })
    }

    fn find_own(&self, kind: Kind, name: &str) -> Option<TypeId> {
        let named = |id: TypeId| self.entry(id).is_some_and(|e| self.text(e.name) == name.as_bytes());
        let ids = self.index().candidates(Poly::of(name.as_bytes())).iter().map(|id| TypeId(*id));
        ids.into_iter().find(|id| self.is(kind, *id) && named(*id))
    }
}

impl Types for Btf {
    fn get(&self, id: TypeId) -> Result<Type, TypeError> {
        match id {
            TypeId::VOID => Ok(Type::Void),
            id => self.holder(id).decode(id),
        }
    }

    fn find(&self, kind: Kind, name: &str) -> Option<TypeId> {
        let mut table = self;
        loop {
            if let Some(found) = table.find_own(kind, name) {
                return Some(found);
            }
            table = table.base.as_deref()?;
        }
    }

    fn abi(&self) -> Abi {
        self.abi
    }
}
