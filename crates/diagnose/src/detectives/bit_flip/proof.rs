//! What shows that a value is a good pointer but for one bit.

use necropsy_base::{MemoryExt, VirtAddr};
use necropsy_kernel::slab::{self, Object};
use necropsy_target::Target;

use super::Pointer;

/// How many neighbours on each side are asked what their pointer leads to.
const NEIGHBOURS: i64 = 4;

/// The value with one bit flipped back.
pub struct Candidate {
    /// The bit.
    pub bit: u32,
    /// The value with it flipped.
    pub value: u64,
    /// Where the flipped value is in memory, if that is known.
    pub from: Option<VirtAddr>,
    /// What shows it.
    pub proof: Proof,
}

/// Why a candidate is right.
pub enum Proof {
    /// What it leads to points back to where the pointer is.
    PointsBack {
        /// The pointer back.
        at: VirtAddr,
        /// `list`, `tree`.
        kind: &'static str,
    },
    /// It leads to what the same pointer of neighbouring objects leads to.
    LikeNeighbours {
        /// Name of the cache.
        cache: String,
        /// How many neighbours agree.
        count: usize,
    },
    /// It is the one mapped address a bit away from a value that is none.
    OnlyAddress {
        /// The object there, if it is one.
        object: Option<String>,
    },
}

impl Proof {
    /// In words.
    pub fn text(&self) -> String {
        match self {
            Proof::PointsBack { kind, .. } => format!("the neighbour in a {kind}, which points back"),
            Proof::LikeNeighbours { cache, count } => {
                format!("a live object of {cache}, as in {count} neighbouring objects")
            }
            Proof::OnlyAddress { object: Some(object) } => format!("a live object of {object}"),
            Proof::OnlyAddress { object: None } => "mapped memory of the kernel".to_owned(),
        }
    }

    /// In log-odds.
    pub fn weight(&self) -> f64 {
        match self {
            Proof::PointsBack { .. } => 9.0,
            Proof::LikeNeighbours { count, .. } if *count > 2 => 6.0,
            Proof::LikeNeighbours { .. } => 4.5,
            Proof::OnlyAddress { object: Some(_) } => 6.0,
            Proof::OnlyAddress { object: None } => 4.0,
        }
    }
}

/// How far the start of an object may be from a link in it: a walker's register has the object, memory has the link.
const MAX_MOVED: u64 = 512;

/// The bits that make the value good, with the strongest kind of proof that there is.
pub fn candidates(t: &Target, p: &Pointer) -> Vec<Candidate> {
    let back = match p.from {
        Some(from) => proven(t, p.value, |value| Some((Some(from), points_back(t, from, value)?))),
        None => walked(t, p.value),
    };
    if !back.is_empty() {
        return back;
    }
    let expected = p.from.and_then(|from| neighbours(t, from));
    let alike = proven(t, p.value, |value| Some((p.from, like_neighbours(t, expected.as_ref()?, value)?)));
    if !alike.is_empty() || p.canonical {
        return alike;
    }
    proven(t, p.value, |value| Some((p.from, only_address(t, value)?)))
}

/// The flipped values that `proof` finds good.
fn proven(
    t: &Target,
    value: u64,
    proof: impl Fn(u64) -> Option<(Option<VirtAddr>, Proof)>,
) -> Vec<Candidate> {
    let flipped =
        (0..64).map(|bit| (bit, value ^ 1 << bit)).filter(|(_, v)| t.arch().is_kernel(VirtAddr(*v)));
    flipped
        .filter_map(|(bit, value)| {
            let (from, proof) = proof(value)?;
            Some(Candidate { bit, value, from, proof })
        })
        .collect()
}

/// A walker has overwritten the address of the last node with what it read there: the good node leads back to it.
fn walked(t: &Target, value: u64) -> Vec<Candidate> {
    let word = u64::from(t.abi().word);
    for moved in (0..=MAX_MOVED).step_by(word as usize) {
        let link = value.wrapping_add(moved);
        if is_node(t, link) {
            continue;
        }
        let found = proven(t, link, |good| leads_to_holder(t, good, link));
        if !found.is_empty() {
            return found;
        }
    }
    Vec::new()
}

/// Whether a list node is there whose next one points back: an address of one is no bad pointer.
fn is_node(t: &Target, at: u64) -> bool {
    let word = u64::from(t.abi().word);
    let next = t.memory().word(VirtAddr(at)).ok().filter(|next| t.arch().is_kernel(VirtAddr(*next)));
    next.is_some_and(|next| t.memory().word(VirtAddr(next.wrapping_add(word))) == Ok(at))
}

/// The neighbour that the good node names has the flipped value where the good one belongs.
fn leads_to_holder(t: &Target, good: u64, flipped: u64) -> Option<(Option<VirtAddr>, Proof)> {
    let word = u64::from(t.abi().word);
    if !good.is_multiple_of(word) {
        return None;
    }
    let links = t.memory().bytes(VirtAddr(good), 2 * word as usize).ok()?;
    let (first, second) = (t.abi().uint(&links[..word as usize]), t.abi().uint(&links[word as usize..]));
    let holds =
        |at: u64| t.arch().is_kernel(VirtAddr(at)) && t.memory().word(VirtAddr(at)).ok() == Some(flipped);
    let ways = [
        (second, good + word, "list"),
        (first.wrapping_add(word), good, "list"),
        ((first & !3).wrapping_add(word), good, "tree"),
        ((first & !3).wrapping_add(2 * word), good, "tree"),
    ];
    let (holder, at, kind) = ways.into_iter().find(|(holder, ..)| holds(*holder))?;
    Some((Some(VirtAddr(holder)), Proof::PointsBack { at: VirtAddr(at), kind }))
}

/// Lists: `next` and `prev` of two nodes; hash lists: `next` and `pprev`; trees: a child and its parent.
fn points_back(t: &Target, from: VirtAddr, value: u64) -> Option<Proof> {
    let word = u64::from(t.abi().word);
    let holds = |at: u64, mask: u64| t.memory().word(VirtAddr(at)).ok().map(|w| w & !mask);
    let back = |at: u64, wanted: u64, mask: u64, kind| {
        (holds(at, mask) == Some(wanted)).then_some(Proof::PointsBack { at: VirtAddr(at), kind })
    };
    if !value.is_multiple_of(word) {
        return None;
    }
    back(value.wrapping_add(word), from.0, 0, "list")
        .or_else(|| back(value, from.0.wrapping_sub(word), 0, "list"))
        .or_else(|| back(value, from.0.wrapping_sub(2 * word), 3, "tree"))
        .or_else(|| back(value, from.0.wrapping_sub(word), 3, "tree"))
}

/// What the same member of the objects around leads to: the cache, where in its objects, and how many agree.
struct Expected {
    cache: String,
    offset: u64,
    count: usize,
}

fn neighbours(t: &Target, from: VirtAddr) -> Option<Expected> {
    let own = slab::object(t, from)?;
    let inside = from.0 - own.start.0;
    let mut leads: Vec<(String, u64)> = Vec::new();
    for n in (-NEIGHBOURS..=NEIGHBOURS).filter(|n| *n != 0) {
        let at = own.start.moved(n * own.size as i64).offset(inside);
        let other = slab::object(t, at).filter(|o| o.cache == own.cache && o.free == Some(false));
        let leads_to =
            other.and_then(|_| t.memory().ptr(at).ok()).and_then(|to| Some((slab::object(t, to)?, to)));
        leads.extend(leads_to.map(|(object, to)| (object.cache, to.0 - object.start.0)));
    }
    let (cache, offset) = leads.first()?.clone();
    let count = leads.iter().filter(|l| **l == (cache.clone(), offset)).count();
    // One that differs is enough to know that the member leads to more than one kind of thing.
    (count >= 2 && count == leads.len()).then_some(Expected { cache, offset, count })
}

fn like_neighbours(t: &Target, expected: &Expected, value: u64) -> Option<Proof> {
    let object = live(t, value)?;
    let same = object.cache == expected.cache && value - object.start.0 == expected.offset;
    same.then_some(Proof::LikeNeighbours { cache: object.cache, count: expected.count })
}

fn live(t: &Target, value: u64) -> Option<Object> {
    slab::object(t, VirtAddr(value)).filter(|o| o.free != Some(true))
}

fn only_address(t: &Target, value: u64) -> Option<Proof> {
    t.memory().word(VirtAddr(value)).ok()?;
    Some(Proof::OnlyAddress { object: live(t, value).map(|o| o.cache) })
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use necropsy_arch::x86_64::X86_64;
    use necropsy_base::Abi;
    use necropsy_debuginfo::Btf;
    use necropsy_synth::memory::SparseMemory;
    use necropsy_synth::names::BtfBuilder;

    use super::*;

    const NODES: [u64; 3] = [0xffff_8880_0001_0000, 0xffff_8880_0002_0040, 0xffff_8880_0003_0080];

    /// A list of three nodes; `first.next` is what is given.
    fn list(next: u64) -> Target {
        let mut m = SparseMemory::new(Abi::LE64);
        for (i, node) in NODES.iter().enumerate() {
            let after = NODES[(i + 1) % NODES.len()];
            m.put_uint(VirtAddr(*node), after, 8).put_uint(VirtAddr(after + 8), *node, 8);
        }
        m.put_uint(VirtAddr(NODES[0]), next, 8);
        let types = Btf::parse(BtfBuilder::new(Abi::LE64).build(), Abi::LE64, None).unwrap();
        Target::from_parts(&X86_64, Arc::new(m), Arc::new(types))
    }

    fn found(value: u64, from: Option<u64>, memory: u64) -> Vec<(u32, u64)> {
        let p = Pointer { value, from: from.map(VirtAddr), canonical: true };
        candidates(&list(memory), &p).into_iter().map(|c| (c.bit, c.value)).collect()
    }

    #[test]
    fn the_neighbour_that_points_back_shows_the_bit() {
        let flipped = NODES[1] ^ 1 << 45;
        assert_eq!(found(flipped, Some(NODES[0]), flipped), [(45, NODES[1])]);
        // A walker that has lost the address it read from; its register has the object around the link.
        assert_eq!(found(flipped - 24, None, flipped), [(45, NODES[1])]);
    }

    #[test]
    fn other_damage_is_no_flipped_bit() {
        let two = NODES[1] ^ 1 << 45 ^ 1 << 40;
        assert!(found(two, Some(NODES[0]), two).is_empty() && found(two, None, two).is_empty());
        // A good pointer to an object that somebody else damaged.
        assert!(found(0xffff_8880_0009_0000, None, NODES[1]).is_empty());
        // An empty list in the object: its second link, one bit away from the first, leads back to that.
        let empty = NODES[2];
        let mut m = SparseMemory::new(Abi::LE64);
        m.put_uint(VirtAddr(empty), empty, 8).put_uint(VirtAddr(empty + 8), empty, 8);
        let types = Btf::parse(BtfBuilder::new(Abi::LE64).build(), Abi::LE64, None).unwrap();
        let t = Target::from_parts(&X86_64, Arc::new(m), Arc::new(types));
        let p = Pointer { value: empty - 0x60, from: None, canonical: true };
        assert!(candidates(&t, &p).is_empty());
    }
}
