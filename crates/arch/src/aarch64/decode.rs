//! What an arm64 instruction does to control, and its text. What it does to registers and memory is not decoded: all may
//! change (Arm Architecture Reference Manual, C4.1, "Branches, Exception Generating and System instructions").

use necropsy_base::VirtAddr;

use crate::{Flow, Insn, Op, Resolve};

/// The instruction at `at`.
pub fn instruction(code: &[u8], at: VirtAddr) -> Option<Insn> {
    let word = word(code)?;
    Some(Insn {
        at,
        len: 4,
        flow: flow(word, at),
        mem: None,
        string: false,
        source: None,
        op: Op::Other,
        writes: u64::MAX,
    })
}

fn word(code: &[u8]) -> Option<u32> {
    Some(u32::from_le_bytes(code.get(..4)?.try_into().ok()?))
}

fn flow(word: u32, at: VirtAddr) -> Flow {
    match word {
        w if w & 0xfc00_0000 == 0x1400_0000 => Flow::Jump(Some(target(w, 0, 26, at))),
        w if w & 0xfc00_0000 == 0x9400_0000 => Flow::Call(Some(target(w, 0, 26, at))),
        w if w & 0xff00_0000 == 0x5400_0000 || w & 0x7e00_0000 == 0x3400_0000 => {
            Flow::Branch(target(w, 5, 19, at))
        }
        w if w & 0x7e00_0000 == 0x3600_0000 => Flow::Branch(target(w, 5, 14, at)),
        // Plain, and with pointer authentication (`braa`, `blraa`, `retaa`).
        w if w & 0xfe9f_f000 == 0xd61f_0000 => match w >> 21 & 3 {
            0 => Flow::Jump(None),
            1 => Flow::Call(None),
            2 => Flow::Return,
            _ => Flow::Next,
        },
        w if w & 0xffe0_001f == 0xd420_0000 => Flow::Trap,
        _ => Flow::Next,
    }
}

/// Where a branch leads whose word offset stands in `bits` bits from `shift` on.
fn target(word: u32, shift: u32, bits: u32, at: VirtAddr) -> VirtAddr {
    let raw = i64::from(word >> shift) << (64 - bits);
    VirtAddr(at.0.wrapping_add_signed(raw >> (64 - bits) << 2))
}

/// Its text, with the name of the address that it leads to.
pub fn text(code: &[u8], at: VirtAddr, resolve: Resolve<'_>) -> Option<String> {
    let word = word(code)?;
    let mut text = plain(&code[..4], at)?;
    let to = match flow(word, at) {
        Flow::Jump(to) | Flow::Call(to) => to,
        Flow::Branch(to) => Some(to),
        _ => None,
    };
    if let Some(name) = to.and_then(|to| resolve(to.0)) {
        text += &format!(" <{name}>");
    }
    Some(text)
}

#[cfg(feature = "all-cpus")]
fn plain(code: &[u8], at: VirtAddr) -> Option<String> {
    // Data between functions is written as the assembler would take it.
    let data = || format!(".inst  {:#010x}", word(code).unwrap_or_default());
    Some(crate::text::all_cpus::text("aarch64", code, at).map_or_else(data, |(_, text)| text))
}

#[cfg(not(feature = "all-cpus"))]
fn plain(_: &[u8], _: VirtAddr) -> Option<String> {
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn where_control_goes() {
        let at = VirtAddr(0xffff_8000_1000_0000);
        let of = |word: u32| flow(word, at);
        assert_eq!(of(0x9400_0002), Flow::Call(Some(at.offset(8))));
        assert_eq!(of(0x17ff_ffff), Flow::Jump(Some(VirtAddr(at.0 - 4))));
        assert_eq!(of(0x5400_0ee1), Flow::Branch(at.offset(0x1dc)));
        assert_eq!(of(0xb400_0040), Flow::Branch(at.offset(8)));
        assert_eq!(of(0x3600_0040), Flow::Branch(at.offset(8)));
        assert_eq!(of(0xd63f_0060), Flow::Call(None));
        assert_eq!(of(0xd61f_0060), Flow::Jump(None));
        assert_eq!(of(0xd65f_03c0), Flow::Return);
        assert_eq!(of(0xd65f_0bff), Flow::Return);
        assert_eq!(of(0xd421_0000), Flow::Trap);
        assert_eq!(of(0xf940_0000), Flow::Next);
    }

    #[cfg(feature = "all-cpus")]
    #[test]
    fn calls_are_named() {
        let name = |a: u64| (a == 0x1008).then(|| "target".to_owned());
        let text = text(&0x9400_0002u32.to_le_bytes(), VirtAddr(0x1000), &name).unwrap();
        assert_eq!(text, "bl     #0x1008 <target>");
    }
}
