//! `#[derive(Load)]` over three ABIs, from types and bytes that share nothing with the reader.
#![allow(clippy::unwrap_used)]

use std::sync::Arc;

use necropsy_arch::x86_64::X86_64;
use necropsy_base::{Abi, VirtAddr, Why};
use necropsy_debuginfo::Btf;
use necropsy_synth::memory::SparseMemory;
use necropsy_synth::names::BtfBuilder;
use necropsy_target::list::list;
use necropsy_target::{ArrayAt, At, Bytes, In, Load, LoadError, Partial, Target};

const HERE: VirtAddr = VirtAddr(0xffff_8880_0000_1f00);
const ABIS: [Abi; 3] = [Abi::LE64, Abi::BE64, Abi::LE32];

#[derive(Debug, Load)]
#[kernel(name = "thing")]
struct Thing {
    #[kernel(this)]
    at: VirtAddr,
    #[kernel(any = "renamed|old_name")]
    number: i32,
    small: Option<u8>,
    missing: Option<u64>,
    flag: bool,
    middle: u8,
    signed: i8,
    next: VirtAddr,
    comm: Bytes<16>,
    #[kernel(path = "inner.deep")]
    deep: u32,
    #[kernel(path = "hidden")]
    anonymous: u16,
    values: [i64; 3],
    #[kernel(path = "values")]
    array: ArrayAt,
    #[kernel(path = "inner")]
    place: At,
    inner: In<Inner>,
    #[kernel(path = "far")]
    far: Partial<u32>,
}

#[derive(Debug, Load)]
#[kernel(name = "inner")]
struct Inner {
    deep: u32,
}

#[derive(Debug, Load)]
#[kernel(one_of)]
#[allow(dead_code)]
enum Shape {
    New(NewShape),
    Old(OldShape),
}

#[derive(Debug, Load)]
#[kernel(name = "thing")]
#[allow(dead_code)]
struct NewShape {
    only_in_newer_kernels: u64,
}

#[derive(Debug, Load)]
#[kernel(name = "thing")]
struct OldShape {
    old_name: i32,
}

#[derive(Debug, Load)]
#[kernel(name = "thing")]
#[allow(dead_code)]
struct Wants {
    nothing_has_this: u64,
}

#[derive(Debug, Load)]
#[kernel(name = "thing")]
#[allow(dead_code)]
struct TooNarrow {
    #[kernel(path = "old_name")]
    number: u8,
}

/// Where each member lies, by hand: 4 number, 1 small, 1 bits (flag 1, middle 4, signed 3), 2 hidden, pointer, comm, inner,
/// values (three `short`), far (on the next page).
struct Layout {
    word: u64,
}

impl Layout {
    fn next(&self) -> u64 {
        8
    }
    fn comm(&self) -> u64 {
        8 + self.word
    }
    fn inner(&self) -> u64 {
        self.comm() + 16
    }
    fn values(&self) -> u64 {
        self.inner() + 8
    }
    fn far(&self) -> u64 {
        0x1000 - (HERE.0 & 0xfff)
    }
}

fn types(abi: Abi, l: &Layout) -> Btf {
    let mut b = BtfBuilder::new(abi);
    let int = b.int("int", 4, true);
    let uint = b.int("unsigned int", 4, false);
    let short = b.int("short", 2, true);
    let char = b.int("char", 1, true);
    let byte = b.int("unsigned char", 1, false);
    let void_ptr = b.pointer(0);
    let comm = b.array(char, uint, 16);
    let values = b.array(short, uint, 3);
    let inner = b.structure(false, "inner", 8, &[("pad", uint, 0, 0), ("deep", uint, 32, 0)]);
    let hidden = b.structure(true, "", 2, &[("hidden", short, 0, 0)]);
    let head = b.structure(
        false,
        "list_head",
        2 * l.word as u32,
        &[("next", void_ptr, 0, 0), ("prev", void_ptr, 8 * l.word as u32, 0)],
    );
    let bits = |offset: u64| offset as u32 * 8;
    let members = [
        ("old_name", int, 0, 0),
        ("small", byte, 32, 0),
        ("flag", byte, 40, 1),
        ("middle", byte, 41, 4),
        ("signed", char, 45, 3),
        ("", hidden, 48, 0),
        ("next", void_ptr, bits(l.next()), 0),
        ("comm", comm, bits(l.comm()), 0),
        ("inner", inner, bits(l.inner()), 0),
        ("values", values, bits(l.values()), 0),
        ("far", uint, bits(l.far()), 0),
    ];
    b.structure(false, "thing", l.far() as u32 + 4, &members);
    b.structure(false, "node", 2 * l.word as u32 + 8, &[("id", uint, 0, 0), ("list", head, 64, 0)]);
    Btf::parse(b.build(), abi, None).unwrap()
}

fn memory(abi: Abi, l: &Layout) -> SparseMemory {
    let mut m = SparseMemory::new(abi);
    let word = usize::from(abi.word);
    m.put_uint(HERE, (-7i32) as u32 as u64, 4);
    m.put_uint(HERE.offset(4), 200, 1);
    // Bit-fields count from the low end on little-endian machines, from the high end on big-endian ones.
    let (flag, middle, signed) = (1u8, 0b1010u8, 0b110u8);
    let packed = match abi.endian {
        necropsy_base::Endian::Little => flag | middle << 1 | signed << 5,
        necropsy_base::Endian::Big => flag << 7 | middle << 3 | signed,
    };
    m.put(HERE.offset(5), &[packed]);
    m.put_uint(HERE.offset(6), 0x1234, 2);
    m.put_uint(HERE.offset(l.next()), 0xdead_0000, word);
    m.put(HERE.offset(l.comm()), b"poll\0garbage");
    m.put_uint(HERE.offset(l.inner() + 4), 77, 4);
    for (i, v) in [5i16, -6, 7].iter().enumerate() {
        m.put_uint(HERE.offset(l.values() + 2 * i as u64), *v as u16 as u64, 2);
    }
    m
}

fn target(abi: Abi, change: impl FnOnce(&mut SparseMemory, &Layout)) -> Target {
    let l = Layout { word: u64::from(abi.word) };
    let mut m = memory(abi, &l);
    change(&mut m, &l);
    Target::from_parts(&X86_64, Arc::new(m), Arc::new(types(abi, &l)))
}

#[test]
fn every_kind_of_member_on_every_abi() {
    for abi in ABIS {
        let t = target(abi, |m, l| _ = m.put_uint(HERE.offset(l.far()), 9, 4));
        let thing: Thing = t.load(HERE).unwrap();
        assert_eq!(
            (thing.at, thing.number, thing.small, thing.missing),
            (HERE, -7, Some(200), None),
            "{abi:?}"
        );
        assert_eq!((thing.flag, thing.middle, thing.signed), (true, 0b1010, -2), "{abi:?}");
        assert_eq!((thing.next, &thing.comm.0[..]), (VirtAddr(0xdead_0000), &b"poll"[..]));
        assert_eq!((thing.deep, thing.anonymous, thing.values), (77, 0x1234, [5, -6, 7]));
        assert_eq!((thing.array.len, thing.array.stride), (3, 2));
        assert_eq!(thing.place.0, HERE.offset(16 + 8 + u64::from(abi.word)));
        assert_eq!((thing.inner.0.deep, thing.far.ok()), (77, Some(9)));
    }
}

#[test]
fn a_missing_page_costs_the_members_on_it() {
    for abi in ABIS {
        let t = target(abi, |_, _| ());
        let thing: Thing = t.load(HERE).unwrap();
        assert_eq!(thing.number, -7);
        let Err(LoadError::Read { path, cause, .. }) = thing.far.0 else { panic!("{:?}", thing.far) };
        assert_eq!((path, cause.why), ("far", Why::NotMapped));
    }
}

#[test]
fn shapes_and_errors_are_told() {
    for abi in ABIS {
        let t = target(abi, |_, _| ());
        assert!(matches!(t.load::<Shape>(HERE).unwrap(), Shape::Old(OldShape { old_name: -7 })));
        assert!(matches!(t.load::<Wants>(HERE), Err(LoadError::NoMember { path: "nothing_has_this", .. })));
        assert!(matches!(t.load::<TooNarrow>(HERE), Err(LoadError::Unfit { .. })), "-7 does not fit a u8");
        let gone = t.load::<Thing>(VirtAddr(0xffff_9000_0000_0000)).unwrap_err();
        assert!(matches!(gone, LoadError::Read { .. }), "{gone}");
    }
}

fn node(m: &mut SparseMemory, abi: Abi, at: u64, next: u64) {
    m.put_uint(VirtAddr(at), next, usize::from(abi.word));
}

#[test]
fn lists_end_at_their_head_and_nowhere_else() {
    let (head, a, b) = (0xffff_8880_0001_0000, 0xffff_8880_0001_1000, 0xffff_8880_0001_2000);
    let walk = |links: &[(u64, u64)]| {
        let t = target(Abi::LE64, |m, _| links.iter().for_each(|(at, next)| node(m, Abi::LE64, *at, *next)));
        let w = list(&t, VirtAddr(head), 8);
        (w.items.len(), w.problem)
    };
    assert_eq!(walk(&[(head, a), (a, b), (b, head)]), (2, None));
    assert_eq!(walk(&[(head, head)]), (0, None));
    let problem = |links: &[(u64, u64)]| walk(links).1.unwrap();
    assert!(problem(&[(head, a), (a, b), (b, a)]).contains("loops"));
    assert!(problem(&[(head, a), (a, 0x1234)]).contains("broken after 1"));
    assert!(problem(&[(head, a), (a, b)]).contains("cut after 1"));
    assert!(problem(&[]).contains("head"));
}
