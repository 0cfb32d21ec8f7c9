//! kallsyms: the kernel's own symbol table (kernel/kallsyms.c, scripts/kallsyms.c).
//!
//! Names are compressed: each is a length and that many bytes, each byte standing for a token of up to some dozen
//! characters. Opening makes one pass over the lengths; names are decoded when asked for, and the index by name is
//! built at the first [`Kallsyms::by_name`], from hashes of the tokens.

mod encoding;
mod error;
mod find;
mod kept;
mod markers;
mod names;
#[cfg(test)]
mod tests;
mod tokens;

use std::ops::Range;
use std::sync::OnceLock;

use necropsy_base::{Memory, MemoryExt, VirtAddr};

use crate::name_index::{NameIndex, Poly};
pub use encoding::Encoding;
use encoding::Judge;
pub use error::{KallsymsError, Tried};
use names::Names;
use tokens::Tokens;

/// Most symbols believed; a Debian 6.12 kernel has 155,000.
const MAX_SYMBOLS: u64 = 1 << 24;

/// A symbol whose address is known already: `("_stext", 0xffffffff81000000)`.
pub type Anchor<'a> = (&'a str, u64);

/// Where the tables are, as VMCOREINFO has it since 6.0 (5fd8fea935a10, f09bddbd86619).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Keys {
    /// `kallsyms_names`.
    pub names: VirtAddr,
    /// `kallsyms_num_syms`.
    pub num_syms: VirtAddr,
    /// `kallsyms_token_table`.
    pub token_table: VirtAddr,
    /// `kallsyms_token_index`.
    pub token_index: VirtAddr,
    /// `kallsyms_offsets`.
    pub offsets: Option<VirtAddr>,
    /// `kallsyms_relative_base`; gone since 7.0 (a081b5789255).
    pub relative_base: Option<VirtAddr>,
    /// `kallsyms_addresses`; gone since 6.11.
    pub addresses: Option<VirtAddr>,
}

/// A symbol.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KSymbol {
    /// Its name.
    pub name: String,
    /// The letter of `nm`: `T` code, `D` data, `A` absolute; small letters for static ones.
    pub kind: u8,
    /// Its address; of a per-CPU symbol before 6.15 on x86 the offset in the per-CPU area.
    pub address: u64,
}

/// The kernel's symbols.
pub struct Kallsyms {
    keys: Keys,
    tokens: Tokens,
    names: Names,
    addresses: Vec<u64>,
    encoding: Encoding,
    /// Indices sorted by address, if the table is not.
    order: OnceLock<Option<Vec<u32>>>,
    by_name: OnceLock<NameIndex>,
}

impl Kallsyms {
    /// Opens the tables at `keys`. How addresses and long names are encoded is decided by the `anchors`.
    pub fn from_keys(mem: &dyn Memory, keys: &Keys, anchors: &[Anchor]) -> Result<Kallsyms, KallsymsError> {
        let encodings = encoding::of_keys(mem, keys)?;
        Self::open(mem, keys, &encodings, anchors, None)
    }

    /// Finds the tables by their shape in the kernel's image. Pages that cannot be read are skipped.
    pub fn find(
        mem: &dyn Memory,
        image: Range<VirtAddr>,
        anchors: &[Anchor],
    ) -> Result<Kallsyms, KallsymsError> {
        let mem = &kept::Kept::new(mem);
        let mut last = KallsymsError::NotFound;
        for (keys, encodings) in find::find(mem, image.clone()) {
            match Self::open(mem, &keys, &encodings, anchors, Some(image.clone())) {
                Ok(found) => return Ok(found),
                Err(e) => last = e,
            }
        }
        Err(last)
    }

    fn open(
        mem: &dyn Memory,
        keys: &Keys,
        encodings: &[Encoding],
        anchors: &[Anchor],
        image: Option<Range<VirtAddr>>,
    ) -> Result<Kallsyms, KallsymsError> {
        let count = u64::from(mem.u32(keys.num_syms)?);
        if count == 0 || count > MAX_SYMBOLS {
            return Err(KallsymsError::Count(count));
        }
        let tokens = Tokens::read(mem, keys.token_table, keys.token_index)?;
        let mut failed = None;
        // Old kernels' length bytes above 0x7f mean something else; almost always only one way makes sense.
        for names in names::read(mem, keys.names, count as usize, &tokens)? {
            let judge = Judge { tokens: &tokens, names: &names, anchors, image: image.clone() };
            match judge.choose(mem, encodings) {
                Ok((encoding, addresses)) => {
                    return Ok(Self::assemble(keys, encoding, tokens, names, addresses));
                }
                Err(e) => failed = failed.or(Some(e)),
            }
        }
        Err(failed.unwrap_or(KallsymsError::Names))
    }

    fn assemble(
        keys: &Keys,
        encoding: Encoding,
        tokens: Tokens,
        names: Names,
        addresses: Vec<u64>,
    ) -> Kallsyms {
        let (order, by_name) = (OnceLock::new(), OnceLock::new());
        Kallsyms { keys: keys.with(encoding), tokens, names, addresses, encoding, order, by_name }
    }

    /// Where the tables are; [`Keys::relative_base`] is unknown if only the base itself is known.
    pub fn keys(&self) -> &Keys {
        &self.keys
    }

    /// How many symbols there are.
    pub fn len(&self) -> usize {
        self.addresses.len()
    }

    /// Whether there are no symbols; never, once opened.
    pub fn is_empty(&self) -> bool {
        self.addresses.is_empty()
    }

    /// How addresses are encoded.
    pub fn encoding(&self) -> Encoding {
        self.encoding
    }

    /// Whether names may have lengths of two bytes (since 6.1, 73bbb94466fd3).
    pub fn long_names(&self) -> bool {
        self.names.long
    }

    /// Whether symbols of kind `A` below the image are offsets in the per-CPU area (x86 before 6.15): only there do
    /// per-CPU symbols start at 0.
    pub fn percpu_absolute(&self) -> bool {
        match self.encoding {
            Encoding::AbsolutePercpu { .. } => true,
            Encoding::Absolute { .. } => self.address(0) == Some(0) && self.kind(0) == Some(b'A'),
            _ => false,
        }
    }

    /// The `i`th symbol.
    pub fn symbol(&self, i: usize) -> Option<KSymbol> {
        let mut text = Vec::new();
        let kind = self.decode(i, &mut text)?;
        Some(KSymbol { name: String::from_utf8_lossy(&text).into_owned(), kind, address: self.address(i)? })
    }

    /// Address of the `i`th symbol.
    pub fn address(&self, i: usize) -> Option<u64> {
        self.addresses.get(i).copied()
    }

    /// Name of the `i`th symbol.
    pub fn name(&self, i: usize) -> Option<String> {
        self.symbol(i).map(|s| s.name)
    }

    /// The `nm` letter of the `i`th symbol.
    pub fn kind(&self, i: usize) -> Option<u8> {
        self.tokens.first(self.names.tokens(i)?)
    }

    /// The last symbol at or before `address`; of several there the first in the table, as the kernel prints it.
    pub fn at(&self, address: u64) -> Option<usize> {
        let last = self.rank(|a| a <= address).checked_sub(1)?;
        let start = self.nth(last)?.1;
        Some(self.nth(self.rank(|a| a < start))?.0)
    }

    /// All symbols at the same address as the `i`th, itself included.
    pub fn aliases(&self, i: usize) -> Vec<usize> {
        let Some(address) = self.address(i) else {
            return Vec::new();
        };
        let from = self.rank(|a| a < address);
        let same = (from..).map_while(|n| self.nth(n)).take_while(|(_, a)| *a == address);
        same.map(|(index, _)| index).collect()
    }

    /// The next higher address that has a symbol: the end of the `i`th, as far as the table knows.
    pub fn next_address(&self, i: usize) -> Option<u64> {
        let address = self.address(i)?;
        self.nth(self.rank(|a| a <= address)).map(|(_, a)| a)
    }

    /// All symbols of this name, in the order of the table.
    pub fn by_name(&self, name: &str) -> Vec<usize> {
        let mut text = Vec::new();
        let mut is = |i: &usize| {
            text.clear();
            self.decode(*i, &mut text).is_some() && text == name.as_bytes()
        };
        let found = self.index().candidates(Poly::of(name.as_bytes())).iter().map(|i| *i as usize);
        found.filter(|i| is(i)).collect()
    }

    /// Address of the first symbol of this name.
    pub fn lookup(&self, name: &str) -> Option<u64> {
        self.by_name(name).first().and_then(|i| self.address(*i))
    }

    /// All symbols whose names contain `part`.
    pub fn search(&self, part: &str) -> Vec<usize> {
        let finder = memchr::memmem::Finder::new(part);
        let mut text = Vec::new();
        let mut has = |i: &usize| {
            text.clear();
            self.decode(*i, &mut text).is_some() && finder.find(&text).is_some()
        };
        (0..self.len()).filter(|i| has(i)).collect()
    }

    fn decode(&self, i: usize, into: &mut Vec<u8>) -> Option<u8> {
        self.tokens.decode(self.names.tokens(i)?, into)
    }

    fn index(&self) -> &NameIndex {
        self.by_name.get_or_init(|| {
            let hash = |i: usize| Some((i as u32, self.tokens.hash(self.names.tokens(i)?)));
            NameIndex::build((0..self.len()).filter_map(hash), self.len())
        })
    }

    fn order(&self) -> Option<&[u32]> {
        let build = || {
            if self.addresses.is_sorted() {
                return None;
            }
            let mut order: Vec<u32> = (0..self.len() as u32).collect();
            // Stable: symbols at the same address stay in the order of the table.
            order.sort_by_key(|i| self.address(*i as usize));
            Some(order)
        };
        self.order.get_or_init(build).as_deref()
    }

    /// The `n`th symbol by address: index and address.
    fn nth(&self, n: usize) -> Option<(usize, u64)> {
        let index = match self.order() {
            Some(order) => *order.get(n)? as usize,
            None => n,
        };
        Some((index, self.address(index)?))
    }

    /// How many symbols, by address, come before the first for which `before` is false.
    fn rank(&self, before: impl Fn(u64) -> bool) -> usize {
        match self.order() {
            Some(order) => order.partition_point(|i| self.address(*i as usize).is_some_and(&before)),
            None => self.addresses.partition_point(|a| before(*a)),
        }
    }
}

impl Keys {
    fn with(&self, encoding: Encoding) -> Keys {
        match encoding {
            Encoding::Absolute { at } => Keys { addresses: Some(at), offsets: None, ..*self },
            other => Keys { offsets: Some(other.table()), addresses: None, ..*self },
        }
    }
}
