//! A machine to unwind: a few functions in x86-64 machine code, and a stack that a test builds call by call.

use std::sync::Arc;

use necropsy_arch::Regs;
use necropsy_arch::x86_64::{BP, CS, FLAGS, IP, SP, SS, X86_64};
use necropsy_base::{Abi, VirtAddr};
use necropsy_debuginfo::{Btf, Kallsyms, Keys};
use necropsy_synth::memory::SparseMemory;
use necropsy_synth::names::{BtfBuilder, KallsymsBuilder, Order, Written};
use necropsy_target::Target;
use necropsy_target::VmcoreInfo;

pub const TEXT: u64 = 0xffff_ffff_8100_0000;
const TABLES: u64 = 0xffff_ffff_8200_0000;
/// Every byte of the kernel's build ID.
pub const BUILD_ID: u8 = 0xb1;
/// The kernel stack.
pub const STACK: u64 = 0xffff_c900_0000_0000;
pub const STACK_END: u64 = STACK + 0x4000;

/// A function: its name, where it is, and its code.
struct Function {
    name: &'static str,
    at: u64,
    code: Vec<u8>,
}

/// Functions and memory.
pub struct Machine {
    functions: Vec<Function>,
    pub memory: SparseMemory,
    sp: u64,
}

/// `push %rbp; mov %rsp,%rbp; sub $0x20,%rsp`.
const FRAMED: &[u8] = b"\x55\x48\x89\xe5\x48\x83\xec\x20";
/// `push %rbx; sub $0x10,%rsp`: no frame pointer.
const PLAIN: &[u8] = b"\x53\x48\x83\xec\x10";

impl Machine {
    /// `entry` (assembly) calls `outer` calls `middle` calls `inner`; `handler` is called by `trap_entry` (assembly); `plain_*`
    /// do without frame pointers.
    pub fn new() -> Machine {
        let mut m = Machine { functions: Vec::new(), memory: SparseMemory::new(Abi::LE64), sp: STACK_END };
        m.add("inner", &[FRAMED, b"\x90\x90\xc9\xc3"], &[]);
        m.add("middle", &[FRAMED], &["inner"]);
        m.add("outer", &[FRAMED], &["middle"]);
        m.add("entry", &[b"\x90"], &["outer", "thread"]);
        m.add("handler", &[FRAMED, b"\x90\xc9\xc3"], &[]);
        m.add("trap_entry", &[b"\x90"], &["handler"]);
        m.add("plain_inner", &[PLAIN, b"\x90\x48\x83\xc4\x10\x5b\xc3"], &[]);
        m.add("plain_outer", &[PLAIN], &["plain_inner"]);
        m.add("plain_entry", &[b"\x90"], &["plain_outer"]);
        m.add("thread", &[FRAMED], &["inner"]);
        m.add("__switch_to", &[FRAMED], &[]);
        m.add("__schedule", &[FRAMED, b"\x9c\x55"], &["__switch_to"]);
        m.add("sleeper", &[FRAMED], &["__schedule"]);
        m.memory.put(VirtAddr(STACK), &vec![0; 0x4000]);
        m.link();
        m
    }

    /// Code that ends in calls; the targets are filled in when all are known.
    fn add(&mut self, name: &'static str, code: &[&[u8]], calls: &[&'static str]) {
        let at =
            self.functions.last().map_or(TEXT + 64, |f| (f.at + f.code.len() as u64).next_multiple_of(64));
        let mut code = code.concat();
        for callee in calls {
            CALLS.with_borrow_mut(|c| c.push((at + code.len() as u64, callee)));
            code.extend(b"\xe8\0\0\0\0");
        }
        code.extend(b"\xc9\xc3");
        self.functions.push(Function { name, at, code });
    }

    fn link(&mut self) {
        for f in &self.functions {
            self.memory.put(VirtAddr(f.at), &f.code);
        }
        for (at, callee) in CALLS.take() {
            let distance = self.at(callee).wrapping_sub(at + 5);
            self.memory.put_uint(VirtAddr(at + 1), distance, 4);
        }
    }

    /// Where a function is.
    pub fn at(&self, name: &str) -> u64 {
        self.functions.iter().find(|f| f.name == name).unwrap().at
    }

    /// Where `caller`'s `n`th call returns to.
    pub fn returns(&self, caller: &str, n: usize) -> u64 {
        let f = self.functions.iter().find(|f| f.name == caller).unwrap();
        let first = f.code.iter().position(|b| *b == 0xe8).unwrap();
        f.at + (first + 5 * (n + 1)) as u64
    }

    /// Puts a word on the stack and says where.
    pub fn push(&mut self, value: u64) -> u64 {
        self.sp -= 8;
        self.memory.put_uint(VirtAddr(self.sp), value, 8);
        self.sp
    }

    /// Leaves room on the stack, with what was there before.
    pub fn reserve(&mut self, bytes: u64) {
        self.sp -= bytes;
    }

    pub fn sp(&self) -> u64 {
        self.sp
    }

    /// A call from `caller` into a function that makes a frame record and 32 bytes of room: its frame pointer.
    pub fn call_framed(&mut self, caller: &str, fp: u64) -> u64 {
        self.push(self.returns(caller, 0));
        let record = self.push(fp);
        self.reserve(0x20);
        record
    }

    /// Saved registers: 15 general ones, the number of the call, and what the CPU pushes.
    pub fn push_regs(&mut self, regs: &Regs) -> u64 {
        for index in (0..21).rev() {
            self.push(regs.get(index).unwrap_or(0));
        }
        self.sp
    }

    /// The whole machine, with `_stext` and `_etext` around the functions.
    pub fn target(mut self) -> Target {
        let end = self.functions.last().map(|f| f.at + 64).unwrap();
        let mut table = KallsymsBuilder::new(Abi::LE64);
        (table.written, table.order) = (Written::Absolute, Order::AddressesFirst);
        table.symbols = self.functions.iter().map(|f| (f.at, 't', f.name.to_owned())).collect();
        table.symbols.insert(0, (TEXT, 'T', "_stext".into()));
        table.symbols.push((end, 'T', "_etext".into()));
        let image = table.build(VirtAddr(TABLES));
        self.memory.put(VirtAddr(TABLES), &image.bytes);
        let at = |name: &str| image.labels.get(name).copied();
        let keys = Keys {
            names: at("kallsyms_names").unwrap(),
            num_syms: at("kallsyms_num_syms").unwrap(),
            token_table: at("kallsyms_token_table").unwrap(),
            token_index: at("kallsyms_token_index").unwrap(),
            addresses: at("kallsyms_addresses"),
            ..Keys::default()
        };
        let names = Kallsyms::from_keys(&self.memory, &keys, &[("_stext", TEXT)]).unwrap();
        let types = Btf::parse(BtfBuilder::new(Abi::LE64).build(), Abi::LE64, None).unwrap();
        let id = format!("{BUILD_ID:x}").repeat(20);
        let info = format!("BUILD-ID={id}\nSYMBOL(_stext)={TEXT:x}\nSYMBOL(_end)={:x}\n", TABLES + 0x10_0000);
        Target::from_parts(&X86_64, Arc::new(self.memory), Arc::new(types))
            .with_vmcoreinfo(VmcoreInfo::from_text(info.as_bytes()))
            .with_kallsyms(names)
    }
}

thread_local! {
    static CALLS: std::cell::RefCell<Vec<(u64, &'static str)>> = const { std::cell::RefCell::new(Vec::new()) };
}

/// Registers of kernel code.
pub fn kernel_regs(pc: u64, sp: u64, fp: u64) -> Regs {
    regs(pc, sp, fp, 0x10, 0x18)
}

/// Registers of a program.
pub fn user_regs(pc: u64) -> Regs {
    regs(pc, 0x7fff_0000_1000, 0x1234, 0x33, 0x2b)
}

fn regs(pc: u64, sp: u64, fp: u64, cs: u64, ss: u64) -> Regs {
    let mut regs = Regs::new();
    for (index, value) in [(IP, pc), (SP, sp), (BP, fp), (CS, cs), (SS, ss), (FLAGS, 0x246)] {
        regs.set(index, value);
    }
    regs
}
