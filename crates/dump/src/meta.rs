//! What a dump says about itself.

use std::sync::Arc;

use necropsy_base::{Abi, Memory, PhysMem};

use crate::VmcoreInfo;

/// An opened dump.
#[derive(Clone)]
pub struct Source {
    /// Memory by physical address; every format but `/proc/kcore`-like ELF files has it.
    pub physical: Option<Arc<dyn PhysMem>>,
    /// Memory by virtual address, for files that know no physical addresses.
    pub virtual_: Option<Arc<dyn Memory>>,
    /// What the dump says about itself.
    pub meta: DumpMeta,
}

/// What a dump says about itself.
#[derive(Clone, Debug)]
pub struct DumpMeta {
    /// The format for people, such as `kdump-compressed (lzo)`.
    pub format: String,
    /// Byte order and pointer width.
    pub abi: Abi,
    /// The CPU, if the file tells.
    pub machine: Option<Machine>,
    /// Bytes per page.
    pub page_size: u64,
    /// VMCOREINFO, from a note or found by a scan of memory.
    pub vmcoreinfo: Option<VmcoreInfo>,
    /// State of the CPUs, in file order.
    pub cpus: Vec<CpuNote>,
    /// What drivers saved of their devices.
    pub devices: Vec<DeviceDump>,
    /// makedumpfile's dump level (1 zero, 2 cache, 4 private cache, 8 user, 16 free), if known.
    pub dump_level: Option<u32>,
    /// Whether the file holds all that was meant to be in it.
    pub complete: bool,
    /// Whether memory changes while it is read.
    pub live: bool,
    /// `uname` as the dump's header has it.
    pub uts: Option<Uts>,
    /// When the dump was written: seconds and microseconds since 1970.
    pub timestamp: Option<(u64, u32)>,
    /// Physical minus linked address of the kernel image (x86-64).
    pub phys_base: Option<i64>,
    /// ELF PT_LOADs.
    pub segments: Vec<Segment>,
    /// Inconsistencies a user must see.
    pub notes: Vec<String>,
}

impl DumpMeta {
    /// A description in which nothing but the format is known.
    pub(crate) fn new(format: impl Into<String>, abi: Abi, page_size: u64) -> Self {
        DumpMeta {
            format: format.into(),
            abi,
            machine: None,
            page_size,
            vmcoreinfo: None,
            cpus: Vec::new(),
            devices: Vec::new(),
            dump_level: None,
            complete: true,
            live: false,
            uts: None,
            timestamp: None,
            phys_base: None,
            segments: Vec::new(),
            notes: Vec::new(),
        }
    }

    /// Says that the dump misses something.
    pub(crate) fn incomplete(&mut self, why: impl Into<String>) {
        self.complete = false;
        self.notes.push(why.into());
    }
}

/// A CPU architecture.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Machine {
    /// x86, 64 bits.
    X86_64,
    /// ARM, 64 bits.
    Aarch64,
    /// RISC-V, 64 bits.
    Riscv64,
    /// IBM Z, 64 bits.
    S390x,
    /// POWER, 64 bits, either byte order.
    Ppc64,
    /// ARM, 32 bits.
    Arm,
    /// x86, 32 bits.
    I386,
    /// Another one: its ELF `e_machine`.
    Other(u16),
}

impl Machine {
    /// From ELF `e_machine` (elf.h of any libc).
    pub(crate) fn from_elf(number: u16) -> Self {
        match number {
            62 => Machine::X86_64,
            183 => Machine::Aarch64,
            243 => Machine::Riscv64,
            22 => Machine::S390x,
            21 => Machine::Ppc64,
            40 => Machine::Arm,
            3 => Machine::I386,
            other => Machine::Other(other),
        }
    }

    /// From `uname -m`.
    pub(crate) fn from_uts(name: &str) -> Option<Self> {
        Some(match name {
            "x86_64" => Machine::X86_64,
            "aarch64" | "aarch64_be" => Machine::Aarch64,
            "riscv64" => Machine::Riscv64,
            "s390x" => Machine::S390x,
            "ppc64" | "ppc64le" => Machine::Ppc64,
            "i386" | "i486" | "i586" | "i686" => Machine::I386,
            arm if arm.starts_with("arm") => Machine::Arm,
            _ => return None,
        })
    }

    /// From the keys only one architecture exports (arch_crash_save_vmcoreinfo; x86-64 ones seen in dumps of 5.10 to 7.2).
    pub(crate) fn from_vmcoreinfo(info: &VmcoreInfo) -> Option<Self> {
        const KEYS: &[(&str, Machine)] = &[
            ("NUMBER(pgtable_l5_enabled)", Machine::X86_64),
            ("SYMBOL(init_top_pgt)", Machine::X86_64),
            ("SYMBOL(init_level4_pgt)", Machine::X86_64),
            ("NUMBER(kimage_voffset)", Machine::Aarch64),
            ("NUMBER(phys_ram_base)", Machine::Riscv64),
            ("NUMBER(va_kernel_pa_offset)", Machine::Riscv64),
            ("SYMBOL(lowcore_ptr)", Machine::S390x),
            ("CONFIG_ARM_LPAE", Machine::Arm),
            ("CONFIG_X86_PAE", Machine::I386),
        ];
        KEYS.iter().find(|(key, _)| info.get(key).is_some()).map(|(_, machine)| *machine)
    }
}

/// What kind of CPU state a note holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum CpuNoteKind {
    /// `struct elf_prstatus` (NT_PRSTATUS).
    Prstatus,
    /// QEMU's x86 CPU state: registers, segments, control registers (440 bytes).
    Qemu,
}

/// The state of one CPU.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CpuNote {
    /// Position among the notes of its kind; offline CPUs have none, so this is not always the CPU's number.
    pub cpu: usize,
    /// What `data` is.
    pub kind: CpuNoteKind,
    /// The process that ran (prstatus only).
    pub pid: Option<i32>,
    /// The descriptor's bytes.
    pub data: Vec<u8>,
}

/// What a driver saved of its device before the second kernel started it anew (fs/proc/vmcore.c, `struct vmcoredd_header`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeviceDump {
    /// The driver's name for it.
    pub name: Vec<u8>,
    /// What it saved; only the driver's makers know how to read it.
    pub data: Vec<u8>,
}

/// `uname`.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct Uts {
    pub sysname: String,
    pub nodename: String,
    pub release: String,
    pub version: String,
    pub machine: String,
    pub domainname: String,
}

/// An ELF PT_LOAD.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Segment {
    /// Virtual address; QEMU writes 0.
    pub vaddr: u64,
    /// Physical address.
    pub paddr: u64,
    /// Bytes in memory.
    pub memsz: u64,
}
