//! A value read out of memory, down to its numbers.

use necropsy_base::{Abi, Memory, MemoryExt, ReadError, VirtAddr};
use necropsy_debuginfo::{Member, Name, Type};
use necropsy_target::{LoadError, TypeRef};

use crate::Context;
use crate::ctype::{CType, Place, View};

/// Elements of an array and bytes of a string that are shown, as crash's `print_max`.
pub const MAX_ELEMENTS: u64 = 256;
/// No struct of a kernel has more parts; a damaged type table might.
const MAX_NODES: usize = 1 << 17;
/// Structs within structs.
const MAX_DEPTH: usize = 48;

/// A value.
#[derive(Clone, Debug, PartialEq)]
pub enum Node {
    /// Members with their names; anonymous ones have none.
    Struct(Vec<(Option<String>, Node)>),
    /// Elements, and how many more there are.
    Array(Vec<Node>, u64),
    /// A member without a length of its own begins there.
    Flexible(u64),
    /// A character array, and whether it goes on.
    Text(Vec<u8>, bool),
    /// A number with its size in bytes.
    Int(i128, u64),
    /// A character.
    Char(i128),
    /// A truth value.
    Bool(bool),
    /// An enumerator's name, or names joined by `|`.
    Enum(String),
    /// An address, with the symbol there or the string there.
    Pointer(u64, Option<String>, Option<Vec<u8>>),
    /// What could not be read, and why.
    Unreadable(String),
}

/// Reads the value at a place.
pub fn read(cx: &Context, place: &Place) -> Node {
    read_in(cx, cx.target.memory(), place)
}

/// Reads the value at a place in `memory`; what it points to is the dump's.
pub fn read_in(cx: &Context, memory: &dyn Memory, place: &Place) -> Node {
    let mut reader = Reader { cx, memory, left: MAX_NODES };
    reader.node(place, 0)
}

/// Memory in which some bytes stand that are in no memory: a value out of registers.
pub struct Loose<'m> {
    /// The bytes.
    pub bytes: &'m [u8],
    /// All other memory.
    pub rest: &'m dyn Memory,
}

impl Loose<'_> {
    /// Where the bytes stand: no CPU has such an address.
    pub const AT: VirtAddr = VirtAddr(0x1000_0000_0000_0000);
}

impl Memory for Loose<'_> {
    fn read(&self, at: VirtAddr, buf: &mut [u8]) -> Result<(), ReadError> {
        let start = at.0.checked_sub(Self::AT.0).and_then(|n| usize::try_from(n).ok());
        let found = start.and_then(|s| self.bytes.get(s..s.checked_add(buf.len())?));
        match found {
            Some(bytes) => buf.copy_from_slice(bytes),
            None => return self.rest.read(at, buf),
        }
        Ok(())
    }
    fn abi(&self) -> Abi {
        self.rest.abi()
    }
}

/// Makes sure that something of the place can be read before all of it is shown as unreadable.
pub fn reachable(cx: &Context, place: &Place) -> Result<(), LoadError> {
    let (memory, mut byte) = (cx.target.memory(), [0]);
    let Err(first) = memory.read(place.at, &mut byte) else {
        return Ok(());
    };
    let size = place.ty.size(&cx.target).unwrap_or(1).max(1);
    match memory.read(place.at.offset(size - 1), &mut byte) {
        Ok(()) => Ok(()),
        Err(_) => Err(first.into()),
    }
}

struct Reader<'c> {
    cx: &'c Context,
    memory: &'c dyn Memory,
    left: usize,
}

impl Reader<'_> {
    fn node(&mut self, place: &Place, depth: usize) -> Node {
        if depth > MAX_DEPTH || self.left == 0 {
            return Node::Unreadable("too much to show".into());
        }
        self.left -= 1;
        let made = match place.ty.view() {
            Ok(View::Pointer(to)) => self.pointer(place, &to),
            Ok(View::Array(elem, len)) => self.array(place, &elem, len, depth),
            Ok(View::Plain(Type::Struct { members, .. })) => Ok(self.structure(place, &members, depth)),
            Ok(View::Plain(ty)) => self.scalar(place, &ty),
            Err(e) => Err(e),
        };
        made.unwrap_or_else(|e| Node::Unreadable(e.to_string()))
    }

    fn structure(&mut self, place: &Place, members: &[Member], depth: usize) -> Node {
        let mut out = Vec::new();
        for m in members {
            let inner = Place {
                ty: CType::of(place.ty.base.other(m.ty)),
                at: place.at.offset(m.bit_offset / 8),
                bits: m.bit_size.map(|width| (m.bit_offset % 8, width)),
            };
            out.push((m.name.as_deref().map(str::to_owned), self.node(&inner, depth + 1)));
            if self.left == 0 {
                break;
            }
        }
        Node::Struct(out)
    }

    fn array(&mut self, place: &Place, elem: &CType, len: u64, depth: usize) -> Result<Node, LoadError> {
        if len == 0 && depth > 0 {
            return Ok(Node::Flexible(place.at.0));
        }
        if is_char(elem) {
            return self.characters(place.at, len);
        }
        let size = elem.size(&self.cx.target)?;
        let shown = len.min(MAX_ELEMENTS);
        let mut out = Vec::new();
        for i in 0..shown {
            let at = place.at.offset(i.wrapping_mul(size));
            out.push(self.node(&Place::new(elem.clone(), at), depth + 1));
            if self.left == 0 {
                break;
            }
        }
        Ok(Node::Array(out, len - shown))
    }

    /// A character array; one of unknown length ends with its NUL.
    fn characters(&self, at: VirtAddr, len: u64) -> Result<Node, LoadError> {
        let memory = self.memory;
        if len == 0 {
            return Ok(Node::Text(memory.cstr(at, 4096)?, false));
        }
        let mut bytes = vec![0; len.min(MAX_ELEMENTS) as usize];
        memory.read(at, &mut bytes)?;
        // gdb leaves out one NUL at the end, and no more.
        if len <= MAX_ELEMENTS && bytes.last() == Some(&0) {
            bytes.pop();
        }
        Ok(Node::Text(bytes, len > MAX_ELEMENTS))
    }

    fn pointer(&self, place: &Place, to: &CType) -> Result<Node, LoadError> {
        let at = place.number_in(self.memory)? as u64;
        Ok(pointer_node(self.cx, at, to))
    }

    fn scalar(&self, place: &Place, ty: &Type) -> Result<Node, LoadError> {
        let n = || place.number_in(self.memory);
        Ok(match ty {
            Type::Int { boolean: true, .. } => Node::Bool(n()? != 0),
            Type::Int { size: 1, .. } if is_char(&place.ty) => Node::Char(n()?),
            Type::Int { size, .. } => Node::Int(n()?, *size),
            Type::Enum { values, size, .. } => enumerator(n()?, *size, values),
            other => {
                let what = match other {
                    Type::Fwd { .. } => "incomplete type",
                    _ => "no value",
                };
                Node::Unreadable(what.into())
            }
        })
    }
}

/// An address that is a value: with what lies there.
pub fn pointer_node(cx: &Context, at: u64, to: &CType) -> Node {
    let text = (is_char(to) && at != 0).then(|| cx.target.memory().cstr(VirtAddr(at), 4096).ok()).flatten();
    Node::Pointer(at, symbol(cx, at), text)
}

/// `<name+offset>` of an address in the kernel or a module, offset in decimal.
fn symbol(cx: &Context, at: u64) -> Option<String> {
    let near = cx.target.near(VirtAddr(at))?;
    let name = necropsy_report::terminal_safe(&near.name);
    Some(match at - near.start.0 {
        0 => name,
        offset => format!("{name}+{offset}"),
    })
}

fn is_char(ty: &CType) -> bool {
    ty.stars == 0 && ty.dims.is_empty() && is_char_type(&ty.base)
}

fn is_char_type(ty: &TypeRef) -> bool {
    ty.table.is_char(ty.id)
}

/// One name, or for a set of flags those whose bits make up the number.
fn enumerator(n: i128, size: u64, values: &[(Name, i128)]) -> Node {
    if let Some((name, _)) = values.iter().find(|(_, v)| *v == n) {
        return Node::Enum(name.to_string());
    }
    let single = |v: i128| v > 0 && v & (v - 1) == 0;
    let flags = n > 0 && values.iter().all(|(_, v)| *v == 0 || single(*v));
    let mut rest = n;
    let mut names: Vec<String> = Vec::new();
    for (name, v) in values.iter().filter(|(_, v)| flags && single(*v)) {
        if rest & v != 0 {
            names.push(name.to_string());
            rest &= !v;
        }
    }
    match (names.is_empty(), rest) {
        (true, _) => Node::Int(n, size),
        (false, 0) => Node::Enum(format!("({})", names.join(" | "))),
        (false, rest) => Node::Enum(format!("({} | unknown: {rest:#x})", names.join(" | "))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn enumerators_and_flags() {
        let values = [("A", 1), ("B", 2), ("C", 4)].map(|(n, v)| (Name::from(n), v));
        assert_eq!(enumerator(2, 4, &values), Node::Enum("B".into()));
        assert_eq!(enumerator(5, 4, &values), Node::Enum("(A | C)".into()));
        assert_eq!(enumerator(9, 4, &values), Node::Enum("(A | unknown: 0x8)".into()));
        assert_eq!(enumerator(0, 4, &values), Node::Int(0, 4));
    }
}
