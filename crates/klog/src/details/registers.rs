//! Registers as each CPU's kernel prints them.

use std::collections::BTreeMap;

/// Names of registers that lines begin with, and whose they are. The first line of a kind tells the machine.
const NAMES: &[(&str, &str)] = &[
    ("RIP: 0010:", "x86_64"),
    ("RAX: ", "x86_64"),
    ("RSP: 00", "x86_64"),
    ("EIP: ", "i686"),
    ("EAX: ", "i686"),
    ("pstate: ", "aarch64"),
    ("x29: ", "aarch64"),
    ("PC is at ", ""),
    ("r10: ", "armv7l"),
    ("psr: ", "armv7l"),
    ("epc : ", "riscv64"),
    ("gp : ", "riscv64"),
    ("NIP: ", "ppc64le"),
    ("GPR00: ", "ppc64le"),
    ("NIP [", "ppc64le"),
    ("Krnl PSW : ", "s390x"),
    ("Krnl GPRS: ", "s390x"),
];

/// The same, where they stand in the middle of a line.
const WITHIN: &[(&str, &str)] = &[(" pstate: ", "aarch64"), (" psr: ", "armv7l")];

/// Words before values: `RAX: `, `x29: `, `sp : `, `CR2: `, `status: `.
const KNOWN: &[&str] = &[
    "RAX", "RBX", "RCX", "RDX", "RSI", "RDI", "RBP", "RSP", "R08", "R09", "R10", "R11", "R12", "R13", "R14",
    "R15", "CR0", "CR2", "CR3", "CR4", "FS", "GS", "EFLAGS", "ORIG_RAX", "EAX", "EBX", "ECX", "EDX", "ESI",
    "EDI", "EBP", "ESP", "pstate", "pc", "lr", "sp", "ip", "fp", "psr", "epc", "ra", "gp", "tp", "status",
    "badaddr", "cause", "NIP", "LR", "CTR", "MSR", "DAR", "DSISR", "XER", "CFAR", "CR", "TEID", "FAR", "ESR",
];

/// Whether a line shows registers.
pub(crate) fn is_registers(text: &str) -> bool {
    let text = text.trim_start();
    NAMES.iter().any(|(name, _)| text.starts_with(name))
        || text.split_once(':').is_some_and(|(name, _)| is_register(name.trim_end()))
}

fn is_register(name: &str) -> bool {
    KNOWN.contains(&name) || numbered(name)
}

/// `x29`, `r10`, `s11`, `t6`, `a0`.
fn numbered(name: &str) -> bool {
    let rest = name.strip_prefix(['x', 'r', 's', 't', 'a']).unwrap_or_default();
    !rest.is_empty() && rest.len() <= 2 && rest.bytes().all(|b| b.is_ascii_digit())
}

/// Collects the registers of the first interrupted kernel code.
#[derive(Default)]
pub(super) struct Reader {
    pub found: BTreeMap<String, String>,
    pub machine: Option<&'static str>,
    user: bool,
    gprs: Option<usize>,
}

impl Reader {
    /// Reads a line, if it shows registers.
    pub fn read(&mut self, text: &str) {
        let text = text.trim_start();
        if text.starts_with("RIP: ") {
            self.user = text.starts_with("RIP: 0033:") || text.starts_with("RIP: 0023:");
            self.machine.get_or_insert("x86_64");
        }
        if self.user {
            return;
        }
        let machine = NAMES.iter().find(|(name, m)| !m.is_empty() && text.starts_with(name));
        let inside = WITHIN.iter().find(|(name, _)| text.contains(name));
        self.machine = self.machine.or(machine.or(inside).map(|(_, m)| *m));
        if self.block(text) || !is_registers(text) {
            return;
        }
        let words: Vec<&str> = text.split_ascii_whitespace().collect();
        for (i, word) in words.iter().enumerate() {
            let (name, at) = match word.strip_suffix(':') {
                Some("") if i > 0 => (words[i - 1], i + 1),
                Some(name) => (name, i + 1),
                None => continue,
            };
            let Some(value) = words.get(at).copied().and_then(hex) else { continue };
            if is_register(name) && self.found.len() < 128 {
                self.found.entry(name.to_owned()).or_insert(value);
            }
        }
    }

    /// `GPR04: a b c d` and `Krnl GPRS: a b c d` with the lines that follow.
    fn block(&mut self, text: &str) -> bool {
        let (first, values) = if let Some(rest) = text.strip_prefix("Krnl GPRS: ") {
            (0, rest)
        } else if let Some((n, rest)) = text.strip_prefix("GPR").and_then(|t| t.split_once(": ")) {
            (n.parse().unwrap_or(usize::MAX), rest)
        } else if let Some(next) = self.gprs.filter(|n| *n < 16) {
            (next, text)
        } else {
            return false;
        };
        let values: Vec<String> = values.split_ascii_whitespace().map_while(hex).collect();
        if values.len() < 2 || first > 31 {
            self.gprs = None;
            return false;
        }
        for (i, value) in values.iter().enumerate().take(8) {
            self.found.entry(format!("r{}", first + i)).or_insert(value.clone());
        }
        self.gprs = text.starts_with("Krnl").then_some(4).or(self.gprs.map(|n| n + 4));
        true
    }
}

/// A value: at least four hexadecimal digits, perhaps behind a segment or in brackets.
fn hex(word: &str) -> Option<String> {
    let word = word.trim_start_matches("[<").trim_end_matches(">]").trim_end_matches(',');
    let word = word.split_once('(').map_or(word, |(value, _)| value);
    let word = word.strip_prefix("0x").unwrap_or(word);
    let value = word.split_once(':').map_or(word, |(_, v)| v);
    (value.len() >= 4 && value.len() <= 16 && value.bytes().all(|b| b.is_ascii_hexdigit()))
        .then(|| value.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn registers(lines: &[&str]) -> (Option<&'static str>, BTreeMap<String, String>) {
        let mut r = Reader::default();
        lines.iter().for_each(|l| r.read(l));
        (r.machine, r.found)
    }

    #[test]
    fn of_every_cpu() {
        let (m, r) = registers(&[
            "RIP: 0010:foo+0x1/0x2",
            "RSP: 0018:ffffc9000124dab0 EFLAGS: 00010246",
            "RAX: 0000000000000061 RBX: 1ffff92000249b58 RCX: 59dc727b65a9b400",
            "FS:  00005555659f6380(0000) GS:ffff8881f6e00000(0000)",
            "RIP: 0033:0x455777",
            "RAX: ffffffffffffffda RBX: 0000000000000065",
            "R15: 0000000000000001",
        ]);
        assert_eq!(m, Some("x86_64"));
        assert_eq!((r["RSP"].as_str(), r["RBX"].as_str()), ("ffffc9000124dab0", "1ffff92000249b58"));
        assert!(!r.contains_key("R15"));
        let (m, r) = registers(&[
            "pstate: 60400145 (nZCv)",
            "pc : foo+0x1/0x2",
            "sp : ffffc01ec87ea0",
            "x29: ffffffc01ec87ea0 x28: ffffffc055663000 ",
            "x9 : ffffff901cf12000 x8 : ffffffffdeadbeef ",
        ]);
        assert_eq!(m, Some("aarch64"));
        assert_eq!((r["x28"].as_str(), r["x8"].as_str()), ("ffffffc055663000", "ffffffffdeadbeef"));
        let (m, r) = registers(&[
            "NIP:  c0000000001e2b04 LR: c0000000001e2af0 CTR: 0000000000000000",
            "GPR00: c0000001 c0000002 c0000003 c0000004",
        ]);
        assert_eq!(
            (m, r["r3"].as_str(), r["LR"].as_str()),
            (Some("ppc64le"), "c0000004", "c0000000001e2af0")
        );
        let (m, r) = registers(&[
            "Krnl PSW : 0704c00180000000 0000000000112233 (foo+0x1/0x2)",
            "Krnl GPRS: 0000000000000001 0000000000000002 0000000000000003 0000000000000004",
            "           0000000000000005 0000000000000006 0000000000000007 0000000000000008",
        ]);
        assert_eq!((m, r["r7"].as_str()), (Some("s390x"), "0000000000000008"));
        let (m, r) = registers(&[
            "epc : foo+0x1/0x2",
            " gp : ffffffff81a35e38 tp : ffffffe00412b240 t0 : 0000000000000000",
        ]);
        assert_eq!((m, r["tp"].as_str()), (Some("riscv64"), "ffffffe00412b240"));
        let (m, r) = registers(&[
            "r10: 8591b080  r9 : 8bdfc000  r8 : 00000001",
            "pc : [<802b4048>]    lr : [<802e1324>]    psr: 60000193",
        ]);
        assert_eq!((m, r["r9"].as_str(), r["pc"].as_str()), (Some("armv7l"), "8bdfc000", "802b4048"));
    }
}
