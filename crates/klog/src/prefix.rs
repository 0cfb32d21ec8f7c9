//! What stands before a message: syslog's date and host, `<6>`, time since boot, the printk caller.

use std::ops::Range;

/// Who printed a line, where `CONFIG_PRINTK_CALLER` says so.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Caller {
    /// A task, by its thread ID: `T123`.
    Task(u32),
    /// A CPU outside of any task: `C0`.
    Cpu(u32),
}

impl Caller {
    /// `T123` or `C0`.
    pub fn parse(text: &str) -> Option<Caller> {
        let text = text.trim();
        let number = text.get(1..)?.split('@').next()?.parse().ok()?;
        match text.as_bytes().first()? {
            b'T' => Some(Caller::Task(number)),
            b'C' => Some(Caller::Cpu(number)),
            _ => None,
        }
    }
}

impl std::fmt::Display for Caller {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Caller::Task(id) => write!(f, "T{id}"),
            Caller::Cpu(id) => write!(f, "C{id}"),
        }
    }
}

/// What the prefixes of a line say.
///
/// ```
/// use necropsy_klog::{Caller, Prefix};
///
/// let line = "Nov 20 20:58:06 host kernel: <4>[   12.345678][ T1530] BUG: scheduling while atomic";
/// let prefix = Prefix::of(line);
/// assert_eq!(prefix.rest(line), "BUG: scheduling while atomic");
/// assert_eq!((prefix.seconds, prefix.level), (Some(12.345678), Some(4)));
/// assert_eq!(prefix.caller, Some(Caller::Task(1530)));
/// ```
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Prefix {
    /// Where the message begins.
    pub end: usize,
    /// Seconds since boot.
    pub seconds: Option<f64>,
    /// Severity, 0 (emergency) to 7 (debug).
    pub level: Option<u8>,
    /// Facility; 0 is the kernel.
    pub facility: Option<u8>,
    /// Who printed it.
    pub caller: Option<Caller>,
    /// CPU, where an Android kernel says so.
    pub cpu: Option<u32>,
    /// Another program than the kernel wrote it, by syslog's tag.
    pub program: Option<Range<usize>>,
    /// Only the kernel writes lines like that: with a time since boot, a level, or its own tag.
    pub kernel: bool,
    /// Continues the record before.
    pub continues: bool,
    /// A piece of a record that netconsole had to cut: where in the record it begins.
    pub fragment: Option<usize>,
}

impl Prefix {
    /// Reads all prefixes of a line.
    pub fn of(line: &str) -> Prefix {
        let mut p = Prefix::default();
        let mut at = 0;
        for _ in 0..8 {
            let rest = &line[at..];
            let Some(n) = PARSERS.iter().find_map(|parse| parse(rest, at, &mut p)) else { break };
            at += n;
        }
        p.end = at;
        p.kernel |= p.program.is_none() && (p.seconds.is_some() || p.level.is_some());
        p
    }

    /// The message.
    pub fn rest<'a>(&self, line: &'a str) -> &'a str {
        line.get(self.end..).unwrap_or_default()
    }

    /// Whether the line said anything before its message.
    pub fn is_some(&self) -> bool {
        self.end > 0
    }
}

type Parser = fn(&str, usize, &mut Prefix) -> Option<usize>;

/// Each takes one kind of prefix off the front of its text, and says how long it was.
const PARSERS: &[Parser] =
    &[uptime, caller, android, level, kmsg, named_level, dropped, wall_clock, iso_clock, syslog, login];

fn digits(text: &str) -> usize {
    text.bytes().take_while(u8::is_ascii_digit).count()
}

/// `[   12.345678] `: the one that the kernel prints itself; also `[  +0.000012] ` and `[12345.678,0] `.
fn uptime(text: &str, _: usize, p: &mut Prefix) -> Option<usize> {
    let (inner, rest) = text.strip_prefix('[')?.split_once(']')?;
    let number = inner.trim_start();
    let relative = number.starts_with('+');
    let number = number.trim_start_matches('+');
    let whole = digits(number);
    let fraction = number.get(whole..)?.strip_prefix('.')?;
    let n = digits(fraction);
    if whole == 0 || n == 0 || !(fraction.len() == n || fraction[n..].starts_with([',', '/'])) {
        return None;
    }
    if !relative {
        p.seconds = number[..whole + 1 + n].parse().ok();
    }
    Some(inner.len() + 2 + usize::from(rest.starts_with(' ')))
}

/// `[ T123] ` or `[C0] `.
fn caller(text: &str, at: usize, p: &mut Prefix) -> Option<usize> {
    let (inner, rest) = text.strip_prefix('[')?.split_once(']')?;
    if at == 0 || inner.len() > 20 {
        return None;
    }
    p.caller = Some(Caller::parse(inner)?);
    Some(inner.len() + 2 + usize::from(rest.starts_with(' ')))
}

/// `[0:    swapper/0:    1] `: CPU and task, in some vendors' kernels.
fn android(text: &str, at: usize, p: &mut Prefix) -> Option<usize> {
    let (inner, rest) = text.trim_start().strip_prefix('[')?.split_once(']')?;
    let (cpu, task) = inner.split_once(':')?;
    let (_, pid) = task.rsplit_once(':')?;
    if at == 0 || pid.trim().parse::<u32>().is_err() || inner.len() > 48 {
        return None;
    }
    p.cpu = Some(cpu.trim().parse().ok()?);
    let lead = text.len() - text.trim_start().len();
    Some(lead + inner.len() + 2 + usize::from(rest.starts_with(' ')))
}

/// `<6>`: level and facility in one number.
fn level(text: &str, _: usize, p: &mut Prefix) -> Option<usize> {
    let inner = text.strip_prefix('<')?;
    let n = digits(inner);
    if n == 0 || n > 4 || inner.as_bytes().get(n) != Some(&b'>') {
        return None;
    }
    priority(inner[..n].parse().ok()?, p);
    Some(n + 2)
}

fn priority(number: u32, p: &mut Prefix) {
    p.level = Some((number & 7) as u8);
    p.facility = u8::try_from(number >> 3).ok();
}

/// `6,1234,5678901,-,caller=T1;`: /dev/kmsg and netconsole's extended form, which may begin with the release.
fn kmsg(text: &str, at: usize, p: &mut Prefix) -> Option<usize> {
    let (head, _) = text.split_once(';').filter(|(h, _)| at == 0 && h.len() < 120)?;
    let mut fields: Vec<&str> = head.split(',').collect();
    if fields.first()?.parse::<u32>().is_err() {
        fields.remove(0);
    }
    let [number, sequence, micros, flags, more @ ..] = &fields[..] else { return None };
    sequence.parse::<u64>().ok()?;
    let micros = micros.parse::<u64>().ok()?;
    priority(number.parse().ok()?, p);
    p.seconds = Some(micros as f64 / 1e6);
    p.continues = *flags == "c" || *flags == "+";
    p.caller = more.iter().find_map(|f| Caller::parse(f.strip_prefix("caller=")?));
    p.fragment = more.iter().find_map(|f| f.strip_prefix("ncfrag=")?.split('/').next()?.parse().ok());
    Some(head.len() + 1)
}

const FACILITIES: &[&str] = &[
    "kern", "user", "mail", "daemon", "auth", "syslog", "lpr", "news", "uucp", "cron", "authpriv", "ftp",
    "local0", "local1", "local2", "local3", "local4", "local5", "local6", "local7",
];
const LEVELS: &[&str] = &["emerg", "alert", "crit", "err", "warn", "notice", "info", "debug"];

/// `kern  :warn  : `: dmesg -x.
fn named_level(text: &str, at: usize, p: &mut Prefix) -> Option<usize> {
    let (facility, rest) = text.split_once(':').filter(|(f, _)| at == 0 && f.len() < 10)?;
    let (level, _) = rest.split_once(':').filter(|(l, _)| l.len() < 10)?;
    let index = |names: &[&str], name: &str| names.iter().position(|n| *n == name.trim_end());
    p.facility = Some(index(FACILITIES, facility)? as u8);
    p.level = Some(index(LEVELS, level)? as u8);
    let end = facility.len() + level.len() + 2;
    Some(end + usize::from(text[end..].starts_with(' ')))
}

/// `** 12 printk messages dropped ** `.
fn dropped(text: &str, _: usize, _: &mut Prefix) -> Option<usize> {
    let (head, _) = text.strip_prefix("** ")?.split_once("printk messages dropped **")?;
    let end = 3 + head.len() + "printk messages dropped **".len();
    head.trim().parse::<u64>().ok().map(|_| end + usize::from(text[end..].starts_with(' ')))
}

const MONTHS: &[&str] = &["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

/// `[Fri Nov 20 20:58:06 2026] ` and `[Nov20 20:58] `: dmesg -T and -H.
fn wall_clock(text: &str, at: usize, _: &mut Prefix) -> Option<usize> {
    let (inner, rest) = text.strip_prefix('[')?.split_once(']').filter(|(i, _)| at == 0 && i.len() <= 30)?;
    let month = inner.split(' ').take(2).any(|w| w.get(..3).is_some_and(|m| MONTHS.contains(&m)));
    if !month || !inner.contains(':') {
        return None;
    }
    Some(inner.len() + 2 + usize::from(rest.starts_with(' ')))
}

/// `2026-11-20T20:58:06.123456+00:00 `.
fn iso_clock(text: &str, _: usize, _: &mut Prefix) -> Option<usize> {
    let bytes = text.as_bytes();
    let shape = |i: usize, c: u8| bytes.get(i) == Some(&c);
    if !(shape(4, b'-')
        && shape(7, b'-')
        && (shape(10, b'T') || shape(10, b' '))
        && shape(13, b':')
        && shape(16, b':'))
    {
        return None;
    }
    let end =
        19 + bytes.get(19..)?.iter().take_while(|b| b.is_ascii_digit() || b".,:+-Z".contains(b)).count();
    (bytes.get(end) == Some(&b' ') && bytes[..4].iter().all(u8::is_ascii_digit)).then_some(end + 1)
}

/// `Nov 20 20:58:06 host kernel: `, and `host kernel: ` alone behind another clock.
fn syslog(text: &str, at: usize, p: &mut Prefix) -> Option<usize> {
    let date = text.get(..16).filter(|d| {
        let b = d.as_bytes();
        MONTHS.iter().any(|m| d.get(..3).is_some_and(|x| x.eq_ignore_ascii_case(m)))
            && b[3] == b' '
            && b[9] == b':'
            && b[12] == b':'
            && b[15] == b' '
    });
    let start = date.map_or(0, str::len);
    if start == 0 && at == 0 {
        return None;
    }
    let (host, rest) = text[start..].split_once(' ').filter(|(h, _)| is_host(h))?;
    let (tag, _) = rest.split_once(':').filter(|(t, _)| is_tag(t) && rest[t.len() + 1..].starts_with(' '))?;
    let kernel = tag.rsplit(' ').next().is_some_and(|t| t.split('[').next() == Some("kernel"));
    if start == 0 && !kernel {
        return None;
    }
    let end = start + host.len() + 1 + tag.len() + 2;
    p.kernel |= kernel;
    if !kernel {
        p.program = Some(at + start + host.len() + 1..at + end - 2);
    }
    Some(end)
}

fn is_host(word: &str) -> bool {
    !word.is_empty()
        && word.len() <= 64
        && word.bytes().all(|b| b.is_ascii_alphanumeric() || b"-._:".contains(&b))
}

/// `kernel`, `sshd[123]`, and with syzkaller's busybox `kern.err kernel`.
fn is_tag(tag: &str) -> bool {
    tag.len() <= 48
        && !tag.is_empty()
        && tag.bytes().all(|b| b.is_ascii_alphanumeric() || b"-._/[]() @".contains(&b))
}

/// `foo login: `: what a console shows when the kernel prints behind a prompt.
fn login(text: &str, at: usize, _: &mut Prefix) -> Option<usize> {
    let (head, rest) = text.split_once(" login: ").filter(|(h, _)| at == 0 && h.len() < 80)?;
    let follows = rest.starts_with('[') || rest.starts_with('<');
    follows.then_some(head.len() + " login: ".len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_forms_lead_to_the_message() {
        for line in [
            "msg x",
            "[    1.234567] msg x",
            "[    1.234567][    T1] msg x",
            "[    1.234567] [ T12] msg x",
            "<4>[    1.234567] msg x",
            "kern  :warn  : [    1.234567] msg x",
            "4,12,1234567,-;msg x",
            "6.1.0,4,12,1234567,-,caller=T1;msg x",
            "[Fri Nov 20 20:58:06 2026] msg x",
            "[Nov20 20:58] msg x",
            "[  +0.000012] msg x",
            "2026-11-20T20:58:06,123456+00:00 msg x",
            "2026-11-20T20:58:06.123456+00:00 host kernel: [    1.234567] msg x",
            "Nov 20 20:58:06 host kernel: [    1.234567] msg x",
            "Nov  2 20:58:06 my-host kernel: msg x",
            "[    1.234567] host kernel: msg x",
            "deb login: [    1.234567] msg x",
            "** 12 printk messages dropped ** [    1.234567] msg x",
            "[    1.234567] [0:  swapper/0:    1] msg x",
        ] {
            assert_eq!(Prefix::of(line).rest(line), "msg x", "{line}");
        }
    }

    #[test]
    fn other_programs_are_known_as_such() {
        let line = "Nov 20 20:58:06 host sshd[12]: WARNING: x";
        let p = Prefix::of(line);
        assert_eq!(line.get(p.program.clone().unwrap()), Some("sshd[12]"));
        let line = "[    1.0] BUG: x at y: z";
        assert_eq!(Prefix::of(line).rest(line), "BUG: x at y: z");
        let line = "[c000000001b8f9a0] [c0000000001e2b04] foo+0x1/0x2";
        assert_eq!(Prefix::of(line).end, 0);
    }
}
