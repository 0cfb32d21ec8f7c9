//! Tables with any bytes wrong: fewer answers or an error, never a panic.

use std::sync::Arc;

use necropsy_base::{Abi, VirtAddr};
use necropsy_debuginfo::{Btf, Kallsyms, Keys, Kind, OrcTable, TypeId, Types, elf};
use necropsy_synth::memory::SparseMemory;
use necropsy_synth::names::{BtfBuilder, KallsymsBuilder, Order, Written};
use proptest::prelude::*;

const AT: VirtAddr = VirtAddr(0xffff_ffff_8200_0000);

fn btf() -> BtfBuilder {
    let mut b = BtfBuilder::new(Abi::LE64);
    let int = b.int("int", 4, true);
    let array = b.array(int, int, 4);
    let inner = b.structure(false, "", 16, &[("a", array, 0, 0)]);
    let outer =
        b.structure(true, "outer", 32, &[("", inner, 0, 0), ("bits", int, 64, 5), ("m", inner, 128, 0)]);
    let constant = b.qualifier(10, outer);
    let typedef = b.typedef("outer_t", constant);
    b.enumeration("e", true, &[("A", 1)]);
    let proto = b.proto(typedef, &[("p", outer), ("", 0)]);
    b.func("f", proto);
    let var = b.var("v", typedef);
    b.section(".data..percpu", 8, &[(var, 0, 8)]);
    b.forward(false, "other");
    b
}

/// Asks everything there is to ask.
fn question(b: &Btf) {
    for id in (0..b.len() as u32 + 2).map(TypeId) {
        let _ = (b.get(id), b.size_of(id), b.name_of(id), b.is_char(id));
        for path in ["a[1]", "m.a[3]", "bits", "zzz"] {
            let _ = b.member(id, path);
        }
    }
    for name in ["outer", "f", "v", "other", ""] {
        let _ = (b.find(Kind::Any, name), b.find(Kind::Struct, name));
    }
    assert!(b.funcs().count() + b.vars().count() <= b.len());
}

fn kallsyms(order: Order, written: Written) -> (SparseMemory, Keys, usize) {
    let mut b = KallsymsBuilder::new(Abi::LE64);
    (b.order, b.written) = (order, written);
    b.symbols = (0..700).map(|i| (AT.0 - 0x10_0000 + 16 * i, 'T', format!("function_{i}"))).collect();
    let image = b.build(AT);
    let at = |label| image.labels.get(label).copied();
    let keys = Keys {
        names: image.labels["kallsyms_names"],
        num_syms: image.labels["kallsyms_num_syms"],
        token_table: image.labels["kallsyms_token_table"],
        token_index: image.labels["kallsyms_token_index"],
        offsets: at("kallsyms_offsets"),
        relative_base: at("kallsyms_relative_base"),
        addresses: at("kallsyms_addresses"),
    };
    let mut mem = SparseMemory::new(Abi::LE64);
    mem.put(AT, &image.bytes);
    (mem, keys, image.bytes.len())
}

/// What comes of a symbol table, asked everywhere.
fn ask(k: &Kallsyms) {
    for i in (0..k.len() + 2).step_by(7) {
        let _ = (k.symbol(i), k.aliases(i), k.next_address(i));
        let name = k.name(i).unwrap_or_default();
        // Names that are not UTF-8 are shown with replacements, which are not looked up.
        assert!(i >= k.len() || k.by_name(&name).contains(&i) || name.contains('\u{fffd}'));
    }
    for address in [0, AT.0 - 0x10_0000, AT.0, u64::MAX] {
        let _ = k.at(address);
    }
    let _ = k.search("function");
}

fn changes(len: usize) -> impl Strategy<Value = Vec<(usize, u8)>> {
    prop::collection::vec((0..len, any::<u8>()), 1..8)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn btf_with_bytes_changed(changes in changes(btf().build().len())) {
        let mut bytes = btf().build();
        changes.iter().for_each(|(at, byte)| bytes[*at] = *byte);
        if let Ok(b) = Btf::parse(bytes, Abi::LE64, None) {
            question(&b);
            let module = BtfBuilder::split(&btf()).build();
            if let Ok(module) = Btf::parse(module, Abi::LE64, Some(Arc::new(b))) {
                question(&module);
            }
        }
    }

    #[test]
    fn btf_of_random_types(body in prop::collection::vec(any::<u8>(), 0..300), big in any::<bool>()) {
        let abi = if big { Abi::BE64 } else { Abi::LE64 };
        let number = |n: usize| abi.bytes(n as u64, 4);
        let head = [abi.bytes(0xeb9f, 2), vec![1, 0], number(24), number(0), number(body.len())];
        let tail = [number(0), number(body.len()), body];
        let bytes = head.iter().chain(&tail).flatten().copied().collect();
        question(&Btf::parse(bytes, abi, None).unwrap());
    }

    #[test]
    fn orc_of_random_bytes(bytes in prop::collection::vec(any::<u8>(), 0..600), count in 0usize..80, pc in any::<u64>()) {
        let mut mem = SparseMemory::new(Abi::LE64);
        mem.put(AT, &bytes);
        if let Ok((table, _)) = OrcTable::new(&mem, AT, AT.offset(240), count, None) {
            let _ = (table.lookup(&mem, VirtAddr(pc)), table.lookup(&mem, AT), table.range(&mem));
        }
    }

    #[test]
    fn elf_pieces_of_random_bytes(bytes in prop::collection::vec(any::<u8>(), 0..400), cut in 0usize..400) {
        let (a, b) = bytes.split_at(cut.min(bytes.len()));
        for abi in [Abi::LE64, Abi::LE32, Abi::BE64] {
            let _ = (elf::symbols(a, b, Some(b), abi), elf::build_id(a, abi), elf::notes(a, abi).count());
        }
        let _ = elf::File::open(&necropsy_debuginfo::FileBytes::from([b"\x7fELF\x02\x01", &*bytes].concat()));
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 60, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn kallsyms_with_bytes_changed(at in prop::collection::vec((0usize..1 << 16, any::<u8>()), 1..6), first in any::<bool>()) {
        let order = if first { Order::AddressesFirst } else { Order::TokensFirst };
        let (mut mem, keys, len) = kallsyms(order, Written::BaseRelative);
        for (at, byte) in at {
            mem.put(AT.offset((at % len) as u64), &[byte]);
        }
        let anchors = [("function_1", AT.0 - 0x10_0000 + 16)];
        for anchors in [&anchors[..], &[]] {
            let range = AT.moved(-0x10_0000)..AT.offset(0x2_0000);
            let found = [Kallsyms::from_keys(&mem, &keys, anchors), Kallsyms::find(&mem, range, anchors)];
            found.iter().flatten().for_each(ask);
        }
    }
}

#[test]
fn kallsyms_cut_off_anywhere() {
    for order in [Order::AddressesFirst, Order::TokensFirst] {
        let (whole, keys, len) = kallsyms(order, Written::PlaceRelative);
        for pages in 0..=len / 4096 {
            let mut mem = whole.clone();
            (pages..=len / 4096).for_each(|p| _ = mem.punch(AT.offset(4096 * p as u64)));
            // The last page may hold only what is not needed; then all must be there.
            let range = AT..AT.offset(len as u64);
            let found = [Kallsyms::from_keys(&mem, &keys, &[]), Kallsyms::find(&mem, range, &[])];
            let all = |k: &Kallsyms| k.len() == 700 && k.name(699).as_deref() == Some("function_699");
            assert!(found.iter().flatten().all(all));
            assert!(pages > 0 || found.iter().all(Result::is_err));
        }
    }
}

#[test]
fn many_types_of_one_name_are_indexed_in_no_time() {
    let mut b = BtfBuilder::new(Abi::LE64);
    (0..20_000).for_each(|_| _ = b.float("same", 4));
    let mut bytes = b.build();
    // All entries share the first name, so even the strings are the same.
    (0..20_000).for_each(|i| bytes[24 + 12 * i..28 + 12 * i].copy_from_slice(&[1, 0, 0, 0]));
    let btf = Btf::parse(bytes, Abi::LE64, None).unwrap();
    assert_eq!(btf.find(Kind::Float, "same"), Some(TypeId(1)));
    assert_eq!(btf.find(Kind::Int, "same"), None);
}
