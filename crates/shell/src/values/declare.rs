//! Types as C declares them, in crash's layout.

use necropsy_debuginfo::{Member, Qualifier, Type, TypeId};
use necropsy_target::TypeRef;

/// Declarators within declarators; a damaged type table might never end.
const MAX_DEPTH: usize = 32;

/// BTF's `long unsigned int` as people write it.
pub fn plain_name(name: &str) -> String {
    const NAMES: [(&str, &str); 6] = [
        ("long long unsigned int", "unsigned long long"),
        ("long long int", "long long"),
        ("long unsigned int", "unsigned long"),
        ("short unsigned int", "unsigned short"),
        ("long int", "long"),
        ("short int", "short"),
    ];
    let found = NAMES.iter().find(|(btf, _)| name.contains(btf));
    found.map_or_else(|| name.to_owned(), |(btf, c)| name.replace(btf, c))
}

/// `unsigned long (*f)(struct file *)`: the type of something called `name`.
pub fn declaration(ty: &TypeRef, name: &str) -> String {
    declare(ty, name.to_owned(), 0)
}

fn declare(ty: &TypeRef, inner: String, depth: usize) -> String {
    let other = |id: TypeId| ty.other(id);
    if depth > MAX_DEPTH {
        return format!("... {inner}");
    }
    match ty.table.get(ty.id) {
        Ok(Type::Pointer(to)) => {
            let wrapped = match ty.table.get(to) {
                Ok(Type::FuncProto { .. } | Type::Array { .. }) => format!("(*{inner})"),
                _ => format!("*{inner}"),
            };
            declare(&other(to), wrapped, depth + 1)
        }
        Ok(Type::Array { elem, len }) => {
            let len = if len == 0 { String::new() } else { len.to_string() };
            declare(&other(elem), format!("{inner}[{len}]"), depth + 1)
        }
        Ok(Type::FuncProto { ret, params, variadic }) => {
            let mut list: Vec<String> = params
                .iter()
                .take(64)
                .map(|(_, id)| declare(&other(*id), String::new(), depth + 1))
                .collect();
            if variadic {
                list.push("...".into());
            }
            if list.is_empty() {
                list.push("void".into());
            }
            declare(&other(ret), format!("{inner}({})", list.join(", ")), depth + 1)
        }
        Ok(Type::Qualified { what, to }) => qualified(ty, &what, to, inner, depth),
        Ok(Type::Struct { name: None, .. } | Type::Enum { name: None, .. }) => {
            joined("struct {...}".into(), &inner)
        }
        _ => joined(plain_name(&ty.name()), &inner),
    }
}

fn qualified(ty: &TypeRef, what: &Qualifier, to: TypeId, inner: String, depth: usize) -> String {
    let word = match what {
        Qualifier::Const => "const",
        Qualifier::Volatile => "volatile",
        Qualifier::Restrict => "restrict",
        Qualifier::TypeTag(_) => return declare(&ty.other(to), inner, depth + 1),
    };
    match ty.table.get(to) {
        // `char *const name`: the word belongs to the pointer.
        Ok(Type::Pointer(_)) => {
            let inner = if inner.is_empty() { word.to_owned() } else { format!("{word} {inner}") };
            declare(&ty.other(to), inner, depth + 1)
        }
        _ => format!("{word} {}", declare(&ty.other(to), inner, depth + 1)),
    }
}

fn joined(base: String, inner: &str) -> String {
    if inner.is_empty() { base } else { format!("{base} {inner}") }
}

/// The layout of a struct: `base` is what its first byte counts as, if offsets are wanted.
pub struct Layout {
    /// Offsets, or addresses, start here.
    pub base: Option<u64>,
    /// In hexadecimal.
    pub hex: bool,
    width: usize,
}

impl Layout {
    fn new(base: Option<u64>, hex: bool, size: u64) -> Layout {
        let mut layout = Layout { base, hex, width: 0 };
        layout.width = base.map_or(0, |b| layout.label(b.wrapping_add(size)).len() + 2);
        layout
    }
    fn label(&self, n: u64) -> String {
        match self.base {
            Some(0) if !self.hex => format!("[{n}]"),
            Some(0) => format!("[{n:#x}]"),
            _ => format!("[{n:x}]"),
        }
    }
    fn mark(&self, offset: Option<u64>) -> String {
        match (self.base, offset) {
            (None, _) => String::new(),
            (Some(base), Some(offset)) => {
                format!("{:>w$} ", self.label(base.wrapping_add(offset)), w = self.width)
            }
            (Some(_), None) => " ".repeat(self.width + 1),
        }
    }
}

/// The members of a struct type, through typedefs.
pub fn members(ty: &TypeRef) -> Option<(bool, Option<String>, Vec<Member>)> {
    match ty.strip().ok()? {
        Type::Struct { union, name, members, .. } => Some((union, name.map(|n| n.to_string()), members)),
        _ => None,
    }
}

/// A struct, union, enum or typedef written out, with offsets if `base` is given.
pub fn definition(ty: &TypeRef, base: Option<u64>, hex: bool) -> String {
    let size = ty.size().unwrap_or(0);
    let layout = Layout::new(base, hex, size);
    let typedef = matches!(ty.table.get(ty.id), Ok(Type::Typedef { .. }));
    let mut out = match (members(ty), ty.strip()) {
        (Some((union, name, list)), _) => {
            let keyword = if union { "union" } else { "struct" };
            let tag = name.map(|n| format!(" {n}")).unwrap_or_default();
            let start = if typedef { "typedef " } else { "" };
            let end = if typedef { format!(" {};", ty.name()) } else { String::new() };
            let mut body = String::new();
            write_members(ty, &list, &layout, Some(0), 1, &mut body);
            format!("{start}{keyword}{tag} {{\n{body}}}{end}\n")
        }
        (None, Ok(Type::Enum { values, .. })) => {
            let list: Vec<String> = values.iter().map(|(n, v)| format!("{n} = {v}")).collect();
            format!("{} {{{}}}\n", ty.name(), list.join(", "))
        }
        (None, Ok(plain)) => {
            let to = match plain {
                Type::Int { name, .. } | Type::Float { name, .. } => plain_name(&name),
                _ => aliased(ty),
            };
            if typedef { format!("typedef {to} {};\n", ty.name()) } else { format!("{to}\n") }
        }
        (None, Err(e)) => format!("{e}\n"),
    };
    out += &if hex { format!("SIZE: {size:#x}\n") } else { format!("SIZE: {size}\n") };
    out
}

/// What a typedef stands for.
fn aliased(ty: &TypeRef) -> String {
    match ty.table.get(ty.id) {
        Ok(Type::Typedef { to, .. }) => declaration(&ty.other(to), ""),
        _ => ty.name(),
    }
}

/// `at` is where these members' struct begins; `None` inside a named one, whose own offset says it all.
fn write_members(
    ty: &TypeRef,
    list: &[Member],
    layout: &Layout,
    at: Option<u64>,
    depth: usize,
    out: &mut String,
) {
    // With offsets there is no indentation on the outermost level, the brackets make it.
    let indent = 4 * if layout.base.is_some() { depth - 1 } else { depth };
    for m in list.iter().take(1 << 14) {
        let offset = at.map(|a| a.wrapping_add(m.bit_offset / 8));
        let name = m.name.as_deref();
        let inner = ty.other(m.ty);
        let anonymous = match inner.table.get(inner.id) {
            Ok(Type::Struct { name: None, union, members, .. }) if depth < 16 => Some((union, members)),
            _ => None,
        };
        let Some((union, members)) = anonymous else {
            let width = m.bit_size.map(|w| format!(" : {w}")).unwrap_or_default();
            let text = declaration(&inner, name.unwrap_or_default());
            *out += &format!("{}{:indent$}{text}{width};\n", layout.mark(offset), "");
            continue;
        };
        let keyword = if union { "union" } else { "struct" };
        *out += &format!("{}{:indent$}{keyword} {{\n", layout.mark(None), "");
        let within = offset.filter(|_| name.is_none());
        write_members(ty, &members, layout, within, depth + 1, out);
        let (mark, end) = match name {
            Some(name) => (layout.mark(offset), format!("}} {name};")),
            None => (layout.mark(None), "};".to_owned()),
        };
        *out += &format!("{mark}{:indent$}{end}\n", "");
    }
}

#[cfg(test)]
mod tests {
    use super::plain_name;

    #[test]
    fn names_of_integers() {
        assert_eq!(plain_name("const long unsigned int"), "const unsigned long");
        assert_eq!(plain_name("struct page"), "struct page");
    }
}
