//! Instructions as `objdump -d` and gdb write them.

use iced_x86::{Formatter, GasFormatter, IntelFormatter, OpKind, SymbolResolver, SymbolResult};
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
    let mut out = tidy(&out, syntax);
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
fn tidy(text: &str, syntax: Syntax) -> String {
    let text = text.trim_end();
    if syntax == Syntax::Intel {
        return text.to_owned();
    }
    let (mnemonic, operands) = text.split_once(char::is_whitespace).unwrap_or((text, ""));
    let operands = with_scale(&operands.trim_start().replace(", ", ","));
    let mnemonic = match mnemonic {
        "callq" => "call",
        "retq" => "ret",
        "jmpq" => "jmp",
        "pushq" if operands.starts_with('%') => "push",
        "popq" if operands.starts_with('%') => "pop",
        other => other,
    };
    if operands.is_empty() {
        mnemonic.to_owned()
    } else {
        format!("{mnemonic:<6} {operands}")
    }
}

/// An index register always shows its scale: `(%rax,%rax,1)`.
fn with_scale(operands: &str) -> String {
    let Some((before, rest)) = operands.split_once('(') else {
        return operands.to_owned();
    };
    let Some((inside, after)) = rest.split_once(')') else {
        return operands.to_owned();
    };
    let scale = if inside.matches(',').count() == 1 {
        ",1"
    } else {
        ""
    };
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
        assert_eq!(
            gnu_text(&[0xc7, 0x04, 0x25, 0, 0, 0, 0, 0x2a, 0, 0, 0]),
            "movl   $0x2a,0x0"
        );
        assert_eq!(gnu_text(&[0x48, 0x8b, 0x43, 0x18]), "mov    0x18(%rbx),%rax");
        assert_eq!(gnu_text(&[0xc3]), "ret");
        assert_eq!(
            gnu_text(&[0x48, 0x8b, 0x05, 0x0e, 0, 0, 0]),
            "mov    0xe(%rip),%rax        # 0x2010 <target+0x10>"
        );
        assert_eq!(gnu_text(&[0x0f, 0x1f, 0x44, 0, 0]), "nopl   0x0(%rax,%rax,1)");
        assert_eq!(gnu_text(&[0xff, 0xd0]), "call   *%rax");
    }
}
