//! A typed place in memory.

use std::sync::Arc;

use necropsy_base::{Memory, VirtAddr};
use necropsy_debuginfo::{Kind, Type, TypeError, TypeId, Types};

use crate::debug::Debug;
use crate::load::{number, slot};
use crate::{LoadError, SlotKind, Target};

/// A type and the table it is in.
#[derive(Clone)]
pub struct TypeRef {
    /// The table.
    pub table: Arc<dyn Types>,
    /// The type.
    pub id: TypeId,
}

/// Why a value has no such part.
pub type ValueError = LoadError;

/// A place in kernel memory with the type of what lies there.
#[derive(Clone)]
pub struct Value {
    /// Its type.
    pub ty: TypeRef,
    /// Where it lies.
    pub at: VirtAddr,
    /// Lowest bit and width, when it is a bit-field: the bit counts from `at`.
    pub bits: Option<(u64, u32)>,
}

impl TypeRef {
    /// The type without typedefs and qualifiers.
    pub fn strip(&self) -> Result<Type, TypeError> {
        Ok(self.table.strip(self.id)?.1)
    }
    /// Size in bytes.
    pub fn size(&self) -> Result<u64, TypeError> {
        self.table.size_of(self.id)
    }
    /// As C writes it.
    pub fn name(&self) -> String {
        self.table.name_of(self.id)
    }
    /// The same table's type `id`.
    pub fn other(&self, id: TypeId) -> TypeRef {
        TypeRef { table: self.table.clone(), id }
    }
}

impl Target {
    /// A type by its name: `task_struct`, `struct task_struct`, `list_head`, `u64`; the kernel's, else a module's.
    pub fn type_named(&self, name: &str) -> Option<TypeRef> {
        let kernel = self.types().ok()?;
        let in_kernel = named_in(kernel, name);
        let in_modules = || {
            self.module_types()
                .iter()
                .find_map(|(_, table)| named_in(&(table.clone() as Arc<dyn Types>), name))
        };
        in_kernel.or_else(in_modules).or_else(|| self.type_by_dwarf(name))
    }

    /// A type that only files with debugging information know, of the modules whose files are open, or of the kernel.
    fn type_by_dwarf(&self, name: &str) -> Option<TypeRef> {
        let files = self.modules().list.iter().filter_map(|m| self.module_debug_loaded(&m.name));
        let named = |debug: &Debug| named_in(&(debug.types.clone() as Arc<dyn Types>), name);
        files.into_iter().find_map(|d| named(&d)).or_else(|| named(self.kernel_debug()?))
    }

    /// The type of a variable by a file with debugging information, if one describes it.
    pub fn global_type(&self, name: &str, at: VirtAddr) -> Option<TypeRef> {
        let debug = self.debug_at(at)?;
        let globals = debug.file.globals(name);
        let here = at.0.wrapping_sub(debug.bias);
        let global = globals.iter().find(|g| g.address == Some(here))?;
        let id = debug.types.of_global(global)?;
        Some(TypeRef { table: debug.types.clone(), id })
    }

    /// The type of a per-CPU variable, which BTF knows; of other variables it does not.
    pub fn percpu_type(&self, name: &str) -> Option<TypeRef> {
        let table = self.types().ok()?;
        let Type::Var { ty, .. } = table.get(table.find(Kind::Var, name)?).ok()? else {
            return None;
        };
        Some(TypeRef { table: table.clone(), id: ty })
    }
}

fn named_in(table: &Arc<dyn Types>, name: &str) -> Option<TypeRef> {
    let kinds: &[Kind] = match name.split_once(' ').map(|p| p.0) {
        Some("struct") => &[Kind::Struct],
        Some("union") => &[Kind::Union],
        Some("enum") => &[Kind::Enum],
        _ => &[Kind::Struct, Kind::Union, Kind::Typedef, Kind::Enum, Kind::Int],
    };
    let bare = ["struct ", "union ", "enum "].iter().find_map(|p| name.strip_prefix(p)).unwrap_or(name);
    let id = kinds.iter().find_map(|k| table.find(*k, bare.trim()))?;
    Some(TypeRef { table: table.clone(), id })
}

impl Value {
    /// A whole object.
    pub fn new(ty: TypeRef, at: VirtAddr) -> Value {
        Value { ty, at, bits: None }
    }

    /// A member by path.
    pub fn member(&self, path: &str) -> Result<Value, LoadError> {
        let m = self.ty.table.member(self.ty.id, path)?;
        let ty = self.ty.other(m.ty);
        Ok(match m.bit_size {
            None => Value::new(ty, self.at.offset(m.offset())),
            Some(width) => {
                Value { ty, at: self.at.offset(m.offset()), bits: Some((m.bit_offset % 8, width)) }
            }
        })
    }

    /// The number that lies there.
    pub fn number(&self, t: &Target) -> Result<i128, LoadError> {
        self.number_in(t.memory())
    }

    /// The same, read from `memory`.
    pub fn number_in(&self, memory: &dyn Memory) -> Result<i128, LoadError> {
        let (low, width) = self.bits.map_or((0, None), |(low, width)| (low, Some(width)));
        let slot = slot(self.ty.table.as_ref(), self.ty.id, low, width)?;
        let mut buf = vec![0; slot.size.min(8) as usize];
        memory.read(self.at.offset(slot.offset), &mut buf)?;
        Ok(number(memory.abi(), &buf, &slot))
    }

    /// The bytes that lie there; at most 64 KiB.
    pub fn bytes(&self, t: &Target) -> Result<Vec<u8>, LoadError> {
        let mut buf = vec![0; self.ty.size()?.min(1 << 16) as usize];
        t.memory().read(self.at, &mut buf)?;
        Ok(buf)
    }

    /// Whether it is a number, an address, an array or a struct.
    pub fn kind(&self) -> Result<SlotKind, LoadError> {
        Ok(slot(self.ty.table.as_ref(), self.ty.id, 0, None)?.kind)
    }
}
