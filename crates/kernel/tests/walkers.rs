//! Sockets, System V IPC, PCI and scalable bitmaps, in memory made for them.
#![allow(clippy::unwrap_used)]

mod made;

use necropsy_base::{Abi, VirtAddr};
use necropsy_kernel::net::{Endpoint, socket_of};
use necropsy_kernel::workqueue::{self, Worker};
use necropsy_kernel::{devices, ipc, sbitmap};
use necropsy_synth::memory::SparseMemory;
use necropsy_synth::names::BtfBuilder;

use made::{DATA, HEAP, memory, opened, words};

/// Types that all use: one, two, four and eight bytes, and a pointer.
fn basics(b: &mut BtfBuilder) -> [u32; 5] {
    let ints = [("unsigned char", 1), ("unsigned short", 2), ("unsigned int", 4), ("unsigned long", 8)];
    let [byte, short, uint, ulong] = ints.map(|(name, size)| b.int(name, size, false));
    [byte, short, uint, ulong, b.pointer(0)]
}

fn socket_types() -> BtfBuilder {
    let mut b = BtfBuilder::new(Abi::LE64);
    let [byte, short, uint, _, pointer] = basics(&mut b);
    let text = b.array(byte, uint, 0);
    let socket = b.structure(false, "socket", 16, &[("type", short, 0, 0), ("sk", pointer, 64, 0)]);
    let inode = b.structure(false, "inode", 8, &[("i_ino", pointer, 0, 0)]);
    b.structure(false, "socket_alloc", 24, &[("socket", socket, 0, 0), ("vfs_inode", inode, 128, 0)]);
    let members = [
        ("skc_daddr", uint, 0, 0),
        ("skc_rcv_saddr", uint, 32, 0),
        ("skc_dport", short, 64, 0),
        ("skc_family", short, 80, 0),
    ];
    let common = b.structure(false, "sock_common", 16, &members);
    let sock = b.structure(false, "sock", 16, &[("__sk_common", common, 0, 0)]);
    b.structure(false, "inet_sock", 24, &[("sk", sock, 0, 0), ("inet_sport", short, 128, 0)]);
    b.structure(false, "unix_sock", 24, &[("sk", sock, 0, 0), ("addr", pointer, 128, 0)]);
    b.structure(false, "unix_address", 8, &[("len", uint, 0, 0), ("name", text, 32, 0)]);
    b
}

/// A socket whose `struct sock` is at `HEAP` and begins with these bytes.
fn socket(sock: &[u8], more: impl Fn(&mut SparseMemory)) -> necropsy_kernel::net::Socket {
    let mut m = memory();
    m.put_uint(VirtAddr(DATA), 1, 2).put_uint(VirtAddr(DATA + 8), HEAP, 8).put(VirtAddr(HEAP), sock);
    more(&mut m);
    let t = opened(m, &socket_types(), &[]);
    socket_of(&t, VirtAddr(DATA + 16)).unwrap()
}

#[test]
fn sockets_of_three_families() {
    let inet = [10, 0, 2, 2, 10, 0, 2, 15, 0x01, 0xbb, 2, 0, 0, 0, 0, 0, 0x1f, 0x90];
    let found = socket(&inet, |_| ());
    assert_eq!((found.at.0, found.sock.0, found.family_and_type().as_str()), (DATA, HEAP, "INET:STREAM"));
    let (source, destination) = (("10.0.2.15".parse().unwrap(), 8080), ("10.0.2.2".parse().unwrap(), 443));
    assert_eq!(found.endpoint, Endpoint::Internet { source, destination });

    let unix = [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0];
    let named = |len: u64, name: &'static [u8]| {
        let found = socket(&unix, |m| {
            m.put_uint(VirtAddr(HEAP + 16), HEAP + 0x100, 8).put_uint(VirtAddr(HEAP + 0x100), len, 4);
            m.put(VirtAddr(HEAP + 0x106), name);
        });
        found.endpoint
    };
    assert_eq!(named(10, b"/run/x\x1b\0"), Endpoint::Named("/run/x\\x1b".into()));
    assert_eq!(named(7, b"\0dbus"), Endpoint::Named("@dbus".into()));
    // A length that cannot be is cut, not believed.
    assert!(matches!(named(0xffff_ffff, b"/run/y\0"), Endpoint::Named(name) if name == "/run/y"));
    assert_eq!(socket(&unix, |_| ()).endpoint, Endpoint::Named(String::new()));

    let strange = socket(&[0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 200, 0], |_| ());
    assert_eq!((strange.endpoint, strange.family), (Endpoint::Unknown, 200));
    let without = |m: &mut SparseMemory| {
        m.put_uint(VirtAddr(DATA + 8), 0, 8);
    };
    assert_eq!(socket(&[], without).sock.0, 0);
}

fn ipc_types() -> BtfBuilder {
    let mut b = BtfBuilder::new(Abi::LE64);
    let [byte, short, uint, ulong, pointer] = basics(&mut b);
    let slots = b.array(pointer, uint, 64);
    b.structure(false, "xa_node", 520, &[("shift", byte, 0, 0), ("slots", slots, 64, 0)]);
    let tree = b.structure(false, "xarray", 8, &[("xa_head", pointer, 0, 0)]);
    let idr = b.structure(false, "idr", 8, &[("idr_rt", tree, 0, 0)]);
    let ids = b.structure(false, "ipc_ids", 16, &[("in_use", uint, 0, 0), ("ipcs_idr", idr, 64, 0)]);
    let three = b.array(ids, uint, 3);
    b.structure(false, "ipc_namespace", 48, &[("ids", three, 0, 0)]);
    let uid = b.structure(false, "kuid_t", 4, &[("val", uint, 0, 0)]);
    let members = [("id", uint, 0, 0), ("key", uint, 32, 0), ("uid", uid, 64, 0), ("mode", short, 96, 0)];
    let perm = b.structure(false, "kern_ipc_perm", 16, &members);
    b.structure(false, "sem_array", 24, &[("sem_nsems", uint, 0, 0), ("sem_perm", perm, 64, 0)]);
    let queue = [("q_cbytes", ulong, 0, 0), ("q_qnum", ulong, 64, 0), ("q_perm", perm, 128, 0)];
    b.structure(false, "msg_queue", 32, &queue);
    b
}

#[test]
fn semaphores_and_messages() {
    let (semaphores, queue, node) = (HEAP, HEAP + 0x40, HEAP + 0x100);
    let mut m = memory();
    // One object is the root itself; several hang from a node, one of which is not there.
    words(&mut m, DATA, &[1, semaphores + 8, 2, node | 2, 0, 0]);
    words(&mut m, semaphores, &[4, 7 | 0x51 << 32, 1000 | 0o600 << 32]);
    words(&mut m, node, &[0, queue + 16, 0x1000]);
    words(&mut m, queue, &[300, 3, 32_768, 0o666 << 32]);
    let t = opened(m, &ipc_types(), &[]);
    let found = ipc::semaphores(&t, VirtAddr(DATA)).unwrap();
    let p = &found[0].permissions;
    assert_eq!((found.len(), found[0].count, p.at.0), (1, 4, semaphores));
    assert_eq!((p.id, p.key, p.uid, p.mode), (7, 0x51, 1000, 0o600));
    let found = ipc::queues(&t, VirtAddr(DATA)).unwrap();
    assert_eq!((found.len(), found[0].bytes, found[0].messages), (1, 300, 3));
    assert_eq!((found[0].permissions.at.0, found[0].permissions.mode), (queue, 0o666));
    assert_eq!(t.notes().len(), 1, "{:?}", t.notes());
}

fn pci_types() -> BtfBuilder {
    let mut b = BtfBuilder::new(Abi::LE64);
    let [byte, short, uint, _, pointer] = basics(&mut b);
    let list = b.structure(false, "list_head", 16, &[("next", pointer, 0, 0), ("prev", pointer, 64, 0)]);
    let object = b.structure(false, "kobject", 8, &[("name", pointer, 0, 0)]);
    let device = b.structure(false, "device", 8, &[("kobj", object, 0, 0)]);
    let bus = [
        ("node", list, 0, 0),
        ("parent", pointer, 128, 0),
        ("children", list, 192, 0),
        ("devices", list, 320, 0),
        ("dev", device, 448, 0),
    ];
    b.structure(false, "pci_bus", 64, &bus);
    let function = [
        ("bus_list", list, 0, 0),
        ("vendor", short, 128, 0),
        ("device", short, 144, 0),
        ("class", uint, 160, 0),
        ("hdr_type", byte, 192, 0),
        ("pcie_cap", byte, 200, 0),
        ("pcie_flags_reg", short, 208, 0),
        ("dev", device, 256, 0),
    ];
    b.structure(false, "pci_dev", 40, &function);
    b
}

#[test]
fn buses_with_what_is_on_them() {
    let (roots, root, child, one, two) = (DATA, HEAP, HEAP + 0x40, HEAP + 0x100, HEAP + 0x140);
    let made = |after_child: u64| {
        let mut m = memory();
        m.put(VirtAddr(HEAP + 0x400), b"0000:00\0").put(VirtAddr(HEAP + 0x410), b"0000:00:02.0\0");
        words(&mut m, roots, &[root, root]);
        words(&mut m, root, &[roots, roots, 0, child, child, one, two, HEAP + 0x400]);
        words(
            &mut m,
            child,
            &[after_child, root + 24, root, child + 24, child + 24, child + 40, child + 40, 0],
        );
        words(&mut m, one, &[two, root + 40, 0x0002_0000_1001_1af4, 0, HEAP + 0x410]);
        // A port of PCI Express.
        words(&mut m, two, &[root + 40, one, 0x0604_0000_000c_1b36, 0x0042_4001, HEAP + 0x410]);
        opened(m, &pci_types(), &[("pci_root_buses", roots)])
    };
    let t = made(root + 24);
    let found = devices::pci_buses(&t).unwrap();
    let places: Vec<_> = found.iter().map(|b| (b.at.0, b.parent.map(|p| p.0), b.functions.len())).collect();
    assert_eq!(places, [(root, None, 2), (child, Some(root), 0)]);
    let kinds: Vec<_> = found[0].functions.iter().map(|f| (f.vendor, f.device, f.kind)).collect();
    assert_eq!(kinds, [(0x1af4, 0x1001, "ENDPOINT"), (0x1b36, 0x000c, "ROOT_PORT")]);
    assert_eq!((found[0].functions[0].name.as_str(), found[0].name.as_str()), ("0000:00:02.0", "0000:00"));
    assert!(t.notes().is_empty(), "{:?}", t.notes());
    // A list of children that leads back to itself ends.
    let t = made(child);
    assert!(devices::pci_buses(&t).unwrap().len() == 2 && !t.notes().is_empty());
}

/// Words of a bitmap that know their size, as up to 5.16, or not.
fn bitmap_types(sized: bool) -> BtfBuilder {
    let mut b = BtfBuilder::new(Abi::LE64);
    let [_, _, uint, ulong, pointer] = basics(&mut b);
    let list = b.structure(false, "list_head", 16, &[("next", pointer, 0, 0), ("prev", pointer, 64, 0)]);
    let head = b.structure(false, "wait_queue_head", 16, &[("head", list, 0, 0)]);
    let wait = [("wait_cnt", uint, 0, 0), ("wait", head, 64, 0)];
    b.structure(false, "sbq_wait_state", 24, if sized { &wait } else { &wait[1..] });
    let word = [("word", ulong, 0, 0), ("cleared", ulong, 64, 0), ("depth", ulong, 128, 0)];
    b.structure(false, "sbitmap_word", 24, if sized { &word } else { &word[..2] });
    let map =
        [("depth", uint, 0, 0), ("shift", uint, 32, 0), ("map_nr", uint, 64, 0), ("map", pointer, 128, 0)];
    let sb = b.structure(false, "sbitmap", 24, &map);
    let queue = [
        ("sb", sb, 0, 0),
        ("wake_batch", uint, 192, 0),
        ("wake_index", uint, 224, 0),
        ("ws", pointer, 256, 0),
        ("min_shallow_depth", uint, 320, 0),
    ];
    b.structure(false, "sbitmap_queue", 48, &queue);
    b
}

#[test]
fn bits_that_are_in_use() {
    for sized in [true, false] {
        let mut m = memory();
        // 70 bits, 64 in the first word; those given back are free, and so is what lies behind the last.
        words(&mut m, DATA, &[70 | 6 << 32, 2, HEAP, 8 | 1 << 32, HEAP + 0x100, 4]);
        words(&mut m, HEAP, &[0b1011, 0b0010, 64, 0b1110_0001, 0, 6]);
        for i in 0..8 {
            let head = HEAP + 0x100 + i * 24 + 8;
            words(&mut m, head - 8, &[5, if i == 3 { DATA } else { head }]);
        }
        let t = opened(m, &bitmap_types(sized), &[]);
        let queue: sbitmap::Queue = t.load(VirtAddr(DATA)).unwrap();
        let bits = sbitmap::bits(&t, &queue).unwrap();
        assert_eq!((bits.set.as_slice(), bits.cleared, bits.depth), (&[0, 3, 64, 69][..], 1, 70));
        assert_eq!((queue.wake_batch, queue.wake_index, queue.min_shallow_depth), (8, 1, Some(4)));
        let waiters = sbitmap::waiters(&t, &queue).unwrap();
        assert_eq!(waiters[3], (sized.then_some(5), true));
        assert!(waiters.iter().filter(|w| w.1).count() == 1 && sbitmap::hints(&t, &queue).is_empty());
    }
}

#[test]
fn pools_in_which_work_waits() {
    // The member that says when a pool moved last was renamed.
    for progress in ["watchdog_ts", "last_progress_ts"] {
        let mut b = BtfBuilder::new(Abi::LE64);
        let [_, _, uint, ulong, pointer] = basics(&mut b);
        let list = b.structure(false, "list_head", 16, &[("next", pointer, 0, 0), ("prev", pointer, 64, 0)]);
        b.structure(false, "worker", 8, &[("pool", pointer, 0, 0)]);
        let pool = [("cpu", uint, 0, 0), (progress, ulong, 64, 0), ("worklist", list, 128, 0)];
        b.structure(false, "worker_pool", 32, &pool);
        let work = [("data", ulong, 0, 0), ("entry", list, 64, 0), ("func", pointer, 192, 0)];
        b.structure(false, "work_struct", 32, &work);
        // Two workers of the pool of CPU 1, where two items wait, and one of an empty pool.
        let (full, empty, one, two) = (HEAP, HEAP + 0x100, HEAP + 0x200, HEAP + 0x300);
        let mut m = memory();
        words(&mut m, DATA, &[full, full, empty]);
        words(&mut m, full, &[1, 77, one + 8, two + 8]);
        words(&mut m, one, &[5, two + 8, full + 16, 0xffff_ffff_8100_0010]);
        words(&mut m, two, &[5, full + 16, one + 8, 0xffff_ffff_8100_0020]);
        words(&mut m, empty, &[0, 99, empty + 16, empty + 16]);
        let t = opened(m, &b, &[]);
        let worker = |i: u64, work: u64| Worker {
            at: VirtAddr(DATA + 8 * i),
            task: VirtAddr(0x1000 + i),
            work: VirtAddr(work),
            function: VirtAddr(0x10),
            queue: VirtAddr(0),
        };
        let workers = [worker(0, HEAP + 0x400), worker(1, 0), worker(2, HEAP + 0x500)];
        let found = workqueue::waiting_behind(&t, workers.iter().cloned()).unwrap();
        let [pool] = &found[..] else { panic!("{found:?}") };
        assert_eq!((pool.at.0, pool.cpu, pool.progress), (full, 1, 77));
        assert_eq!(pool.waiting, [VirtAddr(0xffff_ffff_8100_0010), VirtAddr(0xffff_ffff_8100_0020)]);
        assert_eq!(pool.busy, workers[..1]);
    }
}
