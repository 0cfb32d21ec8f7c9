//! A stack in crash's layout.

use necropsy_report::{FrameInfo, Hex, StackInfo, terminal_safe};

use super::super::header::task_line;
use super::words;
use crate::{Args, Context, number};

/// One task: its line, its frames, its registers.
pub fn text(cx: &Context, s: &StackInfo, args: &Args) -> String {
    let mut out = task_line(s.pid, s.task, s.cpu.unwrap_or(0), &s.comm) + "\n";
    let mut number = 0;
    for (i, f) in s.frames.iter().enumerate() {
        if f.exception {
            out += &exception(f);
            continue;
        }
        if f.inlined {
            out += &inlined(f);
            continue;
        }
        if !f.registers.is_empty() {
            out += &exception(f);
        }
        out += &line(number, f, args);
        out += &source(f);
        number += 1;
        if args.has('f') || args.has('F') {
            out += &words::of_frame(cx, f, s.frames[i + 1..].iter().find_map(|n| n.sp), args);
        }
    }
    if let Some(end) = &s.end {
        out += &format!("    ({end})\n");
    }
    out + &registers(&s.user_registers)
}

fn line(number: usize, f: &FrameInfo, args: &Args) -> String {
    let name = f.function.clone().or(f.pc.map(|pc| format!("{:016x}", pc.0))).unwrap_or_default();
    let offset = f.offset.as_deref().filter(|_| args.has('s')).map(|o| offset(o, args)).unwrap_or_default();
    let module = f.module.as_ref().map(|m| format!(" [{m}]")).unwrap_or_default();
    let trust = match (f.trust, &f.remark) {
        ("orc" | "context" | "cfi" | "frame_pointer", None) => String::new(),
        ("orc" | "context" | "cfi" | "frame_pointer", Some(remark)) => format!("  ({remark})"),
        (trust, None) => format!("  ({trust})"),
        (trust, Some(remark)) => format!("  ({trust}: {remark})"),
    };
    match (f.pc, f.sp) {
        (Some(pc), Some(sp)) => {
            format!(
                "{:>3} [{:016x}] {name}{offset} at {:016x}{module}{trust}\n",
                format!("#{number}"),
                sp.0,
                pc.0
            )
        }
        _ => format!("{:>3} [{:16}] {name}{module}{trust}\n", format!("#{number}"), ""),
    }
}

/// A function whose code is inside of the next frame's.
fn inlined(f: &FrameInfo) -> String {
    let name = f.function.as_deref().map(terminal_safe).unwrap_or_else(|| "?".into());
    let module = f.module.as_ref().map(|m| format!(" [{m}]")).unwrap_or_default();
    format!("    {:18} {name}{module}\n{}", "(inlined)", source(f))
}

/// `    kernel/panic.c: 459`, as crash writes it.
fn source(f: &FrameInfo) -> String {
    match (&f.file, f.line) {
        (Some(file), Some(line)) => format!("    {}: {line}\n", terminal_safe(file)),
        _ => String::new(),
    }
}

fn offset(hex: &str, args: &Args) -> String {
    let value = number::address(hex).unwrap_or(0);
    if args.has('d') || !args.has('x') { format!("+{value}") } else { format!("+{hex}") }
}

fn exception(f: &FrameInfo) -> String {
    let offset = f.offset.as_deref().and_then(number::address).unwrap_or(0);
    let place = match (&f.function, f.pc) {
        (Some(name), _) => format!("{name}+{offset}"),
        (None, pc) => format!("unknown or invalid address {:016x}", pc.map_or(0, |p| p.0)),
    };
    format!("    [exception RIP: {place}]\n{}{}", source(f), registers(&f.registers))
}

/// Registers in the order and layout of crash.
pub fn registers(regs: &[(&'static str, Hex)]) -> String {
    const ROWS: [&[&str]; 7] = [
        &["rip", "rsp", "rflags"],
        &["rax", "rbx", "rcx"],
        &["rdx", "rsi", "rdi"],
        &["rbp", "r8", "r9"],
        &["r10", "r11", "r12"],
        &["r13", "r14", "r15"],
        &["orig_rax", "cs", "ss"],
    ];
    if regs.is_empty() {
        return String::new();
    }
    let value = |name: &str| regs.iter().find(|(n, _)| *n == name).map(|(_, v)| v.0);
    if value("rip").is_none() {
        return plain_registers(regs);
    }
    let mut out = String::new();
    for row in ROWS {
        let cells: Vec<String> = row.iter().filter_map(|name| Some(cell(name, value(name)?))).collect();
        out += &format!("    {}\n", cells.join("  "));
    }
    out
}

fn cell(name: &str, value: u64) -> String {
    let upper = name.to_uppercase();
    match name {
        "rflags" => format!("{upper}: {value:08x}"),
        "cs" | "ss" => format!("{upper}: {value:04x}"),
        "r8" | "r9" => format!(" {upper}: {value:016x}"),
        _ => format!("{upper}: {value:016x}"),
    }
}

/// Any other CPU: four to a row.
fn plain_registers(regs: &[(&'static str, Hex)]) -> String {
    let rows = regs.chunks(4).map(|row| {
        let cells: Vec<String> =
            row.iter().map(|(n, v)| format!("{:>6}: {:016x}", n.to_uppercase(), v.0)).collect();
        format!("    {}\n", cells.join("  "))
    });
    rows.collect()
}
