//! BPF instructions as text, in the words of the kernel's own verifier log (kernel/bpf/disasm.c).

/// An instruction, and the second half of those that take two (`lddw`).
#[derive(Clone, Copy)]
struct Insn {
    class: u8,
    code: u8,
    dst: u8,
    src: u8,
    off: i16,
    imm: i32,
}

impl Insn {
    /// `struct bpf_insn`: code, registers, offset, constant; the word as it lies in memory of a little-endian machine.
    fn new(word: u64) -> Insn {
        Insn {
            class: (word & 7) as u8,
            code: word as u8,
            dst: (word >> 8 & 15) as u8,
            src: (word >> 12 & 15) as u8,
            off: (word >> 16) as i16,
            imm: (word >> 32) as i32,
        }
    }
}

const ALU: [&str; 14] =
    ["+=", "-=", "*=", "/=", "|=", "&=", "<<=", ">>=", "neg", "%=", "^=", "=", "s>>=", "endian"];
const JUMPS: [&str; 14] =
    ["jmp", "==", ">", ">=", "&", "!=", "s>", "s>=", "call", "exit", "<", "<=", "s<", "s<="];
/// Sizes of loads and stores, by bits 3 and 4 of the code.
const SIZES: [&str; 4] = ["u32", "u16", "u8", "u64"];

/// The instruction at the beginning of `words`, and how many words it takes.
pub fn text(words: &[u64]) -> (String, usize) {
    let Some(insn) = words.first().map(|w| Insn::new(*w)) else { return (String::new(), 1) };
    match insn.class {
        // A 64-bit constant: its upper half is in the next instruction.
        0 if insn.code == 0x18 => {
            let high = words.get(1).map_or(0, |w| w >> 32);
            let value = high << 32 | u64::from(insn.imm as u32);
            (format!("r{} = 0x{value:x}", insn.dst), 2)
        }
        class => (one(insn, class).unwrap_or_else(|| format!("BUG_{:02x}", insn.code)), 1),
    }
}

fn one(i: Insn, class: u8) -> Option<String> {
    let size = SIZES[usize::from(i.code >> 3 & 3)];
    let mode = i.code >> 5;
    match (class, mode) {
        (0, 1) => Some(format!("r0 = *({size} *)skb[{}]", i.imm)),
        (0, 2) => Some(format!("r0 = *({size} *)skb[r{} + {}]", i.src, i.imm)),
        (1, 3) => Some(format!("r{} = *({size} *)(r{} {:+})", i.dst, i.src, i.off)),
        (1, 4) => {
            let signed = size.replacen('u', "s", 1);
            Some(format!("r{} = *({signed} *)(r{} {:+})", i.dst, i.src, i.off))
        }
        (2, 3) => Some(format!("*({size} *)(r{} {:+}) = {}", i.dst, i.off, i.imm)),
        (3, 3) => Some(format!("*({size} *)(r{} {:+}) = r{}", i.dst, i.off, i.src)),
        (3, 6) => Some(atomic(i, size)),
        (4 | 7, _) => alu(i),
        (5 | 6, _) => jump(i),
        _ => None,
    }
}

/// `w1` is the lower half of `r1`.
fn register(class: u8, number: u8) -> String {
    let letter = if matches!(class, 4 | 6) { 'w' } else { 'r' };
    format!("{letter}{number}")
}

fn operand(i: Insn) -> String {
    if i.code & 8 != 0 { register(i.class, i.src) } else { i.imm.to_string() }
}

fn alu(i: Insn) -> Option<String> {
    let (dst, sign) = (register(i.class, i.dst), ALU.get(usize::from(i.code >> 4))?);
    Some(match *sign {
        "neg" => format!("{dst} = -{dst}"),
        "endian" => {
            let order = match (i.class, i.code & 8) {
                (7, _) => "bswap",
                (_, 0) => "le",
                _ => "be",
            };
            format!("r{} = {order}{} r{}", i.dst, i.imm, i.dst)
        }
        // Moves with an offset extend the sign of so many bits.
        "=" if i.off != 0 && i.code & 8 != 0 => format!("{dst} = (s{}){}", i.off, operand(i)),
        sign => format!("{dst} {sign} {}", operand(i)),
    })
}

fn jump(i: Insn) -> Option<String> {
    let sign = JUMPS.get(usize::from(i.code >> 4))?;
    Some(match (*sign, i.class) {
        ("jmp", 6) => format!("gotol pc{:+}", i.imm),
        ("jmp", _) => format!("goto pc{:+}", i.off),
        ("call", _) if i.src == 1 => format!("call pc{:+}", i.imm),
        ("call", _) if i.src == 2 => format!("call kernel-function#{}", i.imm),
        ("call", _) => format!("call #{}", i.imm),
        ("exit", _) => "exit".into(),
        (sign, class) => format!("if {} {sign} {} goto pc{:+}", register(class, i.dst), operand(i), i.off),
    })
}

/// `BPF_ATOMIC`: the constant says what is done, bit 0 whether the old value is kept.
fn atomic(i: Insn, size: &str) -> String {
    let place = format!("*({size} *)(r{} {:+})", i.dst, i.off);
    let sign = ALU.get((i.imm as u32 >> 4 & 15) as usize).copied().unwrap_or("?");
    match (i.imm & 0xff, i.imm & 1) {
        (0xf1, _) => format!("r0 = atomic_cmpxchg({place}, r0, r{})", i.src),
        (0xe1, _) => format!("r{} = atomic_xchg({place}, r{})", i.src, i.src),
        (_, 1) => format!("r{} = atomic_fetch {place} {sign} r{}", i.src, i.src),
        _ => format!("lock {place} {sign} r{}", i.src),
    }
}

#[cfg(test)]
mod tests {
    use super::text;

    /// Code, registers, offset, constant.
    fn insn(code: u8, dst: u8, src: u8, off: i16, imm: i32) -> u64 {
        u64::from(code)
            | u64::from(src << 4 | dst) << 8
            | u64::from(off as u16) << 16
            | u64::from(imm as u32) << 32
    }

    #[test]
    fn as_the_verifier_writes_them() {
        let cases = [
            (insn(0xb7, 0, 0, 0, 1), "r0 = 1"),
            (insn(0xbf, 6, 1, 0, 0), "r6 = r1"),
            (insn(0xb4, 2, 0, 0, -1), "w2 = -1"),
            (insn(0x07, 2, 0, 0, -8), "r2 += -8"),
            (insn(0x77, 2, 0, 0, 3), "r2 >>= 3"),
            (insn(0x87, 2, 0, 0, 0), "r2 = -r2"),
            (insn(0xdc, 1, 0, 0, 16), "r1 = be16 r1"),
            (insn(0x61, 1, 6, 16, 0), "r1 = *(u32 *)(r6 +16)"),
            (insn(0x7b, 10, 1, -8, 0), "*(u64 *)(r10 -8) = r1"),
            (insn(0x72, 10, 0, -1, 7), "*(u8 *)(r10 -1) = 7"),
            (insn(0xdb, 0, 1, 0, 0), "lock *(u64 *)(r0 +0) += r1"),
            (insn(0xdb, 0, 1, 0, 0xf1), "r0 = atomic_cmpxchg(*(u64 *)(r0 +0), r0, r1)"),
            (insn(0x05, 0, 0, 4, 0), "goto pc+4"),
            (insn(0x15, 0, 0, 2, 0), "if r0 == 0 goto pc+2"),
            (insn(0x2d, 1, 2, -3, 0), "if r1 > r2 goto pc-3"),
            (insn(0x85, 0, 0, 0, 1), "call #1"),
            (insn(0x85, 0, 1, 0, 5), "call pc+5"),
            (insn(0x95, 0, 0, 0, 0), "exit"),
            (insn(0xff, 0, 0, 0, 0), "BUG_ff"),
        ];
        for (word, wanted) in cases {
            assert_eq!(text(&[word]), (wanted.to_owned(), 1), "{word:016x}");
        }
        let wide = [insn(0x18, 1, 0, 0, 0x1000), insn(0, 0, 0, 0, 0xffff_8880_u32 as i32)];
        assert_eq!(text(&wide), ("r1 = 0xffff888000001000".into(), 2));
        assert_eq!(text(&[]), (String::new(), 1));
    }

    #[test]
    fn nothing_is_unreadable() {
        for code in 0..=255 {
            let (text, len) = text(&[insn(code, 15, 15, -1, -1)]);
            assert!(!text.is_empty() && len <= 2);
        }
    }
}
