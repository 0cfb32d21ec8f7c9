//! The log of kernels up to 3.4: characters in a ring, each line with its level in front.

use necropsy_base::MemoryExt;
use necropsy_target::{LoadError, Target};

use super::{Log, MAX_BUFFER, Record, read_text};

/// Reads it: the last `logged_chars` characters before `log_end`, which counts all that were ever written.
pub(super) fn log(t: &Target) -> Result<Log, LoadError> {
    let number =
        |name: &str| -> Result<u64, LoadError> { Ok(u64::from(t.memory().u32(t.need_symbol(name)?)?)) };
    let buffer = t.memory().ptr(t.need_symbol("log_buf")?)?;
    let size = number("log_buf_len")?.min(MAX_BUFFER);
    let end = number("log_end")?;
    let kept = number("logged_chars")?.min(size).min(end);
    if size == 0 {
        return Ok(Log::default());
    }
    let text = read_text(t, buffer, size);
    let chars: Vec<u8> =
        (end - kept..end).filter_map(|i| text.bytes.get((i % size) as usize).copied()).collect();
    let mut log = Log { records: Vec::new(), notes: text.hole.into_iter().collect() };
    let mut lines: Vec<&[u8]> = chars.split(|c| *c == b'\n').collect();
    // After the last newline stands nothing, or a line that is not finished.
    lines.pop_if(|last| last.is_empty());
    log.records = lines.into_iter().map(record).collect();
    Ok(log)
}

/// `<6>[   12.345678] text`; level and time may be missing.
fn record(line: &[u8]) -> Record {
    let (priority, line) = priority(line).unwrap_or((4, line));
    let (nanoseconds, text) = time(line).unwrap_or((0, line));
    Record {
        sequence: 0,
        nanoseconds,
        level: (priority & 7) as u8,
        facility: (priority >> 3) as u8,
        caller: None,
        text: text.to_vec(),
        dictionary: Vec::new(),
    }
}

fn priority(line: &[u8]) -> Option<(u32, &[u8])> {
    let end = line.iter().take(6).position(|c| *c == b'>')?;
    let digits = std::str::from_utf8(line.get(..end)?.strip_prefix(b"<")?).ok()?;
    Some((digits.parse().ok()?, line.get(end + 1..)?))
}

fn time(line: &[u8]) -> Option<(u64, &[u8])> {
    let end = line.iter().take(24).position(|c| *c == b']')?;
    let text = std::str::from_utf8(line.get(..end)?.strip_prefix(b"[")?).ok()?;
    let (seconds, micros) = text.trim().split_once('.')?;
    let micros: u64 = micros.parse().ok().filter(|_| micros.len() == 6)?;
    let nanoseconds = seconds.parse::<u64>().ok()?.checked_mul(1_000_000_000)?.checked_add(micros * 1000)?;
    let rest = line.get(end + 1..)?;
    Some((nanoseconds, rest.strip_prefix(b" ").unwrap_or(rest)))
}
