//! The text of instructions of any CPU by its `uname -m` name: those that [`crate::ARCHES`] knows, and the others whose code
//! appears in logs.

use necropsy_base::VirtAddr;

use crate::{Syntax, by_name};

/// The first instruction of `code`: its length in bytes and its text. `None` when the bytes are no instruction, or nothing
/// here can disassemble for that machine. `thumb` stands for the short instructions of `armv7l`.
///
/// ```
/// let at = necropsy_base::VirtAddr(0);
/// assert_eq!(necropsy_arch::instruction_text("x86_64", &[0x0f, 0x0b], at), Some((2, "ud2".into())));
/// assert_eq!(necropsy_arch::instruction_text("vax", &[1], at), None);
/// ```
pub fn instruction_text(machine: &str, code: &[u8], at: VirtAddr) -> Option<(usize, String)> {
    let known = by_name(machine).and_then(|arch| {
        Some((arch.disassemble(code, at)?.len, arch.text(code, at, Syntax::Gnu, &|_| None)?))
    });
    match known {
        Some((len, text)) => Some((usize::from(len), text)).filter(|(len, _)| *len > 0 && *len <= code.len()),
        None => foreign(machine, code, at),
    }
}

/// 32-bit x86 by the decoder that 64-bit x86 has; others by capstone.
fn foreign(machine: &str, code: &[u8], at: VirtAddr) -> Option<(usize, String)> {
    match machine {
        "i386" | "i486" | "i586" | "i686" => crate::x86_64::text_of_32_bit(code, at),
        #[cfg(feature = "all-cpus")]
        _ => all_cpus::text(machine, code, at),
        #[cfg(not(feature = "all-cpus"))]
        _ => None,
    }
}

#[cfg(feature = "all-cpus")]
pub(crate) mod all_cpus {
    //! Through capstone: text alone.

    use capstone::{Arch, Capstone, Endian, ExtraMode, Mode};
    use necropsy_base::VirtAddr;

    /// How a machine's code is read: its `uname -m` name, then capstone's terms.
    struct Machine {
        names: &'static [&'static str],
        arch: Arch,
        mode: Mode,
        extra: &'static [ExtraMode],
        endian: Option<Endian>,
    }

    const MACHINES: &[Machine] = &[
        Machine {
            names: &["aarch64", "arm64"],
            arch: Arch::ARM64,
            mode: Mode::Arm,
            extra: &[],
            endian: Some(Endian::Little),
        },
        Machine {
            names: &["armv6l", "armv7l", "armv8l", "arm"],
            arch: Arch::ARM,
            mode: Mode::Arm,
            extra: &[],
            endian: Some(Endian::Little),
        },
        Machine {
            names: &["thumb"],
            arch: Arch::ARM,
            mode: Mode::Thumb,
            extra: &[],
            endian: Some(Endian::Little),
        },
        Machine {
            names: &["ppc64le"],
            arch: Arch::PPC,
            mode: Mode::Mode64,
            extra: &[],
            endian: Some(Endian::Little),
        },
        Machine {
            names: &["ppc64"],
            arch: Arch::PPC,
            mode: Mode::Mode64,
            extra: &[],
            endian: Some(Endian::Big),
        },
        Machine {
            names: &["riscv64"],
            arch: Arch::RISCV,
            mode: Mode::RiscV64,
            extra: &[ExtraMode::RiscVC],
            endian: None,
        },
        Machine {
            names: &["s390x"],
            arch: Arch::SYSZ,
            mode: Mode::Default,
            extra: &[],
            endian: Some(Endian::Big),
        },
    ];

    thread_local! {
        /// The last machine asked for: a log's code is all of one.
        static LAST: std::cell::RefCell<Option<(&'static str, Capstone)>> = const { std::cell::RefCell::new(None) };
    }

    fn open(machine: &Machine) -> Option<Capstone> {
        let mut made =
            Capstone::new_raw(machine.arch, machine.mode, machine.extra.iter().copied(), machine.endian);
        if let Ok(made) = &mut made {
            made.set_detail(false).ok()?;
        }
        made.ok()
    }

    /// The first instruction: length and text.
    pub(crate) fn text(name: &str, code: &[u8], at: VirtAddr) -> Option<(usize, String)> {
        let (name, machine) =
            MACHINES.iter().find_map(|m| Some((*m.names.iter().find(|n| **n == name)?, m)))?;
        LAST.with_borrow_mut(|last| {
            if last.as_ref().is_none_or(|(known, _)| *known != name) {
                *last = Some((name, open(machine)?));
            }
            let (_, capstone) = last.as_ref()?;
            let found = capstone.disasm_count(code, at.0, 1).ok()?;
            let insn = found.iter().next()?;
            let text = format!("{:<6} {}", insn.mnemonic()?, insn.op_str().unwrap_or_default());
            Some((insn.bytes().len(), text.trim_end().to_owned()))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(machine: &str, code: &[u8]) -> Option<(usize, String)> {
        instruction_text(machine, code, VirtAddr(0x1000))
    }

    #[test]
    fn thirty_two_bits_are_not_sixty_four() {
        // `inc %eax` is a prefix in 64-bit code.
        assert_eq!(text("i686", &[0x40, 0x8b, 0x00]), Some((1, "inc    %eax".into())));
        assert_eq!(text("i686", &[0x8b]), None);
    }

    #[cfg(feature = "all-cpus")]
    #[test]
    fn every_cpu_of_the_logs() {
        let cases: &[(&str, &[u8], &str)] = &[
            ("aarch64", &[0x60, 0xfe, 0xdf, 0x08], "ldarb  w0, [x19]"),
            ("armv7l", &[0x00, 0x50, 0xc3, 0xe5], "strb   r5, [r3]"),
            ("ppc64le", &[0x00, 0x00, 0x29, 0xe9], "ld     r9, 0(r9)"),
            ("riscv64", &[0x03, 0xb5, 0x05, 0x00], "ld     a0, 0(a1)"),
            ("riscv64", &[0x82, 0x80], "c.jr   ra"),
            ("thumb", &[0x1b, 0x68], "ldr    r3, [r3]"),
            ("s390x", &[0xe3, 0x20, 0x10, 0x00, 0x00, 0x04], "lg     %r2, 0(%r1)"),
        ];
        for (machine, code, wanted) in cases {
            assert_eq!(text(machine, code), Some((code.len(), (*wanted).to_owned())), "{machine}");
        }
        assert_eq!(text("aarch64", &[0xff; 3]), None);
    }
}
