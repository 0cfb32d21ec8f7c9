//! The instructions of a `Code:` line.

use necropsy_klog::{disassemble, parse_code};

use crate::files::Files;

/// The instructions, one per line, each line beginning with a line end; `None` if the line has none. `pc` is where the trapping
/// instruction is in the kernel's file.
pub fn lines(line: &str, files: &Files, pc: Option<u64>) -> Option<String> {
    let code = parse_code(line)?;
    let machine = files.kernel().and_then(|k| machine(k.file().elf().machine)).unwrap_or(match code.width {
        4 => "aarch64",
        _ => "x86_64",
    });
    let found = disassemble(&code, machine);
    if found.is_empty() {
        return None;
    }
    let mut out = String::new();
    for l in &found {
        let (mark, end) = if l.trap { ("*", "\t<-- trapping instruction") } else { (" ", "") };
        out +=
            &format!("\n{mark}{:>5}:\t{:<24}\t{}{end}", format!("{:+x}", Signed(l.offset)), l.bytes, l.text);
    }
    if let Some(differs) = pc.and_then(|pc| differs(&code, files, pc)) {
        out += &differs;
    }
    Some(out)
}

/// An offset with its sign, in hexadecimal.
struct Signed(i64);

impl std::fmt::LowerHex for Signed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let sign = if self.0 < 0 { "-" } else { "+" };
        write!(f, "{sign}{:#x}", self.0.unsigned_abs())
    }
}

/// A line that says where the code is not that of the kernel's file: patched (by the kernel itself, or somebody), or another build.
fn differs(code: &necropsy_klog::CodeBytes, files: &Files, pc: u64) -> Option<String> {
    let file = files.kernel()?.file();
    let trap = code.trap?;
    let built = file.code_at(pc.checked_sub(trap as u64)?, code.bytes.len())?;
    let same = built.iter().zip(&code.bytes).filter(|(a, b)| a == b).count();
    let at = built.iter().zip(&code.bytes).position(|(a, b)| a != b)?;
    let path = file.path().display();
    Some(format!(
        "\n  these bytes differ from {path}: {} of {}, the first at {:+x}",
        built.len() - same,
        built.len(),
        Signed(at as i64 - trap as i64)
    ))
}

/// `e_machine` as `uname -m` says it.
fn machine(number: u16) -> Option<&'static str> {
    match number {
        3 => Some("i686"),
        21 => Some("ppc64le"),
        22 => Some("s390x"),
        40 => Some("armv7l"),
        62 => Some("x86_64"),
        183 => Some("aarch64"),
        243 => Some("riscv64"),
        _ => None,
    }
}
