//! What a log says about the kernel that wrote it, and what the user says about it.

use std::collections::HashMap;

/// Modules of one log.
const MAX_MODULES: usize = 1 << 14;

/// Release, offset and modules of a kernel.
#[derive(Clone, Debug, Default)]
pub struct Facts {
    /// `6.1.0-56-cloud-amd64`.
    pub release: Option<String>,
    /// The words of `linux_banner`.
    pub banner: Option<String>,
    /// How far the kernel was moved (KASLR).
    pub kernel_offset: Option<u64>,
    /// Where modules are, and how large: by name.
    pub modules: HashMap<String, (u64, u64)>,
}

impl Facts {
    /// Takes in a line that says something: of the kernel's log, or of `/proc/modules`.
    pub fn learn(&mut self, line: &[u8]) {
        let has = |word: &[u8]| memchr::memmem::find(line, word).is_some();
        if !(has(b"Linux version ") || has(b"Comm: ") || has(b"Kernel Offset: ") || has(b" 0x")) {
            return;
        }
        let text = String::from_utf8_lossy(line);
        if let Some((_, banner)) = text.split_once("Linux version ") {
            self.release = banner.split(' ').next().map(str::to_owned);
            self.banner = Some(format!("Linux version {}", banner.trim_end()));
        } else if let Some((_, rest)) = text.split_once("Comm: ") {
            self.release = self.release.take().or_else(|| release(rest));
        } else if let Some((_, rest)) = text.split_once("Kernel Offset: ") {
            self.kernel_offset = number(rest.split(' ').next().unwrap_or_default());
        } else {
            self.module(&text);
        }
    }

    /// `netpkt 16384 1 other, Live 0xffffffffc0416000 (OE)`, alone in its line or behind the time of a log.
    fn module(&mut self, line: &str) {
        let words: Vec<&str> = line.split_ascii_whitespace().collect();
        let Some(state) = words.iter().position(|w| matches!(*w, "Live" | "Loading" | "Unloading")) else {
            return;
        };
        let address = words.get(state + 1).and_then(|w| number(w)).filter(|at| *at != 0);
        let Some(first) = state.checked_sub(4) else { return };
        let (Some(name), Some(size)) =
            (words.get(first), words.get(first + 1).and_then(|w| w.parse::<u64>().ok()))
        else {
            return;
        };
        if let Some(at) = address.filter(|_| self.modules.len() < MAX_MODULES) {
            self.modules.insert((*name).to_owned(), (at, size));
        }
    }
}

/// `CPU: 0 PID: 1530 Comm: a b Tainted: G OE 6.1.0-56-cloud-amd64 #1 Debian`: the word before the build's number.
fn release(rest: &str) -> Option<String> {
    let (head, _) = rest.split_once(" #")?;
    let word = head.rsplit(' ').next()?;
    let version = word.split('.').take(2).filter(|n| n.bytes().all(|b| b.is_ascii_digit()) && !n.is_empty());
    (version.count() == 2).then(|| word.to_owned())
}

fn number(text: &str) -> Option<u64> {
    let text = text.trim_end_matches(|c: char| !c.is_ascii_hexdigit());
    u64::from_str_radix(text.strip_prefix("0x")?, 16).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_lines_say() {
        let mut facts = Facts::default();
        let lines: [&[u8]; 5] = [
            b"[    5.0] CPU: 0 PID: 1530 Comm: x 1.2 y Tainted: G           OE      6.1.0-56-cloud-amd64 #1  Debian 6.1.192-2",
            b"[    6.0] Kernel Offset: 0x36000000 from 0xffffffff81000000 (relocation range: 0xffffffff80000000-0xffffffffbfffffff)",
            b"netpkt 16384 0 - Live 0xffffffffc0416000 (OE)",
            b"snd 16384 2 a,b, Live 0xffffffffc0500000",
            b"hidden 16384 0 - Live 0x0000000000000000",
        ];
        lines.iter().for_each(|l| facts.learn(l));
        assert_eq!(facts.release.as_deref(), Some("6.1.0-56-cloud-amd64"));
        assert_eq!(facts.kernel_offset, Some(0x3600_0000));
        assert_eq!(facts.modules["netpkt"], (0xffff_ffff_c041_6000, 16384));
        assert_eq!(facts.modules.len(), 2);
        facts.learn(b"Linux version 5.10.0-32-amd64 (x@y) #1");
        assert_eq!(facts.release.as_deref(), Some("5.10.0-32-amd64"));
    }
}
