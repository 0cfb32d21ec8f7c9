//! Code, tables and lists of kernels that were changed, and of some that were not, on memory made by hand.
#![allow(clippy::unwrap_used)]

use std::sync::Arc;

use necropsy_arch::x86_64::X86_64;
use necropsy_base::{Abi, VirtAddr};
use necropsy_debuginfo::{Btf, Kallsyms, Keys};
use necropsy_kernel::census::{Way, hidden_modules};
use necropsy_kernel::patched::Patches;
use necropsy_kernel::text::{Stream, hooks};
use necropsy_kernel::{Target, tables};
use necropsy_synth::functions::{DATA, Functions, TEXT, near_jump};
use necropsy_synth::names::{BtfBuilder, OrcSpec, orc_bytes};
use necropsy_target::VmcoreInfo;

/// Where modules are: within reach of a call.
const MODULE: u64 = 0xffff_ffff_c000_0000;

fn target(made: Functions) -> Target {
    let (memory, image) = made.build();
    let at = |name: &str| image.labels.get(name).copied();
    let keys = Keys {
        names: at("kallsyms_names").unwrap(),
        num_syms: at("kallsyms_num_syms").unwrap(),
        token_table: at("kallsyms_token_table").unwrap(),
        token_index: at("kallsyms_token_index").unwrap(),
        addresses: at("kallsyms_addresses"),
        ..Keys::default()
    };
    let names = Kallsyms::from_keys(&memory, &keys, &[("_stext", TEXT)]).unwrap();
    let info = VmcoreInfo::from_text(format!("SYMBOL(_stext)={TEXT:x}\n").as_bytes());
    Target::from_parts(&X86_64, Arc::new(memory), Arc::new(types()))
        .with_vmcoreinfo(info)
        .with_kallsyms(names)
}

/// `struct module`: state, list, name, `mkobj.mod`, where it lies, and the link in the list of bug tables.
const STATE: u64 = 0;
const LIST: u64 = 8;
const NAME: u64 = 24;
const ITSELF: u64 = 88;
const CORE: u64 = 96;
const BUGS: u64 = 160;

fn types() -> Btf {
    let mut b = BtfBuilder::new(Abi::LE64);
    let uint = b.int("unsigned int", 4, false);
    let char = b.int("char", 1, true);
    let pointer = b.pointer(0);
    let name = b.array(char, uint, 64);
    let list = b.structure(false, "list_head", 16, &[("next", pointer, 0, 0), ("prev", pointer, 64, 0)]);
    let kobject = b.structure(false, "module_kobject", 8, &[("mod", pointer, 0, 0)]);
    let members = [("base", pointer, 0, 0), ("size", uint, 64, 0), ("text_size", uint, 96, 0)];
    let layout = b.structure(false, "module_layout", 16, &members);
    let bits = |offset: u64| offset as u32 * 8;
    let members = [
        ("state", uint, bits(STATE), 0),
        ("list", list, bits(LIST), 0),
        ("name", name, bits(NAME), 0),
        ("mkobj", kobject, bits(ITSELF), 0),
        ("core_layout", layout, bits(CORE), 0),
        ("init_layout", layout, bits(CORE + 16), 0),
        ("bug_list", list, bits(BUGS), 0),
    ];
    b.structure(false, "module", 256, &members);
    Btf::parse(b.build(), Abi::LE64, None).unwrap()
}

#[test]
fn a_module_that_only_the_list_of_bug_tables_has_hides() {
    let mut made = Functions::default();
    let head = made.data(0, "module_bug_list", &[0, 0]);
    // One that runs, one that is on its way out.
    let modules = [(MODULE + 0x4000, 0u64, "lurker"), (MODULE + 0x5000, 2, "leaving")];
    let links: Vec<u64> = std::iter::once(head).chain(modules.iter().map(|m| m.0 + BUGS)).collect();
    for (i, link) in links.iter().enumerate() {
        made.memory.put_uint(VirtAddr(*link), links[(i + 1) % links.len()], 8);
    }
    for (at, state, name) in modules {
        made.memory.put(VirtAddr(at + 255), &[0]).put_uint(VirtAddr(at + STATE), state, 4);
        made.memory.put(VirtAddr(at + NAME), name.as_bytes()).put_uint(VirtAddr(at + LIST), at + LIST, 8);
        made.memory.put_uint(VirtAddr(at + CORE), at & !0xfff, 8);
        made.memory.put_uint(VirtAddr(at + CORE + 8), 0x1000, 4).put_uint(VirtAddr(at + CORE + 12), 0x800, 4);
    }
    let t = target(made);
    let hidden = hidden_modules(&t, false);
    let told: Vec<_> = hidden.iter().map(|h| (h.module.name.as_str(), &h.ways[..], h.unlinked)).collect();
    assert_eq!(told, [("lurker", &[Way::BugList][..], true)]);
}

#[test]
fn jumps_into_a_module_are_hooks_and_other_bytes_are_not() {
    let mut made = Functions::default();
    let hooked = made.function(0x100, "hooked", &[]);
    made.memory.put(VirtAddr(hooked), &[&near_jump(0xe9, hooked, MODULE + 0x10)[..], &[0xc3]].concat());
    // mov $constant,%rax; jmp *%rax
    let constant = (MODULE + 0x20).to_le_bytes();
    made.function(0x200, "by_register", &[&[0x48, 0xb8][..], &constant, &[0xff, 0xe0, 0xc3]].concat());
    // The same bytes as a jump, but inside of another instruction: mov $…,%ecx of an address that is none.
    let inside = near_jump(0xe9, TEXT + 0x302, MODULE + 0x10);
    made.function(0x300, "innocent", &[&[0x48, 0xb9][..], &inside, &[0, 0, 0, 0xc3]].concat());
    // A static call's trampoline may lead anywhere.
    let trampoline = made.function(0x400, "__SCT__tp_func_x", &[]);
    made.memory.put(VirtAddr(trampoline), &near_jump(0xe9, trampoline, MODULE));
    made.function(0x500, "last", &[0xc3]);
    let t = target(made);
    let module = MODULE..MODULE + 0x1000;
    let code = std::slice::from_ref(&module);
    let found = hooks(&t, code, &Patches::default()).found;
    let mut told: Vec<_> =
        found.iter().map(|h| (h.function.name.as_str(), h.target.0 - MODULE, h.entry)).collect();
    told.sort();
    assert_eq!(told, [("by_register", 0x20, true), ("hooked", 0x10, true)]);
    assert!(hooks(&t, &[], &Patches::default()).found.is_empty());
}

#[test]
fn entries_of_the_system_call_table_must_begin_functions() {
    let mut made = Functions::default();
    let read = made.function(0x100, "__x64_sys_read", &[0xc3]);
    let write = made.function(0x200, "__x64_sys_write", &[0xc3]);
    // Behind the table, up to the next symbol, is what has none: a text.
    let text = u64::from_le_bytes(*b"include/");
    made.data(0x100, "sys_call_table", &[read, write, MODULE + 0x30, read + 1, write, text, 0]);
    made.data(0x138, "after", &[0]);
    let t = target(made);
    let found: Vec<_> = tables::strange_calls(&t).into_iter().map(|s| (s.index, s.target.0)).collect();
    assert_eq!(found, [(2, MODULE + 0x30), (3, read + 1)]);
}

/// push %r12; push %rbx; mov %rdi,%rbx; call callee; pop %rbx; pop %r12; ret.
fn well_made(at: u64, callee: u64) -> Vec<u8> {
    let call = near_jump(0xe8, at + 6, callee);
    [&[0x41, 0x54, 0x53, 0x48, 0x89, 0xfb][..], &call, &[0x5b, 0x41, 0x5c, 0xc3]].concat()
}

fn with_unwind_table(flip: impl Fn(&mut [u8])) -> Target {
    let mut made = Functions::default();
    let callee = made.function(0x100, "callee", &[0xc3]);
    let mut code = well_made(TEXT + 0x200, callee);
    flip(&mut code);
    let at = made.function(0x200, "caller", &code);
    made.function(0x200 + code.len() as u64, "next", &[0xc3]);
    let sp = |sp_offset| OrcSpec {
        sp: "SP",
        sp_offset,
        bp: "UNDEFINED",
        bp_offset: 0,
        kind: "CALL",
        signal: false,
    };
    let depths = [(0, 8), (2, 16), (3, 24), (12, 16), (14, 8)];
    let mut entries: Vec<(u64, OrcSpec)> = vec![(TEXT, sp(8)), (TEXT + 0x100, sp(8))];
    entries.extend(depths.map(|(offset, depth)| (at + offset, sp(depth))));
    entries.push((at + code.len() as u64, sp(8)));
    let (ip, table) = (DATA + 0x1000, DATA + 0x2000);
    let (places, bytes) = orc_bytes(Abi::LE64, 3, VirtAddr(ip), &entries);
    made.memory.put(VirtAddr(ip), &places).put(VirtAddr(table), &bytes);
    for (name, at) in [
        ("__start_orc_unwind_ip", ip),
        ("__stop_orc_unwind_ip", ip + places.len() as u64),
        ("__start_orc_unwind", table),
        ("__stop_orc_unwind", table + bytes.len() as u64),
    ] {
        made.symbols.push((at, 'd', name.into()));
    }
    target(made)
}

fn stream(t: &Target) -> Stream {
    Stream::of(t, &t.near(VirtAddr(TEXT + 0x200)).unwrap()).unwrap()
}

#[test]
fn a_whole_function_contradicts_nothing() {
    let t = with_unwind_table(|_| {});
    let whole = stream(&t);
    assert_eq!(whole.contradictions(&t), Vec::new());
    assert!(whole.repairs(&t, VirtAddr(TEXT + 0x200)).is_empty());
}

#[test]
fn a_flipped_bit_of_code_is_found_and_only_that() {
    // push %r12 becomes a byte that is no instruction in 64-bit code.
    let t = with_unwind_table(|code| code[0] ^= 0x20);
    let broken = stream(&t);
    assert!(!broken.contradictions(&t).is_empty());
    let repairs = broken.repairs(&t, VirtAddr(TEXT + 0x200));
    assert!(repairs.iter().any(|r| r.at == VirtAddr(TEXT + 0x200) && r.bit == 5), "{repairs:?}");
    // Other single bits make another push of it, but never anything that leaves the stack alone.
    assert!(repairs.iter().all(|r| r.at.0 - TEXT - 0x200 < 2), "{repairs:?}");
    // Several bytes written over: no single bit explains that.
    let t = with_unwind_table(|code| code[..4].copy_from_slice(&[0x06, 0x07, 0x0e, 0x16]));
    assert!(!stream(&t).contradictions(&t).is_empty());
    assert!(stream(&t).repairs(&t, VirtAddr(TEXT + 0x200)).is_empty());
}

#[test]
fn what_is_written_over_does_not_fit_and_is_no_middle_of_an_instruction() {
    let place = |by: u64| VirtAddr(TEXT + 0x200 + by);
    let whole = stream(&with_unwind_table(|_| {}));
    // The second byte of a push, its first, and the place behind the function.
    assert_eq!([1, 0, 16].map(|by| whole.is_inside(place(by))), [true, false, false]);
    let t = with_unwind_table(|code| code[..4].copy_from_slice(&[0x06, 0x07, 0x0e, 0x16]));
    assert!(!stream(&t).is_inside(place(0)) && !stream(&t).is_inside(place(1)));
    // Zeros are instructions: what the stack does is not what the unwind table has.
    let t = with_unwind_table(|code| code[..8].fill(0));
    let broken = stream(&t).contradictions(&t);
    assert!(!broken.is_empty() && broken.iter().all(|c| c.offset < 16), "{broken:?}");
    assert!(stream(&t).repairs(&t, place(0)).is_empty());
}
