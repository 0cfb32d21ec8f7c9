//! Sizes, names, and types without their wrapping. Every walk is bounded by [`MAX_DEPTH`].

use super::{Kind, MAX_DEPTH, Qualifier, Type, TypeError, TypeId, Types};

pub(super) fn strip<T: Types + ?Sized>(types: &T, id: TypeId) -> Result<(TypeId, Type), TypeError> {
    let mut at = id;
    for _ in 0..MAX_DEPTH {
        match types.get(at)? {
            Type::Typedef { to, .. } | Type::Qualified { to, .. } => at = to,
            Type::Fwd { name, kind } => match types.find(kind, &name) {
                Some(full) => return Ok((full, types.get(full)?)),
                None => return Ok((at, Type::Fwd { name, kind })),
            },
            plain => return Ok((at, plain)),
        }
    }
    Err(TypeError::Endless(id))
}

pub(super) fn size_of<T: Types + ?Sized>(types: &T, id: TypeId) -> Result<u64, TypeError> {
    let (mut at, mut times) = (id, 1u64);
    for _ in 0..MAX_DEPTH {
        let (plain, ty) = types.strip(at)?;
        let size = match ty {
            Type::Array { elem, len } => {
                times = times.checked_mul(len).ok_or(TypeError::Damaged(plain))?;
                at = elem;
                continue;
            }
            Type::Var { ty, .. } => {
                at = ty;
                continue;
            }
            Type::Int { size, .. } | Type::Float { size, .. } => size,
            Type::Struct { size, .. } | Type::Enum { size, .. } | Type::DataSec { size, .. } => size,
            Type::Pointer(_) => u64::from(types.abi().word),
            _ => {
                return Err(TypeError::NoSize { of: types.name_of(id) });
            }
        };
        return times.checked_mul(size).ok_or(TypeError::Damaged(plain));
    }
    Err(TypeError::Endless(id))
}

pub(super) fn name_of<T: Types + ?Sized>(types: &T, id: TypeId) -> String {
    named(types, id, 0)
}

fn named<T: Types + ?Sized>(types: &T, id: TypeId, depth: usize) -> String {
    if depth > MAX_DEPTH {
        return "…".into();
    }
    let inner = |id| named(types, id, depth + 1);
    match types.get(id) {
        Err(_) => format!("type number {}", id.0),
        Ok(Type::Void) => "void".into(),
        Ok(Type::Pointer(to)) => pointer(inner(to)),
        Ok(Type::Array { elem, len }) => format!("{}[{len}]", inner(elem)),
        Ok(Type::Qualified { what, to }) => qualified(&what, inner(to)),
        Ok(Type::FuncProto { ret, .. }) => format!("{} ()", inner(ret)),
        Ok(Type::Unknown { kind }) => format!("entry of unknown kind {kind}"),
        Ok(Type::Struct { union, name, .. }) => {
            tagged(if union { "union" } else { "struct" }, name.as_deref())
        }
        Ok(Type::Enum { name, .. }) => tagged("enum", name.as_deref()),
        Ok(Type::Fwd { name, kind }) => tagged(keyword(kind), Some(&name)),
        Ok(Type::Int { name, .. } | Type::Float { name, .. } | Type::Typedef { name, .. }) => {
            name.to_string()
        }
        Ok(Type::Func { name, .. } | Type::Var { name, .. }) => name.to_string(),
        Ok(Type::DataSec { name, .. } | Type::DeclTag { name, .. }) => name.to_string(),
    }
}

fn keyword(kind: Kind) -> &'static str {
    match kind {
        Kind::Union => "union",
        Kind::Enum => "enum",
        _ => "struct",
    }
}

fn tagged(keyword: &str, name: Option<&str>) -> String {
    format!("{keyword} {}", name.unwrap_or("{...}"))
}

fn pointer(to: String) -> String {
    if to.ends_with('*') { to + "*" } else { to + " *" }
}

fn qualified(what: &Qualifier, of: String) -> String {
    let word = match what {
        Qualifier::Const => "const",
        Qualifier::Volatile => "volatile",
        Qualifier::Restrict => "restrict",
        Qualifier::TypeTag(_) => return of,
    };
    if of.ends_with('*') { format!("{of} {word}") } else { format!("{word} {of}") }
}
