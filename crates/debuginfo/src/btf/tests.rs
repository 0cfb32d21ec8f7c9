use necropsy_synth::names::BtfBuilder;

use super::*;
use crate::types::{Member, Qualifier, SecVar};

const ALL: [Abi; 3] = [Abi::LE64, Abi::BE64, Abi::LE32];

fn open(b: &BtfBuilder, abi: Abi) -> Btf {
    Btf::parse(b.build(), abi, None).unwrap()
}

/// One entry of every kind.
fn every_kind(abi: Abi) -> BtfBuilder {
    let mut b = BtfBuilder::new(abi);
    let int = b.int("int", 4, true);
    let bool_ = b.boolean();
    let pointer = b.pointer(int);
    b.array(int, int, 16);
    let list = b.structure(false, "list_head", 16, &[("next", pointer, 0, 0), ("prev", pointer, 64, 0)]);
    let flags =
        b.structure(false, "flags", 4, &[("low", int, 0, 3), ("high", bool_, 3, 1), ("all", int, 32, 0)]);
    b.structure(true, "both", 8, &[("", list, 0, 0), ("f", flags, 8, 0)]);
    b.enumeration("state", true, &[("BAD", -1), ("GOOD", 1)]);
    b.enumeration64("wide", false, &[("TOP", i64::MIN)]);
    b.forward(true, "elsewhere");
    let typedef = b.typedef("number_t", int);
    let tag = b.type_tag("user", typedef);
    let volatile = b.qualifier(9, tag);
    let constant = b.qualifier(10, volatile);
    let proto = b.proto(int, &[("fmt", constant), ("", 0)]);
    b.func("printk", proto);
    let var = b.var("runqueues", flags);
    b.section(".data..percpu", 100, &[(var, 64, 4)]);
    b.float("double", 8);
    b.decl_tag("kfunc", proto, -1);
    b.qualifier(11, constant);
    b
}

#[test]
fn every_kind_decodes() {
    for abi in ALL {
        let b = open(&every_kind(abi), abi);
        assert_eq!((b.len(), b.damage()), (22, None));
        let ty = |id| b.get(TypeId(id)).unwrap();
        assert_eq!(ty(0), Type::Void);
        let int = |name: &str, signed, boolean, size: u64| Type::Int {
            name: name.into(),
            size,
            signed,
            boolean,
            char_: false,
            bits: 8 * size as u8,
        };
        assert_eq!((ty(1), ty(2)), (int("int", true, false, 4), int("_Bool", false, true, 1)));
        assert_eq!(ty(3), Type::Pointer(TypeId(1)));
        assert_eq!(ty(4), Type::Array { elem: TypeId(1), len: 16 });
        assert_eq!(ty(10), Type::Fwd { name: "elsewhere".into(), kind: Kind::Union });
        assert_eq!(ty(12), Type::Qualified { what: Qualifier::TypeTag("user".into()), to: TypeId(11) });
        assert_eq!(ty(14), Type::Qualified { what: Qualifier::Const, to: TypeId(13) });
        let params = vec![(Some("fmt".into()), TypeId(14))];
        assert_eq!(ty(15), Type::FuncProto { ret: TypeId(1), params, variadic: true });
        assert_eq!(ty(16), Type::Func { name: "printk".into(), proto: TypeId(15), linkage: 1 });
        assert_eq!(ty(17), Type::Var { name: "runqueues".into(), ty: TypeId(6), linkage: 1 });
        let vars = vec![SecVar { var: TypeId(17), offset: 64, size: 4 }];
        assert_eq!(ty(18), Type::DataSec { name: ".data..percpu".into(), size: 100, vars });
        assert_eq!(ty(19), Type::Float { name: "double".into(), size: 8 });
        assert_eq!(ty(20), Type::DeclTag { name: "kfunc".into(), to: TypeId(15), component: -1 });
        assert_eq!(ty(21), Type::Qualified { what: Qualifier::Restrict, to: TypeId(14) });
        assert_eq!(b.get(TypeId(22)), Err(TypeError::NoType(TypeId(22))));
    }
}

#[test]
fn members_bits_and_values() {
    for abi in ALL {
        let b = open(&every_kind(abi), abi);
        let Type::Struct { union: false, size: 4, members, .. } = b.get(TypeId(6)).unwrap() else { panic!() };
        let bits: Vec<_> = members.iter().map(|m: &Member| (m.bit_offset, m.bit_size)).collect();
        assert_eq!(bits, [(0, Some(3)), (3, Some(1)), (32, None)]);
        let both = b.find(Kind::Union, "both").unwrap();
        assert_eq!(b.member(both, "prev").map(|m| m.offset()), Ok(8));
        let high = b.member(both, "f.high").unwrap();
        assert_eq!((high.bit_offset, high.bit_size, high.ty), (11, Some(1), TypeId(2)));
        let Type::Enum { signed: true, values, .. } = b.get(TypeId(8)).unwrap() else { panic!() };
        assert_eq!(values, [("BAD".into(), -1), ("GOOD".into(), 1)]);
        let Type::Enum { signed: false, size: 8, values, .. } = b.get(TypeId(9)).unwrap() else { panic!() };
        assert_eq!(values, [("TOP".into(), 1 << 63)]);
        assert_eq!(b.size_of(TypeId(3)), Ok(abi.word.into()));
        assert_eq!(b.size_of(TypeId(17)), Ok(4));
    }
}

#[test]
fn finds_by_kind_and_name() {
    let mut b = BtfBuilder::new(Abi::LE64);
    let int = b.int("page", 4, false);
    b.forward(false, "page");
    let function = b.func("page", 0);
    let first = b.structure(false, "page", 64, &[("flags", int, 0, 0)]);
    b.structure(false, "page", 8, &[]);
    b.decl_tag("tagged", first, -1);
    let b = open(&b, Abi::LE64);
    assert_eq!(b.find(Kind::Struct, "page"), Some(TypeId(first)));
    assert_eq!(b.find(Kind::Func, "page"), Some(TypeId(function)));
    assert_eq!(b.find(Kind::Any, "page"), Some(TypeId(int)));
    assert_eq!(b.find(Kind::Union, "page"), None);
    assert_eq!(b.find(Kind::Any, "tagged"), None);
    assert_eq!(b.find(Kind::Any, ""), None);
    assert_eq!(
        b.funcs().map(|(id, n)| (id.0, n.to_string())).collect::<Vec<_>>(),
        [(function, "page".into())]
    );
    assert_eq!(b.size_of(TypeId(2)), Ok(64));
}

#[test]
fn split_table_goes_on_where_its_base_ends() {
    for abi in ALL {
        let mut base = BtfBuilder::new(abi);
        let int = base.int("int", 4, true);
        let list = base.structure(false, "list_head", 16, &[("next", int, 0, 0)]);
        let mut module = BtfBuilder::split(&base);
        let own = module.structure(false, "driver", 32, &[("entries", list, 64, 0)]);
        let base = Arc::new(open(&base, abi));
        let b = Btf::parse(module.build(), abi, Some(base.clone())).unwrap();
        assert_eq!((own, b.len()), (3, 4));
        assert_eq!(b.find(Kind::Struct, "driver"), Some(TypeId(3)));
        assert_eq!(b.find(Kind::Struct, "list_head"), Some(TypeId(2)));
        assert_eq!(b.member(TypeId(3), "entries.next").map(|m| (m.offset(), m.ty)), Ok((8, TypeId(1))));
        assert_eq!(b.name_of(TypeId(1)), "int");
        assert_eq!(base.get(TypeId(3)), Err(TypeError::NoType(TypeId(3))));
        assert_eq!(b.own_ids().collect::<Vec<_>>(), [TypeId(3)]);
    }
}

#[test]
fn longer_headers_and_kinds_of_the_future() {
    for abi in ALL {
        let mut b = BtfBuilder::new(abi);
        b.header_len(48);
        b.int("int", 4, true);
        b.entry("new", 40, 3, false, 0, &[1, 2, 3, 4]);
        b.float("float", 4);
        let unknown = open(&b, abi);
        assert_eq!((unknown.len(), unknown.damage()), (2, Some(&BtfError::UnknownKind { id: 2, kind: 40 })));
        let mut sizes = [(0, 0); 41];
        sizes[40] = (4, 4);
        b.layout(&sizes);
        let known = open(&b, abi);
        assert_eq!((known.len(), known.damage()), (4, None));
        assert_eq!(known.get(TypeId(2)), Ok(Type::Unknown { kind: 40 }));
        assert_eq!(known.find(Kind::Float, "float"), Some(TypeId(3)));
        assert_eq!(Btf::size_in_header(&b.build()[..32], abi), Some(b.build().len() as u64));
    }
}

#[test]
fn wrong_headers_are_refused() {
    let good = every_kind(Abi::LE64).build();
    assert_eq!(Btf::size_in_header(&good[..24], Abi::LE64), Some(good.len() as u64));
    assert_eq!(Btf::size_in_header(&good[..23], Abi::LE64), None);
    let parse = |bytes: &[u8], abi| Btf::parse(bytes.to_vec(), abi, None).err();
    assert_eq!(parse(&good, Abi::BE64), Some(BtfError::Magic(0x9feb)));
    let with = |at: usize, byte: u8| {
        let mut bytes = good.clone();
        bytes[at] = byte;
        parse(&bytes, Abi::LE64)
    };
    assert_eq!(with(2, 2), Some(BtfError::Version(2)));
    assert_eq!(with(4, 23), Some(BtfError::ShortHeader(23)));
    assert!(matches!(with(15, 1), Some(BtfError::Section { section: "type", .. })));
    assert!(matches!(with(23, 1), Some(BtfError::Section { section: "string", .. })));
}

#[test]
fn truncated_anywhere_is_an_error_or_less() {
    for abi in ALL {
        let good = every_kind(abi).build();
        for len in 0..good.len() {
            assert!(Btf::parse(good[..len].to_vec(), abi, None).is_err(), "{len}");
        }
        // A type section that ends early, with a header that says so: the types before are there.
        let types = abi.uint(&good[12..16]) as usize;
        for len in 0..types {
            let mut bytes = good.clone();
            bytes[12..16].copy_from_slice(&abi.bytes(len as u64, 4));
            let b = Btf::parse(bytes, abi, None).unwrap();
            assert!(b.len() < 22);
            (0..22).for_each(|id| drop(b.size_of(TypeId(id))));
        }
    }
}

#[test]
fn damaged_or_endless_bases_are_refused() {
    let mut cut = BtfBuilder::new(Abi::LE64);
    cut.entry("x", 99, 0, false, 0, &[]);
    let module = BtfBuilder::split(&cut).build();
    let base = Arc::new(open(&cut, Abi::LE64));
    let error = Btf::parse(module, Abi::LE64, Some(base)).err();
    assert!(matches!(error, Some(BtfError::DamagedBase(_))));
    let mut deep = Arc::new(open(&BtfBuilder::new(Abi::LE64), Abi::LE64));
    let empty = BtfBuilder::new(Abi::LE64).build();
    for _ in 0..MAX_BASES {
        deep = Arc::new(Btf::parse(empty.clone(), Abi::LE64, Some(deep)).unwrap());
    }
    assert_eq!(Btf::parse(empty, Abi::LE64, Some(deep)).err(), Some(BtfError::TooManyBases));
}

#[test]
fn impossible_layouts_are_found() {
    for abi in ALL {
        let b = open(&every_kind(abi), abi);
        let list = b.find(Kind::Struct, "list_head").unwrap();
        let two = |second: u32, bits: u32, size: u32| {
            let mut b = BtfBuilder::new(abi);
            let int = b.int("int", 4, true);
            b.structure(false, "two", size, &[("a", int, 0, 0), ("b", int, second, bits)]);
            let b = open(&b, abi);
            b.contradiction(b.find(Kind::Struct, "two").unwrap())
        };
        // Holes and bit-fields are ordinary.
        assert_eq!(two(32, 0, 8), None);
        assert_eq!(two(96, 0, 64), None);
        assert_eq!(two(35, 3, 8), None);
        assert_eq!(two(16, 0, 8).as_deref(), Some("member b lies over the one before it"));
        assert_eq!(two(33, 0, 12).as_deref(), Some("member b begins inside a byte"));
        assert_eq!(two(64, 0, 8).as_deref(), Some("member b ends behind the end of the struct"));
        // A list_head fits; what is no struct has no layout.
        assert_eq!(b.contradiction(list), None);
        assert_eq!(b.contradiction(TypeId(1)), None);
        let mut overlaid = BtfBuilder::new(abi);
        let int = overlaid.int("int", 4, true);
        overlaid.structure(true, "both", 4, &[("a", int, 0, 0), ("b", int, 0, 0)]);
        let overlaid = open(&overlaid, abi);
        assert_eq!(overlaid.contradiction(overlaid.find(Kind::Union, "both").unwrap()), None);
    }
}
