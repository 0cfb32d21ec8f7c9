//! Instructions as `objdump -d` and gdb write them.

use iced_x86::{
    Decoder, DecoderOptions, Formatter, GasFormatter, Instruction, IntelFormatter, Mnemonic, OpKind,
    SymbolResolver, SymbolResult,
};
use necropsy_base::VirtAddr;

use super::decode::decode;
use crate::{Resolve, Syntax};

/// Branch targets become plain numbers; `<symbol+offset>` is added behind them.
struct Plain;

impl SymbolResolver for Plain {
    fn symbol(
        &mut self,
        _: &iced_x86::Instruction,
        _: u32,
        _: Option<u32>,
        _: u64,
        _: u32,
    ) -> Option<SymbolResult<'_>> {
        None
    }
}

/// The instruction's text, `mnemonic operands`, with the names of the addresses it holds.
pub fn instruction(code: &[u8], at: VirtAddr, syntax: Syntax, resolve: Resolve<'_>) -> Option<String> {
    let raw = decode(code, at)?;
    let mut out = String::new();
    match syntax {
        Syntax::Gnu => gnu().format(&raw, &mut out),
        Syntax::Intel => intel().format(&raw, &mut out),
    }
    let mut out = match syntax {
        Syntax::Gnu => prefixed(&prefixes(code, &raw), tidy(&explicit(&out, &raw))),
        Syntax::Intel => out.trim_end().to_owned(),
    };
    let branch = (0..raw.op_count()).any(|i| raw.op_kind(i) == OpKind::NearBranch64);
    if branch {
        if let Some(name) = resolve(raw.near_branch_target()) {
            out.push_str(&format!(" <{name}>"));
        }
    } else if raw.is_ip_rel_memory_operand() {
        let target = raw.ip_rel_memory_address();
        out.push_str(&format!("        # {target:#x}"));
        if let Some(name) = resolve(target) {
            out.push_str(&format!(" <{name}>"));
        }
    }
    Some(out)
}

/// The first instruction of 32-bit code: its length and text.
pub fn of_32_bit(code: &[u8], at: VirtAddr) -> Option<(usize, String)> {
    let raw = Decoder::with_ip(32, code, at.0, DecoderOptions::NONE).decode();
    if raw.is_invalid() || raw.len() > code.len() {
        return None;
    }
    let mut out = String::new();
    gnu().format(&raw, &mut out);
    Some((raw.len(), tidy(&explicit(&out, &raw))))
}

fn gnu() -> GasFormatter {
    let mut f = GasFormatter::with_options(Some(Box::new(Plain)), None);
    let o = f.options_mut();
    o.set_rip_relative_addresses(true);
    o.set_show_zero_displacements(true);
    o.set_small_hex_numbers_in_decimal(false);
    o.set_first_operand_char_index(7);
    o.set_branch_leading_zeros(false);
    o.set_uppercase_hex(false);
    o.set_hex_prefix("0x");
    o.set_hex_suffix("");
    f
}

fn intel() -> IntelFormatter {
    let mut f = IntelFormatter::with_options(Some(Box::new(Plain)), None);
    let o = f.options_mut();
    o.set_rip_relative_addresses(true);
    o.set_small_hex_numbers_in_decimal(false);
    o.set_first_operand_char_index(7);
    o.set_branch_leading_zeros(false);
    o.set_uppercase_hex(false);
    o.set_hex_prefix("0x");
    o.set_hex_suffix("");
    f
}

/// The few spellings in which the formatter differs from binutils 2.40.
fn tidy(text: &str) -> String {
    let text = text.trim_end();
    let (mnemonic, operands) = text.split_once(char::is_whitespace).unwrap_or((text, ""));
    if matches!(mnemonic, "rep" | "repz" | "repe" | "repnz" | "repne" | "lock" | "notrack" | "bnd") {
        return prefixed(&format!("{mnemonic} "), tidy(operands.trim_start()));
    }
    let operands = with_scale(&operands.trim_start().replace(", ", ","));
    let mnemonic = match mnemonic {
        "callq" => "call",
        "retq" => "ret",
        "jmpq" => "jmp",
        "pushq" if operands.starts_with('%') => "push",
        "popq" if operands.starts_with('%') => "pop",
        other => other,
    };
    if operands.is_empty() { mnemonic.to_owned() } else { format!("{mnemonic:<6} {operands}") }
}

/// Prefixes and mnemonic count as one word, which is padded as one.
fn prefixed(prefix: &str, text: String) -> String {
    match text.split_once(' ') {
        Some((mnemonic, operands)) if !prefix.is_empty() => {
            format!("{prefix}{mnemonic} {}", operands.trim_start())
        }
        _ => format!("{prefix}{text}"),
    }
}

/// Prefixes that change nothing but are there: padding, and hints that compilers leave before calls.
fn prefixes(code: &[u8], raw: &Instruction) -> String {
    let bytes = code.iter().take_while(|b| matches!(**b, 0x66 | 0x2e));
    let (mut sizes, mut cs) = (0usize, false);
    for b in bytes {
        sizes += usize::from(*b == 0x66);
        cs |= *b == 0x2e;
    }
    // One 0x66 is the operand size itself, where it has one.
    let branch = matches!(raw.mnemonic(), Mnemonic::Call | Mnemonic::Jmp);
    let wide = code.get(sizes + usize::from(cs)).is_some_and(|b| b & 0xf8 == 0x48);
    let unused = if branch || wide { sizes } else { sizes.saturating_sub(1) };
    let cs = if cs { "cs " } else { "" };
    format!("{}{cs}", "data16 ".repeat(unused))
}

/// What binutils writes out and the formatter leaves to the reader: segments of string operations, the second operand of
/// a multiplication into its own source; and the other way round, a segment that is only padding.
fn explicit(text: &str, raw: &Instruction) -> String {
    let kinds = || (0..raw.op_count()).map(|i| raw.op_kind(i));
    let mut out = text.trim_end().to_owned();
    if kinds().any(|k| matches!(k, OpKind::MemoryESRDI | OpKind::MemoryESEDI)) {
        out = out.replace("(%rdi)", "%es:(%rdi)").replace("(%edi)", "%es:(%edi)");
    }
    if kinds().any(|k| k == OpKind::MemorySegRSI) && !out.contains(":(%rsi)") {
        out = out.replace("(%rsi)", "%ds:(%rsi)");
    }
    if raw.mnemonic() == Mnemonic::Imul
        && raw.op_count() == 3
        && out.matches(',').count() == 1
        && let Some((_, register)) = out.rsplit_once(',')
    {
        out = format!("{out},{}", register.trim());
    }
    if raw.mnemonic() == Mnemonic::Nop {
        out = out.replace("%cs:", "");
    }
    out
}

/// An index register always shows its scale: `(%rax,%rax,1)`.
fn with_scale(operands: &str) -> String {
    let Some((before, rest)) = operands.split_once('(') else {
        return operands.to_owned();
    };
    let Some((inside, after)) = rest.split_once(')') else {
        return operands.to_owned();
    };
    let scale = if inside.matches(',').count() == 1 { ",1" } else { "" };
    format!("{before}({inside}{scale}){after}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn gnu_text(code: &[u8]) -> String {
        let name = |a: u64| (a == 0x2010).then(|| "target+0x10".to_owned());
        instruction(code, VirtAddr(0x2000 - 5), Syntax::Gnu, &name).unwrap()
    }

    #[test]
    fn reads_like_objdump() {
        assert_eq!(gnu_text(&[0xe8, 0x10, 0, 0, 0]), "call   0x2010 <target+0x10>");
        assert_eq!(gnu_text(&[0xc7, 0x04, 0x25, 0, 0, 0, 0, 0x2a, 0, 0, 0]), "movl   $0x2a,0x0");
        assert_eq!(gnu_text(&[0x48, 0x8b, 0x43, 0x18]), "mov    0x18(%rbx),%rax");
        assert_eq!(gnu_text(&[0xc3]), "ret");
        assert_eq!(
            gnu_text(&[0x48, 0x8b, 0x05, 0x0e, 0, 0, 0]),
            "mov    0xe(%rip),%rax        # 0x2010 <target+0x10>"
        );
        assert_eq!(gnu_text(&[0x0f, 0x1f, 0x44, 0, 0]), "nopl   0x0(%rax,%rax,1)");
        assert_eq!(gnu_text(&[0xff, 0xd0]), "call   *%rax");
        assert_eq!(gnu_text(&[0xf3, 0x48, 0xab]), "rep stos %rax,%es:(%rdi)");
        assert_eq!(gnu_text(&[0xf3, 0x48, 0xa5]), "rep movsq %ds:(%rsi),%es:(%rdi)");
        assert_eq!(gnu_text(&[0x48, 0x69, 0xff, 0x67, 0x66, 0x66, 0x66]), "imul   $0x66666667,%rdi,%rdi");
        assert_eq!(gnu_text(&[0x66, 0x66, 0x66, 0x66, 0x90]), "data16 data16 data16 xchg %ax,%ax");
        assert_eq!(gnu_text(&[0x2e, 0xe8, 0x0f, 0, 0, 0]), "cs call 0x2010 <target+0x10>");
        assert_eq!(
            gnu_text(&[0x66, 0x66, 0x2e, 0x0f, 0x1f, 0x84, 0, 0, 0, 0, 0]),
            "data16 cs nopw 0x0(%rax,%rax,1)"
        );
    }
}
