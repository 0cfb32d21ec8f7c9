//! The instructions around the place that failed, in each kernel's own form.

use crate::detect::{Collected, Line};
use crate::{CodeBytes, CodeLine, disassemble, parse_code};

/// The kernel's instructions: out of bytes, or s390's own listing.
pub(super) fn of(c: &Collected, machine: Option<&str>) -> Vec<CodeLine> {
    let listed = listing(&c.lines);
    if !listed.is_empty() {
        return listed;
    }
    let code = code_line(&c.lines).or_else(|| instruction_dump(&c.lines));
    code.map(|code| disassemble(&code, machine.unwrap_or("x86_64"))).unwrap_or_default()
}

/// The bytes of the kernel's code; a user program's are of no interest.
fn code_line(lines: &[Line]) -> Option<CodeBytes> {
    let user = |i: usize| i > 0 && lines[i - 1].text.contains("RIP: 0033:");
    let found = lines.iter().enumerate().filter(|(i, _)| !user(*i)).find_map(|(_, l)| parse_code(&l.text));
    found.filter(|code| code.trap.is_some())
}

/// powerpc before 6.4: two lines of eight words behind `Instruction dump:` (arch/powerpc/kernel/process.c).
fn instruction_dump(lines: &[Line]) -> Option<CodeBytes> {
    let at = lines.iter().position(|l| l.text.trim_end().ends_with("Instruction dump:"))?;
    let words = lines[at + 1..].iter().take(2).map(|l| l.text.trim());
    let found = parse_code(&format!("Code: {}", words.collect::<Vec<_>>().join(" ")))?;
    found.trap.is_some().then_some(found)
}

/// s390 disassembles for itself (arch/s390/kernel/dis.c): `>` stands before the instruction that the PSW points to.
fn listing(lines: &[Line]) -> Vec<CodeLine> {
    let Some(first) = lines.iter().position(|l| l.text.trim_start().starts_with("Krnl Code:")) else {
        return Vec::new();
    };
    let texts =
        lines[first..].iter().take(16).enumerate().map(|(i, l)| match (i, l.text.split_once("Code:")) {
            (0, Some((_, rest))) => rest,
            _ => l.text.as_str(),
        });
    let found: Vec<Listed> = texts.map_while(listed).collect();
    let Some(trap) = found.iter().find(|l| l.marked).map(|l| l.at) else { return Vec::new() };
    let line = |l: Listed| CodeLine {
        offset: l.at.wrapping_sub(trap) as i64,
        bytes: l.bytes,
        text: l.text,
        trap: l.marked,
    };
    found.into_iter().map(line).collect()
}

struct Listed {
    at: u64,
    bytes: String,
    text: String,
    marked: bool,
}

/// `>0000000000112220: e32010000004 lg %r2,0(%r1)`, the text behind a tab or blanks.
fn listed(text: &str) -> Option<Listed> {
    let text = text.trim_start();
    let (marked, text) = (text.starts_with('>'), text.trim_start_matches(['>', '#', '*']));
    let (at, rest) = text.split_once(": ")?;
    let rest = rest.trim_start();
    let (digits, text) = rest.split_once([' ', '\t'])?;
    let sound = matches!(digits.len(), 4 | 8 | 12) && digits.bytes().all(|b| b.is_ascii_hexdigit());
    let bytes = digits.as_bytes().chunks(2).map(|c| String::from_utf8_lossy(c).into_owned());
    sound.then_some(())?;
    Some(Listed {
        at: u64::from_str_radix(at.trim(), 16).ok()?,
        bytes: bytes.collect::<Vec<_>>().join(" "),
        text: text.split_ascii_whitespace().collect::<Vec<_>>().join(" "),
        marked,
    })
}

#[cfg(test)]
mod tests {
    use crate::reports;

    fn code(log: &str) -> Vec<(i64, String, bool)> {
        let found = reports(log.as_bytes());
        found[0].code.iter().map(|l| (l.offset, l.text.clone(), l.trap)).collect()
    }

    #[test]
    fn powerpc() {
        let log = "BUG: Kernel NULL pointer dereference on read at 0x00000010\n\
            Faulting instruction address: 0xc0000000001e2b04\n\
            NIP:  c0000000001e2b04 LR: c0000000001e2af0 CTR: 0000000000000000\n\
            NIP [c0000000001e2b04] take_it+0x24/0x60\n\
            Instruction dump:\n\
            60000000 60420000 3c4c00f1 3842d8a0 7c0802a6 f8010010 fbe1fff8 f821ffd1 \n\
            7c7f1b78 e9230010 <e9290000> 38210030 \n";
        let found = code(log);
        assert_eq!(found.iter().find(|l| l.2).map(|l| l.1.as_str()), Some("ld     r9, 0(r9)"));
        assert_eq!((found[0].0, found.len()), (-40, 12));
    }

    #[test]
    fn s390() {
        let log = "Unable to handle kernel pointer dereference in virtual kernel address space\n\
            Failing address: 0000000000000000 TEID: 0000000000000483\n\
            Krnl PSW : 0704c00180000000 000003ff8012a0b4 (take_it+0x34/0x70 [mine])\n\
            Krnl Code: 000003ff8012a0a8: c0e5ffffff8c\tbrasl\t%r14,000003ff80129fc0\n\
            \x20          000003ff8012a0ae: e3b020000004\tlg\t%r11,0(%r2)\n\
            \x20         #000003ff8012a0b0: b9040029\tlgr\t%r2,%r9\n\
            \x20         >000003ff8012a0b4: e32010000004\tlg\t%r2,0(%r1)\n\
            Call Trace:\n [<000003ff8012a0b4>] take_it+0x34/0x70 [mine]\n";
        let found = code(log);
        assert_eq!(found.last().cloned(), Some((0, "lg %r2,0(%r1)".into(), true)));
        assert_eq!(found[0], (-12, "brasl %r14,000003ff80129fc0".into(), false));
    }
}
