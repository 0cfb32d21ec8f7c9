use necropsy_base::{Abi, FileOff};
use necropsy_synth::names::{ElfBuilder, elf_note, elf_symbols};

use super::*;
use crate::FileBytes;

const ALL: [Abi; 3] = [Abi::LE64, Abi::BE64, Abi::LE32];

#[test]
fn symbols_of_a_module() {
    for abi in ALL {
        let table = [
            ("init", 0x02, 1, 0x1000, 32),
            ("probe", 0x12, 1, 0x1020, 8),
            ("state", 0x11, 3, 0x3000, 4),
            ("", 0x03, 2, 0, 0),
            ("printk", 0x10, 0, 0, 0),
            ("magic", 0x10, 0xfff1, 7, 0),
            ("maybe", 0x22, 1, 0x1040, 0),
        ];
        let (symtab, strtab) = elf_symbols(abi, &table);
        let found = symbols(&symtab, &strtab, None, abi);
        let short: Vec<_> =
            found.iter().map(|s| (&*s.name, s.kind as char, s.value, s.size, s.section)).collect();
        assert_eq!(
            short,
            [
                ("init", 't', 0x1000, 32, 1),
                ("probe", 'T', 0x1020, 8, 1),
                ("state", 'D', 0x3000, 4, 3),
                ("printk", 'U', 0, 0, 0),
                ("magic", 'A', 7, 0, 0xfff1),
                ("maybe", 'W', 0x1040, 0, 1),
            ]
        );
        let letters = symbols(&symtab, &strtab, Some(b"?tbD"), abi);
        assert_eq!(
            letters.iter().map(|s| s.kind as char).collect::<String>(),
            "tBDUAW",
            "a global one is a capital"
        );
        // Up to 5.1 the letter is in st_info.
        let (symtab, strtab) = elf_symbols(abi, &[("bss", b'b', 1, 0x1000, 0)]);
        assert_eq!(symbols(&symtab, &strtab, None, abi).first().map(|s| s.kind), Some(b'b'));
    }
}

#[test]
fn symbols_of_garbage() {
    for abi in ALL {
        let (symtab, strtab) = elf_symbols(abi, &[("name", 2, 1, 0, 0)]);
        assert_eq!(symbols(&symtab, &[], None, abi), []);
        assert_eq!(
            symbols(&symtab, &strtab[..4], None, abi).first().map(|s| s.name.clone()),
            Some("na".into())
        );
        assert_eq!(symbols(&symtab[..20], &strtab, None, abi), []);
    }
}

#[test]
fn build_ids() {
    for abi in ALL {
        let block = [elf_note(abi, "Xen", 6, b"x"), elf_note(abi, "GNU", 3, &[0xab; 20])].concat();
        assert_eq!(build_id(&block, abi), Some(vec![0xab; 20]));
        for len in 0..block.len() {
            assert_eq!(build_id(&block[..len], abi), None);
        }
        assert_eq!(notes(&block, abi).map(|n| n.name).collect::<Vec<_>>(), [&b"Xen"[..], b"GNU"]);
    }
}

fn vmlinux(abi: Abi) -> ElfBuilder {
    let mut elf = ElfBuilder::new(abi, 2, 62);
    elf.section(".text", 1, 0x8100_0000, b"\xcc\xcc").section(
        ".notes",
        7,
        0x8200_0000,
        &elf_note(abi, "GNU", 3, b"ID"),
    );
    elf
}

#[test]
fn files_by_their_headers() {
    for abi in ALL {
        for huge in [false, true] {
            let mut elf = vmlinux(abi);
            if huge {
                elf.huge();
            }
            let store = FileBytes::from(elf.build());
            let file = File::open(&store).unwrap();
            assert_eq!((file.abi, file.kind, file.machine), (abi, 2, 62));
            let names: Vec<_> = file.sections.iter().map(|s| &*s.name).collect();
            assert_eq!(names, ["", ".text", ".notes", ".shstrtab"]);
            assert_eq!(file.section(".text").map(|s| s.address), Some(0x8100_0000));
            assert_eq!(file.bytes(&store, ".text", 10).unwrap(), b"\xcc\xcc");
            assert!(matches!(file.bytes(&store, ".text", 1), Err(ElfError::TooLarge { size: 2, .. })));
            assert!(matches!(file.bytes(&store, ".data", 1), Err(ElfError::NoSection(_))));
            assert_eq!(file.build_id(&store), Some(b"ID".to_vec()));
        }
    }
}

#[test]
fn build_id_from_a_segment() {
    for abi in ALL {
        let mut elf = ElfBuilder::new(abi, 4, 183);
        elf.segment(1, 0x1000, b"code").segment(4, 0, &elf_note(abi, "GNU", 3, b"ID"));
        let store = FileBytes::from(elf.build());
        let file = File::open(&store).unwrap();
        assert_eq!(file.build_id(&store), Some(b"ID".to_vec()));
        assert_eq!(file.segments.first().map(|s| (s.kind, s.address, s.file_size)), Some((1, 0x1000, 4)));
    }
}

#[test]
fn truncated_or_changed_files_do_not_panic() {
    for abi in ALL {
        let good = vmlinux(abi).build();
        let look = |bytes: Vec<u8>| {
            let store = FileBytes::from(bytes);
            if let Ok(file) = File::open(&store) {
                file.build_id(&store);
                drop(file.bytes(&store, ".text", 1 << 20));
            }
        };
        (0..good.len()).for_each(|len| look(good[..len].to_vec()));
        for at in 0..good.len() {
            for byte in [0, 0x7f, 0xff] {
                let mut bytes = good.clone();
                bytes[at] = byte;
                look(bytes);
            }
        }
    }
    assert!(matches!(File::open(&FileBytes::from(b"MZ".to_vec())), Err(ElfError::Magic)));
    assert!(matches!(
        File::open(&FileBytes::from(b"\x7fELF\x03\x01".to_vec())),
        Err(ElfError::Class { class: 3, order: 1 })
    ));
    assert_eq!(necropsy_base::Store::len(&FileBytes::from(vec![0; 3])), 3);
    assert!(
        necropsy_base::Store::read_at(&FileBytes::from(vec![0; 3]), FileOff(u64::MAX), &mut [0; 2]).is_err()
    );
}
