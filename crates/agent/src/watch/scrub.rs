//! Takes out of quoted lines what is nobody else's business: addresses of machines and people, and command lines, which hold secrets.
//!
//! Names of functions, modules and devices stay, and so do addresses of the kernel: without them the lines say nothing.

use std::sync::LazyLock;

use regex::Regex;

static PATTERNS: LazyLock<Vec<(Regex, &str)>> = LazyLock::new(|| {
    let patterns = [
        (r"(?i)((?:kernel )?command line: ).*", "${1}(removed)"),
        (r"\b(?:[0-9A-Fa-f]{2}[:-]){5}[0-9A-Fa-f]{2}\b", "(address removed)"),
        (r"\b(?:[0-9A-Fa-f]{1,4}:){3,7}[0-9A-Fa-f:]*", "(address removed)"),
        (r"\b(?:[0-9A-Fa-f]{1,4}:){1,6}(?::[0-9A-Fa-f]{1,4}){1,6}\b", "(address removed)"),
        (r"\b\d{1,3}(?:\.\d{1,3}){3}\b", "(address removed)"),
        (r"[\w.+-]+@[\w-]+\.[\w.-]+", "(address removed)"),
        (r"/(?:home|root|Users)/\S+", "(path removed)"),
        (r"(?i)\b(password|passwd|secret|token|api[_-]?key)=\S+", "${1}=(removed)"),
    ];
    patterns.iter().filter_map(|(pattern, to)| Some((Regex::new(pattern).ok()?, *to))).collect()
});

/// A line without them.
pub fn scrubbed(line: &str) -> String {
    let mut text = std::borrow::Cow::Borrowed(line);
    for (pattern, to) in PATTERNS.iter() {
        if let std::borrow::Cow::Owned(next) = pattern.replace_all(&text, *to) {
            text = next.into();
        }
    }
    text.into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_goes_and_what_stays() {
        for line in [
            "e1000e 0000:00:19.0 eth0: link up",
            "RIP: 0010:poke+0x12/0x34 [mine]",
            "4,12,345678,-;BUG: kernel NULL pointer dereference, address: 0000000000000008",
            "RAX: ffff888012345678 RBX: 0000000000000000",
            "CPU: 1 PID: 77 Comm: worker Not tainted 6.1.0-13-amd64 #1 Debian 6.1.55-1",
        ] {
            assert_eq!(scrubbed(line), line);
        }
        for (line, rest) in [
            ("eth0: 52:54:00:12:34:56 up", "eth0: (address removed) up"),
            ("nfs: server 10.1.2.3 not responding", "nfs: server (address removed) not responding"),
            ("from fe80::1 to 2001:db8:0:1:2:3:4:5", "from (address removed) to (address removed)"),
            ("1,2,3,-;Command line: root=/dev/sda password=x", "1,2,3,-;Command line: (removed)"),
            ("by joe@example.org in /home/joe/x.c", "by (address removed) in (path removed)"),
        ] {
            assert_eq!(scrubbed(line), rest);
        }
    }
}
