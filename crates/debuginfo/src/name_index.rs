//! Finding numbers by name.

/// Numbers in buckets by the hash of their names.
///
/// Two passes of counting instead of probing: names made to collide make one look-up slow, never the building.
pub(crate) struct NameIndex {
    starts: Vec<u32>,
    entries: Vec<u32>,
    bits: u32,
}

/// Multiplier of the polynomial: odd, and with its bits spread.
const FACTOR: u64 = 0x9e37_79b9_7f4a_7c15;

/// A hash of text that grows from the hashes of its parts: kallsyms hashes names without decoding them.
#[derive(Clone, Copy)]
pub(crate) struct Poly {
    sum: u64,
    power: u64,
}

impl Poly {
    /// Hash of no text.
    pub(crate) const EMPTY: Poly = Poly { sum: 0, power: 1 };

    /// Hash of `text`.
    pub(crate) fn of(text: &[u8]) -> Poly {
        text.iter().fold(Poly::EMPTY, |p, b| Poly {
            sum: p.sum.wrapping_mul(FACTOR).wrapping_add(u64::from(*b)),
            power: p.power.wrapping_mul(FACTOR),
        })
    }

    /// Hash of this text and `more` behind it.
    pub(crate) fn then(self, more: Poly) -> Poly {
        Poly {
            sum: self.sum.wrapping_mul(more.power).wrapping_add(more.sum),
            power: self.power.wrapping_mul(more.power),
        }
    }

    fn bucket(self, bits: u32) -> usize {
        let mixed = (self.sum ^ self.sum >> 29).wrapping_mul(FACTOR);
        (mixed >> (64 - bits)) as usize
    }
}

impl NameIndex {
    /// An index of the numbers that `named` gives, in their order.
    pub(crate) fn build(named: impl Iterator<Item = (u32, Poly)>, expect: usize) -> NameIndex {
        let bits = (usize::BITS - expect.leading_zeros()).clamp(1, 24);
        let mut starts = vec![0u32; (1 << bits) + 1];
        let keyed: Vec<(u32, u32)> = named.map(|(id, hash)| (hash.bucket(bits) as u32, id)).collect();
        for (bucket, _) in &keyed {
            bump(&mut starts, *bucket as usize + 1);
        }
        let mut sum = 0;
        for start in &mut starts {
            sum += *start;
            *start = sum;
        }
        let entries = place(&keyed, &starts);
        NameIndex { starts, entries, bits }
    }

    /// The numbers whose names may be the one with this hash, in order.
    pub(crate) fn candidates(&self, hash: Poly) -> &[u32] {
        let bucket = hash.bucket(self.bits);
        let (Some(from), Some(to)) = (self.starts.get(bucket), self.starts.get(bucket + 1)) else {
            return &[];
        };
        self.entries.get(*from as usize..*to as usize).unwrap_or_default()
    }
}

fn place(keyed: &[(u32, u32)], starts: &[u32]) -> Vec<u32> {
    let mut next = starts.to_vec();
    let mut entries = vec![0; keyed.len()];
    for (bucket, id) in keyed {
        let at = bump(&mut next, *bucket as usize);
        if let Some(slot) = entries.get_mut(at as usize) {
            *slot = *id;
        }
    }
    entries
}

/// Counts one up; the count before.
fn bump(counts: &mut [u32], at: usize) -> u32 {
    match counts.get_mut(at) {
        Some(count) => {
            *count += 1;
            *count - 1
        }
        None => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_all_of_a_name_in_order() {
        let names = ["a", "b", "a", "", "long name", "a"];
        let index =
            NameIndex::build(names.iter().enumerate().map(|(i, n)| (i as u32, Poly::of(n.as_bytes()))), 6);
        let find = |name: &str| {
            let hits = index.candidates(Poly::of(name.as_bytes())).iter().copied();
            hits.filter(|i| names[*i as usize] == name).collect::<Vec<_>>()
        };
        assert_eq!(find("a"), [0, 2, 5]);
        assert_eq!(find("long name"), [4]);
        assert_eq!(find("c"), []);
    }

    #[test]
    fn hash_of_parts_is_hash_of_the_whole() {
        let (whole, parts) = (Poly::of(b"vfs_write"), Poly::of(b"vfs").then(Poly::of(b"_write")));
        assert_eq!((whole.sum, whole.power), (parts.sum, parts.power));
    }
}
