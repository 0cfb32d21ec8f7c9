//! Writes kallsyms tables the way scripts/kallsyms.c lays them out.

use std::collections::BTreeMap;

use necropsy_base::{Abi, VirtAddr};

use super::out::Out;

/// How addresses are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Written {
    /// A word each.
    Absolute,
    /// u32 from the lowest address.
    BaseRelative,
    /// As before, but `A` symbols as they are and all others as -1 - distance.
    AbsolutePercpu,
    /// s32 from their own place.
    PlaceRelative,
    /// u32 as they are, for 32 bits.
    Plain,
}

/// In which order the tables lie.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    /// Addresses first: up to 6.3.
    AddressesFirst,
    /// As before, with the permutation of 6.2 and stable kernels before the tokens.
    AddressesFirstWithSequence,
    /// Addresses behind the tokens, then the permutation: 6.4.
    TokensFirst,
}

/// Tables being written.
pub struct KallsymsBuilder {
    /// Byte order and pointer width.
    pub abi: Abi,
    /// How addresses are written.
    pub written: Written,
    /// In which order the tables lie.
    pub order: Order,
    /// Alignment of the tables: 8, or 4.
    pub align: usize,
    /// Bytes per marker: 4, before 5.0 a word.
    pub marker: usize,
    /// How many pairs of tokens to merge: 0 leaves names uncompressed.
    pub merges: usize,
    /// Whether lengths from 128 on take two bytes (6.1).
    pub long: bool,
    /// The symbols: address, kind, name. Written in this order.
    pub symbols: Vec<(u64, char, String)>,
}

/// The tables' bytes, and where each lies.
pub struct KallsymsImage {
    /// All tables, to be put at the address they were made for.
    pub bytes: Vec<u8>,
    /// Address of each table by the kernel's name for it, `kallsyms_names`.
    pub labels: BTreeMap<&'static str, VirtAddr>,
}

impl KallsymsBuilder {
    /// Tables of today's kernels; change the fields for others.
    pub fn new(abi: Abi) -> Self {
        let align = usize::from(abi.word);
        let (written, order) = (Written::BaseRelative, Order::TokensFirst);
        KallsymsBuilder { abi, written, order, align, marker: 4, merges: 60, long: true, symbols: Vec::new() }
    }

    /// The tables for the address `at`.
    pub fn build(&self, at: VirtAddr) -> KallsymsImage {
        let (tokens, names) = self.compress();
        let mut image = Image { out: Out::new(self.abi), at, align: self.align, labels: BTreeMap::new() };
        if self.order != Order::TokensFirst {
            self.addresses(&mut image);
        }
        self.names(&mut image, &names);
        if self.order == Order::AddressesFirstWithSequence {
            self.sequence(&mut image);
        }
        write_tokens(&mut image, &tokens);
        if self.order == Order::TokensFirst {
            self.addresses(&mut image);
            self.sequence(&mut image);
        }
        image.out.align(self.align);
        KallsymsImage { bytes: image.out.bytes, labels: image.labels }
    }

    /// The 256 tokens and every name in tokens. Characters in use are tokens themselves.
    fn compress(&self) -> (Vec<Vec<u8>>, Vec<Vec<u8>>) {
        let mut names: Vec<Vec<u8>> =
            self.symbols.iter().map(|(_, kind, name)| format!("{kind}{name}").into_bytes()).collect();
        let mut tokens = vec![Vec::new(); 256];
        // The digits and small letters are always there: real kernels use them all.
        let used = names.iter().flatten().copied().chain(b'0'..=b'9').chain(b'a'..=b'z');
        used.for_each(|c| tokens[usize::from(c)] = vec![c]);
        for _ in 0..self.merges {
            let Some(free) = tokens.iter().rposition(|t| t.is_empty()) else {
                break;
            };
            let Some(pair) = commonest(&names) else { break };
            tokens[free] = pair.iter().flat_map(|t| tokens[usize::from(*t)].clone()).collect();
            names.iter_mut().for_each(|name| merge(name, pair, free as u8));
        }
        (tokens, names)
    }

    fn names(&self, image: &mut Image, names: &[Vec<u8>]) {
        image.label("kallsyms_num_syms").u32(names.len() as u32);
        image.label("kallsyms_names");
        let (start, mut markers) = (image.out.len(), Vec::new());
        for (i, name) in names.iter().enumerate() {
            if i % 256 == 0 {
                markers.push(image.out.len() - start);
            }
            if self.long && name.len() > 127 {
                image.out.u8(((name.len() & 127) as u8) | 128).u8((name.len() >> 7) as u8);
            } else {
                assert!(name.len() < 256, "a name longer than its length byte can say");
                image.out.u8(name.len() as u8);
            }
            image.out.raw(name);
        }
        image.label("kallsyms_markers");
        for marker in markers {
            image.out.uint(marker as u64, self.marker);
        }
    }

    fn sequence(&self, image: &mut Image) {
        let mut order: Vec<usize> = (0..self.symbols.len()).collect();
        order.sort_by_key(|i| &self.symbols[*i].2);
        image.label("kallsyms_seqs_of_names");
        for i in order {
            image.out.raw(&(i as u32).to_be_bytes()[1..]);
        }
    }

    fn addresses(&self, image: &mut Image) {
        let absolute = |kind: char| kind == 'A' && self.written == Written::AbsolutePercpu;
        let base = self.symbols.iter().filter(|s| !absolute(s.1)).map(|s| s.0).min().unwrap_or(0);
        let name = if self.written == Written::Absolute { "kallsyms_addresses" } else { "kallsyms_offsets" };
        image.label(name);
        let start = image.here();
        for (i, (address, kind, _)) in self.symbols.iter().enumerate() {
            let distance = address.wrapping_sub(base);
            match self.written {
                Written::Absolute => image.out.word(*address),
                Written::BaseRelative => image.out.u32(distance as u32),
                Written::AbsolutePercpu if absolute(*kind) => image.out.u32(*address as u32),
                Written::AbsolutePercpu => image.out.u32(!(distance as u32)),
                Written::PlaceRelative => image.out.u32(address.wrapping_sub(start + 4 * i as u64) as u32),
                Written::Plain => image.out.u32(*address as u32),
            };
        }
        if matches!(self.written, Written::BaseRelative | Written::AbsolutePercpu) {
            image.label("kallsyms_relative_base").word(base);
        }
    }
}

struct Image {
    out: Out,
    at: VirtAddr,
    align: usize,
    labels: BTreeMap<&'static str, VirtAddr>,
}

impl Image {
    fn here(&self) -> u64 {
        self.at.0 + self.out.len() as u64
    }

    fn label(&mut self, name: &'static str) -> &mut Out {
        self.out.align(self.align);
        self.labels.insert(name, VirtAddr(self.here()));
        &mut self.out
    }
}

fn write_tokens(image: &mut Image, tokens: &[Vec<u8>]) {
    image.label("kallsyms_token_table");
    let (start, mut index) = (image.out.len(), Vec::new());
    for token in tokens {
        index.push(image.out.len() - start);
        image.out.raw(token).u8(0);
    }
    image.label("kallsyms_token_index");
    for offset in index {
        image.out.u16(offset as u16);
    }
}

/// The pair of neighbours found most often.
fn commonest(names: &[Vec<u8>]) -> Option<[u8; 2]> {
    let mut counts: BTreeMap<[u8; 2], usize> = BTreeMap::new();
    for pair in names.iter().flat_map(|n| n.windows(2)) {
        *counts.entry([pair[0], pair[1]]).or_default() += 1;
    }
    counts.into_iter().max_by_key(|(_, n)| *n).filter(|(_, n)| *n > 1).map(|(pair, _)| pair)
}

fn merge(name: &mut Vec<u8>, pair: [u8; 2], into: u8) {
    let mut i = 0;
    while i + 1 < name.len() {
        if name[i..i + 2] == pair {
            name.splice(i..i + 2, [into]);
        }
        i += 1;
    }
}
