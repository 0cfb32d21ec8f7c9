//! Sequence numbers of kernel log records: which were lost, which were seen before a restart.
//!
//! Each record of /dev/kmsg begins `level,sequence,microseconds,flags;` (Documentation/ABI/testing/dev-kmsg); numbers have no gaps
//! but where records were overwritten before they were read.

/// The number of a record; `None`: the line is none, or goes on with the one before.
pub fn of(line: &[u8]) -> Option<u64> {
    let mut fields = line.splitn(3, |b| *b == b',');
    let (level, sequence) = (fields.next()?, fields.next()?);
    fields.next()?;
    let digits = |d: &[u8]| !d.is_empty() && d.len() <= 20 && d.iter().all(u8::is_ascii_digit);
    (digits(level) && level.len() <= 4 && digits(sequence)).then_some(())?;
    sequence.iter().try_fold(0u64, |n, b| n.checked_mul(10)?.checked_add(u64::from(b - b'0')))
}

/// Follows the numbers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Sequence {
    /// The last that was seen.
    pub last: Option<u64>,
    /// Those up to here were dealt with before a restart.
    pub done: Option<u64>,
}

/// What a number means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Seen {
    /// It is the next, and so many before it are missing.
    New(u64),
    /// It was dealt with before.
    Old,
    /// The numbers begin again: another boot.
    Again,
}

impl Sequence {
    /// Takes the next number.
    pub fn take(&mut self, number: u64) -> Seen {
        if self.done.is_some_and(|done| number <= done) && self.last.is_none_or(|last| number > last) {
            self.last = Some(number);
            return Seen::Old;
        }
        let before = self.last.max(self.done);
        // What was lost before the first record ever seen is not ours to miss.
        let lost = before.and_then(|b| number.checked_sub(b)?.checked_sub(1));
        let again = before.is_some() && lost.is_none();
        *self = Sequence { last: Some(number), done: if again { None } else { self.done } };
        if again { Seen::Again } else { Seen::New(lost.unwrap_or(0)) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gaps_and_repeats() {
        assert_eq!(of(b"6,1234,5678,-;text"), Some(1234));
        assert_eq!(of(b" SUBSYSTEM=pci"), None);
        assert_eq!(of(b"[    1.0] a, b, c"), None);
        assert_eq!(of(b"6,99999999999999999999,1,-;"), None);
        let mut s = Sequence::default();
        let all: Vec<Seen> = [5, 6, 9, 10, 1, 2].into_iter().map(|n| s.take(n)).collect();
        use Seen::{Again, New, Old};
        assert_eq!(all, [New(0), New(0), New(2), New(0), Again, New(0)]);
        let mut s = Sequence { last: None, done: Some(10) };
        let all: Vec<Seen> = [9, 10, 11, 14].into_iter().map(|n| s.take(n)).collect();
        assert_eq!(all, [Old, Old, New(0), New(2)]);
        let mut s = Sequence { last: None, done: Some(10) };
        assert_eq!(s.take(20), New(9));
    }
}
