//! Why there are no symbols.

use necropsy_base::ReadError;

/// What came of reading the addresses in one way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tried {
    /// The way: `base-relative`.
    pub encoding: &'static str,
    /// How many known symbols have their known address this way.
    pub agreeing: usize,
}

/// Why kallsyms cannot be opened.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KallsymsError {
    /// No symbols, or more than any kernel has.
    #[error("kallsyms of {0} symbols")]
    Count(u64),
    /// A table cannot be read.
    #[error("kallsyms: {0}")]
    Read(#[from] ReadError),
    /// The tokens are not 256 strings one after the other.
    #[error("kallsyms token table is damaged at token {0}")]
    Tokens(usize),
    /// The names do not decode to symbols, with lengths of one byte or two.
    #[error("kallsyms names are damaged")]
    Names,
    /// Neither offsets nor addresses are known.
    #[error("no kallsyms addresses or offsets")]
    NoAddresses,
    /// No way of reading the addresses gives the known symbols their addresses.
    #[error("no encoding of kallsyms addresses fits the {anchors} known symbols: {}", list(.tried))]
    Anchors {
        /// How many known symbols there were.
        anchors: usize,
        /// What was tried.
        tried: Vec<Tried>,
    },
    /// Nothing in the image looks like kallsyms.
    #[error("no kallsyms tables found in the kernel's image")]
    NotFound,
}

fn list(tried: &[Tried]) -> String {
    let each = tried.iter().map(|t| format!("{} {}", t.encoding, t.agreeing));
    each.collect::<Vec<_>>().join(", ")
}
