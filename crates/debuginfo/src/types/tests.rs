use std::collections::BTreeMap;

use necropsy_base::Abi;

use super::*;

/// A table in a map, to say what no real table says.
struct Table(BTreeMap<u32, Type>);

impl Types for Table {
    fn get(&self, id: TypeId) -> Result<Type, TypeError> {
        self.0.get(&id.0).cloned().ok_or(TypeError::NoType(id))
    }
    fn find(&self, kind: Kind, name: &str) -> Option<TypeId> {
        let is = |ty: &Type| matches!(ty, Type::Struct { name: Some(n), .. } if kind == Kind::Struct && *n == name);
        self.0.iter().find(|(_, ty)| is(ty)).map(|(id, _)| TypeId(*id))
    }
    fn abi(&self) -> Abi {
        Abi::LE64
    }
}

fn int(size: u64) -> Type {
    Type::Int { name: "int".into(), size, signed: true, boolean: false, char_: false, bits: 32 }
}

fn member(name: &str, ty: u32, bit_offset: u64) -> Member {
    let name = (!name.is_empty()).then(|| Name::from(name));
    Member { name, ty: TypeId(ty), bit_offset, bit_size: None }
}

fn structure(name: &str, size: u64, members: Vec<Member>) -> Type {
    Type::Struct { union: false, name: Some(name.into()), size, members }
}

fn table(types: impl IntoIterator<Item = (u32, Type)>) -> Table {
    Table(types.into_iter().collect())
}

#[test]
fn paths_through_members_arrays_and_anonymous_structs() {
    let inner = structure("", 8, vec![member("x", 1, 0), member("y", 1, 32)]);
    let t = table([
        (1, int(4)),
        (2, inner),
        (3, Type::Array { elem: TypeId(2), len: 4 }),
        (4, structure("outer", 48, vec![member("", 2, 64), member("list", 3, 128), member("tail", 5, 384)])),
        (5, Type::Array { elem: TypeId(1), len: 0 }),
    ]);
    let at = |path| t.member(TypeId(4), path).map(|m| (m.bit_offset, m.ty.0));
    assert_eq!(at("y"), Ok((96, 1)));
    assert_eq!(at("list[2].y"), Ok((128 + 128 + 32, 1)));
    assert_eq!(at("tail[100]"), Ok((384 + 3200, 1)));
    assert_eq!(at("list[4]"), Err(TypeError::Index { index: 4, len: 4 }));
    assert_eq!(at("y[0]"), Err(TypeError::NotArray { of: "int".into() }));
    assert_eq!(at("y.z"), Err(TypeError::NotStruct { of: "int".into(), member: "z".into() }));
    assert_eq!(at("z"), Err(TypeError::NoMember { of: "struct outer".into(), member: "z".into() }));
    for bad in ["", ".", "y.", "list[", "list[x]", "list[1]x", "list[1", "list[-1]"] {
        assert_eq!(at(bad), Err(TypeError::BadPath(bad.into())), "{bad}");
    }
    assert_eq!(t.member(TypeId(3), "[1].y").map(|m| m.bit_offset), Ok(96));
}

#[test]
fn endless_types_end() {
    let t = table([
        (1, Type::Typedef { name: "loop".into(), to: TypeId(2) }),
        (2, Type::Qualified { what: Qualifier::Const, to: TypeId(1) }),
        (3, Type::Array { elem: TypeId(3), len: 1 }),
        (4, structure("self", 8, vec![member("", 4, 8), member("", 4, 8)])),
        (5, Type::Var { name: "v".into(), ty: TypeId(5), linkage: 0 }),
        (6, Type::Pointer(TypeId(6))),
    ]);
    assert_eq!(t.size_of(TypeId(1)), Err(TypeError::Endless(TypeId(1))));
    assert_eq!(t.size_of(TypeId(3)), Err(TypeError::Endless(TypeId(3))));
    assert_eq!(t.member(TypeId(4), "x"), Err(TypeError::Endless(TypeId(4))));
    assert_eq!(t.size_of(TypeId(5)), Err(TypeError::Endless(TypeId(5))));
    assert_eq!(t.size_of(TypeId(6)), Ok(8));
    assert!(t.name_of(TypeId(6)).starts_with('…'));
}

#[test]
fn too_many_anonymous_structs_end() {
    // Each holds the next one twice: 2^60 ways through, none longer than 60.
    let nest = |i| structure("", 8, vec![member("", i + 1, 0), member("", i + 1, 0)]);
    let t = table((1..60).map(|i| (i, nest(i))).chain([(60, structure("end", 8, Vec::new()))]));
    assert!(matches!(t.member(TypeId(1), "x"), Err(TypeError::Endless(_))));
}

#[test]
fn sizes_that_do_not_fit_are_errors() {
    let t = table([
        (1, Type::Array { elem: TypeId(2), len: u64::MAX }),
        (2, int(u64::MAX)),
        (3, structure("s", 8, vec![member("a", 1, u64::MAX)])),
    ]);
    assert_eq!(t.size_of(TypeId(1)), Err(TypeError::Damaged(TypeId(2))));
    assert!(t.member(TypeId(3), "a[5]").is_err());
}

#[test]
fn declarations_become_definitions() {
    let t = table([
        (1, Type::Fwd { name: "s".into(), kind: Kind::Struct }),
        (2, structure("s", 24, vec![member("m", 3, 64)])),
        (3, Type::Pointer(TypeId(1))),
        (4, Type::Fwd { name: "gone".into(), kind: Kind::Struct }),
    ]);
    assert_eq!(t.size_of(TypeId(1)), Ok(24));
    assert_eq!(t.member(TypeId(1), "m").map(|m| m.offset()), Ok(8));
    assert_eq!(t.size_of(TypeId(4)), Err(TypeError::NoSize { of: "struct gone".into() }));
    assert_eq!(t.name_of(TypeId(3)), "struct s *");
}

#[test]
fn names_are_text_whatever_the_bytes() {
    let table = std::sync::Arc::new(b"ok\xff\xfe".to_vec());
    assert_eq!(Name::new(&table, 0, 2), "ok");
    assert_eq!(Name::new(&table, 0, 4), "ok\u{fffd}\u{fffd}");
    assert_eq!(Name::new(&table, 3, usize::MAX), "");
    assert_eq!(format!("{:>4}|{:?}", Name::from("ok"), Name::from("a\"b")), "  ok|\"a\\\"b\"");
}

#[test]
fn what_lies_at_an_offset() {
    let t = table([
        (1, int(4)),
        (2, structure("pair", 8, vec![member("x", 1, 0), member("y", 1, 32)])),
        (3, Type::Array { elem: TypeId(2), len: 4 }),
        (6, Type::Pointer(TypeId(2))),
        (7, int(8)),
        (
            8,
            Type::Struct {
                union: true,
                name: None,
                size: 8,
                members: vec![member("n", 7, 0), member("next", 6, 0)],
            },
        ),
        (
            4,
            structure(
                "outer",
                64,
                vec![member("", 8, 0), member("a", 1, 64), member("list", 3, 128), member("tail", 5, 384)],
            ),
        ),
        (5, Type::Array { elem: TypeId(1), len: 0 }),
    ]);
    let at = |offset, size| t.member_at(TypeId(4), offset, size).map(|m| (m.path, m.ty.0, m.rest));
    assert_eq!(at(0, 8), Some(("next".into(), 6, 0)), "a pointer before a number of the same size");
    assert_eq!(at(0, 1), Some(("n".into(), 7, 0)));
    assert_eq!(at(8, 4), Some(("a".into(), 1, 0)));
    assert_eq!(at(16 + 20, 4), Some(("list[2].y".into(), 1, 0)));
    assert_eq!(at(48 + 400, 4), Some(("tail[100]".into(), 1, 0)));
    assert_eq!(at(12, 4), None, "padding");
    assert_eq!(at(10, 1), Some(("a".into(), 1, 2)));
}
