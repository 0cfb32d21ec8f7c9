//! Resources, requests in flight and neighbours, in memory made for them.
#![allow(clippy::unwrap_used)]

mod made;

use necropsy_base::{Abi, VirtAddr};
use necropsy_kernel::block::{DiskInfo, InFlight, in_flight};
use necropsy_kernel::devices::resources;
use necropsy_kernel::net;
use necropsy_synth::names::BtfBuilder;

use made::{DATA, HEAP, memory, opened, words};

#[test]
fn resources_parents_first_and_loops_end() {
    let mut b = BtfBuilder::new(Abi::LE64);
    let ulong = b.int("unsigned long", 8, false);
    let pointer = b.pointer(0);
    let members = [
        ("start", ulong, 0, 0),
        ("end", ulong, 64, 0),
        ("name", pointer, 128, 0),
        ("sibling", pointer, 192, 0),
        ("child", pointer, 256, 0),
    ];
    b.structure(false, "resource", 40, &members);
    let (first, second, inner) = (HEAP, HEAP + 0x40, HEAP + 0x80);
    let made = |back: u64| {
        let mut m = memory();
        m.put(VirtAddr(HEAP + 0x400), b"dma\x1b\0");
        words(&mut m, DATA, &[0, 0xffff, HEAP + 0x400, 0, first]);
        words(&mut m, first, &[0x10, 0x1f, HEAP + 0x400, second, inner]);
        words(&mut m, second, &[0x20, 0x2f, HEAP + 0x400, 0, 0]);
        words(&mut m, inner, &[0x10, 0x11, HEAP + 0x400, back, 0]);
        opened(m, &b, &[("ioport_resource", DATA)])
    };
    let t = made(0);
    let found = resources(&t, "ioport_resource").unwrap();
    let seen: Vec<_> = found.iter().map(|r| (r.at.0, r.depth)).collect();
    assert_eq!(seen, [(DATA, 0), (first, 1), (inner, 2), (second, 1)]);
    assert_eq!((found[3].start, found[3].end, found[3].name.as_str()), (0x20, 0x2f, "dma\\x1b"));
    assert!(t.notes().is_empty());
    let t = made(DATA);
    assert!(resources(&t, "ioport_resource").unwrap().len() == 3 && t.notes().len() == 1);
}

/// A queue, its tag set, tags and requests: their types.
fn block_types() -> BtfBuilder {
    let mut b = BtfBuilder::new(Abi::LE64);
    let uint = b.int("unsigned int", 4, false);
    let pointer = b.pointer(0);
    b.structure(false, "request_queue", 16, &[("mq_ops", pointer, 0, 0), ("tag_set", pointer, 64, 0)]);
    b.structure(false, "blk_mq_tag_set", 16, &[("nr_hw_queues", uint, 0, 0), ("tags", pointer, 64, 0)]);
    b.structure(false, "blk_mq_tags", 16, &[("nr_tags", uint, 0, 0), ("rqs", pointer, 64, 0)]);
    let request = [("q", pointer, 0, 0), ("cmd_flags", uint, 64, 0), ("state", uint, 96, 0)];
    b.structure(false, "request", 16, &request);
    b
}

#[test]
fn requests_in_flight_are_counted_once() {
    let (queue, set, tags, rqs, all) = (DATA, DATA + 0x20, DATA + 0x40, DATA + 0x60, DATA + 0x100);
    let mut m = memory();
    words(&mut m, queue, &[HEAP, set]);
    // Two hardware queues share their tags.
    words(&mut m, set, &[2, DATA + 0x300]);
    words(&mut m, DATA + 0x300, &[tags, tags]);
    words(&mut m, tags, &[6, rqs]);
    let request = |i: u64| HEAP + 0x100 + i * 0x10;
    words(&mut m, rqs, &[all, request(0), request(1), request(2), request(3), request(0)]);
    // Of another queue; a read, a synchronous write, a completed one, an idle one. Operations are odd when they write.
    let made = [(all, HEAP, 0, 1), (request(0), queue, 0, 1), (request(1), queue, 0x801, 1)];
    let idle = [(request(2), queue, 1, 2), (request(3), queue, 0, 0)];
    for (at, of, flags, state) in made.into_iter().chain(idle) {
        words(&mut m, at, &[of, flags | state << 32]);
    }
    let t = opened(m, &block_types(), &[]);
    let disk = DiskInfo {
        at: VirtAddr(0),
        major: 8,
        name: "sda".into(),
        operations: VirtAddr(0),
        queue: VirtAddr(queue),
    };
    assert_eq!(in_flight(&t, &disk).unwrap(), InFlight { reads: 1, writes: 1 });
}

/// The types of neighbours: the buckets hold pointers to them, or since 6.13 to their `hlist_node`s.
fn neighbour_types(lists: bool) -> BtfBuilder {
    let mut b = BtfBuilder::new(Abi::LE64);
    let byte = b.int("unsigned char", 1, false);
    let short = b.int("unsigned short", 2, false);
    let uint = b.int("unsigned int", 4, false);
    let pointer = b.pointer(0);
    let name = b.array(byte, uint, 16);
    let node = b.structure(false, "hlist_node", 16, &[("next", pointer, 0, 0), ("pprev", pointer, 64, 0)]);
    b.structure(false, "neigh_table", 8, &[("nht", pointer, 0, 0)]);
    let buckets = if lists { "hash_heads" } else { "hash_buckets" };
    b.structure(false, "neigh_hash_table", 16, &[(buckets, pointer, 0, 0), ("hash_shift", uint, 64, 0)]);
    let link = if lists { ("hash", node, 64, 0) } else { ("next", pointer, 64, 0) };
    let neighbour = [
        ("nud_state", byte, 0, 0),
        link,
        ("ha", name, 192, 0),
        ("dev", pointer, 320, 0),
        ("primary_key", name, 384, 0),
    ];
    b.structure(false, "neighbour", 64, &neighbour);
    let device = [("name", name, 0, 0), ("type", short, 128, 0), ("addr_len", byte, 144, 0)];
    b.structure(false, "net_device", 24, &device);
    b
}

fn neighbours(lists: bool, last_next: u64) -> (Vec<net::Neighbour>, usize) {
    let (hash, buckets, device) = (DATA + 0x40, DATA + 0x80, DATA + 0x100);
    let (first, second) = (HEAP, HEAP + 0x80);
    let step = if lists { 8 } else { 0 };
    let mut m = memory();
    words(&mut m, DATA, &[hash]);
    words(&mut m, hash, &[buckets, 1]);
    words(&mut m, buckets, &[0, first + step]);
    m.put(VirtAddr(device), b"eth0").put_uint(VirtAddr(device + 16), 1, 2).put_uint(
        VirtAddr(device + 18),
        6,
        1,
    );
    for (at, state, next, last) in [(first, 2, second + step, 1), (second, 0x80, last_next, 2)] {
        words(&mut m, at, &[state, next]);
        m.put(VirtAddr(at + 24), &[0x52, 0x54, 0, 0, 0, last]).put_uint(VirtAddr(at + 40), device, 8);
        m.put(VirtAddr(at + 48), &[10, 0, 2, last]);
    }
    let t = opened(m, &neighbour_types(lists), &[("arp_tbl", DATA)]);
    (net::neighbours(&t, VirtAddr(DATA)).unwrap(), t.notes().len())
}

#[test]
fn neighbours_of_both_shapes_and_loops_end() {
    for lists in [false, true] {
        let (found, notes) = neighbours(lists, 0);
        let seen: Vec<_> = found.iter().map(|n| (n.address.to_string(), n.states.join(","))).collect();
        let wanted = [("10.0.2.1", "REACHABLE"), ("10.0.2.2", "PERMANENT")];
        assert_eq!(seen, wanted.map(|(a, s)| (a.to_owned(), s.to_owned())));
        assert_eq!((found[1].hardware.as_slice(), found[1].kind), (&[0x52, 0x54, 0, 0, 0, 2][..], 1));
        assert!(notes == 0 && found[0].device_name.starts_with("eth0"));
        let (found, notes) = neighbours(lists, HEAP + if lists { 8 } else { 0 });
        assert_eq!((found.len(), notes), (2, 1));
    }
}
