//! One form for types, whatever described them.

mod at;
mod layout;
mod name;
mod path;
mod size;
#[cfg(test)]
mod tests;

use necropsy_base::Abi;

pub use at::MemberAt;
pub use name::Name;
pub use path::MemberPath;

/// How deep types may nest: pointers to pointers, typedefs of typedefs, structs in structs.
pub const MAX_DEPTH: usize = 64;

/// Number of a type in its table; 0 is `void`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TypeId(pub u32);

impl TypeId {
    /// `void`.
    pub const VOID: TypeId = TypeId(0);
}

/// A C type.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Type {
    /// Nothing.
    Void,
    /// A whole number.
    Int {
        /// `unsigned long`.
        name: Name,
        /// Size in bytes.
        size: u64,
        /// Whether it has a sign.
        signed: bool,
        /// Whether it is `_Bool`.
        boolean: bool,
        /// Whether it holds characters. BTF made by pahole never says so; see [`Types::is_char`].
        char_: bool,
        /// Bits in use; less than `8 * size` only in the bit-field types of BTF before 4.20.
        bits: u8,
    },
    /// A floating point number.
    Float {
        /// `double`.
        name: Name,
        /// Size in bytes.
        size: u64,
    },
    /// An address of something.
    Pointer(TypeId),
    /// `len` times the same.
    Array {
        /// What repeats.
        elem: TypeId,
        /// How often; 0 for a flexible array.
        len: u64,
    },
    /// A struct or a union.
    Struct {
        /// Whether the members lie on top of each other.
        union: bool,
        /// `None` for an anonymous one.
        name: Option<Name>,
        /// Size in bytes.
        size: u64,
        /// In the order of the source.
        members: Vec<Member>,
    },
    /// Named numbers.
    Enum {
        /// `None` for an anonymous one.
        name: Option<Name>,
        /// Size in bytes.
        size: u64,
        /// Whether the values have a sign.
        signed: bool,
        /// Each name with its number.
        values: Vec<(Name, i128)>,
    },
    /// A struct, union or enum of which only the name is known.
    Fwd {
        /// The name.
        name: Name,
        /// What it stands for: [`Kind::Struct`], [`Kind::Union`] or [`Kind::Enum`].
        kind: Kind,
    },
    /// Another name for a type.
    Typedef {
        /// The new name.
        name: Name,
        /// The type it names.
        to: TypeId,
    },
    /// A type with a qualifier.
    Qualified {
        /// Which one.
        what: Qualifier,
        /// The type it qualifies.
        to: TypeId,
    },
    /// A function.
    Func {
        /// Its name.
        name: Name,
        /// Its [`Type::FuncProto`].
        proto: TypeId,
        /// 0 static, 1 global, 2 extern.
        linkage: u32,
    },
    /// What a function takes and gives.
    FuncProto {
        /// What it returns.
        ret: TypeId,
        /// Parameters with their names, where known.
        params: Vec<(Option<Name>, TypeId)>,
        /// Whether more arguments may follow.
        variadic: bool,
    },
    /// A variable.
    Var {
        /// Its name.
        name: Name,
        /// Its type.
        ty: TypeId,
        /// 0 static, 1 global, 2 extern.
        linkage: u32,
    },
    /// A section and the variables in it; kernels have one, `.data..percpu`.
    DataSec {
        /// The section's name.
        name: Name,
        /// Size in bytes.
        size: u64,
        /// Where each variable lies.
        vars: Vec<SecVar>,
    },
    /// An annotation of another entry; types never refer to it.
    DeclTag {
        /// What it says.
        name: Name,
        /// What it is about.
        to: TypeId,
        /// Which member or parameter; -1 for the whole.
        component: i32,
    },
    /// An entry of a kind newer than this program, skipped by the table's own layout section.
    Unknown {
        /// The kind's number.
        kind: u8,
    },
}

/// A member of a struct or union.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Member {
    /// `None` for an anonymous struct or union, whose members count as the outer one's.
    pub name: Option<Name>,
    /// Its type.
    pub ty: TypeId,
    /// Bits from the start of the struct.
    pub bit_offset: u64,
    /// Width of a bit-field; `None` for ordinary members.
    pub bit_size: Option<u32>,
}

/// A variable in a [`Type::DataSec`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SecVar {
    /// Its [`Type::Var`].
    pub var: TypeId,
    /// Bytes from the start of the section.
    pub offset: u64,
    /// Size in bytes.
    pub size: u64,
}

/// A qualifier.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Qualifier {
    /// `const`.
    Const,
    /// `volatile`.
    Volatile,
    /// `restrict`.
    Restrict,
    /// A compiler attribute: `user`, `rcu`, `percpu`.
    TypeTag(Name),
}

/// What to look for by name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    /// A struct with its members.
    Struct,
    /// A union with its members.
    Union,
    /// An enum with its values.
    Enum,
    /// A typedef.
    Typedef,
    /// A whole number.
    Int,
    /// A floating point number.
    Float,
    /// A function.
    Func,
    /// A variable.
    Var,
    /// A section.
    DataSec,
    /// Anything with a name, declarations included.
    Any,
}

/// Why a question about a type has no answer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TypeError {
    /// The table has no such entry.
    #[error("no type number {}", .0.0)]
    NoType(TypeId),
    /// The entry is cut off or refers outside of the table.
    #[error("type number {} is damaged", .0.0)]
    Damaged(TypeId),
    /// A chain of types that leads back to itself, or one deeper than any source has.
    #[error("type number {} never ends", .0.0)]
    Endless(TypeId),
    /// The struct has no member of this name.
    #[error("{of} has no member {member}")]
    NoMember {
        /// The struct.
        of: String,
        /// The member.
        member: String,
    },
    /// A member was asked of something that has none.
    #[error("{of} has no members, {member} was wanted")]
    NotStruct {
        /// The type.
        of: String,
        /// The member.
        member: String,
    },
    /// An index into something that is not an array.
    #[error("{of} is not an array")]
    NotArray {
        /// The type.
        of: String,
    },
    /// An index at or past the end.
    #[error("index {index} of an array of {len}")]
    Index {
        /// The index.
        index: u64,
        /// The array's length.
        len: u64,
    },
    /// A struct of which only the name is known, a function, `void`.
    #[error("{of} has no size")]
    NoSize {
        /// The type.
        of: String,
    },
    /// A member path that does not parse.
    #[error("bad member path {0:?}")]
    BadPath(String),
}

/// A table of types.
pub trait Types: Send + Sync {
    /// The type with this number.
    fn get(&self, id: TypeId) -> Result<Type, TypeError>;
    /// The first entry of this kind and name. A struct, union or enum is found only if the table has its members.
    fn find(&self, kind: Kind, name: &str) -> Option<TypeId>;
    /// Byte order and pointer width.
    fn abi(&self) -> Abi;

    /// The type without typedefs and qualifiers; a declaration is replaced by its definition, if there is one.
    fn strip(&self, id: TypeId) -> Result<(TypeId, Type), TypeError> {
        size::strip(self, id)
    }
    /// Size in bytes.
    fn size_of(&self, id: TypeId) -> Result<u64, TypeError> {
        size::size_of(self, id)
    }
    /// Where the member `path` of `ty` lies: `mm.pgd`, `comm[3]`, through anonymous structs and unions.
    /// Pointers are not followed.
    fn member(&self, ty: TypeId, path: &str) -> Result<MemberPath, TypeError> {
        path::resolve(self, ty, path)
    }
    /// The innermost member of `ty` at `offset`, as a load of `size` bytes from there would read it.
    fn member_at(&self, ty: TypeId, offset: u64, size: u64) -> Option<MemberAt> {
        at::find(self, ty, offset, size)
    }
    /// What is impossible about the layout of a struct: members that overlap, or lie outside of it. Then the table is damaged.
    fn contradiction(&self, ty: TypeId) -> Option<String> {
        layout::contradiction(self, ty)
    }
    /// How C names the type: `struct list_head`, `const char *`; short, for messages.
    fn name_of(&self, id: TypeId) -> String {
        size::name_of(self, id)
    }
    /// Whether it is a character: pahole leaves out the flag of BTF, so by the name `char` and one byte.
    fn is_char(&self, id: TypeId) -> bool {
        match self.strip(id) {
            Ok((_, Type::Int { name, size, char_, .. })) => char_ || size == 1 && name.ends_with("char"),
            _ => false,
        }
    }
}
