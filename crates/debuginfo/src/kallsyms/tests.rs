use necropsy_base::Abi;
use necropsy_synth::memory::SparseMemory;
use necropsy_synth::names::{KallsymsBuilder, KallsymsImage, Order, Written};

use super::*;

const ALL: [Abi; 3] = [Abi::LE64, Abi::BE64, Abi::LE32];
const ORDERS: [Order; 3] = [Order::AddressesFirst, Order::AddressesFirstWithSequence, Order::TokensFirst];

fn text(abi: Abi) -> u64 {
    if abi.word == 4 { 0xc000_0000 } else { 0xffff_ffff_8100_0000 }
}

/// A kernel of 900 symbols: some per-CPU offsets, aliases, one name repeated.
fn builder(abi: Abi, written: Written, order: Order) -> KallsymsBuilder {
    let mut b = KallsymsBuilder::new(abi);
    (b.written, b.order) = (written, order);
    if written == Written::AbsolutePercpu {
        b.symbols = vec![(0, 'A', "fixed_percpu_data".into()), (0x1000, 'A', "cpu_number".into())];
    }
    let parts = ["vfs", "tcp", "sched", "do", "mutex"];
    let name = |i: u64| format!("{}_{}_{i}", parts[i as usize % 5], parts[i as usize / 5 % 5]);
    let kind = |i| if i % 3 == 0 { 'T' } else { 't' };
    b.symbols.push((text(abi), 'T', "_stext".into()));
    b.symbols.extend((0..900).map(|i| (text(abi) + 0x20 * i, kind(i), name(i))));
    b.symbols.push((text(abi) + 0x20 * 900, 'd', "__func__".into()));
    b.symbols.push((text(abi) + 0x20 * 901, 'd', "__func__".into()));
    b.symbols.push((text(abi) + 0x20 * 902, 'D', "init_uts_ns".into()));
    b
}

fn put(b: &KallsymsBuilder) -> (SparseMemory, KallsymsImage, Range<VirtAddr>) {
    let start = VirtAddr(text(b.abi));
    let image = b.build(start.offset(0x2_3008));
    let mut mem = SparseMemory::new(b.abi);
    mem.put(start, b"code").put(start.offset(0x2_3008), &image.bytes);
    let end = start.offset(0x4_0000 + image.bytes.len() as u64);
    mem.put_uint(end.offset(0x1_0000), 0, 8);
    (mem, image, start..end.offset(0x1_0000))
}

fn keys(image: &KallsymsImage) -> Keys {
    let at = |label| image.labels.get(label).copied();
    Keys {
        names: at("kallsyms_names").unwrap(),
        num_syms: at("kallsyms_num_syms").unwrap(),
        token_table: at("kallsyms_token_table").unwrap(),
        token_index: at("kallsyms_token_index").unwrap(),
        offsets: at("kallsyms_offsets"),
        relative_base: at("kallsyms_relative_base"),
        addresses: at("kallsyms_addresses"),
    }
}

fn anchors(abi: Abi) -> [(&'static str, u64); 3] {
    [("_stext", text(abi)), ("swapper_pg_dir", 0x1234), ("init_uts_ns", text(abi) + 0x20 * 902)]
}

fn same(found: &Kallsyms, b: &KallsymsBuilder) {
    assert_eq!(found.len(), b.symbols.len());
    for (i, (address, kind, name)) in b.symbols.iter().enumerate() {
        let wanted = KSymbol { name: name.clone(), kind: *kind as u8, address: *address };
        assert_eq!(found.symbol(i), Some(wanted));
    }
    assert_eq!(found.symbol(b.symbols.len()), None);
}

/// All encodings that exist for a pointer width.
fn encodings(abi: Abi) -> Vec<Written> {
    let mut all =
        vec![Written::Absolute, Written::BaseRelative, Written::AbsolutePercpu, Written::PlaceRelative];
    if abi.word == 4 {
        all.push(Written::Plain);
    }
    all
}

#[test]
fn every_encoding_and_order_by_keys_and_by_shape() {
    for abi in ALL {
        for order in ORDERS {
            for written in encodings(abi) {
                let mut b = builder(abi, written, order);
                b.align = if written == Written::PlaceRelative { 4 } else { b.align };
                let (mem, image, range) = put(&b);
                let by_keys = Kallsyms::from_keys(&mem, &keys(&image), &anchors(abi)).unwrap();
                same(&by_keys, &b);
                let by_shape = Kallsyms::find(&mem, range, &anchors(abi)).unwrap();
                same(&by_shape, &b);
                // On 32 bits addresses as words and as 32-bit numbers are the same.
                let way = by_shape.encoding().name();
                assert!(way == by_keys.encoding().name() || abi.word == 4, "{abi:?} {order:?} {written:?}");
                assert_eq!(by_keys.percpu_absolute(), written == Written::AbsolutePercpu);
            }
        }
    }
}

#[test]
fn by_shape_without_any_known_symbol() {
    for order in [Order::AddressesFirst, Order::TokensFirst] {
        for written in encodings(Abi::LE64) {
            let b = builder(Abi::LE64, written, order);
            let (mem, _, range) = put(&b);
            let k = Kallsyms::find(&mem, range, &[]).unwrap();
            same(&k, &b);
        }
    }
}

#[test]
fn word_sized_markers_of_old_kernels() {
    for abi in [Abi::LE64, Abi::BE64] {
        let mut b = builder(abi, Written::AbsolutePercpu, Order::AddressesFirst);
        b.marker = 8;
        let (mem, _, range) = put(&b);
        same(&Kallsyms::find(&mem, range, &anchors(abi)).unwrap(), &b);
    }
}

/// 3.10: absolute addresses, markers of a word, lengths of one byte, and no symbol known but `_stext`.
#[test]
fn as_enterprise_kernels_of_3_10_write_them() {
    let mut b = builder(Abi::LE64, Written::Absolute, Order::AddressesFirst);
    (b.marker, b.long) = (8, false);
    let (mem, _, range) = put(&b);
    let found = Kallsyms::find(&mem, range, &anchors(Abi::LE64)).unwrap();
    same(&found, &b);
    assert_eq!(found.encoding().name(), "absolute");
}

#[test]
fn names_of_two_byte_length_and_long_old_names() {
    for (long, len) in [(true, 300), (true, 127), (false, 200), (false, 128)] {
        let mut b = builder(Abi::LE64, Written::BaseRelative, Order::TokensFirst);
        (b.long, b.merges) = (long, 0);
        for i in [3, 300, 900] {
            b.symbols[i].2 = format!("{i}_{}", "x".repeat(len - 3));
        }
        let (mem, image, range) = put(&b);
        same(&Kallsyms::from_keys(&mem, &keys(&image), &anchors(Abi::LE64)).unwrap(), &b);
        same(&Kallsyms::find(&mem, range, &anchors(Abi::LE64)).unwrap(), &b);
    }
}

#[test]
fn looks_up_by_address_and_name() {
    let b = builder(Abi::LE64, Written::AbsolutePercpu, Order::TokensFirst);
    let (mem, image, _) = put(&b);
    let k = Kallsyms::from_keys(&mem, &keys(&image), &anchors(Abi::LE64)).unwrap();
    let start = text(Abi::LE64);
    // _stext and vfs_vfs_0 are aliases: the first one counts.
    assert_eq!((k.at(start), k.aliases(3)), (Some(2), vec![2, 3]));
    assert_eq!(k.at(start + 0x2f), k.by_name("tcp_vfs_1").first().copied());
    assert_eq!((k.at(0xfff), k.at(0x1000)), (Some(0), Some(1)));
    assert_eq!(k.at(u64::MAX), Some(k.len() - 1));
    assert_eq!((k.next_address(2), k.next_address(3)), (Some(start + 0x20), Some(start + 0x20)));
    assert_eq!(k.next_address(k.len() - 1), None);
    assert_eq!(k.by_name("__func__").len(), 2);
    assert_eq!((k.by_name("nothing"), k.by_name("")), (vec![], vec![]));
    assert_eq!(k.lookup("init_uts_ns"), Some(start + 0x20 * 902));
    assert_eq!(k.search("utex_mutex").len(), 36);
    assert_eq!(k.kind(0), Some(b'A'));
}

#[test]
fn unsorted_tables_are_sorted_for_looking_up() {
    let mut b = builder(Abi::LE64, Written::BaseRelative, Order::TokensFirst);
    b.symbols.reverse();
    let (mem, image, _) = put(&b);
    let k = Kallsyms::from_keys(&mem, &keys(&image), &anchors(Abi::LE64)).unwrap();
    let i = k.by_name("tcp_vfs_1")[0];
    assert_eq!(k.at(text(Abi::LE64) + 0x2f), Some(i));
    assert_eq!(k.next_address(i), Some(text(Abi::LE64) + 0x40));
    assert_eq!(k.aliases(k.by_name("_stext")[0]).len(), 2);
}

#[test]
fn holes_around_the_tables_do_no_harm() {
    let b = builder(Abi::LE64, Written::BaseRelative, Order::AddressesFirst);
    let (mem, image, range) = put(&b);
    // Pages between the code and the tables do not exist in this memory anyway; nothing behind them does either.
    assert!(Kallsyms::find(&mem, range.clone(), &[]).is_ok());
    let mut holed = mem.clone();
    holed.punch(keys(&image).names);
    assert!(Kallsyms::find(&holed, range, &[]).is_err());
    assert!(matches!(Kallsyms::from_keys(&holed, &keys(&image), &[]), Err(KallsymsError::Read(_))));
}

#[test]
fn errors_say_what_was_tried() {
    let b = builder(Abi::LE64, Written::BaseRelative, Order::TokensFirst);
    let (mut mem, image, range) = put(&b);
    let keys = keys(&image);
    let error = Kallsyms::from_keys(&mem, &keys, &[("_stext", 0x1234)]).err().unwrap();
    let KallsymsError::Anchors { anchors: 1, tried } = &error else { panic!("{error}") };
    assert_eq!(tried.len(), 3);
    assert!(error.to_string().contains("base-relative 0"), "{error}");
    let bare = Keys { offsets: None, ..keys };
    assert_eq!(Kallsyms::from_keys(&mem, &bare, &[]).err(), Some(KallsymsError::NoAddresses));
    mem.put_uint(keys.num_syms, 0x7fff_ffff, 4);
    assert_eq!(Kallsyms::from_keys(&mem, &keys, &[]).err(), Some(KallsymsError::Count(0x7fff_ffff)));
    assert!(Kallsyms::find(&mem, range, &[]).is_err());
    let empty = VirtAddr(u64::MAX - 0x1_0000)..VirtAddr(u64::MAX);
    assert_eq!(Kallsyms::find(&mem, empty, &[]).err(), Some(KallsymsError::NotFound));
}

#[test]
fn damaged_tokens_are_refused() {
    let b = builder(Abi::LE64, Written::BaseRelative, Order::TokensFirst);
    let (mem, image, _) = put(&b);
    let keys = keys(&image);
    let with = |at: VirtAddr, value, size| {
        let mut mem = mem.clone();
        mem.put_uint(at, value, size);
        Kallsyms::from_keys(&mem, &keys, &[]).err()
    };
    assert_eq!(with(keys.token_index.offset(20), 0xffff, 2), Some(KallsymsError::Tokens(10)));
    assert!(matches!(with(keys.token_table, 0x4141_4141, 4), Some(KallsymsError::Tokens(_))));
    assert_eq!(with(keys.names, 0, 1), Some(KallsymsError::Names));
}
