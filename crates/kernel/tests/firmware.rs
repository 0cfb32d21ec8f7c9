//! UEFI's memory and ACPI's methods, PCI's opinion of a device, and what is known of a disk and of ext4's first error, in memory made for them.
#![allow(clippy::unwrap_used)]

mod made;

use necropsy_base::{Abi, VirtAddr};
use necropsy_kernel::block::{Health, health};
use necropsy_kernel::devices::{Channel, pci_state};
use necropsy_kernel::firmware::{methods_on, runtime_areas};
use necropsy_kernel::vfs::{first_error, super_blocks};
use necropsy_synth::names::BtfBuilder;

use made::{DATA, HEAP, memory, opened, words};

const RUNTIME: u64 = 1 << 63;

fn efi_types() -> BtfBuilder {
    let mut b = BtfBuilder::new(Abi::LE64);
    let uint = b.int("unsigned int", 4, false);
    let ulong = b.int("unsigned long", 8, false);
    let pointer = b.pointer(0);
    let map = [("map", pointer, 0, 0), ("nr_map", uint, 64, 0), ("desc_size", ulong, 128, 0)];
    let map = b.structure(false, "efi_memory_map", 24, &map);
    b.structure(false, "efi", 32, &[("memmap", map, 64, 0)]);
    b
}

#[test]
fn memory_of_the_runtime_services() {
    let made = |count: u64, size: u64| {
        let mut m = memory();
        words(&mut m, DATA, &[0, HEAP, count, size]);
        words(&mut m, HEAP, &[7, 0x10_0000, 0, 16, 0xf, 0]);
        words(&mut m, HEAP + 48, &[5, 0x7f00_0000, 0xffff_fffe_f000_0000, 2, RUNTIME | 0xf, 0]);
        opened(m, &efi_types(), &[("efi", DATA)])
    };
    let found = runtime_areas(&made(2, 48)).unwrap();
    let seen: Vec<_> = found.iter().map(|a| (a.descriptor.0, a.virt.0, a.phys, a.bytes, a.kind)).collect();
    assert_eq!(seen, [(HEAP + 48, 0xffff_fffe_f000_0000, 0x7f00_0000, 8192, 5)]);
    // Descriptors that have no place for their members, and more of them than there is memory.
    assert!(runtime_areas(&made(2, 8)).unwrap().is_empty());
    assert!(runtime_areas(&made(u64::from(u32::MAX), 48)).is_err());
    // A machine that was not started by UEFI.
    assert!(runtime_areas(&opened(memory(), &efi_types(), &[])).unwrap().is_empty());
}

fn acpi_types() -> BtfBuilder {
    let mut b = BtfBuilder::new(Abi::LE64);
    let byte = b.int("unsigned char", 1, false);
    let uint = b.int("unsigned int", 4, false);
    let pointer = b.pointer(0);
    b.structure(
        false,
        "acpi_walk_state",
        24,
        &[("descriptor_type", byte, 64, 0), ("method_node", pointer, 128, 0)],
    );
    let node = [
        ("descriptor_type", byte, 0, 0),
        ("type", byte, 8, 0),
        ("name", uint, 32, 0),
        ("parent", pointer, 64, 0),
    ];
    b.structure(false, "acpi_namespace_node", 16, &node);
    b
}

fn node(name: &[u8; 4], kind: u64) -> u64 {
    0x0f | kind << 8 | u64::from(u32::from_le_bytes(*name)) << 32
}

#[test]
fn methods_by_the_words_of_a_stack() {
    let (walk, method, device, root) = (HEAP, HEAP + 0x40, HEAP + 0x80, HEAP + 0xc0);
    let made = |name: &[u8; 4], kind: u64, root_parent: u64| {
        let mut m = memory();
        words(&mut m, DATA, &[1, walk, walk, method, 0]);
        words(&mut m, walk, &[0, 0x0c, method]);
        words(&mut m, method, &[node(name, kind), device]);
        words(&mut m, device, &[node(b"PNL0", 6), root]);
        words(&mut m, root, &[node(b"\\___", 6), root_parent]);
        let t = opened(m, &acpi_types(), &[]);
        methods_on(&t, VirtAddr(DATA), VirtAddr(DATA + 40)).into_iter().map(|m| m.path).collect::<Vec<_>>()
    };
    assert_eq!(made(b"PUTL", 8, 0), ["\\PNL0.PUTL"]);
    // What is no method, and what is no name, is not told.
    assert!(made(b"PUTL", 6, 0).is_empty());
    assert!(made(b"PU\x1bL", 8, 0).is_empty());
    // Parents that go round in a circle end.
    assert!(made(b"PUTL", 8, method).is_empty());
}

#[test]
fn what_pci_thinks_of_a_device() {
    let mut b = BtfBuilder::new(Abi::LE64);
    let uint = b.int("unsigned int", 4, false);
    let ulong = b.int("unsigned long", 8, false);
    let pointer = b.pointer(0);
    let resource = b.structure(false, "resource", 16, &[("start", ulong, 0, 0), ("end", ulong, 64, 0)]);
    let resources = b.array(resource, uint, 2);
    let device = b.structure(false, "device", 8, &[("driver", pointer, 0, 0)]);
    b.structure(false, "device_driver", 16, &[("name", pointer, 0, 0), ("owner", pointer, 64, 0)]);
    let members = [("error_state", uint, 0, 0), ("resource", resources, 64, 0), ("dev", device, 320, 0)];
    b.structure(false, "pci_dev", 48, &members);
    let made = |state: u64, driver: u64| {
        let mut m = memory();
        words(&mut m, DATA, &[state, 0xfe00_0000, 0xfe01_ffff, 0, 0, driver]);
        words(&mut m, HEAP, &[HEAP + 0x40, HEAP + 0x80]);
        m.put(VirtAddr(HEAP + 0x40), b"e1000e\0");
        pci_state(&opened(m, &b, &[]), VirtAddr(DATA))
    };
    let state = made(3, HEAP).unwrap();
    assert_eq!(
        (state.driver.as_str(), state.owner.0, state.channel),
        ("e1000e", HEAP + 0x80, Channel::Failed)
    );
    assert_eq!(state.regions, [(0xfe00_0000, 0xfe01_ffff)]);
    let state = made(1, 0).unwrap();
    assert_eq!((state.driver.as_str(), state.owner.0, state.channel), ("", 0, Channel::Normal));
    assert!(made(2, 0x1000).is_err(), "a driver that cannot be read");
}

#[test]
fn disks_that_are_gone() {
    let types = |with_state: bool| {
        let mut b = BtfBuilder::new(Abi::LE64);
        let ulong = b.int("unsigned long", 8, false);
        let pointer = b.pointer(0);
        let all = [("flags", ulong, 0, 0), ("queue", pointer, 64, 0), ("state", ulong, 128, 0)];
        b.structure(false, "gendisk", 24, if with_state { &all } else { &all[..2] });
        b.structure(false, "request_queue", 16, &[("mq_ops", pointer, 0, 0), ("queuedata", pointer, 64, 0)]);
        b
    };
    let of = |with_state: bool, flags: u64, state: u64| {
        let mut m = memory();
        words(&mut m, DATA, &[flags, HEAP, state]);
        words(&mut m, HEAP, &[0, 0]);
        health(&opened(m, &types(with_state), &[]), VirtAddr(DATA)).unwrap()
    };
    let removed = |member: &str| Health::Removed { shown: format!("gendisk.{member} {DATA:x}") };
    assert_eq!((of(true, 0, 0x10), of(true, 0, 0x14)), (Health::Well, removed("state")));
    // Before there were states it was a flag that the disk lost.
    assert_eq!((of(false, 0x10, 0), of(false, 0, 0)), (Health::Well, removed("flags")));
}

#[test]
fn file_systems_and_the_first_error_of_ext4() {
    let mut b = BtfBuilder::new(Abi::LE64);
    let byte = b.int("unsigned char", 1, false);
    let uint = b.int("unsigned int", 4, false);
    let ulong = b.int("unsigned long", 8, false);
    let pointer = b.pointer(0);
    let list = b.structure(false, "list_head", 16, &[("next", pointer, 0, 0), ("prev", pointer, 64, 0)]);
    let text = b.array(byte, uint, 32);
    let block = [
        ("s_list", list, 0, 0),
        ("s_type", pointer, 128, 0),
        ("s_bdev", pointer, 192, 0),
        ("s_fs_info", pointer, 256, 0),
        ("s_id", text, 320, 0),
    ];
    b.structure(false, "super_block", 72, &block);
    b.structure(false, "file_system_type", 8, &[("name", pointer, 0, 0)]);
    b.structure(false, "block_device", 8, &[("bd_disk", pointer, 0, 0)]);
    let info = [
        ("s_es", pointer, 0, 0),
        ("s_first_error_code", uint, 64, 0),
        ("s_first_error_line", uint, 96, 0),
        ("s_first_error_block", ulong, 128, 0),
        ("s_first_error_func", pointer, 192, 0),
    ];
    b.structure(false, "ext4_sb_info", 32, &info);
    let stored = [
        ("s_first_error_errcode", byte, 0, 0),
        ("s_first_error_line", uint, 32, 0),
        ("s_first_error_func", text, 64, 0),
    ];
    b.structure(false, "ext4_super_block", 40, &stored);
    let (one, kind, disk, info, es) = (HEAP, HEAP + 0x80, HEAP + 0xa0, HEAP + 0xc0, HEAP + 0x100);
    let made = |function: u64, code: u64, stored_code: u64| {
        let mut m = memory();
        words(&mut m, DATA, &[one, one]);
        words(&mut m, one, &[DATA, DATA, kind, disk, info]);
        m.put(VirtAddr(one + 40), b"vdb\0")
            .put(VirtAddr(HEAP + 0x200), b"ext4\0")
            .put(VirtAddr(HEAP + 0x210), b"__ext4_iget\0");
        words(&mut m, kind, &[HEAP + 0x200]);
        words(&mut m, disk, &[HEAP + 0x300]);
        words(&mut m, info, &[es, code | 42 << 32, 289, function]);
        words(&mut m, es, &[stored_code | 7 << 32, 0]);
        m.put(VirtAddr(es + 8), b"ext4_find_entry\0");
        opened(m, &b, &[("super_blocks", DATA)])
    };
    let t = made(HEAP + 0x210, 5, 0);
    let found = super_blocks(&t).unwrap();
    let seen: Vec<_> =
        found.iter().map(|s| (s.kind.as_str(), s.id.as_str(), s.disk.map(|d| d.0), s.info.0)).collect();
    assert_eq!(seen, [("ext4", "vdb", Some(HEAP + 0x300), info)]);
    let error = first_error(&t, VirtAddr(info)).unwrap();
    assert_eq!((error.io, error.function.as_str(), error.line, error.block), (true, "__ext4_iget", 42, 289));
    // Damage is no error of the disk; without anything in memory what is to be written back counts.
    assert!(!first_error(&made(HEAP + 0x210, 117, 0), VirtAddr(info)).unwrap().io);
    let error = first_error(&made(0, 0, 2), VirtAddr(info)).unwrap();
    assert_eq!(
        (error.of, error.io, error.function.as_str(), error.line),
        ("ext4_super_block", true, "ext4_find_entry", 7)
    );
}

#[test]
fn errors_that_the_firmware_reports() {
    use necropsy_kernel::cper::{Error, Severity, on_stack, status};
    const CLEARED: u32 = u32::MAX;
    let memory_error = [
        0xa5bc_1114_u32.to_le_bytes(),
        [0x64, 0x6f, 0xde, 0x4e],
        [0xb8, 0x63, 0x3e, 0x83],
        [0xed, 0x7c, 0x83, 0xb1],
    ]
    .concat();
    let made = |count: u32, length: u32| {
        let mut block = Vec::new();
        let four = |block: &mut Vec<u8>, n: u32| block.extend(n.to_le_bytes());
        let kind = if count == CLEARED { 0 } else { 1 | count << 4 };
        [kind, 0, 0, length, 1].iter().for_each(|n| four(&mut block, *n));
        block.extend(&memory_error);
        four(&mut block, 1);
        block.extend([0, 3, 2, 0]); // revision 3, a text
        four(&mut block, 80);
        block.extend([0; 16]);
        block.extend(b"DIMM\x1bA2\0\0\0\0\0\0\0\0\0\0\0\0\0");
        block.extend([0; 8]); // the time
        let mut data = [0_u8; 80];
        data[..8].copy_from_slice(&0x402a_u64.to_le_bytes()); // address, node, module, type
        data[16..24].copy_from_slice(&0x0abc_d000_u64.to_le_bytes());
        (data[32], data[36], data[72]) = (1, 3, 3);
        block.extend(data);
        let mut m = memory();
        words(&mut m, DATA, &[5, HEAP, 0]);
        m.put(VirtAddr(HEAP), &block);
        opened(m, &BtfBuilder::new(Abi::LE64), &[])
    };
    assert!(
        status(&made(CLEARED, 152), VirtAddr(HEAP)).is_some(),
        "as the kernel leaves it when it has read it"
    );
    let found = on_stack(&made(1, 152), VirtAddr(DATA)).unwrap();
    assert_eq!((found.at.0, found.severity, found.sections.len()), (HEAP, Severity::Fatal, 1));
    let section = &found.sections[0];
    let place = "node 1, module 3".to_owned();
    assert_eq!(section.error, Error::Memory { phys: Some(0xabcd000), place, kind: "a multi-bit ECC error" });
    let text = "a multi-bit ECC error of memory at physical address 0xabcd000 in the part \"DIMM\\x1bA2\" (node 1, module 3), fatal";
    assert_eq!(section.text(), text);
    // More sections than there is data for, and lengths that cannot be.
    for (count, length) in [(2, 152), (1, 100), (0, 152), (1, 16), (1, u32::MAX)] {
        assert_eq!(status(&made(count, length), VirtAddr(HEAP)), None, "{count} {length}");
    }
}

#[test]
fn noise_is_no_report() {
    let mut seed = 0x9e37_79b9_7f4a_7c15_u64;
    let mut next = || {
        seed ^= seed << 13;
        seed ^= seed >> 7;
        seed ^= seed << 17;
        seed
    };
    for round in 0..300 {
        let mut m = memory();
        let mut block: Vec<u64> = (0..64).map(|_| next()).collect();
        // A head that passes now and then, so that the sections are read.
        block[0] = 0x11;
        block[1] = (next() % 256) << 32;
        block[2] = next() % 4;
        words(&mut m, HEAP, &block);
        words(&mut m, DATA, &[HEAP, next(), HEAP + round]);
        let t = opened(m, &acpi_types(), &[]);
        assert_eq!(necropsy_kernel::cper::status(&t, VirtAddr(HEAP)), None);
        assert_eq!(necropsy_kernel::cper::on_stack(&t, VirtAddr(DATA)), None);
        assert!(methods_on(&t, VirtAddr(DATA), VirtAddr(u64::MAX)).is_empty());
    }
}
